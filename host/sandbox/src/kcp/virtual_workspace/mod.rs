//! The virtual workspace of an APIExport: what its owner sees and may change in all workspaces that bind it.
//!
//! It has the exported resources, whole, and those that are claimed, as far as tenants let them be seen, which a label on each
//! object says; and the bindings of the APIExport, to read. It is made anew when the APIExport, its schemas or those of what it
//! claims change. What did not change stays the same `Arc`: a watch ends when what it is of is another one, as in kcp.
//!
//! ```text
//!  request ─▶ authorize    is it bound there, or claimed and accepted; may they use the content of the APIExport
//!             serving      which resource: that of the identity
//!             visible      which of its objects
//!             admit        labels that a selector asks for
//!             forward      as whom, and as what, a write arrives in the workspace
//! ```
//!
//! Facts: `pkg/virtual/apiexport` of kcp, and `forwardingregistry` of its virtual-workspace-framework.

mod admit;
mod authorize;
mod build;
mod claimable;
mod forward;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::export::Export;
use crate::kinds::{Catalog, Flavour, Kinds};
use crate::store::Object;
use crate::world::{Serving, Servings, World};

pub(crate) use self::build::build;
pub use self::claimable::is_claimable;
pub use self::forward::Forward;

/// See the module.
#[derive(Debug, Default)]
pub struct VirtualWorkspace {
    cluster: Box<str>,
    name: Box<str>,
    kinds: Kinds,
    servings: Servings,
    sources: BTreeMap<(Box<str>, Box<str>), Source>,
}

/// Where a resource comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Source {
    /// The uid of its schema; empty for what the server has itself.
    uid: Box<str>,
    /// The identity of the APIExport when it was made.
    identity: Box<str>,
    visible: Visible,
}

/// Which objects of a resource are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Visible {
    /// All.
    Everything,
    /// Those that have a label with one of these values.
    Labelled {
        /// The key of the label.
        key: String,
        /// Its values.
        values: Vec<String>,
    },
}

impl Visible {
    /// Whether an object is shown. To others it is as if it were not there.
    pub fn shows(&self, object: &Object) -> bool {
        match self {
            Self::Everything => true,
            Self::Labelled { key, values } => {
                object.label(key).is_some_and(|value| values.iter().any(|one| *one == value))
            }
        }
    }
}

impl VirtualWorkspace {
    /// The logical cluster of the APIExport.
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// The name of the APIExport.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it serves, for discovery.
    pub fn kinds(&self) -> &Kinds {
        &self.kinds
    }

    /// The same, to route requests by.
    pub fn catalog(&self) -> Catalog<'_> {
        Catalog::new(Flavour::Kcp, vec![&self.kinds])
    }

    /// One kind in one version. Its objects are those of its identity.
    pub fn serving(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Serving>> {
        self.servings.get(group, version, plural)
    }

    /// Which of its objects are shown.
    pub fn visible(&self, group: &str, plural: &str) -> &Visible {
        self.sources.get(&(group.into(), plural.into())).map_or(&Visible::Everything, |source| &source.visible)
    }

    /// Whether a shard has the resource at all, or a workspace if one is named. Where it has not, a list is empty and without a
    /// `resourceVersion`, and a watch says nothing for as long as it is open.
    pub fn is_served(&self, world: &World, serving: &Serving, shard: &str, cluster: Option<&str>) -> bool {
        let (group, plural, identity) = (&serving.served.group, &serving.served.plural, &serving.identity);
        if identity.is_empty() {
            return true;
        }
        match cluster {
            None => world.kcp().is_bound_on(shard, identity, group, plural),
            Some(cluster) => world.stored(cluster, group, plural).is_some_and(|own| own.identity == *identity),
        }
    }

    /// The kind as the workspace itself serves it, for writes: of the same identity, in the same version.
    pub fn local(&self, world: &World, serving: &Serving, cluster: &str) -> Option<Arc<Serving>> {
        let served = &serving.served;
        let own = world.serving(cluster, &served.group, &served.version, &served.plural)?;
        (own.identity == serving.identity).then_some(own)
    }

    fn export<'a>(&self, world: &'a World) -> Option<&'a Arc<Export>> {
        world.kcp().export(&self.cluster, &self.name)
    }
}
