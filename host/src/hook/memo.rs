//! Outcomes that still hold.
//!
//! A hook is a function of its input, so an outcome is as good as a new call until the input changes or the time comes that
//! the outcome itself named. Outcomes that ask for a retry, or wait for something that is not in the input, are not kept.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use berthage_core::plugin::Next;
use jiff::{SignedDuration, Timestamp};

use super::digest::Digest;

/// The newest outcome of each key, for as long as it holds. Bounded: the keys that were not asked for the longest go first.
#[derive(Debug)]
pub struct Memo<K, T> {
    capacity: usize,
    clock: u64,
    entries: HashMap<K, Entry<T>>,
    /// Key by the time of its last use.
    used: BTreeMap<u64, K>,
}

#[derive(Debug)]
struct Entry<T> {
    digest: Digest,
    until: Option<Timestamp>,
    outcome: T,
    used: u64,
}

impl<K: Hash + Eq + Clone, T> Memo<K, T> {
    /// A memo of at most that many keys.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, clock: 0, entries: HashMap::new(), used: BTreeMap::new() }
    }

    /// The outcome that was kept for `key`, if it was made from the same input and its time has not come.
    pub fn get(&mut self, key: &K, digest: &Digest, now: Timestamp) -> Option<&T> {
        let entry = self.entries.get_mut(key)?;
        if entry.digest != *digest || entry.until.is_some_and(|until| now >= until) {
            return None;
        }
        self.used.remove(&entry.used);
        self.clock += 1;
        entry.used = self.clock;
        self.used.insert(self.clock, key.clone());
        Some(&entry.outcome)
    }

    /// Keeps an outcome, in the place of an older one of the same key. `after` is what the outcome says comes next.
    pub fn put(&mut self, key: K, digest: Digest, after: &Next, now: Timestamp, outcome: T) {
        self.forget(&key);
        let until = match after {
            Next::Settled | Next::Invalid { .. } => None,
            Next::AgainAfter(milliseconds) => {
                let wait = SignedDuration::from_millis(i64::try_from(*milliseconds).unwrap_or(i64::MAX));
                Some(now.saturating_add(wait).unwrap_or(Timestamp::MAX))
            }
            Next::WaitingFor(_) | Next::Retry { .. } => return,
        };
        if self.entries.len() >= self.capacity {
            let Some((_, oldest)) = self.used.pop_first() else { return };
            self.entries.remove(&oldest);
        }
        self.clock += 1;
        self.used.insert(self.clock, key.clone());
        self.entries.insert(key, Entry { digest, until, outcome, used: self.clock });
    }

    /// Forgets what was kept for `key`: it is gone, or something outside of the input changed.
    pub fn forget(&mut self, key: &K) {
        if let Some(entry) = self.entries.remove(key) {
            self.used.remove(&entry.used);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn an_outcome_holds_until_the_input_changes() {
        let mut memo = Memo::new(2);
        memo.put("a", Digest::of(b"1"), &Next::Settled, at(0), "one");
        assert_eq!(memo.get(&"a", &Digest::of(b"1"), at(1_000_000)), Some(&"one"));
        assert_eq!(memo.get(&"a", &Digest::of(b"2"), at(0)), None);
        assert_eq!(memo.get(&"b", &Digest::of(b"1"), at(0)), None);
        memo.forget(&"a");
        assert_eq!(memo.get(&"a", &Digest::of(b"1"), at(0)), None);
    }

    #[test]
    fn an_outcome_holds_until_its_own_time_comes() {
        let mut memo = Memo::new(2);
        memo.put("a", Digest::of(b"1"), &Next::AgainAfter(1_500), at(10), "one");
        assert!(memo.get(&"a", &Digest::of(b"1"), at(11)).is_some());
        assert!(memo.get(&"a", &Digest::of(b"1"), at(12)).is_none());
        memo.put("a", Digest::of(b"1"), &Next::AgainAfter(u64::MAX), at(10), "one");
        assert!(memo.get(&"a", &Digest::of(b"1"), at(1_000_000)).is_some());
    }

    #[test]
    fn retries_and_waiting_are_never_kept_and_invalid_is() {
        let mut memo = Memo::new(2);
        let said = |reason: &str| (reason.to_owned(), String::new());
        let (reason, message) = said("Bad");
        memo.put("a", Digest::of(b"1"), &Next::Invalid { reason, message }, at(0), 1);
        assert!(memo.get(&"a", &Digest::of(b"1"), at(0)).is_some());
        memo.put("a", Digest::of(b"1"), &Next::WaitingFor(vec![]), at(0), 1);
        assert!(memo.get(&"a", &Digest::of(b"1"), at(0)).is_none(), "the older outcome is forgotten too");
        let (reason, message) = said("Later");
        memo.put("a", Digest::of(b"1"), &Next::Retry { reason, message }, at(0), 1);
        assert!(memo.get(&"a", &Digest::of(b"1"), at(0)).is_none());
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut memo = Memo::new(2);
        for key in ["a", "b"] {
            memo.put(key, Digest::of(b""), &Next::Settled, at(0), ());
        }
        memo.get(&"a", &Digest::of(b""), at(0));
        memo.put("c", Digest::of(b""), &Next::Settled, at(0), ());
        let mut kept = |key| memo.get(&key, &Digest::of(b""), at(0)).is_some();
        assert_eq!((kept("a"), kept("b"), kept("c")), (true, false, true));
    }

    proptest! {
        #[test]
        fn a_memo_never_grows_beyond_its_capacity(operations in prop::collection::vec((0_u8..3, 0_u8..20), 0..300)) {
            let mut memo = Memo::new(5);
            for (operation, key) in operations {
                match operation {
                    0 => memo.put(key, Digest::of(b""), &Next::Settled, at(0), key),
                    1 => prop_assert!(memo.get(&key, &Digest::of(b""), at(0)).is_none_or(|kept| *kept == key)),
                    _ => memo.forget(&key),
                }
                prop_assert!(memo.entries.len() <= 5);
                prop_assert_eq!(memo.entries.len(), memo.used.len());
            }
        }
    }
}
