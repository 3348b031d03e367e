//! A pod that is deleted: its containers end, its kubelet says so and lets it go (`SyncTerminatingPod` and `SyncTerminatedPod` of
//! `kubelet.go`).

use jiff::{SignedDuration, Timestamp};

use super::containers::State;
use super::status::Seen;
use super::{Pods, at, run};
use crate::actors::reading::{self, Object, list, number, text};
use crate::lifecycle::DeleteOptions;
use crate::time;
use crate::world::{Named, World};

impl Pods {
    /// Ends it when its time has come, or says when that is.
    pub(super) fn end(&mut self, world: &mut World, named: &Named<'_>, pod: &Object) -> Option<Timestamp> {
        let is_over = matches!(text(pod, &["status", "phase"]), "Succeeded" | "Failed");
        let grace = number(pod, &["metadata", "deletionGracePeriodSeconds"]);
        if is_over && grace == 0 {
            // What holds it is its finalizers.
            return None;
        }
        let last = reading::time(pod, &["metadata", "deletionTimestamp"]).unwrap_or(world.now);
        let stop = SignedDuration::try_from(self.pace.stop).unwrap_or(SignedDuration::MAX);
        let end = reading::later(last, grace.saturating_neg()).saturating_add(stop).unwrap_or(last).min(last);
        if end > world.now {
            return Some(end);
        }
        if let Some(known) = self.known.get_mut(&at(named)).filter(|known| known.started) {
            known.started = false;
            self.kubelet.stopped(named.cluster, pod);
        }
        if !is_over {
            tell(world, named, pod);
        }
        let uid = Some(text(pod, &["metadata", "uid"]).to_owned());
        let options = DeleteOptions { grace_period_seconds: Some(0), uid, ..DeleteOptions::default() };
        // If it is gone, it has ended.
        let _ = world.discard(named, &options);
        None
    }
}

/// Says that its containers have ended. One that never started has failed.
fn tell(world: &mut World, named: &Named<'_>, pod: &Object) {
    let now = time::written(world.now);
    let host_ip = text(pod, &["status", "hostIP"]);
    let states = |field: &str| -> Vec<State> {
        list(pod, &["status", field])
            .map(|status| match status["state"]["waiting"]["reason"].as_str() {
                Some("ErrImagePull") => State::Waiting("ErrImagePull", message(status)),
                Some("ImagePullBackOff") => State::Waiting("ImagePullBackOff", message(status)),
                Some("CreateContainerConfigError") => State::Waiting("CreateContainerConfigError", message(status)),
                Some("PodInitializing") => State::Waiting("PodInitializing", String::new()),
                Some(_) => State::Waiting("ContainerCreating", String::new()),
                None => State::Ended,
            })
            .collect()
    };
    let containers = states("containerStatuses");
    let ended = !containers.is_empty() && containers.iter().all(|state| *state == State::Ended);
    let seen = Seen {
        containers,
        init: states("initContainerStatuses"),
        phase: if ended { "Succeeded" } else { "Failed" },
        is_set_up: false,
        ip: "",
        host_ip,
        now: &now,
    };
    run::write(world, named, pod, &seen);
}

fn message(status: &serde_json::Value) -> String {
    status["state"]["waiting"]["message"].as_str().unwrap_or_default().to_owned()
}
