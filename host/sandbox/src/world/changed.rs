//! What changes: whom it concerns is found in what an object is, and in what it was.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::place::Named;
use crate::store::Object;

/// An object that changed, came or went. What it is now is in the store.
///
/// Two are the same if they are of the same object, whatever that was before.
#[derive(Debug, Clone)]
pub struct Changed {
    /// API group; empty for the core group.
    pub group: Arc<str>,
    /// Such as `deployments`.
    pub plural: Arc<str>,
    /// The logical cluster.
    pub cluster: Box<str>,
    /// Empty for kinds without.
    pub namespace: Box<str>,
    /// The object's name.
    pub name: Box<str>,
    /// What it was: nothing if it came, or if it is looked at for another reason than a change. It says whom the change
    /// concerns that the store says no more, such as the owners of what is gone.
    pub before: Option<Object>,
}

impl Changed {
    /// The object.
    pub fn named(&self) -> Named<'_> {
        let Self { group, plural, cluster, namespace, name, .. } = self;
        Named { cluster, group, plural, namespace, name }
    }

    /// Whether it is one of a kind.
    pub fn is(&self, group: &str, plural: &str) -> bool {
        *self.plural == *plural && *self.group == *group
    }

    fn key(&self) -> (&str, &str, &str, &str, &str) {
        (&self.group, &self.plural, &self.cluster, &self.namespace, &self.name)
    }
}

impl PartialEq for Changed {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Changed {}

impl PartialOrd for Changed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Changed {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl Hash for Changed {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}
