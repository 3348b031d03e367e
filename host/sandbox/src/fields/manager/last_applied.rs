//! What kubectl applied on its own side, in the annotation that it keeps for that: it may be changed by kubectl's server-side
//! apply (`lastappliedmanager.go`), which keeps the annotation up to date (`lastappliedupdater.go`).

use serde_json::{Map, Value};

use super::super::compare::compare;
use super::super::describe::fields_of;
use super::super::print::write_json;
use super::super::set::FieldSet;
use super::super::shape::Shape;
use super::super::validate::{Duplicates, validate};

const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// `validation.TotalAnnotationSizeLimitB`.
const MAX_ANNOTATIONS: usize = 256 * 1024;

/// The fields that kubectl applied on its own side and that are still as it did. `None`: there is no such annotation, or it
/// cannot be understood, and then every conflict counts.
pub(super) fn allowed(shape: &Shape, api_version: &str, live: &Value) -> Option<FieldSet<'static>> {
    let annotation = annotations(live)?.get(ANNOTATION)?.as_str().filter(|text| !text.is_empty())?;
    let last: Value = serde_json::from_str(annotation).ok()?;
    if last.get("apiVersion")?.as_str()? != api_version {
        return None;
    }
    validate(shape, &last, Duplicates::Refused).ok()?;
    let different = compare(shape, &last, live).ok()?;
    let allowed = fields_of(shape, &last)
        .difference(&different.modified)
        .difference(&different.added)
        .difference(&different.removed);
    Some(allowed.into_owned())
}

/// What the annotation becomes.
pub(super) enum Annotation {
    /// This.
    Text(String),
    /// It goes: annotations would become too large with it.
    Gone,
}

/// The annotation after an application by kubectl, if that changes it. An object without it does not get it.
pub(super) fn updated_annotation(object: &Value, applied: &Value) -> Option<Annotation> {
    let annotations = annotations(object)?;
    let there = annotations.get(ANNOTATION)?.as_str().filter(|text| !text.is_empty())?;
    let mut config = applied.clone();
    // Without annotations the applied object keeps an empty map of them, as Go's accessor does.
    if let Some(annotations) = config.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.remove(ANNOTATION);
    }
    let mut text = String::new();
    write_json(&config, &mut text);
    text.push('\n');
    let others = annotations.iter().filter(|(name, _)| *name != ANNOTATION);
    let size: usize = others.map(|(name, value)| name.len() + value.as_str().map_or(0, str::len)).sum();
    if size + ANNOTATION.len() + text.len() > MAX_ANNOTATIONS {
        return Some(Annotation::Gone);
    }
    (text != there).then_some(Annotation::Text(text))
}

impl Annotation {
    /// Puts it into an object that has it.
    pub(super) fn put(self, object: &mut Value) {
        let Some(annotations) = object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) else {
            return;
        };
        match self {
            Self::Text(text) => {
                annotations.insert(ANNOTATION.to_owned(), Value::String(text));
            }
            Self::Gone => {
                annotations.remove(ANNOTATION);
            }
        }
    }
}

fn annotations(object: &Value) -> Option<&Map<String, Value>> {
    object.pointer("/metadata/annotations")?.as_object()
}
