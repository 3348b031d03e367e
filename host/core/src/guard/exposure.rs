//! What an object does to its surroundings: Services open something to the outside, a Namespace lets in pods of any kind, a
//! Deployment takes room from others.

use serde_json::Value;

use super::at::At;
use super::{Findings, Policy};

/// The label by which an API server holds every pod of a namespace to a Pod Security profile.
const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

pub(super) fn check_service(root: &At<'_>, policy: &Policy<'_>, findings: &mut Findings<'_>) {
    let spec = root.field("spec");
    let kind = spec.field("type");
    let exposed = matches!(kind.text(), Some("NodePort" | "LoadBalancer"));
    let allowed = kind.is_absent() || kind.text() == Some("ClusterIP") || (exposed && policy.waivers.exposed_services);
    if !allowed {
        findings.refuse(&kind, "only Services of type ClusterIP are allowed", "use ClusterIP, or leave it out");
    }
    for (field, effect) in [
        ("externalIPs", "would take over traffic to these addresses"),
        ("externalName", "would send traffic for the Service elsewhere"),
    ] {
        let at = spec.field(field);
        if !at.is_empty() {
            findings.refuse(&at, effect, "remove it");
        }
    }
    let ports = spec.field("ports");
    for port in findings.items(&ports, 64) {
        let at = port.field("nodePort");
        if !(at.is_absent() || at.value() == &Value::from(0) || policy.waivers.exposed_services) {
            findings.refuse(&at, "would open a port on every node", "remove it");
        }
    }
}

pub(super) fn check_namespace(root: &At<'_>, findings: &mut Findings<'_>) {
    let metadata = root.field("metadata");
    let labels = metadata.field("labels");
    let enforce = labels.field(ENFORCE);
    if enforce.text() != Some("restricted") {
        findings.refuse(&enforce, "the namespace must hold its pods to the restricted profile", "set it to restricted");
    }
    let spec = root.field("spec");
    if !spec.is_empty() {
        findings.refuse(&spec, "its finalizers would hold up the deletion of the namespace", "remove it");
    }
}

pub(super) fn check_replicas(spec: &At<'_>, policy: &Policy<'_>, findings: &mut Findings<'_>) {
    let replicas = spec.field("replicas");
    let most = policy.limits.replicas;
    if !(replicas.is_absent() || replicas.value().as_u64().is_some_and(|replicas| replicas <= most)) {
        findings.refuse(&replicas, "is too many, or no number", format_args!("at most {most} are allowed"));
    }
    let template = spec.field("template");
    let pod = template.field("spec");
    let class = pod.field("priorityClassName");
    if class.text().is_some_and(|class| class.starts_with("system-")) {
        findings.refuse(&class, "would evict the pods of others", "use a priority class of your own");
    }
}
