//! What kcp does to a write before it is stored, and why it refuses one: 403.
//!
//! First everything that changes the object, in the order of kcp, then everything that looks at it. Facts:
//! `AllOrderedPlugins` in `pkg/admission/plugins.go` of kcp, and the plugins. Not here: what needs webhooks or policies of
//! admission, limits of the number of objects, quotas.

mod binding;
mod claims;
mod definition;
mod export;
mod finalizer;
mod logical_cluster;
mod path;
mod reserved;
mod shard;
mod workspace;
mod workspace_type;

pub(crate) use self::claims::label;
use super::json::Object;
use crate::access::attributes::{Attributes, ResourceAttributes};
use crate::access::user::{MASTERS, User};
use crate::lifecycle::Subresource;
use crate::status::Failure;
use crate::world::{Place, Serving, World};

/// A write, for those who admit it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Who writes.
    pub user: &'a User,
    /// Where.
    pub place: Place<'a>,
    /// Objects of what.
    pub serving: &'a Serving,
    /// Which part of it.
    pub subresource: Subresource,
    /// The name of the object; empty if it is to be generated.
    pub name: &'a str,
}

impl Request<'_> {
    fn is(&self, group: &str, plural: &str) -> bool {
        self.serving.served.group == group && self.serving.served.plural == plural
    }

    fn is_privileged(&self) -> bool {
        self.user.is_in(MASTERS)
    }

    /// 403, with a reason.
    fn forbidden(&self, why: &str) -> Failure {
        Failure::forbidden(&self.serving.served.group, &self.serving.served.plural, self.name, why)
    }

    /// Whether the user has a verb on an object of kcp in some workspace, whether or not they may enter it.
    fn may(&self, world: &World, cluster: &str, verb: &str, [group, resource, name]: [&str; 3]) -> bool {
        let attributes = ResourceAttributes { verb, group, resource, name, ..ResourceAttributes::default() };
        self.is_privileged() || world.workspace(cluster).deep(self.user, &Attributes::Resource(attributes))
    }
}

/// Admits a write: `new` is what is to be stored, complete and defaulted, `old` what it replaces. It is called for the object
/// and for its subresources alike.
pub fn admit(world: &World, request: &Request<'_>, new: &mut Object, old: Option<&Object>) -> Result<(), Failure> {
    workspace::complete(world, request, new, old)?;
    finalizer::complete(request, new);
    shard::complete(request, new)?;
    logical_cluster::complete(request, new, old);
    binding::complete(world, request, new, old)?;
    claims::complete(world, request, new);
    path::complete(world, request, new)?;

    export::check_schema(request, new, old)?;
    workspace::check(world, request, new, old)?;
    finalizer::check(request, new, old)?;
    workspace_type::check(world, request, new, old)?;
    logical_cluster::check(request, new, old)?;
    export::check(request, new)?;
    binding::check(world, request, new, old)?;
    export::check_slice(world, request, new, old)?;
    definition::check(world, request, new, old)?;
    reserved::check(request, new, old)?;
    path::check(world, request, new)
}

/// Admits a deletion.
pub fn admit_deletion(request: &Request<'_>, old: &Object) -> Result<(), Failure> {
    logical_cluster::check_deletion(request, old)
}
