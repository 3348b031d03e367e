//! The status of containers (`convertToAPIContainerStatuses` of `kubelet_pods.go`).

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::images;
use crate::actors::reading::{Object, word};

/// What a container does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// It has not started: reason and message.
    Waiting(&'static str, String),
    /// It runs.
    Running {
        /// What its readiness says.
        ready: bool,
    },
    /// It ran, and ended well.
    Ended,
}

/// Its status. `old` is the one before, and `uid` is the pod's.
pub(super) fn status(container: &Value, old: Option<&Value>, state: &State, uid: &str, now: &str) -> Value {
    let (name, image) = (word(container, "name"), word(container, "image"));
    let since = |field: &str| old.and_then(|old| old["state"][field]["startedAt"].as_str().map(str::to_owned));
    let mut status = Object::new();
    let mut set = |field: &str, value: Value| status.insert(field.to_owned(), value);
    set("name", json!(name));
    set("image", json!(image));
    set("lastState", json!({}));
    set("restartCount", json!(0));
    let id = format!("containerd://{}", hex(&format!("{uid}/{name}")));
    let started = since("running").or_else(|| since("terminated")).unwrap_or_else(|| now.to_owned());
    match state {
        State::Waiting(reason, message) => {
            let mut waiting = json!({"reason": reason});
            if !message.is_empty() {
                waiting["message"] = json!(message);
            }
            set("state", json!({"waiting": waiting}));
        }
        State::Running { .. } => {
            set("state", json!({"running": {"startedAt": started}}));
        }
        State::Ended => {
            let finished = old.and_then(|old| old["state"]["terminated"]["finishedAt"].as_str()).unwrap_or(now);
            set(
                "state",
                json!({"terminated": {
                    "exitCode": 0, "reason": "Completed", "startedAt": started, "finishedAt": finished, "containerID": id,
                }}),
            );
        }
    }
    let is_waiting = matches!(state, State::Waiting(..));
    set("ready", json!(*state == State::Running { ready: true }));
    set("started", json!(matches!(state, State::Running { .. })));
    set("imageID", json!(if is_waiting { String::new() } else { image_id(image) }));
    if !is_waiting {
        set("containerID", json!(id));
        let resources = container.get("resources").cloned().unwrap_or_else(|| json!({}));
        if let Some(requests) = resources.get("requests") {
            set("allocatedResources", requests.clone());
        }
        set("resources", resources);
    }
    let mounts = container.get("volumeMounts").and_then(Value::as_array).into_iter().flatten();
    let mounts: Vec<Value> = mounts.map(mount).collect();
    if !mounts.is_empty() {
        set("volumeMounts", Value::Array(mounts));
    }
    Value::Object(status)
}

fn mount(mount: &Value) -> Value {
    let mut status = json!({"name": mount["name"], "mountPath": mount["mountPath"]});
    if mount["readOnly"] == true {
        status["readOnly"] = json!(true);
        status["recursiveReadOnly"] = json!("Disabled");
    }
    status
}

/// An image, as it would be if its digest were that of its name.
fn image_id(image: &str) -> String {
    let full = images::full(image);
    if full.contains('@') {
        return full;
    }
    let colon = full.rfind(':').unwrap_or(full.len());
    format!("{}@sha256:{}", full.get(..colon).unwrap_or(&full), hex(&full))
}

fn hex(text: &str) -> String {
    use std::fmt::Write as _;
    digest(&SHA256, text.as_bytes()).as_ref().iter().fold(String::new(), |mut hex, byte| {
        // Writing to a text cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
