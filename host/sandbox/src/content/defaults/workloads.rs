//! What makes pods.

use serde_json::{Value, json};

use super::super::Object;
use super::{dropped, each, inside, part, pod, text, unless_said, unless_set, volumes};

/// A Deployment.
pub(super) fn deployment(deployment: &mut Object) {
    let Some(spec) = part(deployment, "spec") else { return };
    unless_said(spec, "replicas", json!(1));
    rolling_update(spec, "strategy", &json!("25%"), &json!("25%"));
    unless_said(spec, "revisionHistoryLimit", json!(10));
    unless_said(spec, "progressDeadlineSeconds", json!(600));
    pod::template(spec);
}

/// A ReplicaSet.
pub(super) fn replica_set(set: &mut Object) {
    let Some(spec) = part(set, "spec") else { return };
    unless_said(spec, "replicas", json!(1));
    pod::template(spec);
}

/// A DaemonSet.
pub(super) fn daemon_set(set: &mut Object) {
    let Some(spec) = part(set, "spec") else { return };
    rolling_update(spec, "updateStrategy", &json!(1), &json!(0));
    unless_said(spec, "revisionHistoryLimit", json!(10));
    pod::template(spec);
}

/// A StatefulSet.
pub(super) fn stateful_set(set: &mut Object) {
    let Some(spec) = part(set, "spec") else { return };
    unless_set(spec, "podManagementPolicy", json!("OrderedReady"));
    if let Some(strategy) = part(spec, "updateStrategy") {
        if text(strategy, "type").is_empty() {
            unless_set(strategy, "type", json!("RollingUpdate"));
            unless_said(strategy, "rollingUpdate", json!({}));
        }
        if text(strategy, "type") == "RollingUpdate"
            && let Some(rolling) = inside(strategy, "rollingUpdate")
        {
            unless_said(rolling, "partition", json!(0));
            dropped(Some(rolling), &["maxUnavailable"]);
        }
    }
    if let Some(retention) = part(spec, "persistentVolumeClaimRetentionPolicy") {
        unless_set(retention, "whenDeleted", json!("Retain"));
        unless_set(retention, "whenScaled", json!("Retain"));
    }
    unless_said(spec, "replicas", json!(1));
    unless_said(spec, "revisionHistoryLimit", json!(10));
    pod::template(spec);
    each(Some(spec), "volumeClaimTemplates", volumes::claim_template);
}

fn rolling_update(spec: &mut Object, field: &str, unavailable: &Value, surge: &Value) {
    let Some(strategy) = part(spec, field) else { return };
    unless_set(strategy, "type", json!("RollingUpdate"));
    if text(strategy, "type") == "RollingUpdate"
        && let Some(rolling) = part(strategy, "rollingUpdate")
    {
        unless_said(rolling, "maxUnavailable", unavailable.clone());
        unless_said(rolling, "maxSurge", surge.clone());
    }
}
