//! What is there of ours in the physical clusters: a metadata watch per kind on objects that carry our label; whole only
//! Deployments, because their status says whether the syncer runs, and kinds that are told by their content.
//!
//! A link belongs to one registration and is shared by all targets that use it. Only a slim record of each object is
//! held. The number of links is bounded: the least recently used one is dropped, and its targets are compared again when
//! their resync brings the link back.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use berthage_core::key::Key;
use berthage_core::names::{ANNOTATION_OWNER, LABEL_MANAGED_BY, LABEL_TARGET, MANAGED_BY, hex};
use berthage_core::object::{KindInfo, Marker, ObjectId};
use berthage_core::status::deployed::Rollout;
use futures::{Stream, StreamExt};
use k8s_openapi::api::apps::v1::{DeploymentSpec, DeploymentStatus};
use kube::api::{ApiResource, ObjectMeta};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client};
use sha2::{Digest as _, Sha256};
use tokio::task::AbortHandle;

use crate::wire::{Meta, Wire};

/// What is held of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// `metadata.uid`.
    pub uid: String,
    /// See [`Marker`]: `g<generation>`, `r<resourceVersion>` or `h<hash>`.
    pub marker: String,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// The owner annotation: `workspace/name/uid` of the target that it says it belongs to.
    pub owner: Option<String>,
    /// For Deployments: how the rollout stands.
    pub rollout: Option<Rollout>,
    /// When it was heard of.
    pub heard: Instant,
    /// To tell an older answer from a newer one.
    resource_version: String,
}

impl Seen {
    /// From an object's metadata; `None` for what lacks uid or version, which no server sends.
    pub fn of(info: &KindInfo, meta: &ObjectMeta) -> Option<Self> {
        let resource_version = meta.resource_version.clone()?;
        let marker = match meta.generation {
            Some(generation) if info.marker == Marker::Generation => format!("g{generation}"),
            _ => format!("r{resource_version}"),
        };
        Some(Self {
            uid: meta.uid.clone()?,
            marker,
            deleting: meta.deletion_timestamp.is_some(),
            owner: meta.annotations.as_ref().and_then(|annotations| annotations.get(ANNOTATION_OWNER)).cloned(),
            rollout: None,
            heard: Instant::now(),
            resource_version,
        })
    }

    /// From an object as it came; `None` also for a Deployment that is none.
    pub fn of_object(info: &KindInfo, object: &Wire) -> Option<Self> {
        match info.marker {
            Marker::Content => Self::of_content(info, object),
            _ if info.kind == "Deployment" => Self::of_deployment(info, object),
            _ => Self::of(info, &object.metadata),
        }
    }

    fn of_content(info: &KindInfo, object: &Wire) -> Option<Self> {
        let mut hasher = Sha256::new();
        let meta = &object.metadata;
        for (key, value) in [&meta.labels, &meta.annotations].into_iter().flatten().flatten() {
            hasher.update(format!("{key}={value}\n"));
        }
        // As the API server wrote it: it writes the same spec in the same way.
        hasher.update(object.spec.as_ref().map_or("", |spec| spec.get()));
        let marker = format!("h{}", hex(&hasher.finalize()[..8]));
        Some(Self { marker, ..Self::of(info, meta)? })
    }

    fn of_deployment(info: &KindInfo, object: &Wire) -> Option<Self> {
        let spec: DeploymentSpec = Wire::part(object.spec.as_deref()).ok()?;
        let status: Option<DeploymentStatus> = Wire::part(object.status.as_deref()).ok()?;
        let status = status.unwrap_or_default();
        let condition = |kind: &str, wanted: &str| {
            let found = status.conditions.as_ref()?.iter().find(|c| c.type_ == kind && c.status == wanted)?;
            found.message.clone().or_else(|| found.reason.clone())
        };
        let rollout = Rollout {
            current: status.observed_generation >= object.metadata.generation,
            replicas: spec.replicas.unwrap_or(1),
            updated: status.updated_replicas.unwrap_or(0),
            ready: status.ready_replicas.unwrap_or(0),
            present: status.replicas.unwrap_or(0),
            image: spec.template.spec.as_ref().and_then(|pod| pod.containers.first()?.image.clone()),
            stuck: condition("Progressing", "False"),
            failure: condition("ReplicaFailure", "True"),
        };
        Some(Self { rollout: Some(rollout), ..Self::of(info, &object.metadata)? })
    }

    /// Whether a reconcile could come to another result than with `other`.
    fn differs(&self, other: &Self) -> bool {
        (&self.uid, &self.marker, self.deleting, &self.owner, &self.rollout)
            != (&other.uid, &other.marker, other.deleting, &other.owner, &other.rollout)
    }
}

/// What happened downstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Something of the target with that id changed.
    Target(String),
    /// Everything is listed: the registration's targets can be compared.
    Synced(Key),
    /// The cluster does not answer the watch of that registration.
    Failed(Key),
}

/// Where news goes. Must not block.
pub type Sink = Arc<dyn Fn(News) + Send + Sync>;

/// All links.
pub struct Downstream {
    links: Mutex<Links>,
    limit: usize,
    sink: Sink,
}

#[derive(Default)]
struct Links {
    by_registration: HashMap<Key, Arc<Link>>,
    /// Least recently used first.
    order: Vec<Key>,
}

impl Downstream {
    /// At most `limit` links at a time.
    pub fn new(limit: usize, sink: Sink) -> Self {
        Self { links: Mutex::default(), limit: limit.max(1), sink }
    }

    /// The link of a registration, made with `client` when there is none or when the credential changed.
    pub fn link(&self, registration: &Key, fingerprint: &str, client: &Client) -> Arc<Link> {
        let mut links = lock(&self.links);
        links.order.retain(|key| key != registration);
        links.order.push(registration.clone());
        if let Some(link) = links.by_registration.get(registration)
            && link.fingerprint == fingerprint
        {
            return Arc::clone(link);
        }
        let link = Arc::new(Link {
            registration: registration.clone(),
            fingerprint: fingerprint.to_owned(),
            client: client.clone(),
            made: Instant::now(),
            state: Mutex::default(),
            sink: Arc::clone(&self.sink),
        });
        links.by_registration.insert(registration.clone(), Arc::clone(&link));
        while links.order.len() > self.limit {
            let oldest = links.order.remove(0);
            links.by_registration.remove(&oldest);
        }
        link
    }

    /// The link of a registration, if there is one.
    pub fn existing(&self, registration: &Key) -> Option<Arc<Link>> {
        lock(&self.links).by_registration.get(registration).cloned()
    }

    /// Drops the link of a registration, with its watches.
    pub fn forget(&self, registration: &Key) {
        let mut links = lock(&self.links);
        links.order.retain(|key| key != registration);
        links.by_registration.remove(registration);
    }

    /// How many links there are.
    pub fn len(&self) -> usize {
        lock(&self.links).by_registration.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The watches on one physical cluster, under one credential.
pub struct Link {
    registration: Key,
    fingerprint: String,
    client: Client,
    made: Instant,
    state: Mutex<State>,
    sink: Sink,
}

#[derive(Default)]
struct State {
    tasks: HashMap<&'static str, AbortHandle>,
    synced: HashSet<&'static str>,
    /// By target id, then by object.
    objects: HashMap<String, HashMap<ObjectId, Seen>>,
}

impl State {
    fn has(&self, target: &str, id: &ObjectId) -> bool {
        self.objects.get(target).is_some_and(|objects| objects.contains_key(id))
    }

    /// Forgets an object, and says whose it was. Looks at every target: for what happens seldom.
    fn forget(&mut self, id: &ObjectId) -> Option<String> {
        let target =
            self.objects.iter().find(|(_, objects)| objects.contains_key(id)).map(|(target, _)| target.clone())?;
        self.remove(&target, id);
        Some(target)
    }

    fn remove(&mut self, target: &str, id: &ObjectId) {
        if let Some(objects) = self.objects.get_mut(target) {
            objects.remove(id);
            if objects.is_empty() {
                self.objects.remove(target);
            }
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        for task in self.tasks.values() {
            task.abort();
        }
    }
}

impl Link {
    /// Sees to it that a kind is watched.
    pub fn watch(self: &Arc<Self>, info: &'static KindInfo) {
        let mut state = lock(&self.state);
        if state.tasks.contains_key(info.plural) {
            return;
        }
        // The task holds the link weakly: dropping the link ends its watches.
        let link = Arc::downgrade(self);
        let client = self.client.clone();
        let task = tokio::spawn(async move {
            let ours = watcher::Config::default().labels(&format!("{LABEL_MANAGED_BY}={MANAGED_BY}"));
            let resource = api_resource(info);
            if info.kind == "Deployment" || info.marker == Marker::Content {
                let stream = watcher::watcher(Api::<Wire>::all_with(client, &resource), ours);
                follow(&link, info, stream, |object: &Wire| Seen::of_object(info, object)).await;
            } else {
                let stream = watcher::watcher(Api::<Meta>::all_with(client, &resource), ours);
                follow(&link, info, stream, |object: &Meta| Seen::of(info, &object.metadata)).await;
            }
        });
        state.tasks.insert(info.plural, task.abort_handle());
    }

    /// Whether a kind is completely known, so that absence means something.
    pub fn complete(&self, info: &KindInfo) -> bool {
        lock(&self.state).synced.contains(info.plural)
    }

    /// Whether every kind that is watched is completely known.
    pub fn all_complete(&self) -> bool {
        let state = lock(&self.state);
        state.synced.len() == state.tasks.len()
    }

    /// How long ago the link was made.
    pub fn age(&self) -> Duration {
        self.made.elapsed()
    }

    /// What is known of an object of the target with that id.
    pub fn seen(&self, target: &str, id: &ObjectId) -> Option<Seen> {
        lock(&self.state).objects.get(target)?.get(id).cloned()
    }

    /// Forgets an object that was looked for and is not there any more.
    pub fn forget(&self, target: &str, id: &ObjectId, uid: &str) {
        let mut state = lock(&self.state);
        if state.objects.get(target).and_then(|objects| objects.get(id)).is_some_and(|known| known.uid == uid) {
            state.remove(target, id);
        }
    }

    /// A number that changes when anything that is known of a target here does.
    pub fn digest(&self, target: &str) -> u64 {
        let state = lock(&self.state);
        // The order of a map is no part of what it holds: the hashes of its entries are added up.
        let objects = state.objects.get(target).into_iter().flatten().map(|(id, seen)| {
            let mut hasher = DefaultHasher::new();
            (id, &seen.uid, &seen.marker, seen.deleting, &seen.owner, &seen.rollout).hash(&mut hasher);
            hasher.finish()
        });
        objects.fold(state.synced.len() as u64, u64::wrapping_add)
    }

    /// Takes in the answer to a request of ours, so that its echo on the watch is no news. Only for an object that is
    /// [`followed`]: of any other nothing is heard later, and what is noted would stay for ever.
    pub fn note(&self, target: &str, id: ObjectId, seen: Seen) {
        let mut state = lock(&self.state);
        let objects = state.objects.entry(target.to_owned()).or_default();
        if objects.get(&id).is_none_or(|known| known.uid != seen.uid || !newer(known, &seen)) {
            objects.insert(id, seen);
        }
    }

    fn take(&self, info: &'static KindInfo, meta: &ObjectMeta, seen: Option<Seen>) {
        let Some(id) = object_id(info, meta) else { return };
        let target = meta.labels.as_ref().and_then(|labels| labels.get(LABEL_TARGET));
        let mut told: Vec<String> = Vec::new();
        {
            let mut state = lock(&self.state);
            // The objects of a first list are told all at once, at its end.
            let first_list = !state.synced.contains(info.plural);
            let known = target.is_some_and(|target| state.has(target, &id));
            if !known && !first_list {
                // Somebody may have changed the label that says whose it is: whose it was must hear of it.
                told.extend(state.forget(&id));
            }
            match (target, seen) {
                (Some(target), Some(seen)) => {
                    let objects = state.objects.entry(target.clone()).or_default();
                    let news = match objects.get(&id) {
                        Some(known) if known.uid == seen.uid && newer(known, &seen) => false,
                        known => {
                            let news = !first_list && known.is_none_or(|known| known.differs(&seen));
                            objects.insert(id, seen);
                            news
                        }
                    };
                    told.extend(news.then(|| target.clone()));
                }
                (Some(target), None) => {
                    let of_this = state.objects.get(target).and_then(|objects| objects.get(&id));
                    if of_this.is_some_and(|known| Some(&known.uid) == meta.uid.as_ref()) {
                        state.remove(target, &id);
                        told.push(target.clone());
                    }
                }
                (None, _) => {}
            }
        }
        for target in told {
            (self.sink)(News::Target(target));
        }
    }

    /// Ends the first or a later list of a kind: what it did not have is gone.
    fn listed(&self, info: &'static KindInfo, listed: &HashSet<(String, ObjectId)>) {
        let (mut news, synced) = {
            let mut state = lock(&self.state);
            let mut gone = Vec::new();
            for (target, objects) in &mut state.objects {
                let before = objects.len();
                objects.retain(|id, _| {
                    id.kind != info.kind
                        || id.api_version != info.api_version
                        || listed.contains(&(target.clone(), id.clone()))
                });
                if objects.len() < before {
                    gone.push(News::Target(target.clone()));
                }
            }
            state.objects.retain(|_, objects| !objects.is_empty());
            let first = state.synced.insert(info.plural);
            (gone, first && state.synced.len() == state.tasks.len())
        };
        if synced {
            news.push(News::Synced(self.registration.clone()));
        }
        for news in news {
            (self.sink)(news);
        }
    }
}

async fn follow<K, S>(
    link: &std::sync::Weak<Link>,
    info: &'static KindInfo,
    stream: S,
    seen: impl Fn(&K) -> Option<Seen>,
) where
    K: kube::ResourceExt,
    S: Stream<Item = Result<Event<K>, watcher::Error>> + Send,
{
    let stream = stream.default_backoff();
    let mut stream = std::pin::pin!(stream);
    let mut listed = HashSet::new();
    while let Some(event) = stream.next().await {
        let Some(link) = link.upgrade() else { return };
        match event {
            Ok(Event::Init) => listed.clear(),
            Ok(Event::InitApply(object)) => {
                listed.extend(address(info, object.meta()));
                link.take(info, object.meta(), seen(&object));
            }
            Ok(Event::InitDone) => link.listed(info, &std::mem::take(&mut listed)),
            Ok(Event::Apply(object)) => link.take(info, object.meta(), seen(&object)),
            Ok(Event::Delete(object)) => link.take(info, object.meta(), None),
            Err(error) => {
                tracing::debug!(registration = %link.registration, kind = info.kind, %error, "a watch downstream failed; it is tried again");
                (link.sink)(News::Failed(link.registration.clone()));
            }
        }
    }
}

/// Target id and object id, from the object's own metadata.
fn address(info: &KindInfo, meta: &ObjectMeta) -> Option<(String, ObjectId)> {
    Some((meta.labels.as_ref()?.get(LABEL_TARGET)?.clone(), object_id(info, meta)?))
}

fn object_id(info: &KindInfo, meta: &ObjectMeta) -> Option<ObjectId> {
    Some(ObjectId {
        api_version: info.api_version.to_owned(),
        kind: info.kind.to_owned(),
        namespace: meta.namespace.clone(),
        name: meta.name.clone()?,
    })
}

/// Whether the watches of a link show that object as one of the target with that id. Somebody may have changed its labels.
pub fn followed(meta: &ObjectMeta, target: &str) -> bool {
    let label = |key: &str| meta.labels.as_ref().and_then(|labels| labels.get(key)).map(String::as_str);
    label(LABEL_MANAGED_BY) == Some(MANAGED_BY) && label(LABEL_TARGET) == Some(target)
}

/// The kind as kube's dynamic API wants it.
pub fn api_resource(info: &KindInfo) -> ApiResource {
    ApiResource {
        group: info.group().to_owned(),
        version: info.version().to_owned(),
        api_version: info.api_version.to_owned(),
        kind: info.kind.to_owned(),
        plural: info.plural.to_owned(),
    }
}

/// Whether `known` is a later version than `other`.
fn newer(known: &Seen, other: &Seen) -> bool {
    match (known.resource_version.parse::<u64>(), other.resource_version.parse::<u64>()) {
        (Ok(known), Ok(other)) => known > other,
        _ => false,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
