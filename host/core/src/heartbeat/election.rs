//! Which replica of the syncer is the active one: the step that a replica takes after it has read the Lease.
//!
//! Every patch carries the `resourceVersion` of the Lease that the decision was made on, so of two replicas that decide
//! at once the hub takes one and answers the other with a conflict.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use serde_json::{Value, json};

use super::{promise, threshold};
use crate::names::{ANNOTATION_CREDENTIAL_SERIAL, ANNOTATION_SYNCER_VERSION, ANNOTATION_TARGET_UID};

/// What a syncer says about itself with every heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Its version.
    pub version: String,
    /// Which credential it uses: serial of the certificate in hexadecimal digits, or the token's id.
    pub credential_serial: String,
    /// uid of the SyncTarget that it serves.
    pub target_uid: String,
}

/// What a replica does next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// It is the active replica: this merge patch renews the Lease.
    Renew(Value),
    /// Nobody is: this merge patch takes the Lease.
    Acquire(Value),
    /// Another one is.
    StandBy {
        /// The active replica.
        holder: String,
        /// After that time without a sign of it, the Lease may be taken.
        wait: Duration,
    },
}

/// The hub's answer has no resourceVersion: a patch made from it could overwrite another replica's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the Lease has no resourceVersion, so it cannot be renewed safely; see what answers at the hub's address")]
pub struct NotFenced;

/// One replica's memory: when the record that it sees first appeared, on its own clock.
#[derive(Debug)]
pub struct Replica {
    name: String,
    interval: Duration,
    seen: Option<(Record, Duration)>,
}

/// The part of a Lease that changes with every heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Record {
    holder: Option<String>,
    renewed_at: Option<MicroTime>,
    transitions: Option<i32>,
}

impl Replica {
    /// The replica of that name (its Pod's), which renews every `interval`.
    pub const fn new(name: String, interval: Duration) -> Self {
        Self { name, interval, seen: None }
    }

    /// What to do after reading `current`, at `now` on the wall clock (only written down) and `uptime` on a steady clock
    /// that starts anywhere (for waiting).
    pub fn step(
        &mut self,
        current: &Lease,
        facts: &Facts,
        now: Timestamp,
        uptime: Duration,
    ) -> Result<Step, NotFenced> {
        let empty = LeaseSpec::default();
        let spec = current.spec.as_ref().unwrap_or(&empty);
        let age = self.age(spec, uptime);
        let holder = spec.holder_identity.as_deref().unwrap_or_default();
        if holder == self.name {
            return Ok(Step::Renew(self.patch(current, facts, now)?));
        }
        let granted = promise(spec).unwrap_or_else(|| threshold(self.interval));
        if !holder.is_empty() && age < granted {
            return Ok(Step::StandBy { holder: holder.to_owned(), wait: granted.saturating_sub(age) });
        }
        let mut patch = self.patch(current, facts, now)?;
        patch["spec"]["acquireTime"] = json!(MicroTime(now));
        patch["spec"]["leaseTransitions"] =
            json!(spec.lease_transitions.map_or(0, |count| count.max(0).saturating_add(1)));
        Ok(Step::Acquire(patch))
    }

    /// The merge patch with which the active replica leaves its place to the others at once; `None` for a replica that
    /// is not the active one. The last heartbeat stays as it was: it is still the truth.
    pub fn release(&self, current: &Lease) -> Option<Value> {
        let holder = current.spec.as_ref()?.holder_identity.as_deref()?;
        let version = current.metadata.resource_version.as_deref().filter(|version| !version.is_empty())?;
        (holder == self.name)
            .then(|| json!({ "metadata": { "resourceVersion": version }, "spec": { "holderIdentity": null } }))
    }

    /// For how long the record has been seen as it is.
    fn age(&mut self, spec: &LeaseSpec, uptime: Duration) -> Duration {
        let record = Record {
            holder: spec.holder_identity.clone(),
            renewed_at: spec.renew_time.clone(),
            transitions: spec.lease_transitions,
        };
        match &self.seen {
            Some((seen, since)) if *seen == record => uptime.saturating_sub(*since),
            _ => {
                self.seen = Some((record, uptime));
                Duration::ZERO
            }
        }
    }

    fn patch(&self, current: &Lease, facts: &Facts, now: Timestamp) -> Result<Value, NotFenced> {
        let version = current.metadata.resource_version.as_deref().unwrap_or_default();
        if version.is_empty() || version == "0" {
            return Err(NotFenced);
        }
        Ok(json!({
            "metadata": {
                "resourceVersion": version,
                "annotations": {
                    ANNOTATION_SYNCER_VERSION: facts.version,
                    ANNOTATION_CREDENTIAL_SERIAL: facts.credential_serial,
                    ANNOTATION_TARGET_UID: facts.target_uid,
                },
            },
            "spec": {
                "holderIdentity": self.name,
                "leaseDurationSeconds": lease_seconds(self.interval),
                "renewTime": MicroTime(now),
            },
        }))
    }
}

/// `leaseDurationSeconds` for an interval: whole seconds, rounded up, at least 1.
fn lease_seconds(interval: Duration) -> i32 {
    let threshold = threshold(interval);
    let seconds = threshold.as_secs() + u64::from(threshold.subsec_nanos() > 0);
    i32::try_from(seconds.max(1)).unwrap_or(i32::MAX)
}

#[cfg(test)]
#[path = "election_tests.rs"]
mod tests;
