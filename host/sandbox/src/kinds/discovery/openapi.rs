//! As much of OpenAPI as `kubectl apply` asks for: that PATCH requests take the parameters `fieldValidation` and `dryRun`.
//!
//! These documents have no schemas and no other operations, so they are no answer to whoever wants those (`kubectl explain`),
//! but without them kubectl checks fields itself, against schemas, and applies nothing. Since they do not say that there are
//! strategic merge patches, kubectl makes these from the types that it has. The document of v2 has nothing at all: kubectl asks
//! for it when it meets a kind that it finds nowhere, and says then that there is no such kind.
//!
//! Facts: `pkg/resource/query_param_verifier_v3.go` of `k8s.io/cli-runtime`, `pkg/cmd/apply/patcher.go` of kubectl;
//! `pkg/handler3` of `k8s.io/kube-openapi`; `OpenAPIv2.proto` of `github.com/google/gnostic-models`.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA512, digest};
use serde_json::{Map, Value, json};

use super::super::catalog::Catalog;
use super::super::served::Served;
use crate::status::Failure;

/// The document at a path below `/openapi`, of a server of this version; nothing if there is none.
pub fn openapi(catalog: &Catalog<'_>, path: &str, git_version: &str) -> Result<Option<Value>, Failure> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let (group, version) = match parts.as_slice() {
        ["openapi", "v3"] => return Ok(Some(paths(catalog, git_version))),
        ["openapi", "v3", "api", version] => ("", *version),
        ["openapi", "v3", "apis", group, version] => (*group, *version),
        _ => return Err(Failure::not_in_sandbox("OpenAPI but for the versions of groups in v3")),
    };
    Ok(document(catalog, group, version, git_version))
}

/// Where the documents are, with what tells whether they changed.
fn paths(catalog: &Catalog<'_>, git_version: &str) -> Value {
    let mut versions: Vec<(String, &str, &str)> =
        catalog.versions("").into_iter().map(|version| (format!("api/{version}"), "", version)).collect();
    for group in catalog.groups_by_name() {
        let of = |name: &str| format!("apis/{}/{name}", group.name);
        versions.extend(group.versions.iter().map(|version| (of(version.name), group.name, version.name)));
    }
    let mut paths = Map::new();
    for (path, group, version) in versions {
        let document = document(catalog, group, version, git_version).unwrap_or_default();
        let mut url = format!("/openapi/v3/{path}?hash=");
        for byte in digest(&SHA512, document.to_string().as_bytes()).as_ref() {
            // Writing into a String cannot fail.
            let _ = write!(url, "{byte:02X}");
        }
        paths.insert(path, json!({"serverRelativeURL": url}));
    }
    json!({"paths": paths})
}

/// The document of OpenAPI v2, as JSON.
pub fn old_openapi(git_version: &str) -> Value {
    json!({"swagger": "2.0", "info": {"title": "Kubernetes", "version": git_version}, "paths": {}})
}

/// The same in protobuf, which is what kubectl reads.
pub fn old_openapi_in_protobuf(git_version: &str) -> Vec<u8> {
    let mut info = Vec::new();
    field(&mut info, 1, b"Kubernetes");
    field(&mut info, 2, git_version.as_bytes());
    let mut document = Vec::new();
    field(&mut document, 1, b"2.0");
    field(&mut document, 2, &info);
    field(&mut document, 8, b"");
    document
}

/// A field of bytes. None here is longer than a length in one byte can say: there are names and versions.
fn field(message: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    let short = &bytes[..bytes.len().min(0x7f)];
    message.push(number << 3 | 2);
    message.extend(u8::try_from(short.len()));
    message.extend(short);
}

fn document(catalog: &Catalog<'_>, group: &str, version: &str, git_version: &str) -> Option<Value> {
    if !catalog.version(group, version)? {
        return None;
    }
    let patched = catalog.resources(group, version).into_iter().filter(|served| served.verbs.contains(&"patch"));
    let paths: Map<String, Value> = patched.map(operation).collect();
    Some(json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": git_version},
        "paths": paths,
    }))
}

/// The path of an object, with PATCH.
fn operation(served: &Served) -> (String, Value) {
    let prefix = if served.group.is_empty() { "/api".to_owned() } else { format!("/apis/{}", served.group) };
    let namespace = if served.namespaced { "/namespaces/{namespace}" } else { "" };
    let path = format!("{prefix}/{}{namespace}/{}/{{name}}", served.version, served.plural);
    let parameter = |name: &str, of: &str| json!({"name": name, "in": "query", "schema": {"type": of}});
    let operation = json!({
        "patch": {
            "parameters": [
                parameter("dryRun", "string"),
                parameter("fieldManager", "string"),
                parameter("fieldValidation", "string"),
                parameter("force", "boolean"),
            ],
            "x-kubernetes-action": "patch",
            "x-kubernetes-group-version-kind": {
                "group": served.group,
                "kind": served.kind,
                "version": served.version,
            },
        },
    });
    (path, operation)
}
