//! What a pod is made of, in a pod and in a template.
//!
//! Facts: `ValidatePodSpec`, `ValidatePodTemplateSpec` and `ValidatePodSpecificAnnotations` of
//! `pkg/apis/core/validation/validation.go`, with the options of a server of 1.36 that has nothing older stored.

use serde_json::Value;

use super::{Causes, container, scheduling, security, values, volume};
use crate::causes::{duplicate, invalid, invalid_value, required};
use crate::content::place::Place;
use crate::validation::{annotations_wrong, labels_wrong, names};

const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";
const MIRROR: &str = "kubernetes.io/config.mirror";

/// A template of pods.
pub(super) fn template(template: &Place<'_>, causes: &mut Causes) {
    metadata(template, causes);
    let spec = template.child("spec");
    self::spec(&spec, false, causes);
    container::no_ephemeral(&spec, "ephemeral containers not allowed in pod template", causes);
}

/// The metadata of a template. The server tells of it as if it were in the template itself.
pub(super) fn metadata(template: &Place<'_>, causes: &mut Causes) {
    let [labels, annotations] = ["labels", "annotations"].map(|name| {
        let path = template.at(name);
        template.child("metadata").child(name).told(path)
    });
    causes.extend(labels_wrong(labels.map(), labels.path()));
    causes.extend(annotations_wrong(annotations.map(), annotations.path()));
    self::annotations(&annotations, &template.child("spec"), causes);
}

/// Annotations that mean something to the server.
pub(super) fn annotations(annotations: &Place<'_>, spec: &Place<'_>, causes: &mut Causes) {
    let mirror = annotations.child(MIRROR);
    if mirror.is_said() && spec.child("nodeName").text().is_empty() {
        let why = "must set spec.nodeName if mirror pod annotation is set";
        causes.push(invalid(annotations.key(MIRROR), mirror.text(), why));
    }
    let cost = annotations.child(DELETION_COST);
    let canonical = |text: &str| {
        let digits = text.strip_prefix('-').unwrap_or(text);
        !text.starts_with('+') && (text == "0" || !digits.starts_with('0')) && text.parse::<i32>().is_ok()
    };
    if cost.is_said() && !canonical(cost.text()) {
        causes.push(invalid(annotations.key(DELETION_COST), cost.text(), "must be a 32bit integer"));
    }
}

/// The spec of a pod, or of a template of pods.
pub(super) fn spec(spec: &Place<'_>, of_pod: bool, causes: &mut Causes) {
    let volumes = volume::volumes(&spec.child("volumes"), causes);
    container::containers(spec, &volumes, causes);
    host_network(spec, of_pod, causes);
    values::said_one_of(&spec.child("restartPolicy"), &["Always", "OnFailure", "Never"], causes);
    let policies = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
    let policy = spec.child("dnsPolicy");
    values::said_one_of(&policy, &policies, causes);
    let selector = spec.child("nodeSelector");
    causes.extend(labels_wrong(selector.map(), selector.path()));
    security::of_pod(spec, causes);
    scheduling::affinity(&spec.child("affinity"), causes);
    if policy.text() == "None" {
        causes.push(required(spec.at("dnsConfig"), "must provide `dnsConfig` when `dnsPolicy` is None"));
    }
    for gate in spec.child("readinessGates").items() {
        values::qualified(&gate.child("conditionType"), causes);
    }
    let mut gates = Vec::new();
    for gate in spec.child("schedulingGates").items() {
        let name = gate.child("name").told(gate.path());
        values::qualified(&name, causes);
        if gates.contains(&name.text()) {
            causes.push(duplicate(name.path(), name.text()));
        }
        gates.push(name.text());
    }
    scheduling::spread(&spec.child("topologySpreadConstraints"), causes);
    for name in ["serviceAccountName", "nodeName"] {
        let name = spec.child(name);
        if !name.text().is_empty() {
            values::each(&name, &names::subdomain(name.text()), causes);
        }
    }
    let deadline = spec.child("activeDeadlineSeconds");
    if deadline.is_said() {
        values::between(&deadline, 1, i64::from(i32::MAX), causes);
    }
    for name in ["hostname", "subdomain"] {
        let name = spec.child(name);
        if !name.text().is_empty() {
            values::label(&name, causes);
        }
    }
    scheduling::tolerations(&spec.child("tolerations"), causes);
    let [priority, runtime] = ["priorityClassName", "runtimeClassName"].map(|name| spec.child(name));
    for (name, counts) in [(&priority, !priority.text().is_empty()), (&runtime, runtime.is_said())] {
        if counts {
            values::each(name, &names::subdomain(name.text()), causes);
        }
    }
    let policy = spec.child("preemptionPolicy");
    if policy.is_said() {
        values::said_one_of(&policy, &["PreemptLowerPriority", "Never"], causes);
    }
}

/// On the network of a node a container's ports are the node's.
fn host_network(spec: &Place<'_>, of_pod: bool, causes: &mut Causes) {
    if !spec.child("hostNetwork").is_true() {
        return;
    }
    for port in
        spec.child("containers").items().flat_map(|container| container.child("ports").items().collect::<Vec<_>>())
    {
        let [on_host, inside] = ["hostPort", "containerPort"].map(|name| port.child(name));
        if (of_pod || on_host.number() != 0) && on_host.number() != inside.number() {
            let why = "must match `containerPort` when `hostNetwork` is true";
            causes.push(invalid_value(on_host.path(), &Value::from(on_host.number()), why));
        }
    }
}
