//! A workspace has a resource either from a definition of its own or from a binding (`pkg/admission/crdnooverlappinggvr`).
//!
//! kcp keeps a lock for it on the LogicalCluster, which expires; here the binding or the definition that is there is the lock.

use super::Request;
use crate::kcp::json::{Object, text};
use crate::quote::quote;
use crate::status::Failure;
use crate::world::World;

pub(super) fn check(world: &World, request: &Request<'_>, new: &Object, old: Option<&Object>) -> Result<(), Failure> {
    if !request.is("apiextensions.k8s.io", "customresourcedefinitions") || old.is_some() {
        return Ok(());
    }
    let (group, plural) = (text(new, &["spec", "group"]), text(new, &["spec", "names", "plural"]));
    match world.kcp().bindings_in(request.place.cluster).find(|binding| binding.binds(group, plural)) {
        Some(binding) => {
            let why = format!("cannot create because resource is bound by APIBinding {}", quote(&binding.name));
            Err(request.forbidden(&why))
        }
        None => Ok(()),
    }
}
