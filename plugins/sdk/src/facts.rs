//! What the host knows about a SyncTarget. `docs/plugins.md`, "Facts", says where each value comes from.
//!
//! A plugin may declare a smaller type of its own: what is not declared is not decoded.

use serde::Deserialize;

/// The facts of a SyncTarget.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Facts {
    /// The workspace.
    pub workspace: String,
    /// The names of everything that belongs to the target.
    pub names: Names,
    /// What the platform configured.
    pub defaults: Defaults,
    /// The physical cluster.
    pub cluster: Cluster,
    /// The syncer's credential: what identifies it, never the credential itself.
    pub credential: Credential,
    /// The API resources that the syncer may have: asked for, and accepted by the cluster's registration.
    pub granted: Vec<Resource>,
    /// The API resources that were asked for and are not given to the syncer.
    pub refused: Vec<Refused>,
}

/// An API resource that the syncer does not get.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Refused {
    /// Which.
    #[serde(flatten)]
    pub resource: Resource,
    /// Why, in words that follow the resource's name and a colon.
    pub why: String,
}

/// The names of everything that belongs to a target.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Names {
    /// Value of the label `berthage.dev/target`.
    pub id: String,
    /// The namespace in the physical cluster.
    pub namespace: String,
    /// ServiceAccount, Deployment and NetworkPolicy in that namespace.
    pub syncer: String,
    /// ClusterRole and ClusterRoleBinding in the physical cluster.
    pub downstream_role: String,
    /// The Secret with the kubeconfig for the hub, in the namespace.
    pub kubeconfig_secret: String,
    /// Lease and identity on the hub.
    pub hub: String,
    /// Namespace of the Lease on the hub.
    pub hub_namespace: String,
}

/// What the platform configured.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Defaults {
    /// Image of the syncer where a target names none.
    pub image: String,
}

/// The physical cluster.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Cluster {
    /// Its ClusterRegistration.
    pub name: String,
    /// Kubernetes version.
    pub version: String,
    /// uid of its `kube-system` namespace.
    pub uid: String,
}

/// The syncer's credential.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Credential {
    /// `ClientCertificate` or `ServiceAccountToken`.
    #[serde(rename = "type")]
    pub type_: String,
    /// The Secret with the kubeconfig.
    pub secret_name: String,
}

/// An API resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Resource {
    /// API group; empty for the core group.
    pub group: String,
    /// API version; empty when the target leaves it open.
    #[serde(default)]
    pub version: String,
    /// Plural name.
    pub resource: String,
}
