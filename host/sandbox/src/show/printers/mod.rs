//! The tables of built-in kinds: `pkg/printers/internalversion/printers.go` of Kubernetes 1.36, with all columns, since clients
//! drop those that they do not show.

mod access;
mod core;
mod event;
mod network;
mod node;
mod pod;
#[cfg(test)]
mod tests;
mod workloads;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::table::{Part, Printer};
use crate::age;
use crate::selectors::LabelSelector;

/// The table of a built-in kind, or of its subresource `scale`. There is none of what is not stored.
pub fn printer(group: &str, plural: &str, subresource: &str) -> Option<Printer<'static>> {
    let (columns, cells): (_, super::table::Cells) = match (group, plural) {
        _ if subresource == "scale" => (workloads::SCALE, workloads::scale),
        _ if !matches!(subresource, "" | "status") => return None,
        ("", "namespaces") => (core::NAMESPACE, core::namespace),
        ("", "secrets") => (core::SECRET, core::secret),
        ("", "configmaps") => (core::CONFIG_MAP, core::config_map),
        ("", "serviceaccounts") => (core::SERVICE_ACCOUNT, core::service_account),
        ("", "resourcequotas") => (core::RESOURCE_QUOTA, core::resource_quota),
        ("", "services") => (network::SERVICE, network::service),
        ("", "endpoints") => (network::ENDPOINTS, network::endpoints),
        ("", "pods") => (pod::COLUMNS, pod::cells),
        ("", "nodes") => (node::COLUMNS, node::cells),
        ("" | "events.k8s.io", "events") => (event::COLUMNS, event::cells),
        ("apps", "deployments") => (workloads::DEPLOYMENT, workloads::deployment),
        ("apps", "replicasets") => (workloads::REPLICA_SET, workloads::replica_set),
        ("apps", "statefulsets") => (workloads::STATEFUL_SET, workloads::stateful_set),
        ("apps", "daemonsets") => (workloads::DAEMON_SET, workloads::daemon_set),
        ("policy", "poddisruptionbudgets") => (workloads::POD_DISRUPTION_BUDGET, workloads::pod_disruption_budget),
        ("rbac.authorization.k8s.io", "rolebindings") => (access::ROLE_BINDING, access::binding),
        ("rbac.authorization.k8s.io", "clusterrolebindings") => (access::CLUSTER_ROLE_BINDING, access::binding),
        ("coordination.k8s.io", "leases") => (core::LEASE, core::lease),
        ("discovery.k8s.io", "endpointslices") => (network::ENDPOINT_SLICE, network::endpoint_slice),
        ("networking.k8s.io", "networkpolicies") => (network::NETWORK_POLICY, network::network_policy),
        ("scheduling.k8s.io", "priorityclasses") => (core::PRIORITY_CLASS, core::priority_class),
        ("", "limitranges")
        | ("rbac.authorization.k8s.io", "roles" | "clusterroles")
        | ("apiextensions.k8s.io", "customresourcedefinitions") => return Some(Printer::Plain),
        _ => return None,
    };
    let completes = (group, plural) == ("", "pods");
    Some(Printer::Kind { columns, cells, completes })
}

fn name_of(object: &Map<String, Value>) -> Value {
    json!(Part::of(object, "metadata").at("name").text())
}

fn age_of(object: &Map<String, Value>, now: Timestamp) -> Value {
    json!(age::since(Part::of(object, "metadata").at("creationTimestamp").text(), now))
}

/// The text, or what is said for none.
fn or<'t>(text: &'t str, none: &'t str) -> &'t str {
    if text.is_empty() { none } else { text }
}

/// `labels.FormatLabels`.
fn labels(map: Part<'_>) -> Value {
    let pairs: Vec<String> = map.pairs().map(|(key, value)| format!("{key}={}", value.text())).collect();
    json!(or(&pairs.join(","), "<none>"))
}

/// `metav1.FormatLabelSelector`.
fn label_selector(selector: Part<'_>) -> Value {
    let text = LabelSelector::from_object(selector.value()).map(|selector| selector.to_string());
    json!(or(&text.unwrap_or_else(|_| "<error>".to_owned()), "<none>"))
}

/// The names and the images of the containers of a template.
fn containers(template: Part<'_>) -> [Value; 2] {
    ["name", "image"].map(|field| {
        let all: Vec<&str> =
            template.at("spec").at("containers").list().map(|container| container.at(field).text()).collect();
        json!(all.join(","))
    })
}
