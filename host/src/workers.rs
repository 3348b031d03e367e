//! The workers: each of the three controllers has a queue and workers of its own.
//!
//! A run of a registration is a probe of a tenant's cluster, which is nothing but waiting. In one queue a few tenants whose
//! clusters say nothing would hold all workers with it; in a queue of their own they hold up probes only. And plugins are
//! compiled in a queue of their own.

use std::sync::Arc;
use std::time::Duration;

use berthage_core::backoff::RetryClass;
use berthage_core::key::{Key, Kind};
use berthage_core::queue::{Limits, Outcome, Priority};
use berthage_core::reason::Reason;
use tracing::Instrument as _;

use crate::metrics::{ControllerMetrics, Metrics, ReconcileResult};
use crate::queue::WorkQueue;
use crate::reconcile::{self, After, Context};

/// Probes at a time, for each worker: they take no processor time.
const PROBES: usize = 4;
/// Plugins that are loaded at a time: compiling one takes a processor for seconds.
const LOADS: usize = 2;

/// The queues of both controllers. Clones are handles to the same ones.
#[derive(Clone)]
pub struct Queues {
    targets: WorkQueue<Key>,
    registrations: WorkQueue<Key>,
    plugins: WorkQueue<Key>,
    workers: usize,
}

impl Queues {
    /// For that many workers, whom the tenants of the hub share, or the only one has to itself.
    pub fn new(metrics: &Metrics, workers: usize, shared: bool) -> Self {
        let limits = |limits| if shared { limits } else { Limits::NONE };
        Self {
            targets: WorkQueue::new("synctarget", metrics, limits(Limits::for_workers(workers))),
            registrations: WorkQueue::new(
                "clusterregistration",
                metrics,
                limits(Limits::for_probes(workers.saturating_mul(PROBES))),
            ),
            plugins: WorkQueue::new("reconcileplugin", metrics, limits(Limits::for_workers(LOADS))),
            workers,
        }
    }

    const fn of(&self, key: &Key) -> Option<&WorkQueue<Key>> {
        match key.kind {
            Kind::Target => Some(&self.targets),
            Kind::Registration => Some(&self.registrations),
            Kind::Plugin => Some(&self.plugins),
            Kind::ConfigMap => None,
        }
    }

    /// Asks for a key to be looked at as soon as its turn comes. Of a kind that has no reconcile, nothing is done.
    pub fn add(&self, key: Key, priority: Priority) {
        if let Some(queue) = self.of(&key) {
            queue.add(key, priority);
        }
    }

    fn add_after(&self, key: Key, delay: Duration, priority: Priority) {
        if let Some(queue) = self.of(&key) {
            queue.add_after(key, delay, priority);
        }
    }

    /// Works on what is in the queues until they are shut down, and the last run is over.
    pub async fn run(&self, ctx: &Arc<Context>) {
        let probes = self.workers.saturating_mul(PROBES);
        let controller = |name, workers| {
            let (ctx, queues, metrics) = (Arc::clone(ctx), self.clone(), ctx.metrics.controller(name, workers));
            move |key, attempt| work(Arc::clone(&ctx), queues.clone(), metrics.clone(), name, key, attempt)
        };
        tokio::join!(
            self.targets.run(self.workers, controller("synctarget", self.workers)),
            self.registrations.run(probes, controller("clusterregistration", probes)),
            self.plugins.run(LOADS, controller("reconcileplugin", LOADS)),
        );
    }

    /// Hands out nothing more, and waits until the last run is over.
    pub async fn shut_down(&self) {
        let all = [&self.targets, &self.registrations, &self.plugins];
        for queue in all {
            queue.shut_down();
        }
        for queue in all {
            queue.drained().await;
        }
    }
}

async fn work(
    ctx: Arc<Context>,
    queues: Queues,
    metrics: ControllerMetrics,
    controller: &'static str,
    key: Key,
    attempt: u32,
) -> Outcome {
    let span = tracing::info_span!("reconcile", controller, workspace = %key.workspace, name = %key.name, attempt);
    let running = metrics.start();
    let after = reconcile::reconcile(&ctx, &key, attempt).instrument(span.clone()).await;
    tracing::trace!(parent: &span, ?after, "the run is over");
    match result(after) {
        Some(result) => running.finish(result),
        None => drop(running),
    }
    if let After::Retry { reason, .. } | After::Blocked { reason, .. } = after {
        ctx.metrics.reconcile_failed(reason);
    }
    if let After::Retry { due: Some(due), .. } = after {
        // The end of somebody's patience must not be missed because of a backoff: the earlier of both counts.
        queues.add_after(key, due, Priority::Background);
    }
    outcome(after)
}

/// What is counted; nothing for what was no run.
const fn result(after: After) -> Option<ReconcileResult> {
    match after {
        After::Forget | After::Settled(None) => Some(ReconcileResult::Success),
        After::Settled(Some(Duration::ZERO)) => Some(ReconcileResult::Requeue),
        After::Settled(Some(_)) => Some(ReconcileResult::RequeueAfter),
        After::NotRun(_) => None,
        After::Retry { .. } => Some(ReconcileResult::Error),
        After::Blocked { .. } => Some(ReconcileResult::TerminalError),
    }
}

fn outcome(after: After) -> Outcome {
    match after {
        After::Forget | After::Settled(None) => Outcome::Settled,
        After::Settled(Some(delay)) if delay < Duration::from_secs(1) => Outcome::GoOn { delay },
        After::Settled(Some(delay)) => Outcome::After { delay, priority: Priority::Background },
        After::NotRun(delay) => Outcome::NotRun { delay },
        After::Blocked { resync, .. } => Outcome::After { delay: resync, priority: Priority::Background },
        After::Retry { reason, delay, .. } => {
            Outcome::Retry { class: class(reason), at_least: delay.unwrap_or(Duration::ZERO) }
        }
    }
}

/// What kind of failure a reason is.
pub(crate) fn class(reason: Reason) -> RetryClass {
    match reason {
        Reason::HubWriteFailed
        | Reason::ClusterUnreachable
        | Reason::ClusterTimeout
        | Reason::ClusterOverloaded
        | Reason::NamespaceTerminating
        | Reason::ApplyFailed
        | Reason::PluginRetry => RetryClass::Transient,
        Reason::Progressing => RetryClass::Conflict,
        _ => RetryClass::Persistent,
    }
}
