//! What namespaces get, and how they go.

use serde_json::{Value, json};

use crate::actors::Next;
use crate::actors::testing::{BEGIN, Fixture, conditions};

fn config_map(namespace: &str, finalizers: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "namespace": namespace, "finalizers": finalizers}})
}

fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

#[test]
fn a_namespace_has_an_account_and_the_certificate_for_good() {
    for mut fixture in [Fixture::kubernetes(), Fixture::kcp()] {
        let map = fixture.get("configmaps", "default", "kube-root-ca.crt");
        assert_eq!(map["data"], json!({"ca.crt": "CERTIFICATE"}));
        let description = map["metadata"]["annotations"]["kubernetes.io/description"].as_str().unwrap();
        assert!(
            description.starts_with("Contains a CA bundle that can be used to verify the kube-apiserver when using")
        );
        assert_eq!(fixture.get("serviceaccounts", "default", "default")["metadata"]["name"], "default");
        fixture.delete("serviceaccounts", "default", "default");
        fixture.delete("configmaps", "default", "kube-root-ca.crt");
        fixture.settle();
        assert!(fixture.get("serviceaccounts", "default", "default").is_object());
        fixture.change("configmaps", "default", "kube-root-ca.crt", |map| map["data"] = json!({"ca.crt": "another"}));
        fixture.settle();
        assert_eq!(fixture.get("configmaps", "default", "kube-root-ca.crt")["data"], json!({"ca.crt": "CERTIFICATE"}));
    }
}

#[test]
fn an_empty_namespace_goes_at_once() {
    for mut fixture in [Fixture::kubernetes(), Fixture::kcp()] {
        fixture.make(namespace("n"));
        fixture.settle();
        fixture.make(config_map("n", &Value::Null));
        fixture.delete("namespaces", "", "n");
        assert_eq!(fixture.settle(), Next::Idle);
        assert_eq!(fixture.get("namespaces", "", "n"), Value::Null);
        assert_eq!(fixture.list("configmaps", "n"), Vec::<Value>::new());
        assert_eq!(fixture.list("serviceaccounts", "n"), Vec::<Value>::new());
        fixture.make(namespace("n"));
        fixture.settle();
        assert!(fixture.get("serviceaccounts", "n", "default").is_object());
    }
}

#[test]
fn a_finalizer_holds_a_namespace_and_is_told() {
    let mut fixture = Fixture::kubernetes();
    fixture.make(namespace("n"));
    fixture.make(config_map("n", &json!(["example.com/hold"])));
    fixture.settle();
    fixture.delete("namespaces", "", "n");
    fixture.settle();
    let held = fixture.get("namespaces", "", "n");
    let condition = |kind: &str, status: &str, reason: &str, message: &str| json!({"type": kind, "status": status, "lastTransitionTime": BEGIN, "reason": reason, "message": message});
    let expected = json!({"phase": "Terminating", "conditions": [
        condition("NamespaceDeletionDiscoveryFailure", "False", "ResourcesDiscovered", "All resources successfully discovered"),
        condition(
            "NamespaceDeletionGroupVersionParsingFailure", "False", "ParsedGroupVersions",
            "All legacy kube types successfully parsed",
        ),
        condition(
            "NamespaceDeletionContentFailure", "False", "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization",
        ),
        condition(
            "NamespaceContentRemaining", "True", "SomeResourcesRemain",
            "Some resources are remaining: configmaps. has 1 resource instances",
        ),
        condition(
            "NamespaceFinalizersRemaining", "True", "SomeFinalizersRemain",
            "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances",
        ),
    ]});
    assert_eq!(held["status"], expected);
    assert_eq!(held["spec"], json!({"finalizers": ["kubernetes"]}));
    assert_eq!(fixture.list("configmaps", "n").len(), 1);
    fixture.change("configmaps", "n", "m", |map| map["metadata"]["finalizers"] = json!([]));
    fixture.settle();
    assert_eq!(fixture.get("namespaces", "", "n"), Value::Null);
}

#[test]
fn a_finalizer_of_the_namespace_itself_holds_it_when_it_is_empty() {
    let mut fixture = Fixture::kcp();
    let mut held = namespace("n");
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    fixture.make(held);
    fixture.settle();
    fixture.delete("namespaces", "", "n");
    fixture.settle();
    let held = fixture.get("namespaces", "", "n");
    assert_eq!(held["spec"], json!({"finalizers": []}));
    assert!(conditions(&held).iter().all(|(_, status, _)| *status == "False"));
    assert_eq!(held["metadata"]["annotations"]["kcp.io/cluster"], "one");
    fixture.change("namespaces", "", "n", |namespace| namespace["metadata"]["finalizers"] = json!([]));
    fixture.settle();
    assert_eq!(fixture.get("namespaces", "", "n"), Value::Null);
}

#[test]
fn pods_go_first() {
    use std::time::Duration;

    use crate::actors::kubernetes::{AtOnce, Pace};
    let pace = Pace { stop: Duration::from_secs(5), ..Pace::default() };
    let mut fixture = Fixture::with(pace, Box::new(AtOnce));
    fixture.node("node", 10);
    fixture.make(namespace("n"));
    fixture.settle();
    fixture.make(json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "n"},
        "spec": {"containers": [{"name": "c", "image": "i"}], "terminationGracePeriodSeconds": 30},
    }));
    fixture.settle();
    fixture.delete("namespaces", "", "n");
    assert_eq!(fixture.settle(), Next::At(Fixture::after(5)));
    let held = fixture.get("namespaces", "", "n");
    assert_eq!(held["status"]["conditions"][3]["status"], "False", "as a server has it, while there are pods");
    assert!(fixture.get("configmaps", "n", "kube-root-ca.crt").is_object());
    fixture.pass(5);
    assert_eq!(fixture.get("namespaces", "", "n"), Value::Null);
}
