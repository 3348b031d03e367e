//! What is remembered of an APIExport.

use serde_json::Value;

use super::claim;
use super::json::{Object, annotation, at, items, of, text};
use crate::access::kcp::export::Claim;

/// An APIExport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// The logical cluster that it is in.
    pub cluster: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// The path of its workspace; empty if it does not say.
    pub path: Box<str>,
    /// Its identity; empty before it has one.
    pub identity: Box<str>,
    /// What it exports.
    pub resources: Vec<Exported>,
    /// What it claims.
    pub claims: Vec<Claim>,
    /// The same as it is written.
    pub written_claims: Value,
    /// It says what tenants may do at the most.
    pub has_policy: bool,
}

/// A resource of an APIExport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// API group.
    pub group: Box<str>,
    /// Plural.
    pub name: Box<str>,
    /// Name of the APIResourceSchema.
    pub schema: Box<str>,
    /// Its objects are not kept by the server.
    pub is_virtual: bool,
}

impl Export {
    /// Reads one.
    pub fn read(cluster: &str, name: &str, export: &Object) -> Self {
        let resources = items(export, &["spec", "resources"]).map(|one| Exported {
            group: of(one, "group").into(),
            name: of(one, "name").into(),
            schema: of(one, "schema").into(),
            is_virtual: one.get("storage").is_some_and(|storage| storage.get("virtual").is_some()),
        });
        Self {
            cluster: cluster.into(),
            name: name.into(),
            path: annotation(export, super::PATH).into(),
            identity: text(export, &["status", "identityHash"]).into(),
            resources: resources.collect(),
            claims: claim::claims(export),
            written_claims: at(export, &["spec", "permissionClaims"]).cloned().unwrap_or_default(),
            has_policy: at(export, &["spec", "maximalPermissionPolicy", "local"]).is_some_and(|local| !local.is_null()),
        }
    }
}
