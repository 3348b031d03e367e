//! Who may have a link to a cluster, where there are more registrations than links: a place each, and a line of those who wait.
//!
//! A link begins with eight lists and as many watches. If whoever comes took the place that was not used for longest, then with
//! one registration more than places, asked in turn as the queue does, every run would find its link gone and make it anew, and
//! a fleet would never settle: with 1,000 registrations and 500 places each run cost 16 reads, and not one in a hundred got to
//! its end. So a place is given up only when who has it is done with it, and who finds none waits in line.
//!
//! Done with it is who has had every target run that uses the registration, has no news to expect there, and did not use the
//! place for a moment. The time that their runs wait in the queue does not count: with a place that was lost meanwhile, all of
//! it would begin anew.
//!
//! The line is a [`Queue`]: workspaces take turns in it, and targets that somebody waits for go first. A few places are kept for
//! these. Time is passed in as the duration since some start.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use crate::key::Key;
use crate::queue::{Limits, Outcome, Priority, Queue};
use crate::shares;

/// Who did not use his place for so long is done with it for the moment, if all has run and no news are expected.
const DONE: Duration = Duration::from_secs(2);
/// Nobody keeps a place for longer, once all has run, while others wait, whatever he expects there.
const LONGEST: Duration = Duration::from_mins(2);
/// All has run by then, or never will.
const RUNS: Duration = Duration::from_mins(10);
/// Of so many places one is kept for targets that somebody waits for.
const KEPT: usize = 16;

/// See the module.
#[derive(Debug)]
pub struct Places {
    most: usize,
    held: HashMap<Key, Place>,
    line: Queue<Key>,
    /// Who is in the line, with the targets that somebody waits for. In the line alone is who has come in otherwise.
    waiting: HashMap<Key, BTreeSet<Key>>,
    /// Counts uses: many are at the same moment where the clock is a test's.
    uses: u64,
}

#[derive(Debug)]
struct Place {
    used: Duration,
    use_number: u64,
    /// Which targets are still to be run.
    to_run: HashSet<Key>,
    /// Since when none is; until then, since when somebody has the place.
    since: Duration,
    /// Which targets somebody waits for.
    hurried: BTreeSet<Key>,
    /// Which targets expect news there, and until when.
    news: HashMap<Key, Duration>,
}

impl Place {
    fn is_free(&self, now: Duration) -> bool {
        if !self.to_run.is_empty() {
            return now >= self.since + RUNS;
        }
        let expects = self.news.values().any(|until| now < *until);
        (now >= self.used + DONE && !expects) || now >= self.since + LONGEST
    }

    fn ran(&mut self, target: &Key, now: Duration) {
        self.hurried.remove(target);
        if self.to_run.remove(target) && self.to_run.is_empty() {
            self.since = now;
        }
    }
}

/// What becomes of who asks for a place.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// He has one.
    Has,
    /// He gets one, maybe that of somebody else, who has none any more.
    Gets(Option<Key>),
    /// He waits in line.
    Waits,
}

/// Whether there is room for one more.
#[derive(Debug, PartialEq, Eq)]
enum Room {
    None,
    Is,
    /// He has no place any more.
    Left(Key),
}

impl Room {
    fn left(self) -> Option<Key> {
        match self {
            Self::Left(gone) => Some(gone),
            Self::None | Self::Is => None,
        }
    }
}

/// Whose turn it is.
#[derive(Debug, PartialEq, Eq)]
pub struct Called {
    /// Who has a place now.
    pub registration: Key,
    /// The targets that use it, which are to be run.
    pub users: Vec<Key>,
    /// Those of them that somebody waits for.
    pub hurried: BTreeSet<Key>,
}

impl Places {
    /// So many places, at least one.
    pub fn new(most: usize) -> Self {
        Self {
            most: most.max(1),
            held: HashMap::new(),
            line: Queue::new(Limits::NONE),
            waiting: HashMap::new(),
            uses: 0,
        }
    }

    /// A target wants a place for the registration that it uses; in a hurry it is if somebody waits for it. `users` are all
    /// targets that use the registration.
    pub fn ask(
        &mut self,
        registration: &Key,
        target: &Key,
        hurry: bool,
        users: impl FnOnce(&Key) -> Vec<Key>,
        now: Duration,
    ) -> Answer {
        if let Some(place) = self.used(registration, now) {
            place.hurried.extend(hurry.then(|| target.clone()));
            return Answer::Has;
        }
        let priority = if hurry { Priority::Live } else { Priority::Background };
        let hurried =
            self.waiting.get(registration).into_iter().flatten().cloned().chain(hurry.then(|| target.clone()));
        let hurried: BTreeSet<Key> = hurried.collect();
        // Others were there before.
        let first = if hurry { self.line.depth(Priority::Live) == 0 } else { self.waiting.is_empty() };
        let room = if first { self.make_room(hurry, now) } else { Room::None };
        if room != Room::None {
            let users = users(registration);
            self.give(registration, &users, hurried, now);
            return Answer::Gets(room.left());
        }
        self.waiting.insert(registration.clone(), hurried);
        self.line.add(registration.clone(), priority, now);
        Answer::Waits
    }

    /// A registration takes a place without asking. Where there are too many then, who goes.
    pub fn take(&mut self, registration: &Key, now: Duration) -> Option<Key> {
        if self.used(registration, now).is_none() {
            self.give(registration, &[], BTreeSet::new(), now);
        }
        if self.held.len() <= self.most {
            return None;
        }
        let gone = self.first_to_go(|key, _| key != registration)?;
        self.held.remove(&gone);
        Some(gone)
    }

    /// A target of who has a place expects news there until then, or expects none any more.
    pub fn expect(&mut self, registration: &Key, target: &Key, until: Option<Duration>) {
        let Some(place) = self.held.get_mut(registration) else { return };
        match until {
            Some(until) => drop(place.news.insert(target.clone(), until)),
            None => drop(place.news.remove(target)),
        }
    }

    /// A target was run with all that it needs to know of that registration's cluster.
    pub fn ran(&mut self, registration: &Key, target: &Key, now: Duration) {
        if let Some(place) = self.held.get_mut(registration) {
            place.ran(target, now);
        }
    }

    /// A target is gone, whatever it used.
    pub fn gone(&mut self, target: &Key, now: Duration) {
        for place in self.held.values_mut() {
            place.ran(target, now);
        }
    }

    /// A registration's cluster does not answer as it should: nobody knows when its targets will have run.
    pub fn failed(&mut self, registration: &Key, now: Duration) {
        if let Some(place) = self.held.get_mut(registration)
            && !std::mem::take(&mut place.to_run).is_empty()
        {
            place.since = now;
        }
    }

    /// The targets of who has a place that somebody waits for.
    pub fn hurried(&self, registration: &Key) -> BTreeSet<Key> {
        self.held.get(registration).map(|place| place.hurried.clone()).unwrap_or_default()
    }

    /// A registration is gone.
    pub fn leave(&mut self, registration: &Key) {
        self.held.remove(registration);
        self.waiting.remove(registration);
    }

    /// Calls those in line for whom there is room: who has no place any more, and who has one now.
    pub fn call(&mut self, users: impl Fn(&Key) -> Vec<Key>, now: Duration) -> (Vec<Key>, Vec<Called>) {
        let (mut left, mut called) = (Vec::new(), Vec::new());
        while !self.waiting.is_empty() {
            let hurry = self.line.depth(Priority::Live) > 0;
            let room = self.make_room(hurry, now);
            if room == Room::None {
                break;
            }
            left.extend(room.left());
            let Some(next) = self.next_in_line(now) else { break };
            let hurried = self.waiting.get(&next).cloned().unwrap_or_default();
            let users = users(&next);
            self.give(&next, &users, hurried.clone(), now);
            called.push(Called { registration: next, users, hurried });
        }
        (left, called)
    }

    /// Whether anybody waits.
    pub fn is_waited_for(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Makes room for one more, if that can be.
    fn make_room(&mut self, hurry: bool, now: Duration) -> Room {
        let kept = if hurry { 0 } else { self.most / KEPT };
        if self.held.len() < self.most - kept {
            return Room::Is;
        }
        match self.first_to_go(|_, place| place.is_free(now)) {
            Some(gone) => {
                self.held.remove(&gone);
                Room::Left(gone)
            }
            None => Room::None,
        }
    }

    fn next_in_line(&mut self, now: Duration) -> Option<Key> {
        loop {
            let taken = self.line.take(now)?;
            let next = taken.key.clone();
            self.line.done(taken, Outcome::Settled, now);
            if self.waiting.contains_key(&next) {
                return Some(next);
            }
        }
    }

    fn give(&mut self, registration: &Key, users: &[Key], hurried: BTreeSet<Key>, now: Duration) {
        self.waiting.remove(registration);
        self.uses += 1;
        let to_run = users.iter().cloned().collect();
        let place = Place { used: now, use_number: self.uses, to_run, since: now, hurried, news: HashMap::new() };
        self.held.insert(registration.clone(), place);
    }

    /// The place of who uses it now.
    fn used(&mut self, registration: &Key, now: Duration) -> Option<&mut Place> {
        let place = self.held.get_mut(registration)?;
        self.uses += 1;
        (place.used, place.use_number) = (now, self.uses);
        Some(place)
    }

    fn first_to_go(&self, may: impl Fn(&Key, &Place) -> bool) -> Option<Key> {
        let may = self.held.iter().filter(|(key, place)| may(key, place));
        shares::first_to_go(may.map(|(key, place)| (&key.workspace, place.use_number, key.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Workspace;

    const BEGIN: Duration = Duration::from_secs(1_000);

    fn key(name: &str) -> Key {
        Key::registration(&Workspace::new(name), "east")
    }

    fn target(of: &str) -> Key {
        Key::target(&Workspace::new(of), "one")
    }

    /// One target uses each registration.
    fn user(registration: &Key) -> Vec<Key> {
        vec![target(registration.workspace.as_str())]
    }

    fn ask(places: &mut Places, name: &str, hurry: bool, now: Duration) -> Answer {
        places.ask(&key(name), &target(name), hurry, user, now)
    }

    fn ran(places: &mut Places, name: &str, now: Duration) {
        places.ran(&key(name), &target(name), now);
    }

    /// Who has to go, and who is called.
    fn call(places: &mut Places, now: Duration) -> (Vec<Key>, Vec<Key>) {
        let (gone, called) = places.call(user, now);
        (gone, called.into_iter().map(|called| called.registration).collect())
    }

    /// Places that these have, whose targets have run.
    fn held(names: &[&str]) -> Places {
        let mut places = Places::new(names.len());
        for name in names {
            assert_eq!(ask(&mut places, name, false, BEGIN), Answer::Gets(None));
            ran(&mut places, name, BEGIN);
        }
        places
    }

    #[test]
    fn who_uses_his_place_keeps_it_and_others_wait_in_line() {
        let mut places = held(&["a", "b"]);
        assert_eq!(ask(&mut places, "c", false, BEGIN), Answer::Waits);
        assert_eq!(ask(&mut places, "d", false, BEGIN), Answer::Waits);
        assert_eq!(call(&mut places, BEGIN), (vec![], vec![]));
        let later = BEGIN + DONE;
        assert_eq!(ask(&mut places, "a", false, later), Answer::Has);
        assert_eq!(call(&mut places, later), (vec![key("b")], vec![key("c")]), "a is used");
        assert_eq!(call(&mut places, later + DONE), (vec![key("a")], vec![key("d")]), "c has not run yet");
        // Who has lost his place waits, too.
        assert_eq!(ask(&mut places, "b", false, later + DONE), Answer::Waits);
        ran(&mut places, "c", later + DONE);
        assert_eq!(call(&mut places, later + DONE * 2), (vec![key("c")], vec![key("b")]));
        assert!(!places.is_waited_for());
    }

    #[test]
    fn a_place_is_kept_until_every_target_has_run() {
        let mut places = Places::new(1);
        let workspace = Workspace::new("a");
        let users = ["one", "another", "third"].map(|name| Key::target(&workspace, name));
        assert_eq!(places.ask(&key("a"), &users[0], false, |_| users.to_vec(), BEGIN), Answer::Gets(None));
        assert_eq!(ask(&mut places, "b", false, BEGIN), Answer::Waits);
        places.ran(&key("a"), &users[0], BEGIN);
        places.ran(&key("a"), &users[1], BEGIN);
        let late = BEGIN + LONGEST * 2;
        assert_eq!(
            call(&mut places, late),
            (vec![], vec![]),
            "a run waits in the queue for longer than the others took"
        );
        places.gone(&users[2], late);
        assert_eq!(call(&mut places, late + DONE), (vec![key("a")], vec![key("b")]));
        assert_eq!(ask(&mut places, "a", false, late + DONE), Answer::Waits);
        assert_eq!(call(&mut places, late + DONE + RUNS), (vec![key("b")], vec![key("a")]), "some never run");
    }

    #[test]
    fn who_does_not_answer_makes_room() {
        let mut places = Places::new(1);
        assert_eq!(ask(&mut places, "a", false, BEGIN), Answer::Gets(None));
        assert_eq!(ask(&mut places, "b", false, BEGIN), Answer::Waits);
        assert_eq!(call(&mut places, BEGIN + DONE), (vec![], vec![]));
        places.failed(&key("a"), BEGIN + DONE);
        assert_eq!(call(&mut places, BEGIN + DONE), (vec![key("a")], vec![key("b")]));
    }

    #[test]
    fn where_nobody_waits_who_comes_gets_what_is_free() {
        let mut places = held(&["a", "b"]);
        let later = BEGIN + DONE;
        assert_eq!(ask(&mut places, "b", false, later), Answer::Has);
        assert_eq!(ask(&mut places, "c", false, later), Answer::Gets(Some(key("a"))));
        assert!(!places.is_waited_for());
    }

    #[test]
    fn whom_somebody_waits_for_goes_first_even_if_he_was_in_line_before() {
        let mut places = held(&["a"]);
        for name in ["c", "d", "e"] {
            assert_eq!(ask(&mut places, name, false, BEGIN), Answer::Waits);
        }
        assert_eq!(ask(&mut places, "d", true, BEGIN), Answer::Waits);
        let (_, called) = places.call(user, BEGIN + DONE);
        let hurried = BTreeSet::from([target("d")]);
        assert_eq!(called, [Called { registration: key("d"), users: user(&key("d")), hurried: hurried.clone() }]);
        assert_eq!(places.hurried(&key("d")), hurried, "until it has run");
        ran(&mut places, "d", BEGIN + DONE);
        assert_eq!(places.hurried(&key("d")), BTreeSet::new());
        assert_eq!(call(&mut places, BEGIN + DONE * 2), (vec![key("d")], vec![key("c")]));
    }

    #[test]
    fn some_places_are_kept_for_whom_somebody_waits_for() {
        let mut places = Places::new(KEPT);
        let names: Vec<String> = (0..KEPT).map(|number| number.to_string()).collect();
        for name in &names[1..] {
            assert_eq!(ask(&mut places, name, false, BEGIN), Answer::Gets(None));
        }
        assert_eq!(ask(&mut places, "late", false, BEGIN), Answer::Waits);
        assert_eq!(call(&mut places, BEGIN), (vec![], vec![]));
        assert_eq!(ask(&mut places, "hurry", true, BEGIN), Answer::Gets(None));
        assert_eq!(ask(&mut places, "another", true, BEGIN), Answer::Waits);
    }

    #[test]
    fn one_workspace_with_many_clusters_does_not_keep_others_waiting() {
        let mut places = held(&["a"]);
        let crowd = Workspace::new("crowd");
        for number in 0..100 {
            let of_crowd = Key::registration(&crowd, &number.to_string());
            assert_eq!(places.ask(&of_crowd, &target("crowd"), false, |_| vec![], BEGIN), Answer::Waits);
        }
        assert_eq!(ask(&mut places, "b", false, BEGIN), Answer::Waits);
        let (mut now, mut before) = (BEGIN, 0);
        loop {
            now += DONE;
            let (_, called) = call(&mut places, now);
            if called.contains(&key("b")) {
                break;
            }
            before += called.len();
        }
        assert_eq!(before, 1);
    }

    #[test]
    fn who_expects_news_keeps_his_place_but_not_for_ever() {
        let mut places = held(&["a"]);
        let (one, another) = (target("a"), Key::target(&Workspace::new("a"), "another"));
        places.expect(&key("a"), &one, Some(BEGIN + LONGEST * 2));
        places.expect(&key("a"), &another, Some(BEGIN + LONGEST * 2));
        places.expect(&key("a"), &another, None);
        assert_eq!(ask(&mut places, "b", false, BEGIN + DONE), Answer::Waits);
        assert_eq!(call(&mut places, BEGIN + DONE), (vec![], vec![]), "one expects some");
        assert_eq!(call(&mut places, BEGIN + LONGEST), (vec![key("a")], vec![key("b")]));
    }

    #[test]
    fn who_expects_no_news_any_more_makes_room() {
        let mut places = held(&["a"]);
        places.expect(&key("a"), &target("a"), Some(BEGIN + LONGEST));
        assert_eq!(ask(&mut places, "b", false, BEGIN), Answer::Waits);
        places.expect(&key("a"), &target("a"), None);
        assert_eq!(call(&mut places, BEGIN + DONE), (vec![key("a")], vec![key("b")]));
    }

    #[test]
    fn who_leaves_makes_room_and_waits_no_longer() {
        let mut places = held(&["a"]);
        assert_eq!(ask(&mut places, "b", false, BEGIN), Answer::Waits);
        assert_eq!(ask(&mut places, "c", false, BEGIN), Answer::Waits);
        places.leave(&key("b"));
        places.leave(&key("a"));
        assert_eq!(call(&mut places, BEGIN), (vec![], vec![key("c")]));
        assert!(!places.is_waited_for());
    }

    #[test]
    fn who_takes_a_place_gets_it_and_the_workspace_with_most_gives_one() {
        let mut places = held(&["a", "b"]);
        let another = Key::registration(&Workspace::new("a"), "west");
        assert_eq!(places.take(&another, BEGIN + DONE), Some(key("a")));
        assert_eq!(places.take(&another, BEGIN + DONE), None);
    }

    #[test]
    fn everybody_in_line_gets_his_turn() {
        let mut places = held(&["a", "b", "c"]);
        let names: Vec<String> = (0..50).map(|number| number.to_string()).collect();
        for name in &names {
            assert_eq!(ask(&mut places, name, false, BEGIN), Answer::Waits);
        }
        let (mut now, mut served) = (BEGIN, Vec::new());
        while places.is_waited_for() {
            now += DONE;
            let (_, called) = call(&mut places, now);
            assert!(!called.is_empty() && places.held.len() <= 3);
            for key in called {
                places.ran(&key, &user(&key)[0], now);
                served.push(key);
            }
        }
        assert_eq!(served, names.iter().map(|name| key(name)).collect::<Vec<_>>());
    }
}
