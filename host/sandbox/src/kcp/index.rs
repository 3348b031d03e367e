//! What follows from kcp's own objects, kept in step with them: who binds what, who claims what, where a workspace is.
//!
//! Facts: the indexers of kcp in `pkg/indexers`. A binding is found by what it refers to as it is written, as there, so that
//! nothing has to be looked for when a workspace comes or goes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::binding::Binding;
use super::export::Export;
use super::json::{Object, at, text};
use super::logical_cluster::LogicalCluster;
use super::schemas::Compiled;
use super::virtual_workspace::VirtualWorkspace;
use crate::schema::Names;

/// What is remembered of an APIResourceSchema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// Its uid.
    pub uid: Box<str>,
    /// API group of what it defines.
    pub group: Box<str>,
    /// What it defines is called.
    pub names: Names,
}

impl Schema {
    fn read(object: &Object) -> Self {
        let names = at(object, &["spec", "names"]).and_then(Value::as_object);
        Self {
            uid: text(object, &["metadata", "uid"]).into(),
            group: text(object, &["spec", "group"]).into(),
            names: names.map(Names::read).unwrap_or_default(),
        }
    }
}

/// A logical cluster and a name.
type Name = (Box<str>, Box<str>);

/// A resource of an identity: the identity, group and plural.
type Identified = (Box<str>, Box<str>, Box<str>);

/// What is known of a kcp besides its objects.
#[derive(Debug, Default)]
pub struct Index {
    clusters: BTreeMap<Box<str>, LogicalCluster>,
    bindings: BTreeMap<Box<str>, BTreeMap<Box<str>, Arc<Binding>>>,
    exports: BTreeMap<Box<str>, BTreeMap<Box<str>, Arc<Export>>>,
    /// Bindings by what they refer to.
    by_reference: BTreeMap<Name, BTreeSet<Name>>,
    /// Logical clusters of exports, by path and name.
    by_path: BTreeMap<Name, BTreeSet<Box<str>>>,
    /// Exports by identity.
    by_identity: BTreeMap<Box<str>, BTreeSet<Name>>,
    /// Exports by an identity that they claim.
    claimants: BTreeMap<Box<str>, BTreeSet<Name>>,
    /// Schemas, by logical cluster and name.
    schemas: BTreeMap<Name, Arc<Schema>>,
    /// Endpoint slices, by what they refer to.
    slices: BTreeMap<Name, BTreeSet<Name>>,
    slice_references: BTreeMap<Name, Name>,
    /// How many bindings have a resource of an identity, on each shard.
    bound: BTreeMap<Identified, BTreeMap<Box<str>, usize>>,
    /// Schemas by uid and identity.
    pub(crate) compiled: BTreeMap<Name, Arc<Compiled>>,
    /// By the logical cluster and the name of the APIExport.
    pub(crate) virtual_workspaces: BTreeMap<Name, Arc<VirtualWorkspace>>,
}

impl Index {
    /// The singleton of a logical cluster.
    pub fn logical_cluster(&self, cluster: &str) -> Option<&LogicalCluster> {
        self.clusters.get(cluster)
    }

    /// The bindings in a logical cluster, by name.
    pub fn bindings_in(&self, cluster: &str) -> impl Iterator<Item = &Arc<Binding>> {
        self.bindings.get(cluster).into_iter().flat_map(BTreeMap::values)
    }

    /// A binding.
    pub fn binding(&self, cluster: &str, name: &str) -> Option<&Arc<Binding>> {
        self.bindings.get(cluster)?.get(name)
    }

    /// The exports in a logical cluster, by name.
    pub fn exports_in(&self, cluster: &str) -> impl Iterator<Item = &Arc<Export>> {
        self.exports.get(cluster).into_iter().flat_map(BTreeMap::values)
    }

    /// An export, by the logical cluster that it is in.
    pub fn export(&self, cluster: &str, name: &str) -> Option<&Arc<Export>> {
        self.exports.get(cluster)?.get(name)
    }

    /// An export, by the path of its workspace or by its logical cluster.
    pub fn export_at(&self, path: &str, name: &str) -> Option<&Arc<Export>> {
        let by_path = || {
            let clusters = self.by_path.get(&(path.into(), name.into()))?;
            self.export(clusters.last()?, name)
        };
        self.export(path, name).or_else(by_path)
    }

    /// The export that a binding refers to.
    pub fn export_of(&self, binding: &Binding) -> Option<&Arc<Export>> {
        self.export_at(&binding.path, &binding.export)
    }

    /// The bindings that refer to an export.
    pub fn bindings_of(&self, export: &Export) -> Vec<Arc<Binding>> {
        self.bindings_to(&export.path, &export.cluster, &export.name)
    }

    /// The bindings that refer to an export of a path and a logical cluster, which need not be there.
    pub fn bindings_to(&self, path: &str, cluster: &str, name: &str) -> Vec<Arc<Binding>> {
        let names = [path, cluster].into_iter().filter(|path| !path.is_empty());
        let all: BTreeSet<&Name> =
            names.filter_map(|path| self.by_reference.get(&(path.into(), name.into()))).flatten().collect();
        all.into_iter().filter_map(|(cluster, name)| self.binding(cluster, name).cloned()).collect()
    }

    /// The exports with an identity, by name and logical cluster.
    pub fn exports_of_identity(&self, identity: &str) -> Vec<Arc<Export>> {
        let names = self.by_identity.get(identity).into_iter().flatten();
        names.filter_map(|(cluster, name)| self.export(cluster, name).cloned()).collect()
    }

    /// The exports that claim something of an identity.
    pub fn claimants(&self, identity: &str) -> Vec<Arc<Export>> {
        let names = self.claimants.get(identity).into_iter().flatten();
        names.filter_map(|(cluster, name)| self.export(cluster, name).cloned()).collect()
    }

    /// A schema.
    pub fn schema(&self, cluster: &str, name: &str) -> Option<&Arc<Schema>> {
        self.schemas.get(&(cluster.into(), name.into()))
    }

    /// A schema with an identity, if somebody has bound it.
    pub fn compiled(&self, uid: &str, identity: &str) -> Option<&Arc<Compiled>> {
        self.compiled.get(&(uid.into(), identity.into()))
    }

    /// The endpoint slices of an export: their logical clusters and names.
    pub fn slices_of(&self, path: &str, cluster: &str, name: &str) -> BTreeSet<(Box<str>, Box<str>)> {
        let keys = [path, cluster].map(|path| (Box::from(path), Box::from(name)));
        keys.iter().filter_map(|key| self.slices.get(key)).flatten().cloned().collect()
    }

    /// All endpoint slices: their logical clusters and names.
    pub fn slices(&self) -> impl Iterator<Item = &(Box<str>, Box<str>)> {
        self.slice_references.keys()
    }

    /// Whether anybody on a shard has a resource of an identity bound.
    pub fn is_bound_on(&self, shard: &str, identity: &str, group: &str, resource: &str) -> bool {
        self.bound
            .get(&(identity.into(), group.into(), resource.into()))
            .is_some_and(|shards| shards.contains_key(shard))
    }

    /// The shard of a logical cluster. What has no singleton is on each, and counts as of the first.
    pub fn shard_of(&self, cluster: &str) -> &str {
        let shard = self.clusters.get(cluster).map(|found| &*found.shard).filter(|shard| !shard.is_empty());
        shard.unwrap_or(super::ROOT)
    }

    /// After a `LogicalCluster` changed.
    pub(crate) fn set_cluster(&mut self, cluster: &str, now: Option<&Object>) {
        match now {
            Some(object) => drop(self.clusters.insert(cluster.into(), LogicalCluster::read(object))),
            None => drop(self.clusters.remove(cluster)),
        }
    }

    /// After an APIBinding changed: what it was and what it is.
    pub(crate) fn set_binding(&mut self, cluster: &str, name: &str, now: Option<&Object>) -> [Option<Arc<Binding>>; 2] {
        let new = now.map(|object| Arc::new(Binding::read(cluster, name, object)));
        let all = self.bindings.entry(cluster.into()).or_default();
        let old = match &new {
            Some(new) => all.insert(name.into(), Arc::clone(new)),
            None => all.remove(name),
        };
        if all.is_empty() {
            self.bindings.remove(cluster);
        }
        let shard: Box<str> = self.shard_of(cluster).into();
        if let Some(old) = &old {
            take(&mut self.by_reference, &(old.path.clone(), old.export.clone()), &(cluster.into(), name.into()));
            for (group, resource, schema) in old.resources() {
                self.count(&shard, &(schema.identity.clone(), group.into(), resource.into()), false);
            }
        }
        if let Some(new) = &new {
            let reference = (new.path.clone(), new.export.clone());
            self.by_reference.entry(reference).or_default().insert((cluster.into(), name.into()));
            for (group, resource, schema) in new.resources() {
                self.count(&shard, &(schema.identity.clone(), group.into(), resource.into()), true);
            }
        }
        [old, new]
    }

    /// After an APIExport changed: what it was and what it is.
    pub(crate) fn set_export(&mut self, cluster: &str, name: &str, now: Option<&Object>) -> [Option<Arc<Export>>; 2] {
        let new = now.map(|object| Arc::new(Export::read(cluster, name, object)));
        let all = self.exports.entry(cluster.into()).or_default();
        let old = match &new {
            Some(new) => all.insert(name.into(), Arc::clone(new)),
            None => all.remove(name),
        };
        if all.is_empty() {
            self.exports.remove(cluster);
        }
        let own: Name = (cluster.into(), name.into());
        if let Some(old) = &old {
            take(&mut self.by_path, &(old.path.clone(), name.into()), &Box::from(cluster));
            take(&mut self.by_identity, &old.identity, &own);
            for claim in &old.claims {
                take(&mut self.claimants, &Box::from(claim.identity_hash.as_str()), &own);
            }
        }
        if let Some(new) = &new {
            self.by_path.entry((new.path.clone(), name.into())).or_default().insert(cluster.into());
            self.by_identity.entry(new.identity.clone()).or_default().insert(own.clone());
            for claim in new.claims.iter().filter(|claim| !claim.identity_hash.is_empty()) {
                self.claimants.entry(claim.identity_hash.as_str().into()).or_default().insert(own.clone());
            }
        }
        [old, new]
    }

    /// After an APIResourceSchema changed.
    pub(crate) fn set_schema(&mut self, cluster: &str, name: &str, now: Option<&Object>) {
        let key = (cluster.into(), name.into());
        match now {
            Some(object) => drop(self.schemas.insert(key, Arc::new(Schema::read(object)))),
            None => drop(self.schemas.remove(&key)),
        }
    }

    /// After an APIExportEndpointSlice changed.
    pub(crate) fn set_slice(&mut self, cluster: &str, name: &str, now: Option<&Object>) {
        let own: Name = (cluster.into(), name.into());
        if let Some(old) = self.slice_references.remove(&own) {
            take(&mut self.slices, &old, &own);
        }
        if let Some(object) = now {
            let path = text(object, &["spec", "export", "path"]);
            let path = if path.is_empty() { cluster } else { path };
            let reference: Name = (path.into(), text(object, &["spec", "export", "name"]).into());
            self.slices.entry(reference.clone()).or_default().insert(own.clone());
            self.slice_references.insert(own, reference);
        }
    }

    fn count(&mut self, shard: &str, what: &Identified, more: bool) {
        let shards = self.bound.entry(what.clone()).or_default();
        let count = shards.entry(shard.into()).or_default();
        *count = if more { *count + 1 } else { count.saturating_sub(1) };
        if *count == 0 {
            shards.remove(shard);
        }
        if shards.is_empty() {
            self.bound.remove(what);
        }
    }
}

/// Takes one out of a set of a map, and the set with the last one.
fn take<K: Ord, V: Ord>(map: &mut BTreeMap<K, BTreeSet<V>>, key: &K, value: &V) {
    let Some(set) = map.get_mut(key) else { return };
    set.remove(value);
    if set.is_empty() {
        map.remove(key);
    }
}
