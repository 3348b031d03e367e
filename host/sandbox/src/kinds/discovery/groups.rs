//! `/api`, `/apis` and `/apis/<group>`: groups and versions.

use serde_json::{Map, Value, json};

use super::super::catalog::Catalog;
use super::super::flavour::Flavour;
use super::super::route::Missing;
use crate::quote::quote;
use crate::status::Failure;

/// `/api`, with the address that clients shall use, such as `10.0.0.1:6443`.
pub fn api_versions(catalog: &Catalog<'_>, address: &str) -> Value {
    json!({
        "kind": "APIVersions",
        "versions": catalog.versions(""),
        "serverAddressByClientCIDRs": addresses(address),
    })
}

/// `/apis`. In kcp it tells the address with each built-in group.
pub fn api_group_list(catalog: &Catalog<'_>, address: &str) -> Value {
    let groups: Vec<Value> = catalog
        .groups_by_service()
        .into_iter()
        .map(|group| {
            let versions: Vec<&str> = group.versions.iter().map(|version| version.name).collect();
            let mut shown = shown(group.name, &versions);
            let built_in = group.versions.iter().flat_map(|version| &version.resources).any(|served| !served.custom);
            if catalog.flavour == Flavour::Kcp && built_in {
                shown.insert("serverAddressByClientCIDRs".to_owned(), addresses(address));
            }
            Value::Object(shown)
        })
        .collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `/apis/<group>`.
pub fn api_group(catalog: &Catalog<'_>, group: &str) -> Result<Value, Missing> {
    let versions = catalog.versions(group);
    if group.is_empty() || !catalog.has_group(group) {
        return Err(catalog.missing(group));
    }
    if versions.is_empty() {
        return Err(Failure::not_in_sandbox(&format!("the API group {}", quote(group))).into());
    }
    let mut shown = shown(group, &versions);
    shown.insert("kind".to_owned(), json!("APIGroup"));
    shown.insert("apiVersion".to_owned(), json!("v1"));
    Ok(Value::Object(shown))
}

fn shown(group: &str, versions: &[&str]) -> Map<String, Value> {
    let version = |version: &&str| json!({"groupVersion": format!("{group}/{version}"), "version": version});
    let mut shown = Map::new();
    shown.insert("name".to_owned(), json!(group));
    shown.insert("versions".to_owned(), versions.iter().map(version).collect());
    shown.insert("preferredVersion".to_owned(), versions.first().map(version).unwrap_or_default());
    shown
}

fn addresses(address: &str) -> Value {
    json!([{"clientCIDR": "0.0.0.0/0", "serverAddress": address}])
}
