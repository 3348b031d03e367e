//! The rules of `metadata`: names, namespaces, labels, annotations, owners, finalizers, and what an update may not change.
//!
//! Facts: `k8s.io/apimachinery/pkg/api/validation/objectmeta.go` and `pkg/apis/meta/v1/validation/validation.go`. Field types
//! were checked when the object was read; what is of another type here counts as absent. Where Kubernetes walks a Go map (labels,
//! annotations), the order of several errors is random there; here it is that of the keys.

pub mod names;
mod owners;
#[cfg(test)]
mod tests;
mod update;

use serde_json::{Map, Value};

pub use self::update::{validate_common_update, validate_update};
use crate::causes::{forbidden, invalid, invalid_value, required, too_long};
use crate::quote::{is_printable, quote};
use crate::status::Cause;

/// What is wrong with a name, or with a `generateName`, to which something is added: `ValidateNameFunc`.
pub type Names<'a> = &'a dyn Fn(&str, bool) -> Vec<String>;

/// `metadata` as it is read: an object's, or one that is empty.
pub type Metadata = Map<String, Value>;

const ANNOTATIONS_LIMIT: usize = 256 * 1024;
/// How long the name of a field manager may be, in bytes (`FieldManagerMaxLength`).
pub(crate) const MANAGER_LIMIT: usize = 128;
const SUBRESOURCE_LIMIT: usize = 256;

/// What is wrong with the metadata of an object that is created (`ValidateObjectMeta`), after a name was generated. `path` is
/// `metadata`, or where a template has it.
pub fn validate(metadata: &Metadata, namespaced: bool, names: Names<'_>, path: &str) -> Vec<Cause> {
    let (name, generate_name) = (text(metadata, "name"), text(metadata, "generateName"));
    let mut wrong = Vec::new();
    if !generate_name.is_empty() {
        let field = format!("{path}.generateName");
        wrong.extend(names(generate_name, true).iter().map(|why| invalid(&field, generate_name, why)));
    }
    let field = format!("{path}.name");
    if name.is_empty() {
        wrong.push(required(field, "name or generateName is required"));
    } else {
        wrong.extend(names(name, false).iter().map(|why| invalid(&field, name, why)));
    }
    wrong.extend(namespace_wrong(text(metadata, "namespace"), namespaced, &format!("{path}.namespace")));
    let generation = metadata.get("generation").and_then(Value::as_i64).unwrap_or_default();
    if generation < 0 {
        let why = "must be greater than or equal to 0";
        wrong.push(invalid_value(format!("{path}.generation"), &Value::from(generation), why));
    }
    wrong.extend(shared(metadata, path));
    let finalizers = strings(metadata, "finalizers");
    wrong.extend(finalizers_wrong(&finalizers, &format!("{path}.finalizers")));
    wrong.extend(managed_fields_wrong(metadata, &format!("{path}.managedFields")));
    wrong
}

/// [`validate`] and what kinds of Kubernetes itself ask more (`ValidateObjectMeta` in `pkg/apis/core/validation`): all but
/// Leases and CustomResourceDefinitions.
pub fn validate_built_in(metadata: &Metadata, namespaced: bool, names: Names<'_>, path: &str) -> Vec<Cause> {
    let mut wrong = validate(metadata, namespaced, names, path);
    wrong.extend(unqualified_finalizers(metadata, path));
    wrong
}

/// [`validate_update`] and what kinds of Kubernetes itself ask more.
pub fn validate_built_in_update(new: &Metadata, old: &Metadata, path: &str) -> Vec<Cause> {
    let mut wrong = validate_update(new, old, path);
    wrong.extend(unqualified_finalizers(new, path));
    wrong
}

/// What is wrong with labels (`ValidateLabels`).
pub fn labels_wrong(labels: Option<&Map<String, Value>>, path: &str) -> Vec<Cause> {
    let mut wrong = Vec::new();
    for (key, value) in labels.into_iter().flatten() {
        wrong.extend(names::label_key(key).iter().map(|why| invalid(path, key, why)));
        let value = value.as_str().unwrap_or_default();
        wrong.extend(names::label_value(value).iter().map(|why| invalid(path, value, why)));
    }
    wrong
}

/// What is wrong with annotations (`ValidateAnnotations`): their keys, in which case does not matter, and their size.
pub fn annotations_wrong(annotations: Option<&Map<String, Value>>, path: &str) -> Vec<Cause> {
    let mut wrong = Vec::new();
    let mut size = 0;
    for (key, value) in annotations.into_iter().flatten() {
        wrong.extend(names::label_key(&key.to_lowercase()).iter().map(|why| invalid(path, key, why)));
        size += key.len() + value.as_str().unwrap_or_default().len();
    }
    if size > ANNOTATIONS_LIMIT {
        wrong.push(too_long(path, ANNOTATIONS_LIMIT));
    }
    wrong
}

/// What is wrong with finalizers (`ValidateFinalizers`).
pub fn finalizers_wrong(finalizers: &[&str], path: &str) -> Vec<Cause> {
    let mut wrong = Vec::new();
    for finalizer in finalizers {
        wrong.extend(names::label_key(finalizer).iter().map(|why| invalid(path, finalizer, why)));
    }
    if finalizers.contains(&"orphan") && finalizers.contains(&"foregroundDeletion") {
        let why = "finalizer orphan and foregroundDeletion cannot be both set";
        wrong.push(invalid_value(path, &Value::from(finalizers.to_vec()), why));
    }
    wrong
}

/// What is wrong with the name of a field manager (`ValidateFieldManager`).
pub fn manager_wrong(manager: &str, path: &str) -> Vec<Cause> {
    let mut wrong = Vec::new();
    if manager.len() > MANAGER_LIMIT {
        wrong.push(too_long(path, MANAGER_LIMIT));
    }
    for (position, character) in manager.char_indices().filter(|(_, character)| !is_printable(*character)) {
        let code = u32::from(character);
        wrong.push(invalid(path, manager, &format!("invalid character U+{code:04X} (at position {position})")));
    }
    wrong
}

/// Finalizers without a slash that are none of Kubernetes' own.
fn unqualified_finalizers(metadata: &Metadata, path: &str) -> Vec<Cause> {
    let known = |name: &str| name.contains('/') || matches!(name, "kubernetes" | "orphan" | "foregroundDeletion");
    let finalizers = strings(metadata, "finalizers").into_iter().enumerate().filter(|(_, name)| !known(name));
    let why = "name is neither a standard finalizer name nor is it fully qualified";
    finalizers.map(|(index, name)| invalid(format!("{path}.finalizers[{index}]"), name, why)).collect()
}

/// Labels, annotations and owners: what is checked at creation and at an update.
fn shared(metadata: &Metadata, path: &str) -> Vec<Cause> {
    let object = |name| metadata.get(name).and_then(Value::as_object);
    let mut wrong = labels_wrong(object("labels"), &format!("{path}.labels"));
    wrong.extend(annotations_wrong(object("annotations"), &format!("{path}.annotations")));
    let owners = metadata.get("ownerReferences").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    wrong.extend(owners::owners_wrong(owners, &format!("{path}.ownerReferences")));
    wrong
}

fn namespace_wrong(namespace: &str, namespaced: bool, field: &str) -> Vec<Cause> {
    match (namespaced, namespace.is_empty()) {
        (true, true) => vec![required(field, "")],
        (true, false) => names::label(namespace).iter().map(|why| invalid(field, namespace, why)).collect(),
        (false, true) => Vec::new(),
        (false, false) => vec![forbidden(field, "not allowed on this type")],
    }
}

fn managed_fields_wrong(metadata: &Metadata, path: &str) -> Vec<Cause> {
    let mut wrong = Vec::new();
    let entries = metadata.get("managedFields").and_then(Value::as_array).into_iter().flatten();
    for (index, entry) in entries.enumerate() {
        let text = |name| entry.get(name).and_then(Value::as_str).unwrap_or_default();
        let path = format!("{path}[{index}]");
        if !matches!(text("operation"), "Apply" | "Update") {
            let why = "must be `Apply` or `Update`";
            wrong.push(invalid_value(format!("{path}.operation"), &Value::from(text("operation")), why));
        }
        if !matches!(text("fieldsType"), "" | "FieldsV1") {
            wrong.push(invalid(format!("{path}.fieldsType"), text("fieldsType"), "must be `FieldsV1`"));
        }
        wrong.extend(manager_wrong(text("manager"), &format!("{path}.manager")));
        if text("subresource").len() > SUBRESOURCE_LIMIT {
            wrong.push(too_long(format!("{path}.subresource"), SUBRESOURCE_LIMIT));
        }
    }
    wrong
}

fn text<'m>(metadata: &'m Metadata, name: &str) -> &'m str {
    metadata.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn strings<'m>(metadata: &'m Metadata, name: &str) -> Vec<&'m str> {
    metadata.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// A Go list of strings with its type, as `%#v` writes it.
fn go_strings(texts: &[&str]) -> String {
    let quoted: Vec<String> = texts.iter().map(|one| quote(one)).collect();
    format!("[]string{{{}}}", quoted.join(", "))
}
