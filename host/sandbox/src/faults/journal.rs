//! What passed, and how it went.

use std::sync::{Arc, Mutex, PoisonError};

use super::exchange::Exchange;
use super::fault::Fault;

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is still on its way.
    Open,
    /// Answered with this status code.
    Answered(u16),
    /// The client was not told.
    Broken,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The request.
    pub exchange: Exchange,
    /// What went wrong with it.
    pub fault: Option<Fault>,
    /// What the server said, also where nobody heard it; nothing if it was not asked.
    pub served: Option<u16>,
    /// How it ended for the client.
    pub outcome: Outcome,
}

/// All requests, in order. Clones are the same journal.
#[derive(Debug, Clone, Default)]
pub struct Journal(Arc<Mutex<Vec<Entry>>>);

impl Journal {
    /// What is in it.
    pub fn entries(&self) -> Vec<Entry> {
        self.with(|entries| entries.clone())
    }

    /// How many requests passed.
    pub fn len(&self) -> usize {
        self.with(|entries| entries.len())
    }

    /// Whether none passed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn open(&self, exchange: Exchange, fault: Option<Fault>) {
        self.with(|entries| entries.push(Entry { exchange, fault, served: None, outcome: Outcome::Open }));
    }

    pub(super) fn served(&self, number: usize, code: u16) {
        self.with(|entries| {
            if let Some(entry) = entries.get_mut(number) {
                entry.served = Some(code);
            }
        });
    }

    pub(super) fn close(&self, number: usize, outcome: Outcome) {
        self.with(|entries| {
            if let Some(entry) = entries.get_mut(number) {
                entry.outcome = outcome;
            }
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut Vec<Entry>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
