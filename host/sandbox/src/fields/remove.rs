//! An object without some of its fields (`typed/remove.go`).

use serde_json::{Map as Fields, Value};

use super::element::Element;
use super::item;
use super::set::{FieldSet, Node};
use super::shape::{Form, Relation, Shape, TypeId, Types};

/// The object without these list items and fields. What becomes empty by it stays, as an empty map or list.
pub(super) fn remove(shape: &Shape, object: &Value, fields: &FieldSet<'_>) -> Value {
    remove_from(shape.types(), Some(shape.root()), object, fields)
}

fn remove_from(types: &Types, id: Option<TypeId>, value: &Value, fields: &FieldSet<'_>) -> Value {
    let Some(id) = id else { return Value::Null };
    let atom = types.atom(id);
    match (atom.form_of(value), value) {
        (Form::Scalar(_), _) => value.clone(),
        (Form::Map(map), Value::Object(there)) if map.relation == Relation::Granular => {
            let mut matched = false;
            let keep = |(name, value): (&String, &Value)| match fields.node(&Element::Field(name.as_str().into())) {
                Some(Node { member: true, .. }) => None,
                Some(node) => {
                    matched = true;
                    let id = map.field_type(name);
                    Some((name.clone(), or_empty(value, remove_from(types, id, value, &node.children))))
                }
                None => Some((name.clone(), value.clone())),
            };
            let kept: Fields<String, Value> = there.iter().filter_map(keep).collect();
            if matched || !kept.is_empty() { Value::Object(kept) } else { Value::Null }
        }
        (Form::List(list), Value::Array(there)) if list.relation == Relation::Granular => {
            let mut matched = false;
            let keep = |item: &Value| {
                let element = item::element(types, list, item).unwrap_or(Element::Unknown);
                match fields.node(&element) {
                    Some(Node { member: true, .. }) => None,
                    Some(node) => {
                        matched = true;
                        Some(or_empty(item, remove_from(types, Some(list.element), item, &node.children)))
                    }
                    None => Some(item.clone()),
                }
            };
            let kept: Vec<Value> = there.iter().filter_map(keep).collect();
            if matched || !kept.is_empty() { Value::Array(kept) } else { Value::Null }
        }
        // What is replaced as a whole cannot lose a part.
        _ => Value::Null,
    }
}

/// What is left of a map or list of which everything was taken away.
fn or_empty(was: &Value, left: Value) -> Value {
    match (was, left) {
        (Value::Object(_), Value::Null) => Value::Object(Fields::new()),
        (Value::Array(_), Value::Null) => Value::Array(Vec::new()),
        (_, left) => left,
    }
}
