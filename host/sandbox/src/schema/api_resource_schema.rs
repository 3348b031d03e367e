//! kcp's `APIResourceSchema` of `apis.kcp.io/v1alpha1`: a definition without an instance, which exports bind.
//!
//! Facts: kcp's `pkg/admission/apiresourceschema` and `sdk/apis/apis/v1alpha1/validation.go`.

use serde_json::{Map, Value, json};

use super::definition;
use super::kind::CustomKind;
use super::parse::{present, text};
use crate::causes;
use crate::status::{Cause, Failure};

const SHORT_GROUPS: [&str; 5] = ["apps", "batch", "extensions", "policy", "autoscaling"];

/// What kcp's admission says of a schema that is created, or that replaces `old`: 403.
pub fn admit_api_resource_schema(schema: &Map<String, Value>, old: Option<&Map<String, Value>>) -> Result<(), Failure> {
    let empty = Map::new();
    let spec = schema.get("spec").and_then(Value::as_object).unwrap_or(&empty);
    if old.is_some_and(|old| old.get("spec") != schema.get("spec")) {
        return Err(Failure::not_in_sandbox(
            "the words in which kcp refuses to change the spec of an APIResourceSchema",
        ));
    }
    let name =
        schema.get("metadata").and_then(|metadata| metadata.get("name")).and_then(Value::as_str).unwrap_or_default();
    let names = spec.get("names").and_then(Value::as_object).unwrap_or(&empty);
    let mut causes = Vec::new();
    self::name(name, text(names, "plural"), text(spec, "group"), &mut causes);
    definition::approval(schema, None, spec, &mut causes);
    group(text(spec, "group"), &mut causes);
    definition::api_resource_versions(spec, &mut causes)?;
    definition::names_wrong(names, &mut causes);
    if causes.is_empty() {
        return Ok(());
    }
    let told: Vec<String> = causes.iter().map(causes::text).collect();
    Err(Failure::forbidden("apis.kcp.io", "apiresourceschemas", name, &format!("[{}]", told.join(" "))))
}

fn name(name: &str, plural: &str, group: &str, causes: &mut Vec<Cause>) {
    if plural.is_empty() {
        return;
    }
    let end = format!(".{plural}.{}", if group.is_empty() { "core" } else { group });
    let Some(prefix) = name.strip_suffix(&end) else {
        causes.push(causes::invalid("metadata.name", name, &format!("must end in {end}")));
        return;
    };
    let inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = prefix.as_bytes();
    let fine = bytes.first().is_some_and(u8::is_ascii_lowercase)
        && bytes.last().is_some_and(inner)
        && bytes.iter().all(|byte| inner(byte) || *byte == b'-');
    if !fine {
        let why = format!("must match ^[a-z]([-a-z0-9]*[a-z0-9])?$ in front of {end}");
        causes.push(causes::invalid("metadata.name", name, &why));
    }
}

fn group(group: &str, causes: &mut Vec<Cause>) {
    let wrong = crate::validation::names::subdomain(group);
    let why = match group {
        "" => return,
        "core" => "must be empty string for the core group".to_owned(),
        _ if !wrong.is_empty() => wrong.join(","),
        group if !group.contains('.') && !SHORT_GROUPS.contains(&group) => {
            "should be a domain with at least one dot".to_owned()
        }
        _ => return,
    };
    causes.push(causes::invalid("spec.group", group, &why));
}

/// The definition that it stands for.
fn definition_of(schema: &Map<String, Value>) -> Map<String, Value> {
    let mut spec = schema.get("spec").and_then(Value::as_object).cloned().unwrap_or_default();
    if let Some(Value::Array(versions)) = spec.get_mut("versions") {
        for version in versions {
            // The schema is in there without the step between.
            let Value::Object(version) = version else { continue };
            if let Some(schema) = present(version, "schema").cloned() {
                version.insert("schema".to_owned(), json!({"openAPIV3Schema": schema}));
            }
        }
    }
    spec.remove("nameValidation");
    Map::from_iter([("spec".to_owned(), Value::Object(spec))])
}

impl CustomKind {
    /// Compiles an `APIResourceSchema`.
    pub fn of_api_resource_schema(schema: &Map<String, Value>) -> Result<Self, Failure> {
        let definition = definition_of(schema);
        Self::read(&definition)
    }
}
