//! ReplicaSets: as many pods as they say.
//!
//! Facts: `pkg/controller/replicaset/{replica_set,replica_set_utils}.go`, `pkg/controller/controller_utils.go` of Kubernetes 1.36,
//! which counts the pods that are ending.

mod order;
mod pod;
mod status;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::Timestamp;

use super::claim::{Claimant, claim, concerned};
use crate::actors::Actor;
use crate::actors::reading::{Object, at, is_deleting, later, text};
use crate::lifecycle::DeleteOptions;
use crate::status::Failure;
use crate::world::{Changed, Named, World};

const MANAGER: &str = "kube-controller-manager";

/// So many pods are made or deleted in one look.
const BURST: usize = 500;

/// Seconds until it is tried again what failed.
const RETRY: i64 = 5;

/// The controller of ReplicaSets.
#[derive(Debug)]
pub struct ReplicaSets;

impl Actor for ReplicaSets {
    fn act(&mut self, world: &mut World, changed: &Changed) -> Option<Timestamp> {
        let (cluster, namespace) = (&*changed.cluster, &*changed.namespace);
        if changed.is("apps", "replicasets") {
            return look(world, &changed.named());
        }
        let mut again = None;
        if changed.is("", "pods") {
            for name in concerned(world, changed, ("ReplicaSet", "replicasets")) {
                let next =
                    look(world, &Named { cluster, group: "apps", plural: "replicasets", namespace, name: &name });
                again = [again, next].into_iter().flatten().min();
            }
        }
        again
    }
}

/// Makes or deletes pods, and writes the status. Says when to look again.
fn look(world: &mut World, named: &Named<'_>) -> Option<Timestamp> {
    let set = world.get(named)?;
    let claimant = Claimant { kind: "ReplicaSet", object: &set };
    let pods = claim(world, named.cluster, &claimant, ("", "pods"), is_active);
    let (active, ending): (Vec<Arc<Object>>, Vec<Arc<Object>>) = pods.into_iter().partition(|pod| is_active(pod));
    let ending = ending.iter().filter(|pod| !is_terminal(pod)).count();
    let failure = if is_deleting(&set) { None } else { scale(world, named, &set, &active).err() };
    let next = status::write(world, named, &set, &status::Pods { active: &active, ending }, failure.as_ref());
    if failure.is_some() { Some(later(world.now, RETRY)) } else { next }
}

fn scale(world: &mut World, named: &Named<'_>, set: &Object, active: &[Arc<Object>]) -> Result<(), Failure> {
    let wanted = wanted(set);
    for _ in active.len()..wanted.min(active.len() + BURST) {
        match pod::make(world, named.cluster, set) {
            // Nothing more can come into a namespace that goes.
            Err(failure) if failure.causes.iter().any(|cause| cause.reason == "NamespaceTerminating") => return Ok(()),
            made => made?,
        }
    }
    let surplus = active.len().saturating_sub(wanted).min(BURST);
    if surplus == 0 {
        return Ok(());
    }
    for name in order::to_delete(world, named.cluster, set, active, surplus) {
        let pod = Named { group: "", plural: "pods", name: &name, ..*named };
        world.discard(&pod, &DeleteOptions::default())?;
    }
    Ok(())
}

/// How many pods a ReplicaSet is to have.
fn wanted(set: &Object) -> usize {
    let replicas = at(set, &["spec", "replicas"]).and_then(serde_json::Value::as_i64).unwrap_or(1);
    usize::try_from(replicas).unwrap_or_default()
}

/// It runs or will run.
fn is_active(pod: &Object) -> bool {
    !is_terminal(pod) && !is_deleting(pod)
}

fn is_terminal(pod: &Object) -> bool {
    matches!(text(pod, &["status", "phase"]), "Succeeded" | "Failed")
}
