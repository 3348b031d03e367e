//! One version of a custom resource, compiled: all that a request needs to know of it.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::columns::Column;
use super::defaulting;
use super::lists;
use super::node::Node;
use super::object_meta;
use super::openapi;
use super::parse::{self, present, text};
use super::path::Path;
use super::pruning;
use super::rules::{Rules, Verdict};
use crate::causes;
use crate::lifecycle;
use crate::quote::quote;
use crate::selectors::field::SelectableFields;
use crate::status::{Cause, Failure};

/// What custom resources of one version contain.
#[expect(clippy::struct_excessive_bools, reason = "they are what a definition says, each on its own")]
#[derive(Debug, Clone)]
pub struct Version {
    /// Such as `v1alpha1`.
    pub name: String,
    /// It is served.
    pub served: bool,
    /// Objects are stored in it.
    pub storage: bool,
    /// What clients are warned of, if it is deprecated.
    pub deprecation: Option<String>,
    /// It has the subresource `status`.
    pub status: bool,
    /// It has the subresource `scale`, which is not in the sandbox.
    pub scale: bool,
    /// The columns of its tables after the name.
    pub columns: Vec<Column>,
    /// The fields that its objects can be selected by.
    pub selectable: SelectableFields,
    schema: Node,
    rules: Option<Rules>,
}

/// What came of a validation.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Validated {
    /// The fields that are wrong.
    pub causes: Vec<Cause>,
    /// Rules that do not hold and did not before: clients are warned of them.
    pub warnings: Vec<String>,
}

impl Version {
    /// Reads an item of `spec.versions` of a definition. `namespaced`: its objects are in namespaces.
    pub(super) fn read(
        version: &Map<String, Value>,
        group: &str,
        kind: &str,
        namespaced: bool,
    ) -> Result<Self, Failure> {
        let is = |name: &str| version.get(name).and_then(Value::as_bool).unwrap_or_default();
        let name = text(version, "name");
        let schema = present(version, "schema").and_then(|schema| schema.get("openAPIV3Schema"));
        let subresource = |name: &str| {
            present(version, "subresources").and_then(|all| all.get(name)).is_some_and(|one| !one.is_null())
        };
        let deprecation = is("deprecated").then(|| match text(version, "deprecationWarning") {
            "" => format!("{group}/{name} {kind} is deprecated"),
            warning => warning.to_owned(),
        });
        let schema = schema.filter(|schema| !schema.is_null()).map(parse::node).transpose()?.unwrap_or_default();
        let rules = Rules::of(&schema, true)?;
        let selectable = version.get("selectableFields").and_then(Value::as_array).into_iter().flatten();
        let selectable: Vec<&str> =
            selectable.filter_map(|field| field.get("jsonPath").and_then(Value::as_str)).collect();
        let columns = match version.get("additionalPrinterColumns").and_then(Value::as_array) {
            Some(columns) if !columns.is_empty() => Column::read(version.get("additionalPrinterColumns"))?,
            _ => Column::age()?,
        };
        Ok(Self {
            name: name.to_owned(),
            served: is("served"),
            storage: is("storage"),
            deprecation,
            status: subresource("status"),
            scale: subresource("scale"),
            columns,
            selectable: SelectableFields::custom(namespaced, &selectable)?,
            schema,
            rules,
        })
    }

    /// Takes what a client sent, or what was stored: drops fields that the schema does not know and nulls that it does not allow,
    /// and checks the types of `metadata`. The paths of unknown fields, in a server's order; the error is what its reader says.
    pub fn coerce(&self, object: &mut Value) -> Result<Vec<String>, String> {
        let mut unknown = Vec::new();
        if let Some(metadata) = object.get_mut("metadata") {
            object_meta::coerce(metadata, &mut unknown)?;
            for path in &mut unknown {
                path.insert_str(0, "metadata.");
            }
        }
        unknown.extend(self.prune(object));
        defaulting::drop_nulls(object, &self.schema);
        let mut embedded = Vec::new();
        object_meta::coerce_embedded(object, &self.schema, &Path::OBJECT, &mut embedded)?;
        embedded.sort();
        unknown.extend(embedded);
        Ok(unknown)
    }

    /// Drops fields that the schema does not know. Their paths.
    pub fn prune(&self, object: &mut Value) -> Vec<String> {
        pruning::prune(object, &self.schema, true)
    }

    /// Fills in what is left out and has a default.
    pub fn default(&self, object: &mut Value) {
        defaulting::default(object, &self.schema);
    }

    /// What is wrong with an object, but for its metadata. `old` is what it replaces.
    pub fn validate(&self, object: &Value, old: Option<&Value>) -> Validated {
        let mut causes = openapi::validate(&self.schema, object, old, "");
        object_meta::embedded_wrong(object, &self.schema, &Path::OBJECT, &mut causes);
        let mut before = Vec::new();
        if let Some(old) = old {
            lists::duplicates(old, &self.schema, &Path::OBJECT, &mut before);
        }
        if before.is_empty() {
            lists::duplicates(object, &self.schema, &Path::OBJECT, &mut causes);
        }
        self.rules(causes, object, old)
    }

    /// What is wrong with an object whose `/status` was written.
    pub fn validate_status(&self, object: &Value, old: &Value) -> Validated {
        let mut causes = Vec::new();
        if let (Some(status), Some(schema)) = (object.get("status"), self.schema.properties.get("status")) {
            causes.extend(openapi::validate(schema, status, old.get("status"), "status"));
        }
        let (mut now, mut before) = (Vec::new(), Vec::new());
        lists::duplicates(object, &self.schema, &Path::OBJECT, &mut now);
        lists::duplicates(old, &self.schema, &Path::OBJECT, &mut before);
        if before.is_empty() {
            causes.extend(now);
        }
        self.rules(causes, object, Some(old))
    }

    fn rules(&self, mut causes: Vec<Cause>, object: &Value, old: Option<&Value>) -> Validated {
        const BLOCKING: [&str; 5] = [
            "FieldValueNotSupported",
            "FieldValueRequired",
            "FieldValueTooLong",
            "FieldValueTooMany",
            "FieldValueTypeInvalid",
        ];
        let Some(rules) = &self.rules else { return Validated { causes, warnings: Vec::new() } };
        if causes.iter().any(|cause| BLOCKING.contains(&cause.reason)) {
            let why = "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation";
            causes.push(causes::invalid_text("<nil>", "null", why));
            return Validated { causes, warnings: Vec::new() };
        }
        let Verdict { causes: broken, warnings } = rules.check(&self.schema, object, old, &Path::OBJECT, old.is_some());
        causes.extend(broken);
        Validated { causes, warnings }
    }

    /// What clients are warned of when they add finalizers without a domain to a custom resource.
    pub fn finalizer_warnings(object: &Map<String, Value>, old: Option<&Map<String, Value>>) -> Vec<String> {
        let finalizers = |object: &Map<String, Value>| -> BTreeSet<String> {
            let all = object.get("metadata").and_then(|metadata| metadata.get("finalizers")).and_then(Value::as_array);
            all.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let before = old.map(finalizers).unwrap_or_default();
        let added = finalizers(object).into_iter().filter(|name| !before.contains(name));
        let short = added.filter(|name| {
            !name.contains('/') && !matches!(name.as_str(), "orphan" | "foregroundDeletion" | "kubernetes")
        });
        let warning = |name: String| {
            let path = if name.contains('.') { " including a path (/)" } else { "" };
            let name = quote(&name);
            format!(
                "metadata.finalizers: {name}: prefer a domain-qualified finalizer name{path} to avoid accidental conflicts with other finalizer writers"
            )
        };
        short.map(warning).collect()
    }

    /// Its rules for [`lifecycle`]: of the object itself, or of `/status`.
    pub fn content(&self, status: bool) -> Content<'_> {
        Content { version: self, status }
    }
}

/// The rules of a version, as the life of objects asks for them.
#[derive(Debug, Clone, Copy)]
pub struct Content<'a> {
    version: &'a Version,
    status: bool,
}

impl lifecycle::Rules for Content<'_> {
    fn content(&self, object: &Map<String, Value>, old: Option<&Map<String, Value>>) -> Vec<Cause> {
        // Validation walks values, and an object is a map here: it is moved into one for as long as it takes.
        let object = Value::Object(object.clone());
        let old = old.map(|old| Value::Object(old.clone()));
        match (&old, self.status) {
            (Some(old), true) => self.version.validate_status(&object, old).causes,
            (old, _) => self.version.validate(&object, old.as_ref()).causes,
        }
    }
}
