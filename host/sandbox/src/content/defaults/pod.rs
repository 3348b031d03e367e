//! Pods, and what a template makes pods of.

use serde_json::{Value, json};

use super::super::Object;
use super::{containers, each, first_of_many, inside, part, quantities, unless_said, unless_set, volumes};

/// A pod: what a template has filled in, and more.
pub(super) fn pod(pod: &mut Object) {
    if let Some(spec) = part(pod, "spec") {
        for list in ["containers", "initContainers"] {
            each(Some(spec), list, |container| {
                if let Some(resources) = inside(container, "resources") {
                    quantities::take_over(resources, "requests", "limits");
                }
            });
        }
        unless_said(spec, "enableServiceLinks", json!(true));
        if spec.get("hostNetwork") == Some(&Value::Bool(true)) {
            for list in ["containers", "initContainers"] {
                each(Some(spec), list, |container| {
                    each(Some(container), "ports", |port| {
                        if let Some(number) = port.get("containerPort").filter(|port| **port != 0).cloned() {
                            unless_set(port, "hostPort", number);
                        }
                    });
                });
            }
        }
        self::spec(spec);
    }
    if let Some(status) = inside(pod, "status") {
        first_of_many(status, "podIP", "podIPs", |ip| json!({"ip": ip}), |entry| entry.get("ip"));
    }
}

/// A pod template, in `template` of a spec.
pub(super) fn template(spec: &mut Object) {
    if let Some(spec) = part(spec, "template").and_then(|template| part(template, "spec")) {
        self::spec(spec);
    }
}

fn spec(spec: &mut Object) {
    unless_set(spec, "dnsPolicy", json!("ClusterFirst"));
    unless_set(spec, "restartPolicy", json!("Always"));
    unless_said(spec, "securityContext", json!({}));
    unless_said(spec, "terminationGracePeriodSeconds", json!(30));
    unless_set(spec, "schedulerName", json!("default-scheduler"));
    each(Some(spec), "volumes", volumes::volume);
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        each(Some(spec), list, containers::container);
    }
    quantities::round_up(Some(spec), &["overhead"]);
    quantities::round_up(inside(spec, "resources"), &["limits", "requests"]);
    service_account(spec);
}

/// The old name of the field counts where the new one is not said, and says the same then.
fn service_account(spec: &mut Object) {
    for (from, to) in [("serviceAccount", "serviceAccountName"), ("serviceAccountName", "serviceAccount")] {
        let name = spec.get(from).filter(|name| name.as_str().is_some_and(|name| !name.is_empty())).cloned();
        match name {
            // The old one follows the new one.
            Some(name) if from == "serviceAccountName" => {
                spec.insert(to.to_owned(), name);
            }
            Some(name) => unless_set(spec, to, name),
            None => {}
        }
    }
}
