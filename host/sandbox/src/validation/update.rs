//! What an update may not change.

use std::borrow::Cow;

use serde_json::Value;

use super::{Metadata, go_strings, managed_fields_wrong, shared, strings, text, validate};
use crate::causes::{forbidden, invalid, invalid_value};
use crate::status::Cause;
use crate::time;
use crate::validation::names::NameRule;

/// Strings of Go's plain type, and fields of other types, which are written as JSON; `null` where there is no value.
const IMMUTABLE: [(&str, bool); 6] = [
    ("name", true),
    ("namespace", true),
    ("uid", false),
    ("creationTimestamp", false),
    ("deletionTimestamp", false),
    ("deletionGracePeriodSeconds", false),
];

/// What is wrong with the metadata of an object that is updated (`ValidateObjectMetaUpdate`), after the server filled in what
/// clients may leave out.
pub fn validate_update(new: &Metadata, old: &Metadata, path: &str) -> Vec<Cause> {
    let mut wrong = Vec::new();
    if present(old.get("deletionTimestamp")).is_some() {
        let before = strings(old, "finalizers");
        let mut added: Vec<&str> = strings(new, "finalizers").into_iter().filter(|one| !before.contains(one)).collect();
        added.sort_unstable();
        added.dedup();
        if !added.is_empty() {
            let why = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers {}",
                go_strings(&added)
            );
            wrong.push(forbidden(format!("{path}.finalizers"), &why));
        }
    }
    if text(new, "resourceVersion").is_empty() {
        wrong.push(invalid(format!("{path}.resourceVersion"), "", "must be specified for an update"));
    }
    let generation = |metadata: &Metadata| metadata.get("generation").and_then(Value::as_i64).unwrap_or_default();
    if generation(new) < generation(old) {
        let value = Value::from(generation(new));
        wrong.push(invalid_value(format!("{path}.generation"), &value, "must not be decremented"));
    }
    for (name, plain) in IMMUTABLE {
        let (now, before) = (present(new.get(name)), present(old.get(name)));
        let [now, before] = [now, before].map(|value| value.map(|value| as_stored(name, value)));
        if now != before {
            let field = format!("{path}.{name}");
            wrong.push(match now {
                _ if plain => invalid(field, text(new, name), "field is immutable"),
                Some(value) => invalid_value(field, &value, "field is immutable"),
                None if name == "uid" => invalid(field, "", "field is immutable"),
                None => invalid_value(field, &Value::Null, "field is immutable"),
            });
        }
    }
    wrong.extend(shared(new, path));
    wrong.extend(managed_fields_wrong(new, &format!("{path}.managedFields")));
    wrong
}

/// What a server checks of every object that is updated, before the rules of its kind, which check most of it again: so an error
/// is told two or four times in the causes, and once in the message (`validateCommonUpdate` in `pkg/registry/rest/update.go` of
/// `k8s.io/apiserver`).
pub fn validate_common_update(new: &Metadata, old: &Metadata, namespaced: bool) -> Vec<Cause> {
    let mut wrong = validate(new, namespaced, &|name, prefix| NameRule::PathSegment.check(name, prefix), "metadata");
    wrong.extend(validate_update(new, old, "metadata"));
    wrong
}

/// A value that is neither `null` nor an empty text: Go's types know no difference.
fn present(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| !value.is_null() && value.as_str() != Some(""))
}

/// A time as the server writes it, whatever else as it is.
fn as_stored<'v>(field: &str, value: &'v Value) -> Cow<'v, Value> {
    let time = value.as_str().filter(|_| field.ends_with("Timestamp")).and_then(time::read);
    time.map_or(Cow::Borrowed(value), |time| Cow::Owned(Value::from(time::written(time))))
}
