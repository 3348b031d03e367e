//! A Workspace gets a shard and a logical cluster, follows it while it is made ready, and goes when it is gone
//! (`pkg/reconciler/tenancy/workspace`).

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::endpoint_slices::shards;
use super::exports::object;
use super::place::{CORE, TENANCY, is, logical_cluster, named};
use crate::actors::Actor;
use crate::kcp::conditions::{self, Said, Severity};
use crate::kcp::json::{
    Object, add_finalizer, annotation, at, drop_finalizer, has_finalizer, is_deleting, items, meta, part, text, texts,
};
use crate::kcp::workspace_types::{self, WorkspaceType};
use crate::kcp::write::{create, delete, put, put_status};
use crate::kcp::{OWNER, PATH, REQUIRED_GROUPS, ROOT, SHARD, TYPE, WORKSPACE_FINALIZER, names};
use crate::lifecycle::Subresource;
use crate::selectors::LabelSelector;
use crate::status::Failure;
use crate::world::{Changed, Named, Place, World};

/// Annotation: the logical cluster, as long as it is not in the spec.
const CLUSTER: &str = "internal.tenancy.kcp.io/cluster";
/// Annotation: what kcp called the shard before.
const SHARD_HASH: &str = "internal.tenancy.kcp.io/shard";
/// Annotation of a Shard that gets no workspaces.
const UNSCHEDULABLE: &str = "experimental.core.kcp.io/unschedulable";
/// Label: the phase.
pub(super) const PHASE: &str = "tenancy.kcp.io/phase";

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Workspaces {
    /// Whose a logical cluster is: the logical cluster that the Workspace is in, and its name.
    owners: BTreeMap<Box<str>, (Box<str>, Box<str>)>,
}

impl Actor for Workspaces {
    fn act(&mut self, world: &mut World, changed: &Changed) -> Option<Timestamp> {
        if is(changed, TENANCY, "workspaces") {
            let _ = self.reconcile(world, &changed.cluster, &changed.name);
        } else if is(changed, CORE, "logicalclusters") {
            if let Some((parent, name)) = self.owners.get(&changed.cluster).cloned() {
                let _ = self.reconcile(world, &parent, &name);
            }
            let children = world.list(&changed.cluster, TENANCY, "workspaces", None);
            // Those that wait for their parent.
            for child in children.iter().filter(|child| child.label(PHASE).as_deref() == Some("Scheduling")) {
                let _ = self.reconcile(world, child.cluster(), child.name());
            }
        } else if is(changed, CORE, "shards") {
            let clusters: Vec<String> = world.clusters().map(str::to_owned).collect();
            for cluster in clusters {
                for child in world.list(&cluster, TENANCY, "workspaces", None) {
                    let _ = self.reconcile(world, &cluster, child.name());
                }
            }
        }
        None
    }
}

impl Workspaces {
    /// One step, which is one write; the next one follows from it.
    fn reconcile(&mut self, world: &mut World, parent: &str, name: &str) -> Result<(), Failure> {
        let own = named(parent, TENANCY, "workspaces", name);
        let Some(workspace) = world.get(&own) else { return Ok(()) };
        let cluster = cluster_of(world, &own, &workspace).to_owned();
        if !cluster.is_empty() {
            self.owners.insert(cluster.as_str().into(), (parent.into(), name.into()));
        }
        if let Some(new) = labelled(&workspace) {
            return put(world, &own, Subresource::None, &new);
        }
        if is_deleting(&workspace) {
            if self.delete(world, &own, &workspace, &cluster)? {
                return Ok(());
            }
        } else if text(&workspace, &["spec", "cluster"]).is_empty() || text(&workspace, &["spec", "URL"]).is_empty() {
            return schedule(world, &own, Arc::unwrap_or_clone(workspace));
        }
        follow(world, &own, &workspace, &cluster)
    }

    /// Whether it was written.
    fn delete(
        &mut self,
        world: &mut World,
        own: &Named<'_>,
        workspace: &Object,
        cluster: &str,
    ) -> Result<bool, Failure> {
        if items(workspace, &["metadata", "finalizers"]).count() > 1 {
            return Ok(false);
        }
        match world.kcp().logical_cluster(cluster) {
            Some(found) if found.deleting => Ok(false),
            Some(_) => delete(world, &logical_cluster(cluster)).map(|()| false),
            None => {
                self.owners.retain(|_, owner| (&*owner.0, &*owner.1) != (own.cluster, own.name));
                let mut new = workspace.clone();
                if !drop_finalizer(&mut new, WORKSPACE_FINALIZER) {
                    return Ok(false);
                }
                put(world, own, Subresource::None, &new).map(|()| true)
            }
        }
    }
}

/// The logical cluster of a workspace; empty if it has none, or names one that is not its own: its owner may write anything
/// into the annotation.
fn cluster_of<'w>(world: &World, own: &Named<'_>, workspace: &'w Object) -> &'w str {
    let cluster = match text(workspace, &["spec", "cluster"]) {
        "" => annotation(workspace, CLUSTER),
        cluster => cluster,
    };
    if may_have(world, own, workspace, cluster) { cluster } else { "" }
}

/// Whether a logical cluster belongs to this workspace, or to nobody.
fn may_have(world: &World, own: &Named<'_>, workspace: &Object, cluster: &str) -> bool {
    match world.get(&logical_cluster(cluster)) {
        Some(made) => {
            text(&made, &["spec", "owner", "cluster"]) == own.cluster
                && text(&made, &["spec", "owner", "name"]) == own.name
                && text(&made, &["spec", "owner", "uid"]) == text(workspace, &["metadata", "uid"])
        }
        None => world.cluster(cluster).is_none() && names::is_cluster_name(cluster),
    }
}

fn phase(workspace: &Object) -> &str {
    match text(workspace, &["status", "phase"]) {
        "" => "Scheduling",
        phase => phase,
    }
}

/// With the label of its phase, and without what was said of its owner, if that is not so already.
fn labelled(workspace: &Object) -> Option<Object> {
    let mut new = workspace.clone();
    label_phase(&mut new, phase(workspace));
    (new != *workspace).then_some(new)
}

/// Labels a Workspace or a LogicalCluster with its phase. Once it is ready, only the name of the owner is kept.
pub(super) fn label_phase(object: &mut Object, phase: &str) {
    meta(object, "labels").insert(PHASE.to_owned(), json!(phase));
    if phase != "Ready" || annotation(object, OWNER).is_empty() {
        return;
    }
    let owner: Option<Object> = serde_json::from_str(annotation(object, OWNER)).ok();
    let annotations = meta(object, "annotations");
    match owner {
        Some(owner) => {
            let name = match text(&owner, &["username"]) {
                "" => json!({}),
                name => json!({"username": name}),
            };
            annotations.insert(OWNER.to_owned(), json!(name.to_string()));
        }
        None => drop(annotations.remove(OWNER)),
    }
}

fn schedule(world: &mut World, own: &Named<'_>, mut workspace: Object) -> Result<(), Failure> {
    if world.kcp().logical_cluster(own.cluster).is_none() {
        return Ok(());
    }
    let (has_shard, has_cluster) =
        (!annotation(&workspace, SHARD).is_empty(), !cluster_of(world, own, &workspace).is_empty());
    if !has_shard || !has_cluster || !has_finalizer(&workspace, WORKSPACE_FINALIZER) {
        if !has_shard {
            match choose_shard(world, &workspace) {
                Ok(shard) => on_shard(&mut workspace, &shard),
                Err(why) => {
                    let mut status = status_of(&workspace);
                    let said = Said::no("Unschedulable", Severity::Error, why);
                    conditions::set(&mut status, world.now, "WorkspaceScheduled", &said);
                    available(&mut status);
                    return put_status(world, own, &workspace, status);
                }
            }
        }
        if !has_cluster {
            let name = free_name(world);
            part(&mut workspace, "spec").remove("cluster");
            meta(&mut workspace, "annotations").insert(CLUSTER.to_owned(), json!(name));
        }
        add_finalizer(&mut workspace, WORKSPACE_FINALIZER);
        return put(world, own, Subresource::None, &workspace);
    }
    let shard = annotation(&workspace, SHARD).to_owned();
    let Some(shard) = world.get(&named(ROOT, CORE, "shards", &shard)) else { return Ok(()) };
    let cluster = cluster_of(world, own, &workspace).to_owned();
    let path = format!("{}:{}", world.canonical_path(own.cluster), own.name);
    make_logical_cluster(world, own, &workspace, &cluster, &path)?;
    let base = text(&shard, &["spec", "externalURL"]).trim_end_matches('/').to_owned();
    let spec = part(&mut workspace, "spec");
    spec.insert("cluster".to_owned(), json!(cluster));
    spec.insert("URL".to_owned(), json!(format!("{base}/clusters/{path}")));
    put(world, own, Subresource::None, &workspace)
}

fn free_name(world: &mut World) -> String {
    loop {
        let bytes: Vec<u8> = (0..4).flat_map(|_| world.random.number().to_be_bytes()).collect();
        let name = names::cluster_name(&bytes);
        if world.cluster(&name).is_none() {
            return name;
        }
    }
}

/// One of the shards that a workspace may be on.
fn choose_shard(world: &mut World, workspace: &Object) -> Result<Arc<Object>, String> {
    let selector = match at(workspace, &["spec", "location", "selector"]) {
        None => LabelSelector::everything(),
        Some(selector) => LabelSelector::from_object(Some(selector))
            .map_err(|why| format!("spec.location.selector is invalid: {why}"))?,
    };
    let mut all = shards(world);
    all.retain(|shard| {
        let labels = at(shard, &["metadata", "labels"]).and_then(Value::as_object);
        at(shard, &["metadata", "annotations", UNSCHEDULABLE]).is_none() && selector.matches(&labels)
    });
    if all.is_empty() {
        return Err("No available shards to schedule the workspace".to_owned());
    }
    let at = usize::try_from(world.random.below(all.len() as u64)).unwrap_or_default();
    Ok(all.swap_remove(at))
}

fn on_shard(workspace: &mut Object, shard: &Object) {
    let name = text(shard, &["metadata", "name"]);
    let annotations = meta(workspace, "annotations");
    annotations.insert(SHARD.to_owned(), json!(name));
    annotations.insert(SHARD_HASH.to_owned(), json!(names::shard_hash(name)));
    let labels = meta(workspace, "labels");
    match text(shard, &["metadata", "labels", "region"]) {
        "" => drop(labels.remove("region")),
        region => drop(labels.insert("region".to_owned(), json!(region))),
    }
}

fn make_logical_cluster(
    world: &mut World,
    own: &Named<'_>,
    workspace: &Object,
    cluster: &str,
    path: &str,
) -> Result<(), Failure> {
    if world.kcp().logical_cluster(cluster).is_none() {
        let of_type = at(workspace, &["spec", "type"]).map(workspace_types::reference).unwrap_or_default();
        let initializers = initializers(world, &of_type).map_err(Failure::bad_request)?;
        let mut new = object(json!({
            "apiVersion": "core.kcp.io/v1alpha1", "kind": "LogicalCluster",
            "metadata": {"name": "cluster", "annotations": {
                TYPE: format!("{}:{}", of_type.0, of_type.1), SHARD: annotation(workspace, SHARD), PATH: path,
            }},
            "spec": {"owner": {
                "apiVersion": "tenancy.kcp.io/v1alpha1", "resource": "workspaces", "name": own.name,
                "cluster": own.cluster, "uid": text(workspace, &["metadata", "uid"]),
            }},
        }));
        for name in [OWNER, REQUIRED_GROUPS] {
            let value = annotation(workspace, name);
            if !value.is_empty() {
                meta(&mut new, "annotations").insert(name.to_owned(), json!(value));
            }
        }
        if let Ok(owner) = serde_json::from_str::<Object>(annotation(workspace, OWNER)) {
            part(&mut new, "spec").insert("createdBy".to_owned(), Value::Object(owner));
        }
        if !initializers.is_empty() {
            part(&mut new, "spec").insert("initializers".to_owned(), json!(initializers));
        }
        world.add_cluster(cluster);
        create(world, Place { cluster, namespace: "" }, [CORE, "logicalclusters"], new)?;
    }
    let Some(made) = world.get(&logical_cluster(cluster)) else { return Ok(()) };
    let mut status = status_of(&made);
    if text(&status, &["phase"]).is_empty() {
        status.insert("phase".to_owned(), json!("Initializing"));
    }
    put_status(world, &logical_cluster(cluster), &made, status)
}

/// What has to be done before a workspace of a type is ready.
fn initializers(world: &World, of_type: &workspace_types::Reference) -> Result<Vec<String>, String> {
    let found = workspace_types::resolve(world, &of_type.0, of_type)?;
    let all = workspace_types::transitive(world, &found)?;
    let mut initializers: Vec<String> = all.iter().filter_map(WorkspaceType::initializer).collect();
    if all.iter().any(|one| one.default_bindings().next().is_some()) {
        initializers.push(super::initialization::BINDINGS.to_owned());
    }
    Ok(initializers)
}

pub(super) fn status_of(object: &Object) -> Object {
    at(object, &["status"]).and_then(Value::as_object).cloned().unwrap_or_default()
}

/// The status of a workspace that has a logical cluster.
fn follow(world: &mut World, own: &Named<'_>, workspace: &Object, cluster: &str) -> Result<(), Failure> {
    let now = world.now;
    let mut status = status_of(workspace);
    let made = world.get(&logical_cluster(cluster));
    if !is_deleting(workspace) {
        conditions::set(&mut status, now, "WorkspaceScheduled", &Said::yes());
    }
    match phase(workspace) {
        "Scheduling" => drop(status.insert("phase".to_owned(), json!("Initializing"))),
        "Initializing" => {
            let Some(made) = made else { return Ok(()) };
            let left = texts(&made, &["status", "initializers"]);
            let waits = if matches!(text(&made, &["status", "phase"]), "" | "Scheduling") {
                Some("LogicalCluster is not initializing yet".to_owned())
            } else if left.is_empty() {
                status.remove("initializers");
                None
            } else {
                status.insert("initializers".to_owned(), json!(left));
                Some(format!("Initializers still exist: [{}]", left.join(" ")))
            };
            match waits {
                Some(why) => {
                    let said = Said::no("InitializerExists", Severity::Info, why);
                    conditions::set(&mut status, now, "WorkspaceInitialized", &said);
                }
                None => {
                    conditions::set(&mut status, now, "WorkspaceInitialized", &Said::yes());
                    status.insert("phase".to_owned(), json!("Ready"));
                }
            }
        }
        "Ready" | "Terminating" | "Deleting" if is_deleting(workspace) => match made {
            None => conditions::set(&mut status, now, "WorkspaceContentDeleted", &Said::yes()),
            Some(made) => {
                status.insert("phase".to_owned(), json!("Deleting"));
                let theirs = status_of(&made);
                if let Some(condition) = conditions::get(&theirs, "WorkspaceContentDeleted") {
                    conditions::mirror(&mut status, now, condition);
                }
            }
        },
        _ => available(&mut status),
    }
    put_status(world, own, workspace, status)
}

/// A workspace with a condition of its own that is false is not available.
fn available(status: &mut Object) {
    let conditions = status.get("conditions").and_then(Value::as_array);
    let wrong = conditions.into_iter().flatten().any(|condition| {
        condition["status"] == "False" && condition["type"].as_str().is_some_and(|kind| kind.starts_with("Workspace"))
    });
    let phase = text(status, &["phase"]).to_owned();
    if wrong && phase != "Unavailable" {
        status.insert("phase".to_owned(), json!("Unavailable"));
    } else if !wrong && phase == "Unavailable" {
        status.insert("phase".to_owned(), json!("Ready"));
    }
}
