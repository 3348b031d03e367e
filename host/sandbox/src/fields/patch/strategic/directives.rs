//! What a patch says beside values.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{DELETE_FROM_LIST, Failure, PATCH, RETAIN_KEYS, SET_ORDER};

/// `$retainKeys`: what is not named goes, and nothing else may be set.
pub(super) fn retain_keys(original: &mut Map<String, Value>, patch: &mut Map<String, Value>) -> Result<(), Failure> {
    let Some(retained) = patch.remove(RETAIN_KEYS) else { return Ok(()) };
    let bad = || Failure::bad_request("invalid patch format of retainKeys");
    let retained = retained.as_array().ok_or_else(bad)?;
    let retained: BTreeSet<&str> = retained.iter().filter_map(Value::as_str).collect();
    let unnamed = patch.iter().any(|(name, value)| {
        !value.is_null()
            && !name.starts_with(DELETE_FROM_LIST)
            && !name.starts_with(SET_ORDER)
            && !retained.contains(name.as_str())
    });
    if unnamed {
        return Err(bad());
    }
    original.retain(|name, _| retained.contains(name.as_str()));
    Ok(())
}

/// A value that is taken from the patch because nothing is there to merge it with: without directives, and maps without
/// nulls. `None`: it is a directive itself.
pub(super) fn keep(value: Value) -> Option<Value> {
    without_directives(without_nulls(value))
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(name, value)| (name, without_nulls(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        scalar => scalar,
    }
}

/// A value without the maps in it that are directives (`removeDirectives`).
pub(super) fn without_directives(value: Value) -> Option<Value> {
    match value {
        Value::Object(fields) if fields.contains_key(PATCH) => None,
        Value::Object(fields) => Some(Value::Object(
            fields.into_iter().filter_map(|(name, value)| Some((name, without_directives(value)?))).collect(),
        )),
        Value::Array(items) => Some(Value::Array(items.into_iter().filter_map(without_directives).collect())),
        scalar => Some(scalar),
    }
}
