//! The hub's informers: one list and watch per kind for all workspaces, into the store; what changed goes to the queue.
//!
//! kube's `watcher` does list, watch, bookmarks, resume and relist after 410; its Store is not used, since it keys by name
//! (see `store`). A watch that fails is retried with backoff for as long as the process lives.

use std::collections::HashSet;
use std::sync::Arc;

use berthage_core::api::{ClusterRegistration, SyncTarget};
use berthage_core::heartbeat::Heartbeat;
use berthage_core::key::{Key, Workspace};
use berthage_core::names::{HUB_NAMESPACE, LABEL_KUBECONFIG, LABEL_MANAGED_BY, MANAGED_BY};
use futures::{Stream, StreamExt};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::api::{ApiResource, ObjectMeta};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client};

use crate::credentials::identity;
use crate::store::{LeaseMeta, Source, Store};
use crate::telemetry::Causes;
use crate::wire::{Grant, Meta, Wire};

/// A change of the hub that somebody may want to act on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Look at this key again; `live` is false for what a list brought.
    Key {
        /// Which.
        key: Key,
        /// Whether it changed just now.
        live: bool,
    },
    /// Every source is listed: work may begin.
    Synced,
}

/// Where changes go. Called from the watch tasks; must not block.
pub type Sink = Arc<dyn Fn(Change) + Send + Sync>;

/// Which part of the hub an object belongs to.
///
/// A plain Kubernetes hub is one workspace.
fn workspace_of(_: &ObjectMeta) -> Workspace {
    Workspace::local()
}

/// Watches one source for as long as the process lives.
pub async fn run(source: Source, client: Client, store: Arc<Store>, sink: Sink) {
    let ours = watcher::Config::default().labels(&format!("{LABEL_MANAGED_BY}={MANAGED_BY}"));
    match source {
        Source::Targets => {
            let api = Api::<Wire>::all_with(client, &ApiResource::erase::<SyncTarget>(&()));
            follow(source, watcher::watcher(api, watcher::Config::default()), &store, &sink).await;
        }
        Source::Registrations => {
            let api = Api::<Wire>::all_with(client, &ApiResource::erase::<ClusterRegistration>(&()));
            follow(source, watcher::watcher(api, watcher::Config::default()), &store, &sink).await;
        }
        Source::Secrets => {
            let labelled = watcher::Config::default().labels(&format!("{LABEL_KUBECONFIG}=true"));
            let api = Api::<Meta>::all_with(client, &ApiResource::erase::<Secret>(&()));
            follow(source, watcher::watcher(api, labelled), &store, &sink).await;
        }
        Source::Leases => {
            let api = Api::<Wire>::namespaced_with(client, HUB_NAMESPACE, &ApiResource::erase::<Lease>(&()));
            follow(source, watcher::watcher(api, ours), &store, &sink).await;
        }
        Source::ClusterRoles => {
            let api = Api::<Grant>::all_with(client, &ApiResource::erase::<ClusterRole>(&()));
            follow(source, watcher::watcher(api, ours), &store, &sink).await;
        }
        Source::ClusterRoleBindings => {
            let api = Api::<Grant>::all_with(client, &ApiResource::erase::<ClusterRoleBinding>(&()));
            follow(source, watcher::watcher(api, ours), &store, &sink).await;
        }
    }
}

/// An object that the store can take in.
trait Intake: Send {
    fn meta(&self) -> &ObjectMeta;
    /// Takes it in; returns the keys to look at again.
    fn upsert(&self, source: Source, store: &Store) -> Vec<Key>;
    /// Takes it out; returns the keys to look at again.
    fn remove(&self, source: Source, store: &Store) -> Vec<Key> {
        remove_named(source, store, &workspace_of(self.meta()), &held_name(source, self.meta()))
    }
}

impl Intake for Wire {
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn upsert(&self, source: Source, store: &Store) -> Vec<Key> {
        let workspace = workspace_of(&self.metadata);
        let name = self.metadata.name.as_deref().unwrap_or_default();
        let key = match source {
            Source::Leases => return upsert_lease(self, store, &workspace, name),
            Source::Registrations => Key::registration(&workspace, name),
            _ => Key::target(&workspace, name),
        };
        match store.upsert(&key, self) {
            Ok(keys) => keys,
            Err(error) => {
                tracing::warn!(%key, %error, "an object cannot be held and is left out");
                Vec::new()
            }
        }
    }
}

fn upsert_lease(wire: &Wire, store: &Store, workspace: &Workspace, name: &str) -> Vec<Key> {
    let spec: Option<LeaseSpec> = match Wire::part(wire.spec.as_deref()) {
        Ok(spec) => spec,
        Err(error) => {
            tracing::warn!(lease = name, %error, "a Lease cannot be read and counts as never renewed");
            None
        }
    };
    let grace = spec.as_ref().and_then(|spec| spec.lease_duration_seconds).unwrap_or_default();
    let grace = jiff::SignedDuration::from_secs(i64::from(grace));
    let lease = Lease { metadata: wire.metadata.clone(), spec };
    let lease = LeaseMeta { heartbeat: Heartbeat::read(&lease) };
    store.upsert_lease(workspace, name, lease, grace).into_iter().collect()
}

impl Intake for Meta {
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn upsert(&self, _: Source, store: &Store) -> Vec<Key> {
        store.upsert_secret(&workspace_of(&self.metadata), &self.metadata)
    }
}

impl Intake for Grant {
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn upsert(&self, source: Source, store: &Store) -> Vec<Key> {
        let hash = match source {
            Source::ClusterRoles => identity::role_hash(self.rules.as_ref(), self.aggregation_rule.as_ref()),
            _ => identity::binding_hash(self.role_ref.as_ref(), self.subjects.as_ref()),
        };
        upsert_identity(source, store, &self.metadata, hash)
    }
}

fn upsert_identity(source: Source, store: &Store, meta: &ObjectMeta, hash: String) -> Vec<Key> {
    let name = meta.name.as_deref().unwrap_or_default();
    store.set_identity(source, &workspace_of(meta), name, Some(hash)).into_iter().collect()
}

/// The name under which the store holds it.
fn held_name(source: Source, meta: &ObjectMeta) -> String {
    let name = meta.name.as_deref().unwrap_or_default();
    match source {
        Source::Secrets => format!("{}/{name}", meta.namespace.as_deref().unwrap_or_default()),
        _ => name.to_owned(),
    }
}

fn remove_named(source: Source, store: &Store, workspace: &Workspace, name: &str) -> Vec<Key> {
    match source {
        Source::Targets => store.remove(&Key::target(workspace, name)),
        Source::Registrations => store.remove(&Key::registration(workspace, name)),
        Source::Secrets => {
            let (namespace, name) = name.split_once('/').unwrap_or(("", name));
            let meta = ObjectMeta {
                name: Some(name.to_owned()),
                namespace: Some(namespace.to_owned()),
                ..ObjectMeta::default()
            };
            store.remove_secret(workspace, &meta)
        }
        Source::Leases => store.remove_lease(workspace, name).into_iter().collect(),
        Source::ClusterRoles | Source::ClusterRoleBindings => {
            store.set_identity(source, workspace, name, None).into_iter().collect()
        }
    }
}

async fn follow<K, S>(source: Source, stream: S, store: &Store, sink: &Sink)
where
    K: Intake,
    S: Stream<Item = Result<Event<K>, watcher::Error>> + Send,
{
    let stream = stream.default_backoff();
    let mut stream = std::pin::pin!(stream);
    let mut listed: HashSet<(Workspace, String)> = HashSet::new();
    loop {
        let event = match stream.next().await {
            Some(Ok(event)) => event,
            Some(Err(error)) => {
                tracing::warn!(?source, error = %Causes(&error), "a watch of the hub failed; it is tried again");
                continue;
            }
            None => return,
        };
        let (keys, live) = match event {
            Event::Init => {
                listed.clear();
                continue;
            }
            Event::InitApply(object) => {
                listed.insert((workspace_of(object.meta()), held_name(source, object.meta())));
                (object.upsert(source, store), false)
            }
            Event::Apply(object) => (object.upsert(source, store), true),
            Event::Delete(object) => (object.remove(source, store), true),
            Event::InitDone => {
                let keys = vanished(source, store, &listed);
                listed = HashSet::new();
                if store.set_synced(source) {
                    sink(Change::Synced);
                }
                (keys, true)
            }
        };
        for key in keys {
            sink(Change::Key { key, live });
        }
    }
}

/// Takes out what a complete list no longer has.
fn vanished(source: Source, store: &Store, listed: &HashSet<(Workspace, String)>) -> Vec<Key> {
    let workspace = Workspace::local();
    store
        .names_of(source, &workspace)
        .into_iter()
        .filter(|name| !listed.contains(&(workspace.clone(), name.clone())))
        .flat_map(|name| remove_named(source, store, &workspace, &name))
        .collect()
}
