//! How long to wait before failed work is tried again, and how to spread periodic work over time.
//!
//! Delays look random and are not: they follow from the key's [`stable_hash`] and the attempt's number. So thousands of
//! keys that failed together do not come back together, while one key's schedule is the same in every run, after a
//! restart, and when a recorded reconcile is replayed.

use std::time::Duration;

/// What kind of failure is tried again; the kind decides how soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RetryClass {
    /// Somebody else wrote first (409), or the cache is behind our own write: the next look usually succeeds.
    Conflict,
    /// The other side does not answer, or not now: timeouts, refused connections, 429, 5xx.
    Transient,
    /// It stays wrong until somebody changes something: bad input, a missing right, a plugin that traps. The change is
    /// normally seen by a watch; the retry is for causes that no watch sees.
    Persistent,
}

impl RetryClass {
    /// The delays of this class.
    pub const fn backoff(self) -> Backoff {
        match self {
            Self::Conflict => Backoff { base: Duration::from_millis(100), cap: Duration::from_mins(1) },
            Self::Transient => Backoff { base: Duration::from_secs(1), cap: Backoff::LONGEST },
            Self::Persistent => Backoff { base: Duration::from_secs(10), cap: Backoff::LONGEST },
        }
    }
}

/// Exponential backoff with full jitter: after the n-th failure in a row a delay between a quarter of `base` and
/// min(`cap`, `base`·2^(n-1)), every value equally likely.
///
/// Full jitter (rather than half of it) empties a thundering herd soonest. The quarter of `base` at the bottom is what
/// makes it a delay at all times: a drawn zero would be a hot loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Longest delay after the first failure.
    pub base: Duration,
    /// Longest delay after any number of failures.
    pub cap: Duration,
}

impl Backoff {
    /// No retry waits longer than this, whatever the class and whatever a server's Retry-After asks for: a cause that went
    /// away is noticed within five minutes.
    pub const LONGEST: Duration = Duration::from_mins(5);

    /// The delay after `failures` failures in a row (0 is taken as 1) of the key that hashes to `seed`.
    pub fn delay(&self, seed: u64, failures: u32) -> Duration {
        let ceiling = self.ceiling(failures);
        let floor = (self.base / 4).min(ceiling);
        floor + jitter(ceiling.saturating_sub(floor), seed, u64::from(failures))
    }

    /// The longest delay possible after `failures` failures in a row (0 is taken as 1).
    pub fn ceiling(&self, failures: u32) -> Duration {
        let factor = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        self.base.saturating_mul(factor).min(self.cap)
    }
}

/// A part of `span`, from nothing up to but not including all of it (nothing when `span` is zero); the same for the same
/// `seed` and `round`, evenly spread over different ones.
///
/// For backoff, and for whatever should not happen to all objects at once: resyncs, probes, renewals. Spans longer than
/// 584 years count as 584 years.
pub fn jitter(span: Duration, seed: u64, round: u64) -> Duration {
    let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
    let fraction = mix(seed ^ mix(round));
    // The upper half of the 128-bit product is `nanos` times a fraction of 2^64: no modulo bias, no overflow.
    Duration::from_nanos(((u128::from(nanos) * u128::from(fraction)) >> 64) as u64)
}

/// A hash of `parts` that is the same in every process and version: the standard library's is neither.
///
/// FNV-1a over the parts with a separator between them. Not for tables: who chooses names can choose collisions, which
/// is harmless for a delay.
pub fn stable_hash<'a>(parts: impl IntoIterator<Item = &'a str>) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let mut hash = OFFSET;
    for part in parts {
        // 0xff never occurs in UTF-8, so ("a", "bc") and ("ab", "c") differ.
        for byte in part.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(PRIME);
        }
    }
    hash
}

/// The finalizer of SplitMix64: every input bit changes about half of the output bits.
const fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CLASSES: [RetryClass; 3] = [RetryClass::Conflict, RetryClass::Transient, RetryClass::Persistent];

    #[test]
    fn ceilings_double_from_base_to_cap() {
        let backoff = RetryClass::Transient.backoff();
        let seconds: Vec<u64> = (0..=12).map(|failures| backoff.ceiling(failures).as_secs()).collect();
        assert_eq!(seconds, [1, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
    }

    #[test]
    fn delays_of_many_keys_are_spread_over_the_whole_range() {
        let backoff = RetryClass::Transient.backoff();
        let mut tenths = [0_u32; 10];
        for name in 0..10_000 {
            let seed = stable_hash(["workspace", &name.to_string()]);
            let delay = backoff.delay(seed, 20);
            tenths[((delay.as_millis() - 250) * 10 / 299_750) as usize] += 1;
        }
        assert!(tenths.iter().all(|count| (850..1150).contains(count)), "{tenths:?}");
    }

    #[test]
    fn one_key_draws_anew_for_each_attempt() {
        let backoff = RetryClass::Transient.backoff();
        let delays: std::collections::BTreeSet<_> = (20..120).map(|failures| backoff.delay(7, failures)).collect();
        assert_eq!(delays.len(), 100);
    }

    /// A change here moves every schedule of every installation: harmless, but not to happen unnoticed.
    #[test]
    fn schedules_are_the_same_in_every_version() {
        let seed = stable_hash(["root", "SyncTarget", "edge-1"]);
        let backoff = RetryClass::Transient.backoff();
        let delays: Vec<u128> = (1..=5).map(|failures| backoff.delay(seed, failures).as_millis()).collect();
        assert_eq!((seed, delays), (7_622_138_081_287_270_867, vec![802, 1933, 569, 4163, 12_623]));
    }

    #[test]
    fn hashes_depend_on_where_parts_end() {
        assert_ne!(stable_hash(["a", "bc"]), stable_hash(["ab", "c"]));
        assert_ne!(stable_hash(["a"]), stable_hash(["a", ""]));
    }

    proptest! {
        #[test]
        fn delays_stay_in_bounds_and_never_overflow(seed: u64, failures: u32, base: Duration, cap: Duration) {
            let any = Backoff { base, cap };
            let delay = any.delay(seed, failures);
            prop_assert!(delay <= any.ceiling(failures));
            prop_assert!(delay <= cap);
            prop_assert!(delay >= (base / 4).min(cap));
        }

        #[test]
        fn no_class_ever_spins_or_sleeps_too_long(seed: u64, failures: u32) {
            for class in CLASSES {
                let delay = class.backoff().delay(seed, failures);
                prop_assert!(delay >= Duration::from_millis(25) && delay <= Backoff::LONGEST);
                prop_assert_eq!(delay, class.backoff().delay(seed, failures));
            }
        }

        #[test]
        fn ceilings_never_shrink(failures in 0..u32::MAX) {
            for class in CLASSES {
                prop_assert!(class.backoff().ceiling(failures) <= class.backoff().ceiling(failures + 1));
            }
        }

        #[test]
        fn jitter_is_less_than_its_span(nanos in 1..u64::MAX, seed: u64, round: u64) {
            prop_assert!(jitter(Duration::from_nanos(nanos), seed, round) < Duration::from_nanos(nanos));
        }
    }
}
