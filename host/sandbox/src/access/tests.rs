//! RBAC as a whole: bindings, roles and subjects; who may hand on what.

use serde_json::{Value, json};

use super::attributes::{Attributes, ResourceAttributes};
use super::authority::Authority;
use super::bindings::{Bindings, RbacKind};
use super::escalation::{Write, check};
use super::user::User;

fn role(name: &str, namespace: Option<&str>, rules: Value) -> Value {
    let mut role = json!({"metadata": {"name": name}});
    role["rules"] = rules;
    if let Some(namespace) = namespace {
        role["metadata"]["namespace"] = json!(namespace);
    }
    role
}

fn rule(verbs: &[&str], groups: &[&str], resources: &[&str]) -> Value {
    json!({"verbs": verbs, "apiGroups": groups, "resources": resources})
}

fn binding(name: &str, namespace: Option<&str>, kind: &str, role: &str, subjects: Value) -> Value {
    let mut binding = json!({"metadata": {"name": name}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role}});
    binding["subjects"] = subjects;
    if let Some(namespace) = namespace {
        binding["metadata"]["namespace"] = json!(namespace);
    }
    binding
}

fn subject(kind: &str, name: &str) -> Value {
    json!([{"kind": kind, "name": name}])
}

fn get(resource: &'static str, namespace: &'static str) -> Attributes<'static> {
    Attributes::Resource(ResourceAttributes { verb: "get", resource, namespace, ..ResourceAttributes::default() })
}

fn allowed(bindings: &Bindings, user: &User, attributes: Attributes<'_>) -> bool {
    bindings.of("c").authorize(user, &attributes).is_allowed()
}

/// From `TestAuthorizer` in plugin/pkg/auth/authorizer/rbac/rbac_test.go and `TestAppliesTo` in validation/rule_test.go.
#[test]
fn bindings_apply_to_their_subjects_in_their_place() {
    let mut all = Bindings::new();
    all.apply("c", RbacKind::ClusterRole, &role("reader", None, json!([rule(&["get"], &[""], &["pods"])])));
    all.apply("c", RbacKind::Role, &role("reader", Some("n"), json!([rule(&["get"], &[""], &["secrets"])])));
    all.apply("c", RbacKind::ClusterRoleBinding, &binding("a", None, "ClusterRole", "reader", subject("Group", "ops")));
    all.apply("c", RbacKind::RoleBinding, &binding("a", Some("n"), "ClusterRole", "reader", subject("User", "jane")));
    all.apply("c", RbacKind::RoleBinding, &binding("b", Some("n"), "Role", "reader", subject("ServiceAccount", "bot")));
    let elsewhere =
        json!([{"kind": "ServiceAccount", "name": "bot", "namespace": "m"}, {"kind": "Robot", "name": "x"}]);
    all.apply("c", RbacKind::ClusterRoleBinding, &binding("b", None, "ClusterRole", "reader", elsewhere));
    let (ops, jane) = (User::new("o", ["x", "ops"]), User::new("jane", [""; 0]));
    let (bot, bot_m) = (User::service_account("n", "bot", "", None), User::service_account("m", "bot", "", None));
    for (user, resource, namespace, expected) in [
        (&ops, "pods", "", true),
        (&ops, "pods", "any", true),
        (&ops, "secrets", "n", false),
        (&jane, "pods", "n", true),
        (&jane, "pods", "m", false),
        (&jane, "pods", "", false),
        (&bot, "secrets", "n", true),
        (&bot, "secrets", "m", false),
        (&bot, "pods", "n", false),
        (&bot_m, "pods", "", true),
        (&bot_m, "secrets", "n", false),
    ] {
        assert_eq!(allowed(&all, user, get(resource, namespace)), expected, "{} {resource} {namespace}", user.name);
    }
    assert!(!all.of("other").authorize(&ops, &get("pods", "")).is_allowed());
    assert!(all.of("other").authorize(&User::new("root", ["system:masters"]), &get("pods", "")).is_allowed());
}

#[test]
fn what_is_changed_or_deleted_counts_at_once() {
    let mut all = Bindings::new();
    let jane = User::new("jane", ["dev"]);
    all.apply("c", RbacKind::ClusterRoleBinding, &binding("a", None, "ClusterRole", "r", subject("User", "jane")));
    assert_eq!(
        all.of("c").authorize(&jane, &get("pods", "")).reason(),
        r#"RBAC: clusterrole.rbac.authorization.k8s.io "r" not found"#
    );
    all.apply("c", RbacKind::ClusterRole, &role("r", None, json!([rule(&["get"], &[""], &["pods"])])));
    assert!(allowed(&all, &jane, get("pods", "")));
    all.apply("c", RbacKind::ClusterRoleBinding, &binding("a", None, "ClusterRole", "r", subject("User", "bob")));
    assert!(!allowed(&all, &jane, get("pods", "")));
    all.apply("c", RbacKind::ClusterRoleBinding, &binding("b", None, "ClusterRole", "r", subject("Group", "dev")));
    all.apply("d", RbacKind::ClusterRoleBinding, &binding("b", None, "ClusterRole", "r", subject("Group", "dev")));
    assert!(allowed(&all, &jane, get("pods", "")));
    all.remove("c", RbacKind::ClusterRoleBinding, "", "b");
    assert!(!allowed(&all, &jane, get("pods", "")));
    all.apply("c", RbacKind::ClusterRoleBinding, &binding("b", None, "ClusterRole", "r", subject("Group", "dev")));
    all.forget("c");
    all.apply("c", RbacKind::ClusterRole, &role("r", None, json!([rule(&["get"], &[""], &["pods"])])));
    assert!(!allowed(&all, &jane, get("pods", "")));
    all.apply("d", RbacKind::ClusterRole, &role("r", None, json!([rule(&["get"], &[""], &["pods"])])));
    assert!(all.of("d").authorize(&jane, &get("pods", "")).is_allowed());
}

/// A subject's name may hold what separates the parts of a key.
#[test]
fn names_are_not_taken_for_others() {
    let mut all = Bindings::new();
    all.apply("c", RbacKind::ClusterRole, &role("r", None, json!([rule(&["*"], &["*"], &["*"])])));
    all.apply("c", RbacKind::ClusterRoleBinding, &binding("b", None, "ClusterRole", "r", subject("User", "a\0b")));
    all.apply("c", RbacKind::ClusterRoleBinding, &binding("b\0b", None, "ClusterRole", "r", subject("User", "other")));
    assert!(allowed(&all, &User::new("a\0b", [""; 0]), get("pods", "")));
    for name in ["a", "b", "a\0", "gother", ""] {
        assert!(!allowed(&all, &User::new(name, [""; 0]), get("pods", "")), "{name:?}");
    }
}

#[test]
fn reasons_name_what_allows_and_what_is_missing() {
    let mut all = Bindings::new();
    all.apply("c", RbacKind::Role, &role("r", Some("n"), json!([rule(&["get"], &[""], &["pods"])])));
    all.apply("c", RbacKind::RoleBinding, &binding("b", Some("n"), "Role", "r", subject("ServiceAccount", "bot")));
    all.apply("c", RbacKind::RoleBinding, &binding("c", Some("n"), "Role", "gone", subject("ServiceAccount", "bot")));
    all.apply(
        "c",
        RbacKind::ClusterRoleBinding,
        &binding("x", None, "ClusterRole", "lost", subject("Group", "system:serviceaccounts")),
    );
    let bot = User::service_account("n", "bot", "", None);
    let reason = |attributes| all.of("c").authorize(&bot, &attributes).reason();
    assert_eq!(reason(get("pods", "n")), r#"RBAC: allowed by RoleBinding "b/n" of Role "r" to ServiceAccount "bot/n""#);
    assert_eq!(
        reason(get("secrets", "n")),
        r#"RBAC: [clusterrole.rbac.authorization.k8s.io "lost" not found, role.rbac.authorization.k8s.io "gone" not found]"#
    );
}

fn escalation(
    all: &Bindings,
    user: &User,
    kind: RbacKind,
    namespace: &str,
    new: &Value,
    old: Option<&Value>,
) -> Result<(), String> {
    let write = Write { kind, namespace, name: "", new, old };
    check(&Authority::Plain(all.of("c")), user, &write)
        .map_err(|failure| format!("{} {}", failure.code, failure.message))
}

/// From `TestEscalation` in pkg/registry/rbac/*/policybased/storage_test.go.
#[test]
fn nobody_writes_a_role_with_more_than_they_have() {
    let mut all = Bindings::new();
    all.apply(
        "c",
        RbacKind::ClusterRole,
        &role("mine", None, json!([rule(&["get", "list"], &[""], &["pods", "secrets"])])),
    );
    all.apply(
        "c",
        RbacKind::ClusterRoleBinding,
        &binding("mine", None, "ClusterRole", "mine", subject("User", "jane")),
    );
    let jane = User::new("jane", ["a", "b"]);
    let wanted = role(
        "r",
        None,
        json!([rule(&["get", "watch", "create"], &[""], &["pods"]), rule(&["get"], &["apps"], &["deployments"])]),
    );
    assert_eq!(
        escalation(&all, &jane, RbacKind::ClusterRole, "", &wanted, None),
        Err(concat!(
            r#"403 clusterroles.rbac.authorization.k8s.io "r" is forbidden: user "jane" (groups=["a" "b"]) "#,
            "is attempting to grant RBAC permissions not currently held:\n",
            r#"{APIGroups:[""], Resources:["pods"], Verbs:["watch" "create"]}"#,
            "\n",
            r#"{APIGroups:["apps"], Resources:["deployments"], Verbs:["get"]}"#
        )
        .into())
    );
    assert_eq!(
        escalation(
            &all,
            &jane,
            RbacKind::ClusterRole,
            "",
            &role("r", None, json!([rule(&["get"], &[""], &["pods"])])),
            None
        ),
        Ok(())
    );
    assert_eq!(
        escalation(&all, &User::new("root", ["system:masters"]), RbacKind::ClusterRole, "", &wanted, None),
        Ok(())
    );
    // What the garbage collector changes may be changed.
    let mut orphaned = wanted.clone();
    orphaned["metadata"]["finalizers"] = json!(["orphan"]);
    assert_eq!(escalation(&all, &jane, RbacKind::ClusterRole, "", &orphaned, Some(&wanted)), Ok(()));
    let mut renamed = orphaned;
    renamed["metadata"]["labels"] = json!({"a": "b"});
    assert!(escalation(&all, &jane, RbacKind::ClusterRole, "", &renamed, Some(&wanted)).is_err());
    all.apply(
        "c",
        RbacKind::ClusterRole,
        &role("mine", None, json!([rule(&["escalate"], &["rbac.authorization.k8s.io"], &["clusterroles"])])),
    );
    assert_eq!(escalation(&all, &jane, RbacKind::ClusterRole, "", &wanted, None), Ok(()));
    assert!(
        escalation(
            &all,
            &jane,
            RbacKind::Role,
            "n",
            &role("r", Some("n"), json!([rule(&["get"], &[""], &["pods"])])),
            None
        )
        .is_err()
    );
}

#[test]
fn only_who_has_everything_writes_an_aggregation() {
    let mut all = Bindings::new();
    all.apply("c", RbacKind::ClusterRole, &role("some", None, json!([rule(&["*"], &["*"], &["*"])])));
    all.apply(
        "c",
        RbacKind::ClusterRoleBinding,
        &binding("some", None, "ClusterRole", "some", subject("User", "jane")),
    );
    let jane = User::new("jane", [""; 0]);
    let mut wanted = role("r", None, Value::Null);
    wanted["aggregationRule"] = json!({"clusterRoleSelectors": [{}]});
    // `escalate` is among all verbs.
    assert_eq!(escalation(&all, &jane, RbacKind::ClusterRole, "", &wanted, None), Ok(()));
    all.apply("c", RbacKind::ClusterRole, &role("some", None, json!([rule(&["get"], &["*"], &["*"])])));
    assert_eq!(
        escalation(&all, &jane, RbacKind::ClusterRole, "", &wanted, None),
        Err(r#"403 clusterroles.rbac.authorization.k8s.io "r" is forbidden: must have cluster-admin privileges to use the aggregationRule"#.into())
    );
}

#[test]
fn nobody_binds_a_role_with_more_than_they_have() {
    let mut all = Bindings::new();
    all.apply("c", RbacKind::ClusterRole, &role("mine", None, json!([rule(&["get"], &[""], &["pods"])])));
    all.apply("c", RbacKind::ClusterRole, &role("more", None, json!([rule(&["get", "list"], &[""], &["pods"])])));
    all.apply("c", RbacKind::RoleBinding, &binding("mine", Some("n"), "ClusterRole", "mine", subject("User", "jane")));
    all.apply("c", RbacKind::RoleBinding, &binding("lost", Some("n"), "Role", "gone", subject("User", "jane")));
    let jane = User::new("jane", [""; 0]);
    let bind = |role: &str| binding("b", Some("n"), "ClusterRole", role, subject("User", "bob"));
    assert_eq!(escalation(&all, &jane, RbacKind::RoleBinding, "n", &bind("mine"), None), Ok(()));
    assert_eq!(
        escalation(&all, &jane, RbacKind::RoleBinding, "n", &bind("more"), None),
        Err(concat!(
            r#"403 rolebindings.rbac.authorization.k8s.io "b" is forbidden: user "jane" (groups=[]) "#,
            "is attempting to grant RBAC permissions not currently held:\n",
            r#"{APIGroups:[""], Resources:["pods"], Verbs:["list"]}"#,
            r#"; resolution errors: [rolebindings.rbac.authorization.k8s.io "gone" not found]"#
        )
        .into())
    );
    assert!(escalation(&all, &jane, RbacKind::RoleBinding, "m", &bind("mine"), None).is_err());
    // The store takes every object for one of the resource that the request is about.
    assert_eq!(
        escalation(&all, &jane, RbacKind::RoleBinding, "n", &bind("nothing"), None),
        Err(r#"404 rolebindings.rbac.authorization.k8s.io "nothing" not found"#.into())
    );
    all.apply("c", RbacKind::ClusterRole, &role("mine", None, json!([{"verbs": ["bind"], "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "resourceNames": ["more"]}])));
    assert_eq!(escalation(&all, &jane, RbacKind::RoleBinding, "n", &bind("more"), None), Ok(()));
    all.apply("c", RbacKind::ClusterRole, &role("other", None, json!([rule(&["get"], &[""], &["pods"])])));
    assert!(escalation(&all, &jane, RbacKind::RoleBinding, "n", &bind("other"), None).is_err());
}

mod index {
    //! The index finds what a walk over all objects finds, whatever was applied and removed before.

    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Bind { namespace: usize, name: usize, subject: usize, group: bool },
        Unbind { namespace: usize, name: usize },
        Forget,
    }

    const NAMES: [&str; 4] = ["a", "b", "a\0", "ga"];
    const NAMESPACES: [&str; 3] = ["", "n", "m"];

    fn step() -> impl Strategy<Value = Step> {
        let (namespace, name) = (0..NAMESPACES.len(), 0..NAMES.len());
        prop_oneof![
            6 => (namespace.clone(), name.clone(), 0..NAMES.len(), any::<bool>())
                .prop_map(|(namespace, name, subject, group)| Step::Bind { namespace, name, subject, group }),
            3 => (namespace, name).prop_map(|(namespace, name)| Step::Unbind { namespace, name }),
            1 => Just(Step::Forget),
        ]
    }

    fn kind(namespace: &str) -> RbacKind {
        if namespace.is_empty() { RbacKind::ClusterRoleBinding } else { RbacKind::RoleBinding }
    }

    proptest! {
        #[test]
        fn finds_what_a_walk_finds(steps in prop::collection::vec(step(), 1..40)) {
            let all = role("r", None, json!([rule(&["get"], &[""], &["pods"])]));
            let mut index = Bindings::new();
            let mut held: BTreeMap<(&str, &str), (&str, bool)> = BTreeMap::new();
            for step in steps {
                match step {
                    Step::Bind { namespace, name, subject: who, group } => {
                        let (namespace, name, who) = (NAMESPACES[namespace], NAMES[name], NAMES[who]);
                        let subjects = subject(if group { "Group" } else { "User" }, who);
                        let place = Some(namespace).filter(|namespace| !namespace.is_empty());
                        index.apply("c", kind(namespace), &binding(name, place, "ClusterRole", "r", subjects));
                        held.insert((namespace, name), (who, group));
                    }
                    Step::Unbind { namespace, name } => {
                        index.remove("c", kind(NAMESPACES[namespace]), NAMESPACES[namespace], NAMES[name]);
                        held.remove(&(NAMESPACES[namespace], NAMES[name]));
                    }
                    Step::Forget => {
                        index.forget("c");
                        held.clear();
                    }
                }
            }
            index.apply("c", RbacKind::ClusterRole, &all);
            for namespace in NAMESPACES {
                for user in NAMES {
                    for group in NAMES {
                        let bound = |who: &str, is_group: bool| if is_group { who == group } else { who == user };
                        let expected = held.iter().any(|((place, _), (who, is_group))| {
                            (place.is_empty() || *place == namespace) && bound(who, *is_group)
                        });
                        let found = allowed(&index, &User::new(user, [group]), get("pods", namespace));
                        prop_assert_eq!(found, expected, "{:?} {:?} {:?}", namespace, user, group);
                    }
                }
            }
        }
    }
}
