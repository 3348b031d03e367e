//! What a server warns of when a definition is written: formats that it does not know and so does not check.
//!
//! Facts: `getUnrecognizedFormatsInCRD` of `apiextensions-apiserver/pkg/registry/customresourcedefinition/strategy.go`.

use serde_json::Value;

use super::Object;
use crate::schema::formats;
use crate::schema::parse::{present, text};

/// The warnings; of an update only those that are new.
pub fn warnings(definition: &Object, old: Option<&Object>) -> Vec<String> {
    let before = old.map(all).unwrap_or_default();
    let now = all(definition).into_iter().filter(|format| !before.contains(format));
    now.map(|format| format!("unrecognized format {}", crate::quote::quote(&format))).collect()
}

fn all(definition: &Object) -> Vec<String> {
    let versions = definition.get("spec").and_then(|spec| spec.get("versions")).and_then(Value::as_array);
    let schemas = versions.into_iter().flatten().filter_map(|version| version.get("schema")?.get("openAPIV3Schema"));
    let mut schemas: Vec<&Value> = schemas.collect();
    // One that all versions share counts once.
    if schemas.windows(2).all(|pair| pair.first() == pair.last()) {
        schemas.truncate(1);
    }
    let mut unknown = Vec::new();
    for schema in schemas.into_iter().filter_map(Value::as_object) {
        walk(schema, &mut unknown);
    }
    unknown
}

fn walk(schema: &Object, unknown: &mut Vec<String>) {
    let format = text(schema, "format");
    if !format.is_empty() && !formats::is_known(format, text(schema, "type")) {
        unknown.push(format.to_owned());
    }
    for name in ["items", "additionalProperties", "not"] {
        if let Some(Value::Object(below)) = present(schema, name) {
            walk(below, unknown);
        }
    }
    for name in ["allOf", "anyOf", "oneOf"] {
        for below in schema.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object) {
            walk(below, unknown);
        }
    }
    let properties = present(schema, "properties").and_then(Value::as_object).into_iter().flatten();
    for below in properties.filter_map(|(_, property)| property.as_object()) {
        walk(below, unknown);
    }
}
