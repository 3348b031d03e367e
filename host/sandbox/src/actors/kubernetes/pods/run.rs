//! A pod on its node: it is set up when its volumes are there, pulls its images, and runs.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::containers::State;
use super::status::{self, Seen};
use super::{Pods, at, images, mounts};
use crate::actors::reading::{self, Object, condition, list, text, word};
use crate::lifecycle::Subresource;
use crate::time;
use crate::world::{Named, World};

impl Pods {
    /// Takes the next step, and says when to look again.
    pub(super) fn run(&mut self, world: &mut World, named: &Named<'_>, pod: &Object) -> Option<Timestamp> {
        if matches!(text(pod, &["status", "phase"]), "Succeeded" | "Failed") {
            return None;
        }
        let host_ip = host_ip(world, named, text(pod, &["spec", "nodeName"]))?;
        let now = time::written(world.now);
        let is_set_up = !mounts::lacks_volumes(world, named, pod) || status::runs(pod).is_some();
        let begun = reading::time(pod, &["status", "startTime"]).unwrap_or(world.now);
        let pause = SignedDuration::try_from(self.pace.start).unwrap_or(SignedDuration::MAX);
        let start = begun.saturating_add(pause).unwrap_or(begun);
        let mut again = None;
        let waits = || State::Waiting(creating(pod), String::new());
        let count = |field: &str| list(pod, &["spec", field]).count();
        let mut seen = Seen {
            containers: vec![waits(); count("containers")],
            init: vec![waits(); count("initContainers")],
            phase: "Pending",
            is_set_up: false,
            ip: "",
            host_ip: &host_ip,
            now: &now,
        };
        let ip = address(world, pod, &host_ip);
        let mut lacks = !is_set_up;
        if is_set_up && start > world.now && status::runs(pod).is_none() {
            again = Some(start);
        } else if is_set_up {
            seen.is_set_up = true;
            seen.ip = &ip;
            let since = set_up_since(pod).unwrap_or(world.now);
            let blocked = |container: &Value| blocked(world, named, container, since);
            let init: Vec<Option<Blocked>> = list(pod, &["spec", "initContainers"]).map(blocked).collect();
            let main: Vec<Option<Blocked>> = list(pod, &["spec", "containers"]).map(blocked).collect();
            let next = init.iter().chain(&main).flatten().filter_map(|blocked| blocked.again).min();
            lacks = init.iter().chain(&main).flatten().any(|blocked| blocked.lacks);
            if let Some(first) = init.iter().position(Option::is_some) {
                // What comes before it has ended, what comes after it has not begun.
                for (place, (state, blocked)) in seen.init.iter_mut().zip(init).enumerate() {
                    match blocked {
                        _ if place < first => *state = before(pod, place),
                        Some(blocked) if place == first => *state = blocked.state,
                        _ => {}
                    }
                }
                again = next;
            } else {
                seen.init = (0..seen.init.len()).map(|place| before(pod, place)).collect();
                let all_run = main.iter().all(Option::is_none);
                let ready = all_run && self.readiness(named, pod);
                let state =
                    |blocked: Option<Blocked>| blocked.map_or(State::Running { ready }, |blocked| blocked.state);
                seen.containers = main.into_iter().map(state).collect();
                if all_run {
                    seen.phase = "Running";
                }
                again = next;
            }
        }
        let place = (named.cluster.into(), named.namespace.into());
        if lacks {
            self.waiting.entry(place).or_default().insert(named.name.into());
        } else if let Some(waiting) = self.waiting.get_mut(&place) {
            waiting.remove(named.name);
        }
        write(world, named, pod, &seen);
        again
    }

    /// Whether a pod that runs is ready. The first time it is started.
    fn readiness(&mut self, named: &Named<'_>, pod: &Object) -> bool {
        match self.known.get_mut(&at(named)) {
            Some(known) if !known.started => {
                known.started = true;
                self.kubelet.started(named.cluster, pod)
            }
            _ => status::runs(pod).unwrap_or_default(),
        }
    }
}

/// Writes the status, if it is another one.
pub(super) fn write(world: &mut World, named: &Named<'_>, pod: &Object, seen: &Seen<'_>) {
    let status = Value::Object(status::of(pod, seen));
    if pod.get("status") != Some(&status) {
        // If somebody deleted it, there is nothing to say.
        let _ = world.change(named, Subresource::Status, "kubelet", |pod| {
            pod.insert("status".to_owned(), status.clone());
        });
    }
}

/// Why a container cannot start.
struct Blocked {
    state: State,
    again: Option<Timestamp>,
    /// It is for want of a Secret or a ConfigMap.
    lacks: bool,
}

fn blocked(world: &World, pod: &Named<'_>, container: &Value, since: Timestamp) -> Option<Blocked> {
    if let Some((reason, message, again)) = images::waits(word(container, "image"), since, world.now) {
        return Some(Blocked { state: State::Waiting(reason, message), again, lacks: false });
    }
    let why = mounts::lacks_environment(world, pod, container)?;
    Some(Blocked { state: State::Waiting("CreateContainerConfigError", why), again: None, lacks: true })
}

/// What a container does that was started before the others: it has ended, or it runs beside them.
pub(super) fn before(pod: &Object, place: usize) -> State {
    let container = list(pod, &["spec", "initContainers"]).nth(place);
    if container.is_some_and(|container| word(container, "restartPolicy") == "Always") {
        State::Running { ready: true }
    } else {
        State::Ended
    }
}

/// Why containers wait that nothing is wrong with.
fn creating(pod: &Object) -> &'static str {
    if list(pod, &["spec", "initContainers"]).next().is_some() { "PodInitializing" } else { "ContainerCreating" }
}

fn set_up_since(pod: &Object) -> Option<Timestamp> {
    let condition = condition(pod, "PodReadyToStartContainers").filter(|condition| condition["status"] == "True");
    time::read(word(condition?, "lastTransitionTime"))
}

/// The address of a node, empty if it says none; nothing if there is no such node, and so no kubelet.
pub(super) fn host_ip(world: &World, pod: &Named<'_>, node: &str) -> Option<String> {
    let named = Named { plural: "nodes", namespace: "", name: node, ..*pod };
    let node = world.get(&named)?;
    let mut addresses = list(&node, &["status", "addresses"]);
    let internal = addresses.find(|address| address["type"] == "InternalIP");
    Some(internal.map_or("", |address| word(address, "address")).to_owned())
}

/// The address that a pod has, or gets.
fn address(world: &mut World, pod: &Object, host_ip: &str) -> String {
    match text(pod, &["status", "podIP"]) {
        "" if reading::at(pod, &["spec", "hostNetwork"]) == Some(&Value::Bool(true)) => host_ip.to_owned(),
        // There are so many that two pods hardly get the same.
        "" => {
            let [_, two, three, four, ..] = (world.random.number() >> 8).to_be_bytes();
            format!("10.{two}.{three}.{four}")
        }
        present => present.to_owned(),
    }
}
