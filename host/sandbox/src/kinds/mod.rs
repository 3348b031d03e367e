//! Which kinds are served, what a request's path and query mean, and what discovery says about it.
//!
//! A [`Catalog`] is what one logical cluster serves: the built-in kinds of its [`Flavour`], and the custom kinds that were
//! defined or bound there, each a [`Served`]. [`RequestInfo`] is what an API server reads from a path; [`Target`] is the part
//! of kcp's paths before it. [`options`] are the parameters of a query. [`discovery`] shows a catalog.
//!
//! Facts: `k8s.io/apiserver` 0.36 (`pkg/endpoints/request`, `pkg/endpoints/discovery`), `k8s.io/apiextensions-apiserver`,
//! `k8s.io/kube-aggregator`, Kubernetes 1.36's `api/discovery`, and kcp.

mod builtin;
mod catalog;
mod clusters;
pub mod discovery;
mod endpoint;
mod flavour;
#[cfg(test)]
mod laws;
pub mod options;
mod priority;
mod query;
mod request;
mod route;
mod served;

pub use self::builtin::{built_in, kcp_export};
pub use self::catalog::{Catalog, Kinds};
pub use self::clusters::{Cluster, Target, UNRESOLVED, Workspace};
pub use self::endpoint::Endpoint;
pub use self::flavour::Flavour;
pub use self::query::{Query, decode_path};
pub use self::request::RequestInfo;
pub use self::route::{Missing, Route, route};
pub use self::served::{Definition, Served, Subresource, Support, storage_version_hash};
