//! What changes are about, as coarse as watches wait for them.

use super::resources::{ClusterId, ResourceId};

/// A resource in one logical cluster, or in all. A change is about two topics and a watch waits for one, so that who puts a
/// store behind a lock can keep one place to wait for each topic, and wake nobody else: a change costs the watches of its
/// scope, however many others there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic {
    pub(super) resource: ResourceId,
    /// None is all clusters.
    pub(super) cluster: Option<ClusterId>,
}

impl Topic {
    pub(super) fn all(resource: ResourceId) -> Self {
        Self { resource, cluster: None }
    }

    /// The topics of a change.
    pub(super) fn of(resource: ResourceId, cluster: ClusterId) -> [Self; 2] {
        [Self::all(resource), Self { resource, cluster: Some(cluster) }]
    }
}
