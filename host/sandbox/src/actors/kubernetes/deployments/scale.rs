//! Another number of pods, for a Deployment that is not rolling, or in the middle of it: then all ReplicaSets are scaled in
//! proportion, so that the rollout goes no faster than it should (`scale` of `sync.go`).

use std::cmp::Reverse;

use serde_json::json;

use super::MANAGER;
use super::deployment::Deployment;
use super::revision::{DESIRED, MOST, replicas_said, say_replicas};
use super::sets::{Set, Sets};
use crate::actors::reading::part;
use crate::lifecycle::Subresource;
use crate::status::Failure;
use crate::world::World;

/// Whether another number of pods is wanted than when a ReplicaSet was scaled the last time.
pub(super) fn is_due(deployment: &Deployment<'_>, sets: &Sets) -> bool {
    let said = |set: &Set| set.annotation(DESIRED)?.parse::<i64>().ok();
    let mut active = sets.all().filter(|set| set.replicas() > 0);
    active.any(|set| said(set).is_some_and(|desired| desired != deployment.replicas()))
}

/// Scales.
pub(super) fn scale(world: &mut World, deployment: &Deployment<'_>, sets: &mut Sets) -> Result<(), Failure> {
    let wanted = deployment.replicas();
    let active = sets.all().filter(|set| set.replicas() > 0).count();
    if active <= 1 {
        // The only one that has pods, or else the newest one.
        let newest = sets.old.iter_mut().chain(&mut sets.new).rev();
        let mut newest: Vec<&mut Set> = newest.collect();
        newest.sort_by_key(|set| Reverse(set.replicas() > 0));
        if let Some(set) = newest.into_iter().next() {
            to(world, deployment, set, wanted, false)?;
        }
        return Ok(());
    }
    if sets.new.as_ref().is_some_and(|new| is_saturated(deployment, new)) {
        for old in sets.old.iter_mut().filter(|set| set.replicas() > 0) {
            to(world, deployment, old, 0, false)?;
        }
        return Ok(());
    }
    if !deployment.is_rolling() {
        return Ok(());
    }
    let allowed = if wanted > 0 { wanted + deployment.max_surge() } else { 0 };
    let mut all: Vec<&mut Set> = sets.old.iter_mut().chain(&mut sets.new).filter(|set| set.replicas() > 0).collect();
    let missing = allowed - all.iter().map(|set| set.replicas()).sum::<i64>();
    // The largest first; of those of a size, the newer ones first to grow and the older ones first to shrink.
    if missing > 0 {
        all.reverse();
    }
    all.sort_by_key(|set| Reverse(set.replicas()));
    let mut added = 0;
    let mut sizes = Vec::with_capacity(all.len());
    for set in &all {
        let more = proportion(deployment, set, missing, added);
        added += more;
        sizes.push(set.replicas() + more);
    }
    if let Some(largest) = sizes.first_mut() {
        *largest = (*largest + missing - added).max(0);
    }
    for (set, size) in all.into_iter().zip(sizes) {
        to(world, deployment, set, size, true)?;
    }
    Ok(())
}

/// Makes a ReplicaSet have so many pods; whether that are others than before. `always` also says anew for how many it is.
pub(super) fn to(
    world: &mut World,
    deployment: &Deployment<'_>,
    set: &mut Set,
    replicas: i64,
    always: bool,
) -> Result<bool, Failure> {
    let scales = set.replicas() != replicas;
    let says = replicas_said(deployment).iter().any(|(name, value)| set.annotation(name) != Some(value));
    let is_written = scales || (always && says);
    if !is_written {
        return Ok(false);
    }
    let written = world.change(&set.named(deployment), Subresource::None, MANAGER, |object| {
        if let Some(spec) = part(object, "spec") {
            spec.insert("replicas".to_owned(), json!(replicas));
        }
        say_replicas(object, deployment);
    });
    *set = Set(written?.into_map()?);
    Ok(scales)
}

/// Whether the newest ReplicaSet has all pods, and knows it.
fn is_saturated(deployment: &Deployment<'_>, set: &Set) -> bool {
    let wanted = deployment.replicas();
    set.replicas() == wanted
        && set.annotation(DESIRED).and_then(|desired| desired.parse().ok()) == Some(wanted)
        && set.status("availableReplicas") == wanted
}

/// How many of the missing pods are a ReplicaSet's (`GetReplicaSetProportion`).
fn proportion(deployment: &Deployment<'_>, set: &Set, missing: i64, added: i64) -> i64 {
    if missing == 0 || missing == added {
        return 0;
    }
    let allowed = missing - added;
    let share = share(deployment, set);
    if missing > 0 { share.min(allowed) } else { share.max(allowed) }
}

fn share(deployment: &Deployment<'_>, set: &Set) -> i64 {
    if deployment.replicas() == 0 {
        return -set.replicas();
    }
    let said = set.annotation(MOST).and_then(|most| most.parse::<i64>().ok()).filter(|most| *most > 0);
    let before = said.unwrap_or_else(|| deployment.was("replicas"));
    if before <= 0 {
        return 0;
    }
    part_of(set.replicas(), deployment.replicas() + deployment.max_surge(), before).saturating_sub(set.replicas())
}

/// What becomes of so many pods when all of them, which were `before`, become `most`: rounded, halves up. All of it is
/// positive, and `before` is whatever somebody wrote.
fn part_of(replicas: i64, most: i64, before: i64) -> i64 {
    let (new, before) = (i128::from(replicas) * i128::from(most), i128::from(before));
    i64::try_from((2 * new + before) / (2 * before)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_of_pods_is_too_large_to_count_with() {
        assert_eq!((part_of(5, 20, 10), part_of(1, 3, 2), part_of(1, 4, 3)), (10, 2, 1));
        assert_eq!(part_of(3, 4, i64::MAX), 0);
        assert_eq!(part_of(i64::MAX, i64::MAX, 1), i64::MAX);
    }
}
