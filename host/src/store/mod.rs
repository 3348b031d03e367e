//! What the hub's watches have told us: bytes and a slim index, decoded only inside a reconcile.
//!
//! A SyncTarget costs its JSON without managedFields and some hundred bytes of index; as a tree of values it would cost ten
//! times that. Everything is held by workspace, so equal names of two workspaces never meet, and what a workspace holds
//! can be forgotten at once. Secrets are held as metadata only. All is behind one lock that is never held across an await.
//!
//! What a watch tells counts only if it comes from the endpoint that serves the workspace: see [`Store::admit`].

mod compression;
mod held;
mod plugins;
mod readers;
mod syncers;
mod tables;
mod workspaces;
mod writes;

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use berthage_core::heartbeat::Heartbeat;
use berthage_core::kcp::binding::Binding;
use berthage_core::key::{Key, Kind, Workspace};
use berthage_core::names::{LABEL_KUBECONFIG, TargetNames};
use jiff::Timestamp;
use kube::api::ObjectMeta;

use crate::wire::Wire;

pub use held::{Held, SecretMeta};
pub use plugins::{Declarations, owner};
pub use readers::{Read, readable};
use tables::{Lists, OfTarget, Tables, pairs};
use workspaces::Place;
pub use workspaces::{Endpoint, Tenancy};
pub use writes::Written;

/// Which of the hub's lists an event belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// APIBindings, of kcp: which workspaces there are, and what they accept.
    Bindings,
    /// LogicalClusters, of kcp, metadata only: which workspaces are being deleted.
    LogicalClusters,
    /// SyncTargets.
    Targets,
    /// ClusterRegistrations.
    Registrations,
    /// Labelled Secrets, metadata only.
    Secrets,
    /// The syncers' Leases.
    Leases,
    /// ClusterRoles of syncers' identities.
    ClusterRoles,
    /// ClusterRoleBindings of syncers' identities.
    ClusterRoleBindings,
    /// ReconcilePlugins.
    Plugins,
    /// Labelled ConfigMaps, for plugins.
    ConfigMaps,
}

impl Source {
    /// What is watched at each endpoint of kcp.
    pub const KCP: &'static [Self] = &[
        Self::Bindings,
        Self::LogicalClusters,
        Self::Targets,
        Self::Registrations,
        Self::Secrets,
        Self::Leases,
        Self::ClusterRoles,
        Self::ClusterRoleBindings,
        Self::Plugins,
        Self::ConfigMaps,
    ];
    /// What is watched on a plain Kubernetes hub: the same without kcp's own kinds.
    pub const PLAIN: &'static [Self] = Self::KCP.split_at(2).1;
    /// What is watched in the platform's own workspace on kcp.
    pub const PLATFORM: &'static [Self] = Self::KCP.split_at(8).1;
}

/// Whether what a watch tells of a workspace counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// It does. The name shares its bytes with all others of the workspace.
    Here(Workspace),
    /// The workspace was served by another endpoint until now, and everything that was held of it is forgotten: versions of
    /// two endpoints cannot be compared. The watches of both have to begin anew: they may have told of the workspace before.
    Moved {
        /// Its name.
        workspace: Workspace,
        /// Where it was.
        from: Endpoint,
        /// To be looked at again.
        keys: Vec<Key>,
    },
    /// Another endpoint serves the workspace, or this one is watched no longer.
    Elsewhere,
}

/// What is known of a syncer's Lease.
#[derive(Debug, Clone, PartialEq)]
pub struct LeaseMeta {
    /// What the syncer wrote, if it ever did.
    pub heartbeat: Option<Arc<Heartbeat>>,
}

/// See the module.
#[derive(Default)]
pub struct Store {
    inner: RwLock<Tables>,
}

impl Store {
    /// A store for what no watch fills: of one workspace, which is taken to be complete.
    pub fn offline(workspace: &Workspace) -> Self {
        let store = Self::default();
        store.admit(&Endpoint::plain(), workspace.as_str(), Source::Targets);
        store
    }

    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.inner.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Tables> {
        self.inner.write().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    // ---- endpoints and workspaces ----

    /// An endpoint is watched from now on, or anew: what it has served before is not forgotten.
    pub fn open(&self, endpoint: &Endpoint, sources: &'static [Source]) {
        let mut inner = self.write();
        let lists = inner.endpoints.entry(endpoint.clone()).or_default();
        lists.sources = sources;
        lists.synced.clear();
    }

    /// An endpoint is watched no longer: forgets its workspaces; returns what is or was held of them.
    pub fn close(&self, endpoint: &Endpoint) -> Vec<Key> {
        let mut inner = self.write();
        let lists = inner.endpoints.remove(endpoint).unwrap_or_default();
        let places = inner.workspaces.of(endpoint);
        let held = places.into_iter().flat_map(|place| inner.purge(place));
        held.chain(lists.gone).collect()
    }

    /// Notes that the endpoint has answered with a list of a source.
    pub fn set_served(&self, endpoint: &Endpoint, source: Source) {
        if let Some(lists) = self.write().endpoints.get_mut(endpoint) {
            lists.served.insert(source);
        }
    }

    /// Whether the endpoint has ever answered with a list of a source.
    pub fn has_served(&self, endpoint: &Endpoint, source: Source) -> bool {
        self.read().endpoints.get(endpoint).is_some_and(|lists| lists.served.contains(&source))
    }

    /// Whether the endpoint has told which bindings there are, and no workspace has our API by one of them.
    pub fn serves_nobody(&self, endpoint: &Endpoint) -> bool {
        let inner = self.read();
        let bound = |place: Place| {
            let tenancy = inner.workspaces.at(place).map(|(_, tenancy)| tenancy);
            tenancy.and_then(Tenancy::binding).is_some_and(|binding| binding.bound)
        };
        let listed = inner.endpoints.get(endpoint).is_some_and(|lists| lists.served.contains(&Source::Bindings));
        listed && !inner.workspaces.of(endpoint).into_iter().any(bound)
    }

    /// Notes that the first list of a source is complete. When that makes the endpoint complete: the keys to look at, which are
    /// those of its workspaces, and those that went meanwhile.
    pub fn set_synced(&self, endpoint: &Endpoint, source: Source) -> Option<Vec<Key>> {
        let mut inner = self.write();
        let lists = inner.endpoints.get_mut(endpoint)?;
        if !lists.synced.insert(source) || !lists.is_complete() {
            return None;
        }
        let gone = std::mem::take(&mut lists.gone);
        // What the platform declares concerns everybody, and nobody was looked at before it was known.
        let places = if endpoint.is_platform() { inner.workspaces.all() } else { inner.workspaces.of(endpoint) };
        let held: Vec<Key> = places.iter().flat_map(|place| inner.keys_in(*place)).collect();
        for place in places {
            inner.leave_if_empty(place);
        }
        Some(held.into_iter().chain(gone).collect())
    }

    /// These keys, whose objects are held no longer; or none, if the endpoint is not complete: then [`Store::set_synced`] gives
    /// them.
    pub fn or_later(&self, endpoint: &Endpoint, keys: Vec<Key>) -> Vec<Key> {
        let mut inner = self.write();
        match inner.endpoints.get_mut(endpoint) {
            Some(lists) if !lists.is_complete() => {
                lists.gone.extend(keys);
                Vec::new()
            }
            _ => keys,
        }
    }

    /// Whether every source of an endpoint was listed once. Nothing is decided by absence before that.
    pub fn is_synced(&self, endpoint: &Endpoint) -> bool {
        self.read().endpoints.get(endpoint).is_some_and(Lists::is_complete)
    }

    /// Whether what the platform declares is known, and some endpoint of kcp is complete, or there is none.
    pub fn any_synced(&self) -> bool {
        let inner = self.read();
        let mut tenants = inner.endpoints.iter().filter(|(endpoint, _)| !endpoint.is_platform()).peekable();
        inner.knows_platform() && (tenants.peek().is_none() || tenants.any(|(_, lists)| lists.is_complete()))
    }

    /// Whether what is not held of a workspace is not there: its endpoint is complete, or the workspace is not served; and what
    /// the platform declares for all is known too.
    pub fn knows(&self, workspace: &Workspace) -> bool {
        let inner = self.read();
        let tenancy = inner.workspaces.place(workspace).and_then(|place| inner.workspaces.at(place));
        let lists = tenancy.and_then(|(_, tenancy)| inner.endpoints.get(&tenancy.endpoint));
        lists.is_none_or(Lists::is_complete) && inner.knows_platform()
    }

    /// Whether what `endpoint` tells of a workspace counts. A workspace that is not known is taken in; one that is served
    /// elsewhere moves only with its binding, which is what makes it served.
    pub fn admit(&self, endpoint: &Endpoint, workspace: &str, source: Source) -> Admission {
        let asked = Workspace::new(workspace);
        {
            let inner = self.read();
            // What a watch still has to say when its endpoint is gone is not taken in: nobody would take it out again.
            if !endpoint.is_plain() && !inner.endpoints.contains_key(endpoint) {
                return Admission::Elsewhere;
            }
            if let Some((name, tenancy)) = inner.workspaces.place(&asked).and_then(|place| inner.workspaces.at(place)) {
                if tenancy.endpoint == *endpoint {
                    return Admission::Here(name.clone());
                }
                if source != Source::Bindings {
                    return Admission::Elsewhere;
                }
            }
        }
        let mut inner = self.write();
        if !endpoint.is_plain() && !inner.endpoints.contains_key(endpoint) {
            return Admission::Elsewhere;
        }
        let forgotten = match inner.workspaces.place(&asked) {
            Some(place) => match inner.workspaces.at(place).map(|(_, tenancy)| tenancy.endpoint.clone()) {
                Some(from) if from != *endpoint => Some((from, inner.purge(place))),
                _ => return Admission::Here(asked),
            },
            None => None,
        };
        inner.workspaces.enter(&asked, endpoint);
        let Some((from, keys)) = forgotten else { return Admission::Here(asked) };
        // What was told of the workspace before was not taken, or is forgotten: nothing means anything before all is listed again.
        for endpoint in [&from, endpoint] {
            if let Some(lists) = inner.endpoints.get_mut(endpoint) {
                lists.synced.clear();
            }
        }
        Admission::Moved { workspace: asked, from, keys }
    }

    /// The workspace of that name, if this endpoint serves it.
    pub fn served_by(&self, endpoint: &Endpoint, workspace: &str) -> Option<Workspace> {
        let inner = self.read();
        let (name, tenancy) = inner.workspaces.at(inner.workspaces.place(&Workspace::new(workspace))?)?;
        (tenancy.endpoint == *endpoint).then(|| name.clone())
    }

    /// Forgets a workspace that has no binding, and of which nothing is held.
    pub fn leave_if_empty(&self, workspace: &Workspace) {
        let mut inner = self.write();
        if let Some(place) = inner.workspaces.place(workspace) {
            inner.leave_if_empty(place);
        }
    }

    /// What is known of a workspace.
    pub fn tenancy(&self, workspace: &Workspace) -> Option<Tenancy> {
        let inner = self.read();
        inner.workspaces.at(inner.workspaces.place(workspace)?).map(|(_, tenancy)| tenancy.clone())
    }

    /// What the workspace's binding of that name accepts, or that there is none; returns the keys to look at again.
    pub fn set_binding(&self, workspace: &Workspace, name: &str, binding: Option<Binding>) -> Vec<Key> {
        let mut inner = self.write();
        let Some(place) = inner.workspaces.place(workspace) else { return Vec::new() };
        if !inner.workspaces.at_mut(place).is_some_and(|tenancy| tenancy.set_binding(name, binding)) {
            return Vec::new();
        }
        let keys = inner.keys_in(place);
        inner.leave_if_empty(place);
        keys
    }

    /// A workspace's path, and since when it is being deleted; returns the keys to look at again.
    pub fn set_logical_cluster(
        &self,
        workspace: &Workspace,
        path: Option<&str>,
        leaving: Option<Timestamp>,
    ) -> Vec<Key> {
        let mut inner = self.write();
        let Some(place) = inner.workspaces.place(workspace) else { return Vec::new() };
        let Some(tenancy) = inner.workspaces.at_mut(place) else { return Vec::new() };
        if tenancy.path.as_deref() == path && tenancy.leaving == leaving {
            return Vec::new();
        }
        tenancy.path = path.map(Arc::from);
        tenancy.leaving = leaving;
        inner.keys_in(place)
    }

    // ---- SyncTargets and ClusterRegistrations ----

    /// The object of that key.
    pub fn get(&self, key: &Key) -> Option<Held> {
        let inner = self.read();
        inner.objects.get(&inner.object(key)?).cloned()
    }

    /// Takes in an object from a watch; returns the keys to look at again.
    ///
    /// An older version than the one held is ignored: the echo of an earlier write must not hide a later one.
    pub fn upsert(&self, key: &Key, wire: &Wire) -> Result<Vec<Key>, serde_json::Error> {
        let (uid, version) = (wire.metadata.uid.as_deref(), wire.metadata.resource_version.as_deref());
        // The echo of our own write is the usual case, and costs no more than this.
        if self.read().has(key, uid.unwrap_or_default(), version.unwrap_or_default()) {
            return Ok(Vec::new());
        }
        let held = Held::of(key.kind, wire)?;
        let mut inner = self.write();
        let keys = inner.put(key, held);
        match inner.writing.get_mut(key) {
            // It may be the echo of the write that is under way, whose answer is slower: that tells.
            Some(told) => {
                told.extend(keys);
                Ok(Vec::new())
            }
            None => Ok(keys),
        }
    }

    /// Takes in what the hub says of an object when it is asked; returns the keys to look at again. Of an object that went
    /// meanwhile, or whose workspace is not served any more, nothing is taken in: nobody would tell of its end a second time.
    pub fn answer(&self, key: &Key, held: Held) -> Vec<Key> {
        self.write().answer(key, held)
    }

    /// Forgets an object; returns the keys to look at again.
    pub fn remove(&self, key: &Key) -> Vec<Key> {
        let mut inner = self.write();
        let mut keys = vec![key.clone()];
        if let Some(object) = inner.object(key) {
            inner.forget(&object);
            keys.extend(inner.users_of(&object));
            keys.extend(inner.readers_of(&object));
            if key.kind == Kind::Target {
                inner.readers.remove(&(object.0, Arc::clone(&object.2)));
            }
            inner.leave_if_empty(object.0);
        }
        keys
    }

    /// The keys of one kind that are held.
    pub fn keys(&self, kind: Kind) -> Vec<Key> {
        let inner = self.read();
        inner.objects.keys().filter(|object| object.1 == kind).filter_map(|object| inner.key(object)).collect()
    }

    /// The target that owns objects labelled with that id, if it uses the registration: a cluster has a say about the targets
    /// of its own registration only.
    pub fn user_of_id(&self, registration: &Key, id: &str) -> Option<Key> {
        let inner = self.read();
        let (place, name) = inner.by_id.get(&TargetNames::number_of_id(id)?)?;
        let here = inner.workspaces.place(&registration.workspace)? == *place;
        let user = (*place, Arc::clone(&registration.name), Arc::clone(name));
        (here && inner.users.contains(&user)).then(|| inner.key(&(*place, Kind::Target, user.2)))?
    }

    /// The targets that use a registration, by spec or by what they still have in it.
    pub fn users_of(&self, registration: &Key) -> Vec<Key> {
        let inner = self.read();
        inner.object(registration).map(|object| inner.users_of(&object)).unwrap_or_default()
    }

    /// Whether a target of the workspace has something to clean up in a cluster whose registration is not there, and that was
    /// reached with that Secret: the registration may come back, and need it then. `but` does not count.
    pub fn has_stray_targets(&self, workspace: &Workspace, namespace: &str, name: &str, but: Option<&Key>) -> bool {
        let inner = self.read();
        let Some(place) = inner.workspaces.place(workspace) else { return false };
        let secret = format!("{namespace}/{name}");
        inner.in_place(place).any(|((_, kind, name), held)| {
            *kind == Kind::Target
                && but.is_none_or(|but| but.name != *name)
                && held.may_need(&secret)
                && held
                    .registrations()
                    .any(|name| !inner.objects.contains_key(&(place, Kind::Registration, Arc::from(name))))
        })
    }

    /// Our finalizer is off a target: it needs no Secret any more. The watch says so later, and an object that went with its last
    /// finalizer had no version without it.
    pub fn let_go(&self, key: &Key, uid: &str) {
        let mut inner = self.write();
        if let Some(object) = inner.object(key)
            && let Some(held) = inner.objects.get_mut(&object).filter(|held| held.uid() == uid)
        {
            held.finalized = false;
        }
    }

    // ---- Secrets ----

    /// The registrations that use a Secret.
    pub fn registrations_of(&self, workspace: &Workspace, namespace: &str, name: &str) -> Vec<Key> {
        let inner = self.read();
        let Some(place) = inner.workspaces.place(workspace) else { return Vec::new() };
        let secret = Arc::from(format!("{namespace}/{name}"));
        let objects = pairs(&inner.secret_users, place, &secret);
        objects.filter_map(|name| inner.key(&(place, Kind::Registration, name))).collect()
    }

    /// What is known of a Secret that carries our label.
    pub fn secret(&self, workspace: &Workspace, namespace: &str, name: &str) -> Option<SecretMeta> {
        let inner = self.read();
        inner.secrets.get(&(inner.workspaces.place(workspace)?, Arc::from(format!("{namespace}/{name}")))).cloned()
    }

    /// The Secrets that carry our finalizer: workspace, namespace, name.
    pub fn secrets_in_use(&self) -> Vec<(Workspace, String, String, SecretMeta)> {
        let inner = self.read();
        let ours = inner.secrets.iter().filter(|(_, secret)| secret.ours);
        ours.filter_map(|((place, named), secret)| {
            let (namespace, name) = named.split_once('/')?;
            let workspace = inner.workspaces.at(*place)?.0.clone();
            Some((workspace, namespace.to_owned(), name.to_owned(), secret.clone()))
        })
        .collect()
    }

    /// Takes in a Secret's metadata; returns the keys to look at again.
    pub fn upsert_secret(&self, workspace: &Workspace, meta: &ObjectMeta) -> Vec<Key> {
        let labelled =
            meta.labels.as_ref().and_then(|labels| labels.get(LABEL_KUBECONFIG)).is_some_and(|value| value == "true");
        if !labelled {
            return self.remove_secret(workspace, &secret_path(meta));
        }
        let known = SecretMeta::of(meta);
        let mut inner = self.write();
        let Some(place) = inner.workspaces.place(workspace) else { return Vec::new() };
        let named = (place, Arc::from(secret_path(meta)));
        if inner.secrets.get(&named) == Some(&known) {
            return Vec::new();
        }
        inner.secrets.insert(named.clone(), known);
        inner.with_targets(&named)
    }

    /// Forgets a Secret, by `namespace/name`; returns the keys to look at again.
    pub fn remove_secret(&self, workspace: &Workspace, path: &str) -> Vec<Key> {
        let mut inner = self.write();
        let Some(place) = inner.workspaces.place(workspace) else { return Vec::new() };
        let named = (place, Arc::from(path));
        inner.secrets.remove(&named);
        let keys = inner.with_targets(&named);
        inner.leave_if_empty(place);
        keys
    }

    // ---- all of it ----

    /// What is held for a source of an endpoint, by workspace and name, to find what a relist no longer has. A Secret is named
    /// `namespace/name`.
    pub fn names_of(&self, endpoint: &Endpoint, source: Source) -> Vec<(Workspace, String)> {
        let inner = self.read();
        let here = |place: Place| {
            inner
                .workspaces
                .at(place)
                .filter(|(_, tenancy)| tenancy.endpoint == *endpoint)
                .map(|(name, _)| name.clone())
        };
        let objects = |wanted: Kind| {
            let of_kind = inner.objects.keys().filter(|(_, kind, _)| *kind == wanted);
            of_kind.filter_map(|(place, _, name)| Some((here(*place)?, name.to_string()))).collect()
        };
        let hub_name = |(place, number): &OfTarget| Some((here(*place)?, TargetNames::hub_name(*number)));
        match source {
            Source::Targets => objects(Kind::Target),
            Source::Registrations => objects(Kind::Registration),
            Source::Plugins => objects(Kind::Plugin),
            Source::ConfigMaps => objects(Kind::ConfigMap),
            Source::Secrets => {
                inner.secrets.keys().filter_map(|(place, name)| Some((here(*place)?, name.to_string()))).collect()
            }
            Source::Leases => inner.heartbeats.keys().filter_map(hub_name).collect(),
            Source::ClusterRoles | Source::ClusterRoleBindings => {
                inner.identities(source).into_iter().flat_map(BTreeMap::keys).filter_map(hub_name).collect()
            }
            Source::Bindings => {
                let places = inner.workspaces.of(endpoint).into_iter().filter_map(|place| inner.workspaces.at(place));
                let names = |(workspace, tenancy): &(Workspace, Tenancy)| {
                    let name = |binding: &Arc<Binding>| (workspace.clone(), binding.name.to_string());
                    tenancy.bindings().iter().map(name).collect::<Vec<_>>()
                };
                places.flat_map(names).collect()
            }
            // There is one in every workspace, and it ends with it.
            Source::LogicalClusters => Vec::new(),
        }
    }

    /// How much is held, for the metrics.
    pub fn size(&self) -> Size {
        let inner = self.read();
        Size {
            endpoints: inner.endpoints.keys().filter(|endpoint| !endpoint.is_platform()).count(),
            workspaces: inner.workspaces.len(),
            objects: inner.objects.len(),
            bytes: inner.bytes,
        }
    }
}

/// How much is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Endpoints that are watched.
    pub endpoints: usize,
    /// Workspaces that are served.
    pub workspaces: usize,
    /// SyncTargets, ClusterRegistrations, and what belongs to plugins.
    pub objects: usize,
    /// Bytes of their JSON, compressed.
    pub bytes: usize,
}

/// A Secret or a ConfigMap as the store names it: `namespace/name`.
pub fn secret_path(meta: &ObjectMeta) -> String {
    format!("{}/{}", meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default())
}

#[cfg(test)]
mod tests;
