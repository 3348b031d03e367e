//! Who depends on whom: objects by the uids in their `ownerReferences`, for garbage collection.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Store;
use super::key;
use super::object::{ByPath, Object};
use super::resources::ResourceId;

/// Owner, resource and key of each dependent.
#[derive(Debug, Clone, Default)]
pub(super) struct Owners {
    dependents: BTreeSet<(Box<str>, ResourceId, Arc<str>)>,
}

impl Owners {
    pub(super) fn add(&mut self, object: &Object) {
        for owner in object.owners() {
            self.dependents.insert((owner.into(), object.resource(), object.path().clone()));
        }
    }

    pub(super) fn remove(&mut self, object: &Object) {
        for owner in object.owners() {
            self.dependents.remove(&(owner.into(), object.resource(), object.path().clone()));
        }
    }
}

impl Store {
    /// The objects of a logical cluster that name `uid` as an owner, by resource and key.
    pub fn dependents(&self, cluster: &str, uid: &str) -> impl Iterator<Item = &Object> {
        let start = (Box::from(uid), ResourceId::default(), Arc::from(""));
        let of_owner = self.owners.dependents.range(start..).take_while(move |(owner, ..)| **owner == *uid);
        let of_cluster = of_owner.filter(move |(.., path)| key::split(path).0 == cluster);
        of_cluster
            .filter_map(|(_, resource, path)| self.shelf(*resource)?.get::<str>(path).map(|ByPath(object)| object))
    }
}
