//! The versions of a definition.
//!
//! A server compares them first: what is the same in all of them it takes as said once for all, and so its errors are about
//! `spec.validation` and not about `spec.versions[0].schema`.

use serde_json::{Map, Value};

use super::{Object, columns, defaults, names, openapi, structural};
use crate::causes;
use crate::quote::is_printable;
use crate::schema::parse::{self, present, text};
use crate::status::{Cause, Failure};
use crate::validation::names::dns1035_label;

/// What is wrong with the versions and names of a definition.
pub(super) fn check(spec: &Object, causes: &mut Vec<Cause>) -> Result<(), Failure> {
    let versions: Vec<&Object> =
        spec.get("versions").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object).collect();
    let shared = |name: &str| -> bool {
        let mut values =
            versions.iter().map(|version| present(version, name).filter(|value| *value != &Value::Array(Vec::new())));
        values.next().is_some_and(|first| values.all(|other| other == first))
    };
    let shared_schema = shared("schema");
    let shared_subresources = shared("subresources");
    let shared_columns = shared("additionalPrinterColumns");
    let shared_selectable = shared("selectableFields");

    let schema_of = |version: &Object| {
        present(version, "schema")
            .and_then(Value::as_object)
            .and_then(|schema| present(schema, "openAPIV3Schema"))
            .cloned()
    };
    let status_of = |version: &Object| {
        present(version, "subresources").and_then(|all| all.get("status")).is_some_and(|status| !status.is_null())
    };
    let missing = versions.iter().enumerate().filter(|(_, version)| schema_of(version).is_none());
    for (index, _) in missing {
        causes.push(causes::required(format!("spec.versions[{index}].schema.openAPIV3Schema"), ""));
    }
    let mut seen = Vec::new();
    for (index, version) in versions.iter().enumerate() {
        let path = format!("spec.versions[{index}]");
        let name = text(version, "name");
        if seen.contains(&name) {
            return Err(Failure::not_in_sandbox("a definition with two versions of one name"));
        }
        seen.push(name);
        let wrong = dns1035_label(name);
        if !wrong.is_empty() {
            causes.push(causes::invalid(format!("{path}.name"), name, &wrong.join(",")));
        }
        deprecation(version, &path, causes);
        if !shared_schema && let Some(schema) = schema_of(version) {
            self::schema(&schema, status_of(version), &format!("{path}.schema"), causes)?;
        }
        if !shared_subresources {
            columns::subresources(present(version, "subresources"), &format!("{path}.subresources"), causes);
        }
        if !shared_columns {
            columns::columns(
                present(version, "additionalPrinterColumns"),
                &format!("{path}.additionalPrinterColumns"),
                causes,
            );
        }
        if !shared_selectable {
            selectable(version, schema_of(version).as_ref(), &path, causes)?;
        }
    }
    let storage = versions.iter().filter(|version| version.get("storage") == Some(&Value::Bool(true))).count();
    if storage != 1 {
        return Err(Failure::not_in_sandbox("a definition without exactly one storage version"));
    }
    // A server takes the first one as the version of the definition, too.
    let first = versions.first().map(|version| text(version, "name")).unwrap_or_default();
    let wrong = dns1035_label(first);
    if !first.is_empty() && !wrong.is_empty() {
        causes.push(causes::invalid("spec.version", first, &wrong.join(",")));
    }
    let empty = Map::new();
    let kinds = spec.get("names").and_then(Value::as_object).unwrap_or(&empty);
    names::required(kinds, "spec.names", causes);
    names::check(kinds, "spec.names", causes);
    let Some(first) = versions.first() else { return Ok(()) };
    if shared_schema && let Some(schema) = schema_of(first) {
        let status = versions.iter().any(|version| status_of(version));
        self::schema(&schema, status, "spec.validation", causes)?;
    }
    if shared_subresources {
        columns::subresources(present(first, "subresources"), "spec.subresources", causes);
    }
    if shared_columns {
        columns::columns(present(first, "additionalPrinterColumns"), "spec.additionalPrinterColumns", causes);
    }
    if shared_selectable {
        selectable(first, schema_of(first).as_ref(), "spec", causes)?;
    }
    Ok(())
}

/// What is wrong with the versions of kcp's `APIResourceSchema`, each on its own.
pub(in crate::schema) fn api_resource_versions(spec: &Object, causes: &mut Vec<Cause>) -> Result<(), Failure> {
    let versions = spec.get("versions").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object);
    let (mut seen, mut storage) = (Vec::new(), 0);
    for (index, version) in versions.enumerate() {
        let path = format!("spec.versions[{index}]");
        let name = text(version, "name");
        storage += usize::from(version.get("storage") == Some(&Value::Bool(true)));
        if seen.contains(&name) {
            return Err(Failure::not_in_sandbox("an APIResourceSchema with two versions of one name"));
        }
        seen.push(name);
        let wrong = dns1035_label(name);
        if !wrong.is_empty() {
            causes.push(causes::invalid(format!("{path}.name"), name, &wrong.join(",")));
        }
        deprecation(version, &path, causes);
        let schema = present(version, "schema");
        match schema {
            None => causes.push(causes::required(format!("{path}.schema"), "")),
            Some(schema) => {
                let status = present(version, "subresources").and_then(|all| all.get("status"));
                let status = status.is_some_and(|status| !status.is_null());
                self::schema(schema, status, &format!("{path}.schema"), causes)?;
            }
        }
        columns::subresources(present(version, "subresources"), &format!("{path}.subresources"), causes);
        columns::columns(
            present(version, "additionalPrinterColumns"),
            &format!("{path}.additionalPrinterColumns"),
            causes,
        );
        selectable(version, schema, &path, causes)?;
    }
    if storage == 1 {
        Ok(())
    } else {
        Err(Failure::not_in_sandbox("an APIResourceSchema without exactly one storage version"))
    }
}

fn selectable(version: &Object, schema: Option<&Value>, path: &str, causes: &mut Vec<Cause>) -> Result<(), Failure> {
    let fields = present(version, "selectableFields").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if fields.is_empty() {
        return Ok(());
    }
    // What has no schema was told before.
    if let Some(schema) = schema {
        columns::selectable(fields, &parse::node(schema)?, &format!("{path}.selectableFields"), causes);
    }
    Ok(())
}

fn deprecation(version: &Object, path: &str, causes: &mut Vec<Cause>) {
    let Some(warning) = present(version, "deprecationWarning").and_then(Value::as_str) else { return };
    let mut wrong = Vec::new();
    if version.get("deprecated") == Some(&Value::Bool(true)) {
        if warning.len() > 256 {
            wrong.push("must be <= 256 characters long".to_owned());
        }
        if warning.is_empty() {
            wrong.push("must not be an empty string".to_owned());
        }
        if let Some((index, _)) = warning.char_indices().find(|(_, character)| !is_printable(*character)) {
            wrong.push(format!(
                "must only contain printable UTF-8 characters; non-printable character found at index {index}"
            ));
        }
    } else {
        wrong.push("can only be set for deprecated versions".to_owned());
    }
    causes.extend(
        wrong.iter().map(|why| causes::invalid_value(format!("{path}.deprecationWarning"), &Value::from(warning), why)),
    );
}

/// What may stand at the root of a schema if there is a subresource `status`.
const AT_ROOT: [&str; 22] = [
    "description",
    "type",
    "format",
    "title",
    "maximum",
    "exclusiveMaximum",
    "minimum",
    "exclusiveMinimum",
    "maxLength",
    "minLength",
    "pattern",
    "maxItems",
    "minItems",
    "uniqueItems",
    "multipleOf",
    "required",
    "items",
    "properties",
    "externalDocs",
    "example",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
];

/// What is wrong with a schema; `path` is what it is in.
pub(super) fn schema(schema: &Value, status: bool, path: &str, causes: &mut Vec<Cause>) -> Result<(), Failure> {
    let Some(object) = schema.as_object() else { return Err(Failure::not_in_sandbox("a schema that is no object")) };
    let path = format!("{path}.openAPIV3Schema");
    if status {
        let set = |name: &&String| object.get(*name).is_some_and(openapi::is_set);
        if text(object, "type") != "object" && !text(object, "type").is_empty() {
            let why =
                "only \"object\" is allowed as the type at the root of the schema if the status subresource is enabled";
            causes.push(causes::invalid(format!("{path}.type"), text(object, "type"), why));
        } else if object.keys().filter(set).any(|name| !AT_ROOT.contains(&name.as_str())) {
            return Err(Failure::not_in_sandbox("what its status subresource forbids at the root of a schema"));
        }
    }
    if object.get("nullable") == Some(&Value::Bool(true)) {
        causes.push(causes::forbidden(format!("{path}.nullable"), "nullable cannot be true at the root"));
    }
    let mut wrong = structural::check(object, &path);
    let unsupported = openapi::unsupported(object);
    if wrong.is_empty() && !unsupported {
        wrong = defaults::check(schema, &path)?;
    }
    // A schema that cannot be read as a structural one is told by what is wrong with it in itself.
    if !unsupported {
        causes.extend(wrong);
    }
    let mut checks = openapi::Checks::default();
    checks.schema(object, &path, &openapi::Place::root());
    causes.extend(checks.into_causes());
    Ok(())
}
