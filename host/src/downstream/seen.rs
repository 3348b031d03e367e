//! What is known of one object downstream.
//!
//! A cluster is a tenant's, and says what it likes: what no API server would say is not held, so that an object takes as much
//! memory as an object can.

use berthage_core::key::Workspace;
use berthage_core::names::{
    ANNOTATION_OWNER, LABEL_MANAGED_BY, LABEL_TARGET, LABEL_WORKSPACE, MANAGED_BY, workspace_label,
};
use berthage_core::object::{KindInfo, Marker, ObjectId};
use berthage_core::status::deployed::Rollout;
use kube::api::ObjectMeta;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::deployment;
use crate::wire::Wire;

/// Longest uid and resourceVersion in bytes: an API server's are a UUID and a number.
const MAX_VERSION: usize = 64;
/// Longest name and namespace in bytes, as in Kubernetes.
const MAX_NAME: usize = 253;
/// Longest owner annotation in bytes that can be ours: a workspace, a name and a uid.
const MAX_OWNER: usize = 512;

/// What is known of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// `metadata.uid`.
    pub uid: String,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// The owner annotation: `workspace/name/uid` of the target that it says it belongs to.
    pub owner: Option<String>,
    /// For Deployments: how the rollout stands.
    pub rollout: Option<Rollout>,
    /// When it was heard of.
    pub heard: Instant,
    /// To tell an older answer from a newer one.
    pub(super) resource_version: String,
    pub(super) mark: Mark,
}

/// What tells whether somebody touched an object; see [`Marker`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Mark {
    /// `metadata.resourceVersion`.
    Version,
    /// `metadata.generation`.
    Generation(i64),
    /// The beginning of a hash.
    Content(u64),
}

impl Seen {
    /// From an object's metadata; `None` for what lacks uid or version, which no server sends.
    pub fn of(info: &KindInfo, meta: &ObjectMeta) -> Option<Self> {
        let short = |version: &String| version.len() <= MAX_VERSION;
        let owner = meta.annotations.as_ref().and_then(|annotations| annotations.get(ANNOTATION_OWNER));
        let mark = match meta.generation {
            Some(generation) if info.marker == Marker::Generation => Mark::Generation(generation),
            _ => Mark::Version,
        };
        Some(Self {
            uid: meta.uid.clone().filter(short)?,
            deleting: meta.deletion_timestamp.is_some(),
            // What is longer is not ours, whoever's it is.
            owner: owner.filter(|owner| owner.len() <= MAX_OWNER).cloned(),
            rollout: None,
            heard: Instant::now(),
            resource_version: meta.resource_version.clone().filter(short)?,
            mark,
        })
    }

    /// As an inventory notes it: `g<generation>`, `r<resourceVersion>` or `h<hash>`.
    pub fn marker(&self) -> String {
        match self.mark {
            Mark::Version => format!("r{}", self.resource_version),
            Mark::Generation(generation) => format!("g{generation}"),
            Mark::Content(hash) => format!("h{hash:016x}"),
        }
    }

    /// From an object as it came; `None` also for a Deployment that is none.
    pub fn of_object(info: &KindInfo, object: &Wire) -> Option<Self> {
        match info.marker {
            Marker::Content => Self::of_content(info, object),
            _ if info.kind == "Deployment" => Self::of_deployment(info, object),
            _ => Self::of(info, &object.metadata),
        }
    }

    fn of_content(info: &KindInfo, object: &Wire) -> Option<Self> {
        let mut hasher = Sha256::new();
        let meta = &object.metadata;
        for (key, value) in [&meta.labels, &meta.annotations].into_iter().flatten().flatten() {
            hasher.update(format!("{key}={value}\n"));
        }
        // As the API server wrote it: it writes the same spec in the same way.
        hasher.update(object.spec.as_ref().map_or("", |spec| spec.get()));
        let hash = hasher.finalize().first_chunk().copied().map_or(0, u64::from_be_bytes);
        Some(Self { mark: Mark::Content(hash), ..Self::of(info, meta)? })
    }

    fn of_deployment(info: &KindInfo, object: &Wire) -> Option<Self> {
        let rollout = deployment::rollout(object)?;
        Some(Self { rollout: Some(rollout), ..Self::of(info, &object.metadata)? })
    }

    /// Whether this is a later version of the same object than `other`.
    pub(super) fn is_newer_than(&self, other: &Self) -> bool {
        let versions = (self.resource_version.parse::<u64>(), other.resource_version.parse::<u64>());
        self.uid == other.uid && matches!(versions, (Ok(this), Ok(other)) if this > other)
    }

    /// Whether a reconcile could come to another result than with `other`.
    pub(super) fn differs(&self, other: &Self) -> bool {
        let version = |seen: &Self| (seen.mark == Mark::Version).then(|| seen.resource_version.clone());
        (&self.uid, self.mark, version(self), self.deleting, &self.owner, &self.rollout)
            != (&other.uid, other.mark, version(other), other.deleting, &other.owner, &other.rollout)
    }
}

/// Which object it is, from its own metadata; `None` if no object can be called so.
pub(super) fn object_id(info: &KindInfo, meta: &ObjectMeta) -> Option<ObjectId> {
    let short = |name: &String| name.len() <= MAX_NAME;
    if !meta.namespace.as_ref().is_none_or(short) {
        return None;
    }
    Some(ObjectId {
        api_version: info.api_version.to_owned(),
        kind: info.kind.to_owned(),
        namespace: meta.namespace.clone(),
        name: meta.name.clone().filter(short)?,
    })
}

/// Whether the watches of a link show that object as one of the target with that id. Somebody may have changed its labels.
pub fn followed(meta: &ObjectMeta, workspace: &Workspace, target: &str) -> bool {
    let label = |key: &str| meta.labels.as_ref().and_then(|labels| labels.get(key)).map(String::as_str);
    label(LABEL_MANAGED_BY) == Some(MANAGED_BY)
        && label(LABEL_WORKSPACE) == Some(&*workspace_label(workspace))
        && label(LABEL_TARGET) == Some(target)
}

/// What the watches of a workspace's link select: see [`followed`].
pub(super) fn selector(workspace: &Workspace) -> String {
    format!("{LABEL_MANAGED_BY}={MANAGED_BY},{LABEL_WORKSPACE}={}", workspace_label(workspace))
}
