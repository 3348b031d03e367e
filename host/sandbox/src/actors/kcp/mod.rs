//! What kcp's controllers do: workspaces come and go, APIExports get identities and endpoints, APIBindings bind.
//!
//! ```text
//!  Workspace ─▶ workspaces ─▶ LogicalCluster ─▶ logical_clusters, initialization ─▶ Ready
//!                                            └▶ deletion (content, then bindings, then itself)
//!  APIExport ─▶ exports (identity, slice) ─▶ endpoint_slices (a URL for each shard with a binding)
//!            └▶ virtual_workspaces
//!  APIBinding ▶ bindings (what is bound) ─▶ claims, claimed (labels of objects) ─▶ unbinding
//! ```
//!
//! Each one does what the controller of the same purpose in `pkg/reconciler` of kcp does, write by write, and at once: where
//! kcp looks again after some seconds, these look again when something changes. What is derived from a binding (which kinds a
//! workspace serves) is so from the moment that its status says it.

mod bindings;
mod claimed;
mod claims;
mod conflicts;
mod deletion;
mod endpoint_slices;
mod exports;
mod initialization;
mod locks;
mod logical_clusters;
mod place;
#[cfg(test)]
mod tests;

mod unbinding;
mod virtual_workspaces;
mod workspaces;

use super::Actor;

/// The controllers of kcp. Those that a plain server has too (namespaces, garbage collection, service accounts, …) are beside
/// them.
pub fn all() -> Vec<Box<dyn Actor>> {
    vec![
        Box::new(exports::Exports),
        Box::new(virtual_workspaces::VirtualWorkspaces),
        Box::new(bindings::Bindings),
        Box::new(locks::Locks),
        Box::new(claims::Claims),
        Box::new(claimed::Claimed),
        Box::new(endpoint_slices::EndpointSlices::default()),
        Box::new(unbinding::Unbinding),
        Box::new(workspaces::Workspaces::default()),
        Box::new(logical_clusters::LogicalClusters),
        Box::new(initialization::Initialization),
        Box::new(deletion::Deletion),
    ]
}
