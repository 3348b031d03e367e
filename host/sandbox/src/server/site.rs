//! Who asks, and where: what a handler has to know besides the request.

use std::sync::Arc;

use crate::access::authority::Authority;
use crate::access::kcp::workspace::{LogicalCluster, Workspace};
use crate::access::user::User;
use crate::kinds::{Catalog, Flavour, Served};
use crate::store::Object;
use crate::world::{Serving, World};

/// Who asks, and where.
#[derive(Debug, Clone)]
pub(super) struct Site {
    /// Who.
    pub(super) user: User,
    /// The logical cluster; all of them if there is none.
    pub(super) cluster: Option<String>,
}

impl Site {
    /// The cluster, where a request is about one.
    pub(super) fn cluster(&self) -> &str {
        self.cluster.as_deref().unwrap_or_default()
    }

    /// What is served there.
    pub(super) fn catalog<'w>(&self, world: &'w World) -> Catalog<'w> {
        world.catalog(self.cluster())
    }

    /// Whether an object is there for who asks.
    pub(super) fn sees(&self, _serving: &Serving, object: &Object) -> bool {
        self.cluster.as_deref().is_none_or(|cluster| cluster == object.cluster())
    }

    /// Whether all objects of a kind are.
    pub(super) fn sees_all(&self, serving: &Serving) -> bool {
        self.cluster.is_some() || serving.identity.is_empty()
    }

    /// One of these kinds.
    pub(super) fn serving(&self, world: &World, served: &Served) -> Option<Arc<Serving>> {
        world.serving(self.cluster(), &served.group, &served.version, &served.plural)
    }
}

/// Who decides in a cluster what may be done there. `phase` and `groups` are what its `LogicalCluster` says.
pub(super) fn authority<'w>(world: &'w World, cluster: &'w str, told: Option<&'w LogicalClusterTold>) -> Authority<'w> {
    match world.flavour {
        Flavour::Kubernetes => Authority::Plain(world.bindings.of(cluster)),
        Flavour::Kcp => Authority::Workspace(Workspace {
            cluster,
            bindings: &world.bindings,
            logical_cluster: told.map(LogicalClusterTold::as_seen),
            policies: world.cluster(cluster).map(|cluster| cluster.policies.as_slice()).unwrap_or_default(),
        }),
    }
}

/// What a `LogicalCluster` says about who may enter.
#[derive(Debug, Clone, Default)]
pub(super) struct LogicalClusterTold {
    phase: String,
    required_groups: Option<String>,
}

impl LogicalClusterTold {
    /// That of a cluster, if it has one.
    pub(super) fn of(world: &World, cluster: &str) -> Option<Self> {
        if world.flavour != Flavour::Kcp {
            return None;
        }
        let named = crate::world::Named {
            cluster,
            group: "core.kcp.io",
            plural: "logicalclusters",
            namespace: "",
            name: "cluster",
        };
        let object = world.get(&named)?;
        let text = |value: Option<&serde_json::Value>| value.and_then(|value| value.as_str()).map(str::to_owned);
        let annotations = object.get("metadata").and_then(|metadata| metadata.get("annotations"));
        Some(Self {
            phase: text(object.get("status").and_then(|status| status.get("phase"))).unwrap_or_default(),
            required_groups: text(annotations.and_then(|all| all.get("authorization.kcp.io/required-groups"))),
        })
    }

    fn as_seen(&self) -> LogicalCluster<'_> {
        LogicalCluster { phase: &self.phase, required_groups: self.required_groups.as_deref() }
    }
}
