//! The status of a ReplicaSet (`calculateStatus` of `replica_set_utils.go`).

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{MANAGER, wanted};
use crate::actors::reading::{Object, at, condition, holds, later, list, number, word};
use crate::lifecycle::Subresource;
use crate::status::Failure;
use crate::time;
use crate::world::{Named, World};

/// The pods of a ReplicaSet.
pub(super) struct Pods<'a> {
    /// Those that count, as they were before pods were made or deleted now.
    pub(super) active: &'a [Arc<Object>],
    /// How many are ending.
    pub(super) ending: usize,
}

/// Writes it, if it is another one. Says when a pod will be available that only has to stay ready for long enough.
pub(super) fn write(
    world: &mut World,
    named: &Named<'_>,
    set: &Object,
    pods: &Pods<'_>,
    failure: Option<&Failure>,
) -> Option<Timestamp> {
    let labels = at(set, &["spec", "template", "metadata", "labels"]).and_then(Value::as_object);
    let labelled = |pod: &&Arc<Object>| {
        let of_pod = at(pod, &["metadata", "labels"]);
        labels.into_iter().flatten().all(|(name, value)| of_pod.and_then(|of_pod| of_pod.get(name)) == Some(value))
    };
    let wait = number(set, &["spec", "minReadySeconds"]);
    let ready: Vec<&Arc<Object>> = pods.active.iter().filter(|pod| holds(pod, "Ready")).collect();
    let from = ready.iter().map(|pod| available_from(pod, wait));
    let (available, soon): (Vec<_>, Vec<_>) = from.partition(|from| from.is_none_or(|from| from <= world.now));

    let mut status = Object::new();
    status.insert("replicas".to_owned(), json!(pods.active.len()));
    let generation = number(set, &["metadata", "generation"]);
    let counts = [
        ("fullyLabeledReplicas", pods.active.iter().filter(labelled).count()),
        ("readyReplicas", ready.len()),
        ("availableReplicas", available.len()),
    ];
    for (field, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        status.insert(field.to_owned(), json!(count));
    }
    status.insert("terminatingReplicas".to_owned(), json!(pods.ending));
    if generation != 0 {
        status.insert("observedGeneration".to_owned(), json!(generation));
    }
    let conditions = conditions(world, set, pods.active.len(), failure);
    if !conditions.is_empty() {
        status.insert("conditions".to_owned(), Value::Array(conditions));
    }
    let status = Value::Object(status);
    if set.get("status") != Some(&status) {
        // If somebody deleted it, there is nothing to say.
        let _ = world.change(named, Subresource::Status, MANAGER, |set| {
            set.insert("status".to_owned(), status.clone());
        });
    }
    soon.into_iter().flatten().min()
}

/// When a pod that is ready is available; nothing if it is at once.
fn available_from(pod: &Object, wait: i64) -> Option<Timestamp> {
    if wait == 0 {
        return None;
    }
    let since = condition(pod, "Ready").and_then(|ready| time::read(word(ready, "lastTransitionTime")));
    since.map(|since| later(since, wait))
}

/// Says that pods could not be made or deleted, until they can.
fn conditions(world: &World, set: &Object, active: usize, failure: Option<&Failure>) -> Vec<Value> {
    let mut all: Vec<Value> = list(set, &["status", "conditions"]).cloned().collect();
    let is_there = all.iter().any(|condition| condition["type"] == "ReplicaFailure");
    match failure {
        Some(failure) if !is_there => {
            let reason = if active < wanted(set) { "FailedCreate" } else { "FailedDelete" };
            all.push(json!({
                "type": "ReplicaFailure", "status": "True", "lastTransitionTime": time::written(world.now), "reason": reason,
                "message": failure.message,
            }));
        }
        Some(_) => {}
        None => all.retain(|condition| condition["type"] != "ReplicaFailure"),
    }
    all
}
