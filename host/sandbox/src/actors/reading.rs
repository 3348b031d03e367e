//! What objects say, where what is missing is empty, as in Go.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use crate::time;

/// A JSON object, as an object of Kubernetes is one.
pub(super) type Object = Map<String, Value>;

/// A value at a path, unless it is null.
pub(super) fn at<'v>(object: &'v Object, path: &[&str]) -> Option<&'v Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(object.get(*first)?, |value, step| value.get(*step)).filter(|value| !value.is_null())
}

/// A text at a path.
pub(super) fn text<'v>(object: &'v Object, path: &[&str]) -> &'v str {
    at(object, path).and_then(Value::as_str).unwrap_or_default()
}

/// A number at a path.
pub(super) fn number(object: &Object, path: &[&str]) -> i64 {
    at(object, path).and_then(Value::as_i64).unwrap_or_default()
}

/// The items of a list at a path.
pub(super) fn list<'v>(object: &'v Object, path: &[&str]) -> impl Iterator<Item = &'v Value> + use<'v> {
    at(object, path).and_then(Value::as_array).into_iter().flatten()
}

/// A time at a path.
pub(super) fn time(object: &Object, path: &[&str]) -> Option<Timestamp> {
    time::read(text(object, path))
}

/// A text of a value.
pub(super) fn word<'v>(value: &'v Value, field: &str) -> &'v str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// Whether it is being deleted.
pub(super) fn is_deleting(object: &Object) -> bool {
    at(object, &["metadata", "deletionTimestamp"]).is_some()
}

/// Whether it has a finalizer.
pub(super) fn has_finalizer(object: &Object, name: &str) -> bool {
    list(object, &["metadata", "finalizers"]).any(|finalizer| finalizer == name)
}

/// The owner that controls it.
pub(super) fn controller(object: &Object) -> Option<&Value> {
    list(object, &["metadata", "ownerReferences"]).find(|owner| owner["controller"] == true)
}

/// A condition of its status.
pub(super) fn condition<'v>(object: &'v Object, kind: &str) -> Option<&'v Value> {
    list(object, &["status", "conditions"]).find(|condition| condition["type"] == kind)
}

/// Whether a condition of its status is true.
pub(super) fn holds(object: &Object, kind: &str) -> bool {
    condition(object, kind).is_some_and(|condition| condition["status"] == "True")
}

/// So many seconds later.
pub(super) fn later(time: Timestamp, seconds: i64) -> Timestamp {
    time.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(time)
}

/// A part of an object, to write. It is made where there is none, or null; what else is there is left alone.
pub(super) fn part<'v>(object: &'v mut Object, field: &str) -> Option<&'v mut Object> {
    let value = object.entry(field).or_insert(Value::Null);
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut()
}

/// Takes a finalizer out.
pub(super) fn take_finalizer(object: &mut Object, name: &str) {
    let Some(metadata) = part(object, "metadata") else { return };
    let Some(finalizers) = metadata.get_mut("finalizers").and_then(Value::as_array_mut) else { return };
    finalizers.retain(|finalizer| finalizer != name);
    if finalizers.is_empty() {
        metadata.remove("finalizers");
    }
}
