//! Patches: JSON merge patches (RFC 7386) on objects that the templates made.

use serde_json::{Map, Value};

use super::error::TemplateError;
use super::layer::File;
use super::limits::Limits;
use super::place::Place;
use super::yaml;

/// One patch.
#[derive(Debug)]
pub(super) struct Patch {
    place: Place,
    /// How provenance names the file.
    source: String,
    kind: String,
    name: Option<String>,
    optional: bool,
    fields: Map<String, Value>,
}

impl Patch {
    /// Reads the patches of a file; several documents are several patches.
    pub(super) fn read(file: &File, limits: &Limits) -> Result<Vec<Self>, TemplateError> {
        let documents = yaml::read(&file.source, limits.depth)
            .map_err(|fault| fault.problem.into_error(file.place(&fault.range), limits))?;
        documents
            .into_iter()
            .map(|document| {
                let place = file.place(&(document.at..document.at));
                Self::new(&place, file.source_name(), document.root.into_value())
                    .map_err(|message| TemplateError::Patch { place, message: message.to_owned() })
            })
            .collect()
    }

    fn new(place: &Place, source: String, document: Value) -> Result<Self, &'static str> {
        const SHAPE: &str =
            "a patch is a map with `target: {kind, name, optional}`, of which kind is required, and `patch`";
        let Value::Object(mut document) = document else { return Err(SHAPE) };
        let (Some(Value::Object(mut target)), Some(Value::Object(patch))) =
            (document.remove("target"), document.remove("patch"))
        else {
            return Err(SHAPE);
        };
        let kind = match target.remove("kind") {
            Some(Value::String(kind)) if !kind.is_empty() => kind,
            _ => return Err(SHAPE),
        };
        let name = match target.remove("name") {
            None => None,
            Some(Value::String(name)) => Some(name),
            Some(_) => return Err(SHAPE),
        };
        let optional = match target.remove("optional") {
            None => false,
            Some(Value::Bool(optional)) => optional,
            Some(_) => return Err(SHAPE),
        };
        if !document.is_empty() || !target.is_empty() {
            return Err(SHAPE);
        }
        let touches_metadata = match patch.get("metadata") {
            None => false,
            Some(Value::Object(metadata)) => metadata.contains_key("name") || metadata.contains_key("namespace"),
            Some(_) => true,
        };
        if patch.contains_key("apiVersion") || patch.contains_key("kind") || touches_metadata {
            return Err(
                "a patch cannot change which object it is (apiVersion, kind, metadata.name, metadata.namespace): \
                 replace the template's file instead",
            );
        }
        Ok(Self { place: place.clone(), source, kind, name, optional, fields: patch })
    }

    /// Patches every object that matches.
    pub(super) fn apply(&self, objects: &mut [super::Rendered]) -> Result<(), TemplateError> {
        let mut matched = false;
        for rendered in objects.iter_mut().filter(|rendered| self.matches(&rendered.object)) {
            matched = true;
            merge(&mut rendered.object, &self.fields);
            rendered.source.push_str(", ");
            rendered.source.push_str(&self.source);
        }
        if matched || self.optional { Ok(()) } else { Err(TemplateError::PatchUnmatched { place: self.place.clone() }) }
    }

    fn matches(&self, object: &Value) -> bool {
        let is = |pointer: &str, text: &str| object.pointer(pointer).and_then(Value::as_str) == Some(text);
        is("/kind", &self.kind) && self.name.as_ref().is_none_or(|name| is("/metadata/name", name))
    }
}

/// RFC 7386.
fn merge(target: &mut Value, patch: &Map<String, Value>) {
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (key, value) in patch {
        match value {
            Value::Null => {
                target.remove(key);
            }
            Value::Object(patch) => merge(target.entry(key.as_str()).or_insert(Value::Null), patch),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                target.insert(key.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merged(mut target: Value, patch: &Value) -> Value {
        merge(&mut target, patch.as_object().unwrap());
        target
    }

    #[test]
    fn merges_as_rfc_7386_says() {
        // The object cases of the RFC's appendix A.
        for (target, patch, result) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            assert_eq!(merged(target, &patch), result, "{patch}");
        }
    }

    #[test]
    fn a_patch_has_a_shape_and_does_not_change_what_it_patches() {
        let place = Place::of_file("platform", "patches/10-a.yaml");
        let read = |document: Value| Patch::new(&place, String::new(), document);
        assert!(read(json!({"target": {"kind": "Deployment"}, "patch": {"spec": {}}})).is_ok());
        for document in [
            json!([]),
            json!({"patch": {}}),
            json!({"target": {"kind": "Deployment"}}),
            json!({"target": {"name": "x"}, "patch": {}}),
            json!({"target": {"kind": 5}, "patch": {}}),
            json!({"target": {"kind": "Deployment", "name": 5}, "patch": {}}),
            json!({"target": {"kind": "Deployment", "optional": "true"}, "patch": {}}),
            json!({"target": {"kind": "Deployment", "labels": {}}, "patch": {}}),
            json!({"target": {"kind": "Deployment"}, "patch": {}, "more": 1}),
            json!({"target": {"kind": "Deployment"}, "patch": {"kind": "Secret"}}),
            json!({"target": {"kind": "Deployment"}, "patch": {"metadata": null}}),
            json!({"target": {"kind": "Deployment"}, "patch": {"metadata": {"namespace": "x"}}}),
        ] {
            assert!(read(document.clone()).is_err(), "{document}");
        }
    }
}
