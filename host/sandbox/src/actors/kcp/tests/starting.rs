//! A new kcp, and new workspaces.

use serde_json::{Value, json};

use super::{BASE, BINDINGS, CLUSTERS, EXPORTS, SLICES, Stage, WORKSPACES, conditions};
use crate::access::attributes::{Attributes, ResourceAttributes};
use crate::access::user::User;
use crate::kcp::Shard;

#[test]
fn a_new_kcp_has_a_root_that_exports_workspaces() {
    let mut stage = Stage::new();
    let root = stage.get("root", CLUSTERS, ("", "cluster"));
    assert_eq!(root["status"]["phase"], "Ready", "{root:#}");
    assert_eq!(root["status"]["URL"], format!("{BASE}/clusters/root"));
    for name in ["shards.core.kcp.io", "tenancy.kcp.io", "topology.kcp.io"] {
        let export = stage.get("root", EXPORTS, ("", name));
        assert_eq!(export["status"]["identityHash"].as_str().map(str::len), Some(64), "{export:#}");
        assert_eq!(conditions(&export), ["IdentityValid"]);
        assert_eq!(export["metadata"]["annotations"]["kcp.io/path"], "root");
        let binding = stage.get("root", BINDINGS, ("", name));
        let all = [
            "Ready",
            "APIExportValid",
            "BindingUpToDate",
            "InitialBindingCompleted",
            "PermissionClaimsApplied",
            "PermissionClaimsValid",
        ];
        assert_eq!(conditions(&binding), all, "{binding:#}");
        let slice = stage.get("root", SLICES, ("", name));
        assert_eq!(slice["status"]["endpoints"], json!([{"url": format!("{BASE}/services/apiexport/root/{name}")}]));
        assert_eq!(slice["spec"], json!({"export": {"name": name, "path": "root"}}));
    }
    // What is not done here is known, and refused.
    let catalog = stage.world.catalog("root");
    assert!(catalog.find("tenancy.kcp.io", "v1alpha1", "workspaceauthenticationconfigurations").is_some());
    assert!(stage.world.stored("root", "tenancy.kcp.io", "workspaceauthenticationconfigurations").is_none());
    stage.is_quiet();
}

#[test]
fn a_workspace_becomes_ready_step_by_step() {
    let mut stage = Stage::new();
    let cluster = stage.workspace("root", "alpha");
    let workspace = stage.get("root", WORKSPACES, ("", "alpha"));
    let annotations = &workspace["metadata"]["annotations"];
    assert_eq!(cluster.len(), 16);
    assert_eq!(
        workspace["spec"],
        json!({
            "cluster": cluster, "URL": format!("{BASE}/clusters/root:alpha"), "type": {"name": "universal", "path": "root"},
        })
    );
    assert_eq!(
        annotations,
        &json!({
            "core.kcp.io/shard": "root", "internal.tenancy.kcp.io/shard": "1pfxsevk",
            "internal.tenancy.kcp.io/cluster": cluster, "kcp.io/cluster": "root",
            "experimental.tenancy.kcp.io/owner": r#"{"username":"kcp-admin"}"#,
        })
    );
    assert_eq!(workspace["metadata"]["labels"], json!({"tenancy.kcp.io/phase": "Ready"}));
    assert_eq!(workspace["metadata"]["finalizers"], json!(["core.kcp.io/logicalcluster"]));
    assert_eq!(conditions(&workspace), ["WorkspaceInitialized", "WorkspaceScheduled"]);
    let own = stage.get(&cluster, CLUSTERS, ("", "cluster"));
    assert_eq!(own["metadata"]["annotations"]["kcp.io/path"], "root:alpha");
    assert_eq!(own["spec"]["initializers"], json!(["root:universal", "system:apibindings"]));
    assert_eq!(own["spec"]["createdBy"]["groups"], json!(["system:kcp:admin", "system:authenticated"]));
    assert_eq!(own["spec"]["owner"]["name"], "alpha");
    assert_eq!(own["status"].get("initializers"), None);
    assert_eq!(own["metadata"]["labels"], json!({"tenancy.kcp.io/phase": "Ready"}));
    assert_eq!(own["metadata"]["finalizers"], json!(["core.kcp.io/logicalcluster-deletion"]));
    let namespaces = stage.world.list(&cluster, "", "namespaces", None);
    assert_eq!(namespaces.iter().map(crate::store::Object::name).collect::<Vec<_>>(), ["default", "kube-system"]);
    let bindings = stage.world.list(&cluster, "apis.kcp.io", "apibindings", None);
    assert_eq!(bindings.len(), 2);
    assert!(bindings.iter().all(|one| one.map().unwrap()["status"]["phase"] == "Bound"));
    assert!(stage.world.stored(&cluster, "tenancy.kcp.io", "workspaces").is_some());
    assert!(stage.world.stored(&cluster, "core.kcp.io", "shards").is_none());
    stage.is_quiet();
}

#[test]
fn workspaces_are_found_by_their_paths() {
    let mut stage = Stage::new();
    let outer = stage.workspace("root", "a");
    let inner = stage.workspace(&outer, "b");
    let twin = stage.workspace("root", "b");
    for (path, cluster) in [
        ("root", Some("root")),
        ("root:a", Some(&*outer)),
        ("root:a:b", Some(&*inner)),
        ("root:b", Some(&*twin)),
        (&format!("{outer}:b"), Some(&*inner)),
        (&*inner, Some(&*inner)),
        ("root:a:c", None),
        ("other", None),
        ("system:admin", Some("system:admin")),
    ] {
        assert_eq!(stage.world.resolve(path).as_deref(), cluster, "{path}");
    }
    assert_eq!(stage.world.canonical_path(&inner), "root:a:b");
    assert_eq!(stage.get(&outer, WORKSPACES, ("", "b"))["spec"]["URL"], format!("{BASE}/clusters/root:a:b"));
}

#[test]
fn a_workspace_has_a_type_that_its_parent_may_have_below() {
    let mut stage = Stage::new();
    let workspace = |name: &str, of_type: Option<&str>| {
        let mut spec = json!({});
        if let Some(of_type) = of_type {
            spec["type"] = json!({"name": of_type});
        }
        json!({"apiVersion": "tenancy.kcp.io/v1alpha1", "kind": "Workspace", "metadata": {"name": name}, "spec": spec})
    };
    stage.apply("root", workspace("org", None));
    let org = stage.get("root", WORKSPACES, ("", "org"));
    assert_eq!(org["spec"]["type"], json!({"name": "organization", "path": "root"}));
    let cluster = org["spec"]["cluster"].as_str().unwrap().to_owned();
    let refused = |stage: &mut Stage, cluster: &str, of_type: &str| {
        stage.create(cluster, workspace("x", Some(of_type))).map(drop).unwrap_err().message.clone()
    };
    assert_eq!(
        refused(&mut stage, &cluster, "organization"),
        "workspaces.tenancy.kcp.io \"x\" is forbidden: workspace type root:organization only allows [root:root] parent \
         workspaces, but parent type root:organization only implements [root:organization root:universal]"
    );
    assert_eq!(
        refused(&mut stage, "root", "home"),
        "workspaces.tenancy.kcp.io \"x\" is forbidden: workspace type root:home cannot have any parent"
    );
    assert_eq!(
        refused(&mut stage, "root", "none"),
        "workspaces.tenancy.kcp.io \"x\" is forbidden: workspace type \"none\" cannot be resolved"
    );
    stage.user = User::new("somebody", ["system:authenticated"]);
    assert_eq!(
        refused(&mut stage, "root", "home"),
        "workspaces.tenancy.kcp.io \"x\" is forbidden: unable to use workspace type root:home: missing verb='use' permission \
         on workspacetype"
    );
    let spec = json!({"type": {"name": "universal"}, "cluster": "stolen"});
    let mine =
        json!({"apiVersion": "tenancy.kcp.io/v1alpha1", "kind": "Workspace", "metadata": {"name": "x"}, "spec": spec});
    assert_eq!(
        stage.create("root", mine).map(drop).unwrap_err().message,
        "workspaces.tenancy.kcp.io \"x\" is forbidden: spec.Cluster can only be set by system privileged users"
    );
}

#[test]
fn types_that_extend_one_another_have_an_end() {
    let mut stage = Stage::new();
    let of_type = |name: &str, base: Option<String>| {
        let with = base.map_or(json!([]), |base| json!([{"name": base, "path": "root"}]));
        json!({
            "apiVersion": "tenancy.kcp.io/v1alpha1", "kind": "WorkspaceType", "metadata": {"name": name},
            "spec": {"extend": {"with": with}},
        })
    };
    for at in 0..70 {
        let base = (at > 0).then(|| format!("t{}", at - 1));
        stage.create("root", of_type(&format!("t{at}"), base)).unwrap();
    }
    let workspace = json!({
        "apiVersion": "tenancy.kcp.io/v1alpha1", "kind": "Workspace", "metadata": {"name": "x"},
        "spec": {"type": {"name": "t69", "path": "root"}},
    });
    let message = stage.create("root", workspace).map(drop).unwrap_err().message.clone();
    assert!(message.contains("extends more than 64 others"), "{message}");
}

#[test]
fn nobody_is_the_owner_of_what_masters_make() {
    let mut stage = Stage::new();
    stage.user = User::new("root", ["system:masters"]);
    stage.apply(
        "root",
        json!({
            "apiVersion": "tenancy.kcp.io/v1alpha1", "kind": "Workspace", "metadata": {"name": "lost"},
            "spec": {"type": {"name": "universal", "path": "root"}},
        }),
    );
    let workspace = stage.get("root", WORKSPACES, ("", "lost"));
    assert_eq!(workspace["status"]["phase"], "Initializing");
    assert_eq!(workspace["status"]["initializers"], json!(["root:universal"]));
    let says = "!WorkspaceInitialized Info InitializerExists: Initializers still exist: [root:universal]";
    assert_eq!(conditions(&workspace), [says, "WorkspaceScheduled"]);
}

#[test]
fn what_kcp_serves_is_bounded_by_the_policies_of_root() {
    let mut stage = Stage::new();
    let cluster = stage.workspace("root", "alpha");
    let may = |stage: &Stage, cluster: &str, user: &User, resource: &str, subresource: &str| {
        let attributes = ResourceAttributes {
            verb: "update",
            group: "tenancy.kcp.io",
            resource,
            subresource,
            ..ResourceAttributes::default()
        };
        stage.world.workspace(cluster).authorize(user, &Attributes::Resource(attributes)).is_allowed()
    };
    let admin = stage.user.clone();
    assert!(may(&stage, &cluster, &admin, "workspaces", ""));
    let owner = User::new("owner", ["system:authenticated"]);
    assert!(!may(&stage, &cluster, &owner, "workspaces", ""));
    let object = |kind: &str, more: Value| {
        let mut object =
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": "owner"}});
        object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        object
    };
    stage.apply(
        &cluster,
        object(
            "ClusterRoleBinding",
            json!({
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "owner"}],
            }),
        ),
    );
    assert!(may(&stage, &cluster, &owner, "workspaces", ""));
    assert!(!may(&stage, &cluster, &owner, "workspaces", "status"));
}

#[test]
fn workspaces_are_spread_over_shards_and_each_shard_with_a_binding_has_an_endpoint() {
    let mut stage = Stage::with_shards(&[Shard::root(BASE), Shard::new("two", "https://two:6443/")]);
    let provider = stage.provider("provider", &json!([]));
    let slice = |stage: &Stage| stage.get(&provider, SLICES, ("", "widgets"))["status"]["endpoints"].clone();
    let url = |base: &str| json!({"url": format!("{base}/services/apiexport/{provider}/widgets")});
    assert_eq!(slice(&stage), Value::Null);
    let mut on: Vec<(String, String)> = Vec::new();
    for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        let cluster = stage.workspace("root", name);
        let shard = stage.world.shard_of(&cluster).to_owned();
        let base = if shard == "two" { "https://two:6443" } else { BASE };
        assert_eq!(stage.get("root", WORKSPACES, ("", name))["spec"]["URL"], format!("{base}/clusters/root:{name}"));
        on.push((shard, cluster));
    }
    let of = |shard: &str| on.iter().find(|one| one.0 == shard).unwrap().1.clone();
    let (first, second) = (of("root"), of("two"));
    stage.bind(&second, "root:provider", &json!([]));
    assert_eq!(slice(&stage), json!([url("https://two:6443")]));
    stage.bind(&first, "root:provider", &json!([]));
    assert_eq!(slice(&stage), json!([url(BASE), url("https://two:6443")]));
    let export = stage.get(&provider, EXPORTS, ("", "widgets"));
    let identity = export["status"]["identityHash"].as_str().unwrap().to_owned();
    assert!(stage.world.kcp().is_bound_on("two", &identity, "example.io", "widgets"));
    stage.delete(&second, BINDINGS, ("", "widgets")).unwrap();
    assert_eq!(slice(&stage), json!([url(BASE)]));
    assert!(!stage.world.kcp().is_bound_on("two", &identity, "example.io", "widgets"));
    stage.is_quiet();
}

#[test]
fn a_slice_of_a_partition_has_the_endpoints_of_its_shards() {
    let mut east = Shard::new("two", "https://two:6443");
    east.labels.push(("region".to_owned(), "east".to_owned()));
    let mut stage = Stage::with_shards(&[Shard::root(BASE), east]);
    let provider = stage.provider("provider", &json!([]));
    for name in ["a", "b", "c", "d", "e", "f"] {
        let cluster = stage.workspace("root", name);
        stage.bind(&cluster, "root:provider", &json!([]));
    }
    stage.apply(
        &provider,
        json!({
            "apiVersion": "apis.kcp.io/v1alpha1", "kind": "APIExportEndpointSlice", "metadata": {"name": "east"},
            "spec": {"export": {"name": "widgets"}, "partition": "east"},
        }),
    );
    let slice = stage.get(&provider, SLICES, ("", "east"));
    let says = "!PartitionValid Error PartitionInvalidReference: partition.topology.kcp.io \"east\" not found";
    assert_eq!(conditions(&slice), ["APIExportValid", says]);
    stage.apply(
        &provider,
        json!({
            "apiVersion": "topology.kcp.io/v1alpha1", "kind": "Partition", "metadata": {"name": "east"},
            "spec": {"selector": {"matchLabels": {"region": "east"}}},
        }),
    );
    let slice = stage.get(&provider, SLICES, ("", "east"));
    assert_eq!(slice["status"]["shardSelector"], "region=east");
    let url = format!("https://two:6443/services/apiexport/{provider}/widgets");
    assert_eq!(slice["status"]["endpoints"], json!([{"url": url}]));
}
