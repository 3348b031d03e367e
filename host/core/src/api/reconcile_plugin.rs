//! ReconcilePlugin: a plugin that a platform runs, or offers to workspaces, or that a workspace runs for itself.

use std::collections::BTreeMap;

use kube_derive::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::Condition;
use super::duration::Duration;
use super::sync_target::{conditions, preserve_unknown_object};
use crate::names::{VERSION, WORKLOAD_GROUP};

/// A plugin: what it is, whom it serves, and what it may do. In the platform's own workspace it serves all workspaces, or is
/// offered to them; in a workspace it serves that one, as far as the platform offers it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[x_kube(crates(kube_core = "kube_core"))]
#[kube(
    crates(kube_core = "kube_core"),
    group = "berthage.dev",
    version = "v1alpha1",
    kind = "ReconcilePlugin",
    plural = "reconcileplugins",
    singular = "reconcileplugin",
    shortname = "rplug",
    category = "kcp",
    status = "ReconcilePluginStatus",
    derive = "PartialEq",
    doc = "A plugin of berthage: a WebAssembly component that decides what a SyncTarget's syncer is made of, or changes it. In the platform's own workspace it serves all workspaces, or is offered to them; in a workspace it serves that one, as far as the platform offers it.",
    printcolumn = r#"{"name":"World","type":"string","jsonPath":".spec.world","description":"What it is used for"}"#,
    printcolumn = r#"{"name":"Mode","type":"string","jsonPath":".spec.mode","description":"Whether it runs, or is offered"}"#,
    printcolumn = r#"{"name":"Order","type":"integer","jsonPath":".spec.order"}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status","description":"Whether it is loaded, and answers"}"#,
    printcolumn = r#"{"name":"Reason","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].reason","description":"Why it is, or is not, ready"}"#,
    printcolumn = r#"{"name":"Plugin","type":"string","jsonPath":".status.plugin.version","description":"Version that the plugin gives itself"}"#,
    printcolumn = r#"{"name":"Calls","type":"integer","jsonPath":".status.usage.calls","description":"Calls since it was loaded"}"#,
    printcolumn = r#"{"name":"P99","type":"string","jsonPath":".status.usage.p99","description":"Time within which 99 of 100 calls came back"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"Failures","type":"integer","priority":1,"jsonPath":".status.usage.failures","description":"Calls that failed, since it was loaded"}"#,
    printcolumn = r#"{"name":"Refusals","type":"integer","priority":1,"jsonPath":".status.usage.refusals","description":"Targets it found wrong, since it was loaded"}"#,
    printcolumn = r#"{"name":"Digest","type":"string","priority":1,"jsonPath":".status.digest","description":"SHA-256 of the component"}"#,
    printcolumn = r#"{"name":"Message","type":"string","priority":1,"jsonPath":".status.conditions[?(@.type==\"Ready\")].message","description":"What is so, and what to do next"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct ReconcilePluginSpec {
    /// The kind that it serves.
    #[serde(default)]
    pub subject: SubjectKind,
    /// What it is used for. In a workspace of a tenant: `Transformer`.
    #[serde(default)]
    pub world: World,
    /// `Run`: it serves what the selectors choose. `Offer`, of the platform: it serves nobody by itself; the workspaces that
    /// `workspaces` chooses may have ReconcilePlugins of their own of it, with at most these grants and limits.
    #[serde(default)]
    pub mode: Mode,
    /// Where the component is. Only an offer may do without: it then allows a component by its digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<ComponentSource>,
    /// SHA-256 of the component, as `berthage plugin check` prints it. Another one is not loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^sha256:[0-9a-f]{64}$"))]
    pub digest: Option<String>,
    /// The plugin's configuration. The plugin checks it, and says what is wrong with it in the condition Ready.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "preserve_unknown_object")]
    pub config: BTreeMap<String, serde_json::Value>,
    /// Transformers run by this number, then by name; all of the platform's before those of the workspace.
    #[serde(default)]
    pub order: i32,
    /// Workspaces, of the platform's plugins: by path, such as `root:teams:harbour`, where `*` is any one step and `**` at
    /// the end any number of them; or by the logical cluster's name. Empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 512)))]
    pub workspaces: Vec<String>,
    /// SyncTargets, by their labels. Empty: all.
    #[serde(default, skip_serializing_if = "LabelSelector::is_empty")]
    pub targets: LabelSelector,
    /// What it may read and make. Absent: nothing; for a plugin of a workspace, what its offer grants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grants: Option<Grants>,
    /// What a call may use, below what the controller allows any plugin.
    #[serde(default)]
    pub limits: CallLimits,
    /// What happens to a target while the plugin cannot be loaded or fails. What it refuses stays refused.
    #[serde(default)]
    pub failure_policy: FailurePolicy,
}

/// A kind of object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(crates(kube_core = "kube_core"))]
pub struct SubjectKind {
    /// API group.
    #[schemars(length(max = 253))]
    pub group: String,
    /// API version.
    #[schemars(length(max = 63))]
    pub version: String,
    /// Kind.
    #[schemars(length(max = 63))]
    pub kind: String,
}

impl Default for SubjectKind {
    fn default() -> Self {
        Self { group: WORKLOAD_GROUP.to_owned(), version: VERSION.to_owned(), kind: "SyncTarget".to_owned() }
    }
}

impl std::fmt::Display for SubjectKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.kind, self.version, self.group)
    }
}

/// What a plugin is used for: its world in the contract.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum World {
    /// It changes what the reconciler wants.
    #[default]
    Transformer,
    /// It decides what should be there. A target has exactly one.
    Reconciler,
}

/// Whether a plugin runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Mode {
    /// It serves what the selectors choose.
    #[default]
    Run,
    /// Workspaces may have it.
    Offer,
}

/// Where a component is: one of the three.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(crates(kube_core = "kube_core"))]
#[x_kube(validation = Rule::new("[has(self.file), has(self.configMap), has(self.offer)].filter(x, x).size() == 1").message("exactly one of file, configMap and offer"))]
#[serde(rename_all = "camelCase")]
pub struct ComponentSource {
    /// A file in the controller's plugin folder, without a path. For the platform only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-zA-Z0-9][a-zA-Z0-9._-]*$"))]
    pub file: Option<String>,
    /// `binaryData` of a ConfigMap in the same workspace. An API server takes objects of one MiB at most, and binaryData is base64:
    /// a component of more than 700 KiB has to be a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map: Option<ConfigMapKeyRef>,
    /// A ReconcilePlugin of the platform with mode `Offer`, by its name: its component is used. For workspaces only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub offer: Option<String>,
}

/// A ConfigMap in the same workspace, labelled `berthage.dev/plugins: "true"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigMapKeyRef {
    /// Namespace of the ConfigMap.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub namespace: String,
    /// Name of the ConfigMap.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub name: String,
    /// Key within `binaryData`.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[-._a-zA-Z0-9]+$"))]
    pub key: String,
}

/// Which objects are meant, by their labels: all of it has to be met.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LabelSelector {
    /// Labels that they have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
    /// What else their labels have to be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub match_expressions: Vec<LabelRequirement>,
}

impl LabelSelector {
    /// Whether it chooses all.
    pub fn is_empty(&self) -> bool {
        self.match_labels.is_empty() && self.match_expressions.is_empty()
    }
}

/// What a label has to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LabelRequirement {
    /// The label's key.
    #[schemars(length(min = 1, max = 317))]
    pub key: String,
    /// How it is compared.
    pub operator: LabelOperator,
    /// For `In` and `NotIn`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub values: Vec<String>,
}

/// How a label is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LabelOperator {
    /// It is one of the values.
    In,
    /// It is none of the values, or absent.
    NotIn,
    /// It is there.
    Exists,
    /// It is absent.
    DoesNotExist,
}

/// What a plugin may read and make.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Grants {
    /// What its `select` may ask for, in the target's workspace. Secrets cannot be granted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub read: Vec<ReadGrant>,
    /// Kinds in the physical cluster of which it may make, change and leave out objects. Those of other kinds come back from a
    /// transformer as they were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub emit: Vec<KindGrant>,
}

/// Objects that a plugin may read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReadGrant {
    /// API group; empty for the core group.
    #[serde(default)]
    #[schemars(length(max = 253))]
    pub group: String,
    /// Kind. Served are ConfigMap, ClusterRegistration and SyncTarget.
    #[schemars(length(min = 1, max = 63))]
    pub kind: String,
    /// Namespaces. Empty: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 63)))]
    pub namespaces: Vec<String>,
    /// Names. Empty: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 253)))]
    pub names: Vec<String>,
    /// Fields, as JSON Pointers such as `/data`. Empty: the whole object.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 256), regex(pattern = r"^/")))]
    pub fields: Vec<String>,
}

/// A kind that a plugin may make objects of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct KindGrant {
    /// API group; empty for the core group.
    #[serde(default)]
    #[schemars(length(max = 253))]
    pub group: String,
    /// Kind, such as `Deployment`.
    #[schemars(length(min = 1, max = 63))]
    pub kind: String,
}

/// What a call may use. Each is bounded by what the controller allows any plugin, and by the offer's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(crates(kube_core = "kube_core"))]
pub struct CallLimits {
    /// Time of a call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1ms') && duration(self) <= duration('10s')").message("must be between 1ms and 10s"))]
    pub deadline: Option<Duration>,
    /// MiB of memory of a call.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "memoryMiB")]
    #[schemars(range(min = 1, max = 1024))]
    pub memory_mib: Option<u32>,
    /// KiB of an outcome.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "outputKiB")]
    #[schemars(range(min = 1, max = 65536))]
    pub output_kib: Option<u32>,
}

/// What happens to a target while a plugin cannot be loaded or fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum FailurePolicy {
    /// Nothing is changed: what runs goes on.
    #[default]
    Hold,
    /// A transformer is passed over, and PluginsHealthy says so. A reconciler is always waited for.
    Ignore,
}

/// What became of a plugin.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReconcilePluginStatus {
    /// `metadata.generation` that this status was computed from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The aspects of the plugin's state.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions")]
    pub conditions: Vec<Condition>,
    /// SHA-256 of the component that is loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// What the plugin says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<PluginAbout>,
    /// The offer that a workspace's plugin stands on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<String>,
    /// What it was used for, brought up to date once a minute while it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<PluginUsage>,
}

/// What a plugin says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PluginAbout {
    /// Its own name.
    pub name: String,
    /// Its version.
    #[serde(default)]
    pub version: String,
    /// One sentence.
    #[serde(default)]
    pub description: String,
    /// Version of the contract that it was built against.
    pub contract: String,
}

/// How a plugin was used since it was loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PluginUsage {
    /// Calls of hooks.
    pub calls: i64,
    /// Calls that were saved, because an earlier outcome still held.
    pub kept: i64,
    /// Calls that failed.
    pub failures: i64,
    /// Outcomes that refused their subject.
    pub refusals: i64,
    /// Time within which half of the calls came back, rounded up to a power of two of microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50: Option<String>,
    /// Time within which 99 of 100 calls came back, rounded up as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99: Option<String>,
}
