//! Columns, selectable fields and subresources of a version, as they are written in a definition.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::causes;
use crate::schema::field_path;
use crate::schema::node::{Node, Type, Types};
use crate::schema::parse::{present, text};
use crate::status::Cause;

const TYPES: [&str; 5] = ["boolean", "date", "integer", "number", "string"];
const FORMATS: [&str; 8] = ["byte", "date", "date-time", "double", "float", "int32", "int64", "password"];
/// `MaxSelectableFields`.
const MOST: usize = 8;

/// What is wrong with `additionalPrinterColumns`.
pub(super) fn columns(columns: Option<&Value>, path: &str, causes: &mut Vec<Cause>) {
    let columns = columns.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object);
    for (index, column) in columns.enumerate() {
        let path = format!("{path}[{index}]");
        if text(column, "name").is_empty() {
            causes.push(causes::required(format!("{path}.name"), ""));
        }
        let one_of = |all: &[&str]| format!("must be one of {}", all.join(","));
        match text(column, "type") {
            "" => causes.push(causes::required(format!("{path}.type"), &one_of(&TYPES))),
            ty if !TYPES.contains(&ty) => causes.push(causes::invalid(format!("{path}.type"), ty, &one_of(&TYPES))),
            _ => {}
        }
        let format = text(column, "format");
        if !format.is_empty() && !FORMATS.contains(&format) {
            causes.push(causes::invalid(format!("{path}.format"), format, &one_of(&FORMATS)));
        }
        match text(column, "jsonPath") {
            "" => causes.push(causes::required(format!("{path}.JSONPath"), "")),
            json_path => simple_path(json_path, &format!("{path}.JSONPath"), causes),
        }
    }
}

fn simple_path(json_path: &str, field: &str, causes: &mut Vec<Cause>) {
    if !json_path.starts_with('.') {
        causes.push(causes::invalid(field, json_path, "must be a simple json path starting with ."));
    }
}

/// What is wrong with `selectableFields`.
pub(super) fn selectable(fields: &[Value], node: &Node, path: &str, causes: &mut Vec<Cause>) {
    let mut seen = BTreeSet::new();
    for (index, field) in fields.iter().enumerate() {
        let json_path = field.get("jsonPath").and_then(Value::as_str).unwrap_or_default();
        let at = format!("{path}[{index}].jsonPath");
        if json_path.is_empty() {
            causes.push(causes::required(at, ""));
            continue;
        }
        let (written, found) = match field_path::read(json_path, node, false) {
            Ok(found) => found,
            Err(why) => {
                causes.push(causes::invalid(at, json_path, &format!("is an invalid path: {why}")));
                continue;
            }
        };
        if written == "metadata" || written.starts_with("metadata.") {
            causes.push(causes::invalid(&at, json_path, "must not point to fields in metadata"));
        }
        if !matches!(found.types, Types::One(Type::String | Type::Boolean | Type::Integer)) {
            let why = "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.";
            causes.push(causes::invalid(&at, json_path, why));
        }
        if !seen.insert(written) {
            causes.push(causes::duplicate_text(at, &crate::quote::quote(json_path)));
        }
    }
    if seen.len() > MOST {
        let [size, most] = [seen.len(), MOST].map(|number| i64::try_from(number).unwrap_or(i64::MAX));
        causes.push(causes::too_many(path, size, most));
    }
}

/// What is wrong with `subresources`.
pub(super) fn subresources(subresources: Option<&Value>, path: &str, causes: &mut Vec<Cause>) {
    let Some(scale) =
        subresources.and_then(Value::as_object).and_then(|all| present(all, "scale")).and_then(Value::as_object)
    else {
        return;
    };
    let mut replicas = |name: &str, under: &str| {
        let field = format!("{path}.scale.{name}");
        let json_path = text(scale, name);
        if json_path.is_empty() {
            causes.push(causes::required(field, ""));
        } else if !json_path.starts_with('.') {
            causes.push(causes::invalid(field, json_path, "must be a simple json path starting with ."));
        } else if !json_path.starts_with(&format!("{under}.")) {
            causes.push(causes::invalid(field, json_path, &format!("should be a json path under {under}")));
        }
    };
    replicas("specReplicasPath", ".spec");
    replicas("statusReplicasPath", ".status");
    let selector = text(scale, "labelSelectorPath");
    if !selector.is_empty() {
        let field = format!("{path}.scale.labelSelectorPath");
        if !selector.starts_with('.') {
            causes.push(causes::invalid(field, selector, "must be a simple json path starting with ."));
        } else if !(selector.starts_with(".spec.") || selector.starts_with(".status.")) {
            let why = "should be a json path under either .spec or .status";
            causes.push(causes::invalid(field, selector, why));
        }
    }
}
