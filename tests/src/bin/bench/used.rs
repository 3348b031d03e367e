//! What a controller uses, by its own metrics and the kernel's; and when it has nothing to do.

use std::time::{Duration, Instant};

use berthage_e2e::controller::{Controller, sum};

use crate::{Result, process};

/// Nothing happens for so long: it is quiet.
pub(crate) const QUIET: Duration = Duration::from_secs(2);
/// How often it is asked whether it is quiet.
const ASK: Duration = Duration::from_millis(250);

/// What a controller has used so far.
#[derive(Clone, Copy)]
pub(crate) struct Used {
    /// CPU time.
    pub cpu: Duration,
    /// Runs of SyncTargets.
    pub reconciles: f64,
    /// Calls of plugins.
    pub hooks: f64,
    /// Requests that change something.
    pub writes: f64,
    /// Other requests.
    pub reads: f64,
}

impl Used {
    /// By this process, so far.
    pub(crate) async fn by(controller: &Controller) -> Result<Self> {
        let cpu = process::cpu(controller.process.pid())?;
        let metrics = controller.metrics().await?;
        let of = |name: &str, labels: &[&str]| sum(&metrics, name, labels);
        let (all, reads) =
            (of("rest_client_requests_total", &[]), of("rest_client_requests_total", &["method=\"GET\""]));
        Ok(Self {
            cpu,
            reconciles: of("controller_runtime_reconcile_total", &["controller=\"synctarget\""]),
            hooks: of("berthage_hook_calls_total", &[]),
            writes: all - reads,
            reads,
        })
    }

    /// Of it, what came after `before`.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(before.cpu),
            reconciles: self.reconciles - before.reconciles,
            hooks: self.hooks - before.hooks,
            writes: self.writes - before.writes,
            reads: self.reads - before.reads,
        }
    }

    /// Microseconds of CPU time for each of `count`.
    pub(crate) fn each(self, count: f64) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / count
    }
}

/// Waits until there were so many runs of SyncTargets, and nothing waits to be run.
pub(crate) async fn worked_off(controller: &Controller, runs: f64, patience: Duration) -> Result {
    let begin = Instant::now();
    while begin.elapsed() < patience {
        let metrics = controller.metrics().await?;
        let done = sum(&metrics, "controller_runtime_reconcile_total", &["controller=\"synctarget\""]);
        if done >= runs && sum(&metrics, "workqueue_depth", &[]) < 1.0 {
            return Ok(());
        }
        tokio::time::sleep(ASK).await;
    }
    Err("there is always something that waits to be run".into())
}

/// Waits until a controller runs nothing for a while.
pub(crate) async fn quiet(controller: &Controller, patience: Duration) -> Result {
    let begin = Instant::now();
    let (mut last, mut since) = (f64::NAN, Instant::now());
    while begin.elapsed() < patience {
        let metrics = controller.metrics().await?;
        let of = |name: &str| sum(&metrics, name, &[]);
        let done = of("controller_runtime_reconcile_total");
        let waiting = of("workqueue_depth") + of("controller_runtime_active_workers");
        if done.to_bits() != last.to_bits() || waiting > 0.0 {
            (last, since) = (done, Instant::now());
        }
        if since.elapsed() > QUIET {
            return Ok(());
        }
        tokio::time::sleep(ASK).await;
    }
    Err("the controller does not come to rest".into())
}
