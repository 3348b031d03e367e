//! Deployments, ReplicaSets and DaemonSets: what makes pods.
//!
//! Facts: `ValidateDeployment*`, `ValidateReplicaSet*` and `ValidateDaemonSet*` of `pkg/apis/apps/validation/validation.go`.
//! Labels of a template that are said to be none (`labels: {}`) are shown as `null`, since [reading](crate::content::decode())
//! drops them.

use super::{Causes, pod_spec, values};
use crate::causes::{invalid_text, not_supported, not_supported_text, required};
use crate::content::Object;
use crate::content::place::Place;
use crate::selectors::label::LabelSelector;

/// A Deployment.
pub(super) fn deployment(deployment: &Object, old: Option<&Object>, causes: &mut Causes) {
    let spec = Place::of(deployment, "spec");
    values::not_negative(&spec.child("replicas"), causes);
    selected(&spec, "deployment", causes);
    strategy(&spec.child("strategy"), causes);
    values::not_negative(&spec.child("minReadySeconds"), causes);
    values::not_negative(&spec.child("revisionHistoryLimit"), causes);
    let deadline = spec.child("progressDeadlineSeconds");
    if deadline.is_said() {
        values::not_negative(&deadline, causes);
        if deadline.number() <= spec.child("minReadySeconds").number() {
            causes.push(values::shown(&deadline, "must be greater than minReadySeconds"));
        }
    }
    same_selector(&spec, old, causes);
}

/// A ReplicaSet.
pub(super) fn replica_set(set: &Object, old: Option<&Object>, causes: &mut Causes) {
    let spec = Place::of(set, "spec");
    values::not_negative(&spec.child("replicas"), causes);
    values::not_negative(&spec.child("minReadySeconds"), causes);
    // The server calls it so.
    selected(&spec, "deployment", causes);
    same_selector(&spec, old, causes);
}

/// A DaemonSet.
pub(super) fn daemon_set(set: &Object, old: Option<&Object>, causes: &mut Causes) {
    let spec = Place::of(set, "spec");
    same_selector(&spec, old, causes);
    let selector = spec.child("selector");
    selector.selector(causes);
    let labels = spec.child("template").child("metadata").child("labels");
    match LabelSelector::from_object(Some(selector.value())) {
        Ok(read) if !read.matches(&labels.map()) => {
            causes.push(values::shown(&labels, "`selector` does not match template `labels`"));
        }
        _ => {}
    }
    if selector.is_said() && is_empty(&selector) {
        causes.push(invalid_text(selector.path(), &written(&selector), "empty selector is invalid for daemonset"));
    }
    let template = spec.child("template");
    pod_spec::template(&template, causes);
    restarted(&template, "DaemonSet", causes);
    values::not_negative(&spec.child("minReadySeconds"), causes);
    let strategy = spec.child("updateStrategy");
    match strategy.child("type").text() {
        "OnDelete" => {}
        "RollingUpdate" => daemon_update(&strategy.child("rollingUpdate"), causes),
        _ => causes.push(not_supported_text(
            strategy.path(),
            &strategy_written(&strategy),
            &["RollingUpdate", "OnDelete"],
        )),
    }
    values::not_negative(&spec.child("revisionHistoryLimit"), causes);
}

/// The selector, and the template that has to have the labels it selects.
fn selected(spec: &Place<'_>, kind: &str, causes: &mut Causes) {
    selector(spec, kind, causes);
    let selector = spec.child("selector");
    match LabelSelector::from_object(Some(selector.value())) {
        Err(_) => causes.push(invalid_text(selector.path(), &written(&selector), "invalid label selector")),
        Ok(read) => {
            let template = spec.child("template");
            labelled(&template, &read, causes);
            pod_spec::template(&template, causes);
            restarted(&template, "ReplicaSet", causes);
        }
    }
}

pub(super) fn selector(spec: &Place<'_>, kind: &str, causes: &mut Causes) {
    let selector = spec.child("selector");
    if !selector.is_said() {
        causes.push(required(selector.path(), ""));
        return;
    }
    selector.selector(causes);
    if is_empty(&selector) {
        let why = format!("empty selector is invalid for {kind}");
        causes.push(invalid_text(selector.path(), &written(&selector), &why));
    }
}

pub(super) fn labelled(template: &Place<'_>, selector: &LabelSelector, causes: &mut Causes) {
    let labels = template.child("metadata").child("labels");
    if !selector.is_everything() && !selector.matches(&labels.map()) {
        causes.push(values::shown(&labels, "`selector` does not match template `labels`"));
    }
}

pub(super) fn restarted(template: &Place<'_>, kind: &str, causes: &mut Causes) {
    let spec = template.child("spec");
    let policy = spec.child("restartPolicy");
    if policy.text() != "Always" {
        causes.push(not_supported(policy.path(), policy.text(), &["Always"]));
    }
    let why = format!("activeDeadlineSeconds in {kind} is not Supported");
    values::refused(&spec.child("activeDeadlineSeconds"), &why, causes);
}

fn strategy(strategy: &Place<'_>, causes: &mut Causes) {
    let rolling = strategy.child("rollingUpdate");
    match strategy.child("type").text() {
        "Recreate" => {
            values::refused(&rolling, "may not be specified when strategy `type` is 'Recreate'", causes);
        }
        "RollingUpdate" => {
            let [unavailable, surge] = ["maxUnavailable", "maxSurge"].map(|name| rolling.child(name));
            values::int_or_percent(&unavailable, causes);
            values::int_or_percent(&surge, causes);
            if values::amount(&unavailable) == 0 && values::amount(&surge) == 0 {
                causes.push(values::shown(&unavailable, "may not be 0 when `maxSurge` is 0"));
            }
            values::at_most_all(&unavailable, causes);
        }
        _ => causes.push(not_supported_text(
            strategy.path(),
            &strategy_written(strategy),
            &["Recreate", "RollingUpdate"],
        )),
    }
}

fn daemon_update(rolling: &Place<'_>, causes: &mut Causes) {
    let [unavailable, surge] = ["maxUnavailable", "maxSurge"].map(|name| rolling.child(name));
    for amount in [&unavailable, &surge] {
        values::int_or_percent(amount, causes);
    }
    for amount in [&unavailable, &surge] {
        values::at_most_all(amount, causes);
    }
    match (values::amount(&unavailable) != 0, values::amount(&surge) != 0) {
        (true, true) => causes.push(values::shown(&surge, "may not be set when maxUnavailable is non-zero")),
        (false, false) => causes.push(required(unavailable.path(), "cannot be 0 when maxSurge is 0")),
        _ => {}
    }
}

fn same_selector(spec: &Place<'_>, old: Option<&Object>, causes: &mut Causes) {
    let Some(old) = old else { return };
    let selector = spec.child("selector");
    if selector.value() != Place::of(old, "spec").child("selector").value() {
        let shown = if selector.is_said() { written(&selector) } else { "null".to_owned() };
        causes.push(invalid_text(selector.path(), &shown, values::IMMUTABLE));
    }
}

fn is_empty(selector: &Place<'_>) -> bool {
    ["matchLabels", "matchExpressions"].iter().all(|name| selector.child(name).is_empty())
}

/// A selector as Go writes it.
pub(super) fn written(selector: &Place<'_>) -> String {
    let parts = ["matchLabels", "matchExpressions"].map(|name| selector.child(name));
    let parts = parts.iter().zip(["matchLabels", "matchExpressions"]).filter(|(part, _)| !part.is_empty());
    let parts: Vec<String> = parts.map(|(part, name)| format!("\"{name}\":{}", values::json(part.value()))).collect();
    format!("{{{}}}", parts.join(","))
}

/// A strategy as Go writes its own type, which has no JSON names.
fn strategy_written(strategy: &Place<'_>) -> String {
    let rolling = strategy.child("rollingUpdate");
    let part = |name: &str| {
        let amount = rolling.child(name);
        if amount.is_said() { values::json(amount.value()) } else { "0".to_owned() }
    };
    let rolling = if rolling.is_said() {
        format!(r#"{{"MaxUnavailable":{},"MaxSurge":{}}}"#, part("maxUnavailable"), part("maxSurge"))
    } else {
        "null".to_owned()
    };
    format!(r#"{{"Type":{},"RollingUpdate":{rolling}}}"#, values::json(strategy.child("type").value()))
}
