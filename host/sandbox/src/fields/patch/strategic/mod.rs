//! Strategic merge patch, for built-in kinds (`apimachinery/pkg/util/strategicpatch`): lists are merged by the keys that the
//! Go types declare, and directives say what cannot be said with values: `$patch`, `$retainKeys`, `$setElementOrder`,
//! `$deleteFromPrimitiveList`.

mod directives;
mod lists;
mod order;
mod schema;

use serde_json::{Map, Value};

use self::directives::{keep, retain_keys, without_directives};
use self::lists::{Slots, merge_lists};
use self::schema::Schema;
use super::super::print::Numbers;
use super::super::shape::Shape;
use super::rejected;
use crate::quote::json_type;
use crate::status::Failure;

const PATCH: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_FROM_LIST: &str = "$deleteFromPrimitiveList";
const SET_ORDER: &str = "$setElementOrder";

/// The object with the patch merged into it. `shape` is that of a built-in kind: others do not take such patches.
pub fn strategic_merge_patch(shape: &Shape, object: Value, patch: &Value) -> Result<Value, Failure> {
    let patch = match patch {
        Value::Object(patch) => patch.clone(),
        Value::Null => return Ok(object),
        other => {
            return Err(Failure::bad_request(format!(
                "json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
                json_type(other)
            )));
        }
    };
    let Value::Object(object) = object else {
        return Err(Failure::not_in_sandbox("a strategic merge patch for what is no object"));
    };
    merge_maps(object, patch, Schema::of(shape)).map(Value::Object)
}

/// An error of Go that has no status: 500.
fn plain(message: String) -> Failure {
    Failure::new(500, "", message)
}

/// `expected a []interface {}, but received a string`
fn bad_type(expected: &str, actual: &Value) -> Failure {
    let actual = match actual {
        Value::Null => "%!s(<nil>)",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    };
    plain(format!("expected a {expected}, but received a {actual}"))
}

/// `mergeMap`
fn merge_maps(
    mut original: Map<String, Value>,
    mut patch: Map<String, Value>,
    schema: Schema<'_>,
) -> Result<Map<String, Value>, Failure> {
    if let Some(directive) = patch.get(PATCH) {
        return match directive.as_str() {
            Some("replace") => {
                patch.remove(PATCH);
                Ok(patch)
            }
            Some("delete") => Ok(Map::new()),
            _ => Err(bad_directive(directive, patch.clone())),
        };
    }
    retain_keys(&mut original, &mut patch)?;
    order::set_element_order(&mut original, &mut patch, schema)?;
    for (name, value) in patch {
        let (name, deletes) = match name.strip_prefix(DELETE_FROM_LIST) {
            Some(of) => {
                let of = of
                    .strip_prefix('/')
                    .ok_or_else(|| Failure::bad_request("invalid patch format of primitive list"))?;
                (of.to_owned(), true)
            }
            None => (name, false),
        };
        if value.is_null() {
            original.remove(&name);
            continue;
        }
        let merged = match (original.remove(&name), value) {
            (None, value) => (!deletes).then(|| keep(value)).flatten(),
            (Some(Value::Object(there)), Value::Object(value)) => {
                let field = schema.field(&name)?;
                if field.strategy.replace {
                    Some(Value::Object(value))
                } else {
                    Some(Value::Object(merge_maps(there, value, schema.of_field(field))?))
                }
            }
            (Some(Value::Array(there)), Value::Array(value)) => {
                let (field, items) = schema.list(&name)?;
                if field.strategy.merge || deletes {
                    let key = field.strategy.key.as_deref();
                    Some(Value::Array(merge_lists(there, value, items, key, deletes, &mut Slots::default())?))
                } else {
                    Some(Value::Array(value))
                }
            }
            (Some(there), value) if deletes && !same_type(&there, &value) => Some(there),
            (Some(there), value) if same_type(&there, &value) => without_directives(value),
            (Some(_), value) => keep(value),
        };
        if let Some(merged) = merged {
            original.insert(name, merged);
        }
    }
    Ok(original)
}

/// Whether Go has both in the same type.
fn same_type(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.is_f64() == right.is_f64(),
        _ => std::mem::discriminant(left) == std::mem::discriminant(right),
    }
}

/// `unknown patch type: merge in map: map[...]`
fn bad_directive(directive: &Value, map: Map<String, Value>) -> Failure {
    let directive = match directive {
        Value::String(text) => text.clone(),
        other => return bad_type("string", other),
    };
    plain(format!(
        "unknown patch type: {directive} in map: {}",
        super::super::print::plain(&Value::Object(map), Numbers::Ints)
    ))
}
