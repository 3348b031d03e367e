//! What one call of a plugin may use, and the meter that says no.

use std::time::Duration;

use berthage_core::api::CallLimits;
use wasmtime::ResourceLimiter;

/// The bounds of a plugin's file and of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a component file.
    pub file: u64,
    /// Bytes of all linear memories of an instance together.
    pub memory: usize,
    /// Elements of all tables of an instance together.
    pub table_elements: usize,
    /// Wall-clock time of a call. Ignored where [`super::Budget::Fuel`] counts instead.
    pub deadline: Duration,
    /// Bytes of an outcome, with the structure around them.
    pub output: usize,
    /// Log lines of a call; more are counted and dropped.
    pub log_lines: usize,
    /// Bytes of a log line; the rest of the line is cut off.
    pub log_line: usize,
    /// Calls at the same moment, in the whole process.
    pub concurrent: u32,
    /// Bytes of outcomes that are kept while they hold, of all plugins together. None: every call is made.
    pub kept: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file: 64 << 20,
            memory: 64 << 20,
            table_elements: 1 << 16,
            deadline: Duration::from_millis(250),
            output: 4 << 20,
            log_lines: 64,
            log_line: 1 << 10,
            concurrent: 64,
            kept: 16 << 20,
        }
    }
}

impl Limits {
    /// The same, with less for a call where that is wished; never more.
    #[must_use]
    pub fn below(&self, wished: &CallLimits) -> Self {
        let bytes = |count: u32, unit: usize| (count as usize).saturating_mul(unit);
        Self {
            deadline: wished.deadline.map_or(self.deadline, |deadline| deadline.get().min(self.deadline)),
            memory: wished.memory_mib.map_or(self.memory, |mib| bytes(mib, 1 << 20).min(self.memory)),
            output: wished.output_kib.map_or(self.output, |kib| bytes(kib, 1 << 10).min(self.output)),
            ..self.clone()
        }
    }
}

/// Core instances of one component: adapters and interpreters have some, a plugin in Rust has four.
pub(super) const CORE_INSTANCES: u32 = 64;
/// Linear memories of one component.
pub(super) const MEMORIES: u32 = 4;
/// Tables of one component.
pub(super) const TABLES: u32 = 16;

/// Counts what one instance takes: all memories together, all tables together.
#[derive(Debug)]
pub(super) struct Meter {
    memory_left: usize,
    table_elements_left: usize,
    /// Whether something was ever denied: a trap right after it is most likely due to that.
    pub(super) denied: bool,
}

impl Meter {
    pub(super) const fn new(limits: &Limits) -> Self {
        Self { memory_left: limits.memory, table_elements_left: limits.table_elements, denied: false }
    }

    /// Bytes of all memories.
    pub(super) const fn memory_used(&self, limits: &Limits) -> usize {
        limits.memory - self.memory_left
    }
}

/// Takes `desired - current` from `left`, if there is as much.
fn take(left: &mut usize, current: usize, desired: usize) -> bool {
    let wanted = desired.saturating_sub(current);
    match left.checked_sub(wanted) {
        Some(rest) => {
            *left = rest;
            true
        }
        None => false,
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let allowed = take(&mut self.memory_left, current, desired);
        self.denied |= !allowed;
        Ok(allowed)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let allowed = take(&mut self.table_elements_left, current, desired);
        self.denied |= !allowed;
        Ok(allowed)
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES as usize
    }

    fn memories(&self) -> usize {
        MEMORIES as usize
    }

    fn tables(&self) -> usize {
        TABLES as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_memories_share_one_allowance() {
        let mut meter = Meter::new(&Limits { memory: 100, ..Limits::default() });
        assert!(meter.memory_growing(0, 60, None).unwrap());
        assert!(meter.memory_growing(0, 40, None).unwrap(), "a second memory takes from what the first has left");
        assert!(!meter.denied);
        assert!(!meter.memory_growing(40, 41, None).unwrap());
        assert!(meter.denied);
        assert!(meter.memory_growing(40, 40, None).unwrap(), "what is denied is not taken");
    }

    #[test]
    fn a_wish_lowers_a_limit_and_never_raises_it() {
        let limits = Limits::default();
        let wished = |deadline, memory_mib| CallLimits { deadline: Some(deadline), memory_mib, output_kib: None };
        let less = limits.below(&wished("50ms".parse().unwrap(), Some(1)));
        assert_eq!((less.deadline, less.memory, less.output), (Duration::from_millis(50), 1 << 20, limits.output));
        assert_eq!(limits.below(&wished("10s".parse().unwrap(), Some(1024))), limits);
        assert_eq!(limits.below(&CallLimits::default()), limits);
    }

    #[test]
    fn tables_are_counted_apart_from_memories() {
        let mut meter = Meter::new(&Limits { memory: 0, table_elements: 10, ..Limits::default() });
        assert!(meter.table_growing(0, 10, None).unwrap());
        assert!(!meter.table_growing(10, 11, None).unwrap());
    }
}
