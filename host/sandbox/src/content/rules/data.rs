//! ConfigMaps and Secrets: keys, sizes, what types of Secrets ask for.
//!
//! Facts: `ValidateConfigMap*` and `ValidateSecret*` of `pkg/apis/core/validation/validation.go`. What is wrong in JSON that a
//! Secret of a registry holds is told in the words of this reader, not of Go's. No message has what a Secret holds.

use serde_json::{Map, Value};

use super::{Causes, values};
use crate::causes::{forbidden, invalid, required, too_long};
use crate::content::Object;
use crate::content::decode;
use crate::content::place::Place;

const LIMIT: usize = 1024 * 1024;
const LOCKED: &str = "field is immutable when `immutable` is set";

/// A ConfigMap.
pub(super) fn config_map(map: &Object, old: Option<&Object>, causes: &mut Causes) {
    locked(map, old, &["data", "binaryData"], causes);
    let [data, binary] = ["data", "binaryData"].map(|name| Place::of(map, name));
    let mut size = 0;
    for (key, value) in data.entries() {
        keys(&data, key, causes);
        if binary.has(key) {
            causes.push(invalid(data.key(key), key, "duplicate of key present in binaryData"));
        }
        size += value.text().len();
    }
    for (key, value) in binary.entries() {
        keys(&binary, key, causes);
        size += decode::bytes(value.text()).len();
    }
    if size > LIMIT {
        causes.push(too_long("", LIMIT));
    }
}

/// A Secret.
pub(super) fn secret(secret: &Object, old: Option<&Object>, causes: &mut Causes) {
    let kind = Place::of(secret, "type");
    if let Some(old) = old {
        values::immutable(&kind, &Place::of(old, "type"), causes);
    }
    locked(secret, old, &["data"], causes);
    let data = Place::of(secret, "data");
    let mut size = 0;
    for (key, value) in data.entries() {
        keys(&data, key, causes);
        size += decode::bytes(value.text()).len();
    }
    if size > LIMIT {
        causes.push(too_long("data", LIMIT));
    }
    let mut need = |keys: &[&str]| {
        let missing = keys.iter().filter(|key| !data.has(key));
        causes.extend(missing.map(|key| required(data.key(key), "")));
    };
    match kind.text() {
        "kubernetes.io/tls" => need(&["tls.crt", "tls.key"]),
        "kubernetes.io/dockercfg" => registry(&data, ".dockercfg", causes),
        "kubernetes.io/dockerconfigjson" => registry(&data, ".dockerconfigjson", causes),
        "kubernetes.io/basic-auth" if !["username", "password"].iter().any(|key| data.has(key)) => {
            need(&["username", "password"]);
        }
        "kubernetes.io/ssh-auth" if data.child("ssh-privatekey").text().is_empty() => {
            causes.push(required(data.key("ssh-privatekey"), ""));
        }
        "kubernetes.io/service-account-token" => {
            let annotations = Place::of(secret, "metadata").child("annotations");
            let account = "kubernetes.io/service-account.name";
            if annotations.child(account).text().is_empty() {
                causes.push(required(annotations.key(account), ""));
            }
        }
        _ => {}
    }
}

fn keys(data: &Place<'_>, key: &str, causes: &mut Causes) {
    causes.extend(values::config_key(key).iter().map(|why| invalid(data.key(key), key, why)));
}

/// JSON of a registry's credentials.
fn registry(data: &Place<'_>, key: &str, causes: &mut Causes) {
    let content = data.child(key);
    if !data.has(key) {
        causes.push(required(data.key(key), ""));
        return;
    }
    let bytes = decode::bytes(content.text());
    if let Err(why) = serde_json::from_slice::<Option<Map<String, Value>>>(&bytes) {
        let why = if bytes.is_empty() { "unexpected end of JSON input".to_owned() } else { why.to_string() };
        causes.push(invalid(data.key(key), "<secret contents redacted>", &why));
    }
}

/// What was made immutable stays so.
fn locked(object: &Object, old: Option<&Object>, fields: &[&str], causes: &mut Causes) {
    let Some(old) = old.filter(|old| Place::of(old, "immutable").is_true()) else { return };
    if !Place::of(object, "immutable").is_true() {
        causes.push(forbidden("immutable", LOCKED));
    }
    for field in fields {
        if Place::of(object, field).value() != Place::of(old, field).value() {
            causes.push(forbidden(*field, LOCKED));
        }
    }
}
