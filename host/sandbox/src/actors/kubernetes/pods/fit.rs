//! Whether a node is fit for a pod, in the order of the scheduler's filters: whether it takes pods at all, its taints, the pod's
//! selectors, and how many pods there are (`pkg/scheduler/framework/plugins`). Not looked at: CPU, memory, ports, volumes, and what
//! pods want of each other.

use serde_json::{Value, json};

use crate::actors::reading::{Object, at, holds, list, text, word};
use crate::selectors::LabelSelector;

/// The reason that other pods could change.
pub(super) const FULL: &str = "Too many pods";

/// Why it is not.
pub(super) fn unfit(node: &Object, pod: &Object, load: usize) -> Option<&'static str> {
    let unschedulable = json!({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"});
    if at(node, &["spec", "unschedulable"]) == Some(&Value::Bool(true)) && !tolerates(pod, &unschedulable) {
        return Some("node(s) were unschedulable");
    }
    // A real cluster taints a node that is not ready.
    let not_ready = json!({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"});
    let is_ready = holds(node, "Ready") || tolerates(pod, &not_ready);
    let repels = |taint: &&Value| matches!(word(taint, "effect"), "NoSchedule" | "NoExecute");
    if !is_ready || !list(node, &["spec", "taints"]).filter(repels).all(|taint| tolerates(pod, taint)) {
        return Some("node(s) had untolerated taint(s)");
    }
    if !is_selected(node, pod) {
        return Some("node(s) didn't match Pod's node affinity/selector");
    }
    let most = text(node, &["status", "allocatable", "pods"]).parse::<usize>();
    most.is_ok_and(|most| load >= most).then_some(FULL)
}

/// `ToleratesTaint` of `core/v1/toleration.go`.
fn tolerates(pod: &Object, taint: &Value) -> bool {
    list(pod, &["spec", "tolerations"]).any(|toleration| {
        let fits = |field: &str| ["", word(taint, field)].contains(&word(toleration, field));
        let value = match word(toleration, "operator") {
            "Exists" => true,
            _ => word(toleration, "value") == word(taint, "value"),
        };
        fits("effect") && fits("key") && value
    })
}

fn is_selected(node: &Object, pod: &Object) -> bool {
    let labels = at(node, &["metadata", "labels"]).and_then(Value::as_object);
    let wanted = at(pod, &["spec", "nodeSelector"]).and_then(Value::as_object);
    let has = |(name, value): (&String, &Value)| labels.and_then(|labels| labels.get(name)) == Some(value);
    if !wanted.into_iter().flatten().all(has) {
        return false;
    }
    let required = &["spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"];
    let Some(required) = at(pod, required) else { return true };
    // What cannot be read here (`Gt`, `Lt`) matches nothing.
    let matches = |term: &Value| {
        let fields = term.get("matchFields").and_then(Value::as_array).into_iter().flatten();
        let is_named = fields.into_iter().all(|field| {
            let values = field.get("values").and_then(Value::as_array);
            word(field, "operator") == "In"
                && values.is_some_and(|values| values.iter().any(|value| value == text(node, &["metadata", "name"])))
        });
        let labelled = json!({"matchExpressions": term.get("matchExpressions")});
        is_named && LabelSelector::from_object(Some(&labelled)).is_ok_and(|selector| selector.matches(&labels))
    };
    required.get("nodeSelectorTerms").and_then(Value::as_array).into_iter().flatten().any(matches)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(node: &Value, spec: &Value) -> Option<&'static str> {
        let pod = json!({"spec": spec});
        unfit(node.as_object().unwrap(), pod.as_object().unwrap(), 1)
    }

    fn node(spec: &Value) -> Value {
        json!({
            "metadata": {"name": "n", "labels": {"zone": "a"}}, "spec": spec,
            "status": {"allocatable": {"pods": "2"}, "conditions": [{"type": "Ready", "status": "True"}]},
        })
    }

    #[test]
    fn a_node_is_fit_or_says_why_not() {
        let (plain, none) = (json!({}), json!({}));
        assert_eq!(reason(&node(&plain), &none), None);
        let mut full = node(&plain);
        full["status"]["allocatable"]["pods"] = json!("1");
        assert_eq!(reason(&full, &none), Some("Too many pods"));
        assert_eq!(reason(&node(&json!({"unschedulable": true})), &none), Some("node(s) were unschedulable"));
        let selector = |zone: &str| json!({"nodeSelector": {"zone": zone}});
        assert_eq!(reason(&node(&plain), &selector("a")), None);
        let other = Some("node(s) didn't match Pod's node affinity/selector");
        assert_eq!(reason(&node(&plain), &selector("b")), other);
        let affinity = |value: &str| {
            let terms = json!([{"matchExpressions": [{"key": "zone", "operator": "In", "values": [value]}]}]);
            let required = json!({"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}});
            json!({"affinity": {"nodeAffinity": required}})
        };
        assert_eq!((reason(&node(&plain), &affinity("a")), reason(&node(&plain), &affinity("b"))), (None, other));
        let tainted = json!({"taints": [{"key": "k", "value": "v", "effect": "NoSchedule"}, {"key": "x", "effect": "PreferNoSchedule"}]});
        let repelled = Some("node(s) had untolerated taint(s)");
        assert_eq!(reason(&node(&tainted), &none), repelled);
        for (toleration, expected) in [
            (json!({"operator": "Exists"}), None),
            (json!({"key": "k", "operator": "Equal", "value": "v", "effect": "NoSchedule"}), None),
            (json!({"key": "k", "value": "w"}), repelled),
            (json!({"key": "k", "operator": "Exists", "effect": "NoExecute"}), repelled),
        ] {
            assert_eq!(reason(&node(&tainted), &json!({"tolerations": [toleration]})), expected);
        }
        let mut lost = node(&plain);
        lost["status"]["conditions"][0]["status"] = json!("Unknown");
        assert_eq!(reason(&lost, &none), repelled);
    }
}
