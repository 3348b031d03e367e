//! What a server fills in of an object that was [read](super::decode()): defaults, and what becomes of an object on the way
//! through the internal version of its kind, such as `stringData` in `data`.
//!
//! Facts: `pkg/apis/{core,apps,networking,discovery,scheduling}/v1/{defaults,conversion}.go` with `zz_generated.defaults.go`.
//! Filling in twice is filling in once.
//!
//! Not here, since it happens later or elsewhere: what an address allocator gives to Services (cluster IPs, node ports); what
//! admission gives to pods (`serviceAccountName`, tolerations, priority); the annotation that counts changes of a DaemonSet's
//! template; requests of whole pods (`spec.resources` of a pod); rounding of quantities in the status of containers. Kinds that
//! the sandbox does not serve stay as they are.

mod containers;
mod image;
mod pod;
mod quantities;
mod volumes;
mod workloads;

use serde_json::{Map, Value, json};

use super::Object;
use super::decode::encode;
use crate::access::bindings::RbacKind;
use crate::access::validation::set_defaults;
use crate::schema::definition;

/// Fills in an object of a built-in kind.
pub fn default(group: &str, plural: &str, object: &mut Value) {
    if let Some(kind) = RbacKind::of_resource(group, plural) {
        return set_defaults(kind, object);
    }
    let Some(object) = object.as_object_mut() else { return };
    match (group, plural) {
        ("", "secrets") => secret(object),
        ("", "namespaces") => namespace(object),
        ("", "services") => service(object),
        ("", "pods") => pod::pod(object),
        ("", "nodes") => node(object),
        ("", "limitranges") => each(inside(object, "spec"), "limits", limits),
        ("", "resourcequotas") => {
            quantities::round_up(inside(object, "spec"), &["hard"]);
            quantities::round_up(inside(object, "status"), &["hard", "used"]);
        }
        ("", "endpoints") => each(Some(object), "subsets", |subset| each(Some(subset), "ports", protocol)),
        ("apps", "deployments") => workloads::deployment(object),
        ("apps", "replicasets") => workloads::replica_set(object),
        ("apps", "statefulsets") => workloads::stateful_set(object),
        ("apps", "daemonsets") => workloads::daemon_set(object),
        ("networking.k8s.io", "networkpolicies") => network_policy(object),
        ("coordination.k8s.io", "leases") => dropped(inside(object, "spec"), &["strategy", "preferredHolder"]),
        ("discovery.k8s.io", "endpointslices") => each(Some(object), "ports", |port| {
            unless_said(port, "name", json!(""));
            unless_said(port, "protocol", json!("TCP"));
        }),
        ("scheduling.k8s.io", "priorityclasses") => {
            unless_said(object, "preemptionPolicy", json!("PreemptLowerPriority"));
        }
        ("apiextensions.k8s.io", "customresourcedefinitions") => definition::default(object),
        _ => {}
    }
}

/// Drops what belongs to a feature that is off.
fn dropped(object: Option<&mut Object>, fields: &[&str]) {
    if let Some(object) = object {
        object.retain(|field, _| !fields.contains(&field.as_str()));
    }
}

/// What is in `stringData` is in `data`, in base64, whatever was there.
fn secret(secret: &mut Object) {
    unless_set(secret, "type", json!("Opaque"));
    let Some(Value::Object(texts)) = secret.remove("stringData") else { return };
    if let Some(data) = part(secret, "data") {
        let texts = texts.into_iter();
        data.extend(texts.map(|(key, text)| (key, json!(encode(text.as_str().unwrap_or_default().as_bytes())))));
    }
}

fn namespace(namespace: &mut Object) {
    if let Some(metadata) = part(namespace, "metadata") {
        let name = metadata.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        if !name.is_empty()
            && let Some(labels) = part(metadata, "labels")
        {
            labels.insert("kubernetes.io/metadata.name".to_owned(), Value::from(name));
        }
    }
    if let Some(status) = part(namespace, "status") {
        unless_set(status, "phase", json!("Active"));
    }
}

fn node(node: &mut Object) {
    if let Some(status) = inside(node, "status") {
        if let Some(capacity) = status.get("capacity").cloned() {
            unless_said(status, "allocatable", capacity);
        }
        quantities::round_up(Some(status), &["capacity", "allocatable"]);
    }
    if let Some(spec) = inside(node, "spec") {
        first_of_many(spec, "podCIDR", "podCIDRs", |cidr| cidr, |entry| Some(entry));
    }
}

fn service(service: &mut Object) {
    let Some(spec) = part(service, "spec") else { return };
    unless_set(spec, "sessionAffinity", json!("None"));
    match text(spec, "sessionAffinity") {
        "None" => {
            spec.remove("sessionAffinityConfig");
        }
        "ClientIP" => {
            let seconds =
                spec.get("sessionAffinityConfig").and_then(|config| config.pointer("/clientIP/timeoutSeconds"));
            if seconds.is_none_or(Value::is_null) {
                spec.insert("sessionAffinityConfig".to_owned(), json!({"clientIP": {"timeoutSeconds": 10800}}));
            }
        }
        _ => {}
    }
    unless_set(spec, "type", json!("ClusterIP"));
    each(Some(spec), "ports", |port| {
        protocol(port);
        let target = port.get("targetPort");
        if target.is_none_or(|target| target.is_null() || target == 0 || target == "") {
            let number = port.get("port").cloned().unwrap_or_else(|| json!(0));
            port.insert("targetPort".to_owned(), number);
        }
    });
    let kind = text(spec, "type").to_owned();
    let reached = matches!(kind.as_str(), "LoadBalancer" | "NodePort")
        || kind == "ClusterIP" && spec.get("externalIPs").and_then(Value::as_array).is_some_and(|ips| !ips.is_empty());
    if reached {
        unless_set(spec, "externalTrafficPolicy", json!("Cluster"));
    }
    if matches!(kind.as_str(), "LoadBalancer" | "NodePort" | "ClusterIP") {
        unless_said(spec, "internalTrafficPolicy", json!("Cluster"));
    }
    if kind == "LoadBalancer" {
        unless_said(spec, "allocateLoadBalancerNodePorts", json!(true));
        let balancer = inside(service, "status").and_then(|status| inside(status, "loadBalancer"));
        each(balancer, "ingress", |ingress| {
            if !text(ingress, "ip").is_empty() {
                unless_said(ingress, "ipMode", json!("VIP"));
            }
        });
    }
}

fn limits(limits: &mut Object) {
    if text(limits, "type") == "Container" {
        for (to, from) in [("default", "max"), ("defaultRequest", "default"), ("defaultRequest", "min")] {
            quantities::take_over(limits, to, from);
        }
    }
    quantities::round_up(Some(limits), &["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"]);
}

fn network_policy(policy: &mut Object) {
    let Some(spec) = part(policy, "spec") else { return };
    let is_empty = |spec: &Object, name: &str| spec.get(name).and_then(Value::as_array).is_none_or(Vec::is_empty);
    if is_empty(spec, "policyTypes") {
        let types = if is_empty(spec, "egress") { json!(["Ingress"]) } else { json!(["Ingress", "Egress"]) };
        spec.insert("policyTypes".to_owned(), types);
    }
    for direction in ["ingress", "egress"] {
        each(Some(spec), direction, |rule| {
            each(Some(rule), "ports", |port| unless_said(port, "protocol", json!("TCP")));
        });
    }
}

/// A field that became a list, and still is the first of it: the field counts, if it was set.
fn first_of_many(
    object: &mut Object,
    one: &str,
    many: &str,
    entry: impl Fn(Value) -> Value,
    first: impl Fn(&Value) -> Option<&Value>,
) {
    let list = object.get(many).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let head = list.first().and_then(first).cloned();
    match object.get(one).filter(|value| !value.is_null() && **value != "").cloned() {
        Some(said) if head.as_ref() != Some(&said) => {
            object.insert(many.to_owned(), Value::Array(vec![entry(said)]));
        }
        None if head.is_some() => {
            object.insert(one.to_owned(), head.unwrap_or_default());
        }
        _ => {}
    }
}

fn protocol(port: &mut Object) {
    unless_set(port, "protocol", json!("TCP"));
}

/// Sets a field that is a pointer in Go, unless it was said.
fn unless_said(object: &mut Object, name: &str, value: Value) {
    if object.get(name).is_none_or(Value::is_null) {
        object.insert(name.to_owned(), value);
    }
}

/// Sets a field unless it is something else than zero.
fn unless_set(object: &mut Object, name: &str, value: Value) {
    if object.get(name).is_none_or(|value| value.is_null() || value == "" || value == 0) {
        object.insert(name.to_owned(), value);
    }
}

fn text<'o>(object: &'o Object, name: &str) -> &'o str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// An object in an object, if there is one.
fn inside<'o>(object: &'o mut Object, name: &str) -> Option<&'o mut Object> {
    object.get_mut(name).and_then(Value::as_object_mut)
}

/// An object in an object, which is made where there is none.
fn part<'o>(object: &'o mut Object, name: &str) -> Option<&'o mut Object> {
    unless_said(object, name, Value::Object(Map::new()));
    inside(object, name)
}

/// Fills in every object of a list.
fn each(object: Option<&mut Object>, name: &str, fill: impl FnMut(&mut Object)) {
    let list = object.and_then(|object| object.get_mut(name)).and_then(Value::as_array_mut);
    list.into_iter().flatten().filter_map(Value::as_object_mut).for_each(fill);
}
