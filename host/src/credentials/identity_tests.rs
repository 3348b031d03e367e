//! The objects, word for word, and what is asked of the hub to bring them there.

use berthage_core::key::Workspace;
use berthage_core::names::TargetNames;
use serde_json::Value;

use super::super::scripted::{Asked, lines, server, status};
use super::*;

/// As on a plain hub.
const ALL: Ours = Ours { rights: true, account: true };

const BOTH: &[CredentialType] = &[CredentialType::ClientCertificate, CredentialType::ServiceAccountToken];

fn with<T>(test: impl FnOnce(Recipient<'_>) -> T) -> T {
    let workspace = Workspace::local();
    let names = TargetNames::new(&workspace, "uid-1");
    test(Recipient { workspace: &workspace, names: &names, target: "edge", uid: "uid-1" })
}

fn identity(types: &[CredentialType], kcp: bool) -> Identity {
    with(|recipient| Identity::new(recipient, types, kcp))
}

/// Without the label they stayed hidden when the claims were accepted later; without the owner they were left behind.
#[test]
fn what_a_tenant_grants_by_hand_is_what_we_would_make() {
    let identity = identity(BOTH, true);
    let command = by_hand(&identity);
    let list = command.trim_start_matches("`echo '").trim_end_matches("' | kubectl apply -f -`");
    let list: Value = serde_json::from_str(list).unwrap();
    assert_eq!(list["items"], json!([identity.role, identity.binding]));
    assert_eq!(list["items"][0]["kind"], "ClusterRole");
}

#[test]
fn the_objects_are_these() {
    let identity = identity(BOTH, false);
    let name = with(|recipient| recipient.names.hub.clone());
    let metadata = |namespaced: bool| {
        let mut metadata = json!({
            "name": name,
            "labels": { "app.kubernetes.io/managed-by": "berthage", "berthage.dev/target": name.trim_start_matches("berthage-syncer-") },
            "annotations": { "berthage.dev/owner": "local/edge/uid-1" },
            "ownerReferences": [{ "apiVersion": "workload.kcp.io/v1alpha1", "kind": "SyncTarget", "name": "edge", "uid": "uid-1" }],
        });
        if namespaced {
            metadata["namespace"] = "default".into();
        }
        metadata
    };
    assert_eq!(
        serde_json::to_value(&identity.role).unwrap(),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": metadata(false),
            "rules": [
                { "apiGroups": ["workload.kcp.io"], "resources": ["synctargets"], "resourceNames": ["edge"], "verbs": ["get"] },
                { "apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "resourceNames": [name], "verbs": ["get", "update", "patch"] },
            ],
        })
    );
    assert_eq!(
        serde_json::to_value(&identity.binding).unwrap(),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": metadata(false),
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name },
            "subjects": [
                { "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "berthage:syncer:local:uid-1" },
                { "kind": "ServiceAccount", "name": name, "namespace": "default" },
            ],
        })
    );
    let lease = json!({ "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata(true) });
    assert_eq!(serde_json::to_value(&identity.lease).unwrap(), lease);
    assert_eq!(
        serde_json::to_value(&identity.account).unwrap(),
        json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata(true), "automountServiceAccountToken": false,
        })
    );
    let kcp = self::identity(BOTH, true).role.rules.unwrap();
    assert_eq!(serde_json::to_value(&kcp[2]).unwrap(), json!({ "nonResourceURLs": ["/"], "verbs": ["access"] }));
}

#[test]
fn every_rule_names_its_objects_and_none_may_list_or_touch_secrets() {
    for kcp in [false, true] {
        for rule in identity(BOTH, kcp).role.rules.unwrap() {
            let of_urls = rule.non_resource_urls.is_some();
            assert!(of_urls && kcp || rule.resource_names.as_ref().is_some_and(|names| names.len() == 1));
            assert!(
                !rule.verbs.iter().any(|verb| matches!(verb.as_str(), "*" | "list" | "watch" | "create" | "delete"))
            );
            assert!(rule.resources.iter().flatten().all(|resource| resource != "secrets" && resource != "*"));
        }
    }
}

#[test]
fn only_the_kinds_in_use_are_bound() {
    let kinds = |types: &[CredentialType]| -> Vec<String> {
        identity(types, false).binding.subjects.unwrap().into_iter().map(|subject| subject.kind).collect()
    };
    assert_eq!(kinds(&[CredentialType::ClientCertificate]), ["User"]);
    assert_eq!(kinds(&[CredentialType::ServiceAccountToken]), ["ServiceAccount"]);
    assert!(identity(&[CredentialType::ClientCertificate], false).account.is_none());
}

#[test]
fn hashes_follow_what_is_granted_and_nothing_else() {
    let (a, b) = (identity(BOTH, false), identity(&[CredentialType::ClientCertificate], true));
    assert_ne!(a.role_hash(), b.role_hash());
    assert_ne!(a.binding_hash(), b.binding_hash());
    let mut changed = a.clone();
    changed.role.metadata.resource_version = Some("7".to_owned());
    changed.binding.metadata.labels = None;
    assert_eq!((a.role_hash(), a.binding_hash()), (changed.role_hash(), changed.binding_hash()));
    // What the API server fills in or sends back must not look like a change.
    let read: ClusterRole = serde_json::from_value(serde_json::to_value(&a.role).unwrap()).unwrap();
    assert_eq!(super::hash_of_role(&read), a.role_hash());
}

#[tokio::test]
async fn what_is_missing_costs_one_post_each_and_what_is_known_nothing() {
    let identity = identity(BOTH, false);
    let (client, asked) = server(|asked| (201, asked.body.clone()));
    identity.ensure(&client, &Known::default()).await.unwrap();
    let mut made = lines(&asked);
    let place = |what: &str| made.iter().position(|line| line.ends_with(what)).unwrap();
    assert!(place("/clusterroles?") < place("/clusterrolebindings?"), "a binding cannot be judged without its role");
    made.sort();
    assert_eq!(
        made,
        [
            "POST /api/v1/namespaces/default/serviceaccounts?",
            "POST /apis/coordination.k8s.io/v1/namespaces/default/leases?",
            "POST /apis/rbac.authorization.k8s.io/v1/clusterrolebindings?",
            "POST /apis/rbac.authorization.k8s.io/v1/clusterroles?",
        ]
    );
    let known =
        Known { role: Some(identity.role_hash()), binding: Some(identity.binding_hash()), lease: true, account: true };
    assert!(identity.is_known(&known) && !identity.is_known(&Known::default()));
    asked.lock().unwrap().clear();
    identity.ensure(&client, &known).await.unwrap();
    assert!(lines(&asked).is_empty());
}

/// A hub that has all objects already, as `found` makes them.
fn hub_with(found: impl Fn(Value) -> Value + Send + Sync + 'static) -> impl Fn(&Asked) -> (u16, Value) {
    let identity = identity(BOTH, false);
    move |asked| {
        let object = if asked.line.contains("clusterrolebindings") {
            serde_json::to_value(&identity.binding)
        } else if asked.line.contains("clusterroles") {
            serde_json::to_value(&identity.role)
        } else {
            serde_json::to_value(&identity.lease)
        };
        match asked.line.split(' ').next() {
            Some("POST") => status(409, "AlreadyExists", "there"),
            Some("GET") => {
                let mut object = object.unwrap();
                object["metadata"]["uid"] = "u".into();
                object["metadata"]["resourceVersion"] = "7".into();
                (200, found(object))
            }
            Some("DELETE") => (200, json!({ "kind": "Status", "status": "Success" })),
            _ => (200, object.unwrap()),
        }
    }
}

#[tokio::test]
async fn what_differs_is_put_right_and_only_that() {
    let (client, asked) = server(hub_with(|mut object| {
        if object["rules"].is_array() {
            object["rules"][0]["verbs"] = json!(["*"]);
        }
        object
    }));
    identity(&[CredentialType::ClientCertificate], false).ensure(&client, &Known::default()).await.unwrap();
    let patches: Vec<Asked> =
        asked.lock().unwrap().iter().filter(|asked| asked.line.starts_with("PATCH")).cloned().collect();
    assert_eq!(patches.len(), 2, "role: too many verbs; binding: a subject too many: {patches:?}");
    for patch in patches {
        assert_eq!(patch.body["metadata"], json!({ "uid": "u", "resourceVersion": "7" }));
        assert!(patch.body.get("rules").is_some() || patch.body["subjects"].as_array().unwrap().len() == 1);
    }
}

#[tokio::test]
async fn what_is_somebody_elses_is_left_alone() {
    for forge in [
        |object: &mut Value| object["metadata"]["annotations"] = Value::Null,
        |object: &mut Value| object["metadata"]["annotations"][ANNOTATION_OWNER] = "local/edge/other-uid".into(),
    ] {
        let (client, asked) = server(hub_with(move |mut object| {
            forge(&mut object);
            object
        }));
        let error =
            identity(&[CredentialType::ClientCertificate], false).ensure(&client, &Known::default()).await.unwrap_err();
        assert!(matches!(error, IssueError::Foreign { .. }), "{error}");
        assert_eq!(error.reason(), berthage_core::reason::Reason::IdentityFailed);
        assert!(lines(&asked).iter().all(|line| !line.starts_with("PATCH")));
        asked.lock().unwrap().clear();
        let workspace = Workspace::local();
        let names = TargetNames::new(&workspace, "uid-1");
        let recipient = Recipient { workspace: &workspace, names: &names, target: "edge", uid: "uid-1" };
        remove(&client, recipient, ALL).await.unwrap();
        assert!(lines(&asked).iter().all(|line| line.starts_with("GET")), "{:?}", lines(&asked));
    }
}

#[tokio::test]
async fn a_refusal_says_which_object_and_why() {
    let (client, _) = server(|_| status(403, "Forbidden", "attempting to grant RBAC permissions not currently held"));
    let error = identity(BOTH, false).ensure(&client, &Known::default()).await.unwrap_err();
    assert!(
        error.to_string().contains("ClusterRole berthage-syncer-") && error.to_string().contains("not currently held"),
        "{error}"
    );
}

#[tokio::test]
async fn removal_takes_the_rights_first_and_names_the_uid() {
    let (client, asked) = server(hub_with(|object| object));
    let workspace = Workspace::local();
    let names = TargetNames::new(&workspace, "uid-1");
    let recipient = Recipient { workspace: &workspace, names: &names, target: "edge", uid: "uid-1" };
    remove(&client, recipient, ALL).await.unwrap();
    let deletes: Vec<Asked> =
        asked.lock().unwrap().iter().filter(|asked| asked.line.starts_with("DELETE")).cloned().collect();
    assert_eq!(deletes.len(), 4);
    assert!(deletes[0].line.contains("clusterrolebindings"));
    assert!(deletes.iter().all(|delete| delete.body["preconditions"]["uid"] == "u"));
    let (client, asked) = server(|_| status(404, "NotFound", ""));
    remove(&client, recipient, ALL).await.unwrap();
    assert_eq!(lines(&asked).len(), 4);
}
