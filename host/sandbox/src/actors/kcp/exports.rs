//! An APIExport gets an identity, a key in a Secret whose hash is the identity, and a slice for its endpoints
//! (`pkg/reconciler/apis/apiexport`).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::place::{APIS, is, named};
use crate::actors::Actor;
use crate::kcp::conditions::{self, Said, Severity};
use crate::kcp::json::{Object, annotation, at, part, text};
use crate::kcp::write::{create, put, put_status};
use crate::kcp::{PATH, names};
use crate::lifecycle::Subresource;
use crate::quote::quote;
use crate::status::Failure;
use crate::world::{Changed, Named, Place, World};

/// Where the keys are.
const NAMESPACE: &str = "kcp-system";
/// The annotation of an APIExport whose owner makes slices.
const SKIP: &str = "apiexports.apis.kcp.io/skip-endpointslice";

/// See the module.
#[derive(Debug)]
pub(super) struct Exports;

impl Actor for Exports {
    fn act(&mut self, world: &mut World, changed: &Changed) -> Option<Timestamp> {
        if is(changed, APIS, "apiexports") || is(changed, APIS, "apiexportendpointslices") {
            // What is refused is tried again with the next change.
            let _ = reconcile(world, &changed.cluster, &changed.name);
        } else if is(changed, "", "secrets") {
            let names: Vec<Box<str>> = world.kcp().exports_in(&changed.cluster).map(|one| one.name.clone()).collect();
            for name in names {
                let _ = reconcile(world, &changed.cluster, &name);
            }
        }
        None
    }
}

fn reconcile(world: &mut World, cluster: &str, name: &str) -> Result<(), Failure> {
    let own = named(cluster, APIS, "apiexports", name);
    let Some(export) = world.get(&own) else { return Ok(()) };
    let status = at(&export, &["status"]).and_then(Value::as_object).cloned().unwrap_or_default();
    let Some(secret) = at(&export, &["spec", "identity", "secretRef"]) else {
        if let Err(failure) = make_identity(world, cluster, name) {
            let mut status = status;
            let message = format!("Error creating identity secret: {}", failure.message);
            let said = Said::no("IdentityGenerationFailed", Severity::Error, message);
            conditions::set(&mut status, world.now, "IdentityValid", &said);
            return put_status(world, &own, &export, status);
        }
        let mut new = export;
        let reference = json!({"secretRef": {"namespace": NAMESPACE, "name": name}});
        part(Arc::make_mut(&mut new), "spec").insert("identity".to_owned(), reference);
        return put(world, &own, Subresource::None, &new);
    };
    let mut new = status;
    let said = match hash(world, cluster, secret) {
        Ok(hash) => match text(&export, &["status", "identityHash"]) {
            "" => {
                new.insert("identityHash".to_owned(), json!(hash));
                Said::yes()
            }
            known if known == hash => Said::yes(),
            known => {
                let message = format!(
                    "hash mismatch: identity secret hash {} must match status.identityHash {}",
                    quote(&hash),
                    quote(known)
                );
                Said::no("IdentityVerificationFailed", Severity::Error, message)
            }
        },
        Err(message) => Said::no("IdentityVerificationFailed", Severity::Error, message),
    };
    conditions::set(&mut new, world.now, "IdentityValid", &said);
    if at(&export, &["metadata", "annotations", SKIP]).is_none() {
        make_slice(world, cluster, name, &export)?;
    }
    put_status(world, &own, &export, new)
}

fn secret<'a>(cluster: &'a str, namespace: &'a str, name: &'a str) -> Named<'a> {
    Named { cluster, group: "", plural: "secrets", namespace, name }
}

fn make_identity(world: &mut World, cluster: &str, name: &str) -> Result<(), Failure> {
    if world.get(&named(cluster, "", "namespaces", NAMESPACE)).is_none() {
        let namespace = object(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}));
        // If it could not be made, the Secret says why.
        let _ = create(world, Place { cluster, namespace: "" }, ["", "namespaces"], namespace);
    }
    if world.get(&secret(cluster, NAMESPACE, name)).is_some() {
        return Ok(());
    }
    let key: Vec<u8> = (0..4).flat_map(|_| world.random.number().to_be_bytes()).collect();
    let key = STANDARD.encode(URL_SAFE_NO_PAD.encode(key));
    let new = object(json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {"namespace": NAMESPACE, "name": name},
        "data": {"key": key},
    }));
    create(world, Place { cluster, namespace: NAMESPACE }, ["", "secrets"], new).map(drop)
}

/// The identity that a Secret stands for.
fn hash(world: &World, cluster: &str, reference: &Value) -> Result<String, String> {
    let part = |field: &str| reference.get(field).and_then(Value::as_str).unwrap_or_default();
    let (namespace, name) = (part("namespace"), part("name"));
    let found = world.get(&secret(cluster, namespace, name));
    let found = found.ok_or_else(|| Failure::not_found("", "secrets", name).message.clone())?;
    let key = STANDARD.decode(text(&found, &["data", "key"])).unwrap_or_default();
    if key.is_empty() {
        return Err("secret is missing data.key".to_owned());
    }
    Ok(names::identity_hash(&key))
}

fn make_slice(world: &mut World, cluster: &str, name: &str, export: &Object) -> Result<(), Failure> {
    if world.get(&named(cluster, APIS, "apiexportendpointslices", name)).is_some() {
        return Ok(());
    }
    let mut reference = json!({"name": name});
    if !annotation(export, PATH).is_empty() {
        reference["path"] = json!(annotation(export, PATH));
    }
    let slice = object(json!({
        "apiVersion": "apis.kcp.io/v1alpha1", "kind": "APIExportEndpointSlice",
        "metadata": {"name": name, "ownerReferences": [{
            "apiVersion": "apis.kcp.io/v1alpha1", "kind": "APIExport", "name": name,
            "uid": text(export, &["metadata", "uid"]),
        }]},
        "spec": {"export": reference},
    }));
    create(world, Place { cluster, namespace: "" }, [APIS, "apiexportendpointslices"], slice).map(drop)
}

/// A value that is an object.
pub(super) fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}
