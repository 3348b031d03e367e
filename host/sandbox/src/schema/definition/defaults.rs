//! Defaults have to be what the schema allows (`structural defaulting/validation.go`).

use serde_json::Value;

use crate::causes;
use crate::schema::node::Node;
use crate::schema::number::go_value;
use crate::schema::path::Path;
use crate::schema::rules::Rules;
use crate::schema::{object_meta, openapi, parse, pruning};
use crate::status::{Cause, Failure};

/// What is wrong with the defaults of a schema.
pub(super) fn check(schema: &Value, path: &str) -> Result<Vec<Cause>, Failure> {
    let mut causes = Vec::new();
    walk(&parse::node(schema)?, path, true, &mut causes)?;
    Ok(causes)
}

fn walk(node: &Node, path: &str, root: bool, causes: &mut Vec<Cause>) -> Result<(), Failure> {
    if let Some(default) = &node.default {
        one(node, default, &format!("{path}.default"), causes)?;
    }
    if let Some(items) = &node.items {
        walk(items, &format!("{path}.items"), false, causes)?;
    }
    for (name, property) in &node.properties {
        let metadata = (root || node.embedded) && matches!(name.as_str(), "metadata" | "apiVersion" | "kind");
        if metadata && !root && has_default(property) {
            return Err(Failure::not_in_sandbox("a default inside the metadata of an embedded resource"));
        }
        // At the root there is none, which is told elsewhere.
        if !metadata {
            walk(property, &format!("{path}.properties[{name}]"), false, causes)?;
        }
    }
    Ok(())
}

fn has_default(node: &Node) -> bool {
    node.default.is_some()
        || node.properties.values().any(has_default)
        || node.items.as_deref().is_some_and(has_default)
}

fn one(node: &Node, default: &Value, path: &str, causes: &mut Vec<Cause>) -> Result<(), Failure> {
    let mut pruned = default.clone();
    pruning::prune(&mut pruned, node, node.embedded);
    if pruned != *default {
        causes.push(causes::invalid_text(path, &go_value(default), "must not have unknown fields"));
    }
    let mut coerced = default.clone();
    let at = Path::Root(path);
    if let Err(why) = object_meta::coerce_embedded(&mut coerced, node, &at, &mut Vec::new()) {
        let (field, message) = why.split_once(": ").unwrap_or((path, &why));
        causes.push(Cause { reason: "FieldValueInvalid", message: message.to_owned(), field: field.to_owned() });
        return Ok(());
    }
    let mut wrong = Vec::new();
    object_meta::embedded_wrong(&coerced, node, &at, &mut wrong);
    if wrong.is_empty() {
        wrong = openapi::validate(node, &coerced, None, path);
    }
    if wrong.is_empty()
        && let Some(rules) = Rules::of(node, node.embedded)?
    {
        wrong = rules.check(node, &coerced, Some(&coerced), &at, false).causes;
        if wrong.is_empty() {
            wrong = rules.check(node, &coerced, None, &at, false).causes;
        }
    }
    causes.append(&mut wrong);
    Ok(())
}
