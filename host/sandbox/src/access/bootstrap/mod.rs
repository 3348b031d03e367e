//! The roles and bindings that a new server has.
//!
//! Facts: `plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go` of Kubernetes 1.36 with its default feature gates, and
//! `pkg/authorization/bootstrap/policy.go` of kcp.
//!
//! Not here, because nothing in the sandbox is any of them: the roles of Kubernetes' own components (`system:node`,
//! `system:kube-scheduler`, `system:kube-controller-manager`, `system:controller:*`, … and the roles in `kube-system` and
//! `kube-public`), of approvers of certificates, and `system:heapster`. `kubectl get clusterroles` shows fewer than a real
//! server does.

mod user_facing;

use serde_json::{Map, Value, json};

use super::bindings::RbacKind;
use super::kcp;
use super::view::RBAC;

/// Rules as they are written down here.
pub(super) enum RuleOf {
    /// Verbs, groups and resources.
    Resources(&'static [&'static str], &'static [&'static str], &'static [&'static str]),
    /// Verbs and paths.
    Paths(&'static [&'static str], &'static [&'static str]),
}

use RuleOf::{Paths, Resources};

const ANY: &[&str] = &["*"];
const GET: &[&str] = &["get"];
const CREATE: &[&str] = &["create"];

/// The ClusterRoles and ClusterRoleBindings of a plain server, without what every object gets when it is stored.
pub fn plain() -> Vec<(RbacKind, Value)> {
    let mut objects = vec![
        role("cluster-admin", &[Resources(ANY, ANY, ANY), Paths(ANY, ANY)]),
        role(
            "system:discovery",
            &[Paths(
                GET,
                &[
                    "/api",
                    "/api/*",
                    "/apis",
                    "/apis/*",
                    "/healthz",
                    "/livez",
                    "/openapi",
                    "/openapi/*",
                    "/readyz",
                    "/version",
                    "/version/",
                ],
            )],
        ),
        role(
            "system:monitoring",
            &[
                Paths(
                    GET,
                    &[
                        "/flagz",
                        "/healthz",
                        "/healthz/*",
                        "/livez",
                        "/livez/*",
                        "/metrics",
                        "/metrics/slis",
                        "/readyz",
                        "/readyz/*",
                        "/statusz",
                    ],
                ),
                Resources(GET, &[""], &["nodes/metrics"]),
            ],
        ),
        role(
            "system:basic-user",
            &[
                Resources(CREATE, &["authorization.k8s.io"], &["selfsubjectaccessreviews", "selfsubjectrulesreviews"]),
                Resources(CREATE, &["authentication.k8s.io"], &["selfsubjectreviews"]),
            ],
        ),
        role("system:public-info-viewer", &[Paths(GET, &["/healthz", "/livez", "/readyz", "/version", "/version/"])]),
        role(
            "system:auth-delegator",
            &[
                Resources(CREATE, &["authentication.k8s.io"], &["tokenreviews"]),
                Resources(CREATE, &["authorization.k8s.io"], &["subjectaccessreviews"]),
            ],
        ),
        role(
            "system:service-account-issuer-discovery",
            &[Paths(
                GET,
                &[
                    "/.well-known/openid-configuration",
                    "/.well-known/openid-configuration/",
                    "/openid/v1/jwks",
                    "/openid/v1/jwks/",
                ],
            )],
        ),
    ];
    objects.extend(user_facing::roles());
    let groups = |name, groups: &[&str]| binding(name, name, groups);
    objects.extend([
        groups("cluster-admin", &["system:masters"]),
        groups("system:monitoring", &["system:monitoring"]),
        groups("system:discovery", &["system:authenticated"]),
        groups("system:basic-user", &["system:authenticated"]),
        groups("system:public-info-viewer", &["system:authenticated", "system:unauthenticated"]),
        groups("system:service-account-issuer-discovery", &["system:serviceaccounts"]),
    ]);
    objects
}

/// What kcp has in `system:admin`, besides what a plain server has.
pub fn workspaces() -> Vec<(RbacKind, Value)> {
    let admin = kcp::LOGICAL_CLUSTER_ADMIN;
    let external = kcp::EXTERNAL_LOGICAL_CLUSTER_ADMIN;
    let all = &[Resources(ANY, ANY, ANY), Paths(ANY, ANY)];
    vec![
        role(
            "system:kcp:tenancy:reader",
            &[
                Resources(&["get", "list", "watch"], &["tenancy.kcp.io"], &["workspaces"]),
                Resources(&["get", "list", "watch"], &["tenancy.kcp.io"], &["workspacetypes"]),
                Resources(&["get", "list", "watch"], &["core.kcp.io"], &["logicalclusters"]),
            ],
        ),
        role(kcp::WORKSPACE_BOOTSTRAPPER, all),
        role(
            admin,
            &[
                Resources(ANY, &["core.kcp.io"], &["logicalclusters", "logicalclusters/status"]),
                Resources(&["delete", "get", "update"], &["tenancy.kcp.io"], &["workspaces"]),
            ],
        ),
        role(external, EXTERNAL),
        role("system:kcp:workspace:access", &[Paths(&["access"], &["/"])]),
        role("system:kcp:metrics-reader", &[Paths(GET, &["/metrics"])]),
        binding("system:kcp:admin:cluster-admin", "cluster-admin", &[kcp::ADMIN]),
        binding(
            kcp::WORKSPACE_BOOTSTRAPPER,
            kcp::WORKSPACE_BOOTSTRAPPER,
            &[kcp::WORKSPACE_BOOTSTRAPPER, "apis.kcp.io:binding:system:kcp:tenancy:workspace-bootstrapper"],
        ),
        binding(admin, admin, &[admin]),
        binding(external, external, &[external]),
    ]
}

/// kcp writes these in several pieces of one name; those for caches, migrations and authentication are left out.
const EXTERNAL: &[RuleOf] = &[
    Resources(&["delete", "get", "update"], &["core.kcp.io"], &["logicalclusters", "logicalclusters/status"]),
    Resources(&["delete", "get", "patch", "update"], &["tenancy.kcp.io"], &["workspaces"]),
    Resources(GET, &[""], &["secrets", "serviceaccounts"]),
    Paths(&["access"], &["/"]),
    Resources(CREATE, &["authorization.k8s.io"], &["subjectaccessreviews"]),
    Resources(&["get", "patch", "update"], &["apis.kcp.io"], &["apiexportendpointslices/status"]),
    Resources(&["get", "list", "watch"], &["apis.kcp.io"], &["apiexportendpointslices"]),
];

/// A ClusterRole with these rules.
pub(super) fn role(name: &str, rules: &[RuleOf]) -> (RbacKind, Value) {
    let rules: Vec<Value> = rules.iter().map(RuleOf::to_value).collect();
    (RbacKind::ClusterRole, object("ClusterRole", name, &[], [("rules", Value::from(rules))]))
}

/// A ClusterRole whose rules are gathered from others.
pub(super) fn aggregated(name: &str, labels: &[&str], from: &str) -> (RbacKind, Value) {
    let mut selected = Map::new();
    selected.insert(format!("rbac.authorization.k8s.io/aggregate-to-{from}"), json!("true"));
    let aggregation = json!({"clusterRoleSelectors": [{"matchLabels": selected}]});
    let fields = [("aggregationRule", aggregation), ("rules", Value::Null)];
    (RbacKind::ClusterRole, object("ClusterRole", name, labels, fields))
}

/// A ClusterRole that others gather.
pub(super) fn part(name: &str, to: &str, rules: &[RuleOf]) -> (RbacKind, Value) {
    let rules: Vec<Value> = rules.iter().map(RuleOf::to_value).collect();
    (RbacKind::ClusterRole, object("ClusterRole", name, &[to], [("rules", Value::from(rules))]))
}

fn binding(name: &str, role: &str, groups: &[&str]) -> (RbacKind, Value) {
    let subjects: Vec<Value> =
        groups.iter().map(|group| json!({"apiGroup": RBAC, "kind": "Group", "name": group})).collect();
    let role = json!({"apiGroup": RBAC, "kind": "ClusterRole", "name": role});
    let fields = [("roleRef", role), ("subjects", Value::from(subjects))];
    (RbacKind::ClusterRoleBinding, object("ClusterRoleBinding", name, &[], fields))
}

fn object<const N: usize>(kind: &str, name: &str, aggregate_to: &[&str], fields: [(&str, Value); N]) -> Value {
    let mut labels = Map::from_iter([("kubernetes.io/bootstrapping".to_owned(), json!("rbac-defaults"))]);
    for to in aggregate_to {
        labels.insert(format!("rbac.authorization.k8s.io/aggregate-to-{to}"), json!("true"));
    }
    let mut object = Map::from_iter([
        ("apiVersion".to_owned(), json!("rbac.authorization.k8s.io/v1")),
        ("kind".to_owned(), json!(kind)),
        (
            "metadata".to_owned(),
            json!({"name": name, "labels": labels, "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"}}),
        ),
    ]);
    object.extend(fields.map(|(name, value)| (name.to_owned(), value)));
    Value::Object(object)
}

impl RuleOf {
    fn to_value(&self) -> Value {
        match self {
            Resources(verbs, groups, resources) => {
                json!({"verbs": verbs, "apiGroups": groups, "resources": resources})
            }
            Paths(verbs, paths) => json!({"verbs": verbs, "nonResourceURLs": paths}),
        }
    }
}

#[cfg(test)]
mod tests;
