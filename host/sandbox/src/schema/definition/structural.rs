//! Whether a schema is structural: what a value is, is said apart from what it must meet.
//!
//! Facts: `ValidateStructural` of `apiextensions-apiserver/pkg/apiserver/schema/{validation,complete}.go`.

use serde_json::{Value, json};

use super::Object;
use super::openapi::is_set;
use crate::causes;
use crate::schema::parse::{present, text};
use crate::status::Cause;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Root,
    Item,
    Field,
}

/// What is wrong with it, sorted.
pub(super) fn check(schema: &Object, path: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    invariants(schema, Level::Root, path, &mut causes);
    complete_values(schema, Some(schema), path, path, &mut causes);
    causes.sort_by_key(causes::text);
    causes
}

fn is(schema: &Object, name: &str) -> bool {
    schema.get(name) == Some(&Value::Bool(true))
}

fn child<'s>(schema: &'s Object, name: &str) -> Option<&'s Object> {
    present(schema, name).and_then(Value::as_object)
}

fn fields(schema: &Object) -> impl Iterator<Item = (&String, &Object)> {
    let properties = child(schema, "properties").into_iter().flatten();
    properties.filter_map(|(name, property)| property.as_object().map(|property| (name, property)))
}

fn invariants(schema: &Object, level: Level, path: &str, causes: &mut Vec<Cause>) {
    let ty = text(schema, "type");
    let at = |name: &str| format!("{path}.{name}");
    if ty == "array" && present(schema, "items").is_none() {
        causes.push(causes::required(at("items"), "must be specified"));
    }
    if let Some(items) = child(schema, "items") {
        invariants(items, Level::Item, &at("items"), causes);
    }
    for (name, property) in fields(schema) {
        invariants(property, Level::Field, &format!("{path}.properties[{name}]"), causes);
    }
    let additional = present(schema, "additionalProperties");
    if let Some(additional) = additional {
        if level == Level::Root {
            causes.push(causes::forbidden(at("additionalProperties"), "must not be used at the root"));
        }
        if let Value::Object(additional) = additional {
            invariants(additional, Level::Field, &at("additionalProperties"), causes);
        }
    }
    let (int_or_string, preserve) =
        (is(schema, "x-kubernetes-int-or-string"), is(schema, "x-kubernetes-preserve-unknown-fields"));
    let embedded = is(schema, "x-kubernetes-embedded-resource");
    let must = "must be false if x-kubernetes-int-or-string is true";
    if int_or_string && preserve {
        causes.push(causes::invalid_text(at("x-kubernetes-preserve-unknown-fields"), "true", must));
    }
    if int_or_string && embedded {
        causes.push(causes::invalid_text(at("x-kubernetes-embedded-resource"), "true", must));
    }
    let pattern = json!([{"type": "integer"}, {"type": "string"}]);
    let any_of = schema.get("anyOf") == Some(&pattern);
    let first = schema.get("allOf").and_then(Value::as_array).and_then(|all| all.first());
    let all_of = first.and_then(|first| first.get("anyOf")) == Some(&pattern);
    values(schema, any_of, all_of, level, path, causes);

    let resource = level == Level::Root || embedded;
    if embedded && ty != "object" {
        let why = "must be object if x-kubernetes-embedded-resource is true";
        causes.push(if ty.is_empty() {
            causes::required(at("type"), why)
        } else {
            causes::invalid(at("type"), ty, why)
        });
    } else if ty.is_empty() && !int_or_string && !preserve {
        let why = match level {
            Level::Root => "must not be empty at the root",
            Level::Item => "must not be empty for specified array items",
            Level::Field => "must not be empty for specified object fields",
        };
        causes.push(causes::required(at("type"), why));
    }
    if embedded && additional.is_some() {
        let why = "must not be used if x-kubernetes-embedded-resource is set";
        causes.push(causes::forbidden(at("additionalProperties"), why));
    }
    if level == Level::Root && !ty.is_empty() && ty != "object" {
        causes.push(causes::invalid(at("type"), ty, "must be object at the root"));
    }
    for (name, property) in fields(schema) {
        let path = format!("{path}.properties[{name}]");
        let ty = text(property, "type");
        match name.as_str() {
            "kind" | "apiVersion" if resource && ty != "string" => {
                causes.push(causes::invalid(format!("{path}.type"), ty, "must be string"));
            }
            "metadata" => {
                if resource && ty != "object" {
                    causes.push(causes::invalid(format!("{path}.type"), ty, "must be object"));
                }
                if level == Level::Root && !only_names(property) {
                    let why = "must not specify anything other than name and generateName, but metadata is implicitly specified";
                    causes.push(causes::forbidden(path, why));
                }
            }
            _ => {}
        }
    }
    if embedded && !preserve && fields(schema).next().is_none() {
        let why =
            "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields";
        causes.push(causes::required(at("properties"), why));
    }
}

/// Whether a schema of `metadata` says nothing but that it is an object, and what its names are.
fn only_names(metadata: &Object) -> bool {
    let names_only = fields(metadata).all(|(name, _)| matches!(name.as_str(), "name" | "generateName"));
    metadata.iter().all(|(name, value)| match name.as_str() {
        "type" | "default" => true,
        "properties" => names_only,
        _ => !is_set(value),
    })
}

/// `validateValueValidation`.
fn values(schema: &Object, skip_any_of: bool, skip_first: bool, level: Level, path: &str, causes: &mut Vec<Cause>) {
    let each = |name: &str| -> Vec<(String, &Object)> {
        let all = schema.get(name).and_then(Value::as_array).into_iter().flatten().enumerate();
        all.filter_map(|(index, one)| one.as_object().map(|one| (format!("{path}.{name}[{index}]"), one))).collect()
    };
    if !skip_any_of {
        for (path, one) in each("anyOf") {
            nested(one, false, level, &path, causes);
        }
    }
    for (index, (path, one)) in each("allOf").into_iter().enumerate() {
        nested(one, skip_first && index == 0, level, &path, causes);
    }
    for (path, one) in each("oneOf") {
        nested(one, false, level, &path, causes);
    }
    if let Some(not) = child(schema, "not") {
        nested(not, false, level, &format!("{path}.not"), causes);
    }
    // Patterns are compiled elsewhere: what is none is refused there, with all that the sandbox does not know.
}

/// `validateNestedValueValidation`.
fn nested(schema: &Object, skip_any_of: bool, level: Level, path: &str, causes: &mut Vec<Cause>) {
    values(schema, skip_any_of, false, level, path, causes);
    let at = |name: &str| format!("{path}.{name}");
    if let Some(items) = child(schema, "items") {
        nested(items, false, level, &at("items"), causes);
    }
    for (name, property) in fields(schema) {
        nested(property, false, Level::Field, &format!("{path}.properties[{name}]"), causes);
    }
    let mut forbid = |name: &str, must: &str| {
        if schema.get(name).is_some_and(is_set) {
            causes.push(causes::forbidden(at(name), &format!("must be {must} to be structural")));
        }
    };
    forbid("type", "empty");
    forbid("additionalProperties", "undefined");
    forbid("default", "undefined");
    forbid("title", "empty");
    forbid("description", "empty");
    forbid("nullable", "false");
    forbid("x-kubernetes-preserve-unknown-fields", "false");
    forbid("x-kubernetes-embedded-resource", "false");
    forbid("x-kubernetes-int-or-string", "false");
    forbid("x-kubernetes-list-map-keys", "empty");
    forbid("x-kubernetes-list-type", "undefined");
    forbid("x-kubernetes-map-type", "undefined");
    forbid("x-kubernetes-validations", "empty");
    if child(schema, "properties").is_some_and(|properties| properties.contains_key("metadata")) {
        causes.push(causes::forbidden(
            format!("{path}.properties[metadata]"),
            "must not be specified in a nested context",
        ));
    }
}

/// What is checked of a value has to be there in the structure.
fn complete_values(checks: &Object, schema: Option<&Object>, schema_path: &str, path: &str, causes: &mut Vec<Cause>) {
    if let Some(not) = child(checks, "not") {
        complete(not, schema, schema_path, &format!("{path}.not"), causes);
    }
    for name in ["allOf", "anyOf", "oneOf"] {
        let all = checks.get(name).and_then(Value::as_array).into_iter().flatten().enumerate();
        for (index, one) in all {
            if let Some(one) = one.as_object() {
                complete(one, schema, schema_path, &format!("{path}.{name}[{index}]"), causes);
            }
        }
    }
}

fn complete(checks: &Object, schema: Option<&Object>, schema_path: &str, path: &str, causes: &mut Vec<Cause>) {
    let Some(schema) = schema else {
        causes.push(causes::required(schema_path, &format!("because it is defined in {path}")));
        return;
    };
    complete_values(checks, Some(schema), schema_path, path, causes);
    if let Some(items) = child(checks, "items") {
        complete(items, child(schema, "items"), &format!("{schema_path}.items"), &format!("{path}.items"), causes);
    }
    for (name, property) in fields(checks) {
        let (path, schema_path) = (format!("{path}.properties[{name}]"), format!("{schema_path}.properties[{name}]"));
        match child(schema, "properties").and_then(|properties| properties.get(name)).and_then(Value::as_object) {
            Some(schema) => complete(property, Some(schema), &schema_path, &path, causes),
            None => causes.push(causes::required(schema_path, &format!("because it is defined in {path}"))),
        }
    }
}
