//! kcp's controllers over a world, with as much of the controllers of a plain server as they need.

mod binding;
mod claiming;
mod ending;
mod many;
mod starting;
mod through;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::access::tokens::Tokens;
use crate::access::user::User;
use crate::actors::{Actor, Actors, Next};
use crate::kcp::{self, Request, Shard, admit, admit_deletion, bootstrap_shards};
use crate::kinds::Flavour;
use crate::lifecycle::{DeleteOptions, Subresource};
use crate::status::Failure;
use crate::store::Limits;
use crate::world::{Changed, Named, Place, World, Writer, Written};

pub(super) const BASE: &str = "https://kcp:6443";

/// Empties namespaces that are terminating, and lets them go.
#[derive(Debug)]
struct Namespaces;

impl Actor for Namespaces {
    fn act(&mut self, world: &mut World, changed: &Changed) -> Option<Timestamp> {
        let name = if &*changed.plural == "namespaces" { &changed.name } else { &changed.namespace };
        let own = Named { cluster: &changed.cluster, group: "", plural: "namespaces", namespace: "", name };
        let namespace = world.get(&own)?;
        namespace["metadata"].get("deletionTimestamp")?;
        let mut left = 0;
        for serving in world.all_stored(&changed.cluster).iter().filter(|serving| serving.served.namespaced) {
            let (group, plural) = (&*serving.served.group, &*serving.served.plural);
            for object in world.list(&changed.cluster, group, plural, Some(name)) {
                let place = Place { cluster: &changed.cluster, namespace: name };
                let _ = world.delete(serving, place, object.name(), &DeleteOptions::default());
            }
            left += world.list(&changed.cluster, group, plural, Some(name)).len();
        }
        if left == 0 {
            let serving = world.stored(&changed.cluster, "", "namespaces").unwrap();
            let mut new = std::sync::Arc::unwrap_or_clone(namespace);
            new["spec"]["finalizers"] = json!([]);
            let writer = Writer { manager: "kcp", ..Writer::default() };
            let done =
                world.update(&serving, own.place(), name, Subresource::Finalize, &writer, &mut |_, _| Ok(new.clone()));
            done.unwrap();
        }
        None
    }
}

/// A kcp with somebody who uses it.
pub(super) struct Stage {
    pub(super) world: World,
    actors: Actors,
    pub(super) user: User,
}

impl Stage {
    pub(super) fn new() -> Self {
        Self::with_shards(&[Shard::root(BASE)])
    }

    pub(super) fn with_shards(shards: &[Shard]) -> Self {
        let tokens = Tokens::new(&[7; 32], "https://kcp", Vec::new()).with_workspaces();
        let mut world = World::new(Flavour::Kcp, Limits::default(), tokens, 7).unwrap();
        world.now = "2026-11-23T10:00:00Z".parse().unwrap();
        bootstrap_shards(&mut world, shards).unwrap();
        let mut all = super::all();
        all.push(Box::new(Namespaces));
        let mut actors = Actors::new(all);
        actors.begin(&world);
        let user = User::new("kcp-admin", ["system:kcp:admin", "system:authenticated"]);
        let mut stage = Self { world, actors, user };
        stage.settle();
        stage
    }

    /// Lets the controllers work until there is nothing to do.
    pub(super) fn settle(&mut self) {
        assert_eq!(self.actors.act(&mut self.world, 200_000), Next::Idle, "it never ends");
    }

    /// The controllers look at everything once more, and change nothing.
    pub(super) fn is_quiet(&mut self) {
        let before = self.world.store.revision();
        self.actors.begin(&self.world);
        self.settle();
        assert_eq!(self.world.store.revision(), before, "something is written over and over");
    }

    pub(super) fn create(&mut self, cluster: &str, object: Value) -> Result<Written, Failure> {
        let (named, namespace) = (of(&object), object["metadata"]["namespace"].as_str().unwrap_or_default().to_owned());
        let serving = self.world.stored(cluster, named.0, named.1).ok_or_else(Failure::no_such_path)?;
        let mut value = object;
        if let Some(version) = serving.version() {
            version.coerce(&mut value).unwrap();
            version.default(&mut value);
        }
        let Value::Object(mut object) = value else { unreachable!() };
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let place = Place { cluster, namespace: &namespace };
        let user = self.user.clone();
        let request = Request { user: &user, place, serving: &serving, subresource: Subresource::None, name: &name };
        admit(&self.world, &request, &mut object, None)?;
        self.world.create(&serving, place, object, &Writer { manager: "test", ..Writer::default() })
    }

    /// Creates an object, and lets the controllers work.
    pub(super) fn apply(&mut self, cluster: &str, object: Value) {
        self.create(cluster, object).unwrap();
        self.settle();
    }

    pub(super) fn change(
        &mut self,
        cluster: &str,
        kind: (&str, &str),
        name: (&str, &str),
        change: &dyn Fn(&mut Value),
    ) -> Result<Written, Failure> {
        let serving = self.world.stored(cluster, kind.0, kind.1).ok_or_else(Failure::no_such_path)?;
        let place = Place { cluster, namespace: name.0 };
        let user = self.user.clone();
        let request = Request { user: &user, place, serving: &serving, subresource: Subresource::None, name: name.1 };
        let writer = Writer { manager: "test", ..Writer::default() };
        let written = self.world.update(&serving, place, name.1, Subresource::None, &writer, &mut |world, old| {
            let mut new = Value::Object(old.cloned().unwrap());
            change(&mut new);
            let Value::Object(mut new) = new else { unreachable!() };
            admit(world, &request, &mut new, old)?;
            Ok(new)
        });
        self.settle();
        written
    }

    pub(super) fn delete(&mut self, cluster: &str, kind: (&str, &str), name: (&str, &str)) -> Result<(), Failure> {
        let serving = self.world.stored(cluster, kind.0, kind.1).ok_or_else(Failure::no_such_path)?;
        let place = Place { cluster, namespace: name.0 };
        let user = self.user.clone();
        let request = Request { user: &user, place, serving: &serving, subresource: Subresource::None, name: name.1 };
        let old = self.get(cluster, kind, name);
        admit_deletion(&request, old.as_object().unwrap())?;
        self.world.delete(&serving, place, name.1, &DeleteOptions::default())?;
        self.settle();
        Ok(())
    }

    /// An object; null if it is not there.
    pub(super) fn get(&self, cluster: &str, kind: (&str, &str), name: (&str, &str)) -> Value {
        let named = Named { cluster, group: kind.0, plural: kind.1, namespace: name.0, name: name.1 };
        self.world.get(&named).map_or(Value::Null, |object| Value::Object((*object).clone()))
    }

    /// Makes a workspace, and gives the name of its logical cluster.
    pub(super) fn workspace(&mut self, parent: &str, name: &str) -> String {
        let spec = json!({"type": {"name": "universal", "path": "root"}});
        self.apply(
            parent,
            json!({
                "apiVersion": "tenancy.kcp.io/v1alpha1", "kind": "Workspace", "metadata": {"name": name}, "spec": spec,
            }),
        );
        let workspace = self.get(parent, WORKSPACES, ("", name));
        assert_eq!(workspace["status"]["phase"], "Ready", "{workspace:#}");
        workspace["spec"]["cluster"].as_str().unwrap().to_owned()
    }

    /// Makes the workspace `name` with an export of widgets.
    pub(super) fn provider(&mut self, name: &str, claims: &Value) -> String {
        let cluster = self.workspace("root", name);
        self.apply(&cluster, schema("v1"));
        self.apply(
            &cluster,
            json!({
                "apiVersion": "apis.kcp.io/v1alpha2", "kind": "APIExport", "metadata": {"name": "widgets"},
                "spec": {
                    "resources": [{"group": "example.io", "name": "widgets", "schema": "v1.widgets.example.io"}],
                    "permissionClaims": claims,
                },
            }),
        );
        cluster
    }

    /// Binds it.
    pub(super) fn bind(&mut self, cluster: &str, path: &str, claims: &Value) {
        self.apply(
            cluster,
            json!({
                "apiVersion": "apis.kcp.io/v1alpha2", "kind": "APIBinding", "metadata": {"name": "widgets"},
                "spec": {"reference": {"export": {"path": path, "name": "widgets"}}, "permissionClaims": claims},
            }),
        );
    }
}

pub(super) const WORKSPACES: (&str, &str) = ("tenancy.kcp.io", "workspaces");
pub(super) const BINDINGS: (&str, &str) = ("apis.kcp.io", "apibindings");
pub(super) const EXPORTS: (&str, &str) = ("apis.kcp.io", "apiexports");
pub(super) const SLICES: (&str, &str) = ("apis.kcp.io", "apiexportendpointslices");
pub(super) const CLUSTERS: (&str, &str) = ("core.kcp.io", "logicalclusters");
pub(super) const WIDGETS: (&str, &str) = ("example.io", "widgets");
pub(super) const SECRETS: (&str, &str) = ("", "secrets");

/// Group and plural of an object.
fn of(object: &Value) -> (&'static str, &'static str) {
    match object["kind"].as_str().unwrap_or_default() {
        "Workspace" => WORKSPACES,
        "WorkspaceType" => ("tenancy.kcp.io", "workspacetypes"),
        "APIBinding" => BINDINGS,
        "APIExport" => EXPORTS,
        "APIExportEndpointSlice" => SLICES,
        "APIResourceSchema" => ("apis.kcp.io", "apiresourceschemas"),
        "Widget" => WIDGETS,
        "Secret" => SECRETS,
        "ClusterRole" => ("rbac.authorization.k8s.io", "clusterroles"),
        "ClusterRoleBinding" => ("rbac.authorization.k8s.io", "clusterrolebindings"),
        "Partition" => ("topology.kcp.io", "partitions"),
        "LogicalCluster" => CLUSTERS,
        other => panic!("{other}"),
    }
}

pub(super) fn schema(prefix: &str) -> Value {
    let mut properties =
        json!({"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}, "status": {"type": "object"}});
    if prefix != "v1" {
        properties["spec"]["properties"]["color"] = json!({"type": "string", "default": "red"});
    }
    json!({
        "apiVersion": "apis.kcp.io/v1alpha1", "kind": "APIResourceSchema",
        "metadata": {"name": format!("{prefix}.widgets.example.io")},
        "spec": {
            "group": "example.io", "scope": "Cluster",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
            "versions": [{
                "name": "v1alpha1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"type": "object", "properties": properties},
            }],
        },
    })
}

pub(super) fn widget(name: &str) -> Value {
    json!({"apiVersion": "example.io/v1alpha1", "kind": "Widget", "metadata": {"name": name}, "spec": {"size": 1}})
}

pub(super) fn secret(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {"name": name, "namespace": "default"}, "data": {},
    })
}

/// Types of conditions that are true, and of the others what they say.
pub(super) fn conditions(object: &Value) -> Vec<String> {
    let all = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let told = all.iter().map(|one| {
        let text = |field: &str| one[field].as_str().unwrap_or_default().to_owned();
        match &*text("status") {
            "True" => text("type"),
            _ => format!("!{} {} {}: {}", text("type"), text("severity"), text("reason"), text("message")),
        }
    });
    told.collect()
}

/// The hash of an export in labels.
pub(super) fn claim(export_cluster: &str) -> String {
    kcp::names::claim_key(export_cluster, "widgets")
}
