//! Handles to the metrics of one controller and of one queue: found once, used at every run.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use berthage_core::queue::Priority;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use tokio::time::Instant;

use super::labels::{self, ByController, ByPriority, ByQueue, ByResult, ReconcileResult};
use super::{Inner, Seconds, whole};

/// The metrics of one controller. Clones are handles to the same ones.
#[derive(Debug, Clone)]
pub struct ControllerMetrics(Arc<Controller>);

#[derive(Debug)]
struct Controller {
    /// In the order of [`ReconcileResult::ALL`].
    results: [Counter; ReconcileResult::ALL.len()],
    errors: Counter,
    terminal_errors: Counter,
    panics: Counter,
    time: Histogram,
    active: Gauge,
}

impl ControllerMetrics {
    pub(super) fn new(all: &Inner, controller: &'static str, workers: usize) -> Self {
        let by = ByController { controller };
        all.max_concurrent_reconciles.get_or_create(&by).set(whole(workers));
        let result = |result: ReconcileResult| {
            all.reconcile_total.get_or_create_owned(&ByResult { controller, result: result.as_str() })
        };
        Self(Arc::new(Controller {
            results: ReconcileResult::ALL.map(result),
            errors: all.reconcile_errors.get_or_create_owned(&by),
            terminal_errors: all.terminal_reconcile_errors.get_or_create_owned(&by),
            panics: all.reconcile_panics.get_or_create_owned(&by),
            time: all.reconcile_time.get_or_create_owned(&by),
            active: all.active_workers.get_or_create_owned(&by),
        }))
    }

    /// A reconcile begins.
    pub fn start(&self) -> RunningReconcile {
        self.0.active.inc();
        RunningReconcile { controller: Arc::clone(&self.0), started: Instant::now() }
    }
}

/// A reconcile that runs. Dropped without [`Self::finish`] it counts as no result, and in a panic as that.
#[derive(Debug)]
#[must_use = "its end is what is measured"]
pub struct RunningReconcile {
    controller: Arc<Controller>,
    started: Instant,
}

impl RunningReconcile {
    /// The reconcile has ended.
    pub fn finish(self, result: ReconcileResult) {
        let controller = &self.controller;
        controller.results[result as usize].inc();
        if matches!(result, ReconcileResult::Error | ReconcileResult::TerminalError) {
            controller.errors.inc();
        }
        if result == ReconcileResult::TerminalError {
            controller.terminal_errors.inc();
        }
    }
}

impl Drop for RunningReconcile {
    fn drop(&mut self) {
        self.controller.active.dec();
        self.controller.time.observe(self.started.elapsed().as_secs_f64());
        if std::thread::panicking() {
            self.controller.panics.inc();
        }
    }
}

/// The metrics of one queue.
#[derive(Debug)]
pub struct QueueMetrics {
    depth: [(Priority, Gauge); Priority::ALL.len()],
    adds: Counter,
    retries: Counter,
    waited: Histogram,
    worked: Histogram,
    unfinished: Seconds,
    longest: Seconds,
    tenants: Gauge,
    held: Gauge,
    put_off: Counter,
}

/// How a queue stands between its tenants.
#[derive(Debug, Clone, Copy)]
pub struct Tenants {
    /// Those with keys in it.
    pub all: usize,
    /// Those with ready keys that wait because the tenant is at its bound.
    pub held: usize,
    /// Retries that were put off so far, because a tenant tried again too often.
    pub retries_put_off: u64,
}

impl QueueMetrics {
    pub(super) fn new(all: &Inner, name: &'static str) -> Self {
        let by = ByQueue { name, controller: name };
        let depth = |priority| {
            let by = ByPriority { name, controller: name, priority: labels::priority(priority) };
            (priority, all.queue_depth.get_or_create_owned(&by))
        };
        Self {
            depth: Priority::ALL.map(depth),
            adds: all.queue_adds.get_or_create_owned(&by),
            retries: all.queue_retries.get_or_create_owned(&by),
            waited: all.queue_duration.get_or_create_owned(&by),
            worked: all.work_duration.get_or_create_owned(&by),
            unfinished: all.unfinished_work.get_or_create_owned(&by),
            longest: all.longest_running.get_or_create_owned(&by),
            tenants: all.queue_tenants.get_or_create_owned(&by),
            held: all.queue_tenants_held.get_or_create_owned(&by),
            put_off: all.queue_retries_put_off.get_or_create_owned(&by),
        }
    }

    /// A key that was not there was added.
    pub fn added(&self) {
        self.adds.inc();
    }

    /// A key was taken that had been ready for so long.
    pub fn taken(&self, waited: Duration) {
        self.waited.observe(waited.as_secs_f64());
    }

    /// A key was given back after so long.
    pub fn done(&self, worked: Duration, retry: bool) {
        self.worked.observe(worked.as_secs_f64());
        if retry {
            self.retries.inc();
        }
    }

    /// How it stands now: keys ready by priority, its tenants, and for how long each of the present works has been going on.
    pub fn sample(&self, depth: impl Fn(Priority) -> usize, tenants: Tenants, running: impl Iterator<Item = Duration>) {
        self.tenants.set(whole(tenants.all));
        self.held.set(whole(tenants.held));
        self.put_off.inner().store(tenants.retries_put_off, Ordering::Relaxed);
        for (priority, gauge) in &self.depth {
            gauge.set(whole(depth(*priority)));
        }
        let (mut sum, mut longest) = (Duration::ZERO, Duration::ZERO);
        for time in running {
            sum += time;
            longest = longest.max(time);
        }
        self.unfinished.set(sum.as_secs_f64());
        self.longest.set(longest.as_secs_f64());
    }
}
