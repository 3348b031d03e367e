//! `CustomResourceDefinition`s of `apiextensions.k8s.io/v1`: defaults, what is wrong with one, and what the controllers of a
//! server make of its names.
//!
//! Facts: `apiextensions-apiserver/pkg/apis/apiextensions/{v1/defaults.go,v1/conversion.go,validation/validation.go}`. Where
//! Kubernetes walks a Go map, the order of several errors is random there; here it is that of the keys.
//!
//! An update is validated as strictly as a creation: a server lets what an older one stored stay wrong, and there is none here.
//! Refused: webhook conversion, defaults inside of embedded metadata, and a few errors whose message shows a Go structure.

mod columns;
mod defaults;
mod establish;
mod extensions;
mod names;
mod openapi;
mod structural;
#[cfg(test)]
mod tests;
mod versions;
mod warnings;

use serde_json::{Map, Value};

pub use self::establish::{accept_names, establish};
pub(super) use self::versions::api_resource_versions;
pub use self::warnings::warnings;
use super::parse::{present, text};
use crate::causes;
use crate::status::{Cause, Failure};

type Object = Map<String, Value>;

/// Fills in what a definition leaves out.
pub fn default(definition: &mut Object) {
    let versions = definition.get("spec").and_then(|spec| spec.get("versions")).and_then(Value::as_array);
    let storage = versions.into_iter().flatten().find(|version| version.get("storage") == Some(&Value::Bool(true)));
    let storage = storage.and_then(|version| version.get("name")).cloned();
    if let Some(Value::Object(spec)) = definition.get_mut("spec") {
        if let Some(Value::Object(names)) = spec.get_mut("names") {
            let kind = text(names, "kind").to_owned();
            if text(names, "singular").is_empty() && !kind.is_empty() {
                names.insert("singular".to_owned(), Value::from(kind.to_lowercase()));
            }
            if text(names, "listKind").is_empty() && !kind.is_empty() {
                names.insert("listKind".to_owned(), Value::from(format!("{kind}List")));
            }
        }
        if present(spec, "conversion").is_none() {
            spec.insert("conversion".to_owned(), serde_json::json!({"strategy": "None"}));
        }
    }
    let Some(storage) = storage else { return };
    let status = definition.entry("status").or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(status) = status
        && status.get("storedVersions").and_then(Value::as_array).is_none_or(Vec::is_empty)
    {
        status.insert("storedVersions".to_owned(), Value::Array(vec![storage]));
    }
}

/// What is wrong with a definition that is created, or that replaces `old`, but for its metadata. Whoever asks compiles it too
/// ([`CustomKind::read`](super::CustomKind::read)), which refuses what the sandbox does not do.
pub fn validate(definition: &Object, old: Option<&Object>) -> Result<Vec<Cause>, Failure> {
    let empty = Map::new();
    let part = |object: Option<&Object>, name: &str| -> Object {
        object.and_then(|object| object.get(name)).and_then(Value::as_object).cloned().unwrap_or_default()
    };
    let spec = definition.get("spec").and_then(Value::as_object).unwrap_or(&empty);
    let mut causes = Vec::new();
    group(text(spec, "group"), &mut causes);
    scope(text(spec, "scope"), &mut causes);
    versions::check(spec, &mut causes)?;
    conversion(spec, &mut causes)?;
    if let Some(old) = old {
        immutable(spec, old, &mut causes);
    }
    let status = part(Some(definition), "status");
    names::check(&part(Some(&status), "acceptedNames"), "status.acceptedNames", &mut causes);
    stored_versions(&status, spec, &mut causes);
    approval(definition, old, spec, &mut causes);
    if spec.get("preserveUnknownFields") == Some(&Value::Bool(true)) {
        let why =
            "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";
        causes.push(causes::invalid_text("spec.preserveUnknownFields", "true", why));
    }
    Ok(causes)
}

/// What is wrong with `spec.names`.
pub(super) fn names_wrong(names: &Object, causes: &mut Vec<Cause>) {
    names::required(names, "spec.names", causes);
    names::check(names, "spec.names", causes);
}

/// What is wrong with the status of one.
pub fn validate_status(definition: &Object) -> Vec<Cause> {
    let mut causes = Vec::new();
    let names = definition.get("status").and_then(|status| status.get("acceptedNames")).and_then(Value::as_object);
    if let Some(names) = names {
        names::check(names, "status.acceptedNames", &mut causes);
    }
    causes
}

fn group(group: &str, causes: &mut Vec<Cause>) {
    let field = "spec.group";
    if group.is_empty() {
        causes.push(causes::required(field, ""));
        return;
    }
    let wrong = crate::validation::names::subdomain(group);
    if !wrong.is_empty() {
        causes.push(causes::invalid(field, group, &wrong.join(",")));
    } else if !group.contains('.') {
        causes.push(causes::invalid(field, group, "should be a domain with at least one dot"));
    }
}

fn scope(scope: &str, causes: &mut Vec<Cause>) {
    match scope {
        "" => causes.push(causes::required("spec.scope", "")),
        "Cluster" | "Namespaced" => {}
        other => causes.push(causes::not_supported("spec.scope", other, &["Cluster", "Namespaced"])),
    }
}

fn conversion(spec: &Object, causes: &mut Vec<Cause>) -> Result<(), Failure> {
    let Some(conversion) = present(spec, "conversion").and_then(Value::as_object) else { return Ok(()) };
    match text(conversion, "strategy") {
        "" => causes.push(causes::required("spec.conversion.strategy", "")),
        "None" => {}
        "Webhook" => return Err(Failure::not_in_sandbox("custom resources that a webhook converts")),
        other => causes.push(causes::not_supported("spec.conversion.strategy", other, &["None", "Webhook"])),
    }
    if let Some(webhook) = present(conversion, "webhook").and_then(Value::as_object) {
        let why = "should not be set when strategy is not set to Webhook";
        if present(webhook, "clientConfig").is_some() {
            causes.push(causes::forbidden("spec.conversion.webhookClientConfig", why));
        }
        if webhook.get("conversionReviewVersions").and_then(Value::as_array).is_some_and(|all| !all.is_empty()) {
            causes.push(causes::forbidden("spec.conversion.conversionReviewVersions", why));
        }
    }
    Ok(())
}

/// What an update may not change.
fn immutable(spec: &Object, old: &Object, causes: &mut Vec<Cause>) {
    let old_spec = old.get("spec");
    let established =
        condition(old, "Established").is_some_and(|condition| condition.get("status") == Some(&Value::from("True")));
    let mut same = |path: &[&str], field: &str| {
        let at = |from: Option<&Value>| path.iter().try_fold(from?.clone(), |value, step| value.get(step).cloned());
        let now = path.iter().try_fold(Value::Object(spec.clone()), |value, step| value.get(step).cloned());
        let now = now.unwrap_or_else(|| Value::from(""));
        if at(old_spec).unwrap_or_else(|| Value::from("")) != now {
            causes.push(causes::invalid_value(field, &now, "field is immutable"));
        }
    };
    if established {
        same(&["scope"], "spec.scope");
        same(&["names", "kind"], "spec.names.kind");
    }
    same(&["group"], "spec.group");
    same(&["names", "plural"], "spec.names.plural");
}

fn stored_versions(status: &Object, spec: &Object, causes: &mut Vec<Cause>) {
    let field = "status.storedVersions";
    let stored: Vec<&str> = status
        .get("storedVersions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if stored.is_empty() {
        causes.push(causes::invalid_text(field, "null", "must have at least one stored version"));
        return;
    }
    let versions = spec.get("versions").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object);
    let mut known = Vec::new();
    for version in versions {
        let name = text(version, "name");
        if version.get("storage") == Some(&Value::Bool(true)) && !stored.contains(&name) {
            let why = format!("must have the storage version {name}");
            causes.push(causes::invalid_value(field, &Value::from(stored.clone()), &why));
        }
        known.push(name);
    }
    for (index, name) in stored.iter().enumerate().filter(|(_, name)| !known.contains(name)) {
        let why = format!(
            "missing from spec.versions; {name} was previously a storage version, and must remain in spec.versions until a storage \
             migration ensures no data remains persisted in {name} and removes {name} from status.storedVersions"
        );
        causes.push(causes::invalid(format!("{field}[{index}]"), name, &why));
    }
}

/// Groups of Kubernetes need an approval.
pub(super) fn approval(definition: &Object, old: Option<&Object>, spec: &Object, causes: &mut Vec<Cause>) {
    const ANNOTATION: &str = "api-approved.kubernetes.io";
    #[derive(PartialEq)]
    enum State {
        Missing,
        Invalid,
        Fine,
    }
    let group = text(spec, "group");
    let protected = ["k8s.io", "kubernetes.io"]
        .iter()
        .any(|name| group.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')));
    if !protected {
        return;
    }
    let annotation = |object: &Object| -> String {
        let annotations = object.get("metadata").and_then(|metadata| metadata.get("annotations"));
        annotations.and_then(|all| all.get(ANNOTATION)).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let state = |text: &str| match text {
        "" => State::Missing,
        text if text.starts_with("unapproved") => State::Fine,
        text if text.split_once("://").is_some_and(|(scheme, host)| {
            !scheme.is_empty() && !host.is_empty() && !host.starts_with('/') && super::formats::is_request_uri(text)
        }) =>
        {
            State::Fine
        }
        _ => State::Invalid,
    };
    let text = annotation(definition);
    let now = state(&text);
    if old.is_some_and(|old| state(&annotation(old)) == now) {
        return;
    }
    let field = format!("metadata.annotations[{ANNOTATION}]");
    let see = "see https://github.com/kubernetes/enhancements/pull/1111";
    match now {
        State::Fine => {}
        State::Missing => {
            let why = format!("protected groups must have approval annotation \"{ANNOTATION}\", {see}");
            causes.push(causes::required(field, &why));
        }
        State::Invalid => {
            let why = format!(
                "protected groups must have approval annotation \"{ANNOTATION}\" with either a URL or a reason starting with \"unapproved\", {see}"
            );
            causes.push(causes::invalid(field, &text, &why));
        }
    }
}

/// A condition of its status.
fn condition<'v>(definition: &'v Object, ty: &str) -> Option<&'v Object> {
    let conditions = definition.get("status").and_then(|status| status.get("conditions")).and_then(Value::as_array)?;
    conditions.iter().filter_map(Value::as_object).find(|condition| text(condition, "type") == ty)
}
