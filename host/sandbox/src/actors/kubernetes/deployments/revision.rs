//! The ReplicaSet of the present template: that it is there, and what its annotations say (`getNewReplicaSet` of `sync.go`).

use std::sync::Arc;

use serde_json::{Value, json};

use super::deployment::{Deployment, REVISION};
use super::sets::{Set, Sets};
use super::{MANAGER, fence, hash};
use crate::actors::kubernetes::claim::{Claimant, reference};
use crate::actors::reading::{Object, at, number, part};
use crate::lifecycle::Subresource;
use crate::status::Failure;
use crate::world::World;

const HISTORY: &str = "deployment.kubernetes.io/revision-history";
pub(super) const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
pub(super) const MOST: &str = "deployment.kubernetes.io/max-replicas";

/// Annotations of a Deployment that its ReplicaSets do not get.
const OWN: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    HISTORY,
    DESIRED,
    MOST,
    "deprecated.deployment.rollback.to",
];

/// The characters that the history may have.
const HISTORY_LENGTH: usize = 2000;

/// Brings the revision in step, and makes the ReplicaSet if it is to be made.
pub(super) fn sync(
    world: &mut World,
    deployment: &mut Deployment<'_>,
    sets: &mut Sets,
    create: bool,
) -> Result<(), Failure> {
    // Anybody may write any number there.
    let newest = sets.old.iter().map(Set::revision).max().unwrap_or_default().saturating_add(1);
    let Some(set) = &mut sets.new else {
        if create {
            sets.new = Some(make(world, deployment, sets, newest)?);
        }
        return Ok(());
    };
    let present = at(&set.0, &["metadata", "annotations"]).and_then(Value::as_object).cloned().unwrap_or_default();
    let mut annotations = present.clone();
    annotate(&mut annotations, deployment, newest);
    let min_ready = deployment.min_ready_seconds();
    if annotations != present || number(&set.0, &["spec", "minReadySeconds"]) != min_ready {
        let written = world.change(&set.named(deployment), Subresource::None, MANAGER, |set| {
            if let Some(metadata) = part(set, "metadata") {
                metadata.insert("annotations".to_owned(), Value::Object(annotations.clone()));
            }
            set_min_ready(set, min_ready);
        });
        *set = Set(written?.into_map()?);
        return Ok(());
    }
    let revision = set.annotation(REVISION).unwrap_or_default().to_owned();
    let mut changed = deployment.set_revision(&revision);
    if deployment.deadline().is_some() && deployment.progressing().is_none() {
        let message = format!("Found new replica set \"{}\"", set.name());
        deployment.set_condition(world, "Progressing", "True", "FoundNewReplicaSet", &message);
        changed = true;
    }
    if changed { deployment.write(world) } else { Ok(()) }
}

/// The ReplicaSet for a template that has none.
fn make(world: &mut World, deployment: &mut Deployment<'_>, sets: &Sets, revision: i64) -> Result<Set, Failure> {
    let mut template = deployment.template();
    let collisions = at(&deployment.object, &["status", "collisionCount"]).and_then(Value::as_i64);
    let hash = hash::of(&template, collisions);
    let metadata = template.as_object_mut().and_then(|template| part(template, "metadata"));
    let labels = metadata.and_then(|metadata| part(metadata, "labels")).map(|labels| {
        labels.insert("pod-template-hash".to_owned(), json!(hash));
        labels.clone()
    });
    let mut selector = at(&deployment.object, &["spec", "selector"]).cloned().unwrap_or_else(|| json!({}));
    if let Some(matched) = selector.as_object_mut().and_then(|selector| part(selector, "matchLabels")) {
        matched.insert("pod-template-hash".to_owned(), json!(hash));
    }
    // A name has 253 characters.
    let prefix: String = deployment.named.name.chars().take(252 - hash.len()).collect();
    let name = format!("{prefix}-{hash}");
    let set = json!({
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": name,
            "namespace": deployment.named.namespace,
            "labels": labels,
            "ownerReferences": [reference(&Claimant { kind: "Deployment", object: &deployment.object })],
        },
        "spec": {"replicas": first(deployment, sets), "selector": selector, "template": template},
    });
    let Value::Object(mut set) = set else { return Err(Failure::bad_request("a ReplicaSet is an object")) };
    set_min_ready(&mut set, deployment.min_ready_seconds());
    if let Some(annotations) = part(&mut set, "metadata").and_then(|metadata| part(metadata, "annotations")) {
        annotate(annotations, deployment, revision);
    }
    say_replicas(&mut set, deployment);
    let made = match world.make(deployment.named.cluster, "apps", "replicasets", Value::Object(set), MANAGER) {
        Ok(made) => Set(made),
        Err(failure) => return Err(not_made(world, deployment, &name, failure)),
    };
    let mut changed = deployment.set_revision(&revision.to_string());
    if deployment.deadline().is_some() {
        let message = format!("Created new replica set \"{name}\"");
        deployment.set_condition(world, "Progressing", "True", "NewReplicaSetCreated", &message);
        changed = true;
    }
    if changed {
        deployment.write(world)?;
    }
    Ok(made)
}

/// What is said of a ReplicaSet that could not be made. If another one has its name, the next one gets another hash.
fn not_made(world: &mut World, deployment: &mut Deployment<'_>, name: &str, failure: Failure) -> Failure {
    let is_terminating = failure.causes.iter().any(|cause| cause.reason == "NamespaceTerminating");
    if failure.reason == "AlreadyExists" {
        // Its own one is found by its template, and is not made again.
        let count = deployment.was("collisionCount") + 1;
        if let Some(status) = part(Arc::make_mut(&mut deployment.object), "status") {
            status.insert("collisionCount".to_owned(), json!(count));
        }
        let _ = deployment.write(world);
    } else if !is_terminating && deployment.deadline().is_some() {
        let message = format!("Failed to create new replica set \"{name}\": {}", failure.message);
        deployment.set_condition(world, "Progressing", "False", "ReplicaSetCreateError", &message);
        let _ = deployment.write(world);
    }
    failure
}

/// How many pods a new ReplicaSet begins with.
fn first(deployment: &Deployment<'_>, sets: &Sets) -> i64 {
    if deployment.is_rolling() { room(deployment, sets, 0) } else { deployment.replicas() }
}

/// How many pods the newest ReplicaSet may have in a rolling update (`NewRSNewReplicas`).
pub(super) fn room(deployment: &Deployment<'_>, sets: &Sets, has: i64) -> i64 {
    let surge = at(&deployment.object, &["spec", "strategy", "rollingUpdate", "maxSurge"]);
    let most = deployment.replicas() + fence::scaled(surge, deployment.replicas(), true);
    let more = most - sets.replicas();
    if more <= 0 { has } else { has + more.min(deployment.replicas() - has) }
}

/// Copies what a Deployment says about itself to its ReplicaSet, and the revision (`SetNewReplicaSetAnnotations`).
fn annotate(annotations: &mut Object, deployment: &Deployment<'_>, newest: i64) {
    let copied = at(&deployment.object, &["metadata", "annotations"]).and_then(Value::as_object).cloned();
    annotations.extend(copied.into_iter().flatten().filter(|(name, _)| !OWN.contains(&name.as_str())));
    let present = annotations.get(REVISION).and_then(Value::as_str).map(str::to_owned);
    let number = match present.as_deref().unwrap_or_default() {
        "" => 0,
        // Somebody wrote something else there.
        text => match text.parse::<i64>() {
            Ok(number) => number,
            Err(_) => return,
        },
    };
    if number >= newest {
        return;
    }
    annotations.insert(REVISION.to_owned(), json!(newest.to_string()));
    let Some(present) = present else { return };
    let history = annotations.get(HISTORY).and_then(Value::as_str).unwrap_or_default();
    let mut all: Vec<&str> = history.split(',').filter(|revision| !revision.is_empty()).collect();
    all.push(&present);
    while all.len() > 1 && all.iter().map(|revision| revision.len() + 1).sum::<usize>() > HISTORY_LENGTH + 1 {
        all.remove(0);
    }
    let history = all.join(",");
    annotations.insert(HISTORY.to_owned(), json!(history));
}

/// Says in a ReplicaSet for how many pods of the Deployment it was scaled (`SetReplicasAnnotations`).
pub(super) fn say_replicas(set: &mut Object, deployment: &Deployment<'_>) {
    let metadata = part(set, "metadata");
    let Some(annotations) = metadata.and_then(|metadata| part(metadata, "annotations")) else { return };
    for (name, value) in replicas_said(deployment) {
        annotations.insert(name.to_owned(), json!(value));
    }
}

/// What is said then.
pub(super) fn replicas_said(deployment: &Deployment<'_>) -> [(&'static str, String); 2] {
    let replicas = deployment.replicas();
    [(DESIRED, replicas.to_string()), (MOST, (replicas + deployment.max_surge()).to_string())]
}

fn set_min_ready(set: &mut Object, seconds: i64) {
    let Some(spec) = part(set, "spec") else { return };
    if seconds == 0 {
        spec.remove("minReadySeconds");
    } else {
        spec.insert("minReadySeconds".to_owned(), json!(seconds));
    }
}
