//! The set of fields that an object mentions (`typed/tofieldset.go`).

use serde_json::Value;

use super::element::Element;
use super::item;
use super::set::{FieldSet, Node};
use super::shape::{Form, List, Map, Relation, Shape, TypeId, Types};

/// Every leaf, list item and map key of the object.
pub(super) fn fields_of<'a>(shape: &'a Shape, object: &'a Value) -> FieldSet<'a> {
    let mut set = FieldSet::new();
    describe(shape.types(), Some(shape.root()), object, &mut set);
    set
}

/// Collects what is below a value; says whether the value itself is a leaf.
fn describe<'a>(types: &'a Types, id: Option<TypeId>, value: &'a Value, below: &mut FieldSet<'a>) -> bool {
    let Some(id) = id else { return false };
    match types.atom(id).form_of(value) {
        Form::Scalar(_) => true,
        Form::Map(map) if map.relation == Relation::Atomic => true,
        Form::List(list) if list.relation == Relation::Atomic => true,
        Form::Map(map) => {
            describe_map(types, map, value, below);
            false
        }
        Form::List(list) => {
            describe_list(types, list, value, below);
            false
        }
        Form::Nothing => false,
    }
}

fn describe_map<'a>(types: &'a Types, map: &'a Map, value: &'a Value, below: &mut FieldSet<'a>) {
    let Some(fields) = value.as_object() else { return };
    below.reserve(fields.len());
    for (name, value) in fields {
        let declared = map.field(name);
        let mut children = FieldSet::new();
        let leaf = describe(types, declared.map_or(map.element, |field| Some(field.ty)), value, &mut children);
        let empty = value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
        let member = leaf || empty || declared.is_none();
        below.push(Node { element: Element::Field(name.into()), member, children });
    }
}

fn describe_list<'a>(types: &'a Types, list: &'a List, value: &'a Value, below: &mut FieldSet<'a>) {
    let items = value.as_array().map_or(&[][..], Vec::as_slice);
    let told = items.iter().map(|item| (item::element(types, list, item).unwrap_or(Element::Unknown), item));
    let told: Vec<(Element<'a>, &'a Value)> = told.collect();
    let twice = match item::has_twice(types, list, items) {
        Some(false) => Vec::new(),
        _ => twice(told.iter().map(|(element, _)| element)),
    };
    below.reserve(items.len());
    for (element, item) in told {
        let mut children = FieldSet::new();
        // Of items that are there more than once only the key is described.
        if twice.binary_search(&element).is_err() {
            describe(types, Some(list.element), item, &mut children);
        }
        below.push(Node { element, member: true, children });
    }
}

/// The elements that are there more than once, sorted.
fn twice<'e, 'a: 'e>(elements: impl Iterator<Item = &'e Element<'a>>) -> Vec<Element<'a>> {
    let mut sorted: Vec<&Element<'a>> = elements.collect();
    if sorted.is_sorted_by(|left, right| left < right) {
        return Vec::new();
    }
    sorted.sort();
    let mut twice: Vec<Element<'a>> = sorted
        .windows(2)
        .filter_map(|pair| (pair.first() == pair.last()).then(|| pair.first().copied().cloned())?)
        .collect();
    twice.dedup();
    twice
}
