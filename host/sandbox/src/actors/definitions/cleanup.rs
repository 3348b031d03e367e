//! The objects of a definition go before it (`pkg/controller/finalizer/crd_finalizer.go`).

use jiff::Timestamp;
use serde_json::{Value, json};

use super::write;
use crate::actors::reading::{Object, condition, has_finalizer, holds, is_deleting, later, take_finalizer, text, time};
use crate::actors::server;
use crate::lifecycle::{DeleteOptions, Subresource};
use crate::time;
use crate::world::{Named, Place, World};

const FINALIZER: &str = "customresourcecleanup.apiextensions.k8s.io";

/// So many seconds a server waits for the objects before it says that they are still there.
const PATIENCE: i64 = 60;

/// Asks all objects of a definition to go; lets the definition go when they are gone.
pub(super) fn clean(world: &mut World, named: &Named<'_>, definition: &Object) -> Option<Timestamp> {
    if !has_finalizer(definition, FINALIZER) {
        return None;
    }
    if !holds(definition, "Established") {
        finish(world, named, "NeverEstablished", "resource was never established");
        return None;
    }
    if condition(definition, "Terminating").is_none_or(|present| present["reason"] == "InstanceDeletionPending") {
        let status = terminating(
            definition,
            ("True", "InstanceDeletionInProgress", "CustomResource deletion is in progress"),
            world.now,
        );
        write(world, named, Some(status));
    }
    let (group, plural) = (text(definition, &["spec", "group"]), text(definition, &["spec", "names", "plural"]));
    if remains(world, named.cluster, group, plural) {
        let end = later(time(definition, &["metadata", "deletionTimestamp"]).unwrap_or(world.now), PATIENCE);
        if end > world.now {
            return Some(end);
        }
        let why = "could not confirm zero CustomResources remaining: context deadline exceeded";
        let present = world.get(named)?;
        let status = terminating(&present, ("True", "InstanceDeletionCheck", why), world.now);
        write(world, named, Some(status));
        return None;
    }
    finish(world, named, "InstanceDeletionCompleted", "removed all instances");
    None
}

/// Deletes what there is, and says whether some of it remains.
fn remains(world: &mut World, cluster: &str, group: &str, plural: &str) -> bool {
    let Some(serving) = world.stored(cluster, group, plural) else { return false };
    for object in world.list(cluster, group, plural, None) {
        if !object.map().is_ok_and(|object| is_deleting(&object)) {
            let place = Place { cluster, namespace: object.namespace() };
            // What cannot be deleted remains.
            let _ = world.delete(&serving, place, object.name(), &DeleteOptions::default());
        }
    }
    !world.list(cluster, group, plural, None).is_empty()
}

/// Lets the definition go. One write says why, and takes the finalizer.
fn finish(world: &mut World, named: &Named<'_>, reason: &str, message: &str) {
    let (now, manager) = (world.now, server(world.flavour));
    let _ = world.change(named, Subresource::Status, manager, |definition| {
        let status = terminating(definition, ("False", reason, message), now);
        definition.insert("status".to_owned(), status);
        take_finalizer(definition, FINALIZER);
    });
}

/// The status with the condition `Terminating` (`SetCRDCondition`).
fn terminating(definition: &Object, (status, reason, message): (&str, &str, &str), now: Timestamp) -> Value {
    let mut condition = json!({
        "type": "Terminating", "status": status, "lastTransitionTime": time::written(now), "reason": reason, "message": message,
    });
    let mut all = definition.get("status").cloned().unwrap_or_default();
    let conditions = all["conditions"].as_array().cloned().unwrap_or_default();
    let mut new = Vec::with_capacity(conditions.len() + 1);
    let mut is_there = false;
    for present in conditions {
        if present["type"] == "Terminating" {
            is_there = true;
            if present["status"] == status {
                condition["lastTransitionTime"] = present["lastTransitionTime"].clone();
            }
            new.push(condition.clone());
        } else {
            new.push(present);
        }
    }
    if !is_there {
        new.push(condition);
    }
    all["conditions"] = Value::Array(new);
    all
}
