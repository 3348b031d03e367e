//! Defaults, and nulls where null is no value.
//!
//! Facts: `apiextensions-apiserver/pkg/apiserver/schema/defaulting/{algorithm,prunenulls}.go`.

use serde_json::Value;

use super::node::Node;

/// Fills in what is left out and has a default. A null that is not allowed counts as left out.
pub(super) fn default(value: &mut Value, node: &Node) {
    match value {
        Value::Object(fields) => {
            for (name, property) in &node.properties {
                let Some(default) = &property.default else { continue };
                if fields.get(name).is_none_or(|present| present.is_null() && !property.nullable) {
                    fields.insert(name.clone(), default.clone());
                }
            }
            let additional = node.additional_schema();
            for (name, value) in fields.iter_mut() {
                match (node.properties.get(name), additional) {
                    (Some(property), _) => self::default(value, property),
                    (None, Some(additional)) => {
                        replace_null(value, additional);
                        self::default(value, additional);
                    }
                    (None, None) => {}
                }
            }
        }
        Value::Array(items) => {
            let Some(schema) = &node.items else { return };
            for item in items {
                replace_null(item, schema);
                default(item, schema);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn replace_null(value: &mut Value, node: &Node) {
    if value.is_null()
        && !node.nullable
        && let Some(default) = &node.default
    {
        value.clone_from(default);
    }
}

/// Removes nulls that are not allowed and have no default.
pub(super) fn drop_nulls(value: &mut Value, node: &Node) {
    match value {
        Value::Object(fields) => fields.retain(|name, value| {
            let Some(schema) = node.field(name) else { return true };
            if value.is_null() && !schema.nullable && schema.default.is_none() {
                return false;
            }
            drop_nulls(value, schema);
            true
        }),
        Value::Array(items) => {
            let Some(schema) = &node.items else { return };
            for item in items {
                drop_nulls(item, schema);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
