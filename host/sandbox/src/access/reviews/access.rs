//! SelfSubjectAccessReview, SubjectAccessReview and LocalSubjectAccessReview: may somebody do something?
//!
//! Facts: `pkg/apis/authorization/validation/validation.go` and `pkg/registry/authorization` of Kubernetes. The kind is not in the
//! messages of these: it is lost before they are made.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{present, text};
use crate::access::attributes::{Attributes, ResourceAttributes};
use crate::access::authority::Authority;
use crate::access::user::User;
use crate::access::view::Verdict;
use crate::causes::{invalid, invalid_text, required};
use crate::quote::json as go_json;
use crate::selectors::label::validate_requirement;
use crate::selectors::{FieldSelector, LabelSelector, label};
use crate::status::{Cause, Failure};

const GROUP: &str = "authorization.k8s.io";

/// Answers a SelfSubjectAccessReview.
pub fn self_subject_access(authority: &Authority<'_>, user: &User, review: Value) -> Result<Value, Failure> {
    let spec = spec_of(&review);
    let mut wrong = attributes_wrong(&spec);
    wrong.extend(selectors_wrong(&spec));
    wrong.extend(metadata_wrong(&review, false));
    refuse(wrong)?;
    Ok(answered(authority, user, &spec, review))
}

/// Answers a SubjectAccessReview.
pub fn subject_access(authority: &Authority<'_>, review: Value) -> Result<Value, Failure> {
    let spec = spec_of(&review);
    let mut wrong = subject_wrong(&spec);
    wrong.extend(metadata_wrong(&review, false));
    refuse(wrong)?;
    Ok(answered(authority, &subject(&spec), &spec, review))
}

/// Answers a LocalSubjectAccessReview, whose namespace is that of the request.
pub fn local_subject_access(authority: &Authority<'_>, review: Value) -> Result<Value, Failure> {
    let spec = spec_of(&review);
    let mut wrong = subject_wrong(&spec);
    wrong.extend(metadata_wrong(&review, true));
    if let Some(resource) = present(&spec, "resourceAttributes") {
        let namespace = text(resource, "namespace");
        if Some(namespace) != review.pointer("/metadata/namespace").and_then(Value::as_str) {
            wrong.push(invalid("spec.resourceAttributes.namespace", namespace, "must match metadata.namespace"));
        }
    }
    if present(&spec, "nonResourceAttributes").is_some() {
        let why = "disallowed on this kind of request";
        wrong.push(invalid_text("spec.nonResourceAttributes", &path_as_go(&spec), why));
    }
    refuse(wrong)?;
    Ok(answered(authority, &subject(&spec), &spec, review))
}

fn spec_of(review: &Value) -> Value {
    present(review, "spec").cloned().unwrap_or_else(|| json!({}))
}

fn refuse(wrong: Vec<Cause>) -> Result<(), Failure> {
    Failure::if_wrong(GROUP, "", "", wrong)
}

/// The review with its status.
fn answered(authority: &Authority<'_>, user: &User, spec: &Value, mut review: Value) -> Value {
    let (verdict, errors) = match present(spec, "resourceAttributes") {
        Some(resource) => {
            let attributes = ResourceAttributes {
                verb: text(resource, "verb"),
                group: text(resource, "group"),
                resource: text(resource, "resource"),
                subresource: text(resource, "subresource"),
                namespace: text(resource, "namespace"),
                name: text(resource, "name"),
            };
            (authority.authorize(user, &Attributes::Resource(attributes)), evaluation_errors(resource))
        }
        None => {
            let path = present(spec, "nonResourceAttributes").unwrap_or(&Value::Null);
            let attributes = Attributes::Path { verb: text(path, "verb"), path: text(path, "path") };
            (authority.authorize(user, &attributes), Vec::new())
        }
    };
    let mut status = Map::from_iter([("allowed".to_owned(), json!(verdict.is_allowed()))]);
    if matches!(verdict, Verdict::Deny(_)) {
        status.insert("denied".to_owned(), json!(true));
    }
    for (name, value) in [("reason", verdict.reason()), ("evaluationError", errors.join("; "))] {
        if !value.is_empty() {
            status.insert(name.to_owned(), json!(value));
        }
    }
    if let Some(review) = review.as_object_mut() {
        review.insert("status".to_owned(), Value::Object(status));
    }
    review
}

/// The subject that a review names.
fn subject(spec: &Value) -> User {
    let list = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut user = User::new(text(spec, "user"), present(spec, "groups").map(list).unwrap_or_default());
    text(spec, "uid").clone_into(&mut user.uid);
    let extra = present(spec, "extra").and_then(Value::as_object).into_iter().flatten();
    user.extra = extra.map(|(key, values)| (key.clone(), list(values))).collect::<BTreeMap<_, _>>();
    user
}

/// Selectors that cannot be read are left out, and the review says so. RBAC looks at none.
fn evaluation_errors(resource: &Value) -> Vec<String> {
    let mut errors = Vec::new();
    for (name, readable) in
        [("fieldSelector", field_readable as fn(&Value) -> Readable), ("labelSelector", label_readable)]
    {
        match present(resource, name).map_or(Readable::Yes, readable) {
            Readable::Yes => {}
            Readable::Partly => {
                errors.push(format!("spec.resourceAttributes.{name} partially ignored due to parse error"));
            }
            Readable::No => errors.push(format!("spec.resourceAttributes.{name} ignored due to parse error")),
        }
    }
    errors
}

/// How much of a selector can be read.
enum Readable {
    Yes,
    Partly,
    No,
}

impl Readable {
    fn of(good: usize, bad: usize) -> Self {
        match (good, bad) {
            (_, 0) => Self::Yes,
            (0, _) => Self::No,
            _ => Self::Partly,
        }
    }
}

fn field_readable(selector: &Value) -> Readable {
    let requirements = requirements(selector);
    if requirements.is_empty() {
        return if FieldSelector::parse(text(selector, "rawSelector")).is_ok() { Readable::Yes } else { Readable::No };
    }
    let good = |requirement: &&&Value| {
        let values = requirement.get("values").and_then(Value::as_array).map_or(0, Vec::len);
        matches!(text(requirement, "operator"), "In" | "NotIn") && values == 1
    };
    let good = requirements.iter().filter(good).count();
    Readable::of(good, requirements.len() - good)
}

fn label_readable(selector: &Value) -> Readable {
    let requirements = requirements(selector);
    if requirements.is_empty() {
        return if LabelSelector::parse(text(selector, "rawSelector")).is_ok() { Readable::Yes } else { Readable::No };
    }
    let good = |requirement: &&&Value| {
        label::LabelSelector::from_object(Some(&json!({"matchExpressions": [requirement]}))).is_ok()
    };
    let good = requirements.iter().filter(good).count();
    Readable::of(good, requirements.len() - good)
}

fn requirements(selector: &Value) -> Vec<&Value> {
    selector.get("requirements").and_then(Value::as_array).into_iter().flatten().collect()
}

fn subject_wrong(spec: &Value) -> Vec<Cause> {
    let mut wrong = attributes_wrong(spec);
    let groups = present(spec, "groups").and_then(Value::as_array).is_some_and(|groups| !groups.is_empty());
    if text(spec, "user").is_empty() && !groups {
        wrong.push(invalid("spec.user", "", "at least one of user or group must be specified"));
    }
    wrong.extend(selectors_wrong(spec));
    wrong
}

fn attributes_wrong(spec: &Value) -> Vec<Cause> {
    let (resource, path) = (present(spec, "resourceAttributes"), present(spec, "nonResourceAttributes"));
    match (resource, path) {
        (Some(_), Some(_)) => {
            let why = "cannot be specified in combination with resourceAttributes";
            vec![invalid_text("spec.nonResourceAttributes", &path_as_go(spec), why)]
        }
        (None, None) => {
            let why = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
            vec![invalid_text("spec.resourceAttributes", "null", why)]
        }
        _ => Vec::new(),
    }
}

/// `nonResourceAttributes` as Go writes its own type, which has no JSON names.
fn path_as_go(spec: &Value) -> String {
    let path = present(spec, "nonResourceAttributes").unwrap_or(&Value::Null);
    let field = |name| go_json(&json!(text(path, name)));
    format!(r#"{{"Path":{},"Verb":{}}}"#, field("path"), field("verb"))
}

fn selectors_wrong(spec: &Value) -> Vec<Cause> {
    let mut wrong = Vec::new();
    let Some(resource) = present(spec, "resourceAttributes") else { return wrong };
    for name in ["fieldSelector", "labelSelector"] {
        let Some(selector) = present(resource, name) else { continue };
        let path = format!("spec.resourceAttributes.{name}");
        let (raw, requirements) = (text(selector, "rawSelector"), requirements(selector));
        if !raw.is_empty() && !requirements.is_empty() {
            let why = "may not specified at the same time as requirements";
            wrong.push(invalid(format!("{path}.rawSelector"), raw, why));
        }
        if raw.is_empty() && requirements.is_empty() {
            let why = format!("when {path} is specified, requirements or rawSelector is required");
            wrong.push(required(format!("{path}.requirements"), &why));
        }
        for (index, requirement) in requirements.into_iter().enumerate() {
            let path = format!("{path}.requirements[{index}]");
            wrong.extend(match name {
                "labelSelector" => validate_requirement(requirement, &path, true),
                _ => field_requirement_wrong(requirement, &path),
            });
        }
    }
    wrong
}

/// `ValidateFieldSelectorRequirement`, which lets operators pass that it does not know.
fn field_requirement_wrong(requirement: &Value, path: &str) -> Vec<Cause> {
    let mut wrong = Vec::new();
    if text(requirement, "key").is_empty() {
        wrong.push(required(format!("{path}.key"), "must be specified"));
    }
    let values = requirement.get("values").and_then(Value::as_array).map_or(0, Vec::len);
    match text(requirement, "operator") {
        "In" | "NotIn" if values == 0 => {
            wrong.push(required(format!("{path}.values"), "must be specified when `operator` is 'In' or 'NotIn'"));
        }
        "Exists" | "DoesNotExist" if values > 0 => {
            let why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            wrong.push(crate::causes::forbidden(format!("{path}.values"), why));
        }
        _ => {}
    }
    wrong
}

/// The fields of `metadata` in the order in which Go writes them.
const METADATA: [&str; 15] = [
    "name",
    "generateName",
    "namespace",
    "selfLink",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
    "managedFields",
];

/// The fields of an entry of `managedFields` in the order in which Go writes them.
const MANAGED_FIELDS: [&str; 7] =
    ["manager", "operation", "apiVersion", "time", "fieldsType", "fieldsV1", "subresource"];

/// A field of `metadata` as Go writes it. Of the fields that are objects of Go, servers themselves write only one.
fn field_as_go(name: &str, value: &Value) -> String {
    let Some(entries) = value.as_array().filter(|_| name == "managedFields") else { return go_json(value) };
    let entry = |entry: &Value| {
        let fields = MANAGED_FIELDS.iter().filter_map(|name| entry.get(*name).map(|value| (name, value)));
        let fields: Vec<String> = fields.map(|(name, value)| format!("\"{name}\":{}", go_json(value))).collect();
        format!("{{{}}}", fields.join(","))
    };
    format!("[{}]", entries.iter().map(entry).collect::<Vec<_>>().join(","))
}

fn metadata_wrong(review: &Value, namespaced: bool) -> Option<Cause> {
    let metadata = review.get("metadata").and_then(Value::as_object)?;
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    };
    let allowed = |name: &str| name == "managedFields" || (namespaced && name == "namespace");
    let mut set = metadata.iter().filter(|(_, value)| !empty(value));
    set.any(|(name, _)| !allowed(name)).then(|| {
        let written = METADATA
            .iter()
            .filter_map(|name| metadata.get(*name).filter(|value| !empty(value)).map(|value| (name, value)));
        let written: Vec<String> =
            written.map(|(name, value)| format!("\"{name}\":{}", field_as_go(name, value))).collect();
        let why = if namespaced { "must be empty except for namespace" } else { "must be empty" };
        invalid_text("metadata", &format!("{{{}}}", written.join(",")), why)
    })
}
