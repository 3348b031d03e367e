//! What controllers do to objects: they may do everything, they know names and not servings, and what they change they read
//! right before, so that nobody comes in between.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::World;
use super::place::{Named, Place};
use super::writes::{Writer, Written};
use crate::kinds::Served;
use crate::lifecycle::{DeleteOptions, Subresource};
use crate::status::Failure;
use crate::store::{Object, ResourceId, Scope};

impl World {
    /// An object as it is kept, if its kind is served there and it is there. Nothing is parsed.
    pub fn kept(&self, named: &Named<'_>) -> Option<&Object> {
        let serving = self.stored(named.cluster, named.group, named.plural)?;
        self.store.get(&named.key(serving.resource))
    }

    /// How many objects of a kind are in a namespace.
    pub fn count(&self, cluster: &str, group: &str, plural: &str, namespace: &str) -> usize {
        let Some(serving) = self.stored(cluster, group, plural) else { return 0 };
        self.store.count(&Scope::all(serving.resource).cluster(cluster).namespace(namespace))
    }

    /// The group and the plural of what is kept in a storage.
    pub fn kind_of(&self, resource: ResourceId) -> Option<(Arc<str>, Arc<str>)> {
        self.resources.get(&resource).cloned()
    }

    /// The kind that a cluster serves as this, by the name of the kind.
    pub fn served_as(&self, cluster: &str, group: &str, version: &str, kind: &str) -> Option<Arc<Served>> {
        let own = self.clusters.get(cluster).into_iter().flat_map(|cluster| cluster.kinds().iter());
        let mut all = self.built_in.iter().chain(own);
        all.find(|served| served.kind == kind && served.version == version && served.group == group).cloned()
    }

    /// Adds an object, in the namespace that is in its metadata.
    pub fn make(
        &mut self,
        cluster: &str,
        group: &str,
        plural: &str,
        object: Value,
        manager: &str,
    ) -> Result<Arc<Map<String, Value>>, Failure> {
        let serving = self.stored(cluster, group, plural).ok_or_else(Failure::no_such_path)?;
        let Value::Object(object) = object else { return Err(Failure::bad_request("the object is no object")) };
        let metadata = object.get("metadata").and_then(|metadata| metadata.get("namespace"));
        let namespace = metadata.and_then(Value::as_str).unwrap_or_default().to_owned();
        let writer = Writer { manager, ..Writer::default() };
        self.create(&serving, Place { cluster, namespace: &namespace }, object, &writer)?.into_map()
    }

    /// Changes an object that is there. If that changes nothing, nothing is written.
    pub fn change(
        &mut self,
        named: &Named<'_>,
        subresource: Subresource,
        manager: &str,
        mut change: impl FnMut(&mut Map<String, Value>),
    ) -> Result<Written, Failure> {
        let missing = || Failure::not_found(named.group, named.plural, named.name);
        let serving = self.stored(named.cluster, named.group, named.plural).ok_or_else(missing)?;
        let writer = Writer { manager, ..Writer::default() };
        self.update(&serving, named.place(), named.name, subresource, &writer, &mut |_, present| {
            let mut object = present.ok_or_else(missing)?.clone();
            change(&mut object);
            Ok(object)
        })
    }

    /// Deletes an object.
    pub fn discard(&mut self, named: &Named<'_>, options: &DeleteOptions) -> Result<(), Failure> {
        let missing = || Failure::not_found(named.group, named.plural, named.name);
        let serving = self.stored(named.cluster, named.group, named.plural).ok_or_else(missing)?;
        self.delete(&serving, named.place(), named.name, options).map(drop)
    }
}

impl Written {
    /// The object.
    pub fn into_map(self) -> Result<Arc<Map<String, Value>>, Failure> {
        match self {
            Self::Created(object) | Self::Stored(object) => object.map(),
            Self::Told { object, .. } => Ok(Arc::new(object)),
        }
    }
}
