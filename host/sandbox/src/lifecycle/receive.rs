//! What is done to an object that a client sent, before anybody looks at it (`endpoints/handlers/{create,update,rest}.go`).

use serde_json::Value;

use super::kind::Kind;
use super::metadata::{self, Metadata, Object};
use crate::status::Failure;

/// An object to create: what is the system's to say goes, and the namespace is the request's.
pub fn receive_created(kind: &Kind<'_>, namespace: &str, object: &mut Object) -> Result<(), Failure> {
    let metadata = metadata::of_mut(object)?;
    for field in ["creationTimestamp", "uid", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"] {
        metadata.remove(field);
    }
    settle(kind, namespace, object)
}

/// An object to replace another, or what a patch made: its name and its namespace are the request's.
pub fn receive_updated(kind: &Kind<'_>, namespace: &str, name: &str, object: &mut Object) -> Result<(), Failure> {
    settle(kind, namespace, object)?;
    match Metadata::of(object).name() {
        written if written == name => Ok(()),
        "" => Err(Failure::bad_request(format!(
            "the name of the object ({name} based on URL) was undeterminable: name must be provided"
        ))),
        written => Err(Failure::bad_request(format!(
            "the name of the object ({written}) does not match the name on the URL ({name})"
        ))),
    }
}

/// Leaves out what is null or empty, as reading and writing `ObjectMeta` does, and makes the namespace the one of the request
/// (`rest.EnsureObjectNamespaceMatchesRequestNamespace`).
pub(super) fn settle(kind: &Kind<'_>, namespace: &str, object: &mut Object) -> Result<(), Failure> {
    metadata::of_mut(object)?.retain(|_, value| !is_nothing(value));
    let namespace = if kind.namespaced { namespace } else { "" };
    let written = Metadata::of(object).text("namespace");
    if written == namespace {
        return Ok(());
    }
    if !written.is_empty() && !namespace.is_empty() {
        let why = "the namespace of the provided object does not match the namespace sent on the request";
        return Err(Failure::bad_request(why));
    }
    let namespace = Some(Value::from(namespace)).filter(|_| !namespace.is_empty());
    metadata::set(metadata::of_mut(object)?, "namespace", namespace);
    Ok(())
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn empty_lists_and_maps_in_metadata_are_nothing() {
        let kind = Kind {
            group: "",
            kind: "ConfigMap",
            plural: "configmaps",
            namespaced: true,
            facts: super::super::builtin("", "configmaps").unwrap(),
        };
        let object =
            json!({"metadata": {"name": "a", "finalizers": [], "labels": {}, "generateName": "", "annotations": null}});
        let Value::Object(mut object) = object else { panic!("an object") };
        receive_updated(&kind, "n", "a", &mut object).unwrap();
        assert_eq!(object["metadata"], json!({"name": "a", "namespace": "n"}));
    }
}
