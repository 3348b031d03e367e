//! What one tenant may take of what all share.

use std::time::Duration;

/// The bounds that a [`Queue`](super::Queue) keeps for each of its tenants.
///
/// How many keys are handed out at a time *in all* is not here: that is the number of workers who ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many keys of one tenant may be handed out at a time. 0 is taken as 1.
    pub tenant_concurrency: usize,
    /// How often keys of one tenant may be tried again.
    pub tenant_retries: RetryBudget,
}

impl Limits {
    /// No bounds: for a queue with one tenant, who takes nothing from anybody.
    pub const NONE: Self = Self { tenant_concurrency: usize::MAX, tenant_retries: RetryBudget::UNLIMITED };

    /// For `workers` that many tenants share.
    ///
    /// One tenant gets at most half of the workers. Turns alone would not do: a tenant whose clusters do not answer
    /// gives workers back late, and would hold all of them after a few turns. Half is the most that leaves the others
    /// together no worse off than the one, and the least that does not slow down an installation where one is busy
    /// by more than two times. Two such tenants still take everything; what ends that is the time limit of a run's
    /// requests. A single worker cannot be shared: it is then as if there were no bound.
    pub const fn for_workers(workers: usize) -> Self {
        let half = workers / 2;
        Self { tenant_concurrency: if half == 0 { 1 } else { half }, tenant_retries: RetryBudget::DEFAULT }
    }

    /// For `probes` at a time that many tenants share.
    ///
    /// A probe is nothing but waiting for a tenant's cluster, and a tenant whose clusters say nothing has all of them probed
    /// again and again. So it gets a sixteenth: it takes sixteen such tenants to have the others wait.
    pub const fn for_probes(probes: usize) -> Self {
        let share = probes / 16;
        Self { tenant_concurrency: if share == 0 { 1 } else { share }, tenant_retries: RetryBudget::DEFAULT }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::NONE
    }
}

/// A token bucket: each retry takes a token, and waits for one while there is none.
///
/// Only retries draw on it. What was added, because something changed or is looked at from time to time, goes ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryBudget {
    /// How many tokens a bucket holds that was not drawn on for long. 0 is taken as 1.
    pub burst: u32,
    /// The time in which one token comes. Zero: there is always one.
    pub refill: Duration,
}

impl RetryBudget {
    /// No bound.
    pub const UNLIMITED: Self = Self { burst: u32::MAX, refill: Duration::ZERO };

    /// client-go's 100 at once and 10 a second, but for each tenant.
    ///
    /// A key that keeps failing comes back every 150 seconds on average ([`Backoff::LONGEST`] with full jitter), so 1,500
    /// of one tenant fail for ever and none is put off. What is beyond that is noticed to be well again later than in
    /// five minutes, unless a watch tells.
    ///
    /// [`Backoff::LONGEST`]: crate::backoff::Backoff::LONGEST
    pub const DEFAULT: Self = Self { burst: 100, refill: Duration::from_millis(100) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tenant_gets_half_of_the_workers_and_one_at_least() {
        let bounds = [0, 1, 2, 3, 16].map(|workers| Limits::for_workers(workers).tenant_concurrency);
        assert_eq!(bounds, [1, 1, 1, 1, 8]);
        let bounds = [0, 15, 64].map(|probes| Limits::for_probes(probes).tenant_concurrency);
        assert_eq!(bounds, [1, 1, 4]);
    }
}
