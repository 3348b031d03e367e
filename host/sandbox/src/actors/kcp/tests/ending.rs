//! Ends of bindings and of workspaces.

use serde_json::{Value, json};

use super::{BINDINGS, CLUSTERS, SECRETS, Stage, WIDGETS, WORKSPACES, conditions, secret, widget};

const KEEP: &str = "example.io/keep";

fn kept(mut object: Value) -> Value {
    object["metadata"]["finalizers"] = json!([KEEP]);
    object
}

fn let_go(stage: &mut Stage, cluster: &str, kind: (&str, &str), name: (&str, &str)) {
    stage.change(cluster, kind, name, &|object| object["metadata"]["finalizers"] = json!([])).unwrap();
}

fn is_deleting(object: &Value) -> bool {
    object["metadata"].get("deletionTimestamp").is_some()
}

#[test]
fn unbinding_takes_the_objects_along_and_waits_for_their_finalizers() {
    let mut stage = Stage::new();
    let provider = stage.provider("provider", &json!([]));
    let a = stage.workspace("root", "a");
    stage.bind(&a, "root:provider", &json!([]));
    stage.apply(&a, widget("free"));
    stage.apply(&a, kept(widget("kept")));
    stage.delete(&a, BINDINGS, ("", "widgets")).unwrap();
    assert_eq!(stage.get(&a, WIDGETS, ("", "free")), Value::Null);
    assert!(is_deleting(&stage.get(&a, WIDGETS, ("", "kept"))));
    let binding = stage.get(&a, BINDINGS, ("", "widgets"));
    let says = "!BindingResourceDeleteSuccess Error ResourceFinalizersRemain: Some content in the workspace has finalizers \
                remaining: example.io/keep in 1 resource instances";
    assert!(conditions(&binding).contains(&says.to_owned()), "{binding:#}");
    stage.is_quiet();
    let_go(&mut stage, &a, WIDGETS, ("", "kept"));
    assert_eq!(stage.get(&a, BINDINGS, ("", "widgets")), Value::Null);
    assert!(stage.world.stored(&a, "example.io", "widgets").is_none());
    let locks = stage.get(&a, CLUSTERS, ("", "cluster"))["metadata"]["annotations"].clone();
    assert!(!locks["internal.apis.kcp.io/resource-bindings"].as_str().unwrap().contains("widgets"));
    // And again.
    stage.bind(&a, "root:provider", &json!([]));
    stage.apply(&a, widget("free"));
    assert!(stage.world.virtual_workspace(&provider, "widgets").is_some());
    stage.is_quiet();
}

#[test]
fn what_another_binding_goes_on_with_stays() {
    let mut stage = Stage::new();
    stage.provider("provider", &json!([]));
    let a = stage.workspace("root", "a");
    stage.bind(&a, "root:provider", &json!([]));
    stage.apply(&a, widget("w"));
    stage.apply(
        &a,
        json!({
            "apiVersion": "apis.kcp.io/v1alpha2", "kind": "APIBinding", "metadata": {"name": "successor"},
            "spec": {"reference": {"export": {"path": "root:provider", "name": "widgets"}}},
        }),
    );
    let uid = stage.get(&a, WIDGETS, ("", "w"))["metadata"]["uid"].clone();
    stage.delete(&a, BINDINGS, ("", "widgets")).unwrap();
    assert_eq!(stage.get(&a, BINDINGS, ("", "widgets")), Value::Null);
    assert_eq!(stage.get(&a, BINDINGS, ("", "successor"))["status"]["phase"], "Bound");
    assert_eq!(stage.get(&a, WIDGETS, ("", "w"))["metadata"]["uid"], uid);
}

#[test]
fn a_workspace_ends_with_what_is_bound_last() {
    let mut stage = Stage::new();
    stage.provider("provider", &json!([]));
    let a = stage.workspace("root", "a");
    let inner = stage.workspace(&a, "inner");
    stage.bind(&a, "root:provider", &json!([]));
    stage.apply(&a, kept(secret("kept")));
    stage.apply(&a, secret("free"));
    stage.apply(&a, kept(widget("kept")));
    stage.delete("root", WORKSPACES, ("", "a")).unwrap();

    // Namespaces and their content first.
    assert_eq!(stage.get(&a, SECRETS, ("default", "free")), Value::Null);
    assert!(is_deleting(&stage.get(&a, SECRETS, ("default", "kept"))));
    assert!(!is_deleting(&stage.get(&a, WIDGETS, ("", "kept"))));
    assert!(!is_deleting(&stage.get(&a, BINDINGS, ("", "widgets"))));
    assert!(!is_deleting(&stage.get(&a, WORKSPACES, ("", "inner"))));
    let says = "!WorkspaceContentDeleted Info SomeResourcesRemain: Some resources are remaining: namespaces. has 1 resource \
                instances";
    let own = stage.get(&a, CLUSTERS, ("", "cluster"));
    assert_eq!(own["status"]["phase"], "Deleting");
    assert!(conditions(&own).contains(&says.to_owned()), "{own:#}");
    let workspace = stage.get("root", WORKSPACES, ("", "a"));
    assert_eq!(workspace["status"]["phase"], "Deleting");
    assert!(conditions(&workspace).contains(&says.to_owned()), "{workspace:#}");
    stage.is_quiet();

    // Then what is bound: children, too.
    let_go(&mut stage, &a, SECRETS, ("default", "kept"));
    assert!(is_deleting(&stage.get(&a, WIDGETS, ("", "kept"))));
    assert!(stage.world.cluster(&inner).is_none());
    assert_eq!(stage.world.list(&a, "apis.kcp.io", "apibindings", None).len(), 1);
    let own = stage.get(&a, CLUSTERS, ("", "cluster"));
    let says = "!WorkspaceContentDeleted Info SomeResourcesRemain: Some resources are remaining: apibindings.apis.kcp.io has 1 \
                resource instances; Some content in the logical cluster has finalizers remaining: \
                apis.kcp.io/apibinding-finalizer in 1 resource instances";
    assert!(conditions(&own).contains(&says.to_owned()), "{own:#}");
    stage.is_quiet();

    let_go(&mut stage, &a, WIDGETS, ("", "kept"));
    assert_eq!(stage.get("root", WORKSPACES, ("", "a")), Value::Null);
    assert!(stage.world.cluster(&a).is_none());
    assert!(!stage.world.all_objects().any(|object| *object.cluster == *a || *object.cluster == *inner));
    assert_eq!(stage.world.resolve("root:a"), None);
    // Made again under the same name it is another workspace.
    assert_ne!(stage.workspace("root", "a"), a);
    stage.is_quiet();
}

#[test]
fn a_logical_cluster_is_deleted_by_kcp_only() {
    let mut stage = Stage::new();
    let a = stage.workspace("root", "a");
    assert_eq!(
        stage.delete(&a, CLUSTERS, ("", "cluster")).unwrap_err().message,
        "logicalclusters.core.kcp.io \"cluster\" is forbidden: LogicalCluster cannot be deleted"
    );
    let refused = stage.change(&a, CLUSTERS, ("", "cluster"), &|own| own["spec"]["initializers"] = json!([]));
    assert_eq!(
        refused.map(drop).unwrap_err().message,
        "logicalclusters.core.kcp.io \"cluster\" is forbidden: spec.initializers is immutable"
    );
    for name in ["kcp.io/path", "core.kcp.io/shard"] {
        let refused = stage.change(&a, CLUSTERS, ("", "cluster"), &|own| {
            own["metadata"]["annotations"][name] = json!("root:another");
        });
        let message = refused.map(drop).unwrap_err().message.clone();
        assert!(message.contains(name) && message.contains("field is immutable"), "{message}");
    }
}

/// Whoever may make workspaces may write anything into their annotations.
#[test]
fn a_workspace_has_no_logical_cluster_of_another() {
    let mut stage = Stage::new();
    let victim = stage.workspace("root", "victim");
    for (name, theirs) in [("evil", victim.as_str()), ("worse", "root"), ("worst", "system:admin")] {
        // The second one gets no shard, so that it is never scheduled.
        for location in [json!({}), json!({"selector": {"matchLabels": {"no": "shard"}}})] {
            stage.apply(
                "root",
                json!({
                    "apiVersion": "tenancy.kcp.io/v1alpha1", "kind": "Workspace",
                    "metadata": {
                        "name": name, "finalizers": ["core.kcp.io/logicalcluster"],
                        "annotations": {"internal.tenancy.kcp.io/cluster": theirs},
                    },
                    "spec": {"type": {"name": "universal", "path": "root"}, "location": location},
                }),
            );
            assert_ne!(stage.get("root", WORKSPACES, ("", name))["spec"]["cluster"], json!(theirs), "{name}");
            stage.delete("root", WORKSPACES, ("", name)).unwrap();
            assert_eq!(stage.get("root", WORKSPACES, ("", name)), Value::Null, "{name}");
            for cluster in [victim.as_str(), "root"] {
                let own = stage.get(cluster, CLUSTERS, ("", "cluster"));
                assert_eq!(own["status"]["phase"], "Ready", "{name}: {cluster}");
                assert_eq!(own["metadata"]["deletionTimestamp"], Value::Null, "{name}: {cluster}");
            }
        }
    }
}
