//! Reading a schema of a definition.
//!
//! Facts: `apiextensions-apiserver/pkg/apiserver/schema/convert.go`, `pkg/apiserver/validation/formats.go`. Whether it is a
//! structural schema is checked elsewhere, with the messages for people; what is none is not in the sandbox.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::node::{Additional, Checks, ListType, Node, Pattern, Reason, Rule, Type, Types};
use super::{formats, re2};
use crate::status::Failure;

/// A schema may be as deep as what a request can bring.
const DEPTH: usize = 128;

/// Reads a schema.
pub(super) fn node(schema: &Value) -> Result<Node, Failure> {
    read(schema, DEPTH)
}

fn read(schema: &Value, depth: usize) -> Result<Node, Failure> {
    let Some(depth) = depth.checked_sub(1) else { return Err(unknown("so deep a schema")) };
    let schema = schema.as_object().ok_or_else(|| unknown("a schema that is no object"))?;
    let is = |name: &str| schema.get(name).and_then(Value::as_bool).unwrap_or_default();
    let types = types(schema)?;
    let nested = |name: &str| -> Result<Vec<Node>, Failure> {
        let all = schema.get(name).and_then(Value::as_array).into_iter().flatten();
        all.map(|one| read(one, depth)).collect()
    };
    let boxed = |name: &str| -> Result<Option<Box<Node>>, Failure> {
        present(schema, name).map(|one| read(one, depth).map(Box::new)).transpose()
    };
    let mut properties = BTreeMap::new();
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        properties.insert(name.clone(), read(property, depth)?);
    }
    let additional = match present(schema, "additionalProperties") {
        None | Some(Value::Bool(false)) => None,
        Some(Value::Bool(true)) => Some(Additional::Anything),
        Some(schema) => Some(Additional::Schema(Box::new(read(schema, depth)?))),
    };
    let checks = Checks {
        format: formats::known(text(schema, "format"), &types)?
            .map(|format| (format, text(schema, "format").to_owned())),
        maximum: schema.get("maximum").and_then(Value::as_f64),
        exclusive_maximum: is("exclusiveMaximum"),
        minimum: schema.get("minimum").and_then(Value::as_f64),
        exclusive_minimum: is("exclusiveMinimum"),
        multiple_of: schema.get("multipleOf").and_then(Value::as_f64),
        max_length: schema.get("maxLength").and_then(Value::as_i64),
        min_length: schema.get("minLength").and_then(Value::as_i64),
        pattern: pattern(text(schema, "pattern"))?,
        max_items: schema.get("maxItems").and_then(Value::as_i64),
        min_items: schema.get("minItems").and_then(Value::as_i64),
        max_properties: schema.get("maxProperties").and_then(Value::as_i64),
        min_properties: schema.get("minProperties").and_then(Value::as_i64),
        values: schema.get("enum").and_then(Value::as_array).cloned().unwrap_or_default(),
        required: texts(schema, "required"),
        all_of: nested("allOf")?,
        any_of: nested("anyOf")?,
        one_of: nested("oneOf")?,
        not: boxed("not")?,
    };
    Ok(Node {
        types,
        nullable: is("nullable"),
        default: present(schema, "default").cloned(),
        properties,
        additional,
        items: boxed("items")?,
        preserve: is("x-kubernetes-preserve-unknown-fields"),
        embedded: is("x-kubernetes-embedded-resource"),
        list: match text(schema, "x-kubernetes-list-type") {
            "set" => ListType::Set,
            "map" => ListType::Map,
            _ => ListType::Atomic,
        },
        keys: texts(schema, "x-kubernetes-list-map-keys"),
        rules: rules(schema)?,
        checks,
    })
}

fn types(schema: &Map<String, Value>) -> Result<Types, Failure> {
    if schema.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true)) {
        return Ok(Types::IntOrString);
    }
    match text(schema, "type") {
        "" => Ok(Types::Any),
        name => Type::of(name).map(Types::One).ok_or_else(|| unknown("that type")),
    }
}

fn pattern(text: &str) -> Result<Option<Pattern>, Failure> {
    if text.is_empty() {
        return Ok(None);
    }
    let regex = re2::compile(text).map_err(|what| Failure::not_in_sandbox(&what))?;
    Ok(Some(Pattern { text: text.to_owned(), regex }))
}

fn rules(schema: &Map<String, Value>) -> Result<Vec<Rule>, Failure> {
    let rules = schema.get("x-kubernetes-validations").and_then(Value::as_array).into_iter().flatten();
    let rules = rules.map(|rule| {
        let rule = rule.as_object().ok_or_else(|| unknown("a rule that is no object"))?;
        let reason = match text(rule, "reason") {
            "" => None,
            "FieldValueRequired" => Some(Reason::Required),
            "FieldValueForbidden" => Some(Reason::Forbidden),
            "FieldValueDuplicate" => Some(Reason::Duplicate),
            // A definition with any other is invalid.
            _ => Some(Reason::Invalid),
        };
        Ok(Rule {
            rule: text(rule, "rule").to_owned(),
            message: text(rule, "message").to_owned(),
            message_expression: text(rule, "messageExpression").to_owned(),
            reason,
            field_path: text(rule, "fieldPath").to_owned(),
            optional_old_self: rule.get("optionalOldSelf").and_then(Value::as_bool),
        })
    });
    rules.collect()
}

/// A field that is there and not null.
pub(super) fn present<'v>(object: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    object.get(name).filter(|value| !value.is_null())
}

/// A text; empty where there is none.
pub(super) fn text<'v>(object: &'v Map<String, Value>, name: &str) -> &'v str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn texts(object: &Map<String, Value>, name: &str) -> Vec<String> {
    let texts = object.get(name).and_then(Value::as_array).into_iter().flatten();
    texts.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn unknown(what: &str) -> Failure {
    Failure::not_in_sandbox(&format!("{what} of a custom resource"))
}
