//! Custom kinds, from what defines them: a `CustomResourceDefinition`, or kcp's `APIResourceSchema`.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::World;
use super::serving::{Content, Managers, Serving};
use crate::fields::{self, FieldManager};
use crate::kinds::{Definition, Served};
use crate::lifecycle::Facts;
use crate::schema::{CustomKind, Names};
use crate::status::Failure;

/// A definition, compiled, and where it counts.
#[derive(Debug)]
pub struct Defined<'a> {
    /// What it defines.
    pub kind: Arc<CustomKind>,
    /// The schema of each version, in the order of the definition.
    pub schemas: Vec<Option<&'a Value>>,
    /// The names that were accepted.
    pub names: &'a Names,
    /// It is about to be deleted: nothing new is taken.
    pub terminating: bool,
    /// In kcp, the logical cluster that the definition is in.
    pub cluster: Option<&'a str>,
    /// In kcp, the identity of the APIExport that it is from; empty for all others.
    pub identity: &'a str,
}

impl World {
    /// Whether a definition may define a kind: one that is built in is kept where the definition's objects would be.
    pub fn definable(&self, group: &str, plural: &str) -> Result<(), Failure> {
        match self.built_in_servings.stored(group, plural) {
            Some(_) => Err(Failure::not_in_sandbox("a definition of a kind that is built in")),
            None => Ok(()),
        }
    }

    /// The versions of a definition that are served, ready to serve.
    pub fn define(&mut self, defined: &Defined<'_>) -> Result<Vec<Arc<Serving>>, Failure> {
        let kind = &defined.kind;
        self.definable(&kind.group, &kind.names.plural)?;
        let names: Vec<String> =
            kind.versions.iter().map(|version| format!("{}/{}", kind.group, version.name)).collect();
        let storage = kind.storage().map(|version| version.name.as_str());
        let is_served = kind.storage().is_some_and(|version| version.served);
        let resource = self.resource(&kind.group, &kind.names.plural, defined.identity);
        let mut servings = Vec::new();
        for (at, version) in kind.versions.iter().enumerate().filter(|(_, version)| version.served) {
            let served = Served::custom(&Definition {
                group: &kind.group,
                version: &version.name,
                names: defined.names,
                namespaced: kind.namespaced,
                status: version.status,
                scale: version.scale,
                storage_version: storage.filter(|_| is_served),
                terminating: defined.terminating,
                cluster: defined.cluster,
            });
            let api_version = served.api_version();
            let managers = managers(&fields::CustomKind {
                api_version: &api_version,
                kind: &kind.names.kind,
                schema: defined.schemas.get(at).copied().flatten(),
                status: version.status,
                other_versions: names.iter().filter(|other| **other != api_version).cloned().collect(),
            })?;
            servings.push(Arc::new(Serving {
                resource,
                facts: Facts::custom(version.status),
                content: Content::Custom(Arc::clone(kind), at),
                is_stored: version.storage,
                identity: defined.identity.into(),
                managers,
                selectable: version.selectable.clone(),
                served: Arc::new(served),
            }));
        }
        Ok(servings)
    }
}

/// The field managers of a version.
pub(super) fn managers(custom: &fields::CustomKind<'_>) -> Result<Managers, Failure> {
    let object = FieldManager::custom(custom, "")?;
    let status = custom.status.then(|| object.with_subresource(custom, "status")).transpose()?;
    Ok(Managers { object: Some(Arc::new(object)), status: status.map(Arc::new) })
}

/// The schema of each version of a `CustomResourceDefinition`.
pub(super) fn schemas(definition: &Map<String, Value>) -> Vec<Option<&Value>> {
    let versions = definition.get("spec").and_then(|spec| spec.get("versions")).and_then(Value::as_array);
    versions
        .into_iter()
        .flatten()
        .map(|version| version.get("schema")?.get("openAPIV3Schema").filter(|schema| !schema.is_null()))
        .collect()
}
