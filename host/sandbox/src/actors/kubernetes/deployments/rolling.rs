//! A rolling update: as many new pods as there is room for, then as few old ones as may be (`rolling.go`).

use jiff::Timestamp;

use super::deployment::Deployment;
use super::sets::{self, Set, Sets};
use super::{progress, revision, scale, status};
use crate::status::Failure;
use crate::world::World;

/// Takes one step.
pub(super) fn roll(
    world: &mut World,
    deployment: &mut Deployment<'_>,
    mut sets: Sets,
) -> Result<Option<Timestamp>, Failure> {
    revision::sync(world, deployment, &mut sets, true)?;
    let was_complete = status::is_complete(deployment);
    if !grow(world, deployment, &mut sets)? && !shrink(world, deployment, &mut sets)? && was_complete {
        sets::clean_up(world, deployment, &sets)?;
    }
    progress::write(world, deployment, &sets)
}

/// Gives the newest ReplicaSet the pods that it may have.
fn grow(world: &mut World, deployment: &Deployment<'_>, sets: &mut Sets) -> Result<bool, Failure> {
    let Some(has) = sets.new.as_ref().map(Set::replicas) else { return Ok(false) };
    let wanted = deployment.replicas();
    let size = if has < wanted { revision::room(deployment, sets, has) } else { wanted };
    match &mut sets.new {
        Some(new) => scale::to(world, deployment, new, size, false),
        None => Ok(false),
    }
}

/// Takes pods from the old ones: those first that are not available anyway.
fn shrink(world: &mut World, deployment: &Deployment<'_>, sets: &mut Sets) -> Result<bool, Failure> {
    let least = deployment.replicas() - deployment.max_unavailable();
    let not_yet = sets.new.as_ref().map_or(0, |new| new.replicas() - new.status("availableReplicas"));
    let most = sets.replicas() - least - not_yet;
    if most <= 0 || sets.old.iter().all(|set| set.replicas() == 0) {
        return Ok(false);
    }
    let mut taken = 0;
    for old in &mut sets.old {
        let unavailable = old.replicas() - old.status("availableReplicas");
        if taken >= most || old.replicas() == 0 || unavailable == 0 {
            continue;
        }
        let fewer = unavailable.min(most - taken).max(0);
        scale::to(world, deployment, old, old.replicas() - fewer, false)?;
        taken += fewer;
    }
    let spare = sets.status("availableReplicas") - least;
    let mut spared = 0;
    for old in &mut sets.old {
        let fewer = old.replicas().min(spare - spared);
        if fewer <= 0 {
            continue;
        }
        scale::to(world, deployment, old, old.replicas() - fewer, false)?;
        spared += fewer;
    }
    Ok(taken + spared > 0)
}
