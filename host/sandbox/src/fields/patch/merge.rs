//! JSON merge patch (RFC 7386), as evanphx/json-patch has it: an array that replaces something keeps its nulls, and loses
//! those of the maps in it unless it replaces a map.

use serde_json::{Map, Value};

use crate::quote::json_type;
use crate::status::Failure;

/// The object with the patch merged into it.
pub fn merge_patch(object: Value, patch: &Value) -> Result<Value, Failure> {
    let patch = match patch {
        Value::Object(patch) => patch,
        Value::Null => return Err(Failure::bad_request("Invalid JSON Patch")),
        other => {
            return Err(Failure::bad_request(format!(
                "error decoding patch: json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
                json_type(other)
            )));
        }
    };
    let Value::Object(mut object) = object else {
        return Err(Failure::not_in_sandbox("a merge patch for what is no object"));
    };
    merge(&mut object, patch);
    Ok(Value::Object(object))
}

fn merge(object: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, value) in patch {
        match (object.get_mut(name), value) {
            (_, Value::Null) => {
                object.remove(name);
            }
            (None | Some(Value::Null), value) => {
                object.insert(name.clone(), without_nulls(value));
            }
            (Some(Value::Object(there)), Value::Object(value)) => merge(there, value),
            (Some(there @ Value::Object(_)), value) => *there = value.clone(),
            (Some(there), value) => *there = without_nulls(value),
        }
    }
}

/// A copy in which no map has a null.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(name, value)| (name.clone(), without_nulls(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(without_nulls).collect()),
        scalar => scalar.clone(),
    }
}
