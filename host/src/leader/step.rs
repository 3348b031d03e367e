//! What a replica does next about the lease, from what it has seen of it. No clock and no requests here.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use tokio::time::Instant;

/// The lease as this replica saw it last.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// As the API server told it.
    pub(super) lease: Lease,
    /// When this replica learned of this version. The clocks of other machines, whose times are in the lease, are not asked.
    pub(super) since: Instant,
    /// It was deleted after that: nobody can renew it, and its holder may still work.
    pub(super) deleted: bool,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Make the lease.
    Create {
        /// Somebody held it, and was not heard of for its whole duration.
        expired: bool,
    },
    /// Become its holder.
    Take {
        /// Its holder did not let it go, and was not heard of for its whole duration.
        expired: bool,
    },
    /// Renew it: this process holds it.
    Renew,
    /// Somebody else holds it.
    Wait {
        /// It has expired then, if nothing changes before.
        until: Instant,
    },
}

impl Seen {
    /// Who holds it.
    pub(super) fn holder(&self) -> Option<&str> {
        let spec = self.lease.spec.as_ref()?;
        spec.holder_identity.as_deref().filter(|holder| !holder.is_empty())
    }

    /// How long its holder may be silent, in the holder's own words.
    fn duration(&self, default: Duration) -> Duration {
        let seconds = self.lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds);
        seconds.and_then(|seconds| u64::try_from(seconds).ok()).map_or(default, Duration::from_secs)
    }

    /// The version that a write is based on.
    pub(super) fn version(&self) -> &str {
        self.lease.metadata.resource_version.as_deref().unwrap_or_default()
    }
}

/// Decides for the replica called `identity`, which no other process is called. `seen` is [`None`] where there is no lease
/// and never was one; `default` is the duration of a lease that names none.
pub(super) fn leader_step(identity: &str, seen: Option<&Seen>, default: Duration, now: Instant) -> Step {
    let Some(seen) = seen else { return Step::Create { expired: false } };
    let until = match seen.holder() {
        None => None,
        Some(holder) if holder == identity => None,
        Some(_) => Some(seen.since.checked_add(seen.duration(default)).unwrap_or(now + default)),
    };
    match until {
        Some(until) if now < until => Step::Wait { until },
        _ if seen.deleted => Step::Create { expired: until.is_some() },
        Some(_) => Step::Take { expired: true },
        None if seen.holder().is_some() => Step::Renew,
        None => Step::Take { expired: false },
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::coordination::v1::LeaseSpec;

    use super::*;

    const DEFAULT: Duration = Duration::from_secs(15);

    fn seen(holder: Option<&str>, seconds: Option<i32>, since: Instant) -> Seen {
        let spec = LeaseSpec {
            holder_identity: holder.map(str::to_owned),
            lease_duration_seconds: seconds,
            ..LeaseSpec::default()
        };
        Seen { lease: Lease { spec: Some(spec), ..Lease::default() }, since, deleted: false }
    }

    fn after(seen: &Seen, seconds: u64) -> Step {
        leader_step("me", Some(seen), DEFAULT, seen.since + Duration::from_secs(seconds))
    }

    #[test]
    fn without_a_lease_it_is_made() {
        assert_eq!(leader_step("me", None, DEFAULT, Instant::now()), Step::Create { expired: false });
    }

    #[test]
    fn a_lease_that_was_let_go_is_taken_at_once() {
        let now = Instant::now();
        for free in [seen(Some(""), Some(1), now), seen(None, None, now)] {
            assert_eq!(after(&free, 0), Step::Take { expired: false });
        }
        let empty = Seen { lease: Lease::default(), since: now, deleted: false };
        assert_eq!(after(&empty, 0), Step::Take { expired: false });
    }

    #[test]
    fn another_holder_is_waited_for_as_long_as_it_asked_from_when_it_was_seen() {
        let now = Instant::now();
        let held = seen(Some("other"), Some(40), now);
        let until = now + Duration::from_secs(40);
        assert_eq!(after(&held, 0), Step::Wait { until });
        assert_eq!(after(&held, 39), Step::Wait { until });
        assert_eq!(after(&held, 40), Step::Take { expired: true });
    }

    #[test]
    fn a_duration_that_is_missing_or_senseless_is_the_usual_one() {
        let now = Instant::now();
        for seconds in [None, Some(-1)] {
            let until = now + DEFAULT;
            assert_eq!(after(&seen(Some("other"), seconds, now), 0), Step::Wait { until });
        }
        assert!(matches!(after(&seen(Some("other"), Some(i32::MAX), now), 1), Step::Wait { .. }));
    }

    #[test]
    fn a_lease_of_ones_own_is_renewed_whatever_its_age() {
        let held = seen(Some("me"), Some(15), Instant::now());
        assert_eq!(after(&held, 0), Step::Renew);
        assert_eq!(after(&held, 1000), Step::Renew);
    }

    /// Deleting the lease does not make its holder stop.
    #[test]
    fn a_deleted_lease_is_made_again_only_when_its_holder_must_have_stopped() {
        let now = Instant::now();
        let deleted = |holder| Seen { deleted: true, ..seen(holder, Some(15), now) };
        assert_eq!(after(&deleted(Some("other")), 14), Step::Wait { until: now + DEFAULT });
        assert_eq!(after(&deleted(Some("other")), 15), Step::Create { expired: true });
        assert_eq!(after(&deleted(Some("me")), 1), Step::Create { expired: false });
        assert_eq!(after(&deleted(None), 1), Step::Create { expired: false });
    }
}
