//! Who may have a link, where there are more registrations than links: a place each, and a line of those who wait for one.
//!
//! A link begins with eight lists and as many watches. If whoever comes took the place that was not used for longest, then with
//! one registration more than places, asked in turn as the queue does, every run would find its link gone and make it anew, and
//! a fleet would never settle: with 1,000 registrations and 500 places each run cost 16 reads, and not one in a hundred got to
//! its end. So a place is given up only when who has it is done with it for the moment, and who finds none waits in line.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use berthage_core::key::Key;
use tokio::time::Instant;

use crate::shares;

/// Who did not use his place for so long is done with it for the moment, unless he expects news there.
const DONE: Duration = Duration::from_secs(2);
/// Nobody keeps a place for longer while others wait, whatever he expects there.
const LONGEST: Duration = Duration::from_mins(2);

/// See the module.
pub(super) struct Places {
    most: usize,
    held: HashMap<Key, Place>,
    /// In the order of coming. Who is not in `waiting` any more has come in otherwise.
    line: VecDeque<Key>,
    waiting: HashSet<Key>,
    /// Counts uses: many are at the same moment where the clock is a test's.
    uses: u64,
}

struct Place {
    since: Instant,
    used: Instant,
    use_number: u64,
    /// Which targets expect news there, and until when.
    news: HashMap<Key, Instant>,
}

impl Place {
    fn is_free(&self, now: Instant) -> bool {
        let expects = self.news.values().any(|until| now < *until);
        (now >= self.used + DONE && !expects) || now >= self.since + LONGEST
    }
}

/// What becomes of who asks for a place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// He has one.
    Has,
    /// He gets one, maybe that of somebody else, who has none any more.
    Gets(Option<Key>),
    /// He waits in line.
    Waits,
}

impl Places {
    pub(super) fn new(most: usize) -> Self {
        Self { most: most.max(1), held: HashMap::new(), line: VecDeque::new(), waiting: HashSet::new(), uses: 0 }
    }

    /// A registration wants a place; who is in a hurry waits before those who are not.
    pub(super) fn ask(&mut self, registration: &Key, hurry: bool, now: Instant) -> Answer {
        if self.uses(registration, now) {
            return Answer::Has;
        }
        // Others were there before.
        if self.waiting.is_empty() {
            if self.held.len() < self.most {
                self.give(registration, now);
                return Answer::Gets(None);
            }
            if let Some(gone) = self.free(now) {
                self.held.remove(&gone);
                self.give(registration, now);
                return Answer::Gets(Some(gone));
            }
        }
        if self.waiting.insert(registration.clone()) {
            if hurry {
                self.line.push_front(registration.clone());
            } else {
                self.line.push_back(registration.clone());
            }
        }
        Answer::Waits
    }

    /// A registration takes a place without asking. Where there are too many then, who goes.
    pub(super) fn take(&mut self, registration: &Key, now: Instant) -> Option<Key> {
        if !self.uses(registration, now) {
            self.give(registration, now);
        }
        if self.held.len() <= self.most {
            return None;
        }
        let gone = self.first_to_go(|key, _| key != registration)?;
        self.held.remove(&gone);
        Some(gone)
    }

    /// A target of who has a place expects news there until then, or expects none any more.
    pub(super) fn expect(&mut self, registration: &Key, target: &Key, until: Option<Instant>) {
        let Some(place) = self.held.get_mut(registration) else { return };
        match until {
            Some(until) => drop(place.news.insert(target.clone(), until)),
            None => drop(place.news.remove(target)),
        }
    }

    /// A registration is gone.
    pub(super) fn leave(&mut self, registration: &Key) {
        self.held.remove(registration);
        self.waiting.remove(registration);
    }

    /// Calls those in line for whom there is room: who has no place any more, and who has one now, kept for a moment.
    pub(super) fn call(&mut self, now: Instant) -> (Vec<Key>, Vec<Key>) {
        let (mut gone, mut called) = (Vec::new(), Vec::new());
        while !self.waiting.is_empty() {
            if self.held.len() >= self.most {
                let Some(free) = self.free(now) else { break };
                self.held.remove(&free);
                gone.push(free);
            }
            let Some(next) = self.line.pop_front() else { break };
            if self.waiting.contains(&next) {
                self.give(&next, now);
                called.push(next);
            }
        }
        (gone, called)
    }

    /// Whether anybody waits.
    pub(super) fn is_waited_for(&self) -> bool {
        !self.waiting.is_empty()
    }

    fn give(&mut self, registration: &Key, now: Instant) {
        self.waiting.remove(registration);
        if self.waiting.is_empty() {
            self.line.clear();
        }
        self.uses += 1;
        let place = Place { since: now, used: now, use_number: self.uses, news: HashMap::new() };
        self.held.insert(registration.clone(), place);
    }

    /// Whether a registration has a place, which it uses now.
    fn uses(&mut self, registration: &Key, now: Instant) -> bool {
        let Some(place) = self.held.get_mut(registration) else { return false };
        self.uses += 1;
        (place.used, place.use_number) = (now, self.uses);
        true
    }

    fn free(&self, now: Instant) -> Option<Key> {
        self.first_to_go(|_, place| place.is_free(now))
    }

    fn first_to_go(&self, may: impl Fn(&Key, &Place) -> bool) -> Option<Key> {
        let may = self.held.iter().filter(|(key, place)| may(key, place));
        shares::first_to_go(may.map(|(key, place)| (&key.workspace, place.use_number, key.clone())))
    }
}

#[cfg(test)]
mod tests {
    use berthage_core::key::Workspace;

    use super::*;

    fn key(name: &str) -> Key {
        Key::registration(&Workspace::new(name), "east")
    }

    /// Places that these have, since now.
    fn held(names: &[&str]) -> (Places, Instant) {
        let (mut places, now) = (Places::new(names.len()), Instant::now());
        for name in names {
            assert_eq!(places.ask(&key(name), false, now), Answer::Gets(None));
        }
        (places, now)
    }

    #[test]
    fn who_uses_his_place_keeps_it_and_others_wait_in_line() {
        let (mut places, begin) = held(&["a", "b"]);
        assert_eq!(places.ask(&key("c"), false, begin), Answer::Waits);
        assert_eq!(places.ask(&key("d"), false, begin), Answer::Waits);
        assert_eq!(places.ask(&key("hurry"), true, begin), Answer::Waits);
        assert_eq!(places.call(begin), (vec![], vec![]));
        let later = begin + DONE;
        assert_eq!(places.ask(&key("a"), false, later), Answer::Has);
        assert_eq!(places.call(later), (vec![key("b")], vec![key("hurry")]), "a is used");
        assert_eq!(places.call(later), (vec![], vec![]), "a place is kept for who was called");
        // Who has lost his place waits, too: behind the others.
        assert_eq!(places.ask(&key("b"), false, later), Answer::Waits);
        let (gone, called) = places.call(later + DONE);
        assert_eq!((gone.len(), called), (2, vec![key("c"), key("d")]));
        assert!(places.is_waited_for());
    }

    #[test]
    fn where_nobody_waits_who_comes_gets_what_is_free() {
        let (mut places, begin) = held(&["a", "b"]);
        let later = begin + DONE;
        assert_eq!(places.ask(&key("b"), false, later), Answer::Has);
        assert_eq!(places.ask(&key("c"), false, later), Answer::Gets(Some(key("a"))));
        assert!(!places.is_waited_for());
    }

    #[test]
    fn who_expects_news_keeps_his_place_but_not_for_ever() {
        let (mut places, begin) = held(&["a"]);
        let (one, another) = (Key::target(&Workspace::new("a"), "one"), Key::target(&Workspace::new("a"), "another"));
        places.expect(&key("a"), &one, Some(begin + LONGEST * 2));
        places.expect(&key("a"), &another, Some(begin + LONGEST * 2));
        places.expect(&key("a"), &another, None);
        assert_eq!(places.ask(&key("b"), false, begin + DONE), Answer::Waits);
        assert_eq!(places.call(begin + DONE), (vec![], vec![]), "one expects some");
        assert_eq!(places.call(begin + LONGEST), (vec![key("a")], vec![key("b")]));
    }

    #[test]
    fn who_expects_no_news_any_more_makes_room() {
        let (mut places, begin) = held(&["a"]);
        let target = Key::target(&Workspace::new("a"), "one");
        places.expect(&key("a"), &target, Some(begin + LONGEST));
        assert_eq!(places.ask(&key("b"), false, begin), Answer::Waits);
        places.expect(&key("a"), &target, None);
        assert_eq!(places.call(begin + DONE), (vec![key("a")], vec![key("b")]));
    }

    #[test]
    fn who_leaves_makes_room_and_waits_no_longer() {
        let (mut places, begin) = held(&["a"]);
        assert_eq!(places.ask(&key("b"), false, begin), Answer::Waits);
        assert_eq!(places.ask(&key("c"), false, begin), Answer::Waits);
        places.leave(&key("b"));
        places.leave(&key("a"));
        assert_eq!(places.call(begin), (vec![], vec![key("c")]));
        assert!(!places.is_waited_for());
    }

    #[test]
    fn who_takes_a_place_gets_it_and_the_workspace_with_most_gives_one() {
        let (mut places, begin) = held(&["a", "b"]);
        let another = Key::registration(&Workspace::new("a"), "west");
        assert_eq!(places.take(&another, begin + DONE), Some(key("a")));
        assert_eq!(places.take(&another, begin + DONE), None);
    }

    #[test]
    fn everybody_in_line_gets_his_turn() {
        let (mut places, begin) = held(&["a", "b", "c"]);
        let names: Vec<Key> = (0..50).map(|number| key(&number.to_string())).collect();
        let mut served = Vec::new();
        for name in &names {
            assert_eq!(places.ask(name, false, begin), Answer::Waits);
        }
        let mut now = begin;
        while places.is_waited_for() {
            now += DONE;
            let (_, called) = places.call(now);
            assert!(!called.is_empty() && places.held.len() <= 3);
            served.extend(called);
        }
        assert_eq!(served, names);
        assert!(places.line.is_empty());
    }
}
