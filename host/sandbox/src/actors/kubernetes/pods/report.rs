//! What whoever runs a pod says about it later.

use super::containers::State;
use super::run::{before, write};
use super::status::{Seen, runs};
use crate::actors::reading::{list, text};
use crate::time;
use crate::world::{Named, World};

/// Says that a pod is ready, or no longer. It has to run still: whether it does.
pub fn report(world: &mut World, cluster: &str, namespace: &str, name: &str, uid: &str, ready: bool) -> bool {
    let named = Named { cluster, group: "", plural: "pods", namespace, name };
    let Some(pod) = world.get(&named) else { return false };
    let is_running = text(&pod, &["status", "phase"]) == "Running" && runs(&pod).is_some();
    if text(&pod, &["metadata", "uid"]) != uid || !is_running {
        return false;
    }
    let now = time::written(world.now);
    let seen = Seen {
        containers: list(&pod, &["spec", "containers"]).map(|_| State::Running { ready }).collect(),
        init: (0..list(&pod, &["spec", "initContainers"]).count()).map(|place| before(&pod, place)).collect(),
        phase: "Running",
        is_set_up: true,
        ip: text(&pod, &["status", "podIP"]),
        host_ip: text(&pod, &["status", "hostIP"]),
        now: &now,
    };
    write(world, &named, &pod, &seen);
    true
}
