//! The metrics, under the names of controller-runtime and client-go where those have one, so that the usual dashboards and
//! alerts work; under `berthage_` for what only berthage has.
//!
//! No workspace and no object is a label (see `labels`).

mod handles;
mod labels;
mod process;

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use berthage_core::reason::Reason;
use http::Method;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

pub use self::handles::{ControllerMetrics, QueueMetrics, RunningReconcile, Tenants};
use self::labels::{
    ByCode, ByController, ByEvent, ByHook, ByHookOutcome, ByLease, ByPriority, ByQueue, ByReason, ByResult, ByVerb,
    ByVersion, Code, Names,
};
pub use self::labels::{ReconcileResult, Server};

/// The media type of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics of the process. Clones are handles to the same ones.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    before_scrape: Mutex<Vec<Arc<BeforeScrape>>>,
    names: Names,

    reconcile_total: Family<ByResult, Counter>,
    reconcile_errors: Family<ByController, Counter>,
    terminal_reconcile_errors: Family<ByController, Counter>,
    reconcile_panics: Family<ByController, Counter>,
    reconcile_time: Family<ByController, Histogram>,
    max_concurrent_reconciles: Family<ByController, Gauge>,
    active_workers: Family<ByController, Gauge>,

    queue_depth: Family<ByPriority, Gauge>,
    queue_adds: Family<ByQueue, Counter>,
    queue_duration: Family<ByQueue, Histogram>,
    work_duration: Family<ByQueue, Histogram>,
    unfinished_work: Family<ByQueue, Seconds>,
    longest_running: Family<ByQueue, Seconds>,
    queue_retries: Family<ByQueue, Counter>,
    queue_tenants: Family<ByQueue, Gauge>,
    queue_tenants_held: Family<ByQueue, Gauge>,
    queue_retries_put_off: Family<ByQueue, Counter>,

    requests: Family<ByCode, Counter>,
    request_duration: Family<ByVerb, Histogram>,
    leader: Family<ByLease, Gauge>,

    failures: Family<ByReason, Counter>,
    hook_calls: Family<ByHookOutcome, Counter>,
    hook_seconds: Family<ByHook, Histogram>,
    hook_kept: Family<ByHook, Counter>,
    hook_memory: Family<ByHook, Histogram>,
    store_workspaces: Gauge,
    store_objects: Gauge,
    store_bytes: Gauge,
    connections: Gauge,
    endpoints: Gauge,
    breakers_open: Gauge,
    bulkhead_waiting: Gauge,
    events: Family<ByEvent, Counter>,
}

type BeforeScrape = dyn Fn(&Metrics) + Send + Sync;
/// A gauge of seconds.
type Seconds = Gauge<f64, AtomicU64>;

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// Metrics at zero.
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let r = &mut registry;
        let inner = Inner {
            reconcile_total: counters(r, "controller_runtime_reconcile", "Reconciles by how they ended"),
            reconcile_errors: counters(r, "controller_runtime_reconcile_errors", "Reconciles that failed"),
            terminal_reconcile_errors: counters(
                r,
                "controller_runtime_terminal_reconcile_errors",
                "Reconciles that failed and are not tried again before something changes",
            ),
            reconcile_panics: counters(r, "controller_runtime_reconcile_panics", "Reconciles that panicked"),
            reconcile_time: histograms(
                r,
                "controller_runtime_reconcile_time_seconds",
                "How long a reconcile took",
                || Histogram::new(RECONCILE_SECONDS),
            ),
            max_concurrent_reconciles: gauges(
                r,
                "controller_runtime_max_concurrent_reconciles",
                "How many reconciles may run at a time",
            ),
            active_workers: gauges(r, "controller_runtime_active_workers", "How many reconciles run now"),

            queue_depth: gauges(r, "workqueue_depth", "Keys that are ready and were not taken yet"),
            queue_adds: counters(r, "workqueue_adds", "Keys added, repeated ones not counted"),
            queue_duration: histograms(
                r,
                "workqueue_queue_duration_seconds",
                "How long keys were ready",
                queue_buckets,
            ),
            work_duration: histograms(
                r,
                "workqueue_work_duration_seconds",
                "How long keys were worked on",
                queue_buckets,
            ),
            unfinished_work: gauges(
                r,
                "workqueue_unfinished_work_seconds",
                "Sum of the time that present work has been going on: what only grows is stuck",
            ),
            longest_running: gauges(
                r,
                "workqueue_longest_running_processor_seconds",
                "How long the longest of the present works has been going on",
            ),
            queue_retries: counters(r, "workqueue_retries", "Keys that failed and are tried again"),
            queue_tenants: gauges(r, "berthage_queue_tenants", "Workspaces with keys in the queue"),
            queue_tenants_held: gauges(
                r,
                "berthage_queue_tenants_held",
                "Workspaces whose ready keys wait because enough of the workspace's are worked on",
            ),
            queue_retries_put_off: counters(
                r,
                "berthage_queue_retries_put_off",
                "Retries that were put off because their workspace tried again too often",
            ),

            requests: counters(r, "rest_client_requests", "Requests to API servers by status, method and whose server"),
            request_duration: histograms(
                r,
                "rest_client_request_duration_seconds",
                "Time to the head of the answer by method and whose server",
                || Histogram::new(REQUEST_SECONDS),
            ),
            leader: gauges(r, "leader_election_master_status", "1 while this process holds the lease, else 0"),

            failures: counters(r, "berthage_reconcile_failures", "Reconciles that did not reach their goal, by reason"),
            hook_calls: counters(r, "berthage_hook_calls", "Calls of plugins by how they ended"),
            hook_kept: counters(
                r,
                "berthage_hook_kept",
                "Outcomes of plugins that still held, so that no call was made",
            ),
            hook_memory: histograms(r, "berthage_hook_memory_bytes", "Linear memory of plugins' instances", || {
                Histogram::new(HOOK_BYTES)
            }),
            hook_seconds: histograms(r, "berthage_hook_seconds", "How long calls of plugins took", || {
                Histogram::new(HOOK_SECONDS)
            }),
            store_workspaces: gauge(r, "berthage_store_workspaces", "Workspaces that are served"),
            store_objects: gauge(r, "berthage_store_objects", "Objects of the hub held in memory"),
            store_bytes: gauge(r, "berthage_store_bytes", "Bytes of the objects of the hub held in memory"),
            connections: gauge(r, "berthage_connections", "Physical clusters with an open client"),
            endpoints: gauge(r, "berthage_hub_endpoints", "Endpoints of the hub that are watched"),
            breakers_open: gauge(
                r,
                "berthage_breakers_open",
                "Physical clusters that gave no answer, and that nobody asks before they are probed",
            ),
            bulkhead_waiting: gauge(
                r,
                "berthage_bulkhead_waiting",
                "Targets that wait because enough others are at their cluster, or because it is being probed",
            ),
            events: counters(r, "berthage_events", "Events by type and by whether the hub took them"),
            before_scrape: Mutex::default(),
            names: Names::default(),
            registry: {
                let version = ByVersion { version: env!("CARGO_PKG_VERSION") };
                registry.register("berthage_build", "What this process was built from", Info::new(version));
                registry.register_collector(Box::new(process::Process));
                registry
            },
        };
        Self(Arc::new(inner))
    }

    /// The exposition, of media type [`CONTENT_TYPE`].
    pub fn encode(&self) -> Result<String, fmt::Error> {
        // A copy, so that what is called may itself ask for more to be called.
        let hooks = self.0.before_scrape.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for hook in hooks {
            hook(self);
        }
        let mut out = String::with_capacity(16 * 1024);
        text::encode(&mut out, &self.0.registry)?;
        Ok(out)
    }

    /// Calls `set` before each scrape, to set gauges whose value costs something to find out.
    pub fn before_scrape(&self, set: impl Fn(&Self) + Send + Sync + 'static) {
        self.0.before_scrape.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(set));
    }

    /// The metrics of a controller that runs up to `workers` reconciles at a time.
    pub fn controller(&self, controller: &'static str, workers: usize) -> ControllerMetrics {
        ControllerMetrics::new(&self.0, controller, workers)
    }

    /// The metrics of the queue of that name, which is also the name of its controller.
    pub fn queue(&self, name: &'static str) -> QueueMetrics {
        QueueMetrics::new(&self.0, name)
    }

    /// A reconcile did not reach its goal.
    pub fn reconcile_failed(&self, reason: Reason) {
        self.0.failures.get_or_create(&ByReason { reason: reason.as_str() }).inc();
    }

    /// A request was answered with status `code`, or ended without an answer. A watch counts when it begins.
    pub fn request(&self, server: Server, method: &Method, code: Option<u16>, took: Duration) {
        let (method, host) = (labels::method(method), server.as_str());
        self.0.requests.get_or_create(&ByCode { code: Code(code), method, host }).inc();
        self.0.request_duration.get_or_create(&ByVerb { verb: method, host }).observe(took.as_secs_f64());
    }

    /// Whether this process holds the lease of that name.
    pub fn leader(&self, lease: &str, leading: bool) {
        let name = self.0.names.label(lease);
        self.0.leader.get_or_create(&ByLease { name }).set(i64::from(leading));
    }

    /// A call of a plugin ended. `hook` is the function's name in the contract, `outcome` a word of a closed set.
    pub fn hook_call(&self, plugin: &str, hook: &'static str, outcome: &'static str, took: Duration) {
        let plugin = self.0.names.label(plugin);
        self.0.hook_seconds.get_or_create(&ByHook { plugin: plugin.clone(), hook }).observe(took.as_secs_f64());
        self.0.hook_calls.get_or_create(&ByHookOutcome { plugin, hook, outcome }).inc();
    }

    /// An instance of a plugin ended, with so many bytes of memory.
    pub fn hook_memory(&self, plugin: &str, hook: &'static str, bytes: usize) {
        let plugin = self.0.names.label(plugin);
        self.0
            .hook_memory
            .get_or_create(&ByHook { plugin, hook })
            .observe(u32::try_from(bytes).map_or(f64::MAX, f64::from));
    }

    /// A plugin was not called, since an outcome was kept that still holds.
    pub fn hook_kept(&self, plugin: &str, hook: &'static str) {
        let plugin = self.0.names.label(plugin);
        self.0.hook_kept.get_or_create(&ByHook { plugin, hook }).inc();
    }

    /// What is held of the hub's objects.
    pub fn store(&self, workspaces: usize, objects: usize, bytes: usize) {
        self.0.store_workspaces.set(whole(workspaces));
        self.0.store_objects.set(whole(objects));
        self.0.store_bytes.set(whole(bytes));
    }

    /// To how many physical clusters a client is open.
    pub fn connections(&self, open: usize) {
        self.0.connections.set(whole(open));
    }

    /// How many endpoints of the hub are watched.
    pub fn endpoints(&self, watched: usize) {
        self.0.endpoints.set(whole(watched));
    }

    /// How many physical clusters nobody asks before they are probed, and how many targets wait for their turn at one.
    pub fn bulkheads(&self, open: usize, waiting: usize) {
        self.0.breakers_open.set(whole(open));
        self.0.bulkhead_waiting.set(whole(waiting));
    }

    /// An Event was written to the hub, or could not be.
    pub fn event(&self, warning: bool, written: bool) {
        let r#type = if warning { "Warning" } else { "Normal" };
        let outcome = if written { "written" } else { "failed" };
        self.0.events.get_or_create(&ByEvent { r#type, outcome }).inc();
    }
}

/// controller-runtime's buckets.
const RECONCILE_SECONDS: [f64; 40] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.25, 1.5,
    1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 60.0,
];
/// client-go's buckets.
const REQUEST_SECONDS: [f64; 12] = [0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0];
/// From the cost of an empty instance to past the usual deadline of a call.
const HOOK_SECONDS: [f64; 12] = [10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 5e-3, 25e-3, 0.1, 0.5, 2.0];

/// An instance of a small plugin in Rust has a MiB; one with an interpreter has many.
const HOOK_BYTES: [f64; 7] =
    [262_144.0, 1_048_576.0, 4_194_304.0, 8_388_608.0, 16_777_216.0, 33_554_432.0, 67_108_864.0];

/// controller-runtime's buckets for the queue: 10 ns to 1000 s.
fn queue_buckets() -> Histogram {
    Histogram::new(exponential_buckets(10e-9, 10.0, 12))
}

trait Labels: Clone + std::hash::Hash + Eq + EncodeLabelSet + Send + Sync + fmt::Debug + 'static {}
impl<T: Clone + std::hash::Hash + Eq + EncodeLabelSet + Send + Sync + fmt::Debug + 'static> Labels for T {}

/// Registers counters. The library appends `_total` to the name.
fn counters<L: Labels>(registry: &mut Registry, name: &str, help: &str) -> Family<L, Counter> {
    let family = Family::default();
    registry.register(name, help, family.clone());
    family
}

fn gauges<L: Labels, N, A>(registry: &mut Registry, name: &str, help: &str) -> Family<L, Gauge<N, A>>
where
    Gauge<N, A>: Default + prometheus_client::registry::Metric + prometheus_client::metrics::TypedMetric,
{
    let family = Family::default();
    registry.register(name, help, family.clone());
    family
}

fn gauge(registry: &mut Registry, name: &str, help: &str) -> Gauge {
    let gauge = Gauge::default();
    registry.register(name, help, gauge.clone());
    gauge
}

fn histograms<L: Labels>(
    registry: &mut Registry,
    name: &str,
    help: &str,
    new: fn() -> Histogram,
) -> Family<L, Histogram> {
    let family = Family::new_with_constructor(new);
    registry.register(name, help, family.clone());
    family
}

/// A count as the gauges have it.
fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
