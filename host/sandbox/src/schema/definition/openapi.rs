//! What is wrong with each place of a schema (`ValidateCustomResourceDefinitionOpenAPISchema`).

use serde_json::Value;

use super::Object;
use super::extensions;
use crate::causes;
use crate::schema::parse::{present, text};
use crate::status::Cause;

const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];
const META: [&str; 3] = ["metadata", "kind", "apiVersion"];

/// Whether a value is there at all: Go does not see zeros.
pub(super) fn is_set(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => true,
    }
}

/// Whether a schema cannot be read as a structural one, somewhere.
pub(super) fn unsupported(schema: &Object) -> bool {
    const FIELDS: [&str; 7] =
        ["id", "$schema", "$ref", "patternProperties", "dependencies", "additionalItems", "definitions"];
    let own = FIELDS.iter().any(|name| match present(schema, name) {
        Some(Value::Object(fields)) => !fields.is_empty(),
        other => other.is_some_and(is_set) || (*name == "additionalItems" && other.is_some()),
    });
    let unknown = !text(schema, "type").is_empty() && !TYPES.contains(&text(schema, "type"));
    own || unknown
        || schema.get("items").is_some_and(Value::is_array)
        || schema.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(false))
        || below(schema).any(unsupported)
}

/// The schemas in a schema.
fn below(schema: &Object) -> impl Iterator<Item = &Object> {
    let one = ["items", "additionalProperties", "not"].into_iter().filter_map(|name| schema.get(name));
    let lists =
        ["allOf", "anyOf", "oneOf"].into_iter().filter_map(|name| schema.get(name).and_then(Value::as_array)).flatten();
    let properties =
        schema.get("properties").and_then(Value::as_object).into_iter().flat_map(|properties| properties.values());
    one.chain(lists).chain(properties).filter_map(Value::as_object)
}

/// What is above a place.
#[derive(Debug, Clone)]
pub(super) struct Place {
    root: bool,
    /// Why there may be no default.
    no_default: Option<String>,
    in_metadata: bool,
    /// Where above what was there before cannot be found again.
    pub(super) uncorrelated: Option<String>,
}

impl Place {
    pub(super) fn root() -> Self {
        Self { root: true, no_default: None, in_metadata: false, uncorrelated: None }
    }
}

/// What was found: rules are looked at only where the schema is right.
#[derive(Default)]
pub(super) struct Checks {
    pub(super) schema: Vec<Cause>,
    pub(super) rules: Vec<Cause>,
}

impl Checks {
    pub(super) fn into_causes(mut self) -> Vec<Cause> {
        self.schema.append(&mut self.rules);
        self.schema
    }

    /// Looks at a place and all below it.
    pub(super) fn schema(&mut self, schema: &Object, path: &str, place: &Place) {
        let mut here = Self::default();
        here.place(schema, path, place);
        self.schema.append(&mut here.schema);
        self.rules.append(&mut here.rules);
    }

    fn place(&mut self, schema: &Object, path: &str, place: &Place) {
        let at = |name: &str| format!("{path}.{name}");
        self.own(schema, path, place);
        if schema.get("uniqueItems") == Some(&Value::Bool(true)) {
            let why = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
            self.schema.push(causes::forbidden(at("uniqueItems"), why));
        }
        let below = Place { root: false, ..place.clone() };
        let properties = present(schema, "properties").and_then(Value::as_object);
        if let Some(additional) = present(schema, "additionalProperties") {
            if properties.is_some_and(|properties| !properties.is_empty()) && additional != &Value::Bool(true) {
                let why = "additionalProperties and properties are mutual exclusive";
                self.schema.push(causes::forbidden(at("additionalProperties"), why));
            }
            if let Value::Object(additional) = additional {
                let mut below = below.clone();
                if place.in_metadata {
                    below.no_default = Some("inside additionalProperties applying to object metadata".to_owned());
                }
                self.schema(additional, &at("additionalProperties"), &below);
            }
        }
        let embedded = schema.get("x-kubernetes-embedded-resource") == Some(&Value::Bool(true));
        let map_type = text(schema, "x-kubernetes-map-type");
        for (name, property) in properties.into_iter().flatten() {
            let Value::Object(property) = property else { continue };
            let mut below = below.clone();
            if !matches!(map_type, "" | "granular" | "atomic") {
                below.uncorrelated.get_or_insert_with(|| path.to_owned());
            }
            if (place.root || embedded) && META.contains(&name.as_str()) {
                below.in_metadata = true;
                if place.root {
                    below.no_default = Some(format!("in top-level {name}"));
                }
            }
            self.schema(property, &format!("{path}.properties[{name}]"), &below);
        }
        if let Some(Value::Object(not)) = present(schema, "not") {
            self.schema(not, &at("not"), &below);
        }
        for name in ["allOf", "oneOf", "anyOf"] {
            for (index, one) in schema.get(name).and_then(Value::as_array).into_iter().flatten().enumerate() {
                if let Value::Object(one) = one {
                    self.schema(one, &format!("{path}.{name}[{index}]"), &below);
                }
            }
        }
        if let Some(Value::Object(items)) = present(schema, "items") {
            let mut below = below;
            if text(schema, "x-kubernetes-list-type") != "map" {
                below.uncorrelated.get_or_insert_with(|| path.to_owned());
            }
            self.schema(items, &at("items"), &below);
        }
        extensions::check(schema, path, &mut self.schema);
        extensions::rules(schema, path, place, self);
    }

    /// `specStandardValidatorV3.validate`.
    fn own(&mut self, schema: &Object, path: &str, place: &Place) {
        let at = |name: &str| format!("{path}.{name}");
        let ty = text(schema, "type");
        if !ty.is_empty() && !TYPES.contains(&ty) {
            self.schema.push(causes::not_supported(at("type"), ty, &TYPES));
        }
        if let Some(reason) = place.no_default.as_ref().filter(|_| present(schema, "default").is_some()) {
            self.schema.push(causes::forbidden(at("default"), &format!("must not be set {reason}")));
        }
        for name in ["id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref"] {
            let found = match present(schema, name) {
                Some(Value::Object(fields)) => !fields.is_empty() || matches!(name, "additionalItems" | "dependencies"),
                Some(value) => is_set(value) || matches!(name, "additionalItems" | "$ref"),
                None => false,
            };
            if found {
                self.schema.push(causes::forbidden(at(name), &format!("{name} is not supported")));
            }
        }
        if ty == "null" {
            let why = "type cannot be set to null, use nullable as an alternative";
            self.schema.push(causes::forbidden(at("type"), why));
        }
        if schema.get("items").and_then(Value::as_array).is_some_and(|items| !items.is_empty()) {
            self.schema.push(causes::forbidden(at("items"), "items must be a schema object and not an array"));
        }
        if place.in_metadata && schema.get("x-kubernetes-embedded-resource") == Some(&Value::Bool(true)) {
            let why = "must not be used inside of resource meta";
            self.schema.push(causes::forbidden(at("x-kubernetes-embedded-resource"), why));
        }
    }
}
