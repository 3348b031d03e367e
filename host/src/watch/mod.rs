//! The hub's informers: one list and watch per kind and endpoint, for all workspaces together, into the store; what changed
//! goes to the queue.
//!
//! kube's `watcher` does list, watch, bookmarks, resume and relist after 410; its Store is not used, since it keys by name
//! (see `store`). A watch that fails is retried with backoff for as long as its endpoint is there.
//!
//! Nothing is decided by absence before everything was listed once: until an endpoint is complete its changes only go into
//! the store, and when it is, every key of its workspaces is looked at, and every one that went meanwhile.

mod doubt;
mod intake;
mod listed;
pub(crate) mod retries;
pub(crate) mod told;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use berthage_core::api::{ClusterRegistration, ReconcilePlugin, SyncTarget};
use berthage_core::backoff::{jitter, stable_hash};
use berthage_core::kcp::{ANNOTATION_CLUSTER, APIS_GROUP, CORE_GROUP};
use berthage_core::key::{Key, Workspace};
use berthage_core::names::{HUB_NAMESPACE, LABEL_KUBECONFIG, LABEL_MANAGED_BY, LABEL_PLUGINS, MANAGED_BY};
use berthage_core::queue::Priority;
use futures::{Stream, StreamExt};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::api::{ApiResource, GroupVersionKind, ObjectMeta};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client};
use tokio::time::Instant;

use self::doubt::Doubt;
use self::intake::{Intake, held_name, remove};
use self::listed::Listed;
use self::retries::Retries;
use self::told::Told;
use crate::hub::diagnosis;
use crate::store::{Admission, Endpoint, Source, Store};
use crate::wire::{ConfigMapWire, Grant, Meta, Wire};

/// A change of the hub that somebody may want to act on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Look at this key again.
    Key {
        /// Which.
        key: Key,
        /// How urgent it is.
        priority: Priority,
    },
    /// Every source of the endpoint is listed.
    Synced(Endpoint),
    /// A workspace moved: everything that both endpoints serve must be listed again. The new one may have told of the workspace
    /// before, and the old one may be where it really is: it does not say so a second time.
    Moved {
        /// Where it was until now.
        from: Endpoint,
        /// Where it is.
        to: Endpoint,
    },
}

/// Where changes go. Called from the watch tasks; must not block.
pub type Sink = Arc<dyn Fn(Change) + Send + Sync>;

/// How long a watch of kcp lasts before it is opened anew, from where it was; up to half as long again, so that not all are
/// opened at once.
///
/// While a shard says that it does not serve a type, as one that starts does, kcp opens a watch that tells nothing, and keeps it
/// open when the shard serves the type (`newEmptyWatch` of its forwarding registry). Nothing in it shows that, so what is missed
/// is bounded: kube's own 290 seconds are long for who waits. It costs a request for each source and endpoint.
const KCP_WATCH: Duration = Duration::from_secs(30);

/// The watches of one endpoint.
#[derive(Clone)]
pub struct Watches {
    /// What is watched.
    pub endpoint: Endpoint,
    /// A client for all of the endpoint's workspaces at once.
    pub client: Client,
    /// Where it goes.
    pub store: Arc<Store>,
    /// Who is told.
    pub sink: Sink,
}

impl Watches {
    /// What is watched at such an endpoint.
    pub fn sources(&self) -> &'static [Source] {
        match self.endpoint.home() {
            Some(Workspace::LOCAL) => Source::PLAIN,
            Some(_) => Source::PLATFORM,
            None => Source::KCP,
        }
    }

    fn config(&self, source: Source) -> watcher::Config {
        let config = watcher::Config::default();
        if self.endpoint.home().is_some() {
            return config;
        }
        let seed = stable_hash([self.endpoint.url(), &format!("{source:?}")]);
        let lasts = KCP_WATCH + jitter(KCP_WATCH / 2, seed, 0);
        config.timeout(u32::try_from(lasts.as_secs()).unwrap_or(u32::MAX))
    }

    /// Watches one source until the task is aborted.
    pub async fn run(self, source: Source) {
        let client = self.client.clone();
        let all = self.config(source);
        let ours = self.config(source).labels(&format!("{LABEL_MANAGED_BY}={MANAGED_BY}"));
        match source {
            Source::Bindings => {
                let kind = ApiResource::from_gvk(&GroupVersionKind::gvk(APIS_GROUP, "v1alpha2", "APIBinding"));
                self.follow(source, watcher::watcher(Api::<Wire>::all_with(client, &kind), all)).await;
            }
            Source::LogicalClusters => {
                let kind = ApiResource::from_gvk(&GroupVersionKind::gvk(CORE_GROUP, "v1alpha1", "LogicalCluster"));
                self.follow(source, watcher::watcher(Api::<Meta>::all_with(client, &kind), all)).await;
            }
            Source::Targets => {
                let api = Api::<Wire>::all_with(client, &ApiResource::erase::<SyncTarget>(&()));
                self.follow(source, watcher::watcher(api, all)).await;
            }
            Source::Registrations => {
                let api = Api::<Wire>::all_with(client, &ApiResource::erase::<ClusterRegistration>(&()));
                self.follow(source, watcher::watcher(api, all)).await;
            }
            Source::Plugins => {
                let api = Api::<Wire>::all_with(client, &ApiResource::erase::<ReconcilePlugin>(&()));
                self.follow(source, watcher::watcher(api, all)).await;
            }
            Source::ConfigMaps => {
                let labelled = self.config(source).labels(&format!("{LABEL_PLUGINS}=true"));
                let api = Api::<ConfigMapWire>::all_with(client, &ApiResource::erase::<ConfigMap>(&()));
                self.follow(source, watcher::watcher(api, labelled)).await;
            }
            Source::Secrets => {
                let labelled = self.config(source).labels(&format!("{LABEL_KUBECONFIG}=true"));
                let api = Api::<Meta>::all_with(client, &ApiResource::erase::<Secret>(&()));
                self.follow(source, watcher::watcher(api, labelled)).await;
            }
            Source::Leases => {
                let kind = ApiResource::erase::<Lease>(&());
                let api = if self.endpoint.is_plain() {
                    Api::<Wire>::namespaced_with(client, HUB_NAMESPACE, &kind)
                } else {
                    Api::<Wire>::all_with(client, &kind)
                };
                self.follow(source, watcher::watcher(api, ours)).await;
            }
            Source::ClusterRoles => {
                let api = Api::<Grant>::all_with(client, &ApiResource::erase::<ClusterRole>(&()));
                self.follow(source, watcher::watcher(api, ours)).await;
            }
            Source::ClusterRoleBindings => {
                let api = Api::<Grant>::all_with(client, &ApiResource::erase::<ClusterRoleBinding>(&()));
                self.follow(source, watcher::watcher(api, ours)).await;
            }
        }
    }

    async fn follow<K, S>(&self, source: Source, stream: S)
    where
        K: Intake,
        S: Stream<Item = Result<Event<K>, watcher::Error>> + Send,
    {
        let stream = stream.backoff(Retries::of([self.endpoint.url(), &format!("{source:?}")]));
        let mut stream = std::pin::pin!(stream);
        let mut doubt = Doubt::default();
        // What the list that is under way has brought; none is while the watch goes on.
        let mut listing: Option<Listed> = None;
        let mut told = Told::default();
        while let Some(event) = stream.next().await {
            if !matches!(event, Ok(Event::Init) | Err(_)) {
                doubt.dispel();
            }
            match event {
                Ok(Event::Init) => listing = Some(Listed::default()),
                Ok(Event::InitApply(object)) => {
                    if let Some(workspace) = self.admit(source, &object) {
                        listing.get_or_insert_default().add(&workspace, &held_name(source, object.meta()));
                        self.tell(object.upsert(source, &self.store, &workspace), Priority::Background);
                    }
                }
                Ok(Event::InitDone) => {
                    told = Told::default();
                    self.store.set_served(&self.endpoint, source);
                    self.complete(source, &listing.take().unwrap_or_default());
                }
                Ok(Event::Apply(object)) => {
                    if let Some(workspace) = self.admit(source, &object) {
                        self.tell(object.upsert(source, &self.store, &workspace), priority(source));
                    }
                }
                Ok(Event::Delete(object)) => {
                    // An end of something takes in no workspace, and moves none: it may be late.
                    let cluster = self.cluster(source, object.meta());
                    if let Some(workspace) = cluster.and_then(|name| self.store.served_by(&self.endpoint, name)) {
                        let name = held_name(source, object.meta());
                        self.tell_of_end(remove(source, &self.store, &workspace, &name));
                    }
                }
                Err(error) => {
                    let served = self.store.has_served(&self.endpoint, source);
                    let said = diagnosis::watch(source, &self.endpoint, &error, served);
                    let endpoint = self.endpoint.url();
                    if told.is_new(&said) {
                        tracing::warn!(?source, endpoint, "a watch of the hub failed and is tried again: {said}");
                    } else {
                        tracing::debug!(?source, endpoint, "a watch of the hub failed again: {said}");
                    }
                    if listing.take().is_some() && self.serves_nothing(source, &error, &mut doubt) {
                        self.complete(source, &Listed::default());
                    }
                }
            }
        }
    }

    /// The name of the workspace that an object is in.
    fn cluster<'a>(&self, source: Source, meta: &'a ObjectMeta) -> Option<&'a str> {
        if let Some(home) = self.endpoint.home() {
            return Some(home);
        }
        // kcp adds it to every object that it serves; a tenant cannot set it.
        let cluster = meta.annotations.as_ref().and_then(|all| all.get(ANNOTATION_CLUSTER));
        if cluster.is_none() {
            tracing::warn!(?source, name = meta.name, "an object without {ANNOTATION_CLUSTER} is left out");
        }
        cluster.map(String::as_str)
    }

    /// The workspace that an object is in, if the object is for us and what this endpoint says of it counts.
    fn admit<K: Intake>(&self, source: Source, object: &K) -> Option<Workspace> {
        if !object.concerns(source) {
            return None;
        }
        match self.store.admit(&self.endpoint, self.cluster(source, object.meta())?, source) {
            Admission::Here(workspace) => Some(workspace),
            Admission::Moved { workspace, from, keys } => {
                tracing::info!(%workspace, endpoint = self.endpoint.url(), "a workspace moved to another endpoint");
                self.tell_of_end(keys);
                (self.sink)(Change::Moved { from, to: self.endpoint.clone() });
                Some(workspace)
            }
            Admission::Elsewhere => None,
        }
    }

    /// Whether a failed list means that there is nothing of that kind at this endpoint, now: a claim that the export does not
    /// make, or a type that no workspace of the shard has.
    ///
    /// Of what was served before, 404 means nothing: a kcp that starts gives that answer, too. When a claim is taken out of
    /// the export, the bindings say so.
    fn serves_nothing(&self, source: Source, error: &watcher::Error, doubt: &mut Doubt) -> bool {
        // ReconcilePlugins are not among them: who cannot tell which plugins there are does nothing without them.
        let optional = matches!(source, Source::ClusterRoles | Source::ClusterRoleBindings | Source::ConfigMaps);
        let served = || self.store.has_served(&self.endpoint, source);
        match error {
            _ if self.endpoint.home().is_some() => false,
            watcher::Error::NoResourceVersion => {
                let held = served() && !self.store.names_of(&self.endpoint, source).is_empty();
                // Where somebody is bound kcp has every type. Who is, it says with a version, as bindings are everywhere.
                let used = source != Source::Bindings && !self.store.serves_nobody(&self.endpoint);
                doubt.believes(Instant::now(), held || used)
            }
            watcher::Error::InitialListFailed(kube::Error::Api(status)) => {
                doubt.dispel();
                optional && status.code == 404 && !served()
            }
            _ => {
                doubt.dispel();
                false
            }
        }
    }

    /// A list is complete: takes out what it no longer has.
    fn complete(&self, source: Source, listed: &Listed) {
        tracing::debug!(
            ?source,
            endpoint = self.endpoint.url(),
            objects = listed.len(),
            "a list of the hub is complete"
        );
        let held = self.store.names_of(&self.endpoint, source);
        let gone = held.into_iter().filter(|(workspace, name)| !listed.has(workspace, name));
        let keys = gone.flat_map(|(workspace, name)| remove(source, &self.store, &workspace, &name)).collect();
        self.tell_of_end(keys);
        if let Some(keys) = self.store.set_synced(&self.endpoint, source) {
            (self.sink)(Change::Synced(self.endpoint.clone()));
            self.send(keys, Priority::Background);
        }
    }

    /// Tells of what is not held any more: now, or when the endpoint is complete.
    fn tell_of_end(&self, keys: Vec<Key>) {
        self.send(self.store.or_later(&self.endpoint, keys), Priority::Live);
    }

    /// Tells of what is held: now, or when the endpoint is complete, with all the others.
    fn tell(&self, keys: Vec<Key>, priority: Priority) {
        if !keys.is_empty() && self.store.is_synced(&self.endpoint) {
            self.send(keys, priority);
        }
    }

    fn send(&self, keys: Vec<Key>, priority: Priority) {
        let keys: BTreeSet<Key> = keys.into_iter().collect();
        for key in keys {
            (self.sink)(Change::Key { key, priority });
        }
    }
}

/// How urgent a change of an object is. What we write of targets and registrations is known when a watch tells of it, and no
/// change: what is left is somebody's. Leases are the syncers', and what gives a syncer its rights is ours.
const fn priority(source: Source) -> Priority {
    match source {
        Source::Leases | Source::ClusterRoles | Source::ClusterRoleBindings => Priority::Report,
        Source::Targets
        | Source::Registrations
        | Source::Secrets
        | Source::Bindings
        | Source::LogicalClusters
        | Source::Plugins
        | Source::ConfigMaps => Priority::Live,
    }
}

#[cfg(test)]
mod tests;
