//! ClusterRegistration: a physical cluster, how to reach it, and what was found there.

use std::collections::BTreeMap;

use kube_derive::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::Condition;
use super::sync_target::conditions;

/// A physical cluster that SyncTargets of this workspace may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[x_kube(crates(kube_core = "kube_core"))]
#[kube(
    crates(kube_core = "kube_core"),
    group = "tmc.kcp.io",
    version = "v1alpha1",
    kind = "ClusterRegistration",
    plural = "clusterregistrations",
    singular = "clusterregistration",
    shortname = "creg",
    category = "kcp",
    status = "ClusterRegistrationStatus",
    derive = "PartialEq",
    doc = "A physical cluster that SyncTargets of this workspace may use: how to reach it, and what was found there.",
    printcolumn = r#"{"name":"Phase","type":"string","jsonPath":".status.phase"}"#,
    printcolumn = r#"{"name":"Reason","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].reason"}"#,
    printcolumn = r#"{"name":"Location","type":"string","jsonPath":".spec.location"}"#,
    printcolumn = r#"{"name":"Kubernetes","type":"string","jsonPath":".status.clusterInfo.version"}"#,
    printcolumn = r#"{"name":"Nodes","type":"integer","jsonPath":".status.resourceSummary.nodes"}"#,
    printcolumn = r#"{"name":"CPU","type":"string","jsonPath":".status.resourceSummary.allocatable.cpu"}"#,
    printcolumn = r#"{"name":"Memory","type":"string","jsonPath":".status.resourceSummary.allocatable.memory"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"Message","type":"string","priority":1,"jsonPath":".status.conditions[?(@.type==\"Ready\")].message"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct ClusterRegistrationSpec {
    /// Where the cluster is, in the platform's own words. Templates see it as `cluster.location`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub location: Option<String>,
    /// The Secret whose kubeconfig reaches the cluster.
    pub kube_config_secret_ref: KubeConfigSecretRef,
    /// The API resources that this cluster accepts. Empty: whatever a SyncTarget asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128))]
    pub accepted_workload_types: Vec<AcceptedWorkload>,
}

/// A Secret in the same workspace, labelled `berthage.dev/kubeconfig: "true"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KubeConfigSecretRef {
    /// Namespace of the Secret.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub namespace: String,
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub name: String,
    /// Key within the Secret.
    #[serde(default = "default_key")]
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[-._a-zA-Z0-9]+$"))]
    pub key: String,
}

fn default_key() -> String {
    "kubeconfig".to_owned()
}

/// API resources of one group that a cluster accepts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AcceptedWorkload {
    /// API group; empty for the core group.
    #[serde(default)]
    #[schemars(length(max = 253), regex(pattern = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$"))]
    pub group: String,
    /// Plural names of the accepted resources. Empty: all of the group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128), inner(length(min = 1, max = 63), regex(pattern = r"^[a-z]([-a-z0-9]*[a-z0-9])?$")))]
    pub resources: Vec<String>,
}

/// What was found in the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterRegistrationStatus {
    /// One word for tables, derived from the conditions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<RegistrationPhase>,
    /// `metadata.generation` that this status was computed from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The aspects of the registration's state.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions")]
    pub conditions: Vec<Condition>,
    /// What the cluster says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_info: Option<ClusterInfo>,
    /// What its nodes add up to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_summary: Option<ResourceSummary>,
}

/// One word for the state of a ClusterRegistration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RegistrationPhase {
    /// Not tried yet, or its Secret is missing or unusable.
    Pending,
    /// Reached, with the rights that are needed.
    Ready,
    /// It answers, and refuses us.
    NotReady,
    /// It does not answer.
    Offline,
}

/// What a cluster says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterInfo {
    /// `gitVersion` of its API server.
    pub version: String,
    /// uid of its `kube-system` namespace, the field's usual identity of a cluster.
    pub uid: String,
    /// Fingerprint of the kubeconfig that this was found with. With another one, another cluster may answer: nothing is
    /// done there before it was probed too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<String>,
}

/// Sums over the cluster's nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceSummary {
    /// Number of nodes.
    pub nodes: i64,
    /// Sum of `status.capacity`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub capacity: BTreeMap<String, String>,
    /// Sum of `status.allocatable` over nodes that are ready and schedulable.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub allocatable: BTreeMap<String, String>,
}
