//! What kcp adds: workspaces that must be entered, users with scopes and warrants, what an APIExport lets tenants do, and who
//! may use its virtual workspace.
//!
//! Facts: `pkg/authorization`, `pkg/virtual/apiexport/authorizer` and `pkg/server/filters/impersonation.go` of kcp;
//! `pkg/registry/rbac/validation/kcp.go` of its fork of Kubernetes. kcp hides its reasons: what it refuses, it refuses with
//! "access denied".

pub mod export;
#[cfg(test)]
mod tests;
pub mod users;
pub mod workspace;

/// Everybody in it may do everything in every workspace.
pub const ADMIN: &str = "system:kcp:admin";
/// Skips the checks of workspaces.
pub const LOGICAL_CLUSTER_ADMIN: &str = "system:kcp:logical-cluster-admin";
/// Skips the required groups of a workspace.
pub const EXTERNAL_LOGICAL_CLUSTER_ADMIN: &str = "system:kcp:external-logical-cluster-admin";
/// Makes the objects that a new workspace begins with.
pub const WORKSPACE_BOOTSTRAPPER: &str = "system:kcp:tenancy:workspace-bootstrapper";
/// The logical cluster whose roles and bindings count in every workspace.
pub const SYSTEM_ADMIN: &str = "system:admin";
/// What users and groups begin with where an APIExport says what they may do at the most.
pub const BINDING_PREFIX: &str = "apis.kcp.io:binding:";

/// What every refusal of kcp says.
const DENIED: &str = "access denied";
