//! Whether a rollout comes forward, is done, or is stuck (`progress.go`).

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::deployment::{Deployment, new_condition, remove_condition, set_condition};
use super::sets::{Set, Sets};
use super::status;
use crate::actors::reading::{Object, later, list, number, word};
use crate::status::Failure;
use crate::time;
use crate::world::World;

/// Says that it is paused, or no longer, so that time in between does not count.
pub(super) fn pause(world: &mut World, deployment: &mut Deployment<'_>) -> Result<(), Failure> {
    let reason = deployment.progressing();
    if deployment.deadline().is_none() || reason == Some("ProgressDeadlineExceeded") {
        return Ok(());
    }
    let (reason, message) = match (deployment.is_paused(), reason == Some("DeploymentPaused")) {
        (true, false) => ("DeploymentPaused", "Deployment is paused"),
        (false, true) => ("DeploymentResumed", "Deployment is resumed"),
        _ => return Ok(()),
    };
    deployment.set_condition(world, "Progressing", "Unknown", reason, message);
    deployment.write(world)
}

/// Writes the status of a rollout. Says when it is too late for it.
pub(super) fn write(
    world: &mut World,
    deployment: &mut Deployment<'_>,
    sets: &Sets,
) -> Result<Option<Timestamp>, Failure> {
    let mut new = status::of(world, deployment, sets);
    match deployment.deadline() {
        None => remove_condition(&mut new, "Progressing"),
        Some(deadline) => tell(world, deployment, sets, deadline, &mut new),
    }
    let failure = sets.new.iter().chain(&sets.old).find_map(failure);
    match failure {
        Some(failure) => set_condition(&mut new, failure),
        None => remove_condition(&mut new, "ReplicaFailure"),
    }
    if deployment.object.get("status").and_then(Value::as_object) != Some(&new) {
        Arc::make_mut(&mut deployment.object).insert("status".to_owned(), Value::Object(new));
        // It is looked at again for this change, and then it is known when it is too late.
        return deployment.write(world).map(|()| None);
    }
    Ok(too_late(deployment, &new))
}

fn tell(world: &World, deployment: &Deployment<'_>, sets: &Sets, deadline: i64, new: &mut Object) {
    let same = number(new, &["replicas"]) == number(new, &["updatedReplicas"]);
    if same && deployment.progressing() == Some("NewReplicaSetAvailable") {
        return;
    }
    let who = match &sets.new {
        Some(set) => format!("ReplicaSet \"{}\"", set.name()),
        None => format!("Deployment \"{}\"", deployment.named.name),
    };
    if status::completes(deployment, new) {
        let message = format!("{who} has successfully progressed.");
        set_condition(new, new_condition(world, "Progressing", "True", "NewReplicaSetAvailable", &message));
    } else if comes_forward(deployment, new) {
        let message = format!("{who} is progressing.");
        let mut condition = new_condition(world, "Progressing", "True", "ReplicaSetUpdated", &message);
        // It counts anew each time, so that it is written although its reason is the same.
        if let Some(present) = progressing(new) {
            if present["status"] == "True" {
                condition["lastTransitionTime"] = present["lastTransitionTime"].clone();
            }
            remove_condition(new, "Progressing");
        }
        set_condition(new, condition);
    } else if is_late(new, deadline, world.now) {
        let message = format!("{who} has timed out progressing.");
        set_condition(new, new_condition(world, "Progressing", "False", "ProgressDeadlineExceeded", &message));
    }
}

/// Whether there are more new pods, fewer old ones, or more that are ready or available.
fn comes_forward(deployment: &Deployment<'_>, new: &Object) -> bool {
    let is = |field: &str| number(new, &[field]);
    let was = |field: &str| deployment.was(field);
    is("updatedReplicas") > was("updatedReplicas")
        || is("replicas") - is("updatedReplicas") < was("replicas") - was("updatedReplicas")
        || is("readyReplicas") > was("readyReplicas")
        || is("availableReplicas") > was("availableReplicas")
}

fn is_late(new: &Object, deadline: i64, now: Timestamp) -> bool {
    let Some(condition) = progressing(new) else { return false };
    match word(condition, "reason") {
        "NewReplicaSetAvailable" => false,
        "ProgressDeadlineExceeded" => true,
        _ => time::read(word(condition, "lastUpdateTime")).is_some_and(|time| later(time, deadline) < now),
    }
}

/// A second after the deadline, which is in whole seconds.
fn too_late(deployment: &Deployment<'_>, new: &Object) -> Option<Timestamp> {
    let deadline = deployment.deadline()?;
    let condition = progressing(new)?;
    // A rollout that was complete once is never late, whatever becomes of its pods.
    let over = ["ProgressDeadlineExceeded", "NewReplicaSetAvailable"].contains(&word(condition, "reason"));
    if status::completes(deployment, new) || over {
        return None;
    }
    Some(later(time::read(word(condition, "lastUpdateTime"))?, deadline + 1))
}

fn progressing(status: &Object) -> Option<&Value> {
    list(status, &["conditions"]).find(|condition| condition["type"] == "Progressing")
}

/// What a ReplicaSet says about pods that it cannot make or delete.
fn failure(set: &Set) -> Option<Value> {
    let mut conditions = list(&set.0, &["status", "conditions"]);
    let mut failure = conditions.find(|condition| condition["type"] == "ReplicaFailure")?.clone();
    failure["lastUpdateTime"] = failure["lastTransitionTime"].clone();
    Some(failure)
}
