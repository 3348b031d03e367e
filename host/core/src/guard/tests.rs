//! Every rule: a good set of objects, one thing in it changed, and what is said about it.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::key::Workspace;

const NAMESPACE: &str = "ours";

fn names() -> TargetNames {
    TargetNames::new(&Workspace::new("team"), "u1")
}

fn api(group: &str, resource: &str) -> ApiResource {
    ApiResource { group: group.to_owned(), version: "v1".to_owned(), resource: resource.to_owned() }
}

/// What a good template set renders.
fn good() -> Vec<Value> {
    let role = names().downstream_role;
    let container = json!({
        "name": "syncer", "image": "syncer:1",
        "ports": [{"name": "probes", "containerPort": 8080}],
        "livenessProbe": {"httpGet": {"path": "/livez", "port": "probes"}},
        "securityContext": {
            "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "hub", "mountPath": "/hub"}],
    });
    let subjects = json!([{"kind": "ServiceAccount", "name": "berthage-syncer", "namespace": NAMESPACE}]);
    vec![
        json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": NAMESPACE, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": role},
            "rules": [
                {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list", "watch", "create", "update", "patch", "delete"]},
                {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "create"]},
            ],
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": role},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": subjects,
        }),
        json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": "berthage-syncer", "namespace": NAMESPACE},
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": {"name": "syncer", "namespace": NAMESPACE},
            "rules": [
                {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "update"]},
                {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"], "resourceNames": ["berthage-hub-kubeconfig"]},
            ],
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "syncer", "namespace": NAMESPACE},
            "roleRef": {"kind": "Role", "name": "syncer"},
            "subjects": subjects,
        }),
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "metrics", "namespace": NAMESPACE},
            "spec": {"ports": [{"port": 80}]},
        }),
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "berthage-syncer", "namespace": NAMESPACE},
            "spec": {"template": {
                "metadata": {"annotations": {"a": "b"}},
                "spec": {
                    "serviceAccountName": "berthage-syncer",
                    "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
                    "initContainers": [container], "containers": [container],
                    "volumes": [
                        {"name": "hub", "secret": {"secretName": "berthage-hub-kubeconfig"}},
                        {"name": "tmp", "emptyDir": {}},
                    ],
                },
            }},
        }),
    ]
}

fn desired(object: Value) -> Desired {
    let id = ObjectId::of(&object).unwrap();
    let source = format!("{}.yaml", id.kind.to_lowercase());
    Desired { id, object, source }
}

fn verdict(objects: Vec<Value>) -> Result<(), Violations> {
    let (names, granted) = (names(), [api("apps", "deployments")]);
    check(&objects.into_iter().map(desired).collect::<Vec<_>>(), &Policy::new(&names, NAMESPACE, &granted))
}

/// The good set with `change` made to the object of that kind.
fn changed(kind: &str, change: impl FnOnce(&mut Value)) -> Vec<Value> {
    let mut objects = good();
    change(objects.iter_mut().find(|object| object["kind"] == kind).unwrap());
    objects
}

fn set(object: &mut Value, pointer: &str, value: Value) {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let mut at = object;
    for step in parent.split('/').skip(1) {
        at = match at {
            Value::Array(items) => &mut items[step.parse::<usize>().unwrap()],
            other => &mut other[step],
        };
    }
    match at {
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
        other => other[name.replace('~', "/")] = value,
    }
}

/// What is said when `pointer` of the object of that kind is `value`.
fn said(kind: &str, pointer: &str, value: Value) -> String {
    let objects = changed(kind, |object| set(object, pointer, value));
    verdict(objects).map_or_else(|violations| violations.to_string(), |()| "nothing".to_owned())
}

/// Everything that is said about a list of changes, for a snapshot.
fn report(kind: &str, changes: &[(&str, Value)]) -> String {
    let line = |(pointer, value): &(&str, Value)| {
        let said = said(kind, pointer, value.clone()).replace('\n', "\n  ");
        format!("{pointer} = {value}\n  {said}")
    };
    changes.iter().map(line).collect::<Vec<_>>().join("\n") + "\n"
}

#[test]
fn a_good_set_passes() {
    assert_eq!(verdict(good()), Ok(()));
}

#[test]
fn kinds_that_are_not_listed_are_refused() {
    let mut objects = good();
    objects.push(json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": "x"}}));
    objects.push(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x", "namespace": NAMESPACE}}));
    objects.push(
        json!({"apiVersion": "apps/v1beta1", "kind": "Deployment", "metadata": {"name": "x", "namespace": NAMESPACE}}),
    );
    let violations = verdict(objects).unwrap_err();
    assert_eq!(violations.reason(), Reason::PolicyViolation);
    insta::assert_snapshot!(violations);
}

#[test]
fn ownership() {
    let role = names().downstream_role;
    let mut out = report(
        "ServiceAccount",
        &[
            ("/metadata/namespace", json!("kube-system")),
            ("/metadata/name", json!("default")),
            ("/metadata/name", json!("berthage-syncer-two")),
            ("/metadata/name", json!("berthage-syncertwo")),
            ("/metadata/name", json!("Big")),
            ("/metadata/name", json!("a".repeat(254))),
            ("/metadata/ownerReferences", json!([{"uid": "x"}])),
            ("/metadata/ownerReferences", json!([])),
            ("/metadata/finalizers", json!(["x/y"])),
            ("/metadata/generateName", json!("x-")),
            ("/metadata/labels", json!("x")),
            ("/metadata/annotations", json!({"a": 1})),
        ],
    );
    out += &report(
        "Namespace",
        &[
            ("/metadata/name", json!("kube-system")),
            ("/metadata/name", json!("a.b")),
            ("/metadata/namespace", json!("ours")),
            ("/metadata/labels/pod-security.kubernetes.io~enforce", json!("privileged")),
            ("/metadata/labels", Value::Null),
            ("/spec", json!({"finalizers": ["x"]})),
        ],
    );
    out += &report(
        "ClusterRole",
        &[
            ("/metadata/name", json!("cluster-admin")),
            ("/metadata/labels", json!({"rbac.authorization.k8s.io/aggregate-to-admin": "true"})),
        ],
    );
    let out = out.replace(&role, "ROLE");
    insta::assert_snapshot!(out);
}

#[test]
fn own_names_may_go_on() {
    let objects = changed("ClusterRoleBinding", |object| {
        object["metadata"]["name"] = json!(format!("{}-more", names().downstream_role));
    });
    assert_eq!(verdict(objects), Ok(()));
}

#[test]
fn an_object_must_be_what_it_is_known_by() {
    let (names, granted) = (names(), [api("apps", "deployments")]);
    let policy = Policy::new(&names, NAMESPACE, &granted);
    let harmless =
        desired(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": NAMESPACE}}));
    let disguised = |object: Value| Desired { object, ..harmless.clone() };
    for object in [
        good()[1].clone(),
        json!([]),
        json!({}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": 1}}),
    ] {
        let violations = check(&[disguised(object)], &policy).unwrap_err();
        insta::allow_duplicates! {
            insta::assert_snapshot!(violations, @"ConfigMap ours/a (configmap.yaml): apiVersion, kind, name or namespace is missing, or is not what the object is known by; give it all of them, as text");
        }
    }
    assert_eq!(check(&[harmless], &policy), Ok(()));
}

#[test]
fn amounts_are_bounded() {
    let (names, granted) = (names(), []);
    let map = |name: &str, size: usize| {
        desired(json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": NAMESPACE},
            "data": {"text": "x".repeat(size)},
        }))
    };
    let policy = Policy {
        limits: Limits { objects: 3, object_bytes: 1000, total_bytes: 2000, replicas: 1 },
        ..Policy::new(&names, NAMESPACE, &granted)
    };
    let mut out = String::new();
    for objects in [
        vec![map("a", 10), map("b", 10), map("c", 10)],
        vec![map("a", 10), map("b", 10), map("c", 10), map("d", 10)],
        vec![map("a", 10), map("b", 1000), map("a", 10)],
        vec![map("a", 850), map("b", 850), map("c", 850)],
    ] {
        let verdict = check(&objects, &policy);
        out += &verdict.map_or_else(|violations| violations.to_string(), |()| "nothing".to_owned());
        out += "\n\n";
    }
    insta::assert_snapshot!(out);
    assert_eq!(Limits::default(), Limits { objects: 64, object_bytes: 262_144, total_bytes: 1_048_576, replicas: 16 });
}

#[test]
fn rights_of_a_cluster_role() {
    let rule = |groups: Value, resources: Value, verbs: Value| json!([{"apiGroups": groups, "resources": resources, "verbs": verbs}]);
    let out = report(
        "ClusterRole",
        &[
            ("/rules", rule(json!(["*"]), json!(["*"]), json!(["*"]))),
            ("/rules", rule(json!(["apps"]), json!(["deployments", "deployments/scale", "*/scale"]), json!(["get"]))),
            (
                "/rules",
                rule(
                    json!(["apps"]),
                    json!(["deployments"]),
                    json!(["get", "deletecollection", "escalate", "bind", "impersonate"]),
                ),
            ),
            ("/rules", rule(json!(["apps", ""]), json!(["deployments", "secrets"]), json!(["get"]))),
            ("/rules", rule(json!([""]), json!(["serviceaccounts/token", "pods/exec"]), json!(["create"]))),
            ("/rules", rule(json!([""]), json!(["namespaces"]), json!(["delete"]))),
            ("/rules", rule(json!([""]), json!(["leases"]), json!(["get"]))),
            ("/rules", rule(json!(["apps"]), json!([7]), json!(["get"]))),
            ("/rules", rule(json!("apps"), json!(["deployments"]), json!(["get"]))),
            ("/rules", rule(json!(vec!["g"; 17]), json!(["deployments"]), json!(["get"]))),
            ("/rules", json!([{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}])),
            ("/rules", json!({"apiGroups": []})),
            ("/rules", json!([])),
            ("/rules", Value::Null),
            ("/aggregationRule", json!({"clusterRoleSelectors": []})),
        ],
    );
    insta::assert_snapshot!(out.replace(&names().downstream_role, "ROLE"));
}

#[test]
fn rights_of_a_role_in_the_namespace() {
    let rule = |group: &str, resource: &str, verb: &str, names: Value| json!([{"apiGroups": [group], "resources": [resource], "verbs": [verb], "resourceNames": names}]);
    let out = report(
        "Role",
        &[
            ("/rules", rule("", "secrets", "get", Value::Null)),
            ("/rules", rule("", "secrets", "get", json!([]))),
            ("/rules", rule("", "secrets", "get", json!(["berthage-hub-kubeconfig", "other"]))),
            ("/rules", rule("", "secrets", "update", json!(["berthage-hub-kubeconfig"]))),
            ("/rules", rule("", "secrets", "list", json!(["berthage-hub-kubeconfig"]))),
            ("/rules", rule("", "pods", "list", Value::Null)),
            ("/rules", rule("", "pods", "create", Value::Null)),
            ("/rules", rule("apps", "deployments", "create", Value::Null)),
            ("/rules", rule("", "namespaces", "get", Value::Null)),
        ],
    );
    insta::assert_snapshot!(out);
}

#[test]
fn secrets_of_the_whole_cluster_are_a_grant_like_any_other() {
    let (names, granted) = (names(), [api("", "secrets")]);
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": names.downstream_role},
        "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch"]}],
    });
    assert_eq!(check(&[desired(role.clone())], &Policy::new(&names, NAMESPACE, &granted)), Ok(()));
    assert!(check(&[desired(role)], &Policy::new(&names, NAMESPACE, &[])).is_err());
}

#[test]
fn bindings_reach_nobody_else() {
    let subject =
        |kind: &str, name: &str, namespace: &str| json!([{"kind": kind, "name": name, "namespace": namespace}]);
    let role = |kind: &str, name: &str| json!({"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name});
    let mut out = report(
        "ClusterRoleBinding",
        &[
            ("/roleRef", role("ClusterRole", "cluster-admin")),
            ("/roleRef", role("Role", "syncer")),
            ("/roleRef/apiGroup", json!("example.org")),
            ("/roleRef", Value::Null),
            ("/subjects", subject("ServiceAccount", "berthage-syncer", "kube-system")),
            ("/subjects", subject("ServiceAccount", "default", "ours")),
            ("/subjects", subject("Group", "berthage-syncer", "ours")),
            (
                "/subjects",
                json!([{"apiGroup": "x", "kind": "ServiceAccount", "name": "berthage-syncer", "namespace": "ours"}]),
            ),
            ("/subjects", json!(["berthage-syncer"])),
            ("/subjects", json!({})),
            ("/subjects", json!([])),
        ],
    );
    out += &report(
        "RoleBinding",
        &[("/roleRef", role("Role", "admin")), ("/roleRef", role("ClusterRole", &names().downstream_role))],
    );
    insta::assert_snapshot!(out.replace(&names().downstream_role, "ROLE"));
}

#[test]
fn pods_are_restricted() {
    const POD: &str = "/spec/template/spec";
    let mut cases = Vec::new();
    for (field, value) in [
        ("hostNetwork", json!(true)),
        ("hostNetwork", json!("false")),
        ("hostNetwork", json!(false)),
        ("hostPID", json!(true)),
        ("hostIPC", json!(true)),
        ("serviceAccountName", json!("default")),
        ("serviceAccountName", Value::Null),
        ("serviceAccount", json!("default")),
        ("containers", json!({"name": "x"})),
        (
            "volumes",
            json!([{"name": "a", "hostPath": {"path": "/"}}, {"name": "b"}, {"name": "c", "emptyDir": {}, "nfs": {}}]),
        ),
        ("securityContext", Value::Null),
        ("securityContext/runAsNonRoot", json!(false)),
        ("securityContext/runAsUser", json!(0)),
        ("securityContext/runAsUser", json!(65532)),
        ("securityContext/seccompProfile/type", json!("Unconfined")),
        ("securityContext/seccompProfile", json!({})),
        ("securityContext/appArmorProfile", json!({"type": "Unconfined"})),
        ("securityContext/seLinuxOptions", json!({"type": "spc_t", "user": "root", "role": "sysadm_r", "level": "s0"})),
        ("securityContext/windowsOptions", json!({"hostProcess": true})),
        (
            "securityContext/sysctls",
            json!([{"name": "kernel.msgmax", "value": "1"}, {"name": "net.ipv4.tcp_syncookies", "value": "1"}]),
        ),
    ] {
        cases.push((format!("{POD}/{field}"), value));
    }
    for (field, value) in [
        ("securityContext", Value::Null),
        ("securityContext/privileged", json!(true)),
        ("securityContext/allowPrivilegeEscalation", json!(true)),
        ("securityContext/allowPrivilegeEscalation", Value::Null),
        ("securityContext/runAsNonRoot", json!(false)),
        ("securityContext/runAsUser", json!(0)),
        ("securityContext/capabilities", json!({"drop": ["NET_RAW"], "add": ["NET_BIND_SERVICE", "SYS_ADMIN"]})),
        ("securityContext/procMount", json!("Unmasked")),
        ("securityContext/seccompProfile", json!({"type": "Unconfined"})),
        ("securityContext/appArmorProfile", json!({"type": "Unconfined"})),
        ("securityContext/seLinuxOptions", json!({"type": "spc_t"})),
        ("securityContext/windowsOptions", json!({"hostProcess": true})),
        ("ports", json!([{"containerPort": 1, "hostPort": 1}, {"containerPort": 2, "hostPort": 0}])),
        ("livenessProbe/httpGet/host", json!("169.254.169.254")),
        ("lifecycle", json!({"preStop": {"tcpSocket": {"host": "x"}}, "postStart": {"httpGet": {"host": "x"}}})),
    ] {
        cases.push((format!("{POD}/containers/0/{field}"), value));
    }
    cases.push((format!("{POD}/initContainers/0/securityContext/privileged"), json!(true)));
    cases.push((format!("{POD}/ephemeralContainers"), json!([{"name": "debug"}])));
    cases.push((
        "/spec/template/metadata/annotations".to_owned(),
        json!({"container.apparmor.security.beta.kubernetes.io/a": "unconfined", "container.apparmor.security.beta.kubernetes.io/b": "runtime/default"}),
    ));
    cases.push(("/spec/template".to_owned(), Value::Null));
    cases.push((format!("{POD}/priorityClassName"), json!("system-cluster-critical")));
    cases.push((format!("{POD}/priorityClassName"), json!("syncers")));
    cases.push(("/spec/replicas".to_owned(), json!(16)));
    cases.push(("/spec/replicas".to_owned(), json!(17)));
    cases.push(("/spec/replicas".to_owned(), json!("many")));
    let cases: Vec<_> = cases.iter().map(|(pointer, value)| (pointer.as_str(), value.clone())).collect();
    insta::assert_snapshot!(report("Deployment", &cases));
}

#[test]
fn containers_may_say_what_the_pod_leaves_open() {
    let objects = changed("Deployment", |object| {
        let pod = &mut object["spec"]["template"]["spec"];
        pod["securityContext"] = Value::Null;
        for list in ["initContainers", "containers"] {
            pod[list][0]["securityContext"]["runAsNonRoot"] = json!(true);
            pod[list][0]["securityContext"]["seccompProfile"] = json!({"type": "Localhost"});
        }
    });
    assert_eq!(verdict(objects), Ok(()));
}

#[test]
fn services_open_nothing_to_the_outside() {
    let out = report(
        "Service",
        &[
            ("/spec/type", json!("ClusterIP")),
            ("/spec/type", json!("NodePort")),
            ("/spec/type", json!("LoadBalancer")),
            ("/spec/type", json!("ExternalName")),
            ("/spec/type", json!(1)),
            ("/spec/externalName", json!("example.org")),
            ("/spec/externalIPs", json!(["10.0.0.1"])),
            ("/spec/ports", json!([{"port": 1, "nodePort": 30000}])),
            ("/metadata/name", json!("a.b")),
        ],
    );
    insta::assert_snapshot!(out);
}

#[test]
fn the_platform_may_waive_some_rules() {
    let (names, granted) = (names(), []);
    let objects = vec![
        desired(json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": NAMESPACE},
            "spec": {"type": "NodePort", "ports": [{"port": 1, "nodePort": 30000}]},
        })),
        desired(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": names.downstream_role},
            "rules": [{"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]}],
        })),
    ];
    let strict = Policy::new(&names, NAMESPACE, &granted);
    assert_eq!(check(&objects, &strict).unwrap_err().len(), 3);
    let right = Right { group: String::new(), resource: "pods/log".to_owned(), verbs: vec!["get".to_owned()] };
    let waivers = Waivers { rights: vec![right], exposed_services: true };
    assert_eq!(check(&objects, &Policy { waivers, ..strict }), Ok(()));
}

#[test]
fn violations_are_bounded_and_hold_nothing_that_a_terminal_obeys() {
    let rules: Vec<_> = (0..40)
        .map(|_| json!({"apiGroups": ["\u{1b}[31m\n"], "resources": ["x".repeat(5000)], "verbs": ["get"]}))
        .collect();
    let objects = changed("ClusterRole", |object| object["rules"] = Value::Array(rules));
    let violations = verdict(objects).unwrap_err();
    assert_eq!((violations.iter().count(), violations.len()), (16, 16));
    let text = violations.to_string();
    assert!(text.len() < 16 * 1024, "{}", text.len());
    assert!(!text.contains('\u{1b}'));
    assert_eq!(text.lines().count(), 16);
    let many = Violations { more: 3, ..violations };
    assert!(many.to_string().ends_with("\nand 3 more"));
}

/// Values with the words of manifests in the wrong places.
fn hostile() -> impl Strategy<Value = Value> {
    let word =
        "(name|namespace|kind|metadata|spec|rules|verbs|roleRef|subjects|template|containers|volumes|ports|\\*|ours|)";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word.prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((word, inner), 0..4).prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_object_is_too_strange_to_be_looked_at(kind in 0..8usize, field in "(spec|rules|roleRef|subjects|metadata/labels)", value in hostile()) {
        let mut objects = good();
        set(&mut objects[kind], &format!("/{field}"), value);
        // Only that there is an answer, and the same one twice.
        prop_assert_eq!(verdict(objects.clone()), verdict(objects));
    }

    #[test]
    fn rules_that_pass_give_nothing_beyond_the_grant(
        rules in prop::collection::vec((
            prop::collection::vec("(|apps|\\*|coordination.k8s.io)", 1..3),
            prop::collection::vec("(deployments|secrets|namespaces|leases|pods|deployments/scale|\\*)", 1..3),
            prop::collection::vec("(get|create|delete|deletecollection|bind|\\*)", 1..3),
        ), 1..3),
        cluster_wide in any::<bool>(),
    ) {
        let kind = if cluster_wide { "ClusterRole" } else { "Role" };
        let objects = changed(kind, |object| {
            object["rules"] = rules
                .iter()
                .map(|(groups, resources, verbs)| json!({"apiGroups": groups, "resources": resources, "verbs": verbs}))
                .collect();
        });
        // Said again, from the other end: every right there is, and where it is allowed.
        let may = |group: &str, resource: &str, verb: &str| match (group, resource, verb) {
            ("apps", "deployments", "get" | "create" | "delete") => true,
            ("", "namespaces", "get" | "create") => cluster_wide,
            ("", "pods", "get") | ("coordination.k8s.io", "leases", "get" | "create" | "delete") => !cluster_wide,
            _ => false,
        };
        let expected = rules.iter().all(|(groups, resources, verbs)| {
            groups.iter().all(|group| resources.iter().all(|resource| verbs.iter().all(|verb| may(group, resource, verb))))
        });
        prop_assert_eq!(verdict(objects).is_ok(), expected);
    }
}
