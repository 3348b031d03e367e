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
    object_in(object, "metadata").ok_or_else(|| Failure::bad_request("metadata is no object"))
}

/// An object in an object, to write. It is made where there is none; `None` where something else is.
pub(super) fn object_in<'a>(object: &'a mut Object, field: &str) -> Option<&'a mut Object> {
    or_empty(object, field, || Value::Object(Map::new())).as_object_mut()
}

/// A list in an object, to write. It is made where there is none; `None` where something else is.
pub(super) fn list_in<'a>(object: &'a mut Object, field: &str) -> Option<&'a mut Vec<Value>> {
    or_empty(object, field, || Value::Array(Vec::new())).as_array_mut()
}

/// A field that is null is not there, as in Go.
fn or_empty<'a>(object: &'a mut Object, field: &str, empty: fn() -> Value) -> &'a mut Value {
    let value = object.entry(field).or_insert(Value::Null);
    if value.is_null() {
        *value = empty();
    }
    value
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
