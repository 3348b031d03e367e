//! What is counted by `metadata.generation` (the strategies' `PrepareForUpdate`).

use serde_json::Value;

use super::kind::{Generation, Kind};
use super::metadata::{Metadata, Object};

/// Whether a change of an object is counted.
pub fn counts(kind: &Kind<'_>, new: &Object, old: &Object) -> bool {
    let typed = !kind.facts.custom;
    let metadata = |field| !same(Metadata::of(new).get(field), Metadata::of(old).get(field), typed);
    match kind.facts.generation {
        Generation::Ignored | Generation::Fixed => false,
        Generation::Content => content(new, old, typed),
        Generation::ContentOrAnnotations => content(new, old, typed) || metadata("annotations"),
        Generation::ContentOrLabels => content(new, old, typed) || metadata("labels"),
    }
}

fn content(new: &Object, old: &Object, typed: bool) -> bool {
    let fields = new.keys().chain(old.keys().filter(|field| !new.contains_key(*field)));
    fields
        .filter(|field| !matches!(field.as_str(), "metadata" | "apiVersion" | "kind"))
        .any(|field| !same(new.get(field), old.get(field), typed))
}

/// `equality.Semantic.DeepEqual`: in Go's types, no list is the same as an empty one.
fn same(new: Option<&Value>, old: Option<&Value>, typed: bool) -> bool {
    if !typed || new == old {
        return new == old;
    }
    let none = |value: Option<&Value>| match value {
        None | Some(Value::Null) => true,
        Some(Value::Array(items)) => items.is_empty(),
        Some(_) => false,
    };
    match (new, old) {
        (Some(Value::Object(new)), Some(Value::Object(old))) => {
            let mut keys = new.keys().chain(old.keys().filter(|key| !new.contains_key(*key)));
            keys.all(|key| same(new.get(key), old.get(key), typed))
        }
        (Some(Value::Array(new)), Some(Value::Array(old))) => {
            new.len() == old.len() && new.iter().zip(old).all(|(new, old)| same(Some(new), Some(old), typed))
        }
        (new, old) => none(new) && none(old),
    }
}
