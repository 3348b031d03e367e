//! `/api/<version>` and `/apis/<group>/<version>`: the resources of a version.

use serde_json::{Map, Value, json};

use super::super::catalog::Catalog;
use super::super::flavour::Flavour;
use super::super::served::Served;
use crate::kinds::Missing;
use crate::kinds::served::Support;
use crate::quote::quote;
use crate::status::Failure;

/// The resources of a version.
pub fn api_resource_list(catalog: &Catalog<'_>, group: &str, version: &str) -> Result<Value, Missing> {
    match catalog.version(group, version) {
        // kcp has a list for whatever is no group of its own.
        None if catalog.flavour == Flavour::Kcp && catalog.is_built_in("") && !catalog.is_built_in(group) => {}
        None => return Err(catalog.missing(group)),
        Some(false) => {
            return Err(Failure::not_in_sandbox(&format!("{version} of the API group {}", quote(group))).into());
        }
        Some(true) => {}
    }
    let resources: Vec<Value> = catalog.resources(group, version).into_iter().flat_map(entries).collect();
    let mut list = json!({"kind": "APIResourceList", "resources": resources});
    if group.is_empty() {
        // It is older than the field.
        list["groupVersion"] = json!(version);
    } else {
        list["apiVersion"] = json!("v1");
        list["groupVersion"] = json!(format!("{group}/{version}"));
    }
    Ok(list)
}

/// A resource, then its subresources.
fn entries(served: &Served) -> Vec<Value> {
    let mut shown = Map::new();
    let mut set = |key: &str, value: Value| shown.insert(key.to_owned(), value);
    set("name", json!(served.plural));
    set("singularName", json!(served.singular));
    set("namespaced", json!(served.namespaced));
    set("kind", json!(served.kind));
    set("verbs", json!(served.verbs));
    if !served.short_names.is_empty() {
        set("shortNames", json!(served.short_names));
    }
    if !served.categories.is_empty() {
        set("categories", json!(served.categories));
    }
    if !served.storage_version_hash.is_empty() {
        set("storageVersionHash", json!(served.storage_version_hash));
    }
    let mut entries = vec![Value::Object(shown)];
    for subresource in served.subresources.iter().filter(|one| one.support == Support::Full) {
        let mut shown = json!({
            "name": format!("{}/{}", served.plural, subresource.name),
            "singularName": "",
            "namespaced": served.namespaced,
            "kind": subresource.kind.map_or(&*served.kind, |(_, _, kind)| kind),
            // In a virtual workspace it may be there without any.
            "verbs": if subresource.verbs.is_empty() { Value::Null } else { json!(subresource.verbs) },
        });
        // A kind of the version itself is not told apart, and that of a binding is in the core group.
        if let Some((group, version, _)) = subresource.kind.filter(|(group, ..)| **group != *served.group) {
            shown["group"] = json!(group);
            shown["version"] = json!(version);
        }
        entries.push(shown);
    }
    entries
}
