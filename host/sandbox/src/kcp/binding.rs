//! What is remembered of an APIBinding, so that nobody has to parse it to decide on a request.

use serde_json::Value;

use super::claim::Answers;
use super::json::{Object, is_deleting, items, of, text};

/// An APIBinding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The logical cluster that it is in.
    pub cluster: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// Where it says that the APIExport is: a path, or the name of a logical cluster; its own if it says nothing.
    pub path: Box<str>,
    /// The name of the APIExport.
    pub export: Box<str>,
    /// The path as it is written.
    pub written: Box<str>,
    /// The logical cluster of the APIExport that it was bound to; empty before.
    pub export_cluster: Box<str>,
    /// Group and plural of each resource that is bound.
    pub bound: Vec<(String, String)>,
    /// The schema of each of them.
    pub schemas: Vec<BoundSchema>,
    /// What it accepts.
    pub answers: Answers,
    /// It is being deleted.
    pub deleting: bool,
}

/// The schema of a bound resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundSchema {
    /// Name of the APIResourceSchema, in the logical cluster of the APIExport.
    pub name: Box<str>,
    /// Its uid.
    pub uid: Box<str>,
    /// The identity of the APIExport.
    pub identity: Box<str>,
}

impl Binding {
    /// Reads one.
    pub fn read(cluster: &str, name: &str, binding: &Object) -> Self {
        let written = text(binding, &["spec", "reference", "export", "path"]);
        let resources = || items(binding, &["status", "boundResources"]);
        let schema = |resource: &Value| {
            let schema = resource.get("schema").unwrap_or(&Value::Null);
            BoundSchema {
                name: of(schema, "name").into(),
                uid: of(schema, "UID").into(),
                identity: of(schema, "identityHash").into(),
            }
        };
        Self {
            cluster: cluster.into(),
            name: name.into(),
            path: if written.is_empty() { cluster } else { written }.into(),
            export: text(binding, &["spec", "reference", "export", "name"]).into(),
            written: written.into(),
            export_cluster: text(binding, &["status", "apiExportClusterName"]).into(),
            bound: resources().map(|one| (of(one, "group").to_owned(), of(one, "resource").to_owned())).collect(),
            schemas: resources().map(schema).collect(),
            answers: Answers::read(binding),
            deleting: is_deleting(binding),
        }
    }

    /// What is bound, with its schema.
    pub fn resources(&self) -> impl Iterator<Item = (&str, &str, &BoundSchema)> {
        self.bound
            .iter()
            .zip(&self.schemas)
            .map(|((group, resource), schema)| (group.as_str(), resource.as_str(), schema))
    }

    /// Whether a resource is bound.
    pub fn binds(&self, group: &str, resource: &str) -> bool {
        self.bound.iter().any(|one| one.0 == group && one.1 == resource)
    }
}
