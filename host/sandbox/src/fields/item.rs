//! How an item of an associative list or set is told apart from the others (`typed/helpers.go`).

use std::borrow::Cow;

use serde_json::{Map as Fields, Value};

use super::element::Element;
use super::order::equal;
use super::shape::{List, Relation, Types};
use crate::quote::quote_list;

/// Lists up to this length are looked through, pair by pair; longer ones are sorted.
const SHORT: usize = 16;

/// The element that leads to an item. The error is what is wrong with the item.
pub(super) fn element<'a>(types: &'a Types, list: &'a List, item: &'a Value) -> Result<Element<'a>, String> {
    if list.relation == Relation::Atomic {
        return Err("invalid indexing of non-associative list".to_owned());
    }
    if list.keys.is_empty() { set_element(item) } else { keyed_element(types, list, item) }
}

/// Whether an item can be told apart: what [`element`] says, without making it.
pub(super) fn check(types: &Types, list: &List, item: &Value) -> Result<(), String> {
    let fine = match item {
        Value::Object(fields) => list.keys.iter().any(|name| key(types, list, fields, name).is_some()),
        Value::Array(_) | Value::Null => false,
        _ => list.keys.is_empty(),
    };
    if fine && list.relation == Relation::Granular { Ok(()) } else { element(types, list, item).map(drop) }
}

/// Whether two items that can be told apart are the same one.
pub(super) fn same(types: &Types, list: &List, left: &Value, right: &Value) -> bool {
    if list.keys.is_empty() {
        return equal(left, right);
    }
    let (Some(left), Some(right)) = (left.as_object(), right.as_object()) else { return false };
    list.keys.iter().all(|name| match (key(types, list, left, name), key(types, list, right, name)) {
        (None, None) => true,
        (Some(left), Some(right)) => equal(left, right),
        _ => false,
    })
}

/// Whether an item is there more than once; `None` for a list that is too long to look through.
pub(super) fn has_twice(types: &Types, list: &List, items: &[Value]) -> Option<bool> {
    let again =
        |(place, item): (usize, &Value)| items.iter().skip(place + 1).any(|other| same(types, list, item, other));
    (items.len() <= SHORT).then(|| items.iter().enumerate().any(again))
}

fn set_element(item: &Value) -> Result<Element<'_>, String> {
    let wrong = match item {
        Value::Object(_) => "associative list without keys has an element that's a map type",
        Value::Array(_) => "not supported: associative list with lists as elements",
        Value::Null => "associative list without keys has an element that's an explicit null",
        Value::Bool(_) | Value::Number(_) | Value::String(_) => return Ok(Element::Value(Cow::Borrowed(item))),
    };
    Err(wrong.to_owned())
}

fn keyed_element<'a>(types: &'a Types, list: &'a List, item: &'a Value) -> Result<Element<'a>, String> {
    let fields = match item {
        Value::Object(fields) => fields,
        Value::Null => return Err("associative list with keys may not have a null element".to_owned()),
        _ => return Err("associative list with keys may not have non-map elements".to_owned()),
    };
    let mut keys = Vec::with_capacity(list.keys.len());
    for name in &list.keys {
        // A key that is not there and has no default is left out: that is another item than one that has it.
        if let Some(value) = key(types, list, fields, name) {
            keys.push((Cow::Borrowed(name.as_str()), Cow::Borrowed(value)));
        } else if types.atom(list.element).map.is_none() {
            return Err(format!("couldn't find default value for {name}: associative list may not have non-map types"));
        }
    }
    if keys.is_empty() {
        return Err(format!(
            "associative list with keys has an element that omits all key fields {} (and doesn't have default values for \
             any key fields)",
            quote_list(list.keys.iter().map(String::as_str))
        ));
    }
    keys.sort_by(|left, right| left.0.cmp(&right.0));
    Ok(Element::Key(keys))
}

/// The value of a key, or its default.
fn key<'a>(types: &'a Types, list: &'a List, fields: &'a Fields<String, Value>, name: &str) -> Option<&'a Value> {
    fields.get(name).or_else(|| types.atom(list.element).map.as_ref()?.field(name)?.default.as_ref())
}
