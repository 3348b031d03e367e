//! Services, Endpoints, EndpointSlices, NetworkPolicies.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{age_of, label_selector, labels, name_of, or};
use crate::show::table::{AGE, Column, NAME, Part, column, wide};

/// As many endpoints are shown.
const MOST: usize = 3;

pub(super) const SERVICE: &[Column<'static>] = &[
    NAME,
    column(
        "Type",
        "string",
        "type determines how the Service is exposed. Defaults to ClusterIP. Valid options are ExternalName, ClusterIP, NodePort, and LoadBalancer. \"ClusterIP\" allocates a cluster-internal IP address for load-balancing to endpoints. Endpoints are determined by the selector or if that is not specified, by manual construction of an Endpoints object or EndpointSlice objects. If clusterIP is \"None\", no virtual IP is allocated and the endpoints are published as a set of endpoints rather than a virtual IP. \"NodePort\" builds on ClusterIP and allocates a port on every node which routes to the same endpoints as the clusterIP. \"LoadBalancer\" builds on NodePort and creates an external load-balancer (if supported in the current cloud) which routes to the same endpoints as the clusterIP. \"ExternalName\" aliases this service to the specified externalName. Several other fields do not apply to ExternalName services. More info: https://kubernetes.io/docs/concepts/services-networking/service/#publishing-services-service-types",
    ),
    column(
        "Cluster-IP",
        "string",
        "clusterIP is the IP address of the service and is usually assigned randomly. If an address is specified manually, is in-range (as per system configuration), and is not in use, it will be allocated to the service; otherwise creation of the service will fail. This field may not be changed through updates unless the type field is also being changed to ExternalName (which requires this field to be blank) or the type field is being changed from ExternalName (in which case this field may optionally be specified, as describe above).  Valid values are \"None\", empty string (\"\"), or a valid IP address. Setting this to \"None\" makes a \"headless service\" (no virtual IP), which is useful when direct endpoint connections are preferred and proxying is not required.  Only applies to types ClusterIP, NodePort, and LoadBalancer. If this field is specified when creating a Service of type ExternalName, creation will fail. This field will be wiped when updating a Service to type ExternalName. More info: https://kubernetes.io/docs/concepts/services-networking/service/#virtual-ips-and-service-proxies",
    ),
    column(
        "External-IP",
        "string",
        "externalIPs is a list of IP addresses for which nodes in the cluster will also accept traffic for this service.  These IPs are not managed by Kubernetes.  The user is responsible for ensuring that traffic arrives at a node with this IP.  A common example is external load-balancers that are not part of the Kubernetes system.",
    ),
    column(
        "Port(s)",
        "string",
        "The list of ports that are exposed by this service. More info: https://kubernetes.io/docs/concepts/services-networking/service/#virtual-ips-and-service-proxies",
    ),
    AGE,
    wide(
        "Selector",
        "string",
        "Route service traffic to pods with label keys and values matching this selector. If empty or not present, the service is assumed to have an external process managing its endpoints, which Kubernetes will not modify. Only applies to types ClusterIP, NodePort, and LoadBalancer. Ignored if type is ExternalName. More info: https://kubernetes.io/docs/concepts/services-networking/service/",
    ),
];

pub(super) fn service(object: &Map<String, Value>, now: Timestamp) -> Vec<Value> {
    let spec = Part::of(object, "spec");
    let internal = spec.at("clusterIPs").list().next().map_or("<none>", Part::text);
    let ports: Vec<String> = spec
        .at("ports")
        .list()
        .map(|port| {
            let (number, node) = (port.at("port").number(), port.at("nodePort").number());
            let protocol = port.at("protocol").text();
            if node > 0 { format!("{number}:{node}/{protocol}") } else { format!("{number}/{protocol}") }
        })
        .collect();
    vec![
        name_of(object),
        json!(spec.at("type").text()),
        json!(internal),
        json!(external_ip(object)),
        json!(or(&ports.join(","), "<none>")),
        age_of(object, now),
        labels(spec.at("selector")),
    ]
}

/// `getServiceExternalIP`, for a table that has all columns.
fn external_ip(object: &Map<String, Value>) -> String {
    let spec = Part::of(object, "spec");
    let external = spec.at("externalIPs").list().map(Part::text);
    match spec.at("type").text() {
        "ClusterIP" | "NodePort" => or(&external.collect::<Vec<_>>().join(","), "<none>").to_owned(),
        "LoadBalancer" => {
            let ingress = Part::of(object, "status").at("loadBalancer").at("ingress").list();
            let balanced: BTreeSet<&str> = ingress
                .map(|one| or(one.at("ip").text(), one.at("hostname").text()))
                .filter(|one| !one.is_empty())
                .collect();
            or(&balanced.into_iter().chain(external).collect::<Vec<_>>().join(","), "<pending>").to_owned()
        }
        "ExternalName" => spec.at("externalName").text().to_owned(),
        _ => "<unknown>".to_owned(),
    }
}

pub(super) const ENDPOINTS: &[Column<'static>] = &[
    NAME,
    column(
        "Endpoints",
        "string",
        "The set of all endpoints is the union of all subsets. Addresses are placed into subsets according to the IPs they share. A single address with multiple ports, some of which are ready and some of which are not (because they come from different containers) will result in the address being displayed in different subsets for the different ports. No address will appear in both Addresses and NotReadyAddresses in the same subset. Sets of addresses and ports that comprise a service.",
    ),
    AGE,
];

pub(super) fn endpoints(object: &Map<String, Value>, now: Timestamp) -> Vec<Value> {
    vec![name_of(object), json!(addresses(Part::of(object, "subsets"))), age_of(object, now)]
}

/// `formatEndpoints`.
fn addresses(subsets: Part<'_>) -> String {
    if subsets.list().next().is_none() {
        return "<none>".to_owned();
    }
    let mut all = Vec::new();
    for subset in subsets.list() {
        let ips = subset.at("addresses").list().map(|address| address.at("ip").text());
        if subset.at("ports").list().next().is_none() {
            all.extend(ips.map(str::to_owned));
            continue;
        }
        for port in subset.at("ports").list() {
            let port = port.at("port").number();
            all.extend(
                ips.clone().map(|ip| if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }),
            );
        }
    }
    shortened(&all)
}

pub(super) const ENDPOINT_SLICE: &[Column<'static>] = &[
    NAME,
    column(
        "AddressType",
        "string",
        "addressType specifies the type of address carried by this EndpointSlice. All addresses in this slice must be the same type. This field is immutable after creation. The following address types are currently supported: * IPv4: Represents an IPv4 Address. * IPv6: Represents an IPv6 Address. * FQDN: Represents a Fully Qualified Domain Name. (Deprecated) The EndpointSlice controller only generates, and kube-proxy only processes, slices of addressType \"IPv4\" and \"IPv6\". No semantics are defined for the \"FQDN\" type.",
    ),
    column(
        "Ports",
        "string",
        "ports specifies the list of network ports exposed by each endpoint in this slice. Each port must have a unique name. Each slice may include a maximum of 100 ports. Services always have at least 1 port, so EndpointSlices generated by the EndpointSlice controller will likewise always have at least 1 port. EndpointSlices used for other purposes may have an empty ports list.",
    ),
    column(
        "Endpoints",
        "string",
        "endpoints is a list of unique endpoints in this slice. Each slice may include a maximum of 1000 endpoints.",
    ),
    AGE,
];

pub(super) fn endpoint_slice(object: &Map<String, Value>, now: Timestamp) -> Vec<Value> {
    let ports: Vec<String> = Part::of(object, "ports")
        .list()
        .map(|port| match (port.at("port").is_there(), port.at("name").is_there()) {
            (true, _) => port.at("port").number().to_string(),
            (false, true) => port.at("name").text().to_owned(),
            (false, false) => "*".to_owned(),
        })
        .collect();
    let addresses: Vec<String> = Part::of(object, "endpoints")
        .list()
        .flat_map(|endpoint| endpoint.at("addresses").list())
        .map(|address| address.text().to_owned())
        .collect();
    vec![
        name_of(object),
        json!(Part::of(object, "addressType").text()),
        json!(or(&shortened(&ports), "<unset>")),
        json!(or(&shortened(&addresses), "<unset>")),
        age_of(object, now),
    ]
}

pub(super) const NETWORK_POLICY: &[Column<'static>] = &[
    NAME,
    column(
        "Pod-Selector",
        "string",
        "podSelector selects the pods to which this NetworkPolicy object applies. The array of rules is applied to any pods selected by this field. An empty selector matches all pods in the policy's namespace. Multiple network policies can select the same set of pods. In this case, the ingress rules for each are combined additively. This field is optional. If it is not specified, it defaults to an empty selector.",
    ),
    AGE,
];

pub(super) fn network_policy(object: &Map<String, Value>, now: Timestamp) -> Vec<Value> {
    let selector = Part::of(object, "spec").at("podSelector");
    // It is no pointer in Go: none is an empty one.
    let selector = if selector.is_there() { label_selector(selector) } else { json!("<none>") };
    vec![name_of(object), selector, age_of(object, now)]
}

fn shortened(all: &[String]) -> String {
    let shown = all.get(..MOST.min(all.len())).unwrap_or_default().join(",");
    match all.len().checked_sub(MOST) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} + {more} more..."),
    }
}
