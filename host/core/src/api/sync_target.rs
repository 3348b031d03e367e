//! SyncTarget: the wish that a physical cluster serves a workspace, and what became of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kube_derive::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cluster_registration::KubeConfigSecretRef;
use super::condition::Condition;
use super::duration::Duration;

/// A physical cluster that serves this workspace: berthage runs a syncer in the cluster behind `clusterRef` and reports
/// here how it fares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[x_kube(crates(kube_core = "kube_core"))]
#[kube(
    crates(kube_core = "kube_core"),
    group = "workload.kcp.io",
    version = "v1alpha1",
    kind = "SyncTarget",
    plural = "synctargets",
    singular = "synctarget",
    shortname = "stgt",
    category = "kcp",
    status = "SyncTargetStatus",
    derive = "PartialEq",
    doc = "A physical cluster that serves this workspace: berthage runs a syncer in the cluster behind spec.clusterRef and reports here how it fares.",
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status","description":"Whether the syncer runs and is connected"}"#,
    printcolumn = r#"{"name":"Reason","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].reason","description":"Why it is, or is not, ready"}"#,
    printcolumn = r#"{"name":"Cluster","type":"string","jsonPath":".spec.clusterRef.name","description":"The ClusterRegistration of the physical cluster"}"#,
    printcolumn = r#"{"name":"CPU","type":"string","jsonPath":".status.allocatable.cpu","description":"CPU that the cluster's schedulable nodes offer"}"#,
    printcolumn = r#"{"name":"Memory","type":"string","jsonPath":".status.allocatable.memory","description":"Memory that the cluster's schedulable nodes offer"}"#,
    printcolumn = r#"{"name":"Last Sync","type":"date","jsonPath":".status.lastSyncTime","description":"When the syncer was last deployed, changed or repaired"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"Nodes","type":"integer","priority":1,"jsonPath":".status.cluster.nodes","description":"Nodes of the physical cluster"}"#,
    printcolumn = r#"{"name":"Kubernetes","type":"string","priority":1,"jsonPath":".status.cluster.version","description":"Version of the physical cluster"}"#,
    printcolumn = r#"{"name":"Replicas","type":"string","priority":1,"jsonPath":".status.syncer.readyReplicas","description":"Ready replicas of the syncer"}"#,
    printcolumn = r#"{"name":"Image","type":"string","priority":1,"jsonPath":".status.syncer.image","description":"Image of the syncer"}"#,
    printcolumn = r#"{"name":"Message","type":"string","priority":1,"jsonPath":".status.conditions[?(@.type==\"Ready\")].message","description":"What is so, and what to do next"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct SyncTargetSpec {
    /// The physical cluster, by its ClusterRegistration in this workspace. Changing it moves the syncer: the old cluster
    /// is cleaned up, then the new one is deployed to.
    pub cluster_ref: ClusterRef,
    /// How the syncer runs.
    #[serde(default)]
    pub syncer_config: SyncerConfig,
    /// The API resources to sync. The syncer's rights in the physical cluster are derived from this list, cut down to
    /// what the ClusterRegistration accepts.
    #[serde(default, rename = "supportedAPIResources", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128))]
    #[x_kube(validation = Rule::new("self.all(a, self.exists_one(b, a.group == b.group && a.resource == b.resource))").message("each group and resource may be listed once"))]
    pub supported_api_resources: Vec<ApiResource>,
    /// How the syncer proves to this hub who it is.
    #[serde(default)]
    pub credentials: Credentials,
    /// What happens on deletion when the physical cluster cannot be reached.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// While true, nothing is changed in the physical cluster; status goes on being reported, and credentials are renewed.
    #[serde(default)]
    pub paused: bool,
    /// Values for the templates of the syncer's manifests, over those of the platform and of the workspace.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "preserve_unknown_object")]
    pub values: BTreeMap<String, serde_json::Value>,
}

/// A ClusterRegistration in the same workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterRef {
    /// Its name.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub name: String,
}

/// How the syncer runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(crates(kube_core = "kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct SyncerConfig {
    /// Container image. Empty: the one that the platform configured for its controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024), regex(pattern = r"^[a-zA-Z0-9][a-zA-Z0-9._:/@\-]*$"))]
    pub image: Option<String>,
    /// How many replicas; one of them is active, the others stand by.
    #[serde(default = "default_replicas")]
    #[schemars(range(min = 1, max = 5))]
    pub replicas: i32,
    /// Requests and limits of the syncer's container. Empty: those of the template set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Namespace in the physical cluster. Empty: one of the target's own, made and deleted with it. One that exists
    /// already is refused unless it was made for this target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    #[x_kube(validation = Rule::new("self != 'default' && !self.startsWith('kube-')").message("the namespaces of Kubernetes itself cannot be the syncer's"))]
    pub downstream_namespace: Option<String>,
    /// How often the physical cluster is compared with what should be there, besides every change that is seen at once.
    #[serde(default = "default_resync")]
    #[x_kube(validation = Rule::new("duration(self) >= duration('10s') && duration(self) <= duration('24h')").message("must be between 10s and 24h"))]
    pub resync_period: Duration,
    /// How often the syncer renews its Lease on the hub. It counts as unhealthy after three times as long.
    #[serde(default = "default_heartbeat")]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1s') && duration(self) <= duration('1h')").message("must be between 1s and 1h"))]
    pub heartbeat_interval: Duration,
}

impl Default for SyncerConfig {
    fn default() -> Self {
        Self {
            image: None,
            replicas: default_replicas(),
            resources: None,
            downstream_namespace: None,
            resync_period: default_resync(),
            heartbeat_interval: default_heartbeat(),
        }
    }
}

const fn default_replicas() -> i32 {
    1
}

const fn default_resync() -> Duration {
    Duration::from_secs(600)
}

const fn default_heartbeat() -> Duration {
    Duration::from_secs(30)
}

/// Requests and limits of a container, as in a Pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Resources {
    /// What the scheduler reserves.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "quantities")]
    pub requests: BTreeMap<String, String>,
    /// What the container may not exceed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "quantities")]
    pub limits: BTreeMap<String, String>,
}

/// One API resource, such as `deployments` of group `apps`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct ApiResource {
    /// API group; empty for the core group.
    #[serde(default)]
    #[schemars(length(max = 253), regex(pattern = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$"))]
    pub group: String,
    /// API version, such as `v1`.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^v[1-9][0-9]*((alpha|beta)[1-9][0-9]*)?$"))]
    pub version: String,
    /// Plural name, such as `deployments`. Neither wildcards nor subresources.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"))]
    pub resource: String,
}

/// How the syncer proves to the hub who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(crates(kube_core = "kube_core"))]
pub struct Credentials {
    /// The kind of credential. `Auto` takes a client certificate where the hub trusts berthage's CA, else a token.
    #[serde(default, rename = "type")]
    pub type_: CredentialType,
    /// How long a credential is valid; it is renewed after two thirds of that.
    #[serde(default = "default_credential_duration")]
    #[x_kube(validation = Rule::new("duration(self) >= duration('10m') && duration(self) <= duration('8760h')").message("must be between 10m and 8760h"))]
    pub duration: Duration,
}

impl Default for Credentials {
    fn default() -> Self {
        Self { type_: CredentialType::default(), duration: default_credential_duration() }
    }
}

const fn default_credential_duration() -> Duration {
    Duration::from_secs(7 * 24 * 3600)
}

/// The kind of the syncer's credential.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CredentialType {
    /// A client certificate where the hub trusts berthage's CA, else a token.
    #[default]
    Auto,
    /// A client certificate signed by berthage's CA.
    ClientCertificate,
    /// A ServiceAccount token bound to a Secret, so that it can be revoked.
    ServiceAccountToken,
}

/// What happens on deletion when the physical cluster cannot be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(crates(kube_core = "kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct DeletionPolicy {
    /// `Wait` keeps trying until `after` has passed since the deletion; `Abandon` lets go at the first failure to connect.
    /// What is left behind is named in an Event.
    #[serde(default)]
    pub when_unreachable: WhenUnreachable,
    /// How long `Wait` waits.
    #[serde(default = "default_deletion_wait")]
    #[x_kube(validation = Rule::new("duration(self) <= duration('8760h')").message("must be at most 8760h"))]
    pub after: Duration,
}

impl Default for DeletionPolicy {
    fn default() -> Self {
        Self { when_unreachable: WhenUnreachable::default(), after: default_deletion_wait() }
    }
}

const fn default_deletion_wait() -> Duration {
    Duration::from_secs(24 * 3600)
}

/// See [`DeletionPolicy::when_unreachable`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum WhenUnreachable {
    /// Keep trying, for as long as `after` says.
    #[default]
    Wait,
    /// Let go at once.
    Abandon,
}

/// What became of a SyncTarget.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncTargetStatus {
    /// One word for tables, derived from the conditions. Programs read the conditions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<TargetPhase>,
    /// `metadata.generation` that this status was computed from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The aspects of the target's state.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions")]
    pub conditions: Vec<Condition>,
    /// What the physical cluster's nodes have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub capacity: BTreeMap<String, String>,
    /// What the physical cluster's schedulable and ready nodes offer to workloads.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub allocatable: BTreeMap<String, String>,
    /// When the syncer's manifests were last applied or repaired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_sync_time: Option<Timestamp>,
    /// When the syncer last renewed its Lease, as of the last write of this status. The Lease has the present value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_heartbeat_time: Option<Timestamp>,
    /// The syncer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub syncer: Option<SyncerStatus>,
    /// The physical cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterStatus>,
    /// What berthage has made in the physical cluster, and is about to make. It is written before the first write there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inventory: Vec<InventoryEntry>,
}

/// One word for the state of a SyncTarget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TargetPhase {
    /// Not looked at yet, or waiting for something that is not there.
    Pending,
    /// Being deployed or changed.
    Progressing,
    /// Everything is well.
    Ready,
    /// Something is wrong; the conditions say what.
    NotReady,
    /// Being cleaned up.
    Terminating,
}

/// The syncer, as deployed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncerStatus {
    /// Image of the Deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Version that the running syncer reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Replicas that the Deployment should have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Replicas that are ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_replicas: Option<i32>,
    /// Hash of everything that was rendered and applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The credential that the physical cluster holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialStatus>,
}

/// A credential of the syncer: never the credential itself, only what identifies it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CredentialStatus {
    /// The kind.
    #[serde(rename = "type")]
    pub type_: CredentialType,
    /// Serial number of the certificate, or the token's id. The syncer reports which one it uses.
    pub serial: String,
    /// Hash of everything else that the kubeconfig says (server, CA, kind): a change of it is a reason to write a new one.
    pub profile: String,
    /// Beginning of its validity.
    pub issued_at: Timestamp,
    /// End of its validity.
    pub expires_at: Timestamp,
    /// The serial before this one, until the syncer reports that it uses the present one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_serial: Option<String>,
}

/// The physical cluster, as last seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterStatus {
    /// The ClusterRegistration that the inventory belongs to. It differs from `spec.clusterRef` while a move is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// uid of the cluster's `kube-system` namespace: nothing is deleted in a cluster that has another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// The kubeconfig Secret that it was reached with: the clean-up finds it when the ClusterRegistration is gone already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<KubeConfigSecretRef>,
    /// Kubernetes version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Number of nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<i64>,
}

/// One object in the physical cluster that is ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InventoryEntry {
    /// API version, such as `apps/v1`.
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Namespace; absent for cluster-scoped objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
    /// uid; absent while it is not known that the object was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Hash of what was applied; absent while it is not known that it was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// `g<generation>` or `r<resourceVersion>` of the object when it was last known to be as applied: what differs from it
    /// has been touched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<String>,
}

pub(super) fn preserve_unknown_object(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true, "maxProperties": 256 })
}

fn quantities(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "maxProperties": 16,
        "additionalProperties": {
            "type": "string",
            "maxLength": 32,
            "pattern": r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$"
        }
    })
}

pub(super) fn conditions(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let item = generator.subschema_for::<Condition>();
    schemars::json_schema!({
        "type": "array",
        "items": item,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"]
    })
}
