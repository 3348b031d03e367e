//! The status of a Deployment: what its ReplicaSets say, added up (`calculateStatus` of `sync.go`).

use std::sync::Arc;

use serde_json::{Value, json};

use super::deployment::{Deployment, new_condition, set_condition};
use super::sets::Sets;
use crate::actors::reading::{Object, at, number};
use crate::status::Failure;
use crate::world::World;

/// What the status should be now, but for what is said about progress.
pub(super) fn of(world: &World, deployment: &Deployment<'_>, sets: &Sets) -> Object {
    let available = sets.status("availableReplicas");
    let updated = sets.new.as_ref().map_or(0, |new| new.status("replicas"));
    let numbers = [
        ("observedGeneration", number(&deployment.object, &["metadata", "generation"])),
        ("replicas", sets.status("replicas")),
        ("updatedReplicas", updated),
        ("readyReplicas", sets.status("readyReplicas")),
        ("availableReplicas", available),
        ("unavailableReplicas", (sets.replicas() - available).max(0)),
    ];
    let mut status = Object::new();
    for (name, number) in numbers.into_iter().filter(|(_, number)| *number != 0) {
        status.insert(name.to_owned(), json!(number));
    }
    if let Some(terminating) = terminating(sets) {
        status.insert("terminatingReplicas".to_owned(), json!(terminating));
    }
    for kept in ["collisionCount", "conditions"] {
        if let Some(value) = at(&deployment.object, &["status", kept]) {
            status.insert(kept.to_owned(), value.clone());
        }
    }
    let (is_available, reason, message) = if available >= deployment.replicas() - deployment.max_unavailable() {
        ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    } else {
        ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    };
    set_condition(&mut status, new_condition(world, "Available", is_available, reason, message));
    status
}

/// The pods that are ending; nothing if a ReplicaSet that was looked at does not say.
fn terminating(sets: &Sets) -> Option<i64> {
    let mut sum = 0;
    for set in sets.all() {
        match at(&set.0, &["status", "terminatingReplicas"]).and_then(Value::as_i64) {
            Some(count) => sum += count,
            None if set.status("observedGeneration") == 0 => {}
            None => return None,
        }
    }
    Some(sum)
}

/// Writes it, if it is another one.
pub(super) fn write(world: &mut World, deployment: &mut Deployment<'_>, sets: &Sets) -> Result<(), Failure> {
    let status = Value::Object(of(world, deployment, sets));
    if deployment.object.get("status") == Some(&status) {
        return Ok(());
    }
    Arc::make_mut(&mut deployment.object).insert("status".to_owned(), status);
    deployment.write(world)
}

/// Whether the status that it has says that all wanted pods are of its template and available, and that there are no others.
pub(super) fn is_complete(deployment: &Deployment<'_>) -> bool {
    let status = deployment.object.get("status").and_then(Value::as_object);
    status.is_some_and(|status| completes(deployment, status))
}

/// Whether a status says that.
pub(super) fn completes(deployment: &Deployment<'_>, status: &Object) -> bool {
    let wanted = deployment.replicas();
    ["updatedReplicas", "replicas", "availableReplicas"].iter().all(|field| number(status, &[field]) == wanted)
        && number(status, &["observedGeneration"]) >= number(&deployment.object, &["metadata", "generation"])
}
