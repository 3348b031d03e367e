//! What one logical cluster serves besides the built-in kinds.

use std::sync::Arc;

use super::serving::{Serving, Servings};
use crate::access::kcp::workspace::Policy;
use crate::kinds::{Kinds, Served};

/// One logical cluster.
#[derive(Debug, Default)]
pub struct Cluster {
    kinds: Kinds,
    servings: Servings,
    /// In kcp, what APIExports say that tenants may do at the most here.
    pub policies: Vec<Policy>,
}

impl Cluster {
    /// Its custom kinds.
    pub fn kinds(&self) -> &Kinds {
        &self.kinds
    }

    /// How they are served.
    pub fn servings(&self) -> &Servings {
        &self.servings
    }

    /// Serves a kind in these versions, and in no others.
    pub fn serve(&mut self, group: &str, plural: &str, versions: &[Arc<Serving>]) {
        self.withdraw(group, plural);
        for serving in versions {
            self.kinds.insert(Arc::clone(&serving.served));
            self.servings.insert(Arc::clone(serving));
        }
    }

    /// Knows kinds that are not done here: requests for them are answered 501.
    pub fn refuse(&mut self, kinds: &[Arc<Served>]) {
        for served in kinds {
            self.kinds.insert(Arc::clone(served));
        }
    }

    /// Serves a kind no longer.
    pub fn withdraw(&mut self, group: &str, plural: &str) {
        self.kinds.remove(group, plural);
        self.servings.remove(group, plural);
    }
}
