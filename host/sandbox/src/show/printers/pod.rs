//! Pods: `printPod`.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{age_of, name_of, or};
use crate::age;
use crate::show::table::{AGE, Column, NAME, Part, column, wide};

pub(super) const COLUMNS: &[Column<'static>] = &[
    NAME,
    column("Ready", "string", "The aggregate readiness state of this pod for accepting traffic."),
    column("Status", "string", "The aggregate status of the containers in this pod."),
    column(
        "Restarts",
        "string",
        "The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.",
    ),
    AGE,
    wide(
        "IP",
        "string",
        "podIP address allocated to the pod. Routable at least within the cluster. Empty if not yet allocated.",
    ),
    wide(
        "Node",
        "string",
        "NodeName indicates in which node this pod is scheduled. If empty, this pod is a candidate for scheduling by the scheduler defined in schedulerName. Once this field is set, the kubelet for this node becomes responsible for the lifecycle of this pod. This field should not be used to express a desire for the pod to be scheduled on a specific node. https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#nodename",
    ),
    wide(
        "Nominated Node",
        "string",
        "nominatedNodeName is set only when this pod preempts other pods on the node, but it cannot be scheduled right away as preemption victims receive their graceful termination periods. This field does not guarantee that the pod will be scheduled on this node. Scheduler may decide to place the pod elsewhere if other nodes become available sooner. Scheduler may also decide to give the resources on this node to a higher priority pod that is created after preemption. As a result, this field may be different than PodSpec.nodeName when the pod is scheduled.",
    ),
    wide(
        "Readiness Gates",
        "string",
        "If specified, all readiness gates will be evaluated for pod readiness. A pod is ready when all its containers are ready AND all conditions specified in the readiness gates have status equal to \"True\" More info: https://git.k8s.io/enhancements/keps/sig-network/580-pod-readiness-gates",
    ),
];

pub(super) fn cells(object: &Map<String, Value>, now: Timestamp) -> Vec<Value> {
    let (spec, status) = (Part::of(object, "spec"), Part::of(object, "status"));
    let mut seen = Seen::of(spec, status);
    if !seen.initializing || is_true(status, "Initialized") {
        seen.containers(status);
    }
    let mut reason = seen.reason;
    let phase = status.at("phase").text();
    if Part::of(object, "metadata").at("deletionTimestamp").is_there() {
        if status.at("reason").text() == "NodeLost" {
            "Unknown".clone_into(&mut reason);
        } else if !matches!(phase, "Succeeded" | "Failed") {
            "Terminating".clone_into(&mut reason);
        }
    }
    let restarts = match seen.last {
        Some(last) if seen.restarts != 0 => {
            format!("{} ({} ago)", seen.restarts, age::human(now.duration_since(last)))
        }
        _ => seen.restarts.to_string(),
    };
    let text = |part: Part<'_>| json!(or(part.text(), "<none>"));
    vec![
        name_of(object),
        json!(format!("{}/{}", seen.ready, seen.total)),
        json!(reason),
        json!(restarts),
        age_of(object, now),
        json!(or(status.at("podIPs").list().next().map_or("", |ip| ip.at("ip").text()), "<none>")),
        text(spec.at("nodeName")),
        text(status.at("nominatedNodeName")),
        json!(readiness_gates(spec, status)),
    ]
}

/// What is seen of the containers.
struct Seen {
    reason: String,
    initializing: bool,
    ready: usize,
    total: usize,
    restarts: i64,
    last: Option<Timestamp>,
    /// Those of init containers that go on running.
    sidecars: (i64, Option<Timestamp>),
}

impl Seen {
    /// The phase, and how far initialization is.
    fn of(spec: Part<'_>, status: Part<'_>) -> Self {
        let inits = spec.at("initContainers").list();
        let goes_on = |name: &str| {
            let container = inits.clone().rev().find(|container| container.at("name").text() == name);
            container.is_some_and(|container| container.at("restartPolicy").text() == "Always")
        };
        let gated = status.at("conditions").list().any(|condition| {
            condition.at("type").text() == "PodScheduled" && condition.at("reason").text() == "SchedulingGated"
        });
        let reason = or(status.at("reason").text(), status.at("phase").text());
        let sidecars = inits.clone().filter(|container| container.at("restartPolicy").text() == "Always").count();
        let mut seen = Self {
            reason: if gated { "SchedulingGated" } else { reason }.to_owned(),
            initializing: false,
            ready: 0,
            total: spec.at("containers").list().len() + sidecars,
            restarts: 0,
            last: None,
            sidecars: (0, None),
        };
        for (place, container) in status.at("initContainerStatuses").list().enumerate() {
            let (count, ended) = (container.at("restartCount").number(), ended(container));
            let goes_on = goes_on(container.at("name").text());
            seen.restarts += count;
            seen.last = seen.last.max(ended);
            if goes_on {
                seen.sidecars.0 += count;
                seen.sidecars.1 = seen.sidecars.1.max(ended);
            }
            let terminated = container.at("state").at("terminated");
            if terminated.is_there() && terminated.at("exitCode").number() == 0 {
                continue;
            }
            if goes_on && container.at("started").is_true() {
                seen.ready += usize::from(container.at("ready").is_true());
                continue;
            }
            let waiting = container.at("state").at("waiting").at("reason").text();
            seen.reason = if terminated.is_there() {
                format!("Init:{}", how_ended(terminated))
            } else if !matches!(waiting, "" | "PodInitializing") {
                format!("Init:{waiting}")
            } else {
                format!("Init:{place}/{}", inits.len())
            };
            seen.initializing = true;
            break;
        }
        seen
    }

    /// The containers themselves.
    fn containers(&mut self, status: Part<'_>) {
        (self.restarts, self.last) = self.sidecars;
        let (mut running, mut error) = (false, None);
        for container in status.at("containerStatuses").list().rev() {
            self.restarts += container.at("restartCount").number();
            self.last = self.last.max(ended(container));
            let state = container.at("state");
            let (waiting, terminated) = (state.at("waiting").at("reason").text(), state.at("terminated"));
            if !waiting.is_empty() {
                waiting.clone_into(&mut self.reason);
            } else if terminated.is_there() {
                self.reason = how_ended(terminated);
                if terminated.at("exitCode").number() != 0 {
                    error = Some(self.reason.clone());
                }
            } else if container.at("ready").is_true() && state.at("running").is_there() {
                running = true;
                self.ready += 1;
            }
        }
        if self.reason == "Completed" {
            if running && has_ready(status) {
                "Running".clone_into(&mut self.reason);
            } else if let Some(error) = error {
                self.reason = error;
            } else if running {
                "NotReady".clone_into(&mut self.reason);
            }
        }
    }
}

/// When a container ended last.
fn ended(container: Part<'_>) -> Option<Timestamp> {
    age::parse(container.at("lastState").at("terminated").at("finishedAt").text())
}

fn how_ended(terminated: Part<'_>) -> String {
    match (terminated.at("reason").text(), terminated.at("signal").number()) {
        ("", 0) => format!("ExitCode:{}", terminated.at("exitCode").number()),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

/// The first condition of a type counts.
fn is_true(status: Part<'_>, kind: &str) -> bool {
    let condition = status.at("conditions").list().find(|condition| condition.at("type").text() == kind);
    condition.is_some_and(|condition| condition.at("status").text() == "True")
}

/// Any condition counts.
fn has_ready(status: Part<'_>) -> bool {
    let mut conditions = status.at("conditions").list();
    conditions.any(|condition| condition.at("type").text() == "Ready" && condition.at("status").text() == "True")
}

fn readiness_gates(spec: Part<'_>, status: Part<'_>) -> String {
    let gates = spec.at("readinessGates").list();
    let open = gates.clone().filter(|gate| is_true(status, gate.at("conditionType").text())).count();
    if gates.len() == 0 { "<none>".to_owned() } else { format!("{open}/{}", gates.len()) }
}
