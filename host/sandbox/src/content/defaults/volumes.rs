//! Volumes of pods, and claims for volumes.

use serde_json::json;

use super::super::Object;
use super::{containers, each, image, inside, part, quantities, text, unless_said, unless_set};

const READABLE: i32 = 0o644;

/// A volume.
pub(super) fn volume(volume: &mut Object) {
    if volume.keys().all(|name| name == "name") {
        volume.insert("emptyDir".to_owned(), json!({}));
    }
    for name in ["secret", "configMap", "downwardAPI", "projected"] {
        if let Some(source) = inside(volume, name) {
            unless_said(source, "defaultMode", json!(READABLE));
            each(Some(source), "items", containers::field_reference);
        }
    }
    each(inside(volume, "projected"), "sources", |source| {
        each(inside(source, "downwardAPI"), "items", containers::field_reference);
        if let Some(token) = inside(source, "serviceAccountToken") {
            unless_said(token, "expirationSeconds", json!(3600));
        }
    });
    if let Some(path) = inside(volume, "hostPath") {
        unless_said(path, "type", json!(""));
    }
    if let Some(image) = inside(volume, "image") {
        let policy = image::pull_policy(text(image, "reference"));
        unless_set(image, "pullPolicy", json!(policy));
    }
    if let Some(template) = inside(volume, "ephemeral").and_then(|source| inside(source, "volumeClaimTemplate")) {
        claim_spec(template);
    }
    of_vendors(volume);
}

/// A claim in a StatefulSet, which is written as an object of its own.
pub(super) fn claim_template(claim: &mut Object) {
    claim.insert("apiVersion".to_owned(), json!("v1"));
    claim.insert("kind".to_owned(), json!("PersistentVolumeClaim"));
    if let Some(status) = part(claim, "status") {
        unless_set(status, "phase", json!("Pending"));
    }
    claim_spec(claim);
}

fn claim_spec(claim: &mut Object) {
    let Some(spec) = part(claim, "spec") else { return };
    unless_said(spec, "volumeMode", json!("Filesystem"));
    quantities::round_up(inside(spec, "resources"), &["limits", "requests"]);
}

fn of_vendors(volume: &mut Object) {
    for (source, name, value) in [
        ("iscsi", "iscsiInterface", json!("default")),
        ("rbd", "pool", json!("rbd")),
        ("rbd", "user", json!("admin")),
        ("rbd", "keyring", json!("/etc/ceph/keyring")),
        ("scaleIO", "storageMode", json!("ThinProvisioned")),
        ("scaleIO", "fsType", json!("xfs")),
        ("azureDisk", "cachingMode", json!("ReadWrite")),
        ("azureDisk", "fsType", json!("ext4")),
        ("azureDisk", "kind", json!("Shared")),
    ] {
        if let Some(source) = inside(volume, source) {
            unless_set(source, name, value);
        }
    }
    if let Some(source) = inside(volume, "azureDisk") {
        unless_said(source, "readOnly", json!(false));
    }
}
