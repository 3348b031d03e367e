//! The roles for people: `admin`, `edit` and `view` of a namespace. Their rules are gathered from roles with a label; that is
//! done by [`crate::access::aggregation`], as it is by a controller in a real cluster.

use serde_json::Value;

use super::RuleOf::{self, Resources};
use super::{aggregated, part};
use crate::access::bindings::RbacKind;

const READ: &[&str] = &["get", "list", "watch"];
const WRITE: &[&str] = &["create", "delete", "deletecollection", "patch", "update"];
const READ_WRITE: &[&str] = &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const CREATE: &[&str] = &["create"];
const CORE: &[&str] = &[""];

/// The roles that people are given and the parts that they are made of.
pub(super) fn roles() -> Vec<(RbacKind, Value)> {
    vec![
        aggregated("admin", &[], "admin"),
        aggregated("edit", &["admin"], "edit"),
        aggregated("view", &["edit"], "view"),
        part("system:aggregate-to-admin", "admin", ADMIN),
        part("system:aggregate-to-edit", "edit", EDIT),
        part("system:aggregate-to-view", "view", VIEW),
    ]
}

const ADMIN: &[RuleOf] = &[
    Resources(CREATE, &["authorization.k8s.io"], &["localsubjectaccessreviews"]),
    Resources(READ_WRITE, &["rbac.authorization.k8s.io"], &["rolebindings", "roles"]),
];

const EDIT: &[RuleOf] = &[
    Resources(READ, CORE, &["pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "secrets", "services/proxy"]),
    Resources(&["impersonate"], CORE, &["serviceaccounts"]),
    Resources(WRITE, CORE, &["pods", "pods/attach", "pods/exec", "pods/portforward", "pods/proxy"]),
    Resources(CREATE, CORE, &["pods/eviction"]),
    Resources(
        WRITE,
        CORE,
        &[
            "configmaps",
            "persistentvolumeclaims",
            "replicationcontrollers",
            "replicationcontrollers/scale",
            "secrets",
            "serviceaccounts",
            "services",
            "services/proxy",
        ],
    ),
    Resources(CREATE, CORE, &["serviceaccounts/token"]),
    Resources(WRITE, &["", "events.k8s.io"], &["events"]),
    Resources(
        WRITE,
        &["apps"],
        &[
            "daemonsets",
            "deployments",
            "deployments/rollback",
            "deployments/scale",
            "replicasets",
            "replicasets/scale",
            "statefulsets",
            "statefulsets/scale",
        ],
    ),
    Resources(WRITE, &["autoscaling"], &["horizontalpodautoscalers"]),
    Resources(WRITE, &["batch"], &["cronjobs", "jobs"]),
    Resources(
        WRITE,
        &["extensions"],
        &[
            "daemonsets",
            "deployments",
            "deployments/rollback",
            "deployments/scale",
            "ingresses",
            "networkpolicies",
            "replicasets",
            "replicasets/scale",
            "replicationcontrollers/scale",
        ],
    ),
    Resources(WRITE, &["policy"], &["poddisruptionbudgets"]),
    Resources(WRITE, &["networking.k8s.io"], &["ingresses", "networkpolicies"]),
    Resources(READ_WRITE, &["coordination.k8s.io"], &["leases"]),
    Resources(WRITE, &["resource.k8s.io"], &["resourceclaims", "resourceclaimtemplates"]),
];

const VIEW: &[RuleOf] = &[
    Resources(
        READ,
        CORE,
        &[
            "configmaps",
            "endpoints",
            "persistentvolumeclaims",
            "persistentvolumeclaims/status",
            "pods",
            "replicationcontrollers",
            "replicationcontrollers/scale",
            "serviceaccounts",
            "services",
            "services/status",
        ],
    ),
    Resources(
        READ,
        CORE,
        &[
            "bindings",
            "limitranges",
            "namespaces/status",
            "pods/log",
            "pods/status",
            "replicationcontrollers/status",
            "resourcequotas",
            "resourcequotas/status",
        ],
    ),
    Resources(READ, CORE, &["namespaces"]),
    Resources(READ, &["", "events.k8s.io"], &["events"]),
    Resources(READ, &["discovery.k8s.io"], &["endpointslices"]),
    Resources(
        READ,
        &["apps"],
        &[
            "controllerrevisions",
            "daemonsets",
            "daemonsets/status",
            "deployments",
            "deployments/scale",
            "deployments/status",
            "replicasets",
            "replicasets/scale",
            "replicasets/status",
            "statefulsets",
            "statefulsets/scale",
            "statefulsets/status",
        ],
    ),
    Resources(READ, &["autoscaling"], &["horizontalpodautoscalers", "horizontalpodautoscalers/status"]),
    Resources(READ, &["batch"], &["cronjobs", "cronjobs/status", "jobs", "jobs/status"]),
    Resources(
        READ,
        &["extensions"],
        &[
            "daemonsets",
            "daemonsets/status",
            "deployments",
            "deployments/scale",
            "deployments/status",
            "ingresses",
            "ingresses/status",
            "networkpolicies",
            "replicasets",
            "replicasets/scale",
            "replicasets/status",
            "replicationcontrollers/scale",
        ],
    ),
    Resources(READ, &["policy"], &["poddisruptionbudgets", "poddisruptionbudgets/status"]),
    Resources(READ, &["networking.k8s.io"], &["ingresses", "ingresses/status", "networkpolicies"]),
    Resources(READ, &["resource.k8s.io"], &["resourceclaims", "resourceclaims/status", "resourceclaimtemplates"]),
];
