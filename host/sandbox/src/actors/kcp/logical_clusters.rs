//! A LogicalCluster becomes ready when nothing is left to be done first (`pkg/reconciler/core/logicalcluster`).

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::place::{CORE, is, logical_cluster, named};
use super::workspaces::{label_phase, status_of};
use crate::actors::Actor;
use crate::kcp::conditions::{self, Said, Severity};
use crate::kcp::json::{Object, annotation, is_deleting, meta, text, texts};
use crate::kcp::names::initializer_label;
use crate::kcp::write::{put, put_status};
use crate::kcp::{ROOT, TYPE};
use crate::lifecycle::Subresource;
use crate::status::Failure;
use crate::world::{Changed, World};

/// See the module.
#[derive(Debug)]
pub(super) struct LogicalClusters;

impl Actor for LogicalClusters {
    fn act(&mut self, world: &mut World, changed: &Changed) -> Option<Timestamp> {
        if is(changed, CORE, "logicalclusters") {
            let _ = reconcile(world, &changed.cluster);
        }
        None
    }
}

/// One step, which is one write; the next one follows from it.
fn reconcile(world: &mut World, cluster: &str) -> Result<(), Failure> {
    let own = logical_cluster(cluster);
    let Some(object) = world.get(&own) else { return Ok(()) };
    let mut new = object.clone();
    label(Arc::make_mut(&mut new));
    if new != object {
        return put(world, &own, Subresource::None, &new);
    }
    let now = world.now;
    let mut status = status_of(&object);
    let left = texts(&status, &["initializers"]);
    match text(&status, &["phase"]) {
        _ if is_deleting(&object) => {
            let ends = if texts(&status, &["terminators"]).is_empty() { "Deleting" } else { "Terminating" };
            status.insert("phase".to_owned(), json!(ends));
        }
        "" | "Scheduling" => {
            status.insert("phase".to_owned(), json!("Initializing"));
            return put_status(world, &own, &object, status);
        }
        "Initializing" if left.is_empty() => {
            status.insert("phase".to_owned(), json!("Ready"));
            conditions::set(&mut status, now, "WorkspaceInitialized", &Said::yes());
        }
        "Initializing" => {
            let why = format!("Initializers still exist: [{}]", left.join(" "));
            let said = Said::no("InitializerExists", Severity::Info, why);
            conditions::set(&mut status, now, "WorkspaceInitialized", &said);
        }
        "Ready" if is_inactive(&object) => drop(status.insert("phase".to_owned(), json!("Inactive"))),
        "Inactive" if !is_inactive(&object) => drop(status.insert("phase".to_owned(), json!("Ready"))),
        _ => {}
    }
    if !annotation(&object, TYPE).is_empty() && !is_deleting(&object) {
        // No type here keeps the bindings of its workspaces up to date.
        conditions::set(&mut status, now, "APIBindingsReconciled", &Said::yes());
    }
    let shard = world.get(&named(ROOT, CORE, "shards", world.shard_of(cluster)));
    if let Some(base) = shard.as_ref().map(|shard| text(shard, &["spec", "externalURL"])) {
        status.insert("URL".to_owned(), json!(format!("{}/clusters/{cluster}", base.trim_end_matches('/'))));
    }
    put_status(world, &own, &object, status)
}

fn is_inactive(object: &Object) -> bool {
    annotation(object, "core.kcp.io/inactive") == "true"
}

fn label(object: &mut Object) {
    let phase = match text(object, &["status", "phase"]) {
        "" => "Scheduling".to_owned(),
        phase => phase.to_owned(),
    };
    label_phase(object, &phase);
    let wanted = texts(object, &["status", "initializers"]);
    let wanted: Vec<(String, String)> = wanted.iter().map(|one| initializer_label(one)).collect();
    let labels = meta(object, "labels");
    labels.retain(|key, _| {
        !key.starts_with("initializer.internal.kcp.io/") || wanted.iter().any(|(wanted, _)| wanted == key)
    });
    labels.extend(wanted.into_iter().map(|(key, value)| (key, json!(value))));
}
