//! One call: a fresh store, a fresh instance, the bounds, and the name of what went wrong.

use std::sync::Arc;
use std::time::Instant;

use wasmtime::{PoolConcurrencyLimitError, Store, Trap};

use super::engine::{Budget, HookEngine, Seen};
use super::error::Failure;
use super::guest::Guest;
use super::limits::Limits;
use super::usage::Usage;
use super::{Hook, text};

/// What wasmtime says when more than the store's host-call fuel crosses. The type of that error is private to it.
const TOO_MUCH_CROSSES: &str = "fuel allocated for hostcalls has been exhausted";

/// Bytes of a plugin's last word in a message.
const LAST_WORD: usize = 256;

/// Who is called.
pub(super) struct Callee {
    pub(super) engine: HookEngine,
    /// What a call may use: no more than the engine allows any plugin.
    pub(super) limits: Limits,
    /// Its name, in logs.
    pub(super) name: Arc<str>,
    /// What it is called in metrics.
    pub(super) label: Arc<str>,
    pub(super) usage: Arc<Usage>,
}

impl Callee {
    /// An outcome was kept that still holds.
    pub(super) fn kept(&self, hook: Hook) {
        self.usage.kept();
        self.engine.observe(&self.label, hook, Seen::Kept);
    }
}

/// Runs `call` with a store that knows the bounds and ends with it. Instances are made inside of it, from that store.
pub(super) fn call<R>(
    callee: &Callee,
    hook: Hook,
    call: impl FnOnce(&mut Store<Guest>) -> wasmtime::Result<R>,
) -> Result<R, Failure> {
    let Callee { engine, limits, name, label, .. } = callee;
    let mut store = Store::new(engine.wasmtime(), Guest::new(limits, name, hook.as_str()));
    store.limiter(|guest| &mut guest.meter);
    store.set_hostcall_fuel(limits.output);
    match engine.budget() {
        Budget::Time => store.set_epoch_deadline(limits.deadline_ticks()),
        // It only fails in an engine that does not count fuel.
        Budget::Fuel(fuel) => store.set_fuel(fuel).map_err(|error| trap(hook, &format!("{error:#}")))?,
    }
    let outcome = call(&mut store);
    let guest = store.data();
    guest.log.close();
    engine.observe(label, hook, Seen::Used { memory: guest.meter.memory_used(limits) });
    outcome.map_err(|error| {
        let failure = classify(callee, hook, guest, &error);
        tracing::debug!(plugin = &**name, hook = hook.as_str(), error = format!("{error:?}"), "a plugin's call failed");
        failure
    })
}

/// As [`call`], and tells the engine's observer how it went.
pub(super) fn observed<R>(
    callee: &Callee,
    hook: Hook,
    work: impl FnOnce() -> Result<R, Failure>,
) -> Result<R, Failure> {
    #[expect(clippy::disallowed_methods, reason = "a call is processor work, which no test's clock pauses")]
    let begin = Instant::now();
    let outcome = work();
    let (kind, duration) = (outcome.as_ref().err().map_or("ok", Failure::kind), begin.elapsed());
    // What was not called says nothing about how long calls take.
    if !matches!(outcome, Err(Failure::Quarantined { .. } | Failure::Busy)) {
        callee.usage.called(duration, outcome.is_err());
    }
    callee.engine.observe(&callee.label, hook, Seen::Called { outcome: kind, duration });
    outcome
}

fn trap(hook: Hook, why: &str) -> Failure {
    Failure::Trap { hook, why: text::clean(why, LAST_WORD) }
}

fn classify(callee: &Callee, hook: Hook, guest: &Guest, error: &wasmtime::Error) -> Failure {
    let limits = &callee.limits;
    let budget = || match callee.engine.budget() {
        Budget::Time => format!("{:?}", limits.deadline),
        Budget::Fuel(fuel) => format!("{fuel} units of fuel"),
    };
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt | Trap::OutOfFuel) => return Failure::Deadline { hook, budget: budget() },
        _ if guest.meter.denied => return Failure::Memory { hook, max: limits.memory },
        Some(trap_code) => {
            // A panic says why before it traps; the trap itself says only "unreachable".
            let why = match (&guest.log.last_error, trap_code) {
                (Some(last_error), Trap::UnreachableCodeReached) => last_error.clone(),
                _ => trap_code.to_string(),
            };
            return trap(hook, &why);
        }
        None => {}
    }
    if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
        return Failure::Busy;
    }
    if error.chain().any(|cause| cause.to_string().contains(TOO_MUCH_CROSSES)) {
        return Failure::OutputTooLarge { hook, max: limits.output };
    }
    trap(hook, &error.root_cause().to_string())
}
