//! How a plugin was used since it was loaded: counts, and how long calls took.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Powers of two of microseconds: up to half a minute, which no call ever takes.
const BUCKETS: usize = 26;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Usage {
    calls: AtomicU64,
    kept: AtomicU64,
    failures: AtomicU64,
    refusals: AtomicU64,
    buckets: [AtomicU64; BUCKETS],
}

/// The same at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Used {
    /// Calls that were made.
    pub calls: u64,
    /// Calls that were saved.
    pub kept: u64,
    /// Calls that failed.
    pub failures: u64,
    /// Outcomes that refused their subject.
    pub refusals: u64,
    /// Time within which half of the calls came back: a power of two of microseconds. None before the first.
    pub p50: Option<Duration>,
    /// The same for 99 of 100.
    pub p99: Option<Duration>,
}

impl Usage {
    pub(super) fn called(&self, duration: Duration, failed: bool) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.failures.fetch_add(u64::from(failed), Ordering::Relaxed);
        let micros = duration.as_micros().max(1);
        // The first power of two that is not less.
        let at = (u128::BITS - (micros - 1).leading_zeros()) as usize;
        self.buckets[at.min(BUCKETS - 1)].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn kept(&self) {
        self.kept.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refused(&self) {
        self.refusals.fetch_add(1, Ordering::Relaxed);
    }

    /// As it is now.
    pub(super) fn now(&self) -> Used {
        let counts: Vec<u64> = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        let all: u64 = counts.iter().sum();
        let within = |percent: u64| {
            let wanted = (all * percent).div_ceil(100);
            let mut sum = 0;
            let at = counts.iter().position(|count| {
                sum += count;
                all > 0 && sum >= wanted
            })?;
            Some(Duration::from_micros(1 << at))
        };
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Used {
            calls: load(&self.calls),
            kept: load(&self.kept),
            failures: load(&self.failures),
            refusals: load(&self.refusals),
            p50: within(50),
            p99: within(99),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_up_to_powers_of_two() {
        let usage = Usage::default();
        assert_eq!(usage.now(), Used::default());
        for _ in 0..98 {
            usage.called(Duration::from_micros(30), false);
        }
        usage.called(Duration::from_micros(33), true);
        usage.called(Duration::from_secs(3600), false);
        let used = usage.now();
        assert_eq!((used.calls, used.failures), (100, 1));
        assert_eq!(used.p50, Some(Duration::from_micros(32)));
        assert_eq!(used.p99, Some(Duration::from_micros(64)));
        let exact = Usage::default();
        exact.called(Duration::from_micros(32), false);
        exact.called(Duration::ZERO, false);
        assert_eq!(
            (exact.now().p50, exact.now().p99),
            (Some(Duration::from_micros(1)), Some(Duration::from_micros(32)))
        );
    }
}
