//! What became of the owners of an object (`isDangling` and `classifyReferences` of `garbagecollector.go`).

use serde_json::Value;

use super::FOREGROUND;
use crate::actors::reading::{Object, has_finalizer, is_deleting, list, word};
use crate::kinds::{Served, Support};
use crate::store;
use crate::world::{Named, World};

/// The uids of the owners of an object, by what became of them.
#[derive(Debug, Default)]
pub(super) struct Owners {
    /// They are there.
    pub(super) solid: Vec<String>,
    /// They are not there, or somebody else has their name.
    pub(super) absent: Vec<String>,
    /// They wait for their dependents to be deleted.
    pub(super) waiting: Vec<String>,
}

impl Owners {
    /// Nothing if an owner cannot be looked up: its kind is not served, or it is in a namespace and the object is not. A real
    /// server tries again for ever then, and deletes nothing.
    pub(super) fn of(world: &World, named: &Named<'_>, object: &Object) -> Option<Self> {
        let mut owners = Self::default();
        for reference in list(object, &["metadata", "ownerReferences"]) {
            let uid = word(reference, "uid").to_owned();
            let served = kind(world, named.cluster, reference)?;
            let owner = owner(&served, named, word(reference, "name"))?;
            match world.kept(&owner).filter(|owner| *owner.uid() == *uid) {
                None => owners.absent.push(uid),
                Some(owner) if waits(owner) => owners.waiting.push(uid),
                Some(_) => owners.solid.push(uid),
            }
        }
        Some(owners)
    }
}

/// Whether it is deleted in the foreground. Most need not be read for that.
fn waits(owner: &store::Object) -> bool {
    owner.mentions(FOREGROUND)
        && owner.map().is_ok_and(|owner| is_deleting(&owner) && has_finalizer(&owner, FOREGROUND))
}

/// What an owner is one of. It is served in the version that the reference names.
pub(super) fn kind(world: &World, cluster: &str, reference: &Value) -> Option<std::sync::Arc<Served>> {
    let (group, version) = word(reference, "apiVersion").split_once('/').unwrap_or(("", word(reference, "apiVersion")));
    let kind = word(reference, "kind");
    world.served_as(cluster, group, version, kind).filter(|served| served.support == Support::Full)
}

/// Where it is.
pub(super) fn owner<'n>(served: &'n Served, dependent: &Named<'n>, name: &'n str) -> Option<Named<'n>> {
    if served.namespaced && dependent.namespace.is_empty() {
        return None;
    }
    let namespace = if served.namespaced { dependent.namespace } else { "" };
    Some(Named { cluster: dependent.cluster, group: &served.group, plural: &served.plural, namespace, name })
}
