//! Who asks, and where: what a handler has to know besides the request.

use std::sync::Arc;

use crate::access::attributes::Attributes;
use crate::access::authority::Authority;
use crate::access::user::User;
use crate::kcp::{Index, VirtualWorkspace};
use crate::kinds::{Catalog, Flavour, Served};
use crate::status::Failure;
use crate::store::Object;
use crate::world::{Serving, World};

/// Who asks, and where.
#[derive(Debug, Clone)]
pub(super) struct Site {
    /// Who.
    pub(super) user: User,
    /// The logical cluster; all of them if there is none.
    pub(super) cluster: Option<String>,
    /// The virtual workspace that it is asked through, if it is.
    pub(super) through: Option<Arc<VirtualWorkspace>>,
    /// The shard of kcp that is asked.
    pub(super) shard: Arc<str>,
}

impl Site {
    /// The cluster, where a request is about one.
    pub(super) fn cluster(&self) -> &str {
        self.cluster.as_deref().unwrap_or_default()
    }

    /// What is served there.
    pub(super) fn catalog<'s>(&'s self, world: &'s World) -> Catalog<'s> {
        match &self.through {
            Some(through) => through.catalog(),
            None => world.catalog(self.cluster()),
        }
    }

    /// One of these kinds.
    pub(super) fn serving(&self, world: &World, served: &Served) -> Option<Arc<Serving>> {
        match &self.through {
            Some(through) => through.serving(&served.group, &served.version, &served.plural).cloned(),
            None => world.serving(self.cluster(), &served.group, &served.version, &served.plural),
        }
    }

    /// Whether the shard, or the workspace, has anything of a kind at all. Through a virtual workspace one is told of kinds that
    /// it has not.
    pub(super) fn has(&self, world: &World, serving: &Serving) -> bool {
        let has =
            |through: &Arc<VirtualWorkspace>| through.is_served(world, serving, &self.shard, self.cluster.as_deref());
        self.through.as_ref().is_none_or(has)
    }

    /// Whether an object is there for who asks.
    pub(super) fn sees(&self, kcp: &Index, serving: &Serving, object: &Object) -> bool {
        let Some(through) = &self.through else { return true };
        let here = self.cluster.is_some() || kcp.shard_of(object.cluster()) == &*self.shard;
        here && through.visible(&serving.served.group, &serving.served.plural).shows(object)
    }

    /// Whether all objects of a kind are.
    pub(super) fn sees_all(&self) -> bool {
        self.through.is_none()
    }

    /// 403 for somebody who may not.
    pub(super) fn may(&self, world: &World, attributes: &Attributes<'_>) -> Result<(), Failure> {
        let verdict = match &self.through {
            Some(through) => through.authorize(world, &self.user, attributes, self.cluster.as_deref()),
            None => authority(world, self.cluster()).authorize(&self.user, attributes),
        };
        if verdict.is_allowed() { Ok(()) } else { Err(attributes.forbidden(&self.user, &verdict.reason()).detailed()) }
    }
}

/// Who decides in a cluster what may be done there.
pub(super) fn authority<'w>(world: &'w World, cluster: &'w str) -> Authority<'w> {
    match world.flavour {
        Flavour::Kubernetes => Authority::Plain(world.bindings.of(cluster)),
        Flavour::Kcp => Authority::Workspace(world.workspace(cluster)),
    }
}
