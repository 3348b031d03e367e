//! StatefulSets.
//!
//! Facts: `ValidateStatefulSet*` of `pkg/apis/apps/validation/validation.go`. What claims ask for is not looked at.

use serde_json::{Value, json};

use super::workload::{labelled, restarted, selector, written};
use super::{Causes, pod_spec, values};
use crate::causes::{forbidden, invalid_text, required};
use crate::content::Object;
use crate::content::place::Place;
use crate::selectors::label::LabelSelector;

const NOTHING_ELSE: &str = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

/// A StatefulSet.
pub(super) fn stateful_set(set: &Object, old: Option<&Object>, causes: &mut Causes) {
    let spec = Place::of(set, "spec");
    let policy = spec.child("podManagementPolicy");
    if values::said(&policy, causes) && !matches!(policy.text(), "OrderedReady" | "Parallel") {
        causes.push(values::shown(&policy, "must be 'OrderedReady' or 'Parallel'"));
    }
    let strategy = spec.child("updateStrategy");
    let rolling = strategy.child("rollingUpdate");
    match strategy.child("type").text() {
        "" => causes.push(required(strategy.path(), "")),
        "OnDelete" if rolling.is_said() => {
            let shown = rolling_written(&rolling);
            let why = "only allowed for updateStrategy 'RollingUpdate'";
            causes.push(invalid_text(rolling.path(), &shown, why));
        }
        "RollingUpdate" => values::not_negative(&rolling.child("partition"), causes),
        "OnDelete" => {}
        _ => {
            let why = "must be 'RollingUpdate' or 'OnDelete'";
            let kind = values::json(strategy.child("type").value());
            let shown = format!(r#"{{"Type":{kind},"RollingUpdate":{}}}"#, rolling_written(&rolling));
            causes.push(invalid_text(strategy.path(), &shown, why));
        }
    }
    let retention = spec.child("persistentVolumeClaimRetentionPolicy");
    for name in ["whenDeleted", "whenScaled"] {
        values::one_of(&retention.child(name), &["Retain", "Delete"], causes);
    }
    values::not_negative(&spec.child("replicas"), causes);
    values::not_negative(&spec.child("minReadySeconds"), causes);
    values::not_negative(&spec.child("ordinals").child("start"), causes);
    let service = spec.child("serviceName");
    if old.is_none() && !service.text().is_empty() {
        values::label(&service, causes);
    }
    stateful_template(&spec, causes);
    restarted(&spec.child("template"), "StatefulSet", causes);
    if let Some(old) = old
        && fixed(&spec) != fixed(&Place::of(old, "spec"))
    {
        causes.push(forbidden("spec", NOTHING_ELSE));
    }
}

fn stateful_template(spec: &Place<'_>, causes: &mut Causes) {
    selector(spec, "statefulset", causes);
    let selector = spec.child("selector");
    let Ok(read) = LabelSelector::from_object(Some(selector.value())) else {
        causes.push(invalid_text(selector.path(), &written(&selector), ""));
        return;
    };
    let template = spec.child("template");
    labelled(&template, &read, causes);
    // The claims are volumes of the pods.
    let mut whole = template.value().clone();
    let claims = spec.child("volumeClaimTemplates");
    let claim = |name: &str| json!({"name": name, "persistentVolumeClaim": {"claimName": name}});
    if let Some(pod) = whole.get_mut("spec").and_then(Value::as_object_mut) {
        pod.remove("hostname");
        pod.remove("subdomain");
        let names: Vec<&str> = claims.items().map(|claim| claim.child("metadata").child("name").text()).collect();
        let own = pod.get("volumes").and_then(Value::as_array).cloned().unwrap_or_default();
        let own = own.into_iter().filter(|volume| !names.iter().any(|name| volume["name"] == **name));
        let volumes: Vec<Value> = names.iter().map(|name| claim(name)).chain(own).collect();
        pod.insert("volumes".to_owned(), Value::Array(volumes));
    }
    let mut holder = Object::new();
    holder.insert("template".to_owned(), whole);
    let whole = Place::of(&holder, "template").told(template.path());
    pod_spec::template(&whole, causes);
    pod_spec::metadata(&whole, causes);
}

/// As Go writes its own type, which has no JSON names.
fn rolling_written(rolling: &Place<'_>) -> String {
    if !rolling.is_said() {
        return "null".to_owned();
    }
    let [partition, unavailable] = ["partition", "maxUnavailable"].map(|name| rolling.child(name));
    format!(r#"{{"Partition":{},"MaxUnavailable":{}}}"#, partition.number(), values::json(unavailable.value()))
}

/// What may not change in a StatefulSet.
fn fixed(spec: &Place<'_>) -> Object {
    let may_change = [
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    ];
    let mut fixed = spec.map().cloned().unwrap_or_default();
    fixed.retain(|field, _| !may_change.contains(&field.as_str()));
    fixed
}
