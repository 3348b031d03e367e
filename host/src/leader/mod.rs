//! Leader election by a Lease on the hub: of several replicas one works.
//!
//! How it keeps two from working at a time, as far as a lease can (invariant I2; `access::fence` has the other half):
//! - The leader's fence closes by itself at the *start* of its last successful renewal plus two thirds of the lease
//!   duration, on the monotonic clock: a process that was stopped and goes on finds it closed. Requests are cut to end
//!   before that.
//! - Others count the whole lease duration from when *they* last saw the lease change. That is a third of the duration
//!   after the fence, at least; clocks of different machines are never compared.
//! - Whoever takes over from a leader that vanished waits before it works, until one request timeout has passed since that
//!   leader's fence: a request that left just before has then been answered or given up.
//! - Ending in order, the leader lets the lease go when its work is done, and a standby, which watches the lease, takes over
//!   at once.
//!
//! A virtual machine that is stopped and does not notice, monotonic clock included, is beyond this: writes to the hub
//! therefore carry uid and resourceVersion.

mod lease;
mod run;
mod step;

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use berthage_core::clock::Clock;
use berthage_core::names::LEADER_LEASE;
use kube::Client;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use self::run::Election;
use crate::access::Fence;
use crate::metrics::Metrics;
use crate::shutdown::Shutdown;

/// How a replica stands for election.
#[derive(Debug, Clone)]
pub struct Config {
    /// Namespace of the Lease.
    pub namespace: String,
    /// Name of the Lease.
    pub name: String,
    /// What this process is called in the lease; no other process may ever be called so.
    pub identity: String,
    /// How long others wait for a leader that is silent.
    pub lease_duration: Duration,
    /// How long after the start of its last renewal the leader works.
    pub renew_deadline: Duration,
    /// How often the leader renews.
    pub renew_interval: Duration,
    /// How long a request for the lease may take.
    pub request_timeout: Duration,
    /// How long a replica that takes over from a vanished leader waits before it works.
    pub takeover_wait: Duration,
    /// What the times in the lease are read from. Nobody decides anything by them.
    pub clock: Clock,
}

impl Config {
    /// The usual proportions (of 15 s: renewed every 2 s, work for 10 s, 5 s of silence) for the lease
    /// [`LEADER_LEASE`] in `namespace`. `request_timeout` is how long any request of the controller may take.
    pub fn new(namespace: &str, lease_duration: Duration, request_timeout: Duration) -> Self {
        let renew_deadline = lease_duration * 2 / 3;
        let silence = lease_duration.saturating_sub(renew_deadline);
        Self {
            namespace: namespace.to_owned(),
            name: LEADER_LEASE.to_owned(),
            identity: identity(),
            lease_duration,
            renew_deadline,
            renew_interval: lease_duration * 2 / 15,
            // Half of it: a request that hangs must leave time for another one.
            request_timeout: request_timeout.min(renew_deadline / 2),
            takeover_wait: request_timeout.saturating_sub(silence),
            clock: Clock::showing(jiff::Timestamp::now),
        }
    }
}

/// Host name and a random number: the name of a pod that is restarted stays, its process does not.
fn identity() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "berthage" } else { host.trim() };
    // The standard library seeds its hashers from the system's random source: that is all that is wanted of them here.
    let random = u128::from(RandomState::new().hash_one(host)) << 64 | u128::from(RandomState::new().hash_one(0));
    format!("{host}_{random:032x}")
}

/// How this replica stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leadership {
    /// Another one leads, or none does yet.
    Standby,
    /// This one leads, and may work.
    Leading,
    /// This one led, and must not work any more. There is no way back: the process is to end, and the next one begins with
    /// what is on the hub.
    Lost,
}

/// An election that this process takes part in.
#[derive(Debug)]
pub struct Campaign {
    leadership: watch::Receiver<Leadership>,
    role: Role,
}

#[derive(Debug)]
enum Role {
    /// The sender is kept so that the state never ends.
    Alone(#[expect(dead_code, reason = "held for its drop alone")] watch::Sender<Leadership>),
    Candidate {
        stop: oneshot::Sender<()>,
        task: JoinHandle<()>,
    },
}

/// Leadership without an election: this is the only replica.
pub fn always(metrics: &Metrics) -> Campaign {
    metrics.leader(LEADER_LEASE, true);
    let (sender, leadership) = watch::channel(Leadership::Leading);
    Campaign { leadership, role: Role::Alone(sender) }
}

/// Takes part in the election, and moves `fence` with its outcome. `client` must not ask that fence itself.
///
/// Once `shutdown` has begun this replica does not become leader any more; if it leads it goes on doing so, because its
/// work is still to end, until [`Campaign::released`].
pub fn campaign(client: Client, config: Config, fence: Fence, metrics: Metrics, shutdown: Shutdown) -> Campaign {
    let (sender, leadership) = watch::channel(Leadership::Standby);
    let (stop, stopped) = oneshot::channel();
    tracing::info!(
        namespace = config.namespace,
        lease = config.name,
        identity = config.identity,
        "standing for election"
    );
    let election = Election::new(client, config, fence, metrics, sender);
    let task = tokio::spawn(election.run(shutdown, stopped));
    Campaign { leadership, role: Role::Candidate { stop, task } }
}

impl Campaign {
    /// How this replica stands now.
    pub fn state(&self) -> Leadership {
        *self.leadership.borrow()
    }

    /// Waits until `wanted` is true of how this replica stands. No error ever comes of it while this exists: an election
    /// that breaks down has lost.
    pub async fn wait_for(
        &mut self,
        wanted: impl FnMut(&Leadership) -> bool,
    ) -> Result<watch::Ref<'_, Leadership>, watch::error::RecvError> {
        self.leadership.wait_for(wanted).await
    }

    /// Whether leadership was lost.
    pub fn lost(&self) -> bool {
        self.state() == Leadership::Lost
    }

    /// Ends taking part, and lets the lease go if it is held. To be called when all work has ended: another replica begins
    /// at once.
    pub async fn released(self) {
        match self.role {
            Role::Alone(_) => {}
            Role::Candidate { stop, task } => {
                // Gone already: the election has ended by itself.
                let _ = stop.send(());
                if let Err(error) = task.await {
                    tracing::error!(%error, "the election broke down");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
