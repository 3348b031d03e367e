//! Aggregated discovery: all resources of `/api` or `/apis` in one answer, with a tag that says whether it changed.
//!
//! Facts: `pkg/endpoints/discovery/aggregated/{handler,etag}.go` and `ConvertGroupVersionIntoToDiscovery` of
//! `pkg/endpoints/installer.go` of `k8s.io/apiserver`. Both versions have the same fields. The tag is the hash of what is
//! served, as in a real server, but not the same number: Go's JSON has another order of fields.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA512, digest};
use serde_json::{Map, Value, json};

use super::super::catalog::{Catalog, ShownGroup, ShownVersion};
use super::super::served::{Served, Support};

/// A version of `apidiscovery.k8s.io`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AggregatedVersion {
    /// `v2`.
    V2,
    /// `v2beta1`.
    V2Beta1,
}

/// An answer of aggregated discovery. It has the headers `Vary: Accept` and `Cache-Control: public`, and its media type is
/// `application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList`.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregated {
    /// The header `ETag`, with its quotes. If `If-None-Match` is the same, the answer is 304 with no body.
    pub etag: String,
    /// The body.
    pub body: Value,
}

impl AggregatedVersion {
    /// As in `apiVersion`.
    pub fn name(self) -> &'static str {
        match self {
            Self::V2 => "v2",
            Self::V2Beta1 => "v2beta1",
        }
    }
}

/// `/api`, if `legacy`, or `/apis`.
pub fn aggregated(catalog: &Catalog<'_>, legacy: bool, version: AggregatedVersion) -> Aggregated {
    let groups = if legacy {
        let versions = catalog.versions("").into_iter();
        let versions = versions.map(|name| ShownVersion { name, resources: catalog.resources("", name) });
        vec![group("", versions.collect::<Vec<_>>().as_slice())]
    } else {
        catalog.groups_by_name().iter().map(|ShownGroup { name, versions, .. }| group(name, versions)).collect()
    };
    let items = Value::Array(groups);
    let etag = etag(items.to_string().as_bytes());
    let body = json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": format!("apidiscovery.k8s.io/{}", version.name()),
        "metadata": {},
        "items": items,
    });
    Aggregated { etag, body }
}

/// What tells whether a document has changed.
pub fn etag(document: &[u8]) -> String {
    let mut etag = String::from("\"");
    for byte in digest(&SHA512, document).as_ref() {
        // Writing into a String cannot fail.
        let _ = write!(etag, "{byte:02X}");
    }
    etag.push('"');
    etag
}

fn group(name: &str, versions: &[ShownVersion<'_>]) -> Value {
    let versions: Vec<Value> = versions
        .iter()
        .map(|version| {
            let mut shown = json!({"version": version.name, "freshness": "Current"});
            if !version.resources.is_empty() {
                shown["resources"] = version.resources.iter().map(|served| resource(served, version.name)).collect();
            }
            shown
        })
        .collect();
    let metadata = if name.is_empty() { json!({}) } else { json!({"name": name}) };
    json!({"metadata": metadata, "versions": versions})
}

fn resource(served: &Served, version: &str) -> Value {
    // Built-in kinds leave out what is that of the resource.
    let (group, version) = if served.custom { (&*served.group, version) } else { ("", "") };
    let own = json!({"group": group, "version": version, "kind": served.kind});
    let mut shown = Map::new();
    let mut set = |key: &str, value: Value| shown.insert(key.to_owned(), value);
    set("resource", json!(served.plural));
    set("responseKind", own.clone());
    set("scope", json!(if served.namespaced { "Namespaced" } else { "Cluster" }));
    set("singularResource", json!(served.singular));
    set("verbs", json!(served.verbs));
    if !served.short_names.is_empty() {
        set("shortNames", json!(served.short_names));
    }
    if !served.categories.is_empty() {
        set("categories", json!(served.categories));
    }
    let subresources: Vec<Value> = served
        .subresources
        .iter()
        .filter(|subresource| subresource.support == Support::Full)
        .map(|subresource| {
            let kind = subresource.kind.map(|(group, version, kind)| {
                if group == served.group {
                    json!({"group": "", "version": "", "kind": kind})
                } else {
                    json!({"group": group, "version": version, "kind": kind})
                }
            });
            json!({
                "subresource": subresource.name,
                "responseKind": kind.unwrap_or_else(|| own.clone()),
                "verbs": subresource.verbs,
            })
        })
        .collect();
    if !subresources.is_empty() {
        set("subresources", Value::Array(subresources));
    }
    Value::Object(shown)
}
