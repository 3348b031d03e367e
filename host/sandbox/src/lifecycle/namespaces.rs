//! Namespaces: they are emptied before they go (`pkg/registry/core/namespace/{strategy.go,storage/storage.go}`).

use jiff::Timestamp;
use serde_json::{Value, json};

use super::delete::{Deletion, early_preconditions};
use super::delete_options::DeleteOptions;
use super::finalizers::{self, FOREGROUND, ORPHAN};
use super::kind::Kind;
use super::metadata::{self, Metadata, Object};
use crate::status::Failure;
use crate::time;

/// A new namespace has the finalizer of those who empty it.
pub(super) fn prepare(object: &mut Object) {
    if let Some(spec) = metadata::object_in(object, "spec") {
        finalizers::add(spec, "kubernetes");
    }
}

/// A namespace has its name as a label, also if it was generated.
pub(super) fn label(object: &mut Object) -> Result<(), Failure> {
    let name = json!(Metadata::of(object).name());
    if let Some(labels) = metadata::object_in(metadata::of_mut(object)?, "labels") {
        labels.insert("kubernetes.io/metadata.name".to_owned(), name);
    }
    Ok(())
}

/// Everybody who empties it is done.
pub(super) fn is_final(object: &Object) -> bool {
    let finalizers = object.get("spec").and_then(|spec| spec.get("finalizers")).and_then(Value::as_array);
    finalizers.is_none_or(Vec::is_empty)
}

/// The first deletion makes it terminating. Later ones do nothing until it is empty, and then what they do elsewhere.
pub(super) fn delete(
    kind: &Kind<'_>,
    old: &Object,
    options: &DeleteOptions,
    now: Timestamp,
) -> Result<Option<Deletion>, Failure> {
    early_preconditions(kind, old, options)?;
    if Metadata::of(old).is_deleting() {
        return Ok(Some(Deletion::Same).filter(|_| !is_final(old)));
    }
    let mut new = old.clone();
    if let Some(status) = metadata::object_in(&mut new, "status") {
        status.insert("phase".to_owned(), json!("Terminating"));
    }
    let metadata = metadata::of_mut(&mut new)?;
    metadata.insert("deletionTimestamp".to_owned(), json!(time::written(now)));
    let policy = options.propagation_policy.as_deref();
    for (finalizer, name, orphan) in [(ORPHAN, "Orphan", true), (FOREGROUND, "Foreground", false)] {
        match (options.orphan_dependents, policy) {
            (Some(asked), _) if asked == orphan => finalizers::add(metadata, finalizer),
            (None, Some(policy)) if policy == name => finalizers::add(metadata, finalizer),
            (None, None) => {}
            _ => finalizers::take(metadata, finalizer),
        }
    }
    Ok(Some(Deletion::Write(new)))
}
