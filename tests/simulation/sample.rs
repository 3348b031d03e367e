//! How much is tried: a fixed sample, all of it, or one case again.
//!
//! - `BERTHAGE_SIMULATION_EVERY=20` tries every twentieth crash point (the default), `1` all of them.
//! - `BERTHAGE_SIMULATION_SEEDS=200` tries so many seeds of each fault (two are the default).
//! - `BERTHAGE_SIMULATION_WORKSPACES=1000` has so many workspaces of ten targets in a backlog (10 are the default).
//! - `BERTHAGE_SIMULATION_CASE=17` tries that case alone, as a failure names it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// The numbers of the cases that are tried.
pub(crate) struct Cases(Vec<usize>);

/// One of so many cases, where nobody asks for more.
const EVERY: usize = 20;

impl Cases {
    /// The first ones, without a choice.
    pub(crate) fn first(count: usize) -> Self {
        match number("BERTHAGE_SIMULATION_CASE") {
            Some(one) => Self(vec![one]),
            None => Self((0..count).collect()),
        }
    }

    /// Of so many.
    pub(crate) fn of(count: usize) -> Self {
        if let Some(one) = number("BERTHAGE_SIMULATION_CASE") {
            return Self(Vec::from_iter((one < count).then_some(one)));
        }
        let every = number("BERTHAGE_SIMULATION_EVERY").unwrap_or(EVERY).max(1);
        // Another place in each stretch: not always the same half of a pair.
        Self((0..count).filter(|number| number % every == (number / every) % every).collect())
    }

    /// And those that have failed once.
    pub(crate) fn and(mut self, found: &[usize]) -> Self {
        if !self.is_one() {
            self.0.extend_from_slice(found);
            self.0.sort_unstable();
            self.0.dedup();
        }
        self
    }

    /// Whether one is tried alone, so that somebody wants to know all about it.
    pub(crate) fn is_one(&self) -> bool {
        self.0.len() == 1
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// How many seeds of each fault are tried.
pub(crate) fn seeds() -> usize {
    number("BERTHAGE_SIMULATION_SEEDS").unwrap_or(2)
}

/// How many workspaces of ten targets each a change is not to wait for.
pub(crate) fn workspaces() -> usize {
    number("BERTHAGE_SIMULATION_WORKSPACES").unwrap_or(10)
}

fn number(variable: &str) -> Option<usize> {
    Some(std::env::var(variable).ok()?.parse().unwrap())
}

/// Tries all of them, on every processor; what failed, in order.
pub(crate) fn all(cases: &Cases, try_one: impl Fn(usize) -> Option<String> + Sync) -> Vec<String> {
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..processors {
            scope.spawn(|| {
                while let Some(case) = cases.0.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| try_one(*case)));
                    let tried = tried.unwrap_or_else(|_| Some(format!("case {case} panicked, see above")));
                    if let Some(failure) = tried {
                        failures.lock().unwrap_or_else(PoisonError::into_inner).push((*case, failure));
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    failures.sort();
    failures.into_iter().map(|(_, failure)| failure).collect()
}
