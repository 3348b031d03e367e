//! The kinds that berthage may write into a physical cluster, and objects on their way there.
//!
//! The table is closed on purpose. What a template or a plugin makes is applied with a tenant's credential, but a kind
//! that is not listed here is refused before it gets that far; and with the table there is no need for discovery: one
//! place knows plural names, scopes and the order of application.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::InventoryEntry;

/// Facts about one kind.
#[derive(Debug, PartialEq, Eq)]
pub struct KindInfo {
    /// Such as `apps/v1`.
    pub api_version: &'static str,
    /// Such as `Deployment`.
    pub kind: &'static str,
    /// Such as `deployments`.
    pub plural: &'static str,
    /// Whether objects have a namespace.
    pub namespaced: bool,
    /// What tells whether an object was touched.
    pub marker: Marker,
}

/// What moves when somebody changes what an object is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    /// `metadata.generation`, in which the API server counts changes of the spec.
    Generation,
    /// `metadata.resourceVersion`, where nobody writes a status.
    Version,
    /// A hash of labels, annotations and spec, where there is a status and no generation.
    Content,
}

const fn kind(
    api_version: &'static str,
    kind: &'static str,
    plural: &'static str,
    namespaced: bool,
    marker: Marker,
) -> KindInfo {
    KindInfo { api_version, kind, plural, namespaced, marker }
}

/// Every kind that may be written downstream, in the order in which kinds are applied; deletion goes the other way.
pub static KINDS: &[KindInfo] = &[
    kind("v1", "Namespace", "namespaces", false, Marker::Version),
    kind("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", false, Marker::Version),
    kind("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings", false, Marker::Version),
    kind("v1", "ResourceQuota", "resourcequotas", true, Marker::Content),
    kind("v1", "LimitRange", "limitranges", true, Marker::Version),
    kind("v1", "ServiceAccount", "serviceaccounts", true, Marker::Version),
    kind("rbac.authorization.k8s.io/v1", "Role", "roles", true, Marker::Version),
    kind("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings", true, Marker::Version),
    kind("v1", "Secret", "secrets", true, Marker::Version),
    kind("v1", "ConfigMap", "configmaps", true, Marker::Version),
    kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", true, Marker::Generation),
    kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", true, Marker::Generation),
    kind("v1", "Service", "services", true, Marker::Content),
    kind("apps/v1", "Deployment", "deployments", true, Marker::Generation),
];

impl KindInfo {
    /// The row of a kind, if it is allowed downstream.
    pub fn find(api_version: &str, kind: &str) -> Option<&'static Self> {
        KINDS.iter().find(|info| info.api_version == api_version && info.kind == kind)
    }

    /// API group; empty for the core group.
    pub fn group(&self) -> &'static str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// API version without the group.
    pub fn version(&self) -> &'static str {
        self.api_version.split_once('/').map_or(self.api_version, |(_, version)| version)
    }

    /// Place in the order of application.
    pub fn rank(&self) -> usize {
        KINDS.iter().position(|info| std::ptr::eq(info, self)).unwrap_or(KINDS.len())
    }

    /// Wave of application: what is in one wave is sent at once. Namespaces must be there before what is in them, and a
    /// role before its binding: the API server looks it up to see whether the binding would give more than its maker has.
    /// What makes pods comes last: without their ServiceAccount none are made, and the rollout would be called stuck.
    pub fn wave(&self) -> usize {
        match self.kind {
            "Namespace" | "ClusterRole" => 0,
            "RoleBinding" | "Deployment" => 2,
            _ => 1,
        }
    }
}

/// Which object in a physical cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectId {
    /// Such as `apps/v1`.
    pub api_version: String,
    /// Such as `Deployment`.
    pub kind: String,
    /// Namespace; `None` for cluster-scoped objects.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
}

impl ObjectId {
    /// The id that an object's own fields give, if it has apiVersion, kind and name.
    pub fn of(object: &Value) -> Option<Self> {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).map(ToOwned::to_owned);
        Some(Self {
            api_version: text("/apiVersion")?,
            kind: text("/kind")?,
            namespace: text("/metadata/namespace"),
            name: text("/metadata/name")?,
        })
    }

    /// API group; empty for the core group.
    pub fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// The id of an inventory entry.
    pub fn of_entry(entry: &InventoryEntry) -> Self {
        Self {
            api_version: entry.api_version.clone(),
            kind: entry.kind.clone(),
            namespace: entry.namespace.clone(),
            name: entry.name.clone(),
        }
    }
}

impl std::fmt::Display for ObjectId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

/// An object as it should be, before secrets are put in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Desired {
    /// Which object.
    pub id: ObjectId,
    /// The whole object.
    pub object: Value,
    /// Where it came from: a template file or a plugin, for provenance and error messages.
    pub source: String,
}
