//! Which pods go first when there are too many (`ActivePodsWithRanks` of `controller_utils.go`).

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::is_active;
use crate::actors::reading::{Object, at, condition, controller, holds, list, text, word};
use crate::time;
use crate::world::World;

/// What the order is made of, of one pod.
struct Rank<'a> {
    name: &'a str,
    uid: &'a str,
    is_placed: bool,
    phase: u8,
    is_ready: bool,
    cost: i64,
    /// Pods of the same Deployment on its node.
    beside: usize,
    ready: Option<Timestamp>,
    restarts: i64,
    created: Option<Timestamp>,
}

/// The names of so many pods.
pub(super) fn to_delete(
    world: &World,
    cluster: &str,
    set: &Object,
    active: &[Arc<Object>],
    count: usize,
) -> Vec<String> {
    let beside = if count < active.len() { on_nodes(world, cluster, set) } else { BTreeMap::new() };
    let mut ranks: Vec<Rank<'_>> = active.iter().map(|pod| Rank::of(pod, &beside)).collect();
    if count < active.len() {
        ranks.sort_by(|one, other| one.compare(other, world.now));
    }
    ranks.iter().take(count).map(|rank| rank.name.to_owned()).collect()
}

/// How many pods there are on each node, of this ReplicaSet and the others of its owner.
fn on_nodes(world: &World, cluster: &str, set: &Object) -> BTreeMap<String, usize> {
    let owner = controller(set).map_or("", |owner| word(owner, "uid"));
    let mut sets: Vec<String> = world.store.dependents(cluster, owner).map(|set| set.uid().into_owned()).collect();
    if owner.is_empty() {
        sets.push(text(set, &["metadata", "uid"]).to_owned());
    }
    let mut nodes = BTreeMap::new();
    for pod in sets.iter().flat_map(|set| world.store.dependents(cluster, set)) {
        let pod = pod.map().unwrap_or_default();
        if is_active(&pod) {
            *nodes.entry(text(&pod, &["spec", "nodeName"]).to_owned()).or_default() += 1;
        }
    }
    nodes
}

impl<'a> Rank<'a> {
    fn of(pod: &'a Object, beside: &BTreeMap<String, usize>) -> Self {
        let node = text(pod, &["spec", "nodeName"]);
        let cost = at(pod, &["metadata", "annotations", "controller.kubernetes.io/pod-deletion-cost"]);
        let restarts =
            ["containerStatuses", "initContainerStatuses"].iter().flat_map(|field| list(pod, &["status", field]));
        Self {
            name: text(pod, &["metadata", "name"]),
            uid: text(pod, &["metadata", "uid"]),
            is_placed: !node.is_empty(),
            phase: match text(pod, &["status", "phase"]) {
                "Running" => 2,
                "Unknown" => 1,
                _ => 0,
            },
            is_ready: holds(pod, "Ready"),
            cost: cost.and_then(Value::as_str).and_then(|cost| cost.parse().ok()).unwrap_or_default(),
            beside: beside.get(node).copied().unwrap_or_default(),
            ready: condition(pod, "Ready").and_then(|ready| time::read(word(ready, "lastTransitionTime"))),
            restarts: restarts.filter_map(|container| container["restartCount"].as_i64()).max().unwrap_or_default(),
            created: time::read(text(pod, &["metadata", "creationTimestamp"])),
        }
    }

    fn compare(&self, other: &Self, now: Timestamp) -> Ordering {
        let first = (self.is_placed, self.phase, self.is_ready, self.cost);
        first
            .cmp(&(other.is_placed, other.phase, other.is_ready, other.cost))
            .then(other.beside.cmp(&self.beside))
            .then_with(
                || if self.is_ready { self.younger(other, self.ready, other.ready, now) } else { Ordering::Equal },
            )
            .then(other.restarts.cmp(&self.restarts))
            .then_with(|| self.younger(other, self.created, other.created, now))
    }

    /// The younger one first, where ages that are about the same are taken for the same, and then uids decide.
    fn younger(&self, other: &Self, one: Option<Timestamp>, two: Option<Timestamp>, now: Timestamp) -> Ordering {
        if one == two {
            return Ordering::Equal;
        }
        let age = |time: Option<Timestamp>| {
            let age = time.map_or(0, |time| now.duration_since(time).as_nanos());
            if age > 0 { age.ilog2().cast_signed() } else { -1 }
        };
        age(one).cmp(&age(two)).then_with(|| self.uid.cmp(other.uid))
    }
}
