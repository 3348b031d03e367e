//! Writes: each one is a revision.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::Store;
use super::key::Key;
use super::object::{ByPath, Object};
use super::resources::ResourceId;
use super::topic::Topic;
use crate::status::Failure;

/// A write that was done.
#[derive(Debug, Clone)]
pub struct Commit {
    /// The new state; of a removed object the last one, with the revision of its removal.
    pub object: Object,
    /// Whose watches have to be woken.
    pub topics: [Topic; 2],
}

/// Why nothing was written.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    /// There is an object of this name.
    Exists(Object),
    /// There is no object of this name.
    Missing,
    /// It is not at the revision that was expected. Who changes objects reads it again and decides anew, as a server does.
    Changed(Object),
    /// It is too large for etcd. A server tries once more without `metadata.managedFields` before it says so, unless that is
    /// an apply patch (`isTooLargeError` of `endpoints/handlers`).
    TooLarge,
    /// It cannot be kept.
    Failed(Failure),
}

impl Refusal {
    /// The answer to a client that is not to try again; `group`, `plural` and `name` are those of the request.
    pub fn failure(self, group: &str, plural: &str, name: &str) -> Failure {
        match self {
            Self::Exists(_) => Failure::already_exists(group, plural, name),
            Self::Missing => Failure::not_found(group, plural, name),
            Self::Changed(_) => {
                let why = "the object has been modified; please apply your changes to the latest version and try again";
                Failure::conflict(group, plural, name, why)
            }
            Self::TooLarge => Failure::new(500, "", "etcdserver: request is too large"),
            Self::Failed(failure) => failure,
        }
    }
}

impl Store {
    /// Adds an object, which may not be there.
    pub fn create(&mut self, key: &Key<'_>, object: Map<String, Value>) -> Result<Commit, Refusal> {
        if let Some(present) = self.get(key) {
            return Err(Refusal::Exists(present.clone()));
        }
        let path = key.path().ok_or_else(|| Refusal::Failed(no_key(key)))?;
        self.put(key, path, object, None)
    }

    /// Replaces an object, which has to be at the `expected` revision.
    pub fn replace(&mut self, key: &Key<'_>, expected: u64, object: Map<String, Value>) -> Result<Commit, Refusal> {
        let present = self.expect(key, Some(expected))?;
        self.put(key, present.path().clone(), object, Some(present))
    }

    /// Removes an object, which has to be at the `expected` revision if there is one.
    pub fn remove(&mut self, key: &Key<'_>, expected: Option<u64>) -> Result<Commit, Refusal> {
        let present = self.expect(key, expected)?;
        let object = present.at(self.revision() + 1);
        if let Some(shelf) = self.shelves.get_mut(key.resource.0 as usize) {
            shelf.remove::<str>(present.path());
        }
        self.owners.remove(&present);
        Ok(self.commit(key.resource, key.cluster, object, Some(present), true))
    }

    fn put(
        &mut self,
        key: &Key<'_>,
        path: Arc<str>,
        object: Map<String, Value>,
        previous: Option<Object>,
    ) -> Result<Commit, Refusal> {
        let object = Object::new(key.resource, path, self.revision() + 1, object).map_err(Refusal::Failed)?;
        self.fits(&object)?;
        let Some(shelf) = self.shelves.get_mut(key.resource.0 as usize) else {
            return Err(Refusal::Failed(no_key(key)));
        };
        shelf.replace(ByPath(object.clone()));
        if let Some(previous) = &previous {
            self.owners.remove(previous);
        }
        self.owners.add(&object);
        self.recent.add(&object);
        Ok(self.commit(key.resource, key.cluster, object, previous, false))
    }

    fn expect(&self, key: &Key<'_>, expected: Option<u64>) -> Result<Object, Refusal> {
        let present = self.get(key).ok_or(Refusal::Missing)?;
        if expected.is_some_and(|expected| expected != present.revision()) {
            return Err(Refusal::Changed(present.clone()));
        }
        Ok(present.clone())
    }

    fn commit(
        &mut self,
        resource: ResourceId,
        cluster: &str,
        object: Object,
        previous: Option<Object>,
        deleted: bool,
    ) -> Commit {
        let cluster = self.number(cluster);
        self.log.push(cluster, object.clone(), previous, deleted);
        Commit { object, topics: Topic::of(resource, cluster) }
    }

    /// What etcd says to objects it does not take. It measures the request it makes of the write, with the key in it three
    /// times, and built-in kinds are shorter there than in JSON: close to the limit this answers otherwise than a real server.
    fn fits(&self, object: &Object) -> Result<(), Refusal> {
        let request = object.json().len() + 3 * object.path().len() + 64;
        if request > self.limits.request * 4 / 3 {
            let what = "an object so large that the client of etcd refuses it";
            return Err(Refusal::Failed(Failure::not_in_sandbox(what)));
        }
        if request > self.limits.request {
            return Err(Refusal::TooLarge);
        }
        Ok(())
    }
}

/// What cannot come from a request that was routed and validated.
fn no_key(key: &Key<'_>) -> Failure {
    Failure::new(500, "", format!("invalid key: {:?}", key.name))
}
