//! kcp: what its own kinds contain, what follows from its objects, what it admits, and the virtual workspaces of APIExports.
//!
//! ```text
//!  definitions        the kinds that kcp defines: APIExport, APIBinding, Workspace, …
//!  index              what follows from objects at once: who binds what, where a workspace is
//!  admission          what kcp does to a write, and refuses, before it is stored
//!  labels             which objects an APIExport has claimed
//!  virtual_workspace  what the owner of an APIExport sees, in all workspaces that bind it
//!  bootstrap          what a new kcp has
//! ```
//!
//! What kcp's controllers do is in [`actors`](crate::actors::kcp).

pub mod admission;
pub mod binding;
mod bootstrap;
pub mod claim;
pub(crate) mod conditions;
pub mod definitions;
pub mod export;
mod index;
pub(crate) mod json;
mod labels;
mod logical_cluster;
pub mod names;
pub mod schemas;
pub mod virtual_workspace;
pub(crate) mod workspace_types;
pub(crate) mod write;

pub use self::admission::{Request, admit, admit_deletion};

pub use self::bootstrap::{Shard, bootstrap, bootstrap_shards};
pub use self::index::{Index, Schema};
pub use self::labels::claimed_labels;
pub use self::logical_cluster::LogicalCluster;
pub use self::virtual_workspace::VirtualWorkspace;

/// The first logical cluster, and the first shard.
pub const ROOT: &str = "root";
/// Annotation: the path of a workspace.
pub const PATH: &str = "kcp.io/path";
/// Annotation: the shard of a logical cluster.
pub const SHARD: &str = "core.kcp.io/shard";
/// Annotation: the type of a workspace, on its LogicalCluster.
pub const TYPE: &str = "internal.tenancy.kcp.io/type";
/// Annotation: who made a workspace, as JSON.
pub const OWNER: &str = "experimental.tenancy.kcp.io/owner";
/// Annotation: the groups that somebody who enters a workspace has to be in.
pub const REQUIRED_GROUPS: &str = "authorization.kcp.io/required-groups";
/// Annotation: which binding, or which definition of its own, a workspace has each resource from.
pub const LOCKS: &str = "internal.apis.kcp.io/resource-bindings";
/// Keeps an APIBinding until the objects of what it binds are gone.
pub const BINDING_FINALIZER: &str = "apis.kcp.io/apibinding-finalizer";
/// Keeps a LogicalCluster until its content is gone.
pub const DELETION_FINALIZER: &str = "core.kcp.io/logicalcluster-deletion";
/// Keeps a Workspace until its LogicalCluster is gone.
pub const WORKSPACE_FINALIZER: &str = "core.kcp.io/logicalcluster";
