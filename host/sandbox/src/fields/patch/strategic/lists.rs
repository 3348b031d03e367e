//! How lists are merged: maps by a key, scalars as a set.

use serde_json::{Map, Value};

use super::super::super::print::{Numbers, plain as shown};
use super::order::{normalize, partition};
use super::schema::Schema;
use super::{Failure, PATCH, bad_directive, bad_type, merge_maps, plain, rejected, same_type};

/// Whether the items of these lists are maps. They are all of one type, and no lists.
pub(super) fn are_maps(lists: &[&[Value]]) -> Result<bool, Failure> {
    let mut items = lists.iter().copied().flatten();
    let first = items.next().ok_or_else(|| plain("no elements in any of the given slices".to_owned()))?;
    if first.is_array() {
        // "lists of lists are not supported"
        return Err(rejected());
    }
    if first.is_null() {
        return Err(Failure::not_in_sandbox("a strategic merge patch of a list with nulls"));
    }
    if !items.all(|item| same_type(first, item)) {
        let lists: Vec<Value> = lists.iter().map(|list| Value::Array(list.to_vec())).collect();
        return Err(plain(format!(
            "list element types are not identical: {}",
            shown(&Value::Array(lists), Numbers::Ints)
        )));
    }
    Ok(first.is_object())
}

/// `mergeSlice`
pub(super) fn merge_lists(
    original: Vec<Value>,
    patch: Vec<Value>,
    items: Schema<'_>,
    key: Option<&str>,
    deletes: bool,
    slots: &mut Slots,
) -> Result<Vec<Value>, Failure> {
    if original.is_empty() && patch.is_empty() {
        return Ok(original);
    }
    let maps = are_maps(&[&original, &patch])?;
    if !maps {
        if deletes {
            return Ok(original.into_iter().filter(|item| !patch.contains(item)).collect());
        }
        let mut merged: Vec<Value> = Vec::with_capacity(original.len() + patch.len());
        for item in original.iter().chain(&patch) {
            if !merged.contains(item) {
                merged.push(item.clone());
            }
        }
        let (of_patch, others) = partition(merged, &patch, key)?;
        return normalize(of_patch, others, &patch, &original, key);
    }
    let Some(name) = key else {
        return Err(plain("cannot merge lists without merge key for struct".to_owned()));
    };
    let (original, patch) = special_items(original, patch, name, slots)?;
    let merged = merge_items(original.clone(), &patch, name, items, slots)?;
    let (of_patch, others) = partition(merged, &patch, key)?;
    normalize(of_patch, others, &patch, &original, key)
}

/// The memory of the list that was there. Go takes items out of it and puts others in their place, and looks at it again
/// when it orders the outcome (`$setElementOrder`): what was put where something was deleted counts as having been there.
#[derive(Default)]
pub(super) struct Slots {
    pub(super) items: Vec<Value>,
    used: usize,
}

impl Slots {
    pub(super) fn of(items: &[Value]) -> Self {
        Self { items: items.to_vec(), used: items.len() }
    }

    fn delete(&mut self, place: usize) {
        if let Some(rest) = self.items.get_mut(place..self.used)
            && let Some((_, from)) = rest.split_first()
        {
            let from = from.to_vec();
            for (slot, item) in rest.iter_mut().zip(from) {
                *slot = item;
            }
            self.used -= 1;
        }
    }

    fn append(&mut self, item: &Value) {
        // Where there is no room, Go goes on elsewhere.
        if let Some(slot) = self.items.get_mut(self.used) {
            *slot = item.clone();
            self.used += 1;
        }
    }
}

/// Items that are directives: `$patch: delete` takes the item of that key away, `$patch: replace` all that was there.
fn special_items(
    mut original: Vec<Value>,
    patch: Vec<Value>,
    key: &str,
    slots: &mut Slots,
) -> Result<(Vec<Value>, Vec<Value>), Failure> {
    let mut values = Vec::with_capacity(patch.len());
    let mut replaces = false;
    for item in patch {
        let Some(directive) = item.get(PATCH) else {
            values.push(item);
            continue;
        };
        match directive.as_str() {
            Some("delete") => {
                let wanted = item.get(key).ok_or_else(|| no_key(&item, key))?;
                while let Some(place) = original.iter().position(|item| item.get(key) == Some(wanted)) {
                    original.remove(place);
                    slots.delete(place);
                }
            }
            Some("replace") => replaces = true,
            Some("merge") => return Err(plain("merging lists cannot yet be specified in the patch".to_owned())),
            _ => return Err(bad_directive(directive, item.as_object().cloned().unwrap_or_default())),
        }
    }
    Ok(if replaces { (values, Vec::new()) } else { (original, values) })
}

fn merge_items(
    mut original: Vec<Value>,
    patch: &[Value],
    key: &str,
    items: Schema<'_>,
    slots: &mut Slots,
) -> Result<Vec<Value>, Failure> {
    for item in patch {
        let (Some(map), Some(wanted)) = (item.as_object(), item.get(key)) else { return Err(no_key(item, key)) };
        let there = original.iter_mut().find(|there| there.get(key) == Some(wanted));
        match there {
            Some(Value::Object(there)) => *there = merge_maps(std::mem::take(there), map.clone(), items)?,
            _ => {
                original.push(item.clone());
                slots.append(item);
            }
        }
    }
    Ok(original)
}

/// `map: map[...] does not contain declared merge key: name`
pub(super) fn no_key(item: &Value, key: &str) -> Failure {
    match item {
        Value::Object(_) => {
            plain(format!("map: {} does not contain declared merge key: {key}", shown(item, Numbers::Ints)))
        }
        other => bad_type("map[string]interface {}", other),
    }
}

/// The value of an item that tells it apart: a map's key, a scalar itself.
pub(super) fn identity<'v>(item: &'v Value, key: Option<&str>) -> Option<&'v Value> {
    match (key, item) {
        (Some(key), Value::Object(item)) => item.get(key),
        (Some(_), _) => None,
        (None, item) => Some(item),
    }
}

/// An item that takes another away.
pub(super) fn deletes(item: &Map<String, Value>) -> bool {
    item.get(PATCH).and_then(Value::as_str) == Some("delete")
}
