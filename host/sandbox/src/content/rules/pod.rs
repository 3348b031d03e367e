//! Pods: new ones, what an update may change, and their status.
//!
//! Facts: `ValidatePodCreate`, `ValidatePodUpdate` and `ValidatePodStatusUpdate` of `pkg/apis/core/validation/validation.go`.
//! A server adds to `pod updates may not change fields …` what differs, as Go prints it; here that part is missing. Of a
//! status that a kubelet writes, what is in containers is not looked at but for their restart, nor are pairs of addresses.

use serde_json::{Map, Value};

use super::{Causes, address, container, pod_spec, scheduling, values};
use crate::causes::{forbidden, invalid, invalid_value};
use crate::content::Object;
use crate::content::place::Place;
use crate::validation::names;

const MAY_CHANGE: &str = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/// A pod.
pub(super) fn pod(pod: &Object, old: Option<&Object>, causes: &mut Causes) {
    let spec = Place::of(pod, "spec");
    let annotations = Place::of(pod, "metadata").child("annotations");
    pod_spec::annotations(&annotations, &spec, causes);
    pod_spec::spec(&spec, true, causes);
    if spec.child("serviceAccountName").text().is_empty() {
        for volume in spec.child("volumes").items() {
            for source in volume.child("projected").child("sources").items() {
                let why = "must not be specified when serviceAccountName is not set";
                values::refused(&source.child("serviceAccountToken"), why, causes);
            }
        }
    }
    for list in ["containers", "initContainers"] {
        for image in spec.child(list).items().map(|container| container.child("image")) {
            whitespace(&image, causes);
        }
    }
    if let Some(old) = old {
        change(&spec, &Place::of(old, "spec"), causes);
        return;
    }
    container::no_ephemeral(&spec, "cannot be set on create", causes);
    if !spec.child("nodeName").text().is_empty() && !spec.child("schedulingGates").is_empty() {
        causes.push(forbidden(spec.at("nodeName"), "cannot be set until all schedulingGates have been cleared"));
    }
}

fn whitespace(image: &Place<'_>, causes: &mut Causes) {
    if image.text().trim() != image.text() {
        causes.push(invalid(image.path(), image.text(), "must not have leading or trailing whitespace"));
    }
}

/// What an update may change.
fn change(spec: &Place<'_>, old: &Place<'_>, causes: &mut Causes) {
    for list in ["containers", "initContainers"] {
        let [new, before] = [spec, old].map(|spec| spec.child(list));
        if new.len() != before.len() {
            causes.push(forbidden(new.path(), "pod updates may not add or remove containers"));
            return;
        }
        for image in new.items().map(|container| container.child("image")) {
            values::said(&image, causes);
            whitespace(&image, causes);
        }
    }
    let [deadline, before] = [spec, old].map(|spec| spec.child("activeDeadlineSeconds"));
    if deadline.is_said() {
        let so_far = causes.len();
        values::between(&deadline, 0, i64::from(i32::MAX), causes);
        if causes.len() == so_far && before.is_said() && before.number() < deadline.number() {
            let why = "must be less than or equal to previous value";
            causes.push(invalid_value(deadline.path(), deadline.value(), why));
        }
        if causes.len() > so_far {
            return;
        }
    } else if before.is_said() {
        let why = "must not update from a positive integer to nil value";
        causes.push(invalid_value(deadline.path(), &Value::Null, why));
    }
    let list = spec.child("tolerations");
    let kept = |before: &Place<'_>| list.items().any(|toleration| same_toleration(&toleration, before));
    if old.child("tolerations").items().all(|before| kept(&before)) {
        scheduling::tolerations(&list, causes);
    } else {
        let why = "existing toleration can not be modified except its tolerationSeconds";
        causes.push(forbidden(list.path(), why));
    }
    let before: Vec<&str> = old.child("schedulingGates").items().map(|gate| gate.child("name").text()).collect();
    for name in spec.child("schedulingGates").items().map(|gate| gate.child("name")) {
        if !before.contains(&name.text()) {
            let why = format!("only deletion is allowed, but found new scheduling gate '{}'", name.text());
            causes.push(forbidden(name.path(), &why));
        }
    }
    if fixed(spec, old) != fixed(old, old) {
        causes.push(forbidden(spec.path(), MAY_CHANGE));
    }
}

fn same_toleration(new: &Place<'_>, old: &Place<'_>) -> bool {
    let part = |toleration: &Place<'_>| {
        let mut fields = toleration.map().cloned().unwrap_or_default();
        fields.remove("tolerationSeconds");
        fields
    };
    part(new) == part(old)
}

/// What may not change: the spec without what may.
fn fixed(spec: &Place<'_>, old: &Place<'_>) -> Map<String, Value> {
    let mut fixed = spec.map().cloned().unwrap_or_default();
    for field in ["activeDeadlineSeconds", "tolerations", "schedulingGates"] {
        fixed.remove(field);
    }
    for list in ["containers", "initContainers"] {
        for container in fixed.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(container) = container.as_object_mut() {
                container.remove("image");
            }
        }
    }
    let grace = "terminationGracePeriodSeconds";
    if old.child(grace).number() < 0 && spec.child(grace).number() == 1 {
        fixed.insert(grace.to_owned(), old.child(grace).value().clone());
    }
    fixed
}

/// The status of a pod.
pub(super) fn status(pod: &Object, old: Option<&Object>, causes: &mut Causes) {
    let status = Place::of(pod, "status");
    for condition in status.child("conditions").items() {
        let generation = condition.child("observedGeneration");
        if generation.number() < 0 {
            causes.push(invalid_value(generation.path(), generation.value(), "must be a non-negative integer"));
        }
        let kind = condition.child("type");
        if !matches!(kind.text(), "PodScheduled" | "Ready" | "Initialized") {
            values::qualified(&kind.told(condition.at("Type")), causes);
        }
    }
    let Some(old) = old else { return };
    let before = Place::of(old, "status");
    let nominated = status.child("nominatedNodeName");
    if nominated.text() != before.child("nominatedNodeName").text() && !nominated.text().is_empty() {
        values::each(&nominated, &names::subdomain(nominated.text()), causes);
        if !Place::of(old, "spec").child("nodeName").text().is_empty() {
            causes.push(forbidden(nominated.path(), "may not be set on pods that are already bound to a node"));
        }
    }
    let generation = status.child("observedGeneration");
    if generation.number() < 0 {
        causes.push(invalid_value(generation.path(), generation.value(), "must be a non-negative integer"));
    }
    values::immutable(&status.child("qosClass"), &before.child("qosClass"), causes);
    restarts(&status, &before, &Place::of(old, "spec"), causes);
    let of_node = status.child("hostIPs").items().next().map(|entry| entry.child("ip"));
    if let Some(first) = of_node.filter(|first| first.text() != status.child("hostIP").text()) {
        causes.push(invalid(first.path(), first.text(), "must be equal to `hostIP`"));
    }
    for name in ["podIPs", "hostIPs"] {
        let were: Vec<&str> = before.child(name).items().map(|entry| entry.child("ip").text()).collect();
        for entry in status.child(name).items() {
            let address = entry.child("ip");
            if !were.contains(&address.text()) {
                address::one(&address.told(entry.path()), causes);
            }
        }
    }
}

/// A container that has ended and is not to be restarted stays so.
fn restarts(status: &Place<'_>, before: &Place<'_>, spec: &Place<'_>, causes: &mut Causes) {
    let list = status.child("containerStatuses");
    for (place, old) in before.child("containerStatuses").items().enumerate() {
        let ended = old.child("state").child("terminated");
        let name = old.child("name").text();
        let named = |one: &Place<'_>| one.child("name").text() == name;
        let new = list.items().find(|new| named(new));
        if !ended.is_said() || new.is_none_or(|new| new.child("state").child("terminated").is_said()) {
            continue;
        }
        let container = spec.child("containers").items().find(named);
        let own = container.map(|container| container.child("restartPolicy").text());
        let policy = own.map(|own| if own.is_empty() { spec.child("restartPolicy").text() } else { own });
        let may = match policy {
            Some("Always") => true,
            Some("OnFailure") => ended.child("exitCode").number() != 0,
            _ => false,
        };
        if !may {
            let path = format!("{}[{place}].state", list.path());
            causes.push(forbidden(path, "may not be transitioned to non-terminated state"));
        }
    }
}
