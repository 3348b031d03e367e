//! One heartbeat: is the target still there, and is the Lease ours?
//!
//! A quiet heartbeat of the active replica is two requests: one GET of the SyncTarget's metadata and one PATCH of the Lease,
//! made from the hub's answer to the last PATCH. A replica that stands by reads the Lease instead.

use std::time::Duration;

use berthage_core::clock::Clock;
use berthage_core::heartbeat::{Facts, Replica, Step};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::Value;
use tokio::time::Instant;

use crate::connection::Connection;
use crate::failure::{Failure, within};
use crate::target::{self, Gone};

/// Whom the hub writes down as the author of the Lease's fields.
const FIELD_MANAGER: &str = "berthage-syncer";
const THE_LEASE: &str = "the Lease";

/// What a heartbeat is about.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Name of the SyncTarget.
    pub target: String,
    /// uid of the SyncTarget.
    pub target_uid: String,
    /// Namespace of the Lease.
    pub lease_namespace: String,
    /// Name of the Lease.
    pub lease_name: String,
    /// Name of this replica.
    pub identity: String,
    /// Time between two heartbeats.
    pub interval: Duration,
    /// Longest time for a request.
    pub request_timeout: Duration,
}

/// How a heartbeat went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beat {
    /// The Lease was renewed or taken: this replica is the active one.
    Active,
    /// Another replica is.
    StandBy {
        /// Which.
        holder: String,
        /// After that time without a sign of it, the Lease may be taken.
        wait: Duration,
    },
    /// The SyncTarget is not there any more. The Lease was not touched.
    Gone(Gone),
}

/// Makes heartbeats.
#[derive(Debug)]
pub struct Heart {
    subject: Subject,
    replica: Replica,
    /// The Lease as this replica last wrote it. Empty when another one may have written it since.
    held: Option<Lease>,
    started: Instant,
    clock: Clock,
}

impl Heart {
    /// One that has not beaten yet. `clock` says what times are in the Lease.
    pub fn new(subject: Subject, clock: Clock) -> Self {
        let replica = Replica::new(subject.identity.clone(), subject.interval);
        Self { subject, replica, held: None, started: Instant::now(), clock }
    }

    /// What it is about.
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Makes one heartbeat.
    pub async fn beat(&mut self, hub: &Connection) -> Result<Beat, Failure> {
        let Subject { target, target_uid, request_timeout, .. } = &self.subject;
        let blind = match target::look(&hub.client, target, target_uid, *request_timeout).await {
            Ok(None) => false,
            Ok(Some(gone)) => return Ok(Beat::Gone(gone)),
            // The right to read the target alone may be missing; that does not make the syncer any less alive.
            Err(failure @ Failure::Forbidden { .. }) => {
                tracing::debug!(%failure, "the SyncTarget cannot be looked at");
                true
            }
            Err(failure) => return Err(failure),
        };
        self.renew(hub).await.map_err(|failure| match failure {
            Failure::Forbidden { message, .. } if blind => Failure::Revoked { message },
            failure => failure,
        })
    }

    /// Renews or takes the Lease, if it is free or this replica's.
    async fn renew(&mut self, hub: &Connection) -> Result<Beat, Failure> {
        let limit = self.subject.request_timeout;
        let current = match self.held.take() {
            Some(lease) => lease,
            None => within(limit, THE_LEASE, self.leases(hub).get(&self.subject.lease_name)).await?,
        };
        let facts = Facts {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            credential_serial: hub.serial.clone(),
            target_uid: self.subject.target_uid.clone(),
        };
        match self.replica.step(&current, &facts, self.clock.now(), self.started.elapsed())? {
            Step::StandBy { holder, wait } => Ok(Beat::StandBy { holder, wait }),
            Step::Renew(patch) | Step::Acquire(patch) => {
                self.held = Some(self.write(hub, patch).await?);
                Ok(Beat::Active)
            }
        }
    }

    /// Leaves the place of the active replica, if this is it. The last heartbeat stays written, for it is still true; only
    /// the holder is taken out, so that another replica need not wait.
    pub async fn leave(&mut self, hub: &Connection) -> Result<(), Failure> {
        // A heartbeat may have been cut off after the hub took it, so the Lease is read once more.
        self.held = None;
        let limit = self.subject.request_timeout;
        let current = within(limit, THE_LEASE, self.leases(hub).get(&self.subject.lease_name)).await?;
        match self.replica.release(&current) {
            Some(patch) => self.write(hub, patch).await.map(|_| ()),
            None => Ok(()),
        }
    }

    fn leases(&self, hub: &Connection) -> Api<Lease> {
        Api::namespaced(hub.client.clone(), &self.subject.lease_namespace)
    }

    async fn write(&self, hub: &Connection, patch: Value) -> Result<Lease, Failure> {
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let (leases, patch) = (self.leases(hub), Patch::Merge(patch));
        let request = leases.patch(&self.subject.lease_name, &params, &patch);
        within(self.subject.request_timeout, THE_LEASE, request).await
    }
}

#[cfg(test)]
#[path = "beat_tests.rs"]
pub(crate) mod tests;
