//! What is checked of metadata (`apimachinery/pkg/api/validation/objectmeta.go`).

use serde_json::{Value, json};

use super::definitions;
use super::invalid::{forbidden, invalid, required};
use super::kind::{Deleting, Kind};
use super::metadata::{Metadata, Object};
use super::names::{self, Names};
use super::time;
use crate::status::Cause;

/// What is checked elsewhere. Each function gives the fields that are wrong, in the server's order.
pub trait Rules {
    /// Of metadata: labels, annotations, owner references, then finalizers if asked for them, then managed fields.
    fn metadata(&self, object: &Object, finalizers: bool) -> Vec<Cause>;

    /// Of everything else: what the kind or its schema says. `old` is what it replaces; of a PUT or PATCH of a subresource it
    /// is what the subresource's own validation says.
    fn content(&self, object: &Object, old: Option<&Object>) -> Vec<Cause>;
}

/// `ValidateObjectMetaAccessor`.
pub(super) fn object(kind: &Kind<'_>, names: Names, object: &Object, rules: &dyn Rules) -> Vec<Cause> {
    let metadata = Metadata::of(object);
    let mut causes = Vec::new();
    let generate = metadata.text("generateName");
    if !generate.is_empty() {
        let wrong = names.wrong(generate, true).into_iter();
        causes.extend(wrong.map(|why| invalid("metadata.generateName", &json!(generate), &why)));
    }
    let name = metadata.name();
    if name.is_empty() {
        causes.push(required("metadata.name", "name or generateName is required"));
    } else {
        let mut wrong = names.wrong(name, false);
        if kind.facts.deletion == Deleting::Definition
            && names != Names::PathSegment
            && !definitions::is_named(name, object)
        {
            wrong.push("must be spec.names.plural+\".\"+spec.group".to_owned());
        }
        causes.extend(wrong.iter().map(|why| invalid("metadata.name", &json!(name), why)));
    }
    let namespace = metadata.text("namespace");
    if !kind.namespaced {
        if !namespace.is_empty() {
            causes.push(forbidden("metadata.namespace", "not allowed on this type"));
        }
    } else if namespace.is_empty() {
        causes.push(required("metadata.namespace", ""));
    } else {
        let wrong = names::label(namespace).into_iter();
        causes.extend(wrong.map(|why| invalid("metadata.namespace", &json!(namespace), &why)));
    }
    let generation = metadata.generation();
    if generation < 0 {
        causes.push(invalid("metadata.generation", &json!(generation), "must be greater than or equal to 0"));
    }
    causes.extend(rules.metadata(object, true));
    causes
}

/// `ValidateObjectMetaAccessorUpdate`.
pub(super) fn update(new: &Object, old: &Object, rules: &dyn Rules) -> Vec<Cause> {
    let (object, metadata, old) = (new, Metadata::of(new), Metadata::of(old));
    let mut causes = Vec::new();
    if old.is_deleting() {
        let mut added: Vec<&str> =
            metadata.finalizers().filter(|added| !old.finalizers().any(|finalizer| finalizer == *added)).collect();
        added.sort_unstable();
        added.dedup();
        if !added.is_empty() {
            let added: Vec<String> = added.iter().map(|finalizer| format!("{finalizer:?}")).collect();
            let why = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
                added.join(", ")
            );
            causes.push(forbidden("metadata.finalizers", &why));
        }
    }
    if metadata.text("resourceVersion").is_empty() {
        causes.push(invalid("metadata.resourceVersion", &json!(""), "must be specified for an update"));
    }
    if metadata.generation() < old.generation() {
        causes.push(invalid("metadata.generation", &json!(metadata.generation()), "must not be decremented"));
    }
    for field in ["name", "namespace", "uid"] {
        if metadata.text(field) != old.text(field) {
            causes.push(immutable(field, &json!(metadata.text(field))));
        }
    }
    for field in ["creationTimestamp", "deletionTimestamp"] {
        let [new, old] = [metadata, old].map(|metadata| metadata.get(field).map(canonical));
        if new != old {
            causes.push(immutable(field, &new.unwrap_or_default()));
        }
    }
    if metadata.grace() != old.grace() {
        causes.push(immutable("deletionGracePeriodSeconds", &json!(metadata.grace())));
    }
    causes.extend(rules.metadata(object, false));
    causes
}

fn immutable(field: &str, shown: &Value) -> Cause {
    invalid(&format!("metadata.{field}"), shown, "field is immutable")
}

/// A time as the server writes it.
fn canonical(value: &Value) -> Value {
    time::read(value).map_or_else(|| value.clone(), time::written)
}
