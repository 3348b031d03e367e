//! The API objects. A field enters a schema together with the code that reads it; schemas only grow.
//!
//! What the API server can check (lengths, ranges, patterns, CEL) is in the schema, so that a bad object is refused where
//! it is written; what only we can know becomes a condition.

#[expect(unreachable_pub, reason = "kube-derive makes copies of the structs in private modules")]
pub mod cluster_registration;
pub mod condition;
pub mod duration;
#[expect(unreachable_pub, reason = "kube-derive makes copies of the structs in private modules")]
pub mod reconcile_plugin;
#[expect(unreachable_pub, reason = "kube-derive makes copies of the structs in private modules")]
pub mod sync_target;

pub use cluster_registration::{
    AcceptedWorkload, ClusterInfo, ClusterRegistration, ClusterRegistrationSpec, ClusterRegistrationStatus,
    KubeConfigSecretRef, RegistrationPhase, ResourceSummary,
};
pub use condition::{Condition, ConditionStatus};
pub use duration::{Duration, DurationError};
pub use reconcile_plugin::{
    CallLimits, ComponentSource, ConfigMapKeyRef, FailurePolicy, Grants, KindGrant, LabelOperator, LabelRequirement,
    LabelSelector, Mode, PluginAbout, PluginUsage, ReadGrant, ReconcilePlugin, ReconcilePluginSpec,
    ReconcilePluginStatus, SubjectKind, World,
};
pub use sync_target::{
    ApiResource, ClusterRef, ClusterStatus, CredentialStatus, CredentialType, Credentials, DeletionPolicy,
    InventoryEntry, Resources, SyncTarget, SyncTargetSpec, SyncTargetStatus, SyncerConfig, SyncerStatus, TargetPhase,
    WhenUnreachable,
};
