//! Owned fields follow when a shape changes (`typed/reconcile_schema.go`): whoever owned parts of a list or map that is
//! replaced as a whole by now owns the whole of it.

use serde_json::{Map as Fields, Value};

use super::element::Element;
use super::set::{FieldSet, Node};
use super::shape::{Form, Relation, Shape, TypeId, Types};

/// The set for the shape of today. `None`: it is as it was.
pub(super) fn reconcile<'a>(shape: &Shape, set: &FieldSet<'a>) -> Option<FieldSet<'a>> {
    let mut whole = FieldSet::new();
    let atomic = collect(shape.types(), Some(shape.root()), Some(set), false, &mut whole);
    // The root has no path: nothing can own all of an object.
    if atomic || whole.is_empty() {
        return None;
    }
    Some(set.clone().recursive_difference(&whole).union(whole))
}

/// Collects what is owned as a whole from now on; says whether that is the case for the value itself.
fn collect<'a>(
    types: &Types,
    id: Option<TypeId>,
    set: Option<&FieldSet<'a>>,
    owned_whole: bool,
    whole: &mut FieldSet<'a>,
) -> bool {
    let Some(id) = id else { return false };
    let atom = types.atom(id);
    match atom.form(atom.alternatives(None)) {
        Form::Map(map) => {
            if !map.reconciled {
                return false;
            }
            if !owned_whole && map.relation == Relation::Atomic {
                return set.is_some_and(|set| !set.is_empty());
            }
            for node in set.map_or(&[][..], FieldSet::nodes) {
                let id = match &node.element {
                    Element::Field(name) => map.field_type(name),
                    _ => map.element,
                };
                descend(types, id, node, whole);
            }
            false
        }
        Form::List(list) => {
            if !owned_whole && list.relation == Relation::Atomic {
                return true;
            }
            for node in set.map_or(&[][..], FieldSet::nodes) {
                descend(types, Some(list.element), node, whole);
            }
            false
        }
        Form::Scalar(_) | Form::Nothing => false,
    }
}

fn descend<'a>(types: &Types, id: Option<TypeId>, node: &Node<'a>, whole: &mut FieldSet<'a>) {
    let below = (!node.children.is_empty()).then_some(&node.children);
    let mut children = FieldSet::new();
    let member = collect(types, id, below, node.member && below.is_none(), &mut children);
    whole.push(Node { element: node.element.clone(), member, children });
}

/// Whether [`reconcile`] would change a set, asked of what is written in managed fields. It may say yes for one that stays.
pub(super) fn must_reconcile(shape: &Shape, fields: &Value) -> bool {
    let types = shape.types();
    fields.as_object().is_none_or(|fields| must(types, Some(shape.root()), fields, false))
}

fn must(types: &Types, id: Option<TypeId>, fields: &Fields<String, Value>, owned_whole: bool) -> bool {
    let Some(id) = id else { return false };
    let atom = types.atom(id);
    let below = |key: &String, fields: &Value, id: Option<TypeId>| match fields {
        _ if key == "." => false,
        Value::Object(fields) => must(types, id, fields, fields.is_empty()),
        _ => true,
    };
    match atom.form(atom.alternatives(None)) {
        Form::Map(map) if !map.reconciled => false,
        Form::Map(map) if !owned_whole && map.relation == Relation::Atomic => true,
        Form::Map(map) => fields.iter().any(|(key, fields)| match key.strip_prefix("f:") {
            Some(name) => below(key, fields, map.field_type(name)),
            None => below(key, fields, map.element),
        }),
        Form::List(list) if !owned_whole && list.relation == Relation::Atomic => true,
        Form::List(list) => fields.iter().any(|(key, fields)| below(key, fields, Some(list.element))),
        Form::Scalar(_) | Form::Nothing => false,
    }
}
