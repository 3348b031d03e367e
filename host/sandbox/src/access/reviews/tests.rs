use serde_json::{Value, json};

use super::*;
use crate::access::authority::Authority;
use crate::access::bindings::{Bindings, RbacKind};
use crate::access::tokens::{Holder, HolderKind, Holders, Tokens};

fn bindings() -> Bindings {
    let mut bindings = Bindings::new();
    let rules = json!([
        {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"], "resourceNames": ["p"]},
        {"verbs": ["get"], "nonResourceURLs": ["/x"]},
    ]);
    bindings.apply("c", RbacKind::ClusterRole, &json!({"metadata": {"name": "r"}, "rules": rules}));
    let binding = |name: &str, role: &str, namespace: Option<&str>| json!({"metadata": {"name": name, "namespace": namespace}, "roleRef": {"kind": "ClusterRole", "name": role}, "subjects": [{"kind": "Group", "name": "dev"}]});
    bindings.apply("c", RbacKind::ClusterRoleBinding, &binding("b", "r", None));
    bindings.apply("c", RbacKind::RoleBinding, &binding("lost", "gone", Some("n")));
    bindings
}

fn jane() -> User {
    User::new("jane", ["dev"])
}

fn status(review: Value) -> Value {
    let bindings = bindings();
    self_subject_access(&Authority::Plain(bindings.of("c")), &jane(), review).expect("valid")["status"].take()
}

fn refused(review: Value) -> String {
    let bindings = bindings();
    subject_access(&Authority::Plain(bindings.of("c")), review).expect_err("invalid").message.clone()
}

#[test]
fn a_review_says_whether_and_why() {
    let resource = |name: &str, namespace: &str| json!({"spec": {"resourceAttributes": {"verb": "get", "resource": "pods", "name": name, "namespace": namespace}}});
    assert_eq!(
        status(resource("p", "")),
        json!({"allowed": true, "reason": r#"RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "r" to Group "dev""#})
    );
    assert_eq!(status(resource("q", "")), json!({"allowed": false}));
    assert_eq!(
        status(resource("q", "n")),
        json!({"allowed": false, "reason": r#"RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found"#})
    );
    let path = status(json!({"spec": {"nonResourceAttributes": {"verb": "get", "path": "/x"}}}));
    assert_eq!(path["allowed"], true);
    let selected = json!({"spec": {"resourceAttributes": {"verb": "list", "fieldSelector": {"rawSelector": "a"}, "labelSelector": {"requirements": [{"key": "a", "operator": "Exists"}, {"key": "a", "operator": "New"}]}}}});
    assert_eq!(
        status(selected)["evaluationError"],
        "spec.resourceAttributes.fieldSelector ignored due to parse error; spec.resourceAttributes.labelSelector partially ignored due to parse error"
    );
}

/// From `TestValidateSARSpec` in pkg/apis/authorization/validation.
#[test]
fn a_bad_review_is_refused() {
    assert_eq!(
        refused(json!({"spec": {}})),
        r#".authorization.k8s.io "" is invalid: [spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified, spec.user: Invalid value: "": at least one of user or group must be specified]"#
    );
    assert_eq!(
        refused(json!({"spec": {"user": "me", "resourceAttributes": {}, "nonResourceAttributes": {"path": "/a"}}})),
        r#".authorization.k8s.io "" is invalid: spec.nonResourceAttributes: Invalid value: {"Path":"/a","Verb":""}: cannot be specified in combination with resourceAttributes"#
    );
    assert_eq!(
        refused(
            json!({"metadata": {"name": "x", "managedFields": [{"manager": "m", "operation": "Update", "apiVersion": "v1"}]}, "spec": {"user": "me", "resourceAttributes": {}}})
        ),
        r#".authorization.k8s.io "" is invalid: metadata: Invalid value: {"name":"x","managedFields":[{"manager":"m","operation":"Update","apiVersion":"v1"}]}: must be empty"#
    );
    assert_eq!(
        refused(json!({"spec": {"user": "me", "resourceAttributes": {"fieldSelector": {}}}})),
        r#".authorization.k8s.io "" is invalid: spec.resourceAttributes.fieldSelector.requirements: Required value: when spec.resourceAttributes.fieldSelector is specified, requirements or rawSelector is required"#
    );
    let bindings = bindings();
    let authority = Authority::Plain(bindings.of("c"));
    let local = |namespace: &str| json!({"metadata": {"namespace": "n"}, "spec": {"groups": ["dev"], "resourceAttributes": {"verb": "get", "resource": "pods", "name": "p", "namespace": namespace}}});
    assert_eq!(local_subject_access(&authority, local("n")).expect("valid")["status"]["allowed"], true);
    assert_eq!(
        local_subject_access(&authority, local("m")).expect_err("another").message,
        r#".authorization.k8s.io "" is invalid: spec.resourceAttributes.namespace: Invalid value: "m": must match metadata.namespace"#
    );
}

#[test]
fn one_s_rules() {
    let bindings = bindings();
    let authority = Authority::Plain(bindings.of("c"));
    let review = json!({"apiVersion": "authorization.k8s.io/v1", "spec": {"namespace": "n"}});
    assert_eq!(
        self_subject_rules(&authority, &jane(), &review).expect("rules"),
        json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "metadata": {}, "spec": {},
            "status": {
                "resourceRules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"], "resourceNames": ["p"]}],
                "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["/x"]}],
                "incomplete": false,
                "evaluationError": r#"clusterrole.rbac.authorization.k8s.io "gone" not found"#,
            },
        })
    );
    assert_eq!(
        self_subject_rules(&authority, &jane(), &json!({})).expect_err("nowhere").message,
        "no namespace on request"
    );
}

#[test]
fn who_i_am() {
    let mut user = User::service_account("n", "bot", "u1", None);
    user.extra.insert("k".to_owned(), vec!["v".to_owned()]);
    let review = self_subject(&user, Timestamp::UNIX_EPOCH, &json!({"apiVersion": "authentication.k8s.io/v1"}));
    assert_eq!(review["metadata"], json!({"creationTimestamp": "1970-01-01T00:00:00Z"}));
    assert_eq!(
        review["status"]["userInfo"],
        json!({
            "username": "system:serviceaccount:n:bot", "uid": "u1", "extra": {"k": ["v"]},
            "groups": ["system:serviceaccounts", "system:serviceaccounts:n", "system:authenticated"],
        })
    );
}

struct Nothing;

impl Holders for Nothing {
    fn find(&self, _: &str, _: HolderKind, _: &str, _: &str) -> Option<Holder> {
        None
    }
}

#[test]
fn whose_a_token_is() {
    let mut tokens = Tokens::new(&[1; 32], "issuer", Vec::new());
    tokens.add("secret", jane());
    let status = |spec: Value| {
        token(&tokens, json!({ "spec": spec }), Timestamp::UNIX_EPOCH, &Nothing).expect("valid")["status"].take()
    };
    assert_eq!(
        status(json!({"token": "secret"})),
        json!({"authenticated": true, "user": {"username": "jane", "groups": ["dev", "system:authenticated"]}, "audiences": ["issuer"]})
    );
    assert_eq!(status(json!({"token": "x"})), json!({"user": {}, "error": "invalid bearer token"}));
    assert_eq!(
        status(json!({"token": "secret", "audiences": ["vault"]})),
        json!({"user": {}, "error": "invalid bearer token"})
    );
    let claims = crate::access::tokens::Claims { audiences: vec!["issuer".into()], ..Default::default() };
    let expired = tokens.issue(&crate::access::tokens::Claims { expires: -100, ..claims });
    assert_eq!(
        status(json!({ "token": expired })),
        json!({"user": {}, "error": "[invalid bearer token, service account token has expired]"})
    );
    assert_eq!(token(&tokens, json!({}), Timestamp::UNIX_EPOCH, &Nothing).expect_err("none").code, 400);
}
