//! Outcomes that still hold.
//!
//! A hook is a function of its input, so an outcome is as good as a new call until the input changes or the time comes that
//! the outcome itself named. Outcomes that ask for a retry, or wait for something that is not in the input, are not kept.
//!
//! What is kept is found by the digest of all that it was made from, so that nothing is ever out of date: what is not asked
//! for any more is pushed out in time. It is bounded in bytes, since outcomes are as large as a plugin makes them.

use std::any::Any;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use berthage_core::plugin::{Next, PlanOutcome, ReportOutcome, Selection, TransformOutcome};
use jiff::{SignedDuration, Timestamp};
use lru::LruCache;
use serde::Serialize;

use super::digest::Digest;

/// What a hook answers.
pub(super) trait Outcome: Serialize + Clone + PartialEq + Send + Sync + 'static {
    /// What comes next.
    fn after(&self) -> &Next;

    /// The same, with something else next.
    fn with_after(&self, after: Next) -> Self;
}

macro_rules! outcomes {
    ($($outcome:ty),+) => {$(
        impl Outcome for $outcome {
            fn after(&self) -> &Next {
                &self.after
            }

            fn with_after(&self, after: Next) -> Self {
                Self { after, ..self.clone() }
            }
        }
    )+};
}

outcomes!(PlanOutcome, ReportOutcome, TransformOutcome);

/// What `select` answers is good until its input changes.
impl Outcome for Vec<Selection> {
    fn after(&self) -> &Next {
        &Next::Settled
    }

    fn with_after(&self, _: Next) -> Self {
        self.clone()
    }
}

/// See the module.
pub(super) struct Kept(Mutex<Entries>);

struct Entries {
    /// The least recently used goes first.
    by_digest: LruCache<Digest, Entry>,
    room: usize,
    used: usize,
}

struct Entry {
    outcome: Arc<dyn Any + Send + Sync>,
    until: Option<Timestamp>,
    weight: usize,
}

impl Kept {
    /// Room for about that many bytes.
    pub(super) fn new(room: usize) -> Self {
        Self(Mutex::new(Entries { by_digest: LruCache::unbounded(), room, used: 0 }))
    }

    /// The outcome that was kept for the digest, if its time has not come; what it said of the time that comes next, it says
    /// of the rest of it.
    pub(super) fn get<T: Outcome>(&self, digest: &Digest, now: Timestamp) -> Option<Arc<T>> {
        let mut kept = self.lock();
        let entry = kept.by_digest.get(digest)?;
        let left = entry.until.map(|until| until.duration_since(now).as_millis());
        if left.is_some_and(|left| left <= 0) {
            kept.remove(digest);
            return None;
        }
        let outcome = Arc::clone(&entry.outcome).downcast::<T>().ok()?;
        drop(kept);
        let Some(left) = left else { return Some(outcome) };
        Some(Arc::new(outcome.with_after(Next::AgainAfter(u64::try_from(left).unwrap_or(u64::MAX)))))
    }

    /// Keeps an outcome that was made at `now`, if it is one that holds.
    pub(super) fn put<T: Outcome>(&self, digest: Digest, now: Timestamp, outcome: &Arc<T>) {
        let until = match outcome.after() {
            Next::Settled | Next::Invalid { .. } => None,
            Next::AgainAfter(milliseconds) => {
                let wait = SignedDuration::from_millis(i64::try_from(*milliseconds).unwrap_or(i64::MAX));
                Some(now.saturating_add(wait).unwrap_or(Timestamp::MAX))
            }
            Next::WaitingFor(_) | Next::Retry { .. } => return,
        };
        let weight = weight(&**outcome);
        let mut kept = self.lock();
        if weight > kept.room {
            return;
        }
        kept.remove(&digest);
        kept.used += weight;
        let outcome = Arc::clone(outcome);
        kept.by_digest.put(digest, Entry { outcome, until, weight });
        while kept.used > kept.room
            && let Some((_, entry)) = kept.by_digest.pop_lru()
        {
            kept.used -= entry.weight;
        }
    }

    /// What is kept is whole after every statement: a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn remove(&mut self, digest: &Digest) {
        if let Some(entry) = self.by_digest.pop(digest) {
            self.used -= entry.weight;
        }
    }
}

/// About the memory of an entry in bytes: a tree of JSON takes some three times what its text does.
fn weight(outcome: &impl Serialize) -> usize {
    const ENTRY: usize = 256;
    let mut text = Count(0);
    match serde_json::to_writer(&mut text, outcome) {
        Ok(()) => ENTRY + 3 * text.0,
        // Texts and trees of JSON always serialise; what does not is not kept.
        Err(_) => usize::MAX,
    }
}

/// Counts what is written.
struct Count(usize);

impl std::io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ROOM: usize = 4 << 10;

    fn at(millisecond: i64) -> Timestamp {
        Timestamp::from_millisecond(millisecond).unwrap()
    }

    fn said(after: Next) -> Arc<ReportOutcome> {
        Arc::new(ReportOutcome { conditions: vec![], notes: vec![], after })
    }

    fn digest(text: &str) -> Digest {
        Digest::of(text.as_bytes())
    }

    #[test]
    fn an_outcome_holds_until_the_input_changes() {
        let (kept, outcome) = (Kept::new(ROOM), said(Next::Settled));
        kept.put(digest("a"), at(0), &outcome);
        assert_eq!(kept.get(&digest("a"), at(1_000_000_000)), Some(outcome));
        assert_eq!(kept.get::<ReportOutcome>(&digest("b"), at(0)), None);
        assert_eq!(kept.get::<PlanOutcome>(&digest("a"), at(0)), None, "it is no plan");
    }

    #[test]
    fn an_outcome_holds_until_its_own_time_and_says_what_is_left_of_it() {
        let kept = Kept::new(ROOM);
        kept.put(digest("a"), at(10_000), &said(Next::AgainAfter(1_500)));
        let after = |now| kept.get::<ReportOutcome>(&digest("a"), at(now)).map(|outcome| outcome.after.clone());
        assert_eq!(after(10_000), Some(Next::AgainAfter(1_500)));
        assert_eq!(after(11_499), Some(Next::AgainAfter(1)));
        assert_eq!(after(11_500), None);
        assert_eq!(after(10_000), None, "what has run out is gone");
        kept.put(digest("a"), at(10_000), &said(Next::AgainAfter(u64::MAX)));
        assert!(after(1_000_000_000).is_some());
    }

    #[test]
    fn retries_and_waiting_are_never_kept_and_invalid_is() {
        let kept = Kept::new(ROOM);
        let (reason, message) = (String::from("Bad"), String::new());
        for (name, after, is_kept) in [
            ("invalid", Next::Invalid { reason: reason.clone(), message: message.clone() }, true),
            ("waiting", Next::WaitingFor(vec![]), false),
            ("retry", Next::Retry { reason, message }, false),
        ] {
            kept.put(digest(name), at(0), &said(after));
            assert_eq!(kept.get::<ReportOutcome>(&digest(name), at(0)).is_some(), is_kept, "{name}");
        }
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let one = said(Next::Settled);
        let kept = Kept::new(2 * weight(&*one));
        let is_kept = |name: &str| kept.get::<ReportOutcome>(&digest(name), at(0)).is_some();
        kept.put(digest("a"), at(0), &one);
        kept.put(digest("b"), at(0), &one);
        assert!(is_kept("a"));
        kept.put(digest("c"), at(0), &one);
        assert_eq!((is_kept("a"), is_kept("b"), is_kept("c")), (true, false, true));
    }

    #[test]
    fn what_is_larger_than_the_room_pushes_nothing_out() {
        let kept = Kept::new(ROOM);
        kept.put(digest("a"), at(0), &said(Next::Settled));
        let message = "x".repeat(ROOM);
        kept.put(digest("b"), at(0), &said(Next::Invalid { reason: String::new(), message }));
        assert!(kept.get::<ReportOutcome>(&digest("a"), at(0)).is_some());
        assert!(kept.get::<ReportOutcome>(&digest("b"), at(0)).is_none());
    }

    proptest! {
        #[test]
        fn the_room_is_never_exceeded_and_nothing_counts_that_is_gone(
            operations in prop::collection::vec((any::<bool>(), 0_u8..20, 1_u64..3_000, 0_i64..10_000), 0..300),
        ) {
            let kept = Kept::new(ROOM);
            for (put, key, wait, now) in operations {
                let digest = Digest::of(&[key]);
                if put {
                    kept.put(digest, at(now), &said(Next::AgainAfter(wait)));
                } else {
                    kept.get::<ReportOutcome>(&digest, at(now));
                }
                let kept = kept.lock();
                prop_assert!(kept.used <= ROOM);
                prop_assert_eq!(kept.used, kept.by_digest.iter().map(|(_, entry)| entry.weight).sum::<usize>());
            }
        }
    }
}
