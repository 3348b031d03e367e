//! What is wrong with the extensions of a place: lists, maps, rules.

use serde_json::Value;

use super::Object;
use super::openapi::{Checks, Place};
use crate::causes;
use crate::quote::quote;
use crate::schema::cel;
use crate::schema::field_path;
use crate::schema::parse::{self, present, text};
use crate::status::Cause;

const REASONS: [&str; 4] = ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];

/// What is wrong with them, but for rules.
pub(super) fn check(schema: &Object, path: &str, causes: &mut Vec<Cause>) {
    let at = |name: &str| format!("{path}.{name}");
    let ty = text(schema, "type");
    let is_there = |name: &str| present(schema, name).is_some();
    let of_type = |wanted: &str, extension: &str| {
        let why = format!("must be {wanted} if {extension} is specified");
        if ty.is_empty() { causes::required(at("type"), &why) } else { causes::invalid(at("type"), ty, &why) }
    };
    if schema.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(false)) {
        let why = "must be true or undefined";
        causes.push(causes::invalid_text(at("x-kubernetes-preserve-unknown-fields"), "false", why));
    }
    let map_type = text(schema, "x-kubernetes-map-type");
    if is_there("x-kubernetes-map-type") {
        if ty != "object" {
            causes.push(of_type("object", "x-kubernetes-map-type"));
        }
        if !matches!(map_type, "atomic" | "granular") {
            causes.push(causes::not_supported(at("x-kubernetes-map-type"), map_type, &["atomic", "granular"]));
        }
    }
    let list_type = text(schema, "x-kubernetes-list-type");
    let listed = is_there("x-kubernetes-list-type");
    let items = present(schema, "items").and_then(Value::as_object);
    if listed && ty != "array" {
        causes.push(of_type("array", "x-kubernetes-list-type"));
    } else if list_type == "set"
        && let Some(items) = items
    {
        let why = "must be atomic as item of a list with x-kubernetes-list-type=set";
        // A server shows the list type in both.
        let shown = present(items, "x-kubernetes-list-type")
            .map_or_else(|| "null".to_owned(), |ty| quote(ty.as_str().unwrap_or_default()));
        let wrong = match text(items, "type") {
            "array" if !matches!(text(items, "x-kubernetes-list-type"), "" | "atomic") => {
                Some("x-kubernetes-list-type")
            }
            "object" if text(items, "x-kubernetes-map-type") != "atomic" => Some("x-kubernetes-map-type"),
            _ => None,
        };
        if let Some(name) = wrong {
            causes.push(causes::invalid_text(at(&format!("items.{name}")), &shown, why));
        }
    }
    if listed && !matches!(list_type, "atomic" | "set" | "map") {
        causes.push(causes::not_supported(at("x-kubernetes-list-type"), list_type, &["atomic", "set", "map"]));
    }
    let keys: Vec<&str> = schema
        .get("x-kubernetes-list-map-keys")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if !keys.is_empty() && list_type != "map" {
        let why = "must be map if x-kubernetes-list-map-keys is non-empty";
        let field = at("x-kubernetes-list-type");
        causes.push(if listed { causes::invalid(field, list_type, why) } else { causes::required(field, why) });
    }
    if list_type == "map" {
        keyed(schema, items, &keys, path, causes);
    }
    if let Some(items) = items.filter(|_| matches!(list_type, "set" | "map")) {
        items_wrong(items, list_type, &keys, path, causes);
    }
}

fn keyed(schema: &Object, items: Option<&Object>, keys: &[&str], path: &str, causes: &mut Vec<Cause>) {
    let at = |name: &str| format!("{path}.{name}");
    let field = at("x-kubernetes-list-map-keys");
    if keys.is_empty() {
        causes.push(causes::required(&field, "must not be empty if x-kubernetes-list-type is map"));
    }
    if present(schema, "items").is_none() {
        causes.push(causes::required(at("items"), "must have a schema if x-kubernetes-list-type is map"));
    }
    let Some(items) = items else { return };
    let ty = text(items, "type");
    if ty != "object" {
        let why = "must be object if parent array's x-kubernetes-list-type is map";
        causes.push(causes::invalid(at("items.type"), ty, why));
        return;
    }
    for (index, key) in keys.iter().enumerate() {
        match items.get("properties").and_then(|properties| properties.get(key)).and_then(Value::as_object) {
            Some(property) if matches!(text(property, "type"), "array" | "object") => {
                // A server shows the type of the item.
                let why = "must be a scalar type if parent array's x-kubernetes-list-type is map";
                causes.push(causes::invalid(at(&format!("items.properties[{key}].type")), ty, why));
            }
            Some(_) => {}
            None => {
                let why = "entries must all be names of item properties";
                causes.push(causes::invalid_value(&field, &Value::from(keys.to_vec()), why));
            }
        }
        if keys.iter().take(index).any(|before| before == key) {
            let why = "must not contain duplicate entries";
            causes.push(causes::invalid_value(&field, &Value::from(keys.to_vec()), why));
        }
    }
}

/// `validateMapListKeysMapSet`.
fn items_wrong(items: &Object, list_type: &str, keys: &[&str], path: &str, causes: &mut Vec<Cause>) {
    if items.get("nullable") == Some(&Value::Bool(true)) {
        let why = format!("cannot be nullable when x-kubernetes-list-type is {list_type}");
        causes.push(causes::forbidden(format!("{path}.items.nullable"), &why));
    }
    if list_type != "map" {
        return;
    }
    let required = items.get("required").and_then(Value::as_array);
    for key in keys {
        let property = items.get("properties").and_then(|properties| properties.get(key)).and_then(Value::as_object);
        let Some(property) = property else { continue };
        let path = format!("{path}.items.properties[{key}]");
        if !required.is_some_and(|required| required.contains(&Value::from(*key)))
            && present(property, "default").is_none()
        {
            let why =
                "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
            causes.push(causes::required(format!("{path}.default"), why));
        }
        if property.get("nullable") == Some(&Value::Bool(true)) {
            let why = "this property is in x-kubernetes-list-map-keys, so it cannot be nullable";
            causes.push(causes::forbidden(format!("{path}.nullable"), why));
        }
    }
}

/// What is wrong with the rules of a place, but for their expressions: what is wrong with those is refused when they are compiled.
pub(super) fn rules(schema: &Object, path: &str, place: &Place, checks: &mut Checks) {
    let rules = schema.get("x-kubernetes-validations").and_then(Value::as_array).into_iter().flatten();
    let rules: Vec<&Object> = rules.filter_map(Value::as_object).collect();
    let breaks = |text: &str| text.contains(['\n', '\r']);
    for (index, rule) in rules.iter().enumerate() {
        let at = |name: &str| format!("{path}.x-kubernetes-validations[{index}].{name}");
        let causes = &mut checks.schema;
        let (expression, message) = (text(rule, "rule").trim(), text(rule, "message"));
        if expression.is_empty() {
            causes.push(causes::required(at("rule"), "rule is not specified"));
        } else if !message.is_empty() && message.trim().is_empty() {
            causes.push(causes::invalid(at("message"), message, "must be non-empty if specified"));
        } else if breaks(message.trim()) {
            causes.push(causes::invalid(at("message"), message, "must not contain line breaks"));
        } else if breaks(expression) && message.trim().is_empty() {
            let why = "message must be specified if rule contains line breaks";
            causes.push(causes::required(at("message"), why));
        }
        let expression = text(rule, "messageExpression");
        if !expression.is_empty() && expression.trim().is_empty() {
            causes.push(causes::required(at("messageExpression"), "messageExpression must be non-empty if specified"));
        }
        if let Some(reason) = present(rule, "reason").and_then(Value::as_str)
            && !REASONS.contains(&reason)
        {
            causes.push(causes::not_supported(at("reason"), reason, &REASONS));
        }
        let field = text(rule, "fieldPath");
        if !field.is_empty() && field.trim().is_empty() {
            causes.push(causes::invalid(at("fieldPath"), field, "must be non-empty if specified"));
        }
        if breaks(field) {
            causes.push(causes::invalid(at("fieldPath"), field, "must not contain line breaks"));
        }
        let read = parse::node(&Value::Object((*schema).clone()));
        if !field.is_empty() && read.is_ok_and(|node| field_path::read(field, &node, true).is_err()) {
            causes.push(causes::invalid(at("fieldPath"), field, "must be a valid path"));
        }
    }
    if !checks.schema.is_empty() {
        return;
    }
    for (index, rule) in rules.iter().enumerate() {
        let at = |name: &str| format!("{path}.x-kubernetes-validations[{index}].{name}");
        let expression = text(rule, "rule");
        if cel::uses_old(expression) {
            if let Some(above) = &place.uncorrelated {
                let why = format!("oldSelf cannot be used on the uncorrelatable portion of the schema within {above}");
                checks.rules.push(causes::invalid(at("rule"), expression, &why));
            }
        } else if let Some(optional) = rule.get("optionalOldSelf").and_then(Value::as_bool) {
            let why = "may not be set if oldSelf is not used in rule";
            checks.rules.push(causes::invalid_value(at("optionalOldSelf"), &Value::from(optional), why));
        }
    }
}
