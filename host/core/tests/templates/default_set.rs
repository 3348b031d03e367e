//! The default set of `templates/`: what it renders, and that it keeps its promises.

use std::collections::BTreeMap;
use std::path::Path;

use berthage_core::template::{Layer, Limits, Rendered, TemplateSet};
use serde_json::{Value, json};

use crate::fixture::show;

/// The product's layer, as it is shipped.
pub(crate) fn product() -> Layer {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../templates");
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        files.insert(entry.file_name().into_string().unwrap(), std::fs::read_to_string(entry.path()).unwrap());
    }
    Layer { name: "product".to_owned(), files }
}

/// What a plugin hands over for one target.
pub(crate) fn sealed() -> Value {
    json!({
        "target": { "name": "edge-1", "uid": "6f1c9a52-0d4e-4c38-9b0a-4a8f4f7a2d11", "workspace": "1x2y3z" },
        "names": {
            "id": "0123456789abcdef0123456789abcdef",
            "namespace": "kcp-syncer-0123456789abcdef0123456789abcdef",
            "syncer": "berthage-syncer",
            "downstreamRole": "berthage-syncer-0123456789abcdef0123456789abcdef",
            "kubeconfigSecret": "berthage-hub-kubeconfig",
            "hub": "berthage-syncer-0123456789abcdef0123456789abcdef"
        },
        "syncer": {
            "image": "ghcr.io/berthage/syncer:v0.1.0",
            "replicas": 1,
            "resources": null,
            "heartbeatInterval": "30s",
            "resyncPeriod": "10m"
        },
        "cluster": { "name": "edge-1", "location": null, "version": "v1.36.0" },
        "credential": { "secretName": "berthage-hub-kubeconfig", "type": "ClientCertificate" },
        "hub": { "namespace": "default" },
        "rbac": {
            "rules": [
                { "apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list", "watch", "create", "update", "patch", "delete"] },
                { "apiGroups": [""], "resources": ["configmaps", "services"], "verbs": ["get", "list", "watch", "create", "update", "patch", "delete"] }
            ]
        }
    })
}

fn render(sealed: &Value, values: Option<&Value>) -> Vec<Rendered> {
    let set = TemplateSet::compile(vec![product()], Limits::default()).unwrap();
    set.render(sealed, values).unwrap_or_else(|error| panic!("{error}\n{}", error.excerpt().unwrap_or_default()))
}

fn of_kind<'a>(objects: &'a [Rendered], kind: &str) -> Option<&'a Value> {
    objects.iter().map(|rendered| &rendered.object).find(|object| object["kind"] == kind)
}

#[test]
fn renders_as_recorded() {
    insta::with_settings!({ omit_expression => true, snapshot_path => "golden", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("default_set", show(&Ok(render(&sealed(), None))));
    });
}

/// Every option, and everything of a SyncTarget that shows in the manifests.
#[test]
fn every_option_has_its_effect() {
    let mut sealed = sealed();
    sealed["syncer"]["replicas"] = json!(3);
    sealed["syncer"]["resources"] = json!({ "requests": { "cpu": "1" } });
    let values = json!({
        "labels": { "team": "edge" },
        "annotations": { "example.com/contact": "edge@example.com" },
        "nodeSelector": { "kubernetes.io/os": null, "pool": "system" },
        "tolerations": [{ "key": "dedicated", "operator": "Exists" }],
        "affinity": { "nodeAffinity": {} },
        "priorityClassName": "system-cluster-critical",
        "runAsUser": null,
        "terminationGracePeriodSeconds": 60,
        "imagePullSecrets": [{ "name": "registry" }],
        "imagePullPolicy": "Always",
        "logLevel": "debug",
        "env": { "RUST_BACKTRACE": "1" },
        "proxy": { "url": "http://proxy.example.com:3128", "except": ["10.0.0.1", ".svc"] },
        "networkPolicy": { "ports": [6443, 3128] }
    });
    insta::with_settings!({ omit_expression => true, snapshot_path => "golden", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("default_set_every_option", show(&Ok(render(&sealed, Some(&values)))));
    });
    // The snapshot is only worth something if no option is missing above.
    let schema: Value = serde_json::from_str(&product().files["values.schema.json"]).unwrap();
    for option in schema["properties"].as_object().unwrap().keys() {
        // A SyncTarget's own resources go before the option.
        assert!(values.get(option).is_some() || option == "resources", "{option} is not shown");
    }
}

#[test]
fn every_option_is_declared_described_and_has_a_default() {
    let product = product();
    let schema: Value = serde_json::from_str(&product.files["values.schema.json"]).unwrap();
    let options = schema["properties"].as_object().unwrap();
    for (name, option) in options {
        assert!(option["description"].as_str().is_some_and(|text| text.ends_with('.')), "{name} has no description");
        assert!(product.files["values.yaml"].contains(&format!("\n{name}:")), "{name} has no default");
    }
    assert_eq!(schema["additionalProperties"], json!(false));
}

#[test]
fn a_budget_for_disruptions_needs_a_second_replica() {
    let mut sealed = sealed();
    assert!(of_kind(&render(&sealed, None), "PodDisruptionBudget").is_none());
    sealed["syncer"]["replicas"] = json!(2);
    assert!(of_kind(&render(&sealed, None), "PodDisruptionBudget").is_some());
}

#[test]
fn the_network_policy_can_be_switched_off() {
    let values = json!({ "networkPolicy": { "enabled": false } });
    assert!(of_kind(&render(&sealed(), Some(&values)), "NetworkPolicy").is_none());
}

/// The rules of Pod Security `restricted` that apply to what the templates use.
#[test]
fn the_deployment_keeps_to_restricted() {
    let objects = render(&sealed(), None);
    let pod = &of_kind(&objects, "Deployment").unwrap()["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    for container in pod["containers"].as_array().unwrap() {
        let context = &container["securityContext"];
        assert_eq!(context["allowPrivilegeEscalation"], false);
        assert_eq!(context["capabilities"], json!({ "drop": ["ALL"] }));
        assert_eq!(context["readOnlyRootFilesystem"], true);
        assert!(container["resources"]["limits"]["memory"].is_string());
        assert!(container["volumeMounts"].as_array().unwrap().iter().all(|mount| mount.get("subPath").is_none()));
    }
    for volume in pod["volumes"].as_array().unwrap() {
        let kinds = ["configMap", "downwardAPI", "emptyDir", "projected", "secret"];
        assert!(kinds.iter().any(|kind| volume.get(kind).is_some()), "{volume}");
    }
    for forbidden in ["hostNetwork", "hostPID", "hostIPC"] {
        assert!(pod.get(forbidden).is_none());
    }
    let namespace = of_kind(&objects, "Namespace").unwrap();
    assert_eq!(namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted");
}

/// A selector that matched other pods, or fewer, would break the Deployment for good.
#[test]
fn the_pods_carry_the_labels_of_every_selector_whatever_the_values() {
    let mut sealed = sealed();
    sealed["syncer"]["replicas"] = json!(2);
    let values = json!({ "labels": { "app.kubernetes.io/name": "other", "app.kubernetes.io/instance": "other" } });
    let objects = render(&sealed, Some(&values));
    let deployment = of_kind(&objects, "Deployment").unwrap();
    let pods = deployment["spec"]["template"]["metadata"]["labels"].as_object().unwrap();
    let selectors = [
        deployment.pointer("/spec/selector/matchLabels"),
        deployment.pointer("/spec/template/spec/topologySpreadConstraints/0/labelSelector/matchLabels"),
        of_kind(&objects, "NetworkPolicy").unwrap().pointer("/spec/podSelector/matchLabels"),
        of_kind(&objects, "PodDisruptionBudget").unwrap().pointer("/spec/selector/matchLabels"),
    ];
    for selector in selectors {
        let selector = selector.unwrap().as_object().unwrap();
        assert!(!selector.is_empty());
        assert!(selector.iter().all(|(key, value)| pods.get(key) == Some(value)), "{selector:?}");
    }
}

#[test]
fn values_that_kubernetes_would_refuse_are_refused_here() {
    let set = TemplateSet::compile(vec![product()], Limits::default()).unwrap();
    for values in [
        json!({ "tolerations": "all" }),
        json!({ "tolerations": [{ "effect": "Never" }] }),
        json!({ "labels": { "a b": "c" } }),
        json!({ "labels": { "a": "c d" } }),
        json!({ "labels": { "a": 1 } }),
        json!({ "runAsUser": 0 }),
        json!({ "env": { "1": "x" } }),
        json!({ "env": { "POD_NAME": "x" } }),
        json!({ "proxy": { "url": "http://user:password@proxy" } }),
        json!({ "networkPolicy": { "ports": [] } }),
        json!({ "networkPolicy": { "ports": [70000] } }),
        json!({ "networkPolicy": { "enabled": null } }),
        json!({ "resources": { "limits": { "memory": "much" } } }),
        json!({ "replicas": 2 }),
    ] {
        let error = set.render(&sealed(), Some(&values)).expect_err(&values.to_string()).to_string();
        assert!(error.contains("spec.values") || error.contains("unexpected"), "{error}");
    }
}
