//! Deployments, ReplicaSets, StatefulSets, DaemonSets, disruption budgets, scales.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{age_of, containers, label_selector, labels, name_of};
use crate::selectors::LabelSelector;
use crate::show::table::{AGE, Column, NAME, NAME_TEXT, Part, column, wide};

pub(super) const DEPLOYMENT: &[Column<'static>] = &[
    NAME,
    column("Ready", "string", "Number of the pod with ready state"),
    column(
        "Up-to-date",
        "string",
        "Total number of non-terminating pods targeted by this deployment that have the desired template spec.",
    ),
    column(
        "Available",
        "string",
        "Total number of available non-terminating pods (ready for at least minReadySeconds) targeted by this deployment.",
    ),
    AGE,
    wide("Containers", "string", "Names of each container in the template."),
    wide("Images", "string", "Images referenced by each container in the template."),
    wide(
        "Selector",
        "string",
        "Label selector for pods. Existing ReplicaSets whose pods are selected by this will be the ones affected by this deployment. It must match the pod template's labels.",
    ),
];

pub(super) fn deployment(object: &Map<String, Value>, now: Timestamp) -> Vec<Value> {
    let (spec, status) = (Part::of(object, "spec"), Part::of(object, "status"));
    let selector = LabelSelector::from_object(spec.at("selector").value());
    let [names, images] = containers(spec.at("template"));
    vec![
        name_of(object),
        json!(format!("{}/{}", status.at("readyReplicas").number(), spec.at("replicas").number())),
        json!(status.at("updatedReplicas").number()),
        json!(status.at("availableReplicas").number()),
        age_of(object, now),
        names,
        images,
        json!(selector.map_or_else(|_| "<invalid>".to_owned(), |selector| selector.to_string())),
    ]
}

pub(super) const REPLICA_SET: &[Column<'static>] = &[
    NAME,
    column(
        "Desired",
        "integer",
        "Replicas is the number of desired pods. This is a pointer to distinguish between explicit zero and unspecified. Defaults to 1. More info: https://kubernetes.io/docs/concepts/workloads/controllers/replicaset",
    ),
    column(
        "Current",
        "integer",
        "Replicas is the most recently observed number of non-terminating pods. More info: https://kubernetes.io/docs/concepts/workloads/controllers/replicaset",
    ),
    column(
        "Ready",
        "integer",
        "The number of non-terminating pods targeted by this ReplicaSet with a Ready Condition.",
    ),
    AGE,
    wide("Containers", "string", "Names of each container in the template."),
    wide("Images", "string", "Images referenced by each container in the template."),
    wide(
        "Selector",
        "string",
        "Selector is a label query over pods that should match the replica count. Label keys and values that must match in order to be controlled by this replica set. It must match the pod template's labels. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors",
    ),
];

pub(super) fn replica_set(object: &Map<String, Value>, now: Timestamp) -> Vec<Value> {
    let (spec, status) = (Part::of(object, "spec"), Part::of(object, "status"));
    let [names, images] = containers(spec.at("template"));
    vec![
        name_of(object),
        json!(spec.at("replicas").number()),
        json!(status.at("replicas").number()),
        json!(status.at("readyReplicas").number()),
        age_of(object, now),
        names,
        images,
        label_selector(spec.at("selector")),
    ]
}

pub(super) const STATEFUL_SET: &[Column<'static>] = &[
    NAME,
    column("Ready", "string", "Number of the pod with ready state"),
    AGE,
    wide("Containers", "string", "Names of each container in the template."),
    wide("Images", "string", "Images referenced by each container in the template."),
];

pub(super) fn stateful_set(object: &Map<String, Value>, now: Timestamp) -> Vec<Value> {
    let (spec, status) = (Part::of(object, "spec"), Part::of(object, "status"));
    let [names, images] = containers(spec.at("template"));
    vec![
        name_of(object),
        json!(format!("{}/{}", status.at("readyReplicas").number(), spec.at("replicas").number())),
        age_of(object, now),
        names,
        images,
    ]
}

pub(super) const DAEMON_SET: &[Column<'static>] = &[
    NAME,
    column(
        "Desired",
        "integer",
        "The total number of nodes that should be running the daemon pod (including nodes correctly running the daemon pod). More info: https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/",
    ),
    column(
        "Current",
        "integer",
        "The number of nodes that are running at least 1 daemon pod and are supposed to run the daemon pod. More info: https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/",
    ),
    column(
        "Ready",
        "integer",
        "numberReady is the number of nodes that should be running the daemon pod and have one or more of the daemon pod running with a Ready Condition.",
    ),
    column("Up-to-date", "integer", "The total number of nodes that are running updated daemon pod"),
    column(
        "Available",
        "integer",
        "The number of nodes that should be running the daemon pod and have one or more of the daemon pod running and available (ready for at least spec.minReadySeconds)",
    ),
    column(
        "Node Selector",
        "string",
        "NodeSelector is a selector which must be true for the pod to fit on a node. Selector which must match a node's labels for the pod to be scheduled on that node. More info: https://kubernetes.io/docs/concepts/configuration/assign-pod-node/",
    ),
    AGE,
    wide("Containers", "string", "Names of each container in the template."),
    wide("Images", "string", "Images referenced by each container in the template."),
    wide(
        "Selector",
        "string",
        "A label query over pods that are managed by the daemon set. Must match in order to be controlled. It must match the pod template's labels. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors",
    ),
];

pub(super) fn daemon_set(object: &Map<String, Value>, now: Timestamp) -> Vec<Value> {
    let (spec, status) = (Part::of(object, "spec"), Part::of(object, "status"));
    let [names, images] = containers(spec.at("template"));
    let number = |field: &str| json!(status.at(field).number());
    vec![
        name_of(object),
        number("desiredNumberScheduled"),
        number("currentNumberScheduled"),
        number("numberReady"),
        number("updatedNumberScheduled"),
        number("numberAvailable"),
        labels(spec.at("template").at("spec").at("nodeSelector")),
        age_of(object, now),
        names,
        images,
        label_selector(spec.at("selector")),
    ]
}

pub(super) const POD_DISRUPTION_BUDGET: &[Column<'static>] = &[
    NAME,
    column("Min Available", "string", "The minimum number of pods that must be available."),
    column("Max Unavailable", "string", "The maximum number of pods that may be unavailable."),
    column("Allowed Disruptions", "integer", "Calculated number of pods that may be disrupted at this time."),
    AGE,
];

pub(super) fn pod_disruption_budget(object: &Map<String, Value>, now: Timestamp) -> Vec<Value> {
    let spec = Part::of(object, "spec");
    let many = |field: &str| match spec.at(field).value() {
        None => json!("N/A"),
        Some(Value::String(percent)) => json!(percent),
        Some(number) => json!(number.to_string()),
    };
    vec![
        name_of(object),
        many("minAvailable"),
        many("maxUnavailable"),
        json!(Part::of(object, "status").at("disruptionsAllowed").number()),
        age_of(object, now),
    ]
}

pub(super) const SCALE: &[Column<'static>] = &[
    column("Name", "string", NAME_TEXT),
    column("Desired", "integer", "replicas is the desired number of instances for the scaled object."),
    column("Available", "integer", "replicas is the actual number of observed instances of the scaled object."),
    AGE,
];

pub(super) fn scale(object: &Map<String, Value>, now: Timestamp) -> Vec<Value> {
    let replicas = |part: &str| json!(Part::of(object, part).at("replicas").number());
    vec![name_of(object), replicas("spec"), replicas("status"), age_of(object, now)]
}
