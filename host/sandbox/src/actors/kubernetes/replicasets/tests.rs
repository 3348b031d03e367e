//! ReplicaSets and their pods.

use serde_json::{Value, json};

use crate::actors::Next;
use crate::actors::testing::{Fixture, conditions};

fn set(replicas: i64, spec: &Value) -> Value {
    let mut template = json!({"containers": [{"name": "c", "image": "i"}], "terminationGracePeriodSeconds": 30});
    template.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "s", "namespace": "default"},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": "s"}},
            "template": {"metadata": {"labels": {"app": "s"}, "annotations": {"a": "b"}}, "spec": template},
        },
    })
}

fn with_set(replicas: i64) -> Fixture {
    let mut fixture = Fixture::kubernetes();
    fixture.node("node", 110);
    fixture.make(set(replicas, &json!({})));
    fixture.settle();
    fixture
}

fn status(fixture: &Fixture) -> Value {
    fixture.get("replicasets", "default", "s")["status"].clone()
}

#[test]
fn a_pod_that_goes_is_replaced() {
    let mut fixture = with_set(2);
    let pods = fixture.list("pods", "default");
    let name = pods[0]["metadata"]["name"].as_str().unwrap();
    assert_eq!(pods[0]["metadata"]["annotations"], json!({"a": "b"}));
    fixture.delete("pods", "default", name);
    fixture.settle();
    assert_eq!(fixture.list("pods", "default").len(), 2);
    assert_eq!(fixture.get("pods", "default", name), Value::Null);
    fixture.change_status("pods", "default", pods[1]["metadata"]["name"].as_str().unwrap(), |pod| {
        pod["status"]["phase"] = json!("Failed");
    });
    fixture.settle();
    assert_eq!(fixture.list("pods", "default").len(), 3);
    assert_eq!(status(&fixture)["replicas"], 2);
}

#[test]
fn pods_are_adopted_and_released_by_their_labels() {
    let mut fixture = with_set(2);
    let uid = fixture.get("replicasets", "default", "s")["metadata"]["uid"].clone();
    let name = fixture.list("pods", "default")[0]["metadata"]["name"].as_str().unwrap().to_owned();
    fixture.change("pods", "default", &name, |pod| pod["metadata"]["labels"] = json!({"app": "free"}));
    fixture.settle();
    let free = fixture.get("pods", "default", &name);
    assert_eq!(free["metadata"]["ownerReferences"], Value::Null);
    assert_eq!(fixture.list("pods", "default").len(), 3);
    fixture.change("pods", "default", &name, |pod| pod["metadata"]["labels"] = json!({"app": "s"}));
    fixture.settle();
    // It is one too many: one of them went.
    let pods = fixture.list("pods", "default");
    assert_eq!(pods.len(), 2);
    assert!(pods.iter().all(|pod| pod["metadata"]["ownerReferences"][0]["uid"] == uid));
}

#[test]
fn those_that_are_not_ready_go_first() {
    let mut fixture = with_set(3);
    let names: Vec<String> = fixture
        .list("pods", "default")
        .iter()
        .map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned())
        .collect();
    let unready = fixture.get("pods", "default", &names[1]);
    let uid = unready["metadata"]["uid"].as_str().unwrap();
    assert!(crate::actors::kubernetes::report(&mut fixture.world, "one", "default", &names[1], uid, false));
    fixture.settle();
    assert_eq!(status(&fixture)["readyReplicas"], 2);
    fixture.change("pods", "default", &names[2], |pod| {
        pod["metadata"]["annotations"]["controller.kubernetes.io/pod-deletion-cost"] = json!("-1");
    });
    fixture.change("replicasets", "default", "s", |set| set["spec"]["replicas"] = json!(1));
    fixture.settle();
    let left = fixture.list("pods", "default");
    assert_eq!((left.len(), left[0]["metadata"]["name"].as_str()), (1, Some(&*names[0])));
}

#[test]
fn a_pod_is_available_when_it_was_ready_for_long_enough() {
    let mut fixture = Fixture::kubernetes();
    fixture.node("node", 110);
    let mut slow = set(1, &json!({}));
    slow["spec"]["minReadySeconds"] = json!(20);
    fixture.make(slow);
    assert_eq!(fixture.settle(), Next::At(Fixture::after(20)));
    assert_eq!(status(&fixture)["readyReplicas"], 1);
    assert_eq!(status(&fixture).get("availableReplicas"), None);
    fixture.pass(20);
    assert_eq!(status(&fixture)["availableReplicas"], 1);
}

#[test]
fn pods_that_cannot_come_are_told_until_they_can() {
    let mut fixture = Fixture::kubernetes();
    fixture.node("node", 110);
    fixture.make(set(1, &json!({"serviceAccountName": "missing"})));
    assert_eq!(fixture.settle(), Next::At(Fixture::after(5)));
    let failed = fixture.get("replicasets", "default", "s");
    assert_eq!(conditions(&failed), [("ReplicaFailure", "True", "FailedCreate")]);
    assert_eq!(
        failed["status"]["conditions"][0]["message"],
        "pods \"s-\" is forbidden: error looking up service account default/missing: serviceaccount \"missing\" not found"
    );
    fixture.make(
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "missing", "namespace": "default"}}),
    );
    fixture.pass(5);
    assert_eq!(fixture.list("pods", "default").len(), 1);
    assert_eq!(conditions(&fixture.get("replicasets", "default", "s")), []);
}

#[test]
fn an_admitted_pod_has_what_a_server_adds() {
    let fixture = with_set(1);
    let pod = &fixture.list("pods", "default")[0];
    let spec = &pod["spec"];
    let volume = spec["volumes"][0]["name"].clone();
    assert!(volume.as_str().unwrap().starts_with("kube-api-access-"));
    assert_eq!(
        *spec,
        json!({
            "containers": [{
                "name": "c", "image": "i", "imagePullPolicy": "Always",
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                "volumeMounts": [{
                    "name": volume, "readOnly": true, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
                }],
            }],
            "dnsPolicy": "ClusterFirst",
            "enableServiceLinks": true,
            "nodeName": "node",
            "preemptionPolicy": "PreemptLowerPriority",
            "priority": 0,
            "restartPolicy": "Always",
            "schedulerName": "default-scheduler",
            "securityContext": {},
            "serviceAccount": "default",
            "serviceAccountName": "default",
            "terminationGracePeriodSeconds": 30,
            "tolerations": [
                {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
                {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
            ],
            "volumes": [{"name": volume, "projected": {"defaultMode": 420, "sources": [
                {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                {"downwardAPI": {"items": [{
                    "path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"},
                }]}},
            ]}}],
        })
    );
}
