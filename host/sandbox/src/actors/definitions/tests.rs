//! Definitions come, and go with their objects.

use serde_json::{Value, json};

use crate::actors::testing::{BEGIN, CLUSTER, Fixture, conditions};

fn definition(plural: &str, kind: &str) -> Value {
    let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.example.com")},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {
                "plural": plural, "singular": kind.to_lowercase(), "kind": kind, "listKind": format!("{kind}List"),
            },
            "conversion": {"strategy": "None"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": schema}],
        },
    })
}

const PLURAL: &str = "customresourcedefinitions";

fn widget(name: &str, finalizers: &Value) -> Value {
    json!({
        "apiVersion": "example.com/v1", "kind": "Widget",
        "metadata": {"name": name, "namespace": "default", "finalizers": finalizers},
    })
}

#[test]
fn a_definition_is_established_and_served() {
    for mut fixture in [Fixture::kubernetes(), Fixture::kcp()] {
        fixture.make(definition("widgets", "Widget"));
        fixture.settle();
        let status = fixture.get(PLURAL, "", "widgets.example.com")["status"].clone();
        let condition = |kind: &str, reason: &str, message: &str| json!({"type": kind, "status": "True", "lastTransitionTime": BEGIN, "reason": reason, "message": message});
        assert_eq!(
            status,
            json!({
                "acceptedNames": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
                "conditions": [
                    condition("NamesAccepted", "NoConflicts", "no conflicts found"),
                    condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
                ],
                "storedVersions": ["v1"],
            })
        );
        fixture.make(widget("w", &Value::Null));
        fixture.settle();
    }
}

/// Whoever may write its status says nothing of what it is.
#[test]
fn a_definition_serves_what_it_is_called_and_nothing_else() {
    let mut fixture = Fixture::kubernetes();
    fixture.make(definition("widgets", "Widget"));
    fixture.settle();
    fixture.change_status(PLURAL, "", "widgets.example.com", |definition| {
        definition["status"]["acceptedNames"] = json!({"plural": "ghosts", "kind": "Ghost", "listKind": "GhostList"});
    });
    let served =
        |fixture: &Fixture| fixture.world.all_stored(CLUSTER).iter().any(|kind| kind.served.plural == "ghosts");
    assert!(!served(&fixture));
    fixture.settle();
    assert!(!served(&fixture));
    fixture.make(widget("w", &Value::Null));
}

#[test]
fn a_kind_that_is_built_in_is_not_defined_again() {
    let fixture = Fixture::kubernetes();
    let failure = fixture.world.definable("rbac.authorization.k8s.io", "clusterroles").unwrap_err();
    assert_eq!(failure.code, 501);
    assert!(fixture.world.definable("rbac.authorization.k8s.io", "widgets").is_ok());
}

#[test]
fn a_definition_takes_its_objects_with_it() {
    for mut fixture in [Fixture::kubernetes(), Fixture::kcp()] {
        fixture.make(definition("widgets", "Widget"));
        fixture.settle();
        fixture.make(widget("free", &Value::Null));
        fixture.make(widget("held", &json!(["example.com/hold"])));
        fixture.settle();
        fixture.delete(PLURAL, "", "widgets.example.com");
        fixture.settle();
        let held = fixture.get(PLURAL, "", "widgets.example.com");
        let terminating = ("Terminating", "True", "InstanceDeletionInProgress");
        assert_eq!(conditions(&held).last(), Some(&terminating));
        assert_eq!(fixture.list("widgets", "default").len(), 1);
        fixture.pass(60);
        let held = fixture.get(PLURAL, "", "widgets.example.com");
        assert_eq!(
            held["status"]["conditions"][2]["message"],
            "could not confirm zero CustomResources remaining: context deadline exceeded"
        );
        fixture.change("widgets", "default", "held", |widget| widget["metadata"]["finalizers"] = json!([]));
        fixture.settle();
        assert_eq!(fixture.get(PLURAL, "", "widgets.example.com"), Value::Null);
        assert!(fixture.world.served_as("one", "example.com", "v1", "Widget").is_none());
    }
}

#[test]
fn names_that_are_taken_are_free_again_when_their_definition_goes() {
    let mut fixture = Fixture::kubernetes();
    fixture.make(definition("widgets", "Widget"));
    fixture.settle();
    fixture.make(definition("gadgets", "Widget"));
    fixture.settle();
    let taken = fixture.get(PLURAL, "", "gadgets.example.com");
    assert_eq!(
        conditions(&taken),
        [("NamesAccepted", "False", "ListKindConflict"), ("Established", "False", "NotAccepted")]
    );
    fixture.delete(PLURAL, "", "widgets.example.com");
    fixture.settle();
    let free = fixture.get(PLURAL, "", "gadgets.example.com");
    assert_eq!(
        conditions(&free),
        [("NamesAccepted", "True", "NoConflicts"), ("Established", "True", "InitialNamesAccepted")]
    );
    fixture.delete(PLURAL, "", "gadgets.example.com");
    fixture.settle();
    assert_eq!(fixture.get(PLURAL, "", "gadgets.example.com"), Value::Null);
}

#[test]
fn a_definition_that_was_never_established_goes_at_once() {
    let mut fixture = Fixture::kcp();
    fixture.make(definition("widgets", "Widget"));
    fixture.settle();
    fixture.make(definition("gadgets", "Widget"));
    fixture.settle();
    fixture.delete(PLURAL, "", "gadgets.example.com");
    fixture.settle();
    assert_eq!(fixture.get(PLURAL, "", "gadgets.example.com"), Value::Null);
}
