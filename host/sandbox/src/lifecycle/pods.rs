//! Pods: they are given time to end, which the kubelet takes, and if they have no node, nobody does
//! (`pkg/registry/core/pod/strategy.go`, `rest.BeforeDelete`).

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::delete_options::DeleteOptions;
use super::metadata::{self, Metadata, Object};
use crate::status::Failure;
use crate::time;

/// The time that a deletion gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grace {
    /// None: it is gone when its finalizers are.
    None,
    /// That of an earlier deletion, which is not longer.
    Pending,
    /// So many seconds, from now on; it is in the metadata.
    Given(i64),
}

/// Gives it time.
pub(super) fn grace(pod: &mut Object, options: &DeleteOptions, now: Timestamp) -> Result<Grace, Failure> {
    let asked = options.grace_period_seconds.map(at_least_some);
    let metadata = Metadata::of(pod);
    if let Some(since) = metadata.get("deletionTimestamp") {
        let Some(given) = metadata.grace().map(at_least_some).filter(|given| *given != 0) else {
            return Ok(Grace::None);
        };
        let Some(mut asked) = asked.filter(|asked| *asked < given) else { return Ok(Grace::Pending) };
        let since =
            since.as_str().and_then(time::read).ok_or_else(|| Failure::bad_request("deletionTimestamp is no time"))?;
        let mut end = later(later(since, given.saturating_neg()), asked);
        if end < now {
            end = now;
            asked = asked.min(1);
        }
        end_at(pod, end, asked)?;
        return Ok(Grace::Given(asked));
    }
    let spec = |field: &str| pod.get("spec").and_then(|spec| spec.get(field));
    let default = spec("terminationGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(0);
    let phase = pod.get("status").and_then(|status| status.get("phase")).and_then(Value::as_str);
    let runs = spec("nodeName").and_then(Value::as_str).is_some_and(|node| !node.is_empty())
        && !matches!(phase, Some("Failed" | "Succeeded"));
    let given = if runs { at_least_some(asked.unwrap_or(default)) } else { 0 };
    let generation = metadata.generation();
    end_at(pod, later(now, given), given)?;
    if generation > 0 {
        metadata::of_mut(pod)?.insert("generation".to_owned(), json!(generation.saturating_add(1)));
    }
    Ok(Grace::Given(given))
}

/// What an update of `/status` does not take away from a status.
pub(super) fn keep_status(new: &mut Object, old: &Object) {
    let Some(status) = new.get_mut("status").and_then(Value::as_object_mut) else { return };
    let old = old.get("status").and_then(Value::as_object);
    let is_unset = |value: Option<&Value>| value.is_none_or(|value| value.is_null() || value == "" || value == 0);
    for field in ["qosClass", "observedGeneration"] {
        if is_unset(status.get(field)) {
            metadata::keep(status, old, field);
        }
    }
    let mut generations: BTreeMap<&str, VecDeque<&Value>> = BTreeMap::new();
    for condition in conditions(old) {
        let kind = condition.get("type").and_then(Value::as_str).unwrap_or("");
        let generation = condition.get("observedGeneration").unwrap_or(&Value::Null);
        generations.entry(kind).or_default().push_back(generation);
    }
    let written = status.get_mut("conditions").and_then(Value::as_array_mut).into_iter().flatten();
    for condition in written.filter_map(Value::as_object_mut) {
        let kind = condition.get("type").and_then(Value::as_str).unwrap_or("");
        let generation = generations.get_mut(kind).and_then(VecDeque::pop_front);
        if is_unset(condition.get("observedGeneration")) {
            let generation = generation.filter(|generation| !is_unset(Some(generation))).cloned();
            metadata::set(condition, "observedGeneration", generation);
        }
    }
}

fn conditions(status: Option<&Object>) -> impl Iterator<Item = &Object> {
    let conditions = status.and_then(|status| status.get("conditions")).and_then(Value::as_array);
    conditions.into_iter().flatten().filter_map(Value::as_object)
}

/// Negative times are a second.
fn at_least_some(seconds: i64) -> i64 {
    if seconds < 0 { 1 } else { seconds }
}

fn later(time: Timestamp, seconds: i64) -> Timestamp {
    time.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(time)
}

fn end_at(pod: &mut Object, end: Timestamp, seconds: i64) -> Result<(), Failure> {
    let metadata = metadata::of_mut(pod)?;
    metadata.insert("deletionTimestamp".to_owned(), json!(time::written(end)));
    metadata.insert("deletionGracePeriodSeconds".to_owned(), json!(seconds));
    Ok(())
}
