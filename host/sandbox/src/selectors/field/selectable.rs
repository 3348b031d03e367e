//! Which fields objects of a kind can be selected by, and what value they have in an object.
//!
//! Facts: `AddFieldLabelConversionFunc` in `pkg/apis/*/v1/conversion.go` of Kubernetes says which names a request may use,
//! `ToSelectableFields` in `pkg/registry/*/*/strategy.go` what their values are; for custom resources `ConvertFieldLabel` in
//! `pkg/apiserver/conversion/converter.go` and `selectableFields` in `pkg/registry/customresource/strategy.go` of
//! `k8s.io/apiextensions-apiserver`. Events are read in their `v1` form, whichever group they are asked for in.
//!
//! Not here: kinds of API groups that the sandbox does not serve (`resource.k8s.io`, `certificates.k8s.io`).

use std::borrow::Cow;

use serde_json::Value;

use super::FieldSelector;
use crate::quote::quote;
use crate::status::Failure;

/// The fields that objects of one kind can be selected by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectableFields(Table);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Table {
    /// Names a request may use; the message for others.
    BuiltIn { names: &'static [&'static str], refusal: Refusal },
    /// `events.k8s.io`: its names stand for those of `v1`.
    NewEvents,
    /// `metadata.name`, `metadata.namespace` where there are namespaces, and `selectableFields`: name and path.
    Custom { namespaced: bool, paths: Vec<(String, Vec<String>)> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// `field label not supported: x`
    Label,
    /// `field label "x" not supported for Job`
    Job,
    /// `"x" is not a known field selector: only "metadata.name", "metadata.namespace"`
    Known,
}

const NAME: &str = "metadata.name";
const NAMESPACE: &str = "metadata.namespace";

const POD: &[&str] = &[
    NAME,
    NAMESPACE,
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.podIPs",
    "status.nominatedNodeName",
    "spec.host",
];

const EVENT: &[&str] = &[
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
    NAMESPACE,
    NAME,
];

impl SelectableFields {
    /// Those of a built-in kind, in a version of today.
    pub fn of(group: &str, kind: &str) -> Self {
        let label = |names| Table::BuiltIn { names, refusal: Refusal::Label };
        Self(match (group, kind) {
            ("", "Pod") => label(POD),
            ("", "Node") => label(&[NAME, "spec.unschedulable"]),
            ("", "Namespace") => label(&["status.phase", NAME]),
            ("", "Secret") => label(&["type", NAMESPACE, NAME]),
            ("", "Service") => label(&[NAMESPACE, NAME, "spec.clusterIP", "spec.type"]),
            ("", "ReplicationController") => label(&[NAME, NAMESPACE, "status.replicas"]),
            ("", "Event") => label(EVENT),
            ("events.k8s.io", "Event") => Table::NewEvents,
            ("batch", "Job") => {
                Table::BuiltIn { names: &[NAME, NAMESPACE, "status.successful"], refusal: Refusal::Job }
            }
            _ => Table::BuiltIn { names: &[NAME, NAMESPACE], refusal: Refusal::Known },
        })
    }

    /// Those of a custom resource: its scope and the `jsonPath` of each of its version's `selectableFields`.
    pub fn custom(namespaced: bool, json_paths: &[&str]) -> Result<Self, Failure> {
        let paths = json_paths.iter().map(|path| {
            let steps = steps(path)
                .ok_or_else(|| Failure::not_in_sandbox(&format!("a selectable field with the path {}", quote(path))))?;
            Ok((path.strip_prefix('.').unwrap_or(path).to_owned(), steps))
        });
        Ok(Self(Table::Custom { namespaced, paths: paths.collect::<Result<_, Failure>>()? }))
    }

    /// The selector with the names that objects are looked at by, or the 400 for a name that this kind does not have.
    pub fn convert(&self, mut selector: FieldSelector) -> Result<FieldSelector, Failure> {
        for term in &mut selector.terms {
            match self.name(&term.field).map(Cow::into_owned) {
                Some(name) => term.field = name,
                None => return Err(Failure::bad_request(self.refusal(&term.field))),
            }
        }
        Ok(selector)
    }

    /// Whether an object meets a selector that went through [`Self::convert`].
    pub fn matches(&self, selector: &FieldSelector, object: &Value) -> bool {
        selector.matches(|field| self.value(object, field))
    }

    /// The value of a field; empty where there is none.
    fn value<'v>(&self, object: &'v Value, field: &str) -> Cow<'v, str> {
        let at = |path: &str| path.split('.').try_fold(object, |value, step| value.get(step));
        let text = |path: &str| Cow::Borrowed(at(path).and_then(Value::as_str).unwrap_or_default());
        match (&self.0, field) {
            (_, NAME | NAMESPACE) => text(field),
            (Table::Custom { paths, .. }, _) => {
                let path = paths.iter().find(|(name, _)| name == field).map(|(_, path)| path);
                path.and_then(|path| path.iter().try_fold(object, |value, step| value.get(step)))
                    .map_or_else(Cow::default, shown)
            }
            (_, "spec.hostNetwork" | "spec.unschedulable") => {
                Cow::Borrowed(if at(field).and_then(Value::as_bool) == Some(true) { "true" } else { "false" })
            }
            (_, "status.replicas") => Cow::Owned(at(field).and_then(Value::as_i64).unwrap_or_default().to_string()),
            (_, "status.successful") => {
                Cow::Owned(at("status.succeeded").and_then(Value::as_i64).unwrap_or_default().to_string())
            }
            // A pod can be asked for by it, and it is not among its values.
            (_, "status.podIPs") => Cow::Borrowed(""),
            (_, "source") => {
                let component = text("source.component");
                if component.is_empty() { text("reportingComponent") } else { component }
            }
            _ => text(field),
        }
    }

    fn name<'f>(&self, field: &'f str) -> Option<Cow<'f, str>> {
        match &self.0 {
            Table::BuiltIn { .. } if field == "spec.host" && self.has(field) => Some(Cow::Borrowed("spec.nodeName")),
            Table::BuiltIn { .. } | Table::Custom { .. } => self.has(field).then_some(Cow::Borrowed(field)),
            Table::NewEvents => match field {
                "reason" | "type" | NAME | NAMESPACE => Some(Cow::Borrowed(field)),
                "reportingController" => Some(Cow::Borrowed("reportingComponent")),
                _ => {
                    let old = format!("involvedObject.{}", field.strip_prefix("regarding.")?);
                    EVENT.contains(&old.as_str()).then_some(Cow::Owned(old))
                }
            },
        }
    }

    fn has(&self, field: &str) -> bool {
        match &self.0 {
            Table::BuiltIn { names, .. } => names.contains(&field),
            Table::Custom { namespaced, paths } => {
                field == NAME || (*namespaced && field == NAMESPACE) || paths.iter().any(|(name, _)| name == field)
            }
            Table::NewEvents => false,
        }
    }

    fn refusal(&self, field: &str) -> String {
        match self.0 {
            Table::BuiltIn { refusal: Refusal::Job, .. } => {
                format!("field label {} not supported for Job", quote(field))
            }
            Table::BuiltIn { refusal: Refusal::Known, .. } => {
                format!(
                    "{} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"",
                    quote(field)
                )
            }
            _ => format!("field label not supported: {field}"),
        }
    }
}

/// The steps of a path without lists: `.spec.color`, `.spec['my.color']`.
fn steps(path: &str) -> Option<Vec<String>> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix("['") {
            let (step, after) = quoted.split_once("']")?;
            steps.push(step.to_owned());
            rest = after;
        } else {
            let named = rest.strip_prefix('.')?;
            let end = named.find(['.', '[']).unwrap_or(named.len());
            let (step, after) = named.split_at_checked(end)?;
            if step.is_empty() || step.contains(['\'', ']', '*', '@', '?', '\\']) {
                return None;
            }
            steps.push(step.to_owned());
            rest = after;
        }
    }
    (!steps.is_empty()).then_some(steps)
}

/// A value as `fmt.Sprint` writes it; selectable fields are strings, whole numbers and booleans.
fn shown(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        Value::Null => Cow::Borrowed(""),
        other => Cow::Owned(other.to_string()),
    }
}
