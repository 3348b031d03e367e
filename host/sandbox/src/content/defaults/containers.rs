//! Containers: images, ports, environment, probes.

use serde_json::{Value, json};

use super::super::Object;
use super::{each, image, inside, protocol, quantities, text, unless_said, unless_set};

/// A container of any kind.
pub(super) fn container(container: &mut Object) {
    let policy = image::pull_policy(text(container, "image"));
    unless_set(container, "imagePullPolicy", json!(policy));
    unless_set(container, "terminationMessagePath", json!("/dev/termination-log"));
    unless_set(container, "terminationMessagePolicy", json!("File"));
    each(Some(container), "ports", protocol);
    each(Some(container), "env", |variable| {
        let Some(from) = inside(variable, "valueFrom") else { return };
        field_reference(from);
        if let Some(file) = inside(from, "fileKeyRef") {
            unless_said(file, "optional", json!(false));
        }
    });
    quantities::round_up(inside(container, "resources"), &["limits", "requests"]);
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = inside(container, name) {
            self::probe(probe);
        }
    }
    for name in ["postStart", "preStop"] {
        let handler = inside(container, "lifecycle").and_then(|lifecycle| inside(lifecycle, name));
        http_get(handler);
    }
}

/// What refers to a field of the pod, in `fieldRef`.
pub(super) fn field_reference(object: &mut Object) {
    if let Some(field) = inside(object, "fieldRef") {
        unless_set(field, "apiVersion", json!("v1"));
    }
}

fn probe(probe: &mut Object) {
    for (name, number) in
        [("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)]
    {
        unless_set(probe, name, json!(number));
    }
    if let Some(grpc) = inside(probe, "grpc") {
        unless_said(grpc, "service", Value::from(""));
    }
    http_get(Some(probe));
}

fn http_get(handler: Option<&mut Object>) {
    if let Some(get) = handler.and_then(|handler| inside(handler, "httpGet")) {
        unless_set(get, "path", json!("/"));
        unless_set(get, "scheme", json!("HTTP"));
    }
}
