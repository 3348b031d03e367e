//! Which old value belongs to which new one, and whether it is the same.
//!
//! Facts: `apiserver/pkg/cel/common/{equality,maplist}.go`. Items of a list with keys are found by them, fields by their names,
//! other items not at all.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::node::{ListType, Node};
use super::number::Number;

/// The old items of a list, by their keys.
pub(super) struct Keyed<'v> {
    keys: &'v [String],
    items: BTreeMap<String, &'v Value>,
}

impl<'v> Keyed<'v> {
    /// Those of an old list; none if its items have no keys.
    pub(super) fn of(node: &'v Node, old: Option<&'v Value>) -> Self {
        let mut items = BTreeMap::new();
        if node.list == ListType::Map {
            for item in old.and_then(Value::as_array).into_iter().flatten() {
                if let Some(key) = key(&node.keys, item) {
                    items.entry(key).or_insert(item);
                }
            }
        }
        Self { keys: &node.keys, items }
    }

    /// The old one of an item.
    pub(super) fn get(&self, item: &Value) -> Option<&'v Value> {
        if self.items.is_empty() {
            return None;
        }
        self.items.get(&key(self.keys, item)?).copied()
    }
}

/// What names an item; nothing if a key is missing or is no scalar.
fn key(keys: &[String], item: &Value) -> Option<String> {
    let item: &Map<String, Value> = item.as_object()?;
    let mut out = String::new();
    for key in keys {
        match item.get(key)? {
            Value::String(text) => {
                let _ = write!(out, "\0s{}:{text}", text.len());
            }
            Value::Bool(value) => {
                let _ = write!(out, "\0b{value}");
            }
            Value::Number(number) => {
                let _ = match Number::of(number) {
                    Number::Int(int) => write!(out, "\0i{int}"),
                    // Several keys are told apart with six digits only.
                    Number::Float(float) if keys.len() > 1 => write!(out, "\0f{float:.6}"),
                    Number::Float(float) => write!(out, "\0f{float}"),
                };
            }
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        }
    }
    Some(out)
}

/// Whether a value is what it was (`CachedDeepEqual`): a list with keys in any order, and a field of which the schema says nothing
/// counts as changed.
pub(super) fn unchanged(value: &Value, old: &Value, node: &Node) -> bool {
    match (value, old) {
        (Value::Array(items), Value::Array(before)) => {
            if items.len() != before.len() {
                return false;
            }
            match (&node.items, node.list) {
                (Some(schema), ListType::Map) => {
                    let keyed = Keyed::of(node, Some(old));
                    items.iter().all(|item| keyed.get(item).is_some_and(|old| unchanged(item, old, schema)))
                }
                _ => items == before,
            }
        }
        (Value::Object(fields), Value::Object(before)) => {
            fields.len() == before.len()
                && fields.iter().all(|(name, value)| match (before.get(name), node.field(name)) {
                    (Some(old), Some(schema)) => unchanged(value, old, schema),
                    _ => false,
                })
        }
        _ => value == old,
    }
}
