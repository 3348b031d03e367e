use serde_json::json;

use super::*;
use crate::access::bindings::{Bindings, RbacKind};

fn bindings(rules: &serde_json::Value) -> Bindings {
    let mut bindings = Bindings::new();
    bindings.apply("c", RbacKind::ClusterRole, &json!({"metadata": {"name": "r"}, "rules": rules}));
    let binding = json!({"metadata": {"name": "b"}, "roleRef": {"kind": "ClusterRole", "name": "r"}, "subjects": [{"kind": "User", "name": "jane"}]});
    bindings.apply("c", RbacKind::ClusterRoleBinding, &binding);
    bindings
}

fn as_other(rules: &serde_json::Value, headers: &[(&str, &str)]) -> Result<User, String> {
    let bindings = bindings(rules);
    let authority = Authority::Plain(bindings.of("c"));
    let wanted =
        Wanted::from_headers(headers.iter().copied()).map_err(|failure| failure.message.clone())?.expect("headers");
    let list = Attributes::Resource(ResourceAttributes {
        verb: "list",
        resource: "pods",
        namespace: "n",
        ..ResourceAttributes::default()
    });
    impersonate(&authority, &User::new("jane", ["g"]), &wanted, &list).map_err(|failure| failure.message.clone())
}

#[test]
fn headers_say_who() {
    assert_eq!(Wanted::from_headers([("accept", "x")]), Ok(None));
    assert_eq!(Wanted::from_headers([("Impersonate-User", "")]), Ok(None));
    let wanted = Wanted::from_headers([
        ("Impersonate-User", "a"),
        ("impersonate-extra-Example.com%2Fk", "v"),
        ("Impersonate-Group", "g"),
    ]);
    assert_eq!(
        wanted.expect("who"),
        Some(Wanted {
            name: "a".into(),
            groups: vec!["g".into()],
            extra: BTreeMap::from([("example.com/k".into(), vec!["v".into()])]),
            ..Wanted::default()
        })
    );
    assert_eq!(
        Wanted::from_headers([("Impersonate-Group", "g")]).expect_err("nobody").message,
        r#"requested &user.DefaultInfo{Name:"", UID:"", Groups:[]string{"g"}, Extra:map[string][]string(nil)} without impersonating a user name"#
    );
}

#[test]
fn the_first_question_is_the_refusal() {
    assert_eq!(
        as_other(&json!([]), &[("Impersonate-User", "bob")]),
        Err(r#"pods is forbidden: User "jane" cannot impersonate-on:user-info:list resource "pods" in API group "" in the namespace "n""#.into())
    );
    assert_eq!(
        as_other(&json!([]), &[("Impersonate-User", "system:serviceaccount:n:s")]),
        Err(r#"pods is forbidden: User "jane" cannot impersonate-on:serviceaccount:list resource "pods" in API group "" in the namespace "n""#.into())
    );
    assert_eq!(
        as_other(&json!([]), &[("Impersonate-User", "system:serviceaccount:n:s"), ("Impersonate-Group", "x")]),
        Err(r#"serviceaccounts "s" is forbidden: User "jane" cannot impersonate resource "serviceaccounts" in API group "" in the namespace "n""#.into())
    );
}

#[test]
fn the_old_right_is_enough() {
    let rules = json!([
        {"verbs": ["impersonate"], "apiGroups": [""], "resources": ["users", "groups", "serviceaccounts"]},
        {"verbs": ["impersonate"], "apiGroups": ["authentication.k8s.io"], "resources": ["userextras/a"], "resourceNames": ["v"]},
    ]);
    let bob =
        as_other(&rules, &[("Impersonate-User", "bob"), ("Impersonate-Group", "x"), ("Impersonate-Extra-A", "v")])
            .expect("allowed");
    assert_eq!(bob.groups, ["x", AUTHENTICATED]);
    assert_eq!(bob.extra["a"], ["v"]);
    assert!(as_other(&rules, &[("Impersonate-User", "bob"), ("Impersonate-Extra-A", "w")]).is_err());
    assert_eq!(as_other(&rules, &[("Impersonate-User", ANONYMOUS)]).expect("allowed").groups, [UNAUTHENTICATED]);
    let account = as_other(&rules, &[("Impersonate-User", "system:serviceaccount:n:s")]).expect("allowed");
    assert_eq!(account.groups, ["system:serviceaccounts", "system:serviceaccounts:n", AUTHENTICATED]);
    assert_eq!(
        as_other(&rules, &[("Impersonate-User", "bob"), ("Impersonate-Group", MASTERS)]).expect("allowed").groups,
        [MASTERS, AUTHENTICATED]
    );
}

#[test]
fn the_narrow_right_is_enough_for_its_verb() {
    let rules = |verb: &str| {
        json!([
            {"verbs": ["impersonate:user-info"], "apiGroups": ["authentication.k8s.io"], "resources": ["users"], "resourceNames": ["bob"]},
            {"verbs": [format!("impersonate-on:user-info:{verb}")], "apiGroups": [""], "resources": ["pods"]},
        ])
    };
    assert!(as_other(&rules("list"), &[("Impersonate-User", "bob")]).is_ok());
    assert!(as_other(&rules("get"), &[("Impersonate-User", "bob")]).is_err());
    assert_eq!(
        as_other(&rules("list"), &[("Impersonate-User", "bob"), ("Impersonate-Group", MASTERS)]),
        Err(r#"groups.authentication.k8s.io "system:masters" is forbidden: User "jane" cannot impersonate:user-info resource "groups" in API group "authentication.k8s.io" at the cluster scope: impersonating the system:masters group is not allowed"#.into())
    );
}
