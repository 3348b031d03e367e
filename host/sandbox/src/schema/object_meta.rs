//! `metadata` of objects and of resources embedded in them: types are checked, unknown fields dropped.
//!
//! Facts: `apiextensions-apiserver/pkg/apiserver/schema/objectmeta`, the fields of `metav1.ObjectMeta`, and how
//! `sigs.k8s.io/json` words its errors.

use serde_json::{Map, Value};

use super::node::Node;
use super::number::go_value;
use super::path::Path;
use crate::causes;
use crate::quote::{json_type, quote};
use crate::status::Cause;
use crate::time;
use crate::validation::{self, names};

/// What a field of metadata is.
#[derive(Clone, Copy)]
enum Field {
    /// A text of that Go type.
    Text(&'static str),
    Int,
    Bool,
    Time,
    Texts,
    TextMap,
    /// Objects with these fields.
    List(&'static str, &'static [(&'static str, Field)]),
    /// Anything.
    Any,
}

const TEXT: Field = Field::Text("string");

const OBJECT_META: &[(&str, Field)] = &[
    ("annotations", Field::TextMap),
    ("creationTimestamp", Field::Time),
    ("deletionGracePeriodSeconds", Field::Int),
    ("deletionTimestamp", Field::Time),
    ("finalizers", Field::Texts),
    ("generateName", TEXT),
    ("generation", Field::Int),
    ("labels", Field::TextMap),
    ("managedFields", Field::List("ManagedFieldsEntry", MANAGED_FIELDS)),
    ("name", TEXT),
    ("namespace", TEXT),
    ("ownerReferences", Field::List("OwnerReference", OWNER)),
    ("resourceVersion", TEXT),
    ("selfLink", TEXT),
    ("uid", Field::Text("types.UID")),
];

const OWNER: &[(&str, Field)] = &[
    ("apiVersion", TEXT),
    ("blockOwnerDeletion", Field::Bool),
    ("controller", Field::Bool),
    ("kind", TEXT),
    ("name", TEXT),
    ("uid", Field::Text("types.UID")),
];

const MANAGED_FIELDS: &[(&str, Field)] = &[
    ("apiVersion", TEXT),
    ("fieldsType", TEXT),
    ("fieldsV1", Field::Any),
    ("manager", TEXT),
    ("operation", Field::Text("v1.ManagedFieldsOperationType")),
    ("subresource", TEXT),
    ("time", Field::Time),
];

/// Drops unknown fields of `metadata`; their paths below it are added. The error is that of a server's reader.
pub(super) fn coerce(metadata: &mut Value, unknown: &mut Vec<String>) -> Result<(), String> {
    let fields = match metadata {
        Value::Null => return Ok(()),
        Value::Object(fields) => fields,
        other => {
            return Err(format!("json: cannot unmarshal {} into Go value of type v1.ObjectMeta", json_type(other)));
        }
    };
    known(fields, OBJECT_META, "ObjectMeta", "", "", unknown)
}

/// Coerces what is embedded in an object. `below`: it is an embedded resource, or has one in it.
pub(super) fn coerce_embedded(
    value: &mut Value,
    node: &Node,
    path: &Path<'_>,
    unknown: &mut Vec<String>,
) -> Result<(), String> {
    match value {
        Value::Object(fields) => {
            if node.embedded {
                for name in ["apiVersion", "kind"] {
                    if let Some(value) = fields.get(name).filter(|value| !value.is_string()) {
                        let cause =
                            causes::invalid_text(path.child(name).field(), &go_value(value), "must be a string");
                        return Err(causes::text(&cause));
                    }
                }
                if let Some(metadata) = fields.get_mut("metadata") {
                    let at = path.child("metadata").field();
                    let mut dropped = Vec::new();
                    let before = metadata.clone();
                    coerce(metadata, &mut dropped)
                        .map_err(|why| causes::text(&causes::invalid_text(at.clone(), &go_value(&before), &why)))?;
                    unknown.extend(dropped.into_iter().map(|name| format!("{at}.{name}")));
                    settle(metadata);
                }
            }
            for (name, value) in fields.iter_mut() {
                match (node.properties.get(name), node.additional_schema()) {
                    (Some(property), _) => coerce_embedded(value, property, &path.child(name), unknown)?,
                    (None, Some(schema)) => coerce_embedded(value, schema, &path.key(name), unknown)?,
                    (None, None) => {}
                }
            }
        }
        Value::Array(items) => {
            let Some(schema) = &node.items else { return Ok(()) };
            for (index, item) in items.iter_mut().enumerate() {
                coerce_embedded(item, schema, &path.index(index), unknown)?;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    Ok(())
}

/// Writes an embedded `metadata` as Go writes it again: without what is empty, but for what owners have to say.
fn settle(metadata: &mut Value) {
    if metadata.is_null() {
        *metadata = Value::Object(Map::new());
    }
    let Value::Object(fields) = metadata else { return };
    fields.retain(|_, value| match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Number(number) => number.as_i64() != Some(0),
        Value::Bool(_) => true,
    });
    for owner in fields.get_mut("ownerReferences").and_then(Value::as_array_mut).into_iter().flatten() {
        let Value::Object(owner) = owner else { continue };
        owner.retain(|_, value| !value.is_null());
        for name in ["apiVersion", "kind", "name", "uid"] {
            owner.entry(name).or_insert_with(|| Value::from(""));
        }
    }
}

fn known(
    fields: &mut Map<String, Value>,
    table: &[(&str, Field)],
    owner: &str,
    go: &str,
    path: &str,
    unknown: &mut Vec<String>,
) -> Result<(), String> {
    let mut wrong = None;
    fields.retain(|name, value| {
        let Some((_, field)) = table.iter().find(|(known, _)| known == name) else {
            unknown.push(format!("{path}{name}"));
            return false;
        };
        if wrong.is_none() {
            wrong = check(*field, value, owner, &format!("{go}{name}"), &format!("{path}{name}"), unknown).err();
        }
        true
    });
    wrong.map_or(Ok(()), Err)
}

fn check(
    field: Field,
    value: &mut Value,
    owner: &str,
    go: &str,
    path: &str,
    unknown: &mut Vec<String>,
) -> Result<(), String> {
    let not = |value: &Value, ty: &str| {
        Err(format!("json: cannot unmarshal {} into Go struct field {owner}.{go} of type {ty}", json_type(value)))
    };
    match (field, &mut *value) {
        (_, Value::Null) | (Field::Any, _) | (Field::Text(_), Value::String(_)) | (Field::Bool, Value::Bool(_)) => {
            Ok(())
        }
        (Field::Int, Value::Number(number)) if number.is_i64() => Ok(()),
        (Field::Int, Value::Number(number)) => {
            Err(format!("json: cannot unmarshal number {number} into Go struct field {owner}.{go} of type int64"))
        }
        (Field::Time, Value::String(text)) => match time::read(text) {
            Some(_) => Ok(()),
            None => {
                let first = quote(text);
                Err(format!("parsing time {first} as \"2006-01-02T15:04:05Z07:00\": cannot parse {first} as \"2006\""))
            }
        },
        (Field::Texts, Value::Array(items)) => {
            items.iter().find(|item| !item.is_string() && !item.is_null()).map_or(Ok(()), |item| not(item, "string"))
        }
        (Field::TextMap, Value::Object(entries)) => entries
            .values()
            .find(|entry| !entry.is_string() && !entry.is_null())
            .map_or(Ok(()), |entry| not(entry, "string")),
        (Field::List(ty, table), Value::Array(items)) => {
            for (index, item) in items.iter_mut().enumerate() {
                match item {
                    Value::Object(fields) => {
                        known(fields, table, ty, &format!("{go}."), &format!("{path}[{index}]."), unknown)?;
                    }
                    Value::Null => {}
                    other => return not(other, &format!("v1.{ty}")),
                }
            }
            Ok(())
        }
        (Field::Text(ty), value) => not(value, ty),
        (Field::Int, value) => not(value, "int64"),
        (Field::Bool, value) => not(value, "bool"),
        (Field::Time, value) => not(value, "string"),
        (Field::Texts, value) => not(value, "[]string"),
        (Field::TextMap, value) => not(value, "map[string]string"),
        (Field::List(ty, _), value) => not(value, &format!("[]v1.{ty}")),
    }
}

/// What is wrong with resources that are embedded (`Validate`).
pub(super) fn embedded_wrong(value: &Value, node: &Node, path: &Path<'_>, causes: &mut Vec<Cause>) {
    match value {
        Value::Object(fields) => {
            if node.embedded {
                resource_wrong(fields, path, causes);
            }
            for (name, value) in fields {
                match (node.properties.get(name), node.additional_schema()) {
                    (Some(property), _) => embedded_wrong(value, property, &path.child(name), causes),
                    (None, Some(schema)) => embedded_wrong(value, schema, &path.key(name), causes),
                    (None, None) => {}
                }
            }
        }
        Value::Array(items) => {
            let Some(schema) = &node.items else { return };
            for (index, item) in items.iter().enumerate() {
                embedded_wrong(item, schema, &path.index(index), causes);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn resource_wrong(fields: &Map<String, Value>, path: &Path<'_>, causes: &mut Vec<Cause>) {
    for name in ["apiVersion", "kind"] {
        if !fields.contains_key(name) {
            causes.push(causes::required(path.child(name).field(), ""));
        }
    }
    for (name, value) in fields {
        let field = path.child(name).field();
        match (name.as_str(), value) {
            ("apiVersion" | "kind", Value::String(text)) if text.is_empty() => {
                causes.push(causes::invalid(field, text, "must not be empty"));
            }
            ("apiVersion", Value::String(text)) if text.matches('/').count() > 1 => {
                causes.push(causes::invalid(field, text, &format!("unexpected GroupVersion string: {text}")));
            }
            ("apiVersion", Value::String(_)) => {}
            ("kind", Value::String(text)) => {
                let wrong = names::dns1035_label(&text.to_lowercase());
                if !wrong.is_empty() {
                    let why = format!("may have mixed case, but should otherwise match: {}", wrong.join(","));
                    causes.push(causes::invalid(field, text, &why));
                }
            }
            ("apiVersion" | "kind", other) => {
                causes.push(causes::invalid_text(field, &go_value(other), "must be a string"));
            }
            ("metadata", Value::Object(metadata)) => {
                let named = metadata.get("name").and_then(Value::as_str).is_some_and(|name| !name.is_empty());
                let namespaced = metadata.get("namespace").and_then(Value::as_str).is_some_and(|name| !name.is_empty());
                let mut metadata = metadata.clone();
                if !named {
                    // A server sets something too, so that a name is not asked for.
                    metadata.insert("name".to_owned(), Value::from("fakename"));
                }
                let rule = |name: &str, prefix: bool| names::NameRule::PathSegment.check(name, prefix);
                causes.extend(validation::validate(&metadata, namespaced, &rule, &field));
            }
            _ => {}
        }
    }
}
