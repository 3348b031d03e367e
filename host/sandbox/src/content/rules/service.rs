//! Services: ports, selectors and types.
//!
//! Facts: `validateService` and `validateServicePort` of `pkg/apis/core/validation/validation.go`. Not looked at: families of
//! addresses and cluster IPs, which a server gives, external addresses, source ranges, classes of load balancers, traffic
//! policies, and what an update may change of these.

use super::{Causes, values};
use crate::causes::{duplicate, duplicate_text, forbidden, invalid, required};
use crate::content::Object;
use crate::content::place::Place;
use crate::validation::{labels_wrong, names};

/// A Service.
pub(super) fn service(service: &Object, causes: &mut Causes) {
    let spec = Place::of(service, "spec");
    let [ports, kind] = ["ports", "type"].map(|name| spec.child(name));
    let headless = spec.child("clusterIP").text() == "None";
    if ports.is_empty() && !headless && kind.text() != "ExternalName" {
        causes.push(required(ports.path(), ""));
    }
    match kind.text() {
        "LoadBalancer" | "NodePort" if headless => {
            let why = format!("may not be set to 'None' for {} services", kind.text());
            causes.push(invalid("spec.clusterIPs[0]", "None", &why));
        }
        "ExternalName" => {
            let name = spec.child("externalName");
            let bare = name.text().strip_suffix('.').unwrap_or(name.text());
            if bare.is_empty() {
                causes.push(required(name.path(), ""));
            } else {
                causes.extend(names::subdomain(bare).iter().map(|why| invalid(name.path(), bare, why)));
            }
        }
        _ => {}
    }
    let mut port_names = Vec::new();
    for port in ports.items() {
        self::port(&port, ports.len() > 1, &mut port_names, causes);
    }
    let selector = spec.child("selector");
    causes.extend(labels_wrong(selector.map(), selector.path()));
    affinity(&spec, causes);
    values::said_one_of(&kind, &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"], causes);
    if kind.text() == "ClusterIP" {
        for port in ports.items().map(|port| port.child("nodePort")).filter(|port| port.number() != 0) {
            causes.push(forbidden(port.path(), "may not be used when `type` is 'ClusterIP'"));
        }
    }
    twice(&ports, causes);
    let allocates = spec.child("allocateLoadBalancerNodePorts");
    if kind.text() != "LoadBalancer" {
        values::refused(&allocates, "may only be used when `type` is 'LoadBalancer'", causes);
    }
}

fn port<'v>(port: &Place<'v>, named: bool, port_names: &mut Vec<&'v str>, causes: &mut Causes) {
    let name = port.child("name");
    if !name.text().is_empty() {
        values::label(&name, causes);
        if port_names.contains(&name.text()) {
            causes.push(duplicate(name.path(), name.text()));
        } else {
            port_names.push(name.text());
        }
    } else if named {
        causes.push(required(name.path(), ""));
    }
    values::port_number(&port.child("port"), causes);
    values::said_one_of(&port.child("protocol"), values::PROTOCOLS, causes);
    values::port(&port.child("targetPort"), causes);
    let protocol = port.child("appProtocol");
    if protocol.is_said() {
        values::qualified(&protocol, causes);
    }
}

fn affinity(spec: &Place<'_>, causes: &mut Causes) {
    let affinity = spec.child("sessionAffinity");
    values::said_one_of(&affinity, &["ClientIP", "None"], causes);
    let seconds = spec.child("sessionAffinityConfig").child("clientIP").child("timeoutSeconds");
    if affinity.text() == "ClientIP" && !(1..=86400).contains(&seconds.number()) {
        let why = "must be greater than 0 and less than 86400";
        causes.push(values::shown(&seconds, why));
    }
}

/// Ports that are there twice.
fn twice(ports: &Place<'_>, causes: &mut Causes) {
    let (mut of_nodes, mut own) = (Vec::new(), Vec::new());
    for port in ports.items() {
        let of_node = port.child("nodePort");
        let key = (port.child("protocol").text(), of_node.number());
        if of_node.number() != 0 && of_nodes.contains(&key) {
            causes.push(duplicate_text(of_node.path(), &of_node.number().to_string()));
        }
        of_nodes.push(key);
    }
    for port in ports.items() {
        let key = (port.child("protocol").text(), port.child("port").number());
        if own.contains(&key) {
            let shown = format!(
                r#"{{"Name":"","Protocol":{},"AppProtocol":null,"Port":{},"TargetPort":0,"NodePort":0}}"#,
                values::json(&key.0.into()),
                key.1
            );
            causes.push(duplicate_text(port.path(), &shown));
        }
        own.push(key);
    }
}
