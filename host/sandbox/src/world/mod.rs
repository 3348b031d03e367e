//! The state of one server: what its clusters serve, what they hold, and who may do what there.
//!
//! A [`World`] is a plain kube-apiserver's etcd (with one cluster, or many that share it, as the physical clusters of a sandbox
//! do), or a kcp with its logical clusters. It is a plain value without locks of its own, and everything in it changes through
//! [`World::commit`], which keeps what is derived from objects (who may do what, which kinds are served) in step with them and
//! remembers what was changed: [`Changed`] for those who [act](crate::actors), [`Topic`]s for those who
//! watch.
//!
//! ```text
//!  Catalog of a cluster  =  built-in kinds  +  custom kinds of the cluster (its CRDs, its bindings)
//!  Serving               =  one kind in one version: how it is read, checked, kept and shown
//! ```

mod acting;
mod annotated;
mod changed;
mod cluster;
mod custom;
mod derived;
mod logical_clusters;
mod place;
mod random;
mod serving;
mod writes;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

pub use self::changed::Changed;
pub use self::cluster::Cluster;
pub use self::custom::Defined;
pub use self::place::{Named, Place};
pub use self::random::Random;
pub use self::serving::{Content, Serving, Servings};
pub use self::writes::{Change, Deleted, Writer, Written};
pub(crate) use self::writes::{annotation, typed};
use crate::access::bindings::Bindings;
use crate::access::tokens::Tokens;
use crate::fields::{BadTable, BuiltIn, Shape};
use crate::kcp::Index;
use crate::kinds::{Catalog, Flavour, Kinds, built_in};
use crate::store::{Commit, Key, Limits, Object, Resource, ResourceId, Scope, Store, Topic};

/// The state of one server.
#[derive(Debug)]
pub struct World {
    /// Whose rules hold.
    pub flavour: Flavour,
    /// All objects.
    pub store: Store,
    /// Roles and bindings of all clusters.
    pub bindings: Bindings,
    /// Whom tokens are of.
    pub tokens: Tokens,
    /// Where uids and names come from.
    pub random: Random,
    /// The time of what is being done.
    pub now: Timestamp,
    shapes: Arc<BuiltIn>,
    built_in: Kinds,
    built_in_servings: Servings,
    clusters: BTreeMap<Box<str>, Cluster>,
    /// Group and plural of each storage.
    resources: BTreeMap<ResourceId, (Arc<str>, Arc<str>)>,
    changes: VecDeque<Changed>,
    topics: Vec<Topic>,
    /// What kcp keeps without saying where it is.
    bare: annotated::Bare,
    /// What follows from kcp's own objects.
    pub(crate) kcp: Index,
}

impl World {
    /// A server without clusters.
    pub fn new(flavour: Flavour, limits: Limits, tokens: Tokens, seed: u64) -> Result<Self, BadTable> {
        let shapes = Arc::new(BuiltIn::new()?);
        let mut world = Self {
            flavour,
            store: Store::new(limits),
            bindings: Bindings::new(),
            tokens,
            random: Random::seeded(seed),
            now: Timestamp::UNIX_EPOCH,
            shapes: Arc::clone(&shapes),
            built_in: built_in(flavour),
            built_in_servings: Servings::default(),
            clusters: BTreeMap::new(),
            resources: BTreeMap::new(),
            changes: VecDeque::new(),
            bare: annotated::Bare::default(),
            topics: Vec::new(),
            kcp: Index::default(),
        };
        world.built_in_servings = serving::built_in(&mut world, &shapes);
        Ok(world)
    }

    /// Adds a cluster that has nothing yet; nothing happens if it is there.
    pub fn add_cluster(&mut self, name: &str) {
        self.clusters.entry(name.into()).or_default();
    }

    /// Forgets a cluster. Its objects have to be gone.
    pub fn remove_cluster(&mut self, name: &str) {
        self.clusters.remove(name);
        self.bindings.forget(name);
    }

    /// A cluster.
    pub fn cluster(&self, name: &str) -> Option<&Cluster> {
        self.clusters.get(name)
    }

    /// A cluster, to change what it serves.
    pub fn cluster_mut(&mut self, name: &str) -> Option<&mut Cluster> {
        self.clusters.get_mut(name)
    }

    /// The names of all clusters.
    pub fn clusters(&self) -> impl Iterator<Item = &str> {
        self.clusters.keys().map(AsRef::as_ref)
    }

    /// What the objects of a built-in kind are made of, be they kept or only answered.
    pub(crate) fn shape(&self, api_version: &str, kind: &str) -> Option<Shape> {
        self.shapes.shape(api_version, kind)
    }

    /// The newest revision.
    pub fn revision(&self) -> u64 {
        self.store.revision()
    }

    /// What a cluster serves.
    pub fn catalog(&self, cluster: &str) -> Catalog<'_> {
        let mut layers = vec![&self.built_in];
        layers.extend(self.clusters.get(cluster).map(Cluster::kinds));
        Catalog::new(self.flavour, layers)
    }

    /// One kind in one version, as a cluster serves it.
    pub fn serving(&self, cluster: &str, group: &str, version: &str, plural: &str) -> Option<Arc<Serving>> {
        let own = || self.clusters.get(cluster)?.servings().get(group, version, plural);
        self.built_in_servings.get(group, version, plural).or_else(own).cloned()
    }

    /// One kind, in the version that is stored, as a cluster serves it.
    pub fn stored(&self, cluster: &str, group: &str, plural: &str) -> Option<Arc<Serving>> {
        let own = || self.clusters.get(cluster)?.servings().stored(group, plural);
        self.built_in_servings.stored(group, plural).or_else(own).cloned()
    }

    /// All kinds that a cluster stores, each in one version.
    pub fn all_stored(&self, cluster: &str) -> Vec<Arc<Serving>> {
        let own = self.clusters.get(cluster).into_iter().flat_map(|cluster| cluster.servings().all_stored());
        self.built_in_servings.all_stored().chain(own).cloned().collect()
    }

    /// The number of a storage, for as long as the server runs.
    pub fn resource(&mut self, group: &str, plural: &str, identity: &str) -> ResourceId {
        let resource = Resource { group: group.into(), plural: plural.into(), identity: identity.into() };
        let id = self.store.resource(&resource);
        self.resources.entry(id).or_insert_with(|| (group.into(), plural.into()));
        id
    }

    /// An object, if its kind is served there and it is there.
    pub fn get(&self, named: &Named<'_>) -> Option<Arc<Map<String, Value>>> {
        let serving = self.stored(named.cluster, named.group, named.plural)?;
        self.store.get(&named.key(serving.resource))?.map().ok()
    }

    /// The objects of a kind in a cluster, of one namespace or of all.
    pub fn list(&self, cluster: &str, group: &str, plural: &str, namespace: Option<&str>) -> Vec<Object> {
        let Some(serving) = self.stored(cluster, group, plural) else { return Vec::new() };
        let scope = Scope { namespace, ..Scope::all(serving.resource).cluster(cluster) };
        self.store.view_at(self.store.revision()).objects(&scope).unwrap_or_default()
    }

    /// Every object that is there, as if it had just changed.
    pub fn all_objects(&self) -> impl Iterator<Item = Changed> {
        self.store.dump().map(|(resource, object)| Changed {
            group: (&*resource.group).into(),
            plural: (&*resource.plural).into(),
            cluster: object.cluster().into(),
            namespace: object.namespace().into(),
            name: object.name().into(),
            before: None,
        })
    }

    /// What changed since this was asked the last time, in order.
    pub fn take_changes(&mut self) -> VecDeque<Changed> {
        std::mem::take(&mut self.changes)
    }

    /// Whom to wake, since this was asked the last time.
    pub fn take_topics(&mut self) -> Vec<Topic> {
        std::mem::take(&mut self.topics)
    }

    /// Whether there are changes that nobody has looked at.
    pub fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    /// Adds an object.
    pub(crate) fn insert(
        &mut self,
        key: &Key<'_>,
        object: Map<String, Value>,
    ) -> Result<Object, crate::store::Refusal> {
        let commit = self.store.create(key, object)?;
        let now = commit.object.map().ok();
        Ok(self.commit(key, commit, None, now.as_deref()))
    }

    /// Replaces an object.
    pub(crate) fn replace(
        &mut self,
        key: &Key<'_>,
        expected: u64,
        object: Map<String, Value>,
    ) -> Result<Object, crate::store::Refusal> {
        let before = self.store.get(key).cloned();
        let commit = self.store.replace(key, expected, object)?;
        // It is made of what was read, unless somebody says otherwise.
        self.bare.set(key, false);
        let now = commit.object.map().ok();
        Ok(self.commit(key, commit, before, now.as_deref()))
    }

    /// Removes an object.
    pub(crate) fn remove(&mut self, key: &Key<'_>) -> Result<Object, crate::store::Refusal> {
        let commit = self.store.remove(key, None)?;
        self.bare.set(key, false);
        let before = commit.object.clone();
        Ok(self.commit(key, commit, Some(before), None))
    }

    /// After every write: derives, and remembers whom it concerns.
    fn commit(
        &mut self,
        key: &Key<'_>,
        commit: Commit,
        before: Option<Object>,
        now: Option<&Map<String, Value>>,
    ) -> Object {
        self.topics.extend(commit.topics);
        if let Some((group, plural)) = self.resources.get(&key.resource).cloned() {
            self.derive(&group, &plural, key, now);
            self.changes.push_back(Changed {
                group,
                plural,
                cluster: key.cluster.into(),
                namespace: key.namespace.into(),
                name: key.name.into(),
                before,
            });
        }
        commit.object
    }
}
