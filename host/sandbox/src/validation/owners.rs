//! Owner references.

use serde_json::Value;

use crate::causes::{invalid, invalid_text, invalid_value};
use crate::quote::json;
use crate::status::Cause;

/// The fields of an `OwnerReference` in the order in which Go writes them, and whether an empty one is left out.
const FIELDS: [(&str, bool); 6] = [
    ("apiVersion", false),
    ("kind", false),
    ("name", false),
    ("uid", false),
    ("controller", true),
    ("blockOwnerDeletion", true),
];

/// What is wrong with owner references (`ValidateOwnerReferences`). `path` has no index: Kubernetes gives none either.
pub(super) fn owners_wrong(owners: &[Value], path: &str) -> Vec<Cause> {
    let mut wrong = Vec::new();
    let mut first_controller: Option<String> = None;
    for owner in owners {
        wrong.extend(owner_wrong(owner, path));
        if owner.get("controller").and_then(Value::as_bool) == Some(true) {
            let controller = format!("{}/{}", text(owner, "kind"), text(owner, "name"));
            match &first_controller {
                None => first_controller = Some(controller),
                Some(first) => {
                    let all: Vec<String> = owners.iter().map(as_go).collect();
                    let why = format!(
                        "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {controller}"
                    );
                    wrong.push(invalid_text(path, &format!("[{}]", all.join(",")), &why));
                }
            }
        }
    }
    wrong
}

fn owner_wrong(owner: &Value, path: &str) -> Vec<Cause> {
    let mut wrong = Vec::new();
    let (api_version, kind) = (text(owner, "apiVersion"), text(owner, "kind"));
    // As `schema.ParseGroupVersion`: more than one slash gives neither group nor version.
    let version = match api_version.split_once('/') {
        Some((_, version)) if version.contains('/') => "",
        Some((_, version)) => version,
        None => api_version,
    };
    if version.is_empty() {
        wrong.push(invalid(format!("{path}.apiVersion"), api_version, "version must not be empty"));
    }
    if kind.is_empty() {
        wrong.push(invalid(format!("{path}.kind"), kind, "must not be empty"));
    }
    if text(owner, "name").is_empty() {
        wrong.push(invalid(format!("{path}.name"), "", "must not be empty"));
    }
    if text(owner, "uid").is_empty() {
        wrong.push(invalid_value(format!("{path}.uid"), &Value::from(""), "must not be empty"));
    }
    if api_version == "v1" && kind == "Event" {
        wrong.push(invalid_text(path, &as_go(owner), "/v1, Kind=Event is disallowed from being an owner"));
    }
    wrong
}

/// An owner reference as Go writes it: fields in the order of the struct.
fn as_go(owner: &Value) -> String {
    let written = FIELDS.iter().filter_map(|(name, omit)| match owner.get(*name) {
        Some(value) if !value.is_null() => Some(format!("\"{name}\":{}", json(value))),
        _ if *omit => None,
        _ => Some(format!("\"{name}\":\"\"")),
    });
    format!("{{{}}}", written.collect::<Vec<_>>().join(","))
}

fn text<'v>(owner: &'v Value, name: &str) -> &'v str {
    owner.get(name).and_then(Value::as_str).unwrap_or_default()
}
