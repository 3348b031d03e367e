//! What is bound: schemas and their changes, two workspaces, two exports, what is refused, how it ends.

use serde_json::{Value, json};

use super::{BASE, BINDINGS, CLUSTERS, EXPORTS, SLICES, Stage, WIDGETS, conditions, schema, widget};
use crate::access::attributes::{Attributes, ResourceAttributes};
use crate::access::user::User;
use crate::kcp::names;
use crate::world::Written;

fn bound(binding: &Value) -> Value {
    binding["status"]["boundResources"].clone()
}

#[test]
fn two_workspaces_bind_one_export_and_keep_their_objects_apart() {
    let mut stage = Stage::new();
    let provider = stage.provider("provider", &json!([]));
    let (a, b) = (stage.workspace("root", "a"), stage.workspace("root", "b"));
    let slice = |stage: &Stage| stage.get(&provider, SLICES, ("", "widgets"));
    assert_eq!(conditions(&slice(&stage)), ["APIExportValid", "PartitionValid"]);
    assert_eq!(slice(&stage)["status"].get("endpoints"), None);
    for cluster in [&a, &b] {
        stage.bind(cluster, "root:provider", &json!([]));
        stage.apply(cluster, widget("same"));
    }
    let export = stage.get(&provider, EXPORTS, ("", "widgets"));
    let uid = stage.get(&provider, ("apis.kcp.io", "apiresourceschemas"), ("", "v1.widgets.example.io"));
    let binding = stage.get(&a, BINDINGS, ("", "widgets"));
    assert_eq!(
        bound(&binding),
        json!([{
            "group": "example.io", "resource": "widgets", "storageVersions": ["v1alpha1"],
            "schema": {
                "name": "v1.widgets.example.io", "UID": uid["metadata"]["uid"],
                "identityHash": export["status"]["identityHash"],
            },
        }])
    );
    assert_eq!(binding["status"]["apiExportClusterName"], provider);
    assert_eq!(binding["metadata"]["annotations"], json!({"kcp.io/cluster": a, "kcp.io/path": "root:a"}));
    assert_eq!(
        binding["metadata"]["labels"],
        json!({
            names::EXPORT_LABEL: names::export_hash(&provider, "widgets"),
            names::claim_key(&provider, "widgets"): names::reflexive_value(),
        })
    );
    assert_eq!(binding["metadata"]["finalizers"], json!(["apis.kcp.io/apibinding-finalizer"]));
    let one = stage.world.stored(&a, "example.io", "widgets").unwrap();
    let other = stage.world.stored(&b, "example.io", "widgets").unwrap();
    assert!(std::sync::Arc::ptr_eq(&one, &other), "a workspace costs no schema");
    assert_ne!(
        stage.get(&a, WIDGETS, ("", "same"))["metadata"]["uid"],
        stage.get(&b, WIDGETS, ("", "same"))["metadata"]["uid"]
    );
    let url = format!("{BASE}/services/apiexport/{provider}/widgets");
    assert_eq!(slice(&stage)["status"]["endpoints"], json!([{"url": url}]));
    let locks =
        stage.get(&a, CLUSTERS, ("", "cluster"))["metadata"]["annotations"]["internal.apis.kcp.io/resource-bindings"]
            .clone();
    assert!(locks.as_str().unwrap().contains(r#""widgets.example.io":{"n":"widgets"}"#), "{locks}");
    stage.is_quiet();
}

#[test]
fn a_workspace_may_bind_what_it_exports() {
    let mut stage = Stage::new();
    let provider = stage.provider("provider", &json!([]));
    stage.apply(
        &provider,
        json!({
            "apiVersion": "apis.kcp.io/v1alpha2", "kind": "APIBinding", "metadata": {"name": "own"},
            "spec": {"reference": {"export": {"name": "widgets"}}},
        }),
    );
    assert_eq!(stage.get(&provider, BINDINGS, ("", "own"))["status"]["phase"], "Bound");
    stage.apply(&provider, widget("w"));
}

#[test]
fn a_new_schema_reaches_every_workspace_and_old_objects_stay() {
    let mut stage = Stage::new();
    let provider = stage.provider("provider", &json!([]));
    let (a, b) = (stage.workspace("root", "a"), stage.workspace("root", "b"));
    for cluster in [&a, &b] {
        stage.bind(cluster, "root:provider", &json!([]));
    }
    stage.apply(&a, widget("old"));
    stage.apply(&provider, schema("v2"));
    let through = stage.world.virtual_workspace(&provider, "widgets").unwrap();
    let before = through.serving("example.io", "v1alpha1", "widgets").unwrap();
    stage
        .change(&provider, EXPORTS, ("", "widgets"), &|export| {
            export["spec"]["resources"][0]["schema"] = json!("v2.widgets.example.io");
        })
        .unwrap();
    for cluster in [&a, &b] {
        let binding = stage.get(cluster, BINDINGS, ("", "widgets"));
        assert_eq!(bound(&binding)[0]["schema"]["name"], "v2.widgets.example.io");
        assert_eq!(bound(&binding).as_array().unwrap().len(), 1);
        stage.apply(cluster, widget("new"));
        assert_eq!(stage.get(cluster, WIDGETS, ("", "new"))["spec"], json!({"size": 1, "color": "red"}));
    }
    assert_eq!(stage.get(&a, WIDGETS, ("", "old"))["spec"], json!({"size": 1}));
    let through = stage.world.virtual_workspace(&provider, "widgets").unwrap();
    let after = through.serving("example.io", "v1alpha1", "widgets").unwrap();
    assert!(!std::sync::Arc::ptr_eq(before, after), "watches are cut");
    assert_eq!(before.resource, after.resource);
    stage.is_quiet();
}

#[test]
fn what_cannot_be_bound_is_told() {
    let mut stage = Stage::new();
    let provider = stage.workspace("root", "provider");
    let a = stage.workspace("root", "a");
    let export = json!({
        "apiVersion": "apis.kcp.io/v1alpha2", "kind": "APIExport", "metadata": {"name": "widgets"},
        "spec": {"resources": [{"group": "example.io", "name": "widgets", "schema": "v1.widgets.example.io"}]},
    });
    stage.apply(&provider, export.clone());
    stage.bind(&a, "root:provider", &json!([]));
    let binding = stage.get(&a, BINDINGS, ("", "widgets"));
    let waiting = "Info WaitingForEstablished: Waiting for API(s) to be established";
    assert_eq!(
        conditions(&binding),
        [
            format!("!Ready {waiting}"),
            "!APIExportValid Error InternalError: Invalid APIExport. Please contact the APIExport owner to resolve: \
         APIResourceSchema \"v1.widgets.example.io\" not found"
                .to_owned(),
            format!("!InitialBindingCompleted {waiting}"),
            "PermissionClaimsApplied".to_owned(),
            "PermissionClaimsValid".to_owned(),
        ]
    );
    stage.apply(&provider, schema("v1"));
    assert_eq!(stage.get(&a, BINDINGS, ("", "widgets"))["status"]["phase"], "Bound");
    // It stays bound when the export is gone.
    stage.delete(&provider, EXPORTS, ("", "widgets")).unwrap();
    let binding = stage.get(&a, BINDINGS, ("", "widgets"));
    assert_eq!(binding["status"]["phase"], "Bound");
    let says = "!APIExportValid Error APIExportNotFound: APIExport root:provider|widgets not found";
    assert_eq!(conditions(&binding)[..2], ["Ready".to_owned(), says.to_owned()]);
    let slice = stage.get(&provider, SLICES, ("", "widgets"));
    let says = "!APIExportValid Error APIExportNotFound: Error getting APIExport root:provider|widgets";
    assert_eq!(
        (conditions(&slice), slice["status"].get("endpoints")),
        (vec![says.to_owned(), "PartitionValid".to_owned()], None)
    );
    assert!(stage.world.virtual_workspace(&provider, "widgets").is_none());
    stage.apply(&a, widget("still"));
    let refused = stage.create(
        &provider,
        json!({
            "apiVersion": "apis.kcp.io/v1alpha2", "kind": "APIExport", "metadata": {"name": "widgets"},
            "spec": {"resources": [{"group": "example.io", "name": "widgets", "schema": "v1.gadgets.example.io"}]},
        }),
    );
    assert_eq!(
        refused.map(drop).unwrap_err().message,
        "apiexports.apis.kcp.io \"widgets\" is forbidden: spec.resources[0].schema: Invalid value: \"v1.gadgets.example.io\": \
         must end in .widgets.example.io"
    );
    stage.is_quiet();
}

#[test]
fn who_came_first_has_a_name() {
    let mut stage = Stage::new();
    let provider = stage.provider("provider", &json!([]));
    stage.provider("rival", &json!([]));
    let a = stage.workspace("root", "a");
    stage.bind(&a, "root:provider", &json!([]));
    stage.apply(
        &a,
        json!({
            "apiVersion": "apis.kcp.io/v1alpha2", "kind": "APIBinding", "metadata": {"name": "rival"},
            "spec": {"reference": {"export": {"path": "root:rival", "name": "widgets"}}},
        }),
    );
    let rival = stage.get(&a, BINDINGS, ("", "rival"));
    let says = "Error NamingConflicts: Unable to bind APIs because they are bound by other APIBindings or CRDs: \
                map[widgets.example.io:{widgets false}]";
    assert_eq!(
        conditions(&rival),
        [
            format!("!Ready {says}"),
            "APIExportValid".to_owned(),
            format!("!BindingUpToDate {says}"),
            format!("!InitialBindingCompleted {says}"),
            "PermissionClaimsApplied".to_owned(),
            "PermissionClaimsValid".to_owned(),
        ]
    );
    assert_eq!((rival["status"]["phase"].as_str(), bound(&rival)), (Some("Binding"), Value::Null));
    stage.apply(&a, widget("mine"));
    let identity = stage.get(&provider, EXPORTS, ("", "widgets"))["status"]["identityHash"].clone();
    assert_eq!(*stage.world.stored(&a, "example.io", "widgets").unwrap().identity, *identity.as_str().unwrap());
    // When the first one goes, the name is free, and what was stored under it is not the other's.
    stage.delete(&a, BINDINGS, ("", "widgets")).unwrap();
    assert_eq!(stage.get(&a, BINDINGS, ("", "rival"))["status"]["phase"], "Bound");
    assert_eq!(stage.world.list(&a, "example.io", "widgets", None), []);
    stage.is_quiet();
}

#[test]
fn only_who_may_bind_binds() {
    let mut stage = Stage::new();
    let provider = stage.provider("provider", &json!([]));
    let a = stage.workspace("root", "a");
    stage.user = User::new("tenant", ["system:authenticated"]);
    let binding = |path: &str| {
        json!({
            "apiVersion": "apis.kcp.io/v1alpha2", "kind": "APIBinding", "metadata": {"name": "widgets"},
            "spec": {"reference": {"export": {"path": path, "name": "widgets"}}},
        })
    };
    for path in ["root:provider", "root:nowhere"] {
        assert_eq!(
            stage.create(&a, binding(path)).map(drop).unwrap_err().message,
            format!(
                "apibindings.apis.kcp.io \"widgets\" is forbidden: unable to create APIBinding: no permission to bind to export \
                 {path}:widgets"
            )
        );
    }
    let mut admin = Stage { user: User::new("kcp-admin", ["system:kcp:admin"]), ..stage };
    for object in [
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "bind"},
            "rules": [{"apiGroups": ["apis.kcp.io"], "resources": ["apiexports"], "resourceNames": ["widgets"], "verbs": ["bind"]}],
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "bind"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "bind"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:authenticated"}],
        }),
    ] {
        admin.apply(&provider, object);
    }
    admin.user = User::new("tenant", ["system:authenticated"]);
    admin.apply(&a, binding("root:provider"));
    assert_eq!(admin.get(&a, BINDINGS, ("", "widgets"))["status"]["phase"], "Bound");
}

#[test]
fn a_policy_bounds_tenants_as_long_as_the_export_has_one() {
    let mut stage = Stage::new();
    let provider = stage.provider("provider", &json!([]));
    let a = stage.workspace("root", "a");
    stage.bind(&a, "root:provider", &json!([]));
    let admin = stage.user.clone();
    let may = |stage: &Stage, resource: &str| {
        let attributes =
            ResourceAttributes { verb: "update", group: "example.io", resource, ..ResourceAttributes::default() };
        stage.world.workspace(&a).authorize(&admin, &Attributes::Resource(attributes)).is_allowed()
    };
    assert!(may(&stage, "widgets"));
    stage
        .change(&provider, EXPORTS, ("", "widgets"), &|export| {
            export["spec"]["maximalPermissionPolicy"] = json!({"local": {}});
        })
        .unwrap();
    assert!(!may(&stage, "widgets"));
    stage.delete(&provider, EXPORTS, ("", "widgets")).unwrap();
    assert!(may(&stage, "widgets"));
}

#[test]
fn reserved_metadata_is_kcps() {
    let mut stage = Stage::new();
    let a = stage.workspace("root", "a");
    let mut secret = super::secret("s");
    secret["metadata"]["annotations"] = json!({"x.kcp.io/y": "fine"});
    stage.apply(&a, secret.clone());
    secret["metadata"]["name"] = json!("t");
    secret["metadata"]["labels"] = json!({"foo.kcp.io": "x"});
    assert_eq!(
        stage.create(&a, secret.clone()).map(drop).unwrap_err().message,
        "secrets \"t\" is forbidden: modification of reserved label: \"foo.kcp.io\""
    );
    secret["metadata"]["labels"] = Value::Null;
    // Where it is, nobody else says; what nobody has claimed has no label of a claim.
    secret["metadata"]["annotations"] = json!({"kcp.io/path": "root:elsewhere"});
    secret["metadata"]["labels"] = json!({"claimed.internal.apis.kcp.io/x": "y"});
    let Written::Created(_) = stage.create(&a, secret).unwrap() else { panic!("it is new") };
    let stored = stage.get(&a, super::SECRETS, ("default", "t"));
    assert_eq!(stored["metadata"]["annotations"], json!({"kcp.io/cluster": a, "kcp.io/path": "root:a"}));
    assert_eq!(stored["metadata"].get("labels"), None);
}

#[test]
fn a_kind_that_is_called_as_another_one_clashes() {
    let mut stage = Stage::new();
    stage.provider("provider", &json!([]));
    let rival = stage.workspace("root", "rival");
    let mut other = schema("v1");
    other["metadata"]["name"] = json!("v1.gadgets.example.io");
    other["spec"]["names"]["plural"] = json!("gadgets");
    other["spec"]["names"]["singular"] = json!("gadget");
    stage.apply(&rival, other);
    stage.apply(
        &rival,
        json!({
            "apiVersion": "apis.kcp.io/v1alpha2", "kind": "APIExport", "metadata": {"name": "gadgets"},
            "spec": {"resources": [{"group": "example.io", "name": "gadgets", "schema": "v1.gadgets.example.io"}]},
        }),
    );
    let a = stage.workspace("root", "a");
    stage.bind(&a, "root:provider", &json!([]));
    stage.apply(
        &a,
        json!({
            "apiVersion": "apis.kcp.io/v1alpha2", "kind": "APIBinding", "metadata": {"name": "gadgets"},
            "spec": {"reference": {"export": {"path": "root:rival", "name": "gadgets"}}},
        }),
    );
    let binding = stage.get(&a, BINDINGS, ("", "gadgets"));
    let says = "Error NamingConflicts: Unable to bind APIs: naming conflict with APIBinding \"widgets\" bound to APIExport \
                root:provider:widgets: spec.names.kind=Widget is forbidden";
    assert_eq!(
        conditions(&binding)[..2],
        [format!("!BindingUpToDate {says}"), format!("!InitialBindingCompleted {says}")]
    );
    assert!(stage.world.stored(&a, "example.io", "gadgets").is_none());
    stage.delete(&a, BINDINGS, ("", "widgets")).unwrap();
    assert_eq!(stage.get(&a, BINDINGS, ("", "gadgets"))["status"]["phase"], "Bound");
    stage.is_quiet();
}
