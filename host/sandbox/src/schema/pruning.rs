//! Fields that a schema does not know are dropped.
//!
//! Facts: `apiextensions-apiserver/pkg/apiserver/schema/pruning/algorithm.go`, and for the paths `schema/options.go`.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::node::{Additional, Node};

const TYPE_META: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// Drops unknown fields of an object; `resource`: it has `apiVersion`, `kind` and `metadata` itself. The paths of what was
/// dropped, sorted.
pub(super) fn prune(value: &mut Value, node: &Node, resource: bool) -> Vec<String> {
    let mut pruning = Pruning { path: String::new(), unknown: Vec::new() };
    let embedded = resource || node.embedded;
    if node.preserve {
        pruning.skip(value, Some(node), embedded);
    } else {
        pruning.prune(value, Some(node), embedded);
    }
    pruning.unknown.sort();
    pruning.unknown
}

struct Pruning {
    path: String,
    unknown: Vec<String>,
}

impl Pruning {
    fn prune(&mut self, value: &mut Value, node: Option<&Node>, embedded: bool) {
        if node.is_some_and(|node| node.preserve) {
            return self.skip(value, node, embedded);
        }
        let length = self.path.len();
        match (value, node) {
            (Value::Object(fields), None) => {
                for name in fields.keys() {
                    self.record(name);
                }
                fields.clear();
            }
            (Value::Object(fields), Some(node)) => self.fields(fields, node, embedded),
            (Value::Array(items), node) => {
                let schema = node.and_then(|node| node.items.as_deref());
                for (index, item) in items.iter_mut().enumerate() {
                    self.index(index);
                    self.prune(item, schema, schema.is_some_and(|schema| schema.embedded));
                    self.path.truncate(length);
                }
            }
            (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_), _) => {}
        }
    }

    fn fields(&mut self, fields: &mut Map<String, Value>, node: &Node, embedded: bool) {
        let length = self.path.len();
        fields.retain(|name, value| {
            let type_meta = TYPE_META.contains(&name.as_str());
            if embedded && type_meta {
                return true;
            }
            let schema = match (node.properties.get(name), &node.additional) {
                (Some(property), _) => Some(property),
                (None, Some(Additional::Schema(schema))) => Some(&**schema),
                (None, Some(Additional::Anything)) => None,
                (None, None) => {
                    if !type_meta || length > 0 {
                        self.record(name);
                    }
                    return false;
                }
            };
            self.key(name);
            self.prune(value, schema, schema.is_some_and(|schema| schema.embedded));
            self.path.truncate(length);
            true
        });
    }

    /// Below a place that keeps unknown fields, what is declared is pruned again.
    fn skip(&mut self, value: &mut Value, node: Option<&Node>, embedded: bool) {
        let Some(node) = node else { return };
        let length = self.path.len();
        match value {
            Value::Object(fields) => {
                for (name, value) in fields.iter_mut() {
                    if embedded && TYPE_META.contains(&name.as_str()) {
                        continue;
                    }
                    let schema = match (node.properties.get(name), &node.additional) {
                        (Some(property), _) => Some(property),
                        (None, Some(Additional::Schema(schema))) => Some(&**schema),
                        (None, Some(Additional::Anything)) => None,
                        (None, None) => continue,
                    };
                    self.key(name);
                    self.prune(value, schema, schema.is_some_and(|schema| schema.embedded));
                    self.path.truncate(length);
                }
            }
            Value::Array(items) => {
                let schema = node.items.as_deref();
                for (index, item) in items.iter_mut().enumerate() {
                    self.index(index);
                    self.skip(item, schema, schema.is_some_and(|schema| schema.embedded));
                    self.path.truncate(length);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn key(&mut self, name: &str) {
        if !self.path.is_empty() {
            self.path.push('.');
        }
        self.path.push_str(name);
    }

    fn index(&mut self, index: usize) {
        // Writing into a String cannot fail.
        let _ = write!(self.path, "[{index}]");
    }

    fn record(&mut self, name: &str) {
        let length = self.path.len();
        self.key(name);
        self.unknown.push(self.path.clone());
        self.path.truncate(length);
    }
}
