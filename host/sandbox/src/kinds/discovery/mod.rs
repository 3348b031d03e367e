//! What a server tells about what it serves.
//!
//! kube-apiserver answers `/api` and `/apis` in two ways: the old one, which names groups and versions, and the aggregated one
//! with all resources, which clients ask for with `Accept`. kcp has the old one only for `/apis`, since what it serves differs
//! between workspaces.
//!
//! Facts: `pkg/endpoints/discovery` of `k8s.io/apiserver`, `pkg/apiserver/handler_{api,apis}.go` of `k8s.io/kube-aggregator`,
//! `pkg/controlplane/apiserver/miniaggregator` of kcp's Kubernetes.
//!
//! Limits: the order of resources of custom kinds in one version, and in kcp of their groups, is none in a real server; here
//! it is that of names. Of OpenAPI there is what `kubectl apply` cannot do without.

mod aggregated;
mod groups;
mod openapi;
mod paths;
mod resources;
mod version;

pub use self::aggregated::{Aggregated, AggregatedVersion, aggregated, etag};
pub use self::groups::{api_group, api_group_list, api_versions};
pub use self::openapi::{old_openapi, old_openapi_in_protobuf, openapi};
pub use self::paths::root_paths;
pub use self::resources::api_resource_list;
pub use self::version::VersionInfo;

#[cfg(test)]
mod tests;
