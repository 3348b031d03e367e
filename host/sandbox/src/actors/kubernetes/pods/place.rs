//! Pods get a node, or the reason why there is none (`pkg/scheduler/schedule_one.go`, `framework/types.go`;
//! `pkg/registry/core/pod/storage/storage.go` for what a binding writes).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Pods, fit};
use crate::actors::reading::{Object, at, list, number, part, text};
use crate::lifecycle::Subresource;
use crate::time;
use crate::world::{Named, World};

impl Pods {
    /// Binds a pod to the node that is fit for it and has the fewest pods.
    pub(super) fn place(&mut self, world: &mut World, named: &Named<'_>, pod: &Object) {
        let is_ours = matches!(text(pod, &["spec", "schedulerName"]), "" | "default-scheduler");
        if !is_ours || list(pod, &["spec", "schedulingGates"]).next().is_some() {
            return;
        }
        let nodes: Vec<Arc<Object>> =
            world.list(named.cluster, "", "nodes", None).iter().filter_map(|node| node.map().ok()).collect();
        let mut reasons: BTreeMap<&'static str, usize> = BTreeMap::new();
        let mut best: Option<(usize, &str)> = None;
        for node in &nodes {
            let name = text(node, &["metadata", "name"]);
            let load = self.load.get(&(named.cluster.into(), name.into())).copied().unwrap_or_default();
            match fit::unfit(node, pod, load) {
                Some(reason) => *reasons.entry(reason).or_default() += 1,
                None if best.is_none_or(|best| (load, name) < best) => best = Some((load, name)),
                None => {}
            }
        }
        let place = (Box::from(named.namespace), Box::from(named.name));
        match best {
            Some((_, node)) => {
                if let Some(unplaced) = self.unplaced.get_mut(named.cluster) {
                    unplaced.remove(&place);
                }
                if let Some(bound) = bind(world, named, pod, node) {
                    // It takes its place before it is looked at again.
                    self.know(named, &bound);
                }
            }
            None => {
                self.unplaced.entry(named.cluster.into()).or_default().insert(place);
                refuse(world, named, &why(nodes.len(), &reasons));
            }
        }
    }
}

/// Writes the node into the pod. A server does this past all that other writes go through: no generation, no managed fields.
fn bind(world: &mut World, named: &Named<'_>, pod: &Object, node: &str) -> Option<Arc<Object>> {
    let serving = world.stored(named.cluster, "", "pods")?;
    let revision = world.kept(named)?.revision();
    let mut bound = pod.clone();
    if let Some(spec) = part(&mut bound, "spec") {
        spec.insert("nodeName".to_owned(), json!(node));
    }
    let condition = json!({"type": "PodScheduled", "status": "True"});
    set_condition(&mut bound, condition, &time::written(world.now));
    world.replace(&named.key(serving.resource), revision, bound).ok()?.map().ok()
}

/// Says why a pod has no node.
fn refuse(world: &mut World, named: &Named<'_>, why: &str) {
    let now = time::written(world.now);
    let _ = world.change(named, Subresource::Status, "kube-scheduler", |pod| {
        let mut condition =
            json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": why});
        if at(pod, &["metadata", "generation"]).is_some() {
            condition["observedGeneration"] = json!(number(pod, &["metadata", "generation"]));
        }
        set_condition(pod, condition, &now);
    });
}

/// `UpdatePodCondition` of `pkg/api/v1/pod/util.go`.
fn set_condition(pod: &mut Object, mut condition: Value, now: &str) {
    condition["lastProbeTime"] = Value::Null;
    condition["lastTransitionTime"] = json!(now);
    let Some(status) = part(pod, "status") else { return };
    let conditions = status.entry("conditions").or_insert_with(|| json!([]));
    let Value::Array(conditions) = conditions else { return };
    match conditions.iter_mut().find(|present| present["type"] == condition["type"]) {
        Some(present) => {
            if present["status"] == condition["status"] {
                condition["lastTransitionTime"] = present["lastTransitionTime"].take();
            }
            *present = condition;
        }
        None => conditions.push(condition),
    }
}

/// `FitError`, and what preemption adds to it.
fn why(nodes: usize, reasons: &BTreeMap<&'static str, usize>) -> String {
    if nodes == 0 {
        return "no nodes available to schedule pods".to_owned();
    }
    let counted = |reasons: Vec<(&str, usize)>| {
        let mut texts: Vec<String> = reasons.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        texts.sort();
        texts.join(", ")
    };
    let full = reasons.get(fit::FULL).copied().unwrap_or_default();
    let helpless = nodes - full;
    let victims = [
        ("No preemption victims found for incoming pod", full),
        ("Preemption is not helpful for scheduling", helpless),
    ];
    format!(
        "0/{nodes} nodes are available: {}. no new claims to deallocate, preemption: 0/{nodes} nodes are available: {}.",
        counted(reasons.iter().map(|(reason, count)| (*reason, *count)).collect()),
        counted(victims.into_iter().filter(|(_, count)| *count > 0).collect()),
    )
}
