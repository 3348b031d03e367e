//! The status of a pod as its kubelet writes it (`generateAPIPodStatus` of `kubelet_pods.go`, `pkg/kubelet/status/generate.go`).

use serde_json::{Value, json};

use super::containers::{self, State};
use crate::actors::reading::{Object, at, list, text, word};

/// The conditions that are a kubelet's, in its order.
const OWN: [&str; 5] = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"];

/// What a kubelet knows of a pod.
pub(super) struct Seen<'a> {
    /// What its containers do, in the order of its spec.
    pub(super) containers: Vec<State>,
    /// What those do that run before.
    pub(super) init: Vec<State>,
    /// `Pending`, `Running`, …
    pub(super) phase: &'a str,
    /// It has an address and could start containers.
    pub(super) is_set_up: bool,
    /// Its address, once it is set up.
    pub(super) ip: &'a str,
    /// The address of its node.
    pub(super) host_ip: &'a str,
    /// Now.
    pub(super) now: &'a str,
}

/// What a condition says: status, reason and message.
type Says = (bool, &'static str, String);

/// The status that follows from what was seen.
pub(super) fn of(pod: &Object, seen: &Seen<'_>) -> Object {
    let mut status = at(pod, &["status"]).and_then(Value::as_object).cloned().unwrap_or_default();
    let generation = at(pod, &["metadata", "generation"]).cloned();
    status.insert("phase".to_owned(), json!(seen.phase));
    status.entry("startTime").or_insert_with(|| json!(seen.now));
    if let Some(generation) = &generation {
        status.insert("observedGeneration".to_owned(), generation.clone());
    }
    if !seen.host_ip.is_empty() {
        status.insert("hostIP".to_owned(), json!(seen.host_ip));
        status.insert("hostIPs".to_owned(), json!([{"ip": seen.host_ip}]));
    }
    if seen.is_set_up && !seen.ip.is_empty() {
        status.insert("podIP".to_owned(), json!(seen.ip));
        status.insert("podIPs".to_owned(), json!([{"ip": seen.ip}]));
    }
    let kinds = [
        ("containers", "containerStatuses", &seen.containers),
        ("initContainers", "initContainerStatuses", &seen.init),
    ];
    for (spec, field, states) in kinds {
        let statuses = statuses(pod, (spec, field), states, seen.now);
        if !statuses.is_empty() {
            status.insert(field.to_owned(), Value::Array(statuses));
        }
    }
    let old: Vec<&Value> = list(pod, &["status", "conditions"]).collect();
    let others = old.iter().filter(|condition| !OWN.contains(&word(condition, "type")));
    let mut conditions: Vec<Value> = others.map(|condition| (*condition).clone()).collect();
    let ready = containers_ready(pod, seen);
    let own = [set_up(seen), initialized(pod, seen), pod_ready(pod, &ready), ready, (true, "", String::new())];
    for (kind, (holds, reason, message)) in OWN.into_iter().zip(own) {
        let holds = if holds { "True" } else { "False" };
        let same = old.iter().find(|old| old["type"] == kind && old["status"] == holds);
        let since = same.map_or_else(|| json!(seen.now), |same| same["lastTransitionTime"].clone());
        let mut condition = json!({"type": kind, "status": holds, "lastProbeTime": null, "lastTransitionTime": since});
        for (field, text) in [("reason", reason), ("message", &message)] {
            if !text.is_empty() {
                condition[field] = json!(text);
            }
        }
        if let Some(generation) = &generation {
            condition["observedGeneration"] = generation.clone();
        }
        conditions.push(condition);
    }
    status.insert("conditions".to_owned(), Value::Array(conditions));
    status
}

fn statuses(pod: &Object, (spec, field): (&str, &str), states: &[State], now: &str) -> Vec<Value> {
    let uid = text(pod, &["metadata", "uid"]);
    let old = |name: &str| list(pod, &["status", field]).find(|old| word(old, "name") == name);
    list(pod, &["spec", spec])
        .zip(states)
        .map(|(container, state)| {
            let mut status = containers::status(container, old(word(container, "name")), state, uid, now);
            // What runs before has to end well, and then it is ready.
            if spec == "initContainers" && *state == State::Ended {
                status["ready"] = json!(true);
            }
            status
        })
        .collect()
}

fn set_up(seen: &Seen<'_>) -> Says {
    (seen.is_set_up && !is_over(seen.phase), "", String::new())
}

fn is_over(phase: &str) -> bool {
    matches!(phase, "Succeeded" | "Failed")
}

fn initialized(pod: &Object, seen: &Seen<'_>) -> Says {
    if seen.phase == "Succeeded" {
        return (true, "PodCompleted", String::new());
    }
    let waits = |state: &State| matches!(state, State::Waiting(..));
    let waiting = names(pod, "initContainers", &seen.init, waits);
    if waiting.is_empty() {
        return (true, "", String::new());
    }
    (false, "ContainersNotInitialized", format!("containers with incomplete status: [{}]", waiting.join(" ")))
}

fn containers_ready(pod: &Object, seen: &Seen<'_>) -> Says {
    match seen.phase {
        "Succeeded" => return (false, "PodCompleted", String::new()),
        "Failed" => return (false, "PodFailed", String::new()),
        _ => {}
    }
    let unready = |state: &State| *state != State::Running { ready: true };
    let mut waiting = Vec::new();
    for (container, state) in list(pod, &["spec", "initContainers"]).zip(&seen.init) {
        if word(container, "restartPolicy") == "Always" && unready(state) {
            waiting.push(word(container, "name"));
        }
    }
    waiting.extend(names(pod, "containers", &seen.containers, unready));
    if waiting.is_empty() {
        return (true, "", String::new());
    }
    (false, "ContainersNotReady", format!("containers with unready status: [{}]", waiting.join(" ")))
}

/// A pod is ready if its containers are, and if everybody says so who is to be asked.
fn pod_ready(pod: &Object, containers: &Says) -> Says {
    if !containers.0 {
        return containers.clone();
    }
    let mut wrong = Vec::new();
    for gate in list(pod, &["spec", "readinessGates"]) {
        let gate = word(gate, "conditionType");
        match list(pod, &["status", "conditions"]).find(|condition| condition["type"] == gate) {
            None => wrong.push(format!("corresponding condition of pod readiness gate \"{gate}\" does not exist.")),
            Some(condition) if condition["status"] != "True" => {
                let status = word(condition, "status");
                wrong.push(format!("the status of pod readiness gate \"{gate}\" is not \"True\", but {status}"));
            }
            Some(_) => {}
        }
    }
    if wrong.is_empty() { (true, "", String::new()) } else { (false, "ReadinessGatesNotReady", wrong.join(", ")) }
}

fn names<'p>(pod: &'p Object, field: &str, states: &[State], is: impl Fn(&State) -> bool) -> Vec<&'p str> {
    let containers = list(pod, &["spec", field]).zip(states);
    containers.filter(|(_, state)| is(state)).map(|(container, _)| word(container, "name")).collect()
}

/// Whether the containers of a pod run already, and whether they are ready.
pub(super) fn runs(pod: &Object) -> Option<bool> {
    let mut all = list(pod, &["status", "containerStatuses"]).peekable();
    all.peek()?;
    let (mut run, mut ready) = (true, true);
    for container in all {
        run &= container["state"].get("running").is_some();
        ready &= container["ready"] == true;
    }
    run.then_some(ready)
}
