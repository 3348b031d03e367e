//! How each kind of object goes into the store and out of it.

use std::sync::Arc;

use berthage_core::heartbeat::Heartbeat;
use berthage_core::kcp::ANNOTATION_PATH;
use berthage_core::kcp::binding::{self, Binding};
use berthage_core::key::{Key, Workspace};
use berthage_core::names::HUB_NAMESPACE;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::api::ObjectMeta;

use crate::credentials::identity;
use crate::store::{LeaseMeta, Source, Store, secret_path};
use crate::wire::{ConfigMapWire, Grant, Meta, Wire};

/// An object that the store can take in.
pub(super) trait Intake: Send {
    fn meta(&self) -> &ObjectMeta;

    /// Takes it in; returns the keys to look at again.
    fn upsert(&self, source: Source, store: &Store, workspace: &Workspace) -> Vec<Key>;

    /// Whether it is any of ours to take in.
    fn concerns(&self, source: Source) -> bool {
        // Through kcp's virtual workspace, objects of all workspaces can be listed for all namespaces only.
        source != Source::Leases || self.meta().namespace.as_deref() == Some(HUB_NAMESPACE)
    }
}

impl Intake for Wire {
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn upsert(&self, source: Source, store: &Store, workspace: &Workspace) -> Vec<Key> {
        let name = self.metadata.name.as_deref().unwrap_or_default();
        let key = match source {
            Source::Leases => return upsert_lease(self, store, workspace, name),
            Source::Bindings => {
                let binding = judge(self, name);
                tell_of_refusal(store, workspace, &binding);
                return store.set_binding(workspace, name, Some(binding));
            }
            Source::Registrations => Key::registration(workspace, name),
            Source::Plugins => Key::plugin(workspace, name),
            _ => Key::target(workspace, name),
        };
        store.upsert(&key, self).unwrap_or_else(|error| {
            tracing::warn!(%key, %error, "an object cannot be held and is left out");
            Vec::new()
        })
    }
}

fn upsert_lease(wire: &Wire, store: &Store, workspace: &Workspace, name: &str) -> Vec<Key> {
    let spec: Option<LeaseSpec> = match Wire::part(wire.spec.as_deref()) {
        Ok(spec) => spec,
        Err(error) => {
            tracing::warn!(%workspace, lease = name, %error, "a Lease cannot be read and counts as never renewed");
            None
        }
    };
    let grace = spec.as_ref().and_then(|spec| spec.lease_duration_seconds).unwrap_or_default();
    let grace = jiff::SignedDuration::from_secs(i64::from(grace));
    let lease = Lease { metadata: wire.metadata.clone(), spec };
    let lease = LeaseMeta { heartbeat: Heartbeat::read(&lease).map(Arc::new) };
    store.upsert_lease(workspace, name, lease, grace).into_iter().collect()
}

/// A workspace that binds us and does not get our types: there is no SyncTarget to say it on, and kcp says it on the binding.
fn tell_of_refusal(store: &Store, workspace: &Workspace, binding: &Binding) {
    let known = store.tenancy(workspace).and_then(|tenancy| {
        let known = tenancy.bindings().iter().find(|known| known.name == binding.name)?;
        known.refused.clone()
    });
    if let Some(refused) = binding.refused.as_ref().filter(|refused| known.as_ref() != Some(refused)) {
        tracing::warn!(
            %workspace,
            binding = &*binding.name,
            "a workspace binds the APIExport and does not get its types, until its APIBinding is in order: {refused}"
        );
    }
}

/// A binding that cannot be read accepts nothing.
fn judge(wire: &Wire, name: &str) -> Binding {
    let spec: Option<binding::Spec> = readable(Wire::part(wire.spec.as_deref()), name);
    let status: Option<binding::Status> = readable(Wire::part(wire.status.as_deref()), name);
    let deleting = wire.metadata.deletion_timestamp.as_ref().map(|time| time.0);
    Binding::new(name, deleting, &spec.unwrap_or_default(), &status.unwrap_or_default())
}

fn readable<T>(part: Result<Option<T>, serde_json::Error>, name: &str) -> Option<T> {
    part.unwrap_or_else(|error| {
        tracing::warn!(binding = name, %error, "an APIBinding cannot be read and counts as accepting nothing");
        None
    })
}

impl Intake for Meta {
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn upsert(&self, source: Source, store: &Store, workspace: &Workspace) -> Vec<Key> {
        if source != Source::LogicalClusters {
            return store.upsert_secret(workspace, &self.metadata);
        }
        let path = self.metadata.annotations.as_ref().and_then(|all| all.get(ANNOTATION_PATH));
        let leaving = self.metadata.deletion_timestamp.as_ref().map(|time| time.0);
        store.set_logical_cluster(workspace, path.map(String::as_str), leaving)
    }
}

impl Intake for ConfigMapWire {
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn upsert(&self, _: Source, store: &Store, workspace: &Workspace) -> Vec<Key> {
        store.upsert_config_map(workspace, self).unwrap_or_else(|error| {
            tracing::warn!(%workspace, name = self.metadata.name, %error, "a ConfigMap cannot be held and is left out");
            Vec::new()
        })
    }
}

impl Intake for Grant {
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn upsert(&self, source: Source, store: &Store, workspace: &Workspace) -> Vec<Key> {
        let hash = match source {
            Source::ClusterRoles => identity::role_hash(self.rules.as_ref(), self.aggregation_rule.as_ref()),
            _ => identity::binding_hash(self.role_ref.as_ref(), self.subjects.as_ref()),
        };
        let name = self.metadata.name.as_deref().unwrap_or_default();
        store.set_identity(source, workspace, name, Some(hash)).into_iter().collect()
    }
}

/// The name under which the store holds it.
pub(super) fn held_name(source: Source, meta: &ObjectMeta) -> String {
    match source {
        Source::Secrets | Source::ConfigMaps => secret_path(meta),
        _ => meta.name.clone().unwrap_or_default(),
    }
}

/// Takes something out; returns the keys to look at again.
pub(super) fn remove(source: Source, store: &Store, workspace: &Workspace, name: &str) -> Vec<Key> {
    match source {
        Source::Targets => store.remove(&Key::target(workspace, name)),
        Source::Registrations => store.remove(&Key::registration(workspace, name)),
        Source::Plugins => store.remove(&Key::plugin(workspace, name)),
        Source::ConfigMaps => store.remove(&Key::config_map(workspace, name)),
        Source::Secrets => store.remove_secret(workspace, name),
        Source::Leases => store.remove_lease(workspace, name).into_iter().collect(),
        Source::ClusterRoles | Source::ClusterRoleBindings => {
            store.set_identity(source, workspace, name, None).into_iter().collect()
        }
        Source::Bindings => store.set_binding(workspace, name, None),
        // It ends with the workspace, or is seen no longer because the claim was withdrawn: what was known stays true.
        Source::LogicalClusters => {
            store.leave_if_empty(workspace);
            Vec::new()
        }
    }
}
