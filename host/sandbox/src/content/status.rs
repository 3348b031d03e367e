//! The first status of a pod, which says the quality of its service.
//!
//! Facts: `PrepareForCreate` of `pkg/registry/core/pod/strategy.go`, `ComputePodQOS` of `pkg/apis/core/v1/helper/qos`. Resources
//! of whole pods are [refused](super::Content::supported).

use std::cmp::Ordering;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Object;
use super::place::Place;
use super::quantity::Quantity;
use crate::time;

/// The status of a pod that is created now, whatever it said itself.
pub fn first_pod_status(pod: &Object, now: Timestamp) -> Value {
    let spec = Place::of(pod, "spec");
    let mut status = json!({"phase": "Pending", "qosClass": quality(&spec)});
    if !spec.child("schedulingGates").is_empty() {
        status["conditions"] = json!([{
            "type": "PodScheduled",
            "status": "False",
            "lastProbeTime": null,
            "lastTransitionTime": time::written(now),
            "reason": "SchedulingGated",
            "message": "Scheduling is blocked due to non-empty scheduling gates",
        }]);
    }
    status
}

/// `Guaranteed`: every container says how much it may use at most, and asks for all of it. `BestEffort`: none asks.
fn quality(spec: &Place<'_>) -> &'static str {
    let (mut requests, mut limits) = (BTreeMap::new(), BTreeMap::new());
    let mut limited = true;
    for list in ["containers", "initContainers"] {
        for container in spec.child(list).items() {
            let resources = container.child("resources");
            add(&resources.child("requests"), &mut requests);
            limited &= add(&resources.child("limits"), &mut limits) == 2;
        }
    }
    let same = |(name, asked): (&&str, &Quantity)| {
        limits.get(name).is_some_and(|limit: &Quantity| limit.compare(asked) == Ordering::Equal)
    };
    if requests.is_empty() && limits.is_empty() {
        "BestEffort"
    } else if limited && requests.len() == limits.len() && requests.iter().all(same) {
        "Guaranteed"
    } else {
        "Burstable"
    }
}

/// Adds what a container says of processors and memory. How many of both it says.
fn add(said: &Place<'_>, sums: &mut BTreeMap<&'static str, Quantity>) -> usize {
    let mut count = 0;
    for name in ["cpu", "memory"] {
        let quantity = said.child(name).value().as_str().and_then(|text| Quantity::parse(text).ok());
        let Some(quantity) = quantity.filter(|quantity| quantity.sign() == Ordering::Greater) else { continue };
        count += 1;
        match sums.get_mut(name) {
            Some(sum) => sum.add(&quantity),
            None => {
                sums.insert(name, quantity);
            }
        }
    }
    count
}
