//! Where an object is.

use crate::store::{Key, ResourceId};

/// Where objects of a kind are: a cluster, and a namespace for kinds that have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// The logical cluster.
    pub cluster: &'a str,
    /// Empty for kinds without.
    pub namespace: &'a str,
}

/// One object, by the names that people use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named<'a> {
    /// The logical cluster.
    pub cluster: &'a str,
    /// API group; empty for the core group.
    pub group: &'a str,
    /// Such as `deployments`.
    pub plural: &'a str,
    /// Empty for kinds without.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
}

impl<'a> Place<'a> {
    /// The key of an object there.
    pub fn key<'k>(&self, resource: ResourceId, name: &'k str) -> Key<'k>
    where
        'a: 'k,
    {
        Key { resource, cluster: self.cluster, namespace: self.namespace, name }
    }
}

impl<'a> Named<'a> {
    /// Where it is.
    pub fn place(&self) -> Place<'a> {
        Place { cluster: self.cluster, namespace: self.namespace }
    }

    /// Its key.
    pub fn key(&self, resource: ResourceId) -> Key<'a> {
        Key { resource, cluster: self.cluster, namespace: self.namespace, name: self.name }
    }
}
