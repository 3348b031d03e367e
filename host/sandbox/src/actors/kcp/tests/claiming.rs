//! Claims: accepted, rejected, late, chosen by labels.

use serde_json::{Value, json};

use super::{BINDINGS, EXPORTS, SECRETS, Stage, WIDGETS, claim, conditions, secret, widget};
use crate::kcp::names;

fn claims() -> Value {
    json!([{"group": "", "resource": "secrets", "verbs": ["get", "list"]}])
}

fn answer(state: &str, selector: &Value) -> Value {
    json!([{"group": "", "resource": "secrets", "verbs": ["get", "list"], "selector": selector, "state": state}])
}

fn all() -> Value {
    json!({"matchAll": true})
}

fn label(stage: &Stage, cluster: &str, name: &str, provider: &str) -> Value {
    stage.get(cluster, SECRETS, ("default", name))["metadata"]["labels"][claim(provider)].clone()
}

#[test]
fn what_is_accepted_is_labelled_and_what_is_rejected_is_not() {
    let mut stage = Stage::new();
    let provider = stage.provider("provider", &claims());
    let a = stage.workspace("root", "a");
    stage.apply(&a, secret("before"));
    stage.bind(&a, "root:provider", &answer("Rejected", &all()));
    let value = json!(names::claim_value("", "secrets", ""));
    let binding = stage.get(&a, BINDINGS, ("", "widgets"));
    assert_eq!(
        binding["status"]["exportPermissionClaims"],
        json!([
            {"group": "", "resource": "secrets", "identityHash": "", "verbs": ["get", "list"]},
        ])
    );
    assert_eq!(binding["status"].get("appliedPermissionClaims"), None);
    assert_eq!(label(&stage, &a, "before", &provider), Value::Null);
    // Late.
    let answered = |stage: &mut Stage, state: &'static str| {
        stage
            .change(&a, BINDINGS, ("", "widgets"), &|binding| {
                binding["spec"]["permissionClaims"][0]["state"] = json!(state);
            })
            .unwrap();
    };
    answered(&mut stage, "Accepted");
    assert_eq!(label(&stage, &a, "before", &provider), value);
    stage.apply(&a, secret("after"));
    assert_eq!(label(&stage, &a, "after", &provider), value);
    let binding = stage.get(&a, BINDINGS, ("", "widgets"));
    assert_eq!(
        binding["status"]["appliedPermissionClaims"],
        json!([
            {"group": "", "resource": "secrets", "identityHash": "", "verbs": ["get", "list"], "selector": {"matchAll": true}},
        ])
    );
    assert_eq!(conditions(&binding)[4..], ["PermissionClaimsApplied", "PermissionClaimsValid"]);
    stage.is_quiet();
    // Withdrawn.
    answered(&mut stage, "Rejected");
    assert_eq!(label(&stage, &a, "before", &provider), Value::Null);
    assert_eq!(stage.get(&a, BINDINGS, ("", "widgets"))["status"].get("appliedPermissionClaims"), None);
    answered(&mut stage, "Accepted");
    assert_eq!(label(&stage, &a, "before", &provider), value);
    // Claimed no longer: as kcp does it, the labels are taken when somebody accepts or writes again.
    stage
        .change(&provider, EXPORTS, ("", "widgets"), &|export| export["spec"]["permissionClaims"] = json!([]))
        .unwrap();
    let binding = stage.get(&a, BINDINGS, ("", "widgets"));
    let says = "!PermissionClaimsValid Error InvalidPermissionClaims: 1 unexpected and/or invalid permission claims (showing \
                first 1): unexpected/invalid claim for secrets. (identity \"\")";
    assert_eq!(conditions(&binding)[5], says);
    stage.is_quiet();
}

#[test]
fn a_selector_chooses() {
    let mut stage = Stage::new();
    let provider = stage.provider("provider", &claims());
    let a = stage.workspace("root", "a");
    let mut chosen = secret("chosen");
    chosen["metadata"]["labels"] = json!({"shared": "yes"});
    stage.apply(&a, chosen);
    stage.apply(&a, secret("other"));
    stage.bind(&a, "root:provider", &answer("Accepted", &json!({"matchLabels": {"shared": "yes"}})));
    let value = json!(names::claim_value("", "secrets", ""));
    assert_eq!(label(&stage, &a, "chosen", &provider), value);
    assert_eq!(label(&stage, &a, "other", &provider), Value::Null);
    let mark = |stage: &mut Stage, name: &str, labels: Value| {
        stage.change(&a, SECRETS, ("default", name), &|secret| secret["metadata"]["labels"] = labels.clone()).unwrap();
    };
    mark(&mut stage, "other", json!({"shared": "yes"}));
    assert_eq!(label(&stage, &a, "other", &provider), value);
    mark(&mut stage, "chosen", json!({"shared": "no"}));
    assert_eq!(label(&stage, &a, "chosen", &provider), Value::Null);

    let b = stage.workspace("root", "b");
    stage.apply(&b, secret("plain"));
    let expression = json!({"matchExpressions": [{"key": "shared", "operator": "DoesNotExist"}]});
    stage.bind(&b, "root:provider", &answer("Accepted", &expression));
    assert_eq!(label(&stage, &b, "plain", &provider), value);

    let c = stage.workspace("root", "c");
    let both = json!({"matchAll": true, "matchLabels": {"a": "b"}});
    let refused = stage.create(
        &c,
        json!({
            "apiVersion": "apis.kcp.io/v1alpha2", "kind": "APIBinding", "metadata": {"name": "widgets"},
            "spec": {
                "reference": {"export": {"path": "root:provider", "name": "widgets"}},
                "permissionClaims": answer("Accepted", &both),
            },
        }),
    );
    let message = refused.map(drop).unwrap_err().message.clone();
    assert!(message.contains("spec.permissionClaims[0].selector.matchLabels: Invalid value: "), "{message}");
    assert!(message.ends_with("matchLabels cannot be used with matchAll]"), "{message}");
    let refused = stage.change(&a, BINDINGS, ("", "widgets"), &|binding| {
        binding["spec"]["permissionClaims"][0]["selector"] = json!({"matchAll": true});
    });
    let failure = refused.map(drop).unwrap_err();
    assert!(failure.message.contains("Permission claim selector is immutable"), "{failure}");
}

#[test]
fn what_is_claimed_otherwise_than_accepted_is_told() {
    let mut stage = Stage::new();
    stage.provider(
        "provider",
        &json!([
            {"group": "", "resource": "secrets", "verbs": ["get", "list", "watch"]},
            {"group": "", "resource": "configmaps", "verbs": ["*"]},
        ]),
    );
    let a = stage.workspace("root", "a");
    let mut answers = answer("Accepted", &all());
    answers.as_array_mut().unwrap().push(json!({
        "group": "other.io", "resource": "gadgets", "identityHash": "abc", "verbs": ["get"], "selector": all(), "state": "Accepted",
    }));
    stage.bind(&a, "root:provider", &answers);
    let binding = stage.get(&a, BINDINGS, ("", "widgets"));
    let says = "!PermissionClaimsValid Warning PermissionClaimsMismatch: 1 permission claim(s) have mismatched verbs or selectors \
                (showing first 1): secrets. (verbs: accepted [get list], exported [get list watch])";
    assert_eq!(conditions(&binding)[4..], ["PermissionClaimsApplied".to_owned(), says.to_owned()]);
    let applied = binding["status"]["appliedPermissionClaims"].as_array().unwrap();
    assert_eq!(applied.len(), 1);
}

#[test]
fn a_claim_on_what_another_exports_needs_its_identity() {
    let mut stage = Stage::new();
    let provider = stage.provider("provider", &json!([]));
    let other = stage.workspace("root", "other");
    let claims = |identity: &str| {
        json!([{
            "group": "example.io", "resource": "widgets", "identityHash": identity, "verbs": ["*"],
        }])
    };
    let export = |claims: Value| {
        json!({
            "apiVersion": "apis.kcp.io/v1alpha2", "kind": "APIExport", "metadata": {"name": "other"},
            "spec": {"permissionClaims": claims},
        })
    };
    assert_eq!(
        stage.create(&other, export(claims(""))).map(drop).unwrap_err().message,
        "apiexports.apis.kcp.io \"other\" is forbidden: spec.permissionClaims[0].identityHash: Invalid value: \"\": identityHash \
         is required for API types that are not built-in"
    );
    let identity =
        stage.get(&provider, EXPORTS, ("", "widgets"))["status"]["identityHash"].as_str().unwrap().to_owned();
    stage.apply(&other, export(claims(&identity)));
    let a = stage.workspace("root", "a");
    stage.bind(&a, "root:provider", &json!([]));
    stage.apply(&a, widget("w"));
    let mut answer = claims(&identity);
    answer[0]["selector"] = all();
    answer[0]["state"] = json!("Accepted");
    stage.apply(
        &a,
        json!({
            "apiVersion": "apis.kcp.io/v1alpha2", "kind": "APIBinding", "metadata": {"name": "other"},
            "spec": {"reference": {"export": {"path": "root:other", "name": "other"}}, "permissionClaims": answer},
        }),
    );
    let labels = stage.get(&a, WIDGETS, ("", "w"))["metadata"]["labels"].clone();
    let value = names::claim_value("example.io", "widgets", &identity);
    assert_eq!(labels, json!({names::claim_key(&other, "other"): value}));
    let through = stage.world.virtual_workspace(&other, "other").unwrap();
    let serving = through.serving("example.io", "v1alpha1", "widgets").unwrap();
    assert_eq!((&*serving.identity, &*serving.served.kind), (&*identity, "Widget"));
    assert!(through.is_served(&stage.world, serving, "root", None));
    assert!(!through.is_served(&stage.world, serving, "elsewhere", None));
    stage.is_quiet();
}
