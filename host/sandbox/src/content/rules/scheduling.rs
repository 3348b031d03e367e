//! Where pods may run.
//!
//! Facts: `ValidateTolerations`, `validateAffinity`, `validateTopologySpreadConstraints` and what they call in
//! `pkg/apis/core/validation/validation.go`.

use serde_json::Value;

use super::{Causes, values};
use crate::causes::{duplicate, duplicate_text, forbidden, invalid, invalid_value, not_supported, required};
use crate::content::place::Place;
use crate::validation::names;

const EFFECTS: &[&str] = &["NoSchedule", "PreferNoSchedule", "NoExecute"];

/// `tolerations`.
pub(super) fn tolerations(list: &Place<'_>, causes: &mut Causes) {
    for toleration in list.items() {
        let [key, operator, value, effect] = ["key", "operator", "value", "effect"].map(|name| toleration.child(name));
        if key.text().is_empty() {
            if operator.text() != "Exists" {
                let why = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
                causes.push(invalid(operator.path(), operator.text(), why));
            }
        } else {
            values::qualified(&key, causes);
        }
        if toleration.child("tolerationSeconds").is_said() && effect.text() != "NoExecute" {
            let why = "effect must be 'NoExecute' when `tolerationSeconds` is set";
            causes.push(invalid(effect.path(), effect.text(), why));
        }
        match operator.text() {
            "" | "Equal" => {
                let wrong = names::label_value(value.text());
                if !wrong.is_empty() {
                    causes.push(invalid(operator.path(), value.text(), &wrong.join(";")));
                }
            }
            "Exists" => {
                if !value.text().is_empty() {
                    let why = "value must be empty when `operator` is 'Exists'";
                    causes.push(invalid(operator.path(), value.text(), why));
                }
            }
            // They are known, but not yet done.
            "Lt" | "Gt" => {
                causes.push(not_supported(operator.path(), operator.text(), &["Equal", "Exists", "Lt", "Gt"]));
            }
            _ => values::one_of(&operator, &["Equal", "Exists"], causes),
        }
        if !effect.text().is_empty() {
            values::one_of(&effect, EFFECTS, causes);
        }
    }
}

/// `taints` of a node.
pub(super) fn taints(list: &Place<'_>, causes: &mut Causes) {
    let mut there = Vec::new();
    for taint in list.items() {
        let [key, value, effect] = ["key", "value", "effect"].map(|name| taint.child(name));
        values::qualified(&key, causes);
        let wrong = names::label_value(value.text());
        if !wrong.is_empty() {
            causes.push(invalid(value.path(), value.text(), &wrong.join(";")));
        }
        values::said_one_of(&effect, EFFECTS, causes);
        let pair = (key.text(), effect.text());
        if there.contains(&pair) {
            let [key, value, effect] = [&key, &value, &effect].map(|place| values::json(&Value::from(place.text())));
            let added = values::json(taint.child("timeAdded").value());
            let shown = format!(r#"{{"Key":{key},"Value":{value},"Effect":{effect},"TimeAdded":{added}}}"#);
            let mut cause = duplicate_text(taint.path(), &shown);
            cause.message.push_str(": taints must be unique by key and effect pair");
            causes.push(cause);
        } else {
            there.push(pair);
        }
    }
}

/// `affinity`.
pub(super) fn affinity(affinity: &Place<'_>, causes: &mut Causes) {
    let [required_name, preferred] =
        ["requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution"];
    let nodes = affinity.child("nodeAffinity");
    let selector = nodes.child(required_name);
    if selector.is_said() {
        let terms = selector.child("nodeSelectorTerms");
        if terms.is_empty() {
            causes.push(required(terms.path(), "must have at least one node selector term"));
        }
        for term in terms.items() {
            node_term(&term, true, causes);
        }
    }
    for term in nodes.child(preferred).items() {
        weight(&term, causes);
        node_term(&term.child("preference"), false, causes);
    }
    for name in ["podAffinity", "podAntiAffinity"] {
        let pods = affinity.child(name);
        for term in pods.child(required_name).items() {
            pod_term(&term, causes);
        }
        for term in pods.child(preferred).items() {
            weight(&term, causes);
            pod_term(&term.child("podAffinityTerm"), causes);
        }
    }
}

fn weight(term: &Place<'_>, causes: &mut Causes) {
    let weight = term.child("weight");
    if !(1..=100).contains(&weight.number()) {
        causes.push(invalid_value(weight.path(), weight.value(), "must be in the range 1-100"));
    }
}

fn node_term(term: &Place<'_>, strict: bool, causes: &mut Causes) {
    for requirement in term.child("matchExpressions").items() {
        let [key, operator, list] = ["key", "operator", "values"].map(|name| requirement.child(name));
        match operator.text() {
            "In" | "NotIn" if list.is_empty() => {
                causes.push(required(list.path(), "must be specified when `operator` is 'In' or 'NotIn'"));
            }
            "Exists" | "DoesNotExist" if !list.is_empty() => {
                let why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                causes.push(forbidden(list.path(), why));
            }
            "Gt" | "Lt" if list.len() != 1 => {
                let why = "must be specified single value when `operator` is 'Lt' or 'Gt'";
                causes.push(required(list.path(), why));
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
            other => causes.push(invalid(operator.path(), other, "not a valid selector operator")),
        }
        values::qualified(&key, causes);
        if strict {
            for value in list.items() {
                values::each(&value, &names::label_value(value.text()), causes);
            }
        }
    }
}

fn pod_term(term: &Place<'_>, causes: &mut Causes) {
    for selector in ["labelSelector", "namespaceSelector"] {
        term.child(selector).selector(causes);
    }
    for namespace in term.child("namespaces").items() {
        values::label(&namespace.told(term.at("namespace")), causes);
    }
    let key = term.child("topologyKey");
    if key.text().is_empty() {
        causes.push(required(key.path(), "can not be empty"));
    }
    values::qualified(&key, causes);
}

/// `topologySpreadConstraints`.
pub(super) fn spread(list: &Place<'_>, causes: &mut Causes) {
    let constraints: Vec<Place<'_>> = list.items().collect();
    for (place, constraint) in constraints.iter().enumerate() {
        let [skew, key, action, least] =
            ["maxSkew", "topologyKey", "whenUnsatisfiable", "minDomains"].map(|name| constraint.child(name));
        positive(&skew, causes);
        if key.text().is_empty() {
            causes.push(required(key.path(), "can not be empty"));
        }
        values::one_of(&action, &["DoNotSchedule", "ScheduleAnyway"], causes);
        let same = |other: &&Place<'_>| {
            other.child("topologyKey").text() == key.text() && other.child("whenUnsatisfiable").text() == action.text()
        };
        if constraints.iter().skip(place + 1).find(same).is_some() {
            let path = constraint.at("{topologyKey, whenUnsatisfiable}");
            causes.push(duplicate(path, &format!("{{{}, {}}}", key.text(), action.text())));
        }
        if least.is_said() {
            positive(&least, causes);
            if action.text() != "DoNotSchedule" {
                let why = format!("can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {}", action.text());
                causes.push(invalid_value(least.path(), least.value(), &why));
            }
        }
        for name in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
            let policy = constraint.child(name);
            if policy.is_said() {
                values::one_of(&policy, &["Honor", "Ignore"], causes);
            }
        }
        constraint.child("labelSelector").selector(causes);
    }
}

fn positive(place: &Place<'_>, causes: &mut Causes) {
    if place.number() <= 0 {
        causes.push(invalid_value(place.path(), &Value::from(place.number()), "must be greater than zero"));
    }
}
