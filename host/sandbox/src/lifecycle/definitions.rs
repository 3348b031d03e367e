//! `CustomResourceDefinition`s: their objects go before them
//! (`apiextensions-apiserver/pkg/registry/customresourcedefinition/{strategy,etcd}.go`).

use jiff::Timestamp;
use serde_json::{Value, json};

use super::delete::{Deletion, early_preconditions};
use super::delete_options::DeleteOptions;
use super::finalizers;
use super::kind::Kind;
use super::metadata::{self, Metadata, Object};
use crate::status::Failure;
use crate::time;

const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// A new definition has stored nothing, but will in its storage version.
pub(super) fn prepare(object: &mut Object) {
    let status = json!({"conditions": null, "acceptedNames": {"plural": "", "kind": ""}, "storedVersions": null});
    object.insert("status".to_owned(), status);
    store_version(object);
}

/// A definition is called after what it defines.
pub(super) fn is_named(name: &str, object: &Object) -> bool {
    let spec = |field: &str| object.get("spec").and_then(|spec| spec.get(field));
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or("").to_owned();
    let plural = text(spec("names").and_then(|names| names.get("plural")));
    name == format!("{plural}.{}", text(spec("group")))
}

/// Notes that the storage version was used.
pub(super) fn store_version(object: &mut Object) {
    let versions = object.get("spec").and_then(|spec| spec.get("versions")).and_then(Value::as_array);
    let stored = versions.into_iter().flatten().find(|version| version.get("storage") == Some(&json!(true)));
    let Some(name) = stored.and_then(|version| version.get("name")).cloned() else { return };
    let names = metadata::object_in(object, "status").and_then(|status| metadata::list_in(status, "storedVersions"));
    if let Some(names) = names
        && !names.contains(&name)
    {
        names.push(name);
    }
}

/// The first deletion waits for its objects.
pub(super) fn delete(
    kind: &Kind<'_>,
    old: &Object,
    options: &DeleteOptions,
    now: Timestamp,
) -> Result<Option<Deletion>, Failure> {
    early_preconditions(kind, old, options)?;
    if Metadata::of(old).is_deleting() {
        return Ok(None);
    }
    let mut new = old.clone();
    let metadata = metadata::of_mut(&mut new)?;
    metadata.insert("deletionTimestamp".to_owned(), json!(time::written(now)));
    finalizers::add(metadata, CLEANUP);
    let status = metadata::object_in(&mut new, "status");
    if let Some(conditions) = status.and_then(|status| metadata::list_in(status, "conditions")) {
        terminating(conditions, now);
    }
    Ok(Some(Deletion::Write(new)))
}

/// `SetCRDCondition`.
fn terminating(conditions: &mut Vec<Value>, now: Timestamp) {
    let mut condition = json!({
        "type": "Terminating",
        "status": "True",
        "lastTransitionTime": time::written(now),
        "reason": "InstanceDeletionPending",
        "message": "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
    });
    match conditions.iter_mut().find(|present| present["type"] == "Terminating") {
        Some(present) => {
            if present["status"] == "True" && !present["lastTransitionTime"].is_null() {
                condition["lastTransitionTime"] = present["lastTransitionTime"].clone();
            }
            *present = condition;
        }
        None => conditions.push(condition),
    }
}
