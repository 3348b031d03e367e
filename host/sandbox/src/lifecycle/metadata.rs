//! Reading and writing `metadata`, where what is missing is empty, as in Go.

use serde_json::{Map, Value};

use crate::status::Failure;

/// A JSON object, as an object of Kubernetes is one.
pub(super) type Object = Map<String, Value>;

/// The metadata of an object, to read.
#[derive(Clone, Copy)]
pub(super) struct Metadata<'a>(Option<&'a Object>);

impl<'a> Metadata<'a> {
    pub(super) fn of(object: &'a Object) -> Self {
        Self(object.get("metadata").and_then(Value::as_object))
    }

    /// A field that is set.
    pub(super) fn get(self, field: &str) -> Option<&'a Value> {
        self.0?.get(field).filter(|value| !value.is_null())
    }

    pub(super) fn text(self, field: &str) -> &'a str {
        self.get(field).and_then(Value::as_str).unwrap_or("")
    }

    pub(super) fn name(self) -> &'a str {
        self.text("name")
    }

    pub(super) fn generation(self) -> i64 {
        self.get("generation").and_then(Value::as_i64).unwrap_or(0)
    }

    pub(super) fn is_deleting(self) -> bool {
        self.get("deletionTimestamp").is_some()
    }

    /// How long it has to end, of an object that is being deleted.
    pub(super) fn grace(self) -> Option<i64> {
        self.get("deletionGracePeriodSeconds").and_then(Value::as_i64)
    }

    pub(super) fn finalizers(self) -> impl Iterator<Item = &'a str> {
        self.get("finalizers").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }

    pub(super) fn has_finalizers(self) -> bool {
        self.finalizers().next().is_some()
    }
}

/// The metadata of an object, to write.
pub(super) fn of_mut(object: &mut Object) -> Result<&mut Object, Failure> {
    let metadata = object.entry("metadata").or_insert(Value::Null);
    if metadata.is_null() {
        *metadata = Value::Object(Map::new());
    }
    metadata.as_object_mut().ok_or_else(|| Failure::bad_request("metadata is no object"))
}

/// Sets or clears a field.
pub(super) fn set(object: &mut Object, field: &str, value: Option<Value>) {
    match value {
        Some(value) => {
            object.insert(field.to_owned(), value);
        }
        None => {
            object.remove(field);
        }
    }
}

/// Makes a field what it is in another object.
pub(super) fn keep(to: &mut Object, from: Option<&Object>, field: &str) {
    set(to, field, from.and_then(|from| from.get(field)).cloned());
}
