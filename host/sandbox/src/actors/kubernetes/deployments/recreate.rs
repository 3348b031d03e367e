//! The strategy `Recreate`: no new pod before the last old one is gone (`recreate.go`).

use jiff::Timestamp;

use super::deployment::Deployment;
use super::sets::{self, Set, Sets};
use super::{progress, revision, scale, status};
use crate::actors::reading::text;
use crate::status::Failure;
use crate::world::World;

/// Takes one step.
pub(super) fn recreate(
    world: &mut World,
    deployment: &mut Deployment<'_>,
    mut sets: Sets,
) -> Result<Option<Timestamp>, Failure> {
    let mut scaled = false;
    for old in sets.old.iter_mut().filter(|set| set.replicas() > 0) {
        scaled |= scale::to(world, deployment, old, 0, false)?;
    }
    if scaled || old_pods_run(world, deployment, &sets) {
        return progress::write(world, deployment, &sets);
    }
    if sets.new.is_none() {
        revision::sync(world, deployment, &mut sets, true)?;
    }
    let wanted = deployment.replicas();
    if let Some(new) = &mut sets.new {
        scale::to(world, deployment, new, wanted, false)?;
    }
    if status::is_complete(deployment) {
        sets::clean_up(world, deployment, &sets)?;
    }
    progress::write(world, deployment, &sets)
}

fn old_pods_run(world: &World, deployment: &Deployment<'_>, sets: &Sets) -> bool {
    let runs = |old: &Set| {
        let mut pods = world.store.dependents(deployment.named.cluster, old.uid());
        pods.any(|pod| {
            let is_pod = world.kind_of(pod.resource()).is_some_and(|(_, plural)| &*plural == "pods");
            let pod = pod.map().unwrap_or_default();
            is_pod && !matches!(text(&pod, &["status", "phase"]), "Failed" | "Succeeded")
        })
    };
    sets.old.iter().any(|old| old.status("replicas") > 0 || runs(old))
}
