//! Whether the syncer lives, as the controller judges it.

use std::time::Duration;

use jiff::Timestamp;

use super::{Heartbeat, later, threshold};
use crate::reason::Reason;
use crate::status::target::Finding;

/// Whether the syncer lives, as far as its heartbeat tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// No syncer of this target ever renewed the Lease.
    NeverSeen,
    /// It does.
    Healthy {
        /// When it will count as lost, unless it is heard of before.
        until: Timestamp,
    },
    /// It has been silent for too long.
    Lost {
        /// Its last heartbeat.
        since: Timestamp,
        /// How long it may be silent.
        threshold: Duration,
    },
    /// Its heartbeats are dated too far in the future to tell anything: its end would not be noticed.
    ClockAhead {
        /// How far the clocks may differ.
        threshold: Duration,
    },
}

impl Health {
    /// Judges the heartbeat of the target with `uid` at `now`.
    ///
    /// The threshold is three times `interval`, or what the syncer promised with its last beat where that is longer: when
    /// a shorter interval has just been configured, the syncer that still runs with the longer one is not lost.
    pub fn assess(heartbeat: Option<&Heartbeat>, uid: &str, interval: Duration, now: Timestamp) -> Self {
        let Some(heartbeat) = heartbeat.filter(|heartbeat| heartbeat.target_uid == uid && !uid.is_empty()) else {
            return Self::NeverSeen;
        };
        let threshold = threshold(interval).max(heartbeat.promised);
        if heartbeat.renewed_at >= later(now, threshold) {
            return Self::ClockAhead { threshold };
        }
        let until = later(heartbeat.renewed_at, threshold);
        if now < until { Self::Healthy { until } } else { Self::Lost { since: heartbeat.renewed_at, threshold } }
    }

    /// The condition SyncerHealthy. It stays the same for as long as the state does: no times.
    pub fn finding(&self) -> Finding {
        let span = |threshold: &Duration| crate::api::Duration::from(*threshold);
        match self {
            Self::NeverSeen => {
                Finding::unknown(Reason::NeverSeen, "No heartbeat of the syncer was seen on the hub yet.")
            }
            Self::Healthy { .. } => Finding::good("The syncer renews its Lease on the hub."),
            Self::Lost { threshold, .. } => Finding::bad(
                Reason::HeartbeatLost,
                format!(
                    "The syncer has been silent for {} or longer; lastHeartbeatTime says since when. See whether its Pods \
                     run and reach the hub; if they do, compare the clocks of their node and of the controller.",
                    span(threshold)
                ),
            ),
            Self::ClockAhead { threshold } => Finding::bad(
                Reason::HeartbeatLost,
                format!(
                    "The syncer's heartbeats are dated {} or more in the future, so its end would go unnoticed. Compare \
                     the clocks of its node and of the controller.",
                    span(threshold)
                ),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::*;
    use crate::api::ConditionStatus;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + millis).unwrap()
    }

    fn beat(millis: i64) -> Heartbeat {
        Heartbeat {
            holder: "pod".to_owned(),
            renewed_at: at(millis),
            promised: Duration::ZERO,
            version: String::new(),
            credential_serial: String::new(),
            target_uid: "u".to_owned(),
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn healthy_for_three_intervals_and_not_a_moment_longer() {
        let health = |now| Health::assess(Some(&beat(0)), "u", SECOND, at(now));
        assert_eq!(health(2_999), Health::Healthy { until: at(3_000) });
        assert_eq!(health(3_000), Health::Lost { since: at(0), threshold: 3 * SECOND });
    }

    #[test]
    fn another_targets_heartbeat_is_none() {
        assert_eq!(Health::assess(None, "u", SECOND, at(0)), Health::NeverSeen);
        assert_eq!(Health::assess(Some(&beat(0)), "other", SECOND, at(0)), Health::NeverSeen);
        let anonymous = Heartbeat { target_uid: String::new(), ..beat(0) };
        assert_eq!(Health::assess(Some(&anonymous), "", SECOND, at(0)), Health::NeverSeen);
    }

    #[test]
    fn a_syncer_that_still_runs_with_a_longer_interval_is_not_lost() {
        let slow = Heartbeat { promised: 90 * SECOND, ..beat(0) };
        assert_eq!(Health::assess(Some(&slow), "u", SECOND, at(60_000)), Health::Healthy { until: at(90_000) });
    }

    #[test]
    fn a_clock_may_be_ahead_by_less_than_the_threshold() {
        let health = |renewed| Health::assess(Some(&beat(renewed)), "u", SECOND, at(0));
        assert_eq!(health(2_999), Health::Healthy { until: at(5_999) });
        assert_eq!(health(3_000), Health::ClockAhead { threshold: 3 * SECOND });
    }

    #[test]
    fn each_state_has_its_reason_and_a_message_without_a_time() {
        let states = [
            (Health::NeverSeen, ConditionStatus::Unknown, Reason::NeverSeen),
            (Health::Healthy { until: at(0) }, ConditionStatus::True, Reason::AsExpected),
            (Health::Lost { since: at(0), threshold: SECOND }, ConditionStatus::False, Reason::HeartbeatLost),
            (Health::ClockAhead { threshold: SECOND }, ConditionStatus::False, Reason::HeartbeatLost),
        ];
        for (health, status, reason) in states {
            let finding = health.finding();
            assert_eq!((finding.status, finding.reason), (status, reason));
            assert!(!finding.message.contains("2023-"), "{}", finding.message);
        }
    }

    proptest! {
        #[test]
        fn without_a_new_beat_health_only_gets_worse(
            renewed in -100_000_i64..100_000, first in -100_000_i64..100_000, wait in 0_i64..100_000, interval in 1_u64..20_000,
        ) {
            let interval = Duration::from_millis(interval);
            let (early, late) = (
                Health::assess(Some(&beat(renewed)), "u", interval, at(first)),
                Health::assess(Some(&beat(renewed)), "u", interval, at(first + wait)),
            );
            if matches!(early, Health::Lost { .. }) {
                prop_assert_eq!(early, late);
            }
            if let Health::Healthy { until } = early {
                let then = Health::assess(Some(&beat(renewed)), "u", interval, until);
                prop_assert_eq!(then, Health::Lost { since: at(renewed), threshold: threshold(interval) });
                let before = until - SignedDuration::from_nanos(1);
                prop_assert_eq!(Health::assess(Some(&beat(renewed)), "u", interval, before), early);
                // After the syncer's end, whatever its clock, nobody waits longer than two thresholds.
                prop_assert!(until.duration_since(at(first)).unsigned_abs() <= 2 * threshold(interval));
            }
        }
    }
}
