//! The clients of physical clusters: at most so many; of the workspace that has most, the least recently used goes first, but
//! before all others one that nobody works with.
//!
//! A client is kept for as long as the kubeconfig says the same. There are no background tasks: what is not used closes its
//! connections by itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use berthage_core::key::Workspace;
use berthage_core::shares;
use kube::Client;

use super::connect::{self, ConnectError, Options};
use super::kubeconfig::Access;

/// How many clients are kept by default.
pub const DEFAULT_CAPACITY: usize = 500;

/// A registration, as the pool knows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ConnectionKey {
    /// Its workspace.
    pub workspace: Workspace,
    /// Its name.
    pub registration: Arc<str>,
}

/// A client for a physical cluster.
#[derive(Clone)]
pub struct Connection {
    /// The client.
    pub client: Client,
    /// Changes when anything in the kubeconfig that matters does. Fit for logs.
    pub fingerprint: Arc<str>,
}

/// The pool. Shared by reference; its lock is never held across an await.
pub struct Connections {
    options: Options,
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    clock: u64,
    entries: HashMap<ConnectionKey, Entry>,
}

impl State {
    /// Of those that nobody holds besides the pool, or of all: a probe of each of very many clusters takes no connection from who
    /// works with his.
    fn first_to_go(&self, unheld: bool) -> Option<ConnectionKey> {
        let may = self.entries.iter().filter(|(_, entry)| !unheld || !entry.is_held());
        shares::first_to_go(may.map(|(key, entry)| (&key.workspace, entry.used, key.clone())))
    }
}

struct Entry {
    used: u64,
    /// uid and resourceVersion of the Secret that the client was made from.
    secret_version: String,
    connection: Connection,
}

impl Entry {
    /// Whether somebody works with it: a link, or a run.
    fn is_held(&self) -> bool {
        Arc::strong_count(&self.connection.fingerprint) > 1
    }
}

impl Connections {
    /// An empty pool of at most `capacity` clients, at least one.
    pub fn new(options: Options, capacity: usize) -> Self {
        Self { options, capacity: capacity.max(1), state: Mutex::default() }
    }

    /// The client for `key`, if there is one that was made from this very version of the Secret: then the Secret's content
    /// need not be read.
    pub fn get(&self, key: &ConnectionKey, secret_version: &str) -> Option<Connection> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.clock += 1;
        let now = state.clock;
        let entry = state.entries.get_mut(key).filter(|entry| entry.secret_version == secret_version)?;
        entry.used = now;
        Some(entry.connection.clone())
    }

    /// The client for `key`, made from `access` unless there is one that says the same.
    pub fn get_or_connect(
        &self,
        key: &ConnectionKey,
        secret_version: &str,
        access: &Access,
    ) -> Result<Connection, ConnectError> {
        let fingerprint = access.fingerprint();
        let known = {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.entries.get(key).map(|entry| entry.connection.clone())
        };
        let connection = match known.filter(|known| *known.fingerprint == *fingerprint) {
            Some(connection) => connection,
            None => Connection {
                client: connect::physical(access, &self.options)?,
                fingerprint: Arc::from(fingerprint.as_str()),
            },
        };
        self.put(key, secret_version, connection.clone());
        Ok(connection)
    }

    fn put(&self, key: &ConnectionKey, secret_version: &str, connection: Connection) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.clock += 1;
        let entry = Entry { used: state.clock, secret_version: secret_version.to_owned(), connection };
        state.entries.insert(key.clone(), entry);
        while state.entries.len() > self.capacity {
            let Some(first) = state.first_to_go(true).or_else(|| state.first_to_go(false)) else { break };
            state.entries.remove(&first);
        }
    }

    /// Lets go of a client: its registration or Secret is gone.
    pub fn forget(&self, key: &ConnectionKey) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).entries.remove(key);
    }

    /// How many clients are kept now, for metrics.
    pub fn len(&self) -> usize {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).entries.len()
    }

    /// Whether no client is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
