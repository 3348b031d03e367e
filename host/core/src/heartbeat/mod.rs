//! The syncer's Lease on the hub: how it is written, and what the controller reads from it.
//!
//! The controller makes the Lease (`TargetNames::hub` in `names::HUB_NAMESPACE`); the syncer may get, update and patch that
//! one Lease only. It says three things at once: which replica is the active one, that it lives, and with which version,
//! credential and target it works.
//!
//! Clocks differ, so no two of them are compared without saying what that means:
//! - A replica judges another replica's Lease by how long it has itself seen the record unchanged, on its own monotonic
//!   clock ([`election`]). The time in the record is compared with nothing: clocks may differ by any amount.
//! - The controller judges the syncer by `renewTime` against its own wall clock ([`health`]), so that a restarted
//!   controller knows at once what the one before knew. A clock that differs by more than the threshold makes a syncer
//!   count as lost, and the message says to compare the clocks.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

use crate::names::{ANNOTATION_CREDENTIAL_SERIAL, ANNOTATION_SYNCER_VERSION, ANNOTATION_TARGET_UID};

pub mod election;
pub mod health;

pub use election::{Facts, NotFenced, Replica, Step};
pub use health::Health;

/// After so many intervals without a heartbeat the syncer counts as lost, and another replica takes over.
pub const MISSED_BEATS: u32 = 3;
/// The longest promise that is believed: three times the longest interval that the API accepts.
const MAX_LEASE: Duration = Duration::from_hours(3);
/// The longest text that is taken over from a Lease, in bytes.
const MAX_TEXT: usize = 128;

/// What the syncer last wrote into its Lease. Whoever holds the syncer's credential writes there, so texts are short and
/// printable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// The active replica; empty when the last one left its place and no other has taken it yet.
    pub holder: String,
    /// When it last renewed, by the syncer's clock.
    pub renewed_at: Timestamp,
    /// How long the syncer promised not to be silent: three times the interval that it was started with.
    pub promised: Duration,
    /// Its version.
    pub version: String,
    /// Which credential it uses: serial of the certificate in hexadecimal digits, or the token's id.
    pub credential_serial: String,
    /// uid of the SyncTarget that it serves.
    pub target_uid: String,
}

impl Heartbeat {
    /// Reads a Lease; `None` while no syncer ever renewed it.
    pub fn read(lease: &Lease) -> Option<Self> {
        let spec = lease.spec.as_ref()?;
        let MicroTime(renewed_at) = spec.renew_time.clone()?;
        let annotations = lease.metadata.annotations.as_ref();
        let text = |key: &str| clean(annotations.and_then(|all| all.get(key)).map_or("", String::as_str));
        Some(Self {
            holder: clean(spec.holder_identity.as_deref().unwrap_or_default()),
            renewed_at,
            promised: promise(spec).unwrap_or_default(),
            version: text(ANNOTATION_SYNCER_VERSION),
            credential_serial: text(ANNOTATION_CREDENTIAL_SERIAL),
            target_uid: text(ANNOTATION_TARGET_UID),
        })
    }

    /// Whether the syncer's own promise not to be silent still holds at `now`. Whoever keeps what [`Health`] said must ask
    /// again when this changes: a syncer that comes back writes the same as before, but for the time.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        now < later(self.renewed_at, self.promised)
    }
}

/// How long a syncer with that interval may be silent.
pub fn threshold(interval: Duration) -> Duration {
    interval.saturating_mul(MISSED_BEATS).min(MAX_LEASE)
}

/// Printable ASCII without spaces, at most [`MAX_TEXT`] bytes: it goes into a status, an Event and a log.
fn clean(text: &str) -> String {
    text.chars().filter(char::is_ascii_graphic).take(MAX_TEXT).collect()
}

/// The Lease's own duration, if it has one, as far as it is believed.
fn promise(spec: &LeaseSpec) -> Option<Duration> {
    let seconds = u64::try_from(spec.lease_duration_seconds?).ok().filter(|seconds| *seconds > 0)?;
    Some(Duration::from_secs(seconds).min(MAX_LEASE))
}

/// `time` plus `duration`, or the end of time.
fn later(time: Timestamp, duration: Duration) -> Timestamp {
    SignedDuration::try_from(duration).ok().and_then(|span| time.checked_add(span).ok()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn lease(value: Value) -> Lease {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn reads_what_the_syncer_wrote() {
        let heartbeat = Heartbeat::read(&lease(json!({
            "metadata": { "annotations": {
                "berthage.dev/syncer-version": "0.1.0",
                "berthage.dev/credential-serial": "0a1b",
                "berthage.dev/target-uid": "u-1",
            } },
            "spec": {
                "holderIdentity": "pod-1",
                "renewTime": "2026-01-02T03:04:05.678901Z",
                "leaseDurationSeconds": 90,
            },
        })));
        assert_eq!(
            heartbeat,
            Some(Heartbeat {
                holder: "pod-1".to_owned(),
                renewed_at: "2026-01-02T03:04:05.678901Z".parse().unwrap(),
                promised: Duration::from_secs(90),
                version: "0.1.0".to_owned(),
                credential_serial: "0a1b".to_owned(),
                target_uid: "u-1".to_owned(),
            })
        );
    }

    #[test]
    fn a_heartbeat_is_fresh_for_as_long_as_was_promised() {
        let heartbeat = Heartbeat::read(&lease(json!({
            "spec": { "renewTime": "2026-01-02T03:04:05.000000Z", "leaseDurationSeconds": 3 },
        })))
        .unwrap();
        assert!(heartbeat.is_fresh("2026-01-02T03:04:07.999999Z".parse().unwrap()));
        assert!(!heartbeat.is_fresh("2026-01-02T03:04:08Z".parse().unwrap()));
    }

    #[test]
    fn a_lease_as_the_controller_makes_it_is_no_heartbeat() {
        assert_eq!(Heartbeat::read(&lease(json!({ "metadata": { "name": "l" } }))), None);
        assert_eq!(Heartbeat::read(&lease(json!({ "metadata": { "name": "l" }, "spec": {} }))), None);
    }

    #[test]
    fn what_a_hostile_syncer_writes_stays_short_and_printable() {
        let heartbeat = Heartbeat::read(&lease(json!({
            "metadata": { "annotations": { "berthage.dev/syncer-version": format!("1\n\u{1b}[2J ä{}", "9".repeat(5_000)) } },
            "spec": { "renewTime": "2026-01-02T03:04:05.000000Z", "leaseDurationSeconds": i32::MAX },
        })))
        .unwrap();
        assert_eq!(heartbeat.version.len(), MAX_TEXT);
        assert!(heartbeat.version.starts_with("1[2J9"));
        assert_eq!(heartbeat.promised, MAX_LEASE);
        let negative =
            lease(json!({ "spec": { "renewTime": "2026-01-02T03:04:05.000000Z", "leaseDurationSeconds": -1 } }));
        assert_eq!(Heartbeat::read(&negative).unwrap().promised, Duration::ZERO);
    }
}
