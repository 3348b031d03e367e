//! What a server keeps: objects, their revisions and the last changes, as etcd and the watch cache of a real server do.
//!
//! A [`Store`] is one etcd: one counter of revisions for all resources and for all logical clusters. It is a plain value
//! without locks, but for what objects remember: whoever shares it puts it behind one, and after a write wakes those who wait for the [`Topic`]s of the
//! [`Commit`]. Lists give pointers to objects, so that nobody needs the lock while an answer is written.
//!
//! What it does not know: what is in an object beyond `metadata.labels`, `uid` and `ownerReferences`; selectors; what a kind
//! is. Costs, for n objects: get and write O(log n); a list what it reads; a change the log's upkeep and the watches of its
//! topics; `count` and the remaining items of a first page within one cluster what they count.
//!
//! Facts are from Kubernetes' `apiserver/pkg/storage`: `etcd3/store.go`, `cacher/*.go`, `continue.go`, `errors.go`.

mod continuation;
mod encode;
mod key;
mod list;
mod log;
mod object;
mod options;
mod owners;
mod recent;
mod resources;
mod topic;
mod version;
mod view;
mod watch;
mod write;

#[cfg(test)]
mod tests;

pub use self::key::{Key, Scope};
pub use self::list::{ListFailure, ListOptions, Match, Matches, Page};
use self::log::Log;
pub use self::log::LogLimits;
use self::object::ByPath;
pub use self::object::Object;
pub use self::options::{QueryOptions, validate};
use self::owners::Owners;
use self::recent::Recent;
use self::resources::Numbers;
pub use self::resources::{ClusterId, Resource, ResourceId};
pub use self::topic::Topic;
use self::view::Shelf;
pub use self::watch::{Event, Next, Watch, WatchOptions};
pub use self::write::{Commit, Refusal};
use crate::status::Failure;

/// What a store may hold.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The last changes.
    pub log: LogLimits,
    /// The bytes of one write, as `--max-request-bytes` of etcd.
    pub request: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { log: LogLimits::default(), request: 3 << 19 }
    }
}

/// Objects with their history. A clone is another store with the same content: it copies a pointer for each object.
#[derive(Debug, Clone)]
pub struct Store {
    limits: Limits,
    resources: Numbers<Resource>,
    clusters: Numbers<String>,
    /// By [`ResourceId`].
    shelves: Vec<Shelf>,
    log: Log,
    owners: Owners,
    recent: Recent,
}

/// The first revision of an etcd that nobody wrote to.
const FIRST: u64 = 1;

impl Store {
    /// An empty store.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            resources: Numbers::default(),
            clusters: Numbers::default(),
            shelves: Vec::new(),
            log: Log::new(limits.log, FIRST),
            owners: Owners::default(),
            recent: Recent::default(),
        }
    }

    /// The number of a resource in this store. It takes memory for ever, so it is for resources that exist only.
    pub fn resource(&mut self, resource: &Resource) -> ResourceId {
        let id = self.resources.number(resource);
        if self.shelves.len() <= id as usize {
            self.shelves.resize_with(id as usize + 1, Shelf::new);
            self.log.begin(ResourceId(id));
        }
        ResourceId(id)
    }

    /// The newest revision.
    pub fn revision(&self) -> u64 {
        self.log.revision()
    }

    /// An object, in its newest state.
    pub fn get(&self, key: &Key<'_>) -> Option<&Object> {
        let path = key.path()?;
        self.shelf(key.resource)?.get::<str>(&path).map(|ByPath(object)| object)
    }

    /// What a request for one object with a `resourceVersion` gets: that revision has to have come.
    pub fn get_at_least(&self, key: &Key<'_>, resource_version: &str) -> Result<Option<&Object>, Failure> {
        let wanted = version::parse(resource_version).map_err(|error| error.elsewhere())?;
        self.reached(wanted, 1)?;
        Ok(self.get(key))
    }

    /// The objects as they were at a revision, if that is still known.
    pub fn view_at(&self, revision: u64) -> View<'_> {
        View { store: self, revision }
    }

    /// Forgets the changes up to a revision: what is older than that is 410 from then on.
    pub fn compact(&mut self, revision: u64) {
        self.log.compact(revision);
    }

    /// How many objects are in a scope.
    pub fn count(&self, scope: &Scope<'_>) -> usize {
        let Some(shelf) = self.shelf(scope.resource) else { return 0 };
        if scope.is_all() { shelf.len() } else { view::walk(shelf, &self.log, scope, "", self.revision()).count() }
    }

    /// All objects, by resource (group, plural, identity) and key. For comparing what two runs ended with.
    pub fn dump(&self) -> impl Iterator<Item = (&Resource, &Object)> {
        self.resources.iter().flat_map(|(resource, id)| {
            let objects = self.shelf(ResourceId(id)).into_iter().flatten();
            objects.map(move |ByPath(object)| (resource, object))
        })
    }

    fn shelf(&self, resource: ResourceId) -> Option<&Shelf> {
        self.shelves.get(resource.0 as usize)
    }

    /// The number of a logical cluster.
    fn number(&mut self, cluster: &str) -> ClusterId {
        ClusterId(self.clusters.number(cluster))
    }
}

/// A store at a revision.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    store: &'a Store,
    revision: u64,
}

impl<'a> View<'a> {
    /// An object as it was. 410 if that is no longer known.
    pub fn get(&self, key: &Key<'_>) -> Result<Option<&'a Object>, Failure> {
        self.known(key.resource)?;
        let Store { log, .. } = self.store;
        let (Some(path), Some(shelf)) = (key.path(), self.store.shelf(key.resource)) else { return Ok(None) };
        Ok(view::look(shelf, log, key.resource, &path, self.revision))
    }

    /// The objects of a scope as they were. 410 if that is no longer known.
    pub fn objects(&self, scope: &Scope<'_>) -> Result<Vec<Object>, Failure> {
        self.known(scope.resource)?;
        let Some(shelf) = self.store.shelf(scope.resource) else { return Ok(Vec::new()) };
        Ok(view::walk(shelf, &self.store.log, scope, "", self.revision).cloned().collect())
    }

    fn known(&self, resource: ResourceId) -> Result<(), Failure> {
        self.store.reached(self.revision, 0)?;
        if self.revision < self.store.log.floor(Topic::all(resource)) {
            return Err(version::list_too_old());
        }
        Ok(())
    }
}
