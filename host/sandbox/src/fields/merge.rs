//! What becomes of an object when another is applied to it (`typed/merge.go`, `ruleKeepRHS`): nothing is removed, what both
//! have is as applied, and lists with keys are merged item by item.
//!
//! Both objects have been validated. What is not touched is not copied: an application that changes nothing costs no memory.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map as Fields, Value};

use super::element::Element;
use super::item;
use super::order::equal;
use super::shape::{Form, List, Map, Relation, Shape, TypeId, Types};

/// The outcome of a merge.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Merged {
    /// It is what was there.
    Same,
    /// It is this.
    New(Value),
}

/// Merges what is applied into what is there. A new object comes without managed fields: they are made anew, and are often
/// the larger part of an object.
pub(super) fn merge(shape: &Shape, live: &Value, applied: &Value) -> Merged {
    merge_values(shape.types(), Some(shape.root()), Part::Object, live, applied)
}

/// A copy of an object without its managed fields.
pub(super) fn without_managed_fields(object: &Value) -> Value {
    Part::Object.copy(object)
}

/// Where in an object a value is.
#[derive(Clone, Copy)]
enum Part {
    Object,
    Metadata,
    Other,
}

impl Part {
    fn of_field(self, name: &str) -> Self {
        match (self, name) {
            (Self::Object, "metadata") => Self::Metadata,
            _ => Self::Other,
        }
    }

    fn copy(self, value: &Value) -> Value {
        match (self, value) {
            (Self::Other, _) => value.clone(),
            (_, Value::Object(fields)) => {
                let copied = fields.iter().filter(|(name, _)| !self.leaves_out(name));
                Value::Object(copied.map(|(name, value)| (name.clone(), self.of_field(name).copy(value))).collect())
            }
            _ => value.clone(),
        }
    }

    fn leaves_out(self, name: &str) -> bool {
        matches!((self, name), (Self::Metadata, "managedFields"))
    }
}

fn merge_values(types: &Types, id: Option<TypeId>, part: Part, live: &Value, applied: &Value) -> Merged {
    let leaf = || if equal(live, applied) { Merged::Same } else { Merged::New(applied.clone()) };
    let Some(id) = id else { return leaf() };
    match types.atom(id).form_of(applied) {
        Form::Map(map) if map.relation == Relation::Granular => {
            match (live.as_object(), applied.as_object()) {
                (Some(live), Some(applied)) if !(live.is_empty() && applied.is_empty()) => {
                    merge_maps(types, map, part, live, applied)
                }
                // Null applied to a map that has something in it leaves it as it is.
                (Some(live), None) if !live.is_empty() => Merged::Same,
                _ => leaf(),
            }
        }
        Form::List(list) if list.relation == Relation::Granular => match (live.as_array(), applied.as_array()) {
            (Some(live), Some(applied)) if !(live.is_empty() && applied.is_empty()) => {
                merge_lists(types, list, live, applied)
            }
            (Some(live), None) if !live.is_empty() => Merged::Same,
            _ => leaf(),
        },
        _ => leaf(),
    }
}

fn merge_maps(
    types: &Types,
    map: &Map,
    part: Part,
    live: &Fields<String, Value>,
    applied: &Fields<String, Value>,
) -> Merged {
    let mut changed: Vec<(&String, Value)> = Vec::new();
    for (name, value) in applied {
        let merged = match live.get(name) {
            Some(there) => merge_values(types, map.field_type(name), part.of_field(name), there, value),
            None => Merged::New(value.clone()),
        };
        if let Merged::New(value) = merged {
            changed.push((name, value));
        }
    }
    if changed.is_empty() {
        return Merged::Same;
    }
    let mut changed = changed.into_iter().peekable();
    let mut out = Vec::with_capacity(live.len() + changed.len());
    for (name, value) in live {
        while let Some(new) = changed.next_if(|new| new.0 < name) {
            out.push((new.0.clone(), new.1));
        }
        match changed.next_if(|new| new.0 == name) {
            Some(new) => out.push((name.clone(), new.1)),
            None if part.leaves_out(name) => {}
            None => out.push((name.clone(), part.of_field(name).copy(value))),
        }
    }
    out.extend(changed.map(|(name, value)| (name.clone(), value)));
    Merged::New(Value::Object(out.into_iter().collect()))
}

fn merge_lists(types: &Types, list: &List, live: &[Value], applied: &[Value]) -> Merged {
    if live.len() == applied.len()
        && live.iter().zip(applied).all(|(live, applied)| item::same(types, list, live, applied))
    {
        // The usual case: the same items in the same order, so nothing moves. What is applied has no item twice.
        return merge_pairs(types, list, live, applied);
    }
    let (Some(left), Some(right)) = (elements(types, list, live), elements(types, list, applied)) else {
        // Validated items have elements.
        return Merged::New(Value::Array(applied.to_vec()));
    };
    let out = interleave(types, list, (live, &left), (applied, &right));
    // Of a set that keeps its order nothing is new.
    if equal_lists(&out, live) { Merged::Same } else { Merged::New(Value::Array(out)) }
}

fn equal_lists(left: &[Value], right: &[Value]) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right))
}

fn elements<'a>(types: &'a Types, list: &'a List, items: &'a [Value]) -> Option<Vec<Element<'a>>> {
    items.iter().map(|item| item::element(types, list, item).ok()).collect()
}

fn merge_pairs(types: &Types, list: &List, live: &[Value], applied: &[Value]) -> Merged {
    let pairs = live.iter().zip(applied);
    let merged: Vec<Merged> =
        pairs.map(|(live, applied)| merge_values(types, Some(list.element), Part::Other, live, applied)).collect();
    if merged.iter().all(|merged| *merged == Merged::Same) {
        return Merged::Same;
    }
    let out = merged.into_iter().zip(live).map(|(merged, live)| match merged {
        Merged::Same => live.clone(),
        Merged::New(value) => value,
    });
    Merged::New(Value::Array(out.collect()))
}

/// Items that both have come in the order of what is applied; the others stay near where they were.
fn interleave<'a>(
    types: &Types,
    list: &List,
    (live, left): (&'a [Value], &'a [Element<'a>]),
    (applied, right): (&'a [Value], &'a [Element<'a>]),
) -> Vec<Value> {
    // An item that is there twice is replaced, not merged: null stands for it.
    let mut there: BTreeMap<&Element<'_>, &Value> = BTreeMap::new();
    for (element, item) in left.iter().zip(live) {
        there.entry(element).and_modify(|item| *item = &Value::Null).or_insert(item);
    }
    let wanted: BTreeSet<&Element<'_>> = right.iter().collect();
    let take = |element: &Element<'_>, item: &Value| match there.get(element) {
        Some(there) => match merge_values(types, Some(list.element), Part::Other, there, item) {
            Merged::Same => (*there).clone(),
            Merged::New(value) => value,
        },
        None => item.clone(),
    };

    let mut shared = right.iter().filter(|element| there.contains_key(element));
    let mut next_shared = shared.next();
    let mut taken: BTreeSet<&Element<'_>> = BTreeSet::new();
    let mut out = Vec::with_capacity(live.len().max(applied.len()));
    let mut lefts = left.iter().zip(live).peekable();
    let mut rights = right.iter().zip(applied).peekable();
    loop {
        match (lefts.peek().copied(), rights.peek().copied()) {
            (None, None) => return out,
            (Some((l, _)), Some((r, item))) if l == r => {
                taken.insert(r);
                out.push(take(r, item));
                lefts.next();
                rights.next();
                next_shared = shared.next();
                continue;
            }
            // One that both have, but another's turn is it.
            (Some((l, _)), Some(_)) if wanted.contains(l) && next_shared.is_some_and(|next| next != l) => {
                lefts.next();
                continue;
            }
            _ => {}
        }
        if let Some((l, item)) = lefts.peek().copied() {
            if !wanted.contains(l) {
                out.push(item.clone());
                lefts.next();
                continue;
            }
            if taken.contains(l) {
                lefts.next();
            }
        }
        if let Some((r, item)) = rights.next() {
            taken.insert(r);
            out.push(take(r, item));
            if next_shared == Some(r) {
                next_shared = shared.next();
            }
        }
    }
}
