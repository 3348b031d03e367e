//! Types of workspaces: where they are found, and what they extend.
//!
//! Facts: `transitiveTypeResolver` and `resolveWorkspaceTypeReference` in `pkg/admission/workspacetypeexists` of kcp.

use std::sync::Arc;

use serde_json::Value;

use super::json::{Object, annotation, at, items, of, text};
use crate::quote::quote;
use crate::status::Failure;
use crate::world::{Named, World};

/// A type, and where it is.
#[derive(Debug, Clone)]
pub(crate) struct WorkspaceType {
    /// The logical cluster that it is in.
    pub(crate) cluster: String,
    /// The path of its workspace.
    pub(crate) path: String,
    /// Its name.
    pub(crate) name: String,
    /// All of it.
    pub(crate) object: Arc<Object>,
}

/// A reference to a type: its path, which may be empty, and its name.
pub(crate) type Reference = (String, String);

impl WorkspaceType {
    /// `path:name`.
    pub(crate) fn qualified(&self) -> String {
        format!("{}:{}", self.path, self.name)
    }

    /// The initializer that stands for it.
    pub(crate) fn initializer(&self) -> Option<String> {
        let has = at(&self.object, &["spec", "initializer"]) == Some(&Value::Bool(true));
        has.then(|| format!("{}:{}", self.cluster, self.name))
    }

    /// What workspaces of it bind: path and name of an APIExport.
    pub(crate) fn default_bindings(&self) -> impl Iterator<Item = (&str, &str)> {
        items(&self.object, &["spec", "defaultAPIBindings"]).map(|one| {
            let path = of(one, "path");
            (if path.is_empty() { self.cluster.as_str() } else { path }, of(one, "export"))
        })
    }

    /// What it limits its parents or children to.
    pub(crate) fn limit(&self, field: &str) -> Option<&Value> {
        at(&self.object, &["spec", field])
    }
}

/// Reads a reference.
pub(crate) fn reference(value: &Value) -> Reference {
    (of(value, "path").to_owned(), of(value, "name").to_owned())
}

/// A type by the path of its workspace and its name.
pub(crate) fn find(world: &World, path: &str, name: &str) -> Option<WorkspaceType> {
    let cluster = world.resolve(path)?;
    let named = Named { cluster: &cluster, group: "tenancy.kcp.io", plural: "workspacetypes", namespace: "", name };
    let object = world.get(&named)?;
    let written = annotation(&object, super::PATH);
    let path = if written.is_empty() { cluster.clone() } else { written.to_owned() };
    Some(WorkspaceType { cluster, path, name: text(&object, &["metadata", "name"]).to_owned(), object })
}

/// A type that a reference in a workspace is to: where it says, or in the workspace, its parents, or `root`.
pub(crate) fn resolve(world: &World, from: &str, reference: &Reference) -> Result<WorkspaceType, String> {
    let (path, name) = reference;
    if !path.is_empty() {
        let missing = || Failure::not_found("tenancy.kcp.io", "workspacetypes", &format!("{path}|{name}"));
        return find(world, path, name).ok_or_else(|| format!("Internal error occurred: {}", missing().message));
    }
    let mut path = from.to_owned();
    loop {
        if let Some(found) = find(world, &path, name) {
            return Ok(found);
        }
        path = match path.rsplit_once(':') {
            Some((parent, _)) => parent.to_owned(),
            None if path == super::ROOT => return Err(format!("workspace type {} cannot be resolved", quote(name))),
            None => super::ROOT.to_owned(),
        };
    }
}

/// All that a type extends, and itself last.
pub(crate) fn transitive(world: &World, of_type: &WorkspaceType) -> Result<Vec<WorkspaceType>, String> {
    let mut all = Vec::new();
    let mut seen = vec![of_type.qualified()];
    extended(world, of_type, &mut seen, &mut vec![of_type.qualified()], &mut all)?;
    all.push(of_type.clone());
    Ok(all)
}

/// How many types may extend one another.
const LEVELS: usize = 64;

fn extended(
    world: &World,
    of_type: &WorkspaceType,
    seen: &mut Vec<String>,
    way: &mut Vec<String>,
    all: &mut Vec<WorkspaceType>,
) -> Result<(), String> {
    if way.len() > LEVELS {
        return Err(format!("workspace type {} extends more than {LEVELS} others, one by one", quote(&of_type.name)));
    }
    for base in items(&of_type.object, &["spec", "extend", "with"]) {
        let reference = reference(base);
        let base = resolve(world, &of_type.path, &reference)
            .map_err(|_| format!("unable to find inherited workspace type {}", reference.1))?;
        let name = base.qualified();
        if let Some(at) = way.iter().position(|step| *step == name) {
            let way = way.get(at..).unwrap_or_default().join(" -> ");
            return Err(format!("circular dependency detected in workspace type {name}: {way}"));
        }
        if seen.contains(&name) {
            continue;
        }
        seen.push(name.clone());
        all.push(base.clone());
        way.push(name);
        extended(world, &base, seen, way, all)?;
        way.pop();
    }
    Ok(())
}
