//! Reading and changing objects by the few shapes that kcp's have.

use serde_json::{Map, Value, json};

/// An object as it is stored.
pub(crate) type Object = Map<String, Value>;

/// A text at a path of fields; empty if there is none.
pub(crate) fn text<'v>(object: &'v Object, path: &[&str]) -> &'v str {
    at(object, path).and_then(Value::as_str).unwrap_or_default()
}

/// What is at a path of fields.
pub(crate) fn at<'v>(object: &'v Object, path: &[&str]) -> Option<&'v Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(object.get(*first)?, |value, field| value.get(field))
}

/// The items of a list at a path of fields.
pub(crate) fn items<'v>(object: &'v Object, path: &[&str]) -> impl Iterator<Item = &'v Value> {
    at(object, path).and_then(Value::as_array).into_iter().flatten()
}

/// A text of a value; empty if there is none.
pub(crate) fn of<'v>(value: &'v Value, field: &str) -> &'v str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// The texts of a list at a path of fields.
pub(crate) fn texts(object: &Object, path: &[&str]) -> Vec<String> {
    items(object, path).filter_map(Value::as_str).map(str::to_owned).collect()
}

/// An annotation; empty if there is none.
pub(crate) fn annotation<'v>(object: &'v Object, name: &str) -> &'v str {
    text(object, &["metadata", "annotations", name])
}

/// A map inside of an object, which is made if it is not there.
pub(crate) fn part<'v>(object: &'v mut Object, field: &str) -> &'v mut Object {
    let part = object.entry(field).or_insert(Value::Null);
    loop {
        if let Value::Object(part) = part {
            return part;
        }
        *part = json!({});
    }
}
/// The labels or annotations of an object, which are made if there are none.
pub(crate) fn meta<'v>(object: &'v mut Object, field: &str) -> &'v mut Object {
    part(part(object, "metadata"), field)
}

/// Whether it is being deleted.
pub(crate) fn is_deleting(object: &Object) -> bool {
    at(object, &["metadata", "deletionTimestamp"]).is_some_and(|time| !time.is_null())
}

/// Whether it has a finalizer.
pub(crate) fn has_finalizer(object: &Object, name: &str) -> bool {
    items(object, &["metadata", "finalizers"]).any(|one| one == name)
}

/// Takes a finalizer away; says whether it was there.
pub(crate) fn drop_finalizer(object: &mut Object, name: &str) -> bool {
    let Some(Value::Array(all)) = part(object, "metadata").get_mut("finalizers") else { return false };
    let before = all.len();
    all.retain(|one| one != name);
    all.len() != before
}

/// Adds a finalizer; says whether it was not there.
pub(crate) fn add_finalizer(object: &mut Object, name: &str) -> bool {
    if has_finalizer(object, name) {
        return false;
    }
    let finalizers = part(object, "metadata").entry("finalizers").or_insert_with(|| json!([]));
    match finalizers {
        Value::Array(all) => all.push(json!(name)),
        other => *other = json!([name]),
    }
    true
}
