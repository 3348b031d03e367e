//! A resource of a workspace is one binding's, or that of a definition of its own: who came first has it. It is noted on the
//! LogicalCluster (`logical_cluster_lock.go` in `pkg/reconciler/apis/apibinding`, `pkg/reconciler/apis/logicalclustercleanup`).

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::place::{APIS, CORE, is, logical_cluster};
use crate::actors::Actor;
use crate::kcp::LOCKS;
use crate::kcp::json::{Object, annotation, meta, of};
use crate::kcp::write::put;
use crate::lifecycle::Subresource;
use crate::status::Failure;
use crate::world::{Changed, World};

/// Resources (group and plural) that somebody else has: the name of a binding, or that it is a definition.
pub(super) type Held = BTreeMap<(Box<str>, Box<str>), (String, bool)>;

/// Why nothing can be locked.
pub(super) enum NoLock {
    /// There is no LogicalCluster.
    Missing(String),
    /// It has no locks yet, or they cannot be read.
    Unusable(String),
}

/// Takes resources for a binding. Says which ones somebody else has.
pub(super) fn lock(
    world: &mut World,
    cluster: &str,
    binding: &str,
    resources: &[(&str, &str)],
) -> Result<Held, NoLock> {
    let own = logical_cluster(cluster);
    // As a lister says it, in the singular.
    let missing = || NoLock::Missing(Failure::not_found("core.kcp.io", "logicalcluster", "cluster").message.clone());
    let object = world.get(&own).ok_or_else(missing)?;
    let written = annotation(&object, LOCKS);
    if written.is_empty() {
        return Err(NoLock::Unusable(format!("{LOCKS} annotation not found, migration has to happen first")));
    }
    let mut locks = read(written);
    let mut held = Held::new();
    for (group, plural) in resources {
        let name = qualified(group, plural);
        let by = locks.get(&name).map(|lock| (of(lock, "n").to_owned(), lock.get("c") == Some(&json!(true))));
        match by {
            Some(by) if by != (binding.to_owned(), false) => drop(held.insert(((*group).into(), (*plural).into()), by)),
            _ => drop(locks.insert(name, json!({"n": binding}))),
        }
    }
    let locks = Value::Object(locks).to_string();
    if locks != written {
        let mut new = object.clone();
        meta(Arc::make_mut(&mut new), "annotations").insert(LOCKS.to_owned(), json!(locks));
        put(world, &own, Subresource::None, &new).map_err(|failure| NoLock::Unusable(failure.message.clone()))?;
    }
    Ok(held)
}

/// As Go prints such a map.
pub(super) fn told(held: &Held) -> String {
    let all: Vec<String> = held
        .iter()
        .map(|((group, plural), (name, definition))| format!("{}:{{{name} {definition}}}", qualified(group, plural)))
        .collect();
    format!("map[{}]", all.join(" "))
}

fn qualified(group: &str, plural: &str) -> String {
    if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") }
}

fn read(written: &str) -> Object {
    serde_json::from_str(written).unwrap_or_default()
}

/// Keeps the locks of a workspace in step with its definitions, and lets go of those of bindings that are gone.
#[derive(Debug)]
pub(super) struct Locks;

impl Actor for Locks {
    fn act(&mut self, world: &mut World, changed: &Changed) -> Option<Timestamp> {
        let concerned = is(changed, APIS, "apibindings")
            || is(changed, CORE, "logicalclusters")
            || is(changed, "apiextensions.k8s.io", "customresourcedefinitions");
        if concerned {
            let _ = reconcile(world, &changed.cluster);
        }
        None
    }
}

fn reconcile(world: &mut World, cluster: &str) -> Result<(), Failure> {
    let own = logical_cluster(cluster);
    let Some(object) = world.get(&own) else { return Ok(()) };
    let written = annotation(&object, LOCKS);
    let mut locks = read(written);
    let is_definition = |lock: &Value| lock.get("c") == Some(&json!(true));
    locks.retain(|_, lock| is_definition(lock) || world.kcp().binding(cluster, of(lock, "n")).is_some());
    let definitions = world.list(cluster, "apiextensions.k8s.io", "customresourcedefinitions", None);
    let names: Vec<&str> = definitions.iter().map(crate::store::Object::name).collect();
    locks.retain(|name, lock| !is_definition(lock) || names.contains(&name.as_str()));
    for name in names {
        locks.entry(name).or_insert_with(|| json!({"c": true}));
    }
    let locks = Value::Object(locks).to_string();
    if locks == written {
        return Ok(());
    }
    let mut new = object;
    meta(Arc::make_mut(&mut new), "annotations").insert(LOCKS.to_owned(), json!(locks));
    put(world, &own, Subresource::None, &new)
}
