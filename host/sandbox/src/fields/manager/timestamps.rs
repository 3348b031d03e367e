//! A write that changes nothing but times of managed fields is none
//! (`apiserver/pkg/endpoints/handlers/fieldmanager/equality.go`).

use serde_json::{Map, Value};

use super::super::order::equal;

/// Takes the times of what is stored if the new object is the same but for them. To be called once the object is complete:
/// with its defaults, its generation and its resourceVersion. Says whether both are the same then.
pub fn keep_timestamps(live: &Value, new: &mut Value) -> bool {
    let (Some(old), Some(object)) = (live.as_object(), new.as_object()) else { return *live == *new };
    if !same_but_for_times(old, object) {
        return false;
    }
    if let Some(old) = live.pointer("/metadata/managedFields").and_then(Value::as_array) {
        let entries = new.pointer_mut("/metadata/managedFields").and_then(Value::as_array_mut);
        for (old, new) in old.iter().zip(entries.into_iter().flatten()) {
            let (Some(old), Some(new)) = (old.as_object(), new.as_object_mut()) else { continue };
            match old.get("time") {
                Some(time) => new.insert("time".to_owned(), time.clone()),
                None => new.remove("time"),
            };
        }
    }
    true
}

/// Whether two objects are the same but for their managed fields.
pub(super) fn same_but_for_managed_fields(old: &Value, new: &Value) -> bool {
    let metadata = |old: &Map<String, Value>, new: &Map<String, Value>| {
        let length =
            |metadata: &Map<String, Value>| metadata.len() - usize::from(metadata.contains_key("managedFields"));
        length(old) == length(new)
            && old.iter().all(|(name, old)| name == "managedFields" || new.get(name).is_some_and(|new| equal(old, new)))
    };
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => same(old, new, |name, old, new| match (name, old, new) {
            ("metadata", Value::Object(old), Value::Object(new)) => metadata(old, new),
            _ => equal(old, new),
        }),
        _ => equal(old, new),
    }
}

fn same_but_for_times(old: &Map<String, Value>, new: &Map<String, Value>) -> bool {
    same(old, new, |name, old, new| match (name, old, new) {
        ("metadata", Value::Object(old), Value::Object(new)) => {
            same(old, new, |name, old, new| match (name, old, new) {
                ("managedFields", Value::Array(old), Value::Array(new)) => same_entries(old, new),
                _ => old == new,
            })
        }
        _ => old == new,
    })
}

fn same_entries(old: &[Value], new: &[Value]) -> bool {
    old.len() == new.len()
        && old.iter().zip(new).all(|(old, new)| match (old, new) {
            (Value::Object(old), Value::Object(new)) => {
                let timeless = |entry: &'_ Map<String, Value>| entry.len() - usize::from(entry.contains_key("time"));
                timeless(old) == timeless(new)
                    && old.iter().all(|(name, value)| name == "time" || new.get(name) == Some(value))
            }
            _ => old == new,
        })
}

/// Whether both have the same names, with values that are the same to somebody.
fn same(
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    mut same: impl FnMut(&str, &Value, &Value) -> bool,
) -> bool {
    old.len() == new.len() && old.iter().all(|(name, old)| new.get(name).is_some_and(|new| same(name, old, new)))
}
