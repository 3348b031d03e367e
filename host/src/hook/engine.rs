//! The one wasmtime engine: how plugins are compiled, where their instances live, and the clock that ends a call.
//!
//! Calls are synchronous: nothing is awaited while a plugin runs, so no future of a running plugin can ever be dropped half
//! way. The clock is the engine's epoch, moved by a thread of its own:
//!
//! ```text
//!   epoch   n        n+1       n+2       n+3                     n+4
//!   ticker  |--10ms--|--10ms--|--10ms--|---- process paused ----|--10ms--|
//!   call         ^ begins, deadline = now + 26 ticks
//! ```
//! The thread sleeps after each tick instead of following a timetable. When the whole process was paused there is one tick
//! and not a burst of the missed ones, which would end calls that had no time to run.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::Linker;
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::Hook;
use super::guest::{Guest, define_log};
use super::kept::Kept;
use super::limits::{CORE_INSTANCES, Limits, MEMORIES, TABLES};

/// Time between two ticks of the epoch.
const TICK: Duration = Duration::from_millis(10);

/// Linear memory that a slot keeps between two calls: zeroing it is cheaper than asking the kernel for fresh pages.
const KEEP_RESIDENT: usize = 64 << 10;

/// What ends a call that does not end by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// [`Limits::deadline`] of wall-clock time. For production.
    Time,
    /// That many units of fuel, about one for each instruction: the same on every machine. For simulation.
    Fuel(u64),
}

/// The engine could not be made. Nothing of a plugin's is the cause.
#[derive(Debug, thiserror::Error)]
#[error("the WebAssembly engine cannot start on this machine: {why}")]
pub struct EngineError {
    why: String,
}

/// What was seen of one hook of one plugin, for metrics.
#[derive(Debug, Clone, Copy)]
pub struct Observation<'a> {
    /// Name of the plugin; of the platform's offer, for a plugin of a workspace.
    pub plugin: &'a str,
    /// Which function.
    pub hook: Hook,
    /// What.
    pub seen: Seen,
}

/// What was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// No call was made: an outcome was kept that still holds.
    Kept,
    /// A call ended.
    Called {
        /// `ok`, or [`super::HookError::kind`].
        outcome: &'static str,
        /// How long it took.
        duration: Duration,
    },
    /// An instance ended, with so much memory.
    Used {
        /// Bytes of its linear memories.
        memory: usize,
    },
}

type Observer = Arc<dyn Fn(&Observation<'_>) + Send + Sync>;

/// The engine, and what is linked into every plugin.
#[derive(Clone)]
pub struct HookEngine {
    inner: Arc<Inner>,
    observer: Option<Observer>,
    verifies: bool,
}

struct Inner {
    engine: Engine,
    linker: Linker<Guest>,
    limits: Limits,
    budget: Budget,
    kept: Kept,
}

impl std::fmt::Debug for HookEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HookEngine")
            .field("limits", self.limits())
            .field("budget", &self.budget())
            .finish_non_exhaustive()
    }
}

impl HookEngine {
    /// An engine with these bounds. Address space for [`Limits::concurrent`] instances is reserved; where that is not to be
    /// had, instances are made on demand, which is slower, and a log line says so.
    pub fn new(limits: Limits, budget: Budget) -> Result<Self, EngineError> {
        let error = |error: wasmtime::Error| EngineError { why: format!("{error:#}") };
        let mut config = base_config(budget);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(&limits)));
        let engine = match Engine::new(&config) {
            Ok(engine) => engine,
            Err(refused) => {
                tracing::warn!(
                    error = format!("{refused:#}"),
                    "no address space for the pool of plugin instances: they are made on demand, and calls are slower"
                );
                Engine::new(&base_config(budget)).map_err(error)?
            }
        };
        if budget == Budget::Time {
            start_ticker(&engine)?;
        }
        let mut linker = Linker::new(&engine);
        define_log(&mut linker).map_err(error)?;
        let kept = Kept::new(limits.kept);
        Ok(Self { inner: Arc::new(Inner { engine, linker, limits, budget, kept }), observer: None, verifies: false })
    }

    /// The same engine, telling `observer` about every call. It is called on the caller's thread and must be quick.
    #[must_use]
    pub fn observed_by(mut self, observer: impl Fn(&Observation<'_>) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// The same engine, asking every plugin again whether it gives the same answer: see `steady`. Nothing is kept then.
    #[must_use]
    pub const fn verifying_determinism(mut self, verifies: bool) -> Self {
        self.verifies = verifies;
        self
    }

    pub(super) const fn verifies_determinism(&self) -> bool {
        self.verifies
    }

    pub(super) fn observe(&self, plugin: &str, hook: Hook, seen: Seen) {
        if let Some(observer) = &self.observer {
            observer(&Observation { plugin, hook, seen });
        }
    }

    /// Outcomes that may still hold; none while it is verified that they would.
    pub(super) fn kept(&self) -> Option<&Kept> {
        (!self.verifies).then_some(&self.inner.kept)
    }

    /// The bounds.
    pub fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    /// What ends a call that does not end by itself.
    pub fn budget(&self) -> Budget {
        self.inner.budget
    }

    pub(super) fn wasmtime(&self) -> &Engine {
        &self.inner.engine
    }

    pub(super) fn linker(&self) -> &Linker<Guest> {
        &self.inner.linker
    }
}

impl Limits {
    /// [`Limits::deadline`] in ticks; one more, since the present one is already partly over.
    pub(super) fn deadline_ticks(&self) -> u64 {
        let ticks = self.deadline.as_millis().div_ceil(TICK.as_millis());
        u64::try_from(ticks).unwrap_or(u64::MAX - 1) + 1
    }
}

pub(super) fn base_config(budget: Budget) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        // Hooks are plain calls: without the machinery of async components they are several times cheaper.
        .concurrency_support(false)
        .memory_init_cow(true)
        // The same input gives the same output on every machine: no NaN bits or SIMD details of the processor.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true);
    match budget {
        Budget::Time => config.epoch_interruption(true),
        Budget::Fuel(_) => config.consume_fuel(true),
    };
    config
}

fn pool(limits: &Limits) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(limits.concurrent)
        .total_core_instances(limits.concurrent.saturating_mul(CORE_INSTANCES))
        // Nearly every component has one memory and two tables: the pool counts on two and four.
        .total_memories(limits.concurrent.saturating_mul(2))
        .total_tables(limits.concurrent.saturating_mul(4))
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_memories_per_component(MEMORIES)
        .max_tables_per_component(TABLES)
        .max_memory_size(limits.memory)
        .table_elements(limits.table_elements)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(KEEP_RESIDENT);
    pool
}

/// Moves the epoch until the engine is gone: the thread holds no strong reference to it.
fn start_ticker(engine: &Engine) -> Result<(), EngineError> {
    let engine = engine.weak();
    let tick = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    };
    match std::thread::Builder::new().name("plugin-epoch".to_owned()).spawn(tick) {
        Ok(_) => Ok(()),
        Err(error) => Err(EngineError { why: format!("no thread for the plugins' clock: {error}") }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deadline_is_rounded_up_and_gets_one_tick_more() {
        let ticks = |millis| Limits { deadline: Duration::from_millis(millis), ..Limits::default() }.deadline_ticks();
        assert_eq!((ticks(250), ticks(251), ticks(1)), (26, 27, 2));
    }

    #[test]
    fn without_address_space_instances_are_made_on_demand() {
        let engine = HookEngine::new(Limits { concurrent: 1 << 20, ..Limits::default() }, Budget::Fuel(1));
        assert!(engine.is_ok(), "{engine:?}");
    }

    #[test]
    fn the_ticker_ends_with_the_engine() {
        let engine = HookEngine::new(Limits { concurrent: 1, ..Limits::default() }, Budget::Time).unwrap();
        let weak = engine.wasmtime().weak();
        drop(engine);
        // The ticker holds the engine only for the moment of a tick.
        while weak.upgrade().is_some() {
            std::thread::yield_now();
        }
    }
}
