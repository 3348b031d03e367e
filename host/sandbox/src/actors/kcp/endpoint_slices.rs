//! An APIExportEndpointSlice lists a URL for each shard on which somebody has bound the APIExport
//! (`pkg/reconciler/apis/{apiexportendpointslice,apiexportendpointsliceurls}`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::place::{APIS, CORE, is, named};
use crate::actors::Actor;
use crate::kcp::ROOT;
use crate::kcp::conditions::{self, Said, Severity};
use crate::kcp::export::Export;
use crate::kcp::json::{Object, at, text};
use crate::kcp::write::put_status;
use crate::selectors::LabelSelector;
use crate::status::Failure;
use crate::world::{Changed, World};

/// A logical cluster and a name.
type Name = (Box<str>, Box<str>);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct EndpointSlices {
    /// What bindings refer to: path and name of an APIExport. For when one is gone.
    known: BTreeMap<Name, Name>,
}

impl Actor for EndpointSlices {
    fn act(&mut self, world: &mut World, changed: &Changed) -> Option<Timestamp> {
        for (cluster, name) in self.concerned(world, changed) {
            let _ = reconcile(world, &cluster, &name);
        }
        None
    }
}

impl EndpointSlices {
    fn concerned(&mut self, world: &World, changed: &Changed) -> BTreeSet<Name> {
        let kcp = world.kcp();
        let own = || (changed.cluster.clone(), changed.name.clone());
        let of_export = |export: &Export| kcp.slices_of(&export.path, &export.cluster, &export.name);
        if is(changed, APIS, "apiexportendpointslices") {
            BTreeSet::from([own()])
        } else if is(changed, APIS, "apiexports") {
            let path = world.canonical_path(&changed.cluster);
            kcp.slices_of(&path, &changed.cluster, &changed.name)
        } else if is(changed, APIS, "apibindings") {
            let now = kcp.binding(&changed.cluster, &changed.name).map(|one| (one.path.clone(), one.export.clone()));
            let before = match &now {
                Some(now) => self.known.insert(own(), now.clone()),
                None => self.known.remove(&own()),
            };
            if now == before {
                return BTreeSet::new();
            }
            let exports = [now, before].into_iter().flatten();
            exports
                .filter_map(|(path, name)| kcp.export_at(&path, &name))
                .flat_map(|export| of_export(export))
                .collect()
        } else if is(changed, "topology.kcp.io", "partitions") {
            let slices = world.list(&changed.cluster, APIS, "apiexportendpointslices", None);
            slices.iter().map(|slice| (slice.cluster().into(), slice.name().into())).collect()
        } else if is(changed, CORE, "shards") {
            kcp.slices().cloned().collect()
        } else {
            BTreeSet::new()
        }
    }
}

fn reconcile(world: &mut World, cluster: &str, name: &str) -> Result<(), Failure> {
    let own = named(cluster, APIS, "apiexportendpointslices", name);
    let Some(slice) = world.get(&own) else { return Ok(()) };
    let mut status = at(&slice, &["status"]).and_then(Value::as_object).cloned().unwrap_or_default();
    let now = world.now;
    let written = text(&slice, &["spec", "export", "path"]);
    let path = if written.is_empty() { cluster } else { written };
    let export = text(&slice, &["spec", "export", "name"]);
    let Some(export) = world.kcp().export_at(path, export).cloned() else {
        status.remove("endpoints");
        let message = format!("Error getting APIExport {path}|{export}");
        let said = Said::no("APIExportNotFound", Severity::Error, message);
        conditions::set(&mut status, now, "APIExportValid", &said);
        return put_status(world, &own, &slice, status);
    };
    conditions::set(&mut status, now, "APIExportValid", &Said::yes());
    let selector = match partition(world, cluster, text(&slice, &["spec", "partition"])) {
        Ok(selector) => selector,
        Err(message) => {
            status.remove("endpoints");
            let said = Said::no("PartitionInvalidReference", Severity::Error, message);
            conditions::set(&mut status, now, "PartitionValid", &said);
            return put_status(world, &own, &slice, status);
        }
    };
    conditions::set(&mut status, now, "PartitionValid", &Said::yes());
    match selector.to_string() {
        all if all.is_empty() => drop(status.remove("shardSelector")),
        written => drop(status.insert("shardSelector".to_owned(), json!(written))),
    }
    let endpoints = endpoints(world, &export, &selector, &status);
    if endpoints.is_empty() {
        status.remove("endpoints");
    } else {
        status.insert("endpoints".to_owned(), Value::Array(endpoints));
    }
    put_status(world, &own, &slice, status)
}

/// Which shards a partition is of; all without one.
fn partition(world: &World, cluster: &str, name: &str) -> Result<LabelSelector, String> {
    if name.is_empty() {
        return Ok(LabelSelector::everything());
    }
    let found = world.get(&named(cluster, "topology.kcp.io", "partitions", name));
    // As a lister says it, in the singular.
    let missing = || Failure::not_found("topology.kcp.io", "partition", name).message.clone();
    let partition = found.ok_or_else(missing)?;
    LabelSelector::from_object(at(&partition, &["spec", "selector"]))
}

/// One for each shard with bindings. The URL of a shard that left the partition stays as long as there are any.
fn endpoints(world: &World, export: &Export, selector: &LabelSelector, status: &Object) -> Vec<Value> {
    let bindings = world.kcp().bindings_of(export);
    let with: BTreeSet<&str> = bindings.iter().map(|binding| world.shard_of(&binding.cluster)).collect();
    let before = status.get("endpoints").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut all = Vec::new();
    for shard in shards(world) {
        let base = text(&shard, &["spec", "virtualWorkspaceURL"]).trim_end_matches('/');
        if base.is_empty() || !with.contains(text(&shard, &["metadata", "name"])) {
            continue;
        }
        let endpoint = json!({"url": format!("{base}/services/apiexport/{}/{}", export.cluster, export.name)});
        let labels = at(&shard, &["metadata", "labels"]).and_then(Value::as_object);
        if selector.matches(&labels) || before.contains(&endpoint) {
            all.push(endpoint);
        }
    }
    all
}

/// The shards, by name.
pub(super) fn shards(world: &World) -> Vec<Arc<Object>> {
    world.list(ROOT, CORE, "shards", None).iter().filter_map(|shard| shard.map().ok()).collect()
}
