//! Deleting (`rest/delete.go`, `Store.Delete` of `registry/store.go`).
//!
//! `deletecollection` is a list, and a deletion of each with its own copy of the options; the answer is the list.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::definitions;
use super::delete_options::DeleteOptions;
use super::finalizers;
use super::kind::{Deleting, Kind};
use super::metadata::{self, Metadata, Object};
use super::namespaces;
use super::pods::{self, Grace};
use crate::status::Failure;
use crate::time;

/// What is to be done for a deletion.
#[derive(Debug, Clone, PartialEq)]
pub enum Deletion {
    /// To remove the object. The answer is its last state with the revision of the removal, if the kind returns deleted
    /// objects, else [`success`].
    Remove,
    /// To write this, which is the answer. Somebody else will remove it.
    Write(Object),
    /// To write this, and then to remove it: a pod that nobody has to stop.
    WriteAndRemove(Object),
    /// Nothing: it is being deleted already. The answer is the present object.
    Same,
}

/// Decides.
pub fn delete(kind: &Kind<'_>, old: &Object, options: &DeleteOptions, now: Timestamp) -> Result<Deletion, Failure> {
    let special = match kind.facts.deletion {
        Deleting::Namespace => namespaces::delete(kind, old, options, now)?,
        Deleting::Definition => definitions::delete(kind, old, options, now)?,
        Deleting::Plain | Deleting::Pod => None,
    };
    if let Some(special) = special {
        return Ok(special);
    }
    preconditions(kind, old, options)?;
    let mut new = old.clone();
    let grace = match kind.facts.deletion {
        Deleting::Pod => pods::grace(&mut new, options, now)?,
        _ => Grace::None,
    };
    if grace == Grace::Pending {
        return Ok(Deletion::Same);
    }
    finalizers::settle(kind, options, &mut new)?;
    let waits = Metadata::of(&new).has_finalizers();
    match grace {
        Grace::Given(seconds) if waits || seconds > 0 => {}
        Grace::Given(_) => return Ok(Deletion::WriteAndRemove(new)),
        _ if waits => mark(&mut new, now)?,
        _ => return Ok(Deletion::Remove),
    }
    Ok(if new == *old { Deletion::Same } else { Deletion::Write(new) })
}

/// The answer to a deletion of a kind that does not return objects, once the object is gone.
pub fn success(kind: &Kind<'_>, old: &Object) -> Value {
    let mut details = Object::new();
    let (name, uid) = (Metadata::of(old).name(), Metadata::of(old).text("uid"));
    for (field, value) in [("name", name), ("group", kind.group), ("kind", kind.plural), ("uid", uid)] {
        if !value.is_empty() {
            details.insert(field.to_owned(), json!(value));
        }
    }
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}

/// The HTTP status of the answer: 202 where an old client asked with `orphanDependents` for what takes time.
pub fn status_code(deletion: &Deletion, options: &DeleteOptions) -> u16 {
    match deletion {
        Deletion::Write(_) | Deletion::Same if options.orphan_dependents == Some(false) => 202,
        _ => 200,
    }
}

/// `rest.BeforeDelete` tells the kind where other conflicts tell the resource.
fn preconditions(kind: &Kind<'_>, old: &Object, options: &DeleteOptions) -> Result<(), Failure> {
    let metadata = Metadata::of(old);
    let conflict = |why: &str| Err(Failure::conflict(kind.group, kind.kind, metadata.name(), why));
    let (uid, version) = (metadata.text("uid"), metadata.text("resourceVersion"));
    if let Some(wanted) = options.uid.as_deref().filter(|wanted| *wanted != uid) {
        return conflict(&format!(
            "the UID in the precondition ({wanted}) does not match the UID in record ({uid}). The object might have been \
             deleted and then recreated"
        ));
    }
    if let Some(wanted) = options.resource_version.as_deref().filter(|wanted| *wanted != version) {
        return conflict(&format!(
            "the ResourceVersion in the precondition ({wanted}) does not match the ResourceVersion in record ({version}). The \
             object might have been modified"
        ));
    }
    Ok(())
}

/// What namespaces and definitions say before that.
pub(super) fn early_preconditions(kind: &Kind<'_>, old: &Object, options: &DeleteOptions) -> Result<(), Failure> {
    let metadata = Metadata::of(old);
    let (uid, version) = (metadata.text("uid"), metadata.text("resourceVersion"));
    for (what, wanted, present) in [("UID", &options.uid, uid), ("ResourceVersion", &options.resource_version, version)]
    {
        if let Some(wanted) = wanted.as_deref().filter(|wanted| *wanted != present) {
            let why =
                format!("Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {present}");
            return Err(Failure::conflict(kind.group, kind.plural, metadata.name(), &why));
        }
    }
    Ok(())
}

/// `markAsDeleting`: an object that waits for its finalizers.
fn mark(object: &mut Object, now: Timestamp) -> Result<(), Failure> {
    let metadata = Metadata::of(object);
    let since = metadata.get("deletionTimestamp");
    let generation = metadata.generation();
    let counted = since.is_none() && generation > 0;
    let moved = since.is_none_or(|since| since.as_str().and_then(time::read).is_some_and(|since| since > now));
    let metadata = metadata::of_mut(object)?;
    if counted {
        metadata.insert("generation".to_owned(), json!(generation.saturating_add(1)));
    }
    if moved {
        metadata.insert("deletionTimestamp".to_owned(), json!(time::written(now)));
    }
    metadata.insert("deletionGracePeriodSeconds".to_owned(), json!(0));
    Ok(())
}
