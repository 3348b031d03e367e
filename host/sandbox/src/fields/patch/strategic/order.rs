//! In which order merged lists are: `$setElementOrder`, then that of the patch, then that of what was there.

use serde_json::{Map, Value};

use super::super::super::print::{Numbers, plain as shown};
use super::directives::without_directives;
use super::lists::{Slots, are_maps, deletes, identity, merge_lists, no_key};
use super::schema::Schema;
use super::{Failure, PATCH, SET_ORDER, bad_type, plain};

/// Up to so many items Go's `sort.SliceStable` sorts by insertion.
const STABLE_BLOCK: usize = 20;

/// Merges the lists that `$setElementOrder/...` names, and takes them out of the patch (`mergePatchIntoOriginal`).
pub(super) fn set_element_order(
    original: &mut Map<String, Value>,
    patch: &mut Map<String, Value>,
    schema: Schema<'_>,
) -> Result<(), Failure> {
    let names: Vec<String> = patch.keys().filter(|name| name.starts_with(SET_ORDER)).cloned().collect();
    for directive in names {
        let order = list(patch.remove(&directive))?.unwrap_or_default();
        let name = directive.strip_prefix(SET_ORDER).and_then(|rest| rest.strip_prefix('/')).ok_or_else(bad_order)?;
        let there = list(original.get(name).cloned())?;
        let wanted = list(patch.get(name).cloned())?;
        let (field, items) = schema.list(name)?;
        let key = field.strategy.key.as_deref();
        check_order(wanted.as_deref().unwrap_or_default(), &order, key)?;
        let mut slots = Slots::of(there.as_deref().unwrap_or_default());
        let merged = match (&there, &wanted) {
            (Some(there), None) => there.clone(),
            (None, Some(wanted)) => wanted.iter().cloned().filter_map(without_directives).collect(),
            (Some(there), Some(wanted)) if field.strategy.merge => {
                merge_lists(there.clone(), wanted.clone(), items, key, false, &mut slots)?
            }
            (Some(_), Some(wanted)) => wanted.clone(),
            (None, None) => continue,
        };
        let there = slots.items;
        let scalar = |item: &Value| !item.is_object() && !item.is_array();
        if key.is_none() && !order.iter().chain(&merged).all(scalar) {
            return Err(Failure::not_in_sandbox(
                "a strategic merge patch that makes a real server panic: an order for maps without a key",
            ));
        }
        let (of_patch, others) = partition(merged, &order, key)?;
        if are_maps(&[&there, wanted.as_deref().unwrap_or_default()])?
            && key.is_none()
            && let Some(item) = there.first()
        {
            return Err(no_key(item, ""));
        }
        original.insert(name.to_owned(), Value::Array(normalize(of_patch, others, &order, &there, key)?));
        patch.remove(name);
    }
    Ok(())
}

fn bad_order() -> Failure {
    Failure::bad_request("invalid patch format of setElementOrder list")
}

fn list(value: Option<Value>) -> Result<Option<Vec<Value>>, Failure> {
    match value {
        None => Ok(None),
        Some(Value::Array(items)) => Ok(Some(items)),
        Some(other) => Err(bad_type("[]interface {}", &other)),
    }
}

/// What the patch sets must be named in the order, in that order (`validatePatchWithSetOrderList`).
fn check_order(patch: &[Value], order: &[Value], key: Option<&str>) -> Result<(), Failure> {
    if order.is_empty() || patch.is_empty() {
        return Ok(());
    }
    let mut values = Vec::new();
    for item in patch {
        match (key, item) {
            (Some(_), Value::Object(map)) if deletes(map) => {}
            (Some(_), Value::Object(_)) | (None, _) => values.push(item),
            (Some(_), other) => return Err(bad_type("map[string]interface {}", other)),
        }
    }
    let (mut values, mut named) = (values.into_iter().peekable(), order.iter().peekable());
    while let (Some(&item), Some(&next)) = (values.peek(), named.peek()) {
        if item.as_object().is_some_and(|item| item.contains_key(PATCH)) {
            values.next();
            continue;
        }
        if same_item(item, next, key)? {
            values.next();
        }
        named.next();
    }
    if values.peek().is_none() {
        return Ok(());
    }
    let list = |items: &[Value]| shown(&Value::Array(items.to_vec()), Numbers::Ints);
    Err(plain(format!(
        "The order in patch list:\n{}\n doesn't match {SET_ORDER} list:\n{}\n",
        list(patch),
        list(order)
    )))
}

/// Whether both are the same item (`mergeKeyValueEqual`).
fn same_item(left: &Value, right: &Value, key: Option<&str>) -> Result<bool, Failure> {
    let Some(key) = key else {
        if left.is_object() && right.is_object() {
            return Err(Failure::not_in_sandbox(
                "a strategic merge patch that makes a real server panic: an order for maps without a key",
            ));
        }
        return Ok(left == right);
    };
    if let Some(other) = [left, right].into_iter().find(|item| !item.is_object()) {
        return Err(bad_type("map[string]interface {}", other));
    }
    match (left.get(key), right.get(key)) {
        (None, _) => Err(no_key(left, key)),
        (_, None) => Err(no_key(right, key)),
        (Some(left), Some(right)) => Ok(left == right),
    }
}

/// Those that are in the other list, and those that are not.
pub(super) fn partition(
    items: Vec<Value>,
    by: &[Value],
    key: Option<&str>,
) -> Result<(Vec<Value>, Vec<Value>), Failure> {
    if let Some(key) = key
        && let Some(item) = items.iter().find(|item| item.get(key).is_none())
    {
        return Err(no_key(item, key));
    }
    if let (Some(_), Some(place)) = (key, by.iter().position(|item| !item.is_object())) {
        return Err(plain(format!("value for key {place} is not a map")));
    }
    Ok(items.into_iter().partition(|item| place(by, item, key).is_some()))
}

fn place(items: &[Value], item: &Value, key: Option<&str>) -> Option<usize> {
    let wanted = identity(item, key)?;
    items.iter().position(|item| identity(item, key) == Some(wanted))
}

/// What the patch has in its order, and between it what only the server has, as near as can be to where it was.
pub(super) fn normalize(
    patch: Vec<Value>,
    others: Vec<Value>,
    patch_order: &[Value],
    server_order: &[Value],
    key: Option<&str>,
) -> Result<Vec<Value>, Failure> {
    let patch = sorted(patch, patch_order, key)?;
    let others = sorted(others, server_order, key)?;
    let mut out = Vec::with_capacity(patch.len() + others.len());
    let (mut left, mut right) = (others.into_iter().peekable(), patch.into_iter().peekable());
    loop {
        let first = match (left.peek(), right.peek()) {
            (None, None) => return Ok(out),
            (Some(l), Some(r)) => {
                let (l, r) = (place(server_order, l, key), place(server_order, r, key));
                l.is_some() && r.is_some() && l < r
            }
            (Some(_), None) => true,
            (None, Some(_)) => false,
        };
        out.extend(if first { left.next() } else { right.next() });
    }
}

fn sorted(items: Vec<Value>, order: &[Value], key: Option<&str>) -> Result<Vec<Value>, Failure> {
    if let Some(key) = key
        && let Some(item) = items.iter().chain(order).find(|item| item.get(key).is_none())
    {
        return Err(no_key(item, key));
    }
    let (items, deleted): (Vec<Value>, Vec<Value>) = if key.is_some() {
        items.into_iter().partition(|item| !item.as_object().is_some_and(deletes))
    } else {
        (items, Vec::new())
    };
    let mut placed: Vec<(Option<usize>, Value)> =
        items.into_iter().map(|item| (place(order, &item, key), item)).collect();
    if placed.iter().all(|(place, _)| place.is_some()) {
        placed.sort_by_key(|(place, _)| *place);
    } else if placed.len() <= STABLE_BLOCK {
        // What the order does not name comes before everything that it is compared with: Go's stable sort of few items.
        for end in 1..placed.len() {
            for at in (1..=end).rev() {
                let (left, right) = (placed.get(at - 1), placed.get(at));
                let (Some((left, _)), Some((right, _))) = (left, right) else { break };
                if left.is_some() && right.is_some() && right >= left {
                    break;
                }
                placed.swap(at - 1, at);
            }
        }
    } else {
        return Err(Failure::not_in_sandbox("a strategic merge patch that leaves the order of a long list undefined"));
    }
    Ok(placed.into_iter().map(|(_, item)| item).chain(deleted).collect())
}
