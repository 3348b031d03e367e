//! Garbage collection: what all owners have left goes, and an owner that is deleted in the foreground or orphans its dependents
//! is held until that is done.
//!
//! A real collector keeps a graph of all objects. Here the store knows who depends on a uid, and a change says what was before,
//! so that there is nothing to keep. Owners are looked up by kind and name, and are gone if another uid is there.
//!
//! Facts: `pkg/controller/garbagecollector/{garbagecollector,operations,graph_builder}.go`.

mod owners;
mod release;
#[cfg(test)]
mod tests;

use jiff::Timestamp;

use self::owners::Owners;
use super::reading::{Object, has_finalizer, is_deleting, list, text, word};
use super::{Actor, manager};
use crate::lifecycle::{DeleteOptions, Subresource};
use crate::store;
use crate::world::{Changed, Named, World};

const FOREGROUND: &str = "foregroundDeletion";
const ORPHAN: &str = "orphan";

/// The garbage collector.
#[derive(Debug, Default)]
pub struct Garbage;

impl Actor for Garbage {
    fn act(&mut self, world: &mut World, changed: &Changed) -> Option<Timestamp> {
        // There are many of them, and they own nothing and are owned by nobody.
        if &*changed.plural == "events" {
            return None;
        }
        let named = changed.named();
        let now = world.kept(&named).cloned();
        let cluster = &*changed.cluster;
        if let Some(before) = &changed.before {
            if now.as_ref().is_none_or(|now| now.uid() != before.uid()) {
                each_dependent(world, cluster, &before.uid(), attempt);
            }
            release::former_owners(world, cluster, before, now.as_ref());
        }
        let now = now?;
        let held = now.mentions(FOREGROUND) || now.mentions(ORPHAN);
        if now.owners().next().is_none() && !held {
            return None;
        }
        let object = now.map().ok()?;
        if is_deleting(&object) && has_finalizer(&object, ORPHAN) {
            release::orphan(world, &named, &object);
        } else if is_deleting(&object) && has_finalizer(&object, FOREGROUND) {
            each_dependent(world, cluster, &now.uid(), attempt);
            release::foreground(world, &named);
        } else {
            attempt(world, &named, &object);
        }
        None
    }
}

/// All dependents of a uid, one after the other.
fn each_dependent(world: &mut World, cluster: &str, uid: &str, mut look: impl FnMut(&mut World, &Named<'_>, &Object)) {
    let dependents: Vec<store::Object> = world.store.dependents(cluster, uid).cloned().collect();
    for dependent in dependents {
        let Some((group, plural)) = world.kind_of(dependent.resource()) else { continue };
        let (namespace, name) = (dependent.namespace(), dependent.name());
        let named = Named { cluster, group: &group, plural: &plural, namespace, name };
        // It may be gone by now, and others may serve a kind of that name.
        let present = world.kept(&named).filter(|present| present.uid() == dependent.uid());
        let Some(object) = present.and_then(|present| present.map().ok()) else { continue };
        look(world, &named, &object);
    }
}

/// Deletes an object that all owners have left, or takes out the owners that have.
fn attempt(world: &mut World, named: &Named<'_>, object: &Object) {
    if is_deleting(object) {
        return;
    }
    // What cannot be looked up is looked at again when it changes.
    let Some(owners) = Owners::of(world, named, object) else { return };
    let uid = text(object, &["metadata", "uid"]);
    let manager = manager(world.flavour);
    if !owners.solid.is_empty() {
        let gone: Vec<String> = owners.absent.into_iter().chain(owners.waiting).collect();
        if !gone.is_empty() {
            let _ = world.change(named, Subresource::None, manager, |object| release::let_go(object, &gone));
        }
        return;
    }
    if owners.absent.is_empty() && owners.waiting.is_empty() {
        return;
    }
    let has_dependents = world.store.dependents(named.cluster, uid).next().is_some();
    let policy = if !owners.waiting.is_empty() && has_dependents {
        release::unblock_in_a_circle(world, named, uid);
        "Foreground"
    } else if has_finalizer(object, ORPHAN) {
        "Orphan"
    } else if has_finalizer(object, FOREGROUND) {
        "Foreground"
    } else {
        "Background"
    };
    let options = DeleteOptions {
        uid: Some(uid.to_owned()),
        propagation_policy: Some(policy.to_owned()),
        ..DeleteOptions::default()
    };
    let _ = world.discard(named, &options);
}

/// Whether a dependent holds an owner that is deleted in the foreground.
fn blocks(dependent: &Object, uid: &str) -> bool {
    list(dependent, &["metadata", "ownerReferences"])
        .any(|owner| word(owner, "uid") == uid && owner["blockOwnerDeletion"] == true)
}
