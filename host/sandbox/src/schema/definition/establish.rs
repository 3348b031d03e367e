//! What the controllers of a server make of a definition: its names are accepted unless another one has them, and then it is
//! established.
//!
//! Facts: `apiextensions-apiserver/pkg/controller/{status/naming_controller.go,establish/establishing_controller.go}`. Each of
//! the two writes the status once; a server establishes some 5 seconds after it accepted the names (at once where there is one
//! server only).

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Object, condition};
use crate::quote::{aggregate, quote};
use crate::schema::parse::{present, text};
use crate::time;

/// The status of a definition whose names are looked at, if that changes it. `others` are all definitions, or those of its group;
/// itself among them does not matter.
pub fn accept_names<'a>(
    definition: &Object,
    others: impl IntoIterator<Item = &'a Object>,
    now: Timestamp,
) -> Option<Value> {
    let part = |object: &Object, outer: &str, inner: &str| -> Object {
        let part = object.get(outer).and_then(|outer| outer.get(inner)).and_then(Value::as_object);
        part.cloned().unwrap_or_default()
    };
    let group = |object: &Object| object.get("spec").and_then(|spec| spec.get("group")).cloned();
    let wanted = part(definition, "spec", "names");
    let accepted = part(definition, "status", "acceptedNames");
    if same_names(&wanted, &accepted) {
        return None;
    }
    let (mut resources, mut kinds) = (BTreeSet::new(), BTreeSet::new());
    for other in others.into_iter().filter(|other| group(other) == group(definition)) {
        let names = part(other, "status", "acceptedNames");
        resources.extend([text(&names, "plural").to_owned(), text(&names, "singular").to_owned()]);
        resources.extend(list(&names, "shortNames"));
        kinds.extend([text(&names, "kind").to_owned(), text(&names, "listKind").to_owned()]);
    }
    let mut new = accepted.clone();
    let in_use = |name: &str| format!("{} is already in use", quote(name));
    let mut conflict_of = |name: &str, used: &BTreeSet<String>, reason: &'static str| {
        let value = text(&wanted, name);
        if value != text(&accepted, name) && used.contains(value) {
            return Some((reason, in_use(value)));
        }
        new.insert(name.to_owned(), Value::from(value));
        None
    };
    let plural = conflict_of("plural", &resources, "PluralConflict");
    let singular = conflict_of("singular", &resources, "SingularConflict");
    let kind = conflict_of("kind", &kinds, "KindConflict");
    let list_kind = conflict_of("listKind", &kinds, "ListKindConflict");
    let before = list(&accepted, "shortNames");
    let taken: Vec<String> = list(&wanted, "shortNames")
        .into_iter()
        .filter(|name| !before.contains(name) && resources.contains(name))
        .map(|name| in_use(&name))
        .collect();
    let short_names = (!taken.is_empty()).then(|| ("ShortNamesConflict", aggregate(&taken)));
    if short_names.is_none() {
        set_or_remove(&mut new, "shortNames", present(&wanted, "shortNames"));
    }
    // The last one that a server looks at is told.
    let conflict = list_kind.or(kind).or(short_names).or(singular).or(plural);
    set_or_remove(&mut new, "categories", present(&wanted, "categories"));

    let free = conflict.is_none();
    let (reason, message) = conflict.unwrap_or(("NoConflicts", "no conflicts found".to_owned()));
    let names_accepted = json!({"type": "NamesAccepted", "status": if free { "True" } else { "False" }, "reason": reason, "message": message});
    let unchanged = |condition: &Object| {
        ["status", "reason", "message"].iter().all(|name| condition.get(*name) == names_accepted.get(*name))
    };
    if same_names(&new, &accepted) && condition(definition, "NamesAccepted").is_some_and(unchanged) {
        return None;
    }
    let established = match condition(definition, "Established") {
        Some(present) if present.get("status") == Some(&json!("True")) || !free => Value::Object(present.clone()),
        _ if free => {
            json!({"type": "Established", "status": "False", "reason": "Installing", "message": "the initial names have been accepted"})
        }
        _ => {
            json!({"type": "Established", "status": "False", "reason": "NotAccepted", "message": "not all names are accepted"})
        }
    };
    let mut status = definition.get("status").and_then(Value::as_object).cloned().unwrap_or_default();
    status.insert("acceptedNames".to_owned(), Value::Object(new));
    set_condition(&mut status, names_accepted, now);
    set_condition(&mut status, established, now);
    Some(Value::Object(status))
}

/// The status of a definition whose names are accepted and which is now served, if it was not.
pub fn establish(definition: &Object, now: Timestamp) -> Option<Value> {
    let holds =
        |ty: &str| condition(definition, ty).is_some_and(|condition| condition.get("status") == Some(&json!("True")));
    if !holds("NamesAccepted") || holds("Established") {
        return None;
    }
    let mut status = definition.get("status").and_then(Value::as_object).cloned().unwrap_or_default();
    let established = json!({
        "type": "Established", "status": "True", "reason": "InitialNamesAccepted", "message": "the initial names have been accepted",
    });
    set_condition(&mut status, established, now);
    Some(Value::Object(status))
}

fn list(names: &Object, name: &str) -> Vec<String> {
    let items = names.get(name).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn same_names(one: &Object, other: &Object) -> bool {
    ["plural", "singular", "kind", "listKind"].iter().all(|name| text(one, name) == text(other, name))
        && ["shortNames", "categories"].iter().all(|name| list(one, name) == list(other, name))
}

fn set_or_remove(names: &mut Object, name: &str, value: Option<&Value>) {
    match value {
        Some(value) => names.insert(name.to_owned(), value.clone()),
        None => names.remove(name),
    };
}

/// `SetCRDCondition`.
fn set_condition(status: &mut Object, mut condition: Value, now: Timestamp) {
    condition["lastTransitionTime"] = json!(time::written(now));
    let conditions = status.entry("conditions").or_insert_with(|| json!([]));
    if conditions.is_null() {
        *conditions = json!([]);
    }
    let Value::Array(conditions) = conditions else { return };
    match conditions.iter_mut().find(|present| present.get("type") == condition.get("type")) {
        None => conditions.push(condition),
        Some(present) => {
            let time = present.get("lastTransitionTime").filter(|time| !time.is_null()).cloned();
            if let Some(time) = time.filter(|_| present.get("status") == condition.get("status")) {
                condition["lastTransitionTime"] = time;
            }
            // What else there is of it, stays.
            if let (Value::Object(present), Value::Object(condition)) = (present, condition) {
                present.extend::<Map<String, Value>>(condition);
            }
        }
    }
}
