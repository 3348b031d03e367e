//! What kcp adds to a hub: an export with permission claims, and what a workspace's binding accepts of them.
//!
//! Facts about kcp that the code here rests on are kept in docs/kcp.md.

pub mod binding;
pub mod claims;
pub mod export;

/// API group of APIExport, APIBinding, APIResourceSchema and APIExportEndpointSlice.
pub const APIS_GROUP: &str = "apis.kcp.io";
/// API group of LogicalCluster.
pub const CORE_GROUP: &str = "core.kcp.io";
/// Annotation that kcp puts on every object that it serves: the name of the logical cluster that the object is in.
pub const ANNOTATION_CLUSTER: &str = "kcp.io/cluster";
/// Annotation on a LogicalCluster: its path, for people. A path can be re-pointed, so nothing is keyed by it.
pub const ANNOTATION_PATH: &str = "kcp.io/path";
/// How the export is called if nobody says otherwise.
pub const DEFAULT_EXPORT: &str = "berthage";
