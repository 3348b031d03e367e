//! What a new kcp has: its roles, `root` with what it exports to every workspace, the types of workspaces, and its shards.
//!
//! Facts: `pkg/server/server.go`, `config/{shard,root-phase0,root,universal}` and `config/helpers` of kcp, with
//! `--batteries-included=workspace-types`. Left out, because nothing in the sandbox is behind them: the exports of caches and
//! migrations, and roles for the home workspaces of users.

use serde_json::{Value, json};

use super::definitions::{self, Definition};
use super::json::{Object, meta, part};
use super::write::{create, put_status};
use super::{OWNER, ROOT, SHARD, TYPE};
use crate::access::bindings::RbacKind;
use crate::access::bootstrap::{plain, workspaces};
use crate::actors::{self, Actors, Next};
use crate::status::Failure;
use crate::world::{Named, Place, World};

/// A shard: a part of a kcp with a URL of its own. All of them are in one [`World`] here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    /// Its name. The first one of a kcp is called `root`.
    pub name: String,
    /// Where it is reached, without a slash at the end.
    pub base_url: String,
    /// Its labels, besides its name.
    pub labels: Vec<(String, String)>,
}

impl Shard {
    /// The first shard.
    pub fn root(base_url: &str) -> Self {
        Self::new(ROOT, base_url)
    }

    /// Another one.
    pub fn new(name: &str, base_url: &str) -> Self {
        Self { name: name.to_owned(), base_url: base_url.to_owned(), labels: Vec::new() }
    }
}

/// What `root` exports: the name of the APIExport, and whether it bounds what tenants may do.
const EXPORTS: [(&str, bool); 3] =
    [("shards.core.kcp.io", false), ("tenancy.kcp.io", true), ("topology.kcp.io", false)];

/// How many changes the controllers look at before a kcp has to be as it begins.
const PATIENCE: usize = 100_000;

/// Makes a new kcp of an empty world, with one shard at this URL.
pub fn bootstrap(world: &mut World, base_url: &str) -> Result<(), Failure> {
    bootstrap_shards(world, &[Shard::root(base_url)])
}

/// The same with several shards, of which the first is called `root`. What changed meanwhile is nobody's to look at any more:
/// whoever has controllers lets them [begin](Actors::begin) afterwards.
pub fn bootstrap_shards(world: &mut World, shards: &[Shard]) -> Result<(), Failure> {
    for cluster in ["system:admin", "system:system-crds", "system:bound-crds", "system:shard", ROOT] {
        world.add_cluster(cluster);
    }
    roles(world)?;
    for (cluster, annotations) in [
        ("system:shard", json!({SHARD: ROOT})),
        (ROOT, json!({SHARD: ROOT, TYPE: "root:root", OWNER: r#"{"username":"system:kcp-bootstrapper"}"#})),
    ] {
        logical_cluster(world, cluster, &annotations)?;
        bindings(world, cluster)?;
        namespace(world, cluster)?;
    }
    exports(world)?;
    settle(world);
    for shard in shards {
        let mut labels = json!({"name": shard.name});
        for (key, value) in &shard.labels {
            labels[key] = json!(value);
        }
        let object = json!({
            "apiVersion": "core.kcp.io/v1alpha1", "kind": "Shard",
            "metadata": {"name": shard.name, "labels": labels},
            "spec": {
                "baseURL": shard.base_url, "externalURL": shard.base_url, "virtualWorkspaceURL": shard.base_url,
            },
        });
        make(world, ROOT, ["core.kcp.io", "shards"], object)?;
    }
    for object in root() {
        make(world, ROOT, ["rbac.authorization.k8s.io", plural(&object)], object)?;
    }
    for object in types() {
        make(world, ROOT, ["tenancy.kcp.io", "workspacetypes"], object)?;
    }
    settle(world);
    Ok(())
}

/// Lets kcp's controllers do what there is to do.
fn settle(world: &mut World) {
    let mut actors = Actors::new(actors::kcp::all());
    let _ = actors.act(world, PATIENCE) == Next::Now;
    world.take_topics();
}

fn make(world: &mut World, cluster: &str, kind: [&str; 2], object: Value) -> Result<(), Failure> {
    let object = if let Value::Object(object) = object { object } else { Object::new() };
    create(world, Place { cluster, namespace: "" }, kind, object).map(drop)
}

fn plural(role: &Value) -> &'static str {
    if role["kind"] == RbacKind::ClusterRole.kind() { "clusterroles" } else { "clusterrolebindings" }
}

fn roles(world: &mut World) -> Result<(), Failure> {
    for (_, object) in plain().into_iter().chain(workspaces()) {
        make(world, "system:admin", ["rbac.authorization.k8s.io", plural(&object)], object)?;
    }
    Ok(())
}

fn logical_cluster(world: &mut World, cluster: &str, annotations: &Value) -> Result<(), Failure> {
    let mut object = Object::from_iter([
        ("apiVersion".to_owned(), json!("core.kcp.io/v1alpha1")),
        ("kind".to_owned(), json!("LogicalCluster")),
        ("metadata".to_owned(), json!({"name": "cluster"})),
    ]);
    part(&mut object, "spec");
    *meta(&mut object, "annotations") = annotations.as_object().cloned().unwrap_or_default();
    make(world, cluster, ["core.kcp.io", "logicalclusters"], Value::Object(object))?;
    let own = Named { cluster, group: "core.kcp.io", plural: "logicalclusters", namespace: "", name: "cluster" };
    let Some(made) = world.get(&own) else { return Ok(()) };
    put_status(world, &own, &made, Object::from_iter([("phase".to_owned(), json!("Initializing"))]))
}

fn namespace(world: &mut World, cluster: &str) -> Result<(), Failure> {
    let object = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": "default", "annotations": {"bootstrap.kcp.io/create-only": "true"}},
    });
    make(world, cluster, ["", "namespaces"], object)
}

fn bindings(world: &mut World, cluster: &str) -> Result<(), Failure> {
    for (name, _) in EXPORTS {
        let object = json!({
            "apiVersion": "apis.kcp.io/v1alpha2", "kind": "APIBinding", "metadata": {"name": name},
            "spec": {"reference": {"export": {"path": ROOT, "name": name}}},
        });
        make(world, cluster, ["apis.kcp.io", "apibindings"], object)?;
    }
    Ok(())
}

fn exports(world: &mut World) -> Result<(), Failure> {
    for (name, has_policy) in EXPORTS {
        let mine = |one: &&Definition| one.is_exported_by(name);
        let all: Vec<&Definition> = definitions::all().filter(mine).collect();
        for definition in &all {
            let schema = Value::Object(definition.api_resource_schema());
            make(world, ROOT, ["apis.kcp.io", "apiresourceschemas"], schema)?;
        }
        let resources: Vec<Value> = all
            .iter()
            .map(|one| {
                let storage = json!({"crd": {}});
                json!({"group": one.group, "name": one.plural, "schema": one.schema_name(), "storage": storage})
            })
            .collect();
        let mut spec = json!({"resources": resources});
        if has_policy {
            spec["maximalPermissionPolicy"] = json!({"local": {}});
        }
        let export = json!({
            "apiVersion": "apis.kcp.io/v1alpha2", "kind": "APIExport", "metadata": {"name": name}, "spec": spec,
        });
        make(world, ROOT, ["apis.kcp.io", "apiexports"], export)?;
    }
    Ok(())
}

/// Who may do what with what `root` exports.
fn root() -> Vec<Value> {
    let role = |name: &str, rules: Value| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": name}, "rules": rules,
        })
    };
    let to = |name: &str, role: &str, group: &str| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group}],
        })
    };
    let bind = |export: &str| {
        json!([{
            "apiGroups": ["apis.kcp.io"], "resources": ["apiexports"], "resourceNames": [export], "verbs": ["bind"],
        }])
    };
    let rule = |group: &str, verbs: &[&str], resources: &[&str]| json!({"apiGroups": [group], "verbs": verbs, "resources": resources});
    let tenancy = "tenancy.kcp.io";
    let everything = ["workspaces", "workspaceauthenticationconfigurations", "workspacetypes"];
    let of_tenancy = json!([
        rule(tenancy, &["*"], &everything),
        rule(tenancy, &["list", "watch", "get"], &["workspaces/status", "workspacetypes/status"]),
    ]);
    let of_topology = json!([rule("topology.kcp.io", &["*"], &["partitions", "partitionsets"])]);
    let usable = json!([{
        "apiGroups": [tenancy], "resources": ["workspacetypes"],
        "resourceNames": ["universal", "organization", "team"], "verbs": ["use"],
    }]);
    let everybody = "system:authenticated";
    let bound = "apis.kcp.io:binding:system:authenticated";
    let mut objects = vec![
        role("system:kcp:universal-workspacetype-use", usable),
        to("system:kcp:authenticated:universal-workspacetype-use", "system:kcp:universal-workspacetype-use", everybody),
        to("system:kcp:tenancy:authenticated:access", "system:kcp:workspace:access", everybody),
        to("system:kcp:authenticated:tenancy:reader", "system:kcp:tenancy:reader", everybody),
        role("system:kcp:apiexport:kcp-admin:maximal-permission-policy", json!([rule(tenancy, &["*"], &["*"])])),
        to(
            "system:kcp:authenticated:apiexport:kcp-admin:maximal-permission-policy",
            "system:kcp:apiexport:kcp-admin:maximal-permission-policy",
            "apis.kcp.io:binding:system:kcp:admin",
        ),
    ];
    for (name, export, policy) in [("tenancy", tenancy, of_tenancy), ("topology", "topology.kcp.io", of_topology)] {
        for (what, rules, group) in [("bind", bind(export), everybody), ("maximal-permission-policy", policy, bound)] {
            let own = format!("system:kcp:apiexport:{name}:{what}");
            objects.push(role(&own, rules));
            objects.push(to(&format!("system:kcp:authenticated:apiexport:{name}:{what}"), &own, group));
        }
    }
    objects
}

/// The types of workspaces.
fn types() -> Vec<Value> {
    let reference = |name: &str| json!({"name": name, "path": ROOT});
    let of = |name: &str, spec: Value| {
        json!({
            "apiVersion": "tenancy.kcp.io/v1alpha1", "kind": "WorkspaceType", "metadata": {"name": name}, "spec": spec,
        })
    };
    let under = |child: &str, limits: Value| {
        let mut spec = limits;
        spec["extend"] = json!({"with": [reference("universal")]});
        spec["defaultChildWorkspaceType"] = reference(child);
        spec
    };
    let parents = |names: &[&str]| {
        let types: Vec<Value> = names.iter().map(|name| reference(name)).collect();
        json!({"limitAllowedParents": {"types": types}})
    };
    let none = || json!({"limitAllowedParents": {"none": true}});
    let mut organization = parents(&["root"]);
    organization["limitAllowedChildren"] = json!({"types": [reference("universal")]});
    let bound = json!([{"path": ROOT, "export": "tenancy.kcp.io"}, {"path": ROOT, "export": "topology.kcp.io"}]);
    vec![
        of("universal", json!({"initializer": true, "defaultAPIBindings": bound})),
        of("root", under("organization", none())),
        of("organization", under("universal", organization)),
        of("team", under("universal", parents(&["organization", "team"]))),
        of("home", under("universal", none())),
    ]
}
