//! One key, one step closer to what its spec wants.
//!
//! Level-triggered: why a key runs is logged and never an input. `target::advance` is the pipeline of a SyncTarget on one
//! screen, `detach` its way back, `registration` the probe of a physical cluster, `plugin` the loading of a ReconcilePlugin. Reads happen in `resolve` and
//! `observe`, writes in `issue`, `apply` and `publish`; what lies between decides and does nothing.

mod apply;
mod budget;
mod bulkhead;
mod detach;
mod issue;
mod observe;
pub mod offline;
mod plan;
mod plugin;
mod publish;
mod reads;
mod registration;
mod remove;
mod render;
mod repairs;
mod resolve;
mod serving;
mod target;
mod tenancy;
mod writing;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use berthage_core::clock::Clock;
use berthage_core::key::{Key, Kind};
use berthage_core::queue::Priority;
use berthage_core::reason::Reason;

use crate::access::{AddressPolicy, Connections};
use crate::credentials::Issuer;
use crate::downstream::Downstream;
use crate::events::Events;
use crate::hook::{Plugins, Registry};
use crate::hub::Hub;
use crate::library::Library;
use crate::metrics::Metrics;
use crate::store::Store;

pub use bulkhead::Bulkheads;
pub use detach::{Exits, sweep_secrets};
pub use repairs::Repairs;
pub use target::Memo;

/// Everything a reconcile uses. Built once, in [`Manager::new`](crate::manager::Manager::new).
pub struct Context {
    /// Writes to the hub.
    pub hub: Hub,
    /// What manifests are made of.
    pub making: Making,
    /// What the watches downstream have told.
    pub downstream: Downstream,
    /// Clients of physical clusters.
    pub connections: Connections,
    /// Makes the syncers' credentials.
    pub issuer: Issuer,
    /// Events on the hub.
    pub events: Events,
    /// Metrics.
    pub metrics: Metrics,
    /// How this controller was told to behave.
    pub options: Options,
    /// What targets looked like when nothing was left to do.
    pub memos: Memos,
    /// How often in a row a registration could not be probed.
    pub probes: Probes,
    /// What one physical cluster may hold up.
    pub bulkheads: Arc<Bulkheads>,
    /// When targets were repaired lately.
    pub repairs: Repairs,
    /// Who leaves a workspace, one at a time.
    pub exits: Exits,
    /// Has a key looked at again.
    pub wake: Wake,
    /// What day it is.
    pub clock: Clock,
}

/// Has a key looked at again, as urgently as is said. Must not block.
pub type Wake = Box<dyn Fn(Key, Priority) + Send + Sync>;

/// What manifests are made of: all that `berthage render` shares with the controller.
pub struct Making {
    /// What the hub's watches have told; for offline commands, what the files say.
    pub store: Arc<Store>,
    /// The loaded plugins.
    pub plugins: Arc<Plugins>,
    /// The plugins that are declared on the hub.
    pub declared: Arc<Registry>,
    /// Compiled template sets.
    pub library: Library,
    /// Image of the syncer where a target names none.
    pub syncer_image: String,
}

/// How the controller was told to behave.
#[derive(Debug, Clone)]
pub struct Options {
    /// How often a registration is probed.
    pub probe_interval: Duration,
    /// Report, and change nothing but status.
    pub observe_only: bool,
    /// Whether the hub is kcp.
    pub kcp: bool,
    /// How long a workspace's deletion may be held up by a cluster that cannot be cleaned up.
    pub workspace_patience: Duration,
    /// What addresses a tenant's kubeconfig may name.
    pub addresses: AddressPolicy,
    /// How many downstream writes of one target are under way at a time.
    pub parallel_writes: usize,
    /// How much of one cluster's time a run may take.
    pub run_budget: Duration,
}

/// What comes after a run of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// The key's object is gone.
    Forget,
    /// Nothing, until something changes or that much time has passed.
    Settled(Option<Duration>),
    /// There was no run, because its cluster has no room: its turn comes when there is, or after that time.
    NotRun(Duration),
    /// It failed, and is tried again with backoff, or after the time that the server asked for.
    Retry {
        /// Why, for the metrics.
        reason: Reason,
        /// `None`: backoff.
        delay: Option<Duration>,
        /// Something else is due after that time, however long the backoff is.
        due: Option<Duration>,
    },
    /// It failed, and trying again without a change gives the same: only the resync tries again.
    Blocked {
        /// Why, for the metrics.
        reason: Reason,
        /// Time until the resync.
        resync: Duration,
    },
}

/// Runs a key once. `attempt` counts the failures in a row before this run.
pub async fn reconcile(ctx: &Context, key: &Key, attempt: u32) -> After {
    let _over = ctx.bulkheads.run_of(key);
    if !ctx.making.store.knows(&key.workspace) {
        // Absence means nothing before everything is listed; then every key of the workspace is looked at.
        ctx.bulkheads.probed(key);
        return After::Settled(None);
    }
    match key.kind {
        Kind::Registration => registration::reconcile(ctx, key).await,
        Kind::Target => target::reconcile(ctx, key, attempt).await,
        Kind::Plugin => plugin::reconcile(ctx, key).await,
        Kind::ConfigMap => After::Forget,
    }
}

/// Why a pipeline ended early. What it means for the conditions has been noted already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stop {
    /// Why.
    pub reason: Reason,
    /// When to try again.
    pub retry: Again,
}

/// When to try again after a [`Stop`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// With the queue's growing delay.
    Backoff,
    /// After that time.
    After(Duration),
    /// When something changes, or at the resync.
    OnChange,
    /// Nothing is wrong: what is waited for wakes the key, and it is looked at again after that time in any case.
    Within(Duration),
}

impl Stop {
    pub(crate) const fn new(reason: Reason, retry: Again) -> Self {
        Self { reason, retry }
    }
}

/// What targets looked like when nothing was left to do.
#[derive(Default)]
pub struct Memos(Mutex<HashMap<Key, Memo>>);

impl Memos {
    pub(crate) fn get(&self, key: &Key) -> Option<Memo> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    pub(crate) fn put(&self, key: &Key, memo: Memo) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), memo);
    }

    pub(crate) fn forget(&self, key: &Key) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

/// How often in a row each registration could not be probed.
#[derive(Default)]
pub struct Probes(Mutex<HashMap<Key, u32>>);

impl Probes {
    pub(crate) fn failed(&self, key: &Key) -> u32 {
        let mut probes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = probes.entry(key.clone()).or_insert(0);
        *count = count.saturating_add(1);
        *count
    }

    pub(crate) fn reset(&self, key: &Key) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}
