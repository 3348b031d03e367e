//! Probes and what else a kubelet does to containers.
//!
//! Facts: `validateProbe`, `validateHandler`, `validateLifecycle` and what they call in
//! `pkg/apis/core/validation/validation.go`.

use serde_json::Value;

use super::{Causes, values};
use crate::causes::{forbidden, invalid, invalid_value, required};
use crate::content::place::Place;

/// The probes of a container.
pub(super) fn probes(container: &Place<'_>, grace: &Place<'_>, causes: &mut Causes) {
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let probe = container.child(name);
        if !probe.is_said() {
            continue;
        }
        self::probe(&probe, grace, causes);
        if name == "readinessProbe" {
            let grace = probe.child("terminationGracePeriodSeconds");
            if grace.is_said() {
                causes.push(invalid_value(grace.path(), grace.value(), "must not be set for readinessProbes"));
            }
        } else {
            let threshold = probe.child("successThreshold");
            if threshold.number() != 1 {
                causes.push(invalid_value(threshold.path(), threshold.value(), "must be 1"));
            }
        }
    }
}

/// What is done when a container starts and before it ends.
pub(super) fn lifecycle(container: &Place<'_>, grace: &Place<'_>, causes: &mut Causes) {
    for name in ["postStart", "preStop"] {
        let handler = container.child("lifecycle").child(name);
        if handler.is_said() {
            self::handler(&handler, &["exec", "httpGet", "tcpSocket", "sleep"], grace, causes);
        }
    }
}

fn probe(probe: &Place<'_>, grace: &Place<'_>, causes: &mut Causes) {
    handler(probe, &["exec", "httpGet", "tcpSocket", "grpc"], grace, causes);
    for name in ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"] {
        values::not_negative(&probe.child(name), causes);
    }
    let grace = probe.child("terminationGracePeriodSeconds");
    if grace.is_said() && grace.number() <= 0 {
        causes.push(invalid_value(grace.path(), grace.value(), "must be greater than 0"));
    }
}

fn handler(handler: &Place<'_>, kinds: &[&str], grace: &Place<'_>, causes: &mut Causes) {
    let mut said = kinds.iter().map(|kind| (*kind, handler.child(kind))).filter(|(_, action)| action.is_said());
    let Some((kind, action)) = said.next() else {
        causes.push(required(handler.path(), "must specify a handler type"));
        return;
    };
    match kind {
        "exec" => {
            values::said(&action.child("command"), causes);
        }
        "httpGet" => http_get(&action, causes),
        "sleep" => sleep(&action, grace, causes),
        "grpc" => {
            let port = action.child("port");
            values::port_number(&port, causes);
        }
        _ => values::port(&action.child("port"), causes),
    }
    let more = said.map(|(_, action)| forbidden(action.path(), "may not specify more than 1 handler type"));
    causes.extend(more);
}

fn http_get(action: &Place<'_>, causes: &mut Causes) {
    values::said(&action.child("path"), causes);
    values::port(&action.child("port"), causes);
    values::one_of(&action.child("scheme"), &["HTTP", "HTTPS"], causes);
    let headers = action.child("httpHeaders");
    for header in headers.items() {
        let name = header.child("name").text();
        causes.extend(values::header_name(name).iter().map(|why| invalid(headers.path(), name, why)));
    }
}

fn sleep(action: &Place<'_>, grace: &Place<'_>, causes: &mut Causes) {
    let seconds = action.child("seconds").number();
    if grace.is_said() && !(0..=grace.number()).contains(&seconds) {
        let most = grace.number();
        let why = format!("must be non-negative and less than terminationGracePeriodSeconds ({most})");
        causes.push(invalid_value(action.path(), &Value::from(seconds), &why));
    }
}
