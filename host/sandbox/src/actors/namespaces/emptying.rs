//! Emptying a namespace (`pkg/controller/namespace/deletion/namespaced_resources_deleter.go`): its pods first, and when those
//! are gone all that is left, of every kind that is stored. When nothing is left, it may go.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::conditions::Remaining;
use crate::actors::manager;
use crate::actors::reading::{Object, at, is_deleting, later, list, part, text, time};
use crate::lifecycle::{DeleteOptions, Subresource};
use crate::store::Scope;
use crate::world::{Named, Serving, World};

/// Whose finalizer is worked off here.
const FINALIZER: &str = "kubernetes";

/// Asks all in a namespace to go; lets the namespace go if all is gone, else says what is left.
pub(super) fn empty(world: &mut World, named: &Named<'_>, namespace: &Object) -> Option<Timestamp> {
    if !list(namespace, &["spec", "finalizers"]).any(|finalizer| finalizer == FINALIZER) {
        return None;
    }
    let manager = manager(world.flavour);
    if text(namespace, &["status", "phase"]) != "Terminating" {
        let _ = world.change(named, Subresource::Status, manager, |namespace| {
            if let Some(status) = part(namespace, "status") {
                status.insert("phase".to_owned(), Value::from("Terminating"));
            }
        });
    }
    let deleted = time(namespace, &["metadata", "deletionTimestamp"]).unwrap_or(world.now);
    let mut remaining = Remaining::default();
    let (mut is_empty, mut again) = (true, None);
    if let Some(pods) = world.stored(named.cluster, "", "pods") {
        let grace = grace(world, &pods, named);
        let left = clear(world, &pods, named);
        if !left.is_empty() {
            // As a server does: while there are pods, it does not say so in the conditions for what remains.
            is_empty = false;
            let end = later(deleted, grace);
            if end > world.now {
                again = Some(end);
            } else if left.iter().all(|pod| list(pod, &["metadata", "finalizers"]).next().is_none()) {
                remaining.errors.push(unexpected(named.name, &pods));
            }
        }
    }
    if is_empty {
        for serving in world.all_stored(named.cluster) {
            if !serving.served.namespaced {
                continue;
            }
            let left = clear(world, &serving, named);
            if left.is_empty() {
                continue;
            }
            is_empty = false;
            let kind = format!("{}.{}", serving.served.plural, serving.served.group);
            remaining.objects.insert(kind, left.len());
            let finalizers = left.iter().flat_map(|object| list(object, &["metadata", "finalizers"]));
            let mut held = false;
            for finalizer in finalizers.filter_map(Value::as_str) {
                held = true;
                *remaining.finalizers.entry(finalizer.to_owned()).or_default() += 1;
            }
            if !held {
                remaining.errors.push(unexpected(named.name, &serving));
            }
        }
    }
    let now = world.now;
    let _ = world.change(named, Subresource::Status, manager, |namespace| {
        if let Some(status) = part(namespace, "status") {
            remaining.tell(status, now);
        }
    });
    if is_empty {
        let _ = world.change(named, Subresource::Finalize, manager, |namespace| {
            let spec = part(namespace, "spec");
            if let Some(Value::Array(finalizers)) = spec.and_then(|spec| spec.get_mut("finalizers")) {
                finalizers.retain(|finalizer| finalizer != FINALIZER);
            }
        });
    }
    again
}

/// Deletes all objects of a kind, and says which are left.
fn clear(world: &mut World, serving: &Arc<Serving>, namespace: &Named<'_>) -> Vec<Arc<Object>> {
    let options = DeleteOptions { propagation_policy: Some("Background".to_owned()), ..DeleteOptions::default() };
    let place = crate::world::Place { cluster: namespace.cluster, namespace: namespace.name };
    for object in objects(world, serving, namespace) {
        if !object.map().is_ok_and(|object| is_deleting(&object)) {
            // What cannot be deleted is left, and told.
            let _ = world.delete(serving, place, object.name(), &options);
        }
    }
    // What cannot be read is there all the same.
    objects(world, serving, namespace).iter().map(|object| object.map().unwrap_or_default()).collect()
}

fn objects(world: &World, serving: &Serving, namespace: &Named<'_>) -> Vec<crate::store::Object> {
    let scope = Scope::all(serving.resource).cluster(namespace.cluster).namespace(namespace.name);
    world.store.view_at(world.store.revision()).objects(&scope).unwrap_or_default()
}

/// The longest time that a pod has to end.
fn grace(world: &World, pods: &Serving, namespace: &Named<'_>) -> i64 {
    let pods = objects(world, pods, namespace).into_iter().filter_map(|pod| pod.map().ok());
    let running = pods.filter(|pod| !matches!(text(pod, &["status", "phase"]), "Succeeded" | "Failed"));
    let each = running.filter_map(|pod| at(&pod, &["spec", "terminationGracePeriodSeconds"]).and_then(Value::as_i64));
    each.max().unwrap_or_default()
}

fn unexpected(namespace: &str, serving: &Serving) -> String {
    let served = &serving.served;
    format!(
        "unexpected items still remain in namespace: {namespace} for gvr: {}/{}, Resource={}",
        served.group, served.version, served.plural
    )
}
