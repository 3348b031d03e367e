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

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use crate::key::{Key, Workspace};
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
    held: BTreeMap<Key, Place>,
    line: Queue<Key>,
    /// Who is in the line, with the targets that somebody waits for. In the line alone is who has come in otherwise.
    waiting: HashMap<Key, BTreeSet<Key>>,
    /// Who stood in line and has a place now, and whose targets are still to be called; in their order.
    to_call: Vec<Key>,
    /// Counts uses: many are at the same moment where the clock is a test's.
    uses: u64,
}

#[derive(Debug)]
struct Place {
    used: Duration,
    use_number: u64,
    /// Since when somebody has it.
    since: Duration,
    /// Which targets are still to be run.
    to_run: HashSet<Key>,
    /// Since when none is; until then as `since`.
    settled: Duration,
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
        (now >= self.used + DONE && !expects) || now >= self.settled + LONGEST
    }

    fn ran(&mut self, target: &Key, now: Duration) {
        self.hurried.remove(target);
        if self.to_run.remove(target) && self.to_run.is_empty() {
            self.settled = now;
        }
    }
}

/// What becomes of who asks for a place.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// He has one.
    Has,
    /// He gets one, maybe in the place of others, who have none any more.
    Gets(Vec<Key>),
    /// He waits in line.
    Waits,
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
            held: BTreeMap::new(),
            line: Queue::new(Limits::NONE),
            waiting: HashMap::new(),
            to_call: Vec::new(),
            uses: 0,
        }
    }

    /// A target wants a place for the registration that it uses; in a hurry it is if somebody waits for it.
    pub fn ask(&mut self, registration: &Key, target: &Key, hurry: bool, now: Duration) -> Answer {
        let hurried = hurry.then(|| target.clone());
        if let Some(place) = self.used(registration, now) {
            place.hurried.extend(hurried);
            return Answer::Has;
        }
        // Others were there before.
        let first = if hurry { self.line.depth(Priority::Live) == 0 } else { self.waiting.is_empty() };
        if let Some(gone) = first.then(|| self.make_room(hurry, now)).flatten() {
            let place = self.give(registration, now);
            place.hurried.extend(hurried);
            place.to_run.insert(target.clone());
            return Answer::Gets(gone);
        }
        self.waiting.entry(registration.clone()).or_default().extend(hurried);
        let priority = if hurry { Priority::Live } else { Priority::Background };
        self.line.add(registration.clone(), priority, now);
        Answer::Waits
    }

    /// A registration takes a place without asking. Where there are too many then, who goes.
    pub fn take(&mut self, registration: &Key, now: Duration) -> Option<Key> {
        if self.used(registration, now).is_none() {
            self.give(registration, now);
        }
        if self.held.len() <= self.most {
            return None;
        }
        let done = self.first_to_go(|key, place| key != registration && place.is_free(now));
        let gone = done.or_else(|| self.first_to_go(|key, _| key != registration))?;
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

    /// Everything of a registration's cluster is known: all of these targets are run. For those that are given somebody waits.
    pub fn synced(&mut self, registration: &Key, users: Vec<Key>) -> BTreeSet<Key> {
        let Some(place) = self.held.get_mut(registration) else { return BTreeSet::new() };
        place.to_run = users.into_iter().collect();
        place.hurried.clone()
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
            place.settled = now;
        }
    }

    /// A registration is gone.
    pub fn leave(&mut self, registration: &Key) {
        self.held.remove(registration);
        self.waiting.remove(registration);
        self.to_call.retain(|called| called != registration);
        self.tidy();
    }

    /// Calls those in line for whom there is room: who has no place any more, and who has one now.
    pub fn call(&mut self, users: impl Fn(&Key) -> Vec<Key>, now: Duration) -> (Vec<Key>, Vec<Called>) {
        let (mut left, mut called) = (Vec::new(), Vec::new());
        while !self.waiting.is_empty() {
            let Some(gone) = self.make_room(self.line.depth(Priority::Live) > 0, now) else { break };
            left.extend(gone);
            let Some(registration) = self.next_in_line(now) else { break };
            self.give(&registration, now);
        }
        for registration in std::mem::take(&mut self.to_call) {
            let Some(place) = self.held.get_mut(&registration) else { continue };
            let users = users(&registration);
            place.to_run.extend(users.iter().cloned());
            called.push(Called { users, hurried: place.hurried.clone(), registration });
        }
        (left, called)
    }

    /// Whether anybody waits.
    pub fn is_waited_for(&self) -> bool {
        !self.waiting.is_empty() || !self.to_call.is_empty()
    }

    /// Makes room for one more, if that can be: who goes for it.
    fn make_room(&mut self, hurry: bool, now: Duration) -> Option<Vec<Key>> {
        let limit = self.most - if hurry { 0 } else { self.most / KEPT };
        let mut gone: Vec<Key> = Vec::new();
        while self.held.len() - gone.len() >= limit {
            let done = self.first_to_go(|key, place| place.is_free(now) && !gone.contains(key));
            gone.push(done.or_else(|| self.first_of_the_greedy(&gone, now))?);
        }
        for gone in &gone {
            self.held.remove(gone);
        }
        Some(gone)
    }

    /// Of those whose targets do not come to an end, while their workspace has more places than its share: so nobody keeps others
    /// out with clusters that never quite answer.
    fn first_of_the_greedy(&self, gone: &[Key], now: Duration) -> Option<Key> {
        let mut counts: BTreeMap<&Workspace, usize> = BTreeMap::new();
        for key in self.held.keys() {
            *counts.entry(&key.workspace).or_default() += 1;
        }
        let share = self.most / counts.len().max(1);
        self.first_to_go(|key, place| {
            now >= place.since + LONGEST
                && !gone.contains(key)
                && counts.get(&key.workspace).is_some_and(|count| *count > share)
        })
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

    /// A new place, for who may have stood in line.
    fn give(&mut self, registration: &Key, now: Duration) -> &mut Place {
        let waited = self.waiting.remove(registration);
        self.tidy();
        if waited.is_some() {
            self.to_call.push(registration.clone());
        }
        self.uses += 1;
        let place = Place {
            used: now,
            use_number: self.uses,
            since: now,
            to_run: HashSet::new(),
            settled: now,
            hurried: waited.unwrap_or_default(),
            news: HashMap::new(),
        };
        self.held.entry(registration.clone()).insert_entry(place).into_mut()
    }

    /// What stands in the line and waits no more is forgotten, at the latest when nobody waits.
    fn tidy(&mut self) {
        if self.waiting.is_empty() {
            self.line = Queue::new(Limits::NONE);
        }
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
        places.ask(&key(name), &target(name), hurry, now)
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
            assert_eq!(ask(&mut places, name, false, BEGIN), Answer::Gets(vec![]));
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
        assert_eq!(places.ask(&key("a"), &users[0], false, BEGIN), Answer::Gets(vec![]));
        assert_eq!(places.synced(&key("a"), users.to_vec()), BTreeSet::new());
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
        assert_eq!(ask(&mut places, "a", false, BEGIN), Answer::Gets(vec![]));
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
        assert_eq!(ask(&mut places, "c", false, later), Answer::Gets(vec![key("a")]));
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
        assert_eq!(places.synced(&key("d"), user(&key("d"))), hurried, "until it has run");
        ran(&mut places, "d", BEGIN + DONE);
        assert_eq!(places.synced(&key("d"), vec![]), BTreeSet::new());
        assert_eq!(call(&mut places, BEGIN + DONE * 2), (vec![key("d")], vec![key("c")]));
    }

    #[test]
    fn some_places_are_kept_for_whom_somebody_waits_for() {
        let mut places = Places::new(KEPT);
        let names: Vec<String> = (0..KEPT).map(|number| number.to_string()).collect();
        for name in &names[1..] {
            assert_eq!(ask(&mut places, name, false, BEGIN), Answer::Gets(vec![]));
        }
        assert_eq!(ask(&mut places, "late", false, BEGIN), Answer::Waits);
        assert_eq!(call(&mut places, BEGIN), (vec![], vec![]));
        assert_eq!(ask(&mut places, "hurry", true, BEGIN), Answer::Gets(vec![]));
        assert_eq!(ask(&mut places, "another", true, BEGIN), Answer::Waits);
        for name in &names[1..=2] {
            ran(&mut places, name, BEGIN);
        }
        let (_, called) = call(&mut places, BEGIN + DONE);
        assert_eq!(called, [key("another")], "one is free for who waits, and none of those that are kept");
        ran(&mut places, "another", BEGIN + DONE);
        let (gone, called) = call(&mut places, BEGIN + DONE * 2);
        assert_eq!((gone.len(), called), (2, vec![key("late")]), "and then there is one again");
    }

    #[test]
    fn who_gets_a_place_while_he_stands_in_line_has_all_of_his_targets_called() {
        let mut places = held(&["a"]);
        let another = Key::target(&Workspace::new("b"), "another");
        assert_eq!(ask(&mut places, "b", false, BEGIN), Answer::Waits);
        assert_eq!(places.ask(&key("b"), &another, true, BEGIN + DONE), Answer::Gets(vec![key("a")]));
        assert!(places.is_waited_for());
        let called = places.call(user, BEGIN + DONE).1;
        let hurried = BTreeSet::from([another]);
        assert_eq!(called, [Called { registration: key("b"), users: user(&key("b")), hurried }]);
        assert!(!places.is_waited_for());
    }

    #[test]
    fn who_has_more_than_his_share_keeps_none_that_never_comes_to_an_end() {
        let mut places = Places::new(4);
        let crowd = Workspace::new("crowd");
        for number in 0..3 {
            let of_crowd = Key::registration(&crowd, &number.to_string());
            assert_eq!(places.ask(&of_crowd, &target("crowd"), false, BEGIN), Answer::Gets(vec![]));
        }
        assert_eq!(ask(&mut places, "a", false, BEGIN), Answer::Gets(vec![]));
        assert_eq!(ask(&mut places, "b", false, BEGIN), Answer::Waits);
        assert_eq!(call(&mut places, BEGIN + LONGEST / 2), (vec![], vec![]));
        let first = Key::registration(&crowd, "0");
        assert_eq!(call(&mut places, BEGIN + LONGEST), (vec![first], vec![key("b")]));
        let second = Key::registration(&crowd, "1");
        assert_eq!(ask(&mut places, "c", false, BEGIN + LONGEST), Answer::Gets(vec![second]));
        assert_eq!(ask(&mut places, "d", false, BEGIN + LONGEST), Answer::Waits);
        assert_eq!(call(&mut places, BEGIN + LONGEST), (vec![], vec![]), "each has its share");
    }

    #[test]
    fn one_workspace_with_many_clusters_does_not_keep_others_waiting() {
        let mut places = held(&["a"]);
        let crowd = Workspace::new("crowd");
        for number in 0..100 {
            let of_crowd = Key::registration(&crowd, &number.to_string());
            assert_eq!(places.ask(&of_crowd, &target("crowd"), false, BEGIN), Answer::Waits);
        }
        assert_eq!(ask(&mut places, "b", false, BEGIN), Answer::Waits);
        let (mut now, mut before) = (BEGIN, 0);
        loop {
            now += DONE;
            let (_, called) = places.call(user, now);
            if called.iter().any(|called| called.registration == key("b")) {
                break;
            }
            for called in called {
                places.ran(&called.registration, &called.users[0], now);
                before += 1;
            }
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
