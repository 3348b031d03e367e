//! Sets hold each item once, lists with keys each key.
//!
//! Facts: `apiextensions-apiserver/pkg/apiserver/schema/listtype/validation.go`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::node::{ListType, Node};
use super::number::go_value;
use super::path::Path;
use crate::causes;
use crate::status::Cause;

/// What is wrong with the lists of an object.
pub(super) fn duplicates(value: &Value, node: &Node, path: &Path<'_>, causes: &mut Vec<Cause>) {
    match value {
        Value::Object(fields) => {
            if let Some(schema) = node.additional_schema() {
                for (name, value) in fields {
                    duplicates(value, schema, &path.key(name), causes);
                }
            }
            for (name, value) in fields {
                if let Some(schema) = node.properties.get(name) {
                    duplicates(value, schema, &path.child(name), causes);
                }
            }
        }
        Value::Array(items) => {
            match node.list {
                ListType::Atomic => {}
                ListType::Set => {
                    for index in repeated(items.iter()) {
                        let item = items.get(index).unwrap_or(&Value::Null);
                        causes.push(causes::duplicate_text(path.index(index).field(), &go_value(item)));
                    }
                }
                ListType::Map => keyed(items, node, path, causes),
            }
            if let Some(schema) = &node.items {
                for (index, item) in items.iter().enumerate() {
                    duplicates(item, schema, &path.index(index), causes);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn keyed(items: &[Value], node: &Node, path: &Path<'_>, causes: &mut Vec<Cause>) {
    let other = items.iter().enumerate().find(|(_, item)| !item.is_null() && !item.is_object());
    if let Some((index, item)) = other {
        let why = "must be an object for an array of list-type map";
        causes.push(causes::invalid_text(path.index(index).field(), &go_value(item), why));
        return;
    }
    let keys: Vec<Value> = items
        .iter()
        .map(|item| {
            let present = node.keys.iter().filter_map(|key| item.get(key).map(|value| (key.clone(), value.clone())));
            Value::Object(present.collect::<Map<_, _>>())
        })
        .collect();
    for index in repeated(keys.iter()) {
        let key = keys.get(index).unwrap_or(&Value::Null);
        causes.push(causes::duplicate_text(path.index(index).field(), &go_value(key)));
    }
}

/// Where what was there before is again: the first time only.
fn repeated<'v>(values: impl Iterator<Item = &'v Value>) -> Vec<usize> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut again = Vec::new();
    for (index, value) in values.enumerate() {
        let times = seen.entry(value.to_string()).or_default();
        if *times == 1 {
            again.push(index);
        }
        *times += 1;
    }
    again
}
