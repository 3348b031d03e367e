//! Owners that are held until their dependents are gone, or have been told that nobody owns them any more.

use serde_json::Value;

use super::owners::{kind, owner};
use super::{FOREGROUND, ORPHAN, blocks, each_dependent};
use crate::actors::manager;
use crate::actors::reading::{Object, has_finalizer, is_deleting, list, part, take_finalizer, text, word};
use crate::lifecycle::Subresource;
use crate::store;
use crate::world::{Named, World};

/// Lets an owner go that is deleted in the foreground, if no dependent holds it.
pub(super) fn foreground(world: &mut World, named: &Named<'_>) {
    let Some(present) = world.get(named).filter(|owner| is_deleting(owner) && has_finalizer(owner, FOREGROUND)) else {
        return;
    };
    let uid = text(&present, &["metadata", "uid"]);
    let holds = |dependent: &store::Object| dependent.map().is_ok_and(|dependent| blocks(&dependent, uid));
    if !world.store.dependents(named.cluster, uid).any(holds) {
        let manager = manager(world.flavour);
        let _ = world.change(named, Subresource::None, manager, |owner| take_finalizer(owner, FOREGROUND));
    }
}

/// Takes an owner out of all of its dependents, and lets it go.
pub(super) fn orphan(world: &mut World, named: &Named<'_>, object: &Object) {
    let uid = text(object, &["metadata", "uid"]);
    let gone = [uid.to_owned()];
    let manager = manager(world.flavour);
    each_dependent(world, named.cluster, uid, |world, dependent, _| {
        let _ = world.change(dependent, Subresource::None, manager, |object| let_go(object, &gone));
    });
    if world.store.dependents(named.cluster, uid).next().is_none() {
        let _ = world.change(named, Subresource::None, manager, |owner| take_finalizer(owner, ORPHAN));
    }
}

/// Looks at those who owned an object before it changed or went, and do no more.
pub(super) fn former_owners(world: &mut World, cluster: &str, before: &store::Object, now: Option<&store::Object>) {
    let now = now.filter(|now| now.uid() == before.uid());
    let is_former = |uid: &str| now.is_none_or(|now| now.owners().all(|owner| owner != uid));
    if !before.owners().any(is_former) {
        return;
    }
    let Ok(object) = before.map() else { return };
    for reference in list(&object, &["metadata", "ownerReferences"]) {
        if !is_former(word(reference, "uid")) {
            continue;
        }
        let Some(served) = kind(world, cluster, reference) else { continue };
        let dependent = Named { cluster, group: "", plural: "", namespace: before.namespace(), name: before.name() };
        if let Some(owner) = owner(&served, &dependent, word(reference, "name")) {
            foreground(world, &owner);
        }
    }
}

/// Takes owners out of an object.
pub(super) fn let_go(object: &mut Object, gone: &[String]) {
    let Some(metadata) = part(object, "metadata") else { return };
    let Some(references) = metadata.get_mut("ownerReferences").and_then(Value::as_array_mut) else { return };
    references.retain(|reference| !gone.iter().any(|uid| uid == word(reference, "uid")));
    if references.is_empty() {
        metadata.remove("ownerReferences");
    }
}

/// An object that is about to be deleted in the foreground does not hold its owners, if one of its dependents is being deleted
/// in the foreground, too: they might own each other.
pub(super) fn unblock_in_a_circle(world: &mut World, named: &Named<'_>, uid: &str) {
    let mut is_circle = false;
    each_dependent(world, named.cluster, uid, |_, _, dependent| {
        is_circle |= is_deleting(dependent) && has_finalizer(dependent, FOREGROUND);
    });
    if !is_circle {
        return;
    }
    let manager = manager(world.flavour);
    let _ = world.change(named, Subresource::None, manager, |object| {
        let references = part(object, "metadata").and_then(|metadata| metadata.get_mut("ownerReferences"));
        for reference in references.and_then(Value::as_array_mut).into_iter().flatten() {
            if reference["blockOwnerDeletion"] == true {
                reference["blockOwnerDeletion"] = Value::Bool(false);
            }
        }
    });
    let owners = world.get(named).unwrap_or_default();
    for reference in list(&owners, &["metadata", "ownerReferences"]) {
        let Some(served) = kind(world, named.cluster, reference) else { continue };
        if let Some(owner) = owner(&served, named, word(reference, "name")) {
            foreground(world, &owner);
        }
    }
}
