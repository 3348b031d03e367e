//! What several kinds have in common.

use serde_json::{Map, Value, json};

/// A path of workspaces.
pub(super) const PATH: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(:[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/// The name of an initializer or a terminator.
const INITIALIZER: &str = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(:[a-z0-9]([-a-z0-9]*[a-z0-9])?)*(:[a-z0-9][a-z0-9]([-a-z0-9]*[a-z0-9])?))|(system:.+)$";

pub(super) fn text() -> Value {
    json!({"type": "string"})
}

pub(super) fn flag() -> Value {
    json!({"type": "boolean"})
}

pub(super) fn matching(pattern: &str) -> Value {
    json!({"type": "string", "pattern": pattern})
}

pub(super) fn filled() -> Value {
    json!({"type": "string", "minLength": 1})
}

pub(super) fn texts() -> Value {
    json!({"type": "array", "items": text()})
}

/// A list that is one value to server-side apply.
pub(super) fn atomic(items: &Value) -> Value {
    json!({"type": "array", "items": items, "x-kubernetes-list-type": "atomic"})
}

pub(super) fn list(items: &Value) -> Value {
    json!({"type": "array", "items": items})
}

/// A list whose items are told apart by some of their fields.
pub(super) fn keyed(items: &Value, keys: &[&str]) -> Value {
    json!({"type": "array", "items": items, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys})
}

pub(super) fn dictionary() -> Value {
    json!({"type": "object", "additionalProperties": text()})
}

pub(super) fn object<const N: usize>(required: &[&str], properties: [(&str, Value); N]) -> Value {
    let properties: Map<String, Value> =
        properties.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
    let mut object = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

/// With rules in CEL: message and rule.
pub(super) fn ruled(mut schema: Value, rules: &[(&str, &str)]) -> Value {
    let rules: Vec<Value> = rules.iter().map(|(message, rule)| json!({"message": message, "rule": rule})).collect();
    schema["x-kubernetes-validations"] = Value::Array(rules);
    schema
}

/// With another keyword.
pub(super) fn with(mut schema: Value, keyword: &str, value: Value) -> Value {
    schema[keyword] = value;
    schema
}

/// With a default.
pub(super) fn defaulted(schema: Value, default: Value) -> Value {
    with(schema, "default", default)
}

/// A whole kind: `spec` and `status` beside what all objects have.
pub(super) fn whole(required: &[&str], spec: Value, status: Option<Value>) -> Value {
    named(required, json!({"type": "object"}), spec, status)
}

/// The same where names are restricted.
pub(super) fn named(required: &[&str], metadata: Value, spec: Value, status: Option<Value>) -> Value {
    let mut schema =
        object(required, [("apiVersion", text()), ("kind", text()), ("metadata", metadata), ("spec", spec)]);
    if let Some(status) = status {
        schema["properties"]["status"] = status;
    }
    schema
}

/// `metav1.LabelSelector`, with more fields beside.
pub(super) fn selector<const N: usize>(more: [(&str, Value); N]) -> Value {
    let expression = object(&["key", "operator"], [("key", text()), ("operator", text()), ("values", atomic(&text()))]);
    let mut selector = object(&[], [("matchLabels", dictionary()), ("matchExpressions", atomic(&expression))]);
    for (name, schema) in more {
        selector["properties"][name] = schema;
    }
    with(selector, "x-kubernetes-map-type", json!("atomic"))
}

/// kcp's own conditions.
pub(super) fn conditions() -> Value {
    list(&object(
        &["lastTransitionTime", "status", "type"],
        [
            ("lastTransitionTime", json!({"type": "string", "format": "date-time"})),
            ("message", text()),
            ("reason", text()),
            ("severity", text()),
            ("status", text()),
            ("type", text()),
        ],
    ))
}

/// An APIExport by path and name.
pub(super) fn export() -> Value {
    object(&["name"], [("name", text()), ("path", matching(PATH))])
}

/// A WorkspaceType by path and name.
pub(super) fn workspace_type() -> Value {
    object(&["name"], [("name", matching("^[a-z]([a-z0-9-]{0,61}[a-z0-9])?")), ("path", matching(PATH))])
}

pub(super) fn initializers() -> Value {
    list(&matching(INITIALIZER))
}

/// Where a workspace is in its life.
pub(super) fn phase() -> Value {
    let phases = ["Scheduling", "Initializing", "Ready", "Unavailable", "Inactive", "Terminating", "Deleting"];
    json!({"type": "string", "default": "Scheduling", "enum": phases})
}

/// A reference inside of a namespace or not.
pub(super) fn secret_reference() -> Value {
    with(object(&[], [("name", text()), ("namespace", text())]), "x-kubernetes-map-type", json!("atomic"))
}
