//! The finalizers by which the garbage collector is told what to do with dependents (`deletionFinalizersForGarbageCollection`
//! of `registry/store.go`).

use serde_json::{Value, json};

use super::delete_options::DeleteOptions;
use super::kind::{Garbage, Kind};
use super::metadata::{self, Metadata, Object};
use crate::status::Failure;

/// Its dependents are to be orphaned first.
pub(super) const ORPHAN: &str = "orphan";
/// Its dependents are to be deleted first.
pub(super) const FOREGROUND: &str = "foregroundDeletion";

/// Puts them in and takes them out, as a deletion wants it. Says whether that changed anything.
pub(super) fn settle(kind: &Kind<'_>, options: &DeleteOptions, object: &mut Object) -> Result<bool, Failure> {
    let present: Vec<&str> = Metadata::of(object).finalizers().collect();
    let wanted = wanted(kind, options, &present);
    let mut new: Vec<&str> =
        present.iter().copied().filter(|finalizer| !matches!(*finalizer, ORPHAN | FOREGROUND)).collect();
    new.extend(wanted);
    let changed = !(present.iter().all(|finalizer| new.contains(finalizer))
        && new.iter().all(|finalizer| present.contains(finalizer)));
    if changed {
        let new = Some(json!(new)).filter(|_| !new.is_empty());
        metadata::set(metadata::of_mut(object)?, "finalizers", new);
    }
    Ok(changed)
}

fn wanted(kind: &Kind<'_>, options: &DeleteOptions, present: &[&str]) -> Option<&'static str> {
    let asked = match (kind.facts.garbage, options.orphan_dependents, options.propagation_policy.as_deref()) {
        (Garbage::Unsupported, ..) => return None,
        (_, Some(true), _) | (_, None, Some("Orphan")) => Some(Some(ORPHAN)),
        (_, None, Some("Foreground")) => Some(Some(FOREGROUND)),
        (_, Some(false), _) | (_, None, Some("Background")) => Some(None),
        _ => None,
    };
    let there = present.iter().find_map(|finalizer| match *finalizer {
        ORPHAN => Some(ORPHAN),
        FOREGROUND => Some(FOREGROUND),
        _ => None,
    });
    let default = Some(ORPHAN).filter(|_| kind.facts.garbage == Garbage::Orphan);
    asked.unwrap_or(there.or(default))
}

/// Appends a finalizer that is not there.
pub(super) fn add(metadata: &mut Object, finalizer: &str) {
    if let Some(finalizers) = metadata::list_in(metadata, "finalizers")
        && !finalizers.iter().any(|present| present == finalizer)
    {
        finalizers.push(json!(finalizer));
    }
}

/// Takes a finalizer out.
pub(super) fn take(metadata: &mut Object, finalizer: &str) {
    let Some(finalizers) = metadata.get_mut("finalizers").and_then(Value::as_array_mut) else { return };
    finalizers.retain(|present| present != finalizer);
    if finalizers.is_empty() {
        metadata.remove("finalizers");
    }
}
