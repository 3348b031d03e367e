//! `ResourceQuota`s.
//!
//! Facts: `ValidateResourceQuota*`, `validateResourceQuotaScopes` and `validateScopeSelector` of
//! `pkg/apis/core/validation/validation.go`.

use super::{Causes, resources, values};
use crate::causes::{invalid, invalid_text, invalid_value, required};
use crate::content::Object;
use crate::content::place::Place;

const PAIRS: [[&str; 2]; 2] = [["BestEffort", "NotBestEffort"], ["Terminating", "NotTerminating"]];

/// A quota.
pub(super) fn quota(quota: &Object, old: Option<&Object>, causes: &mut Causes) {
    let spec = Place::of(quota, "spec");
    let [hard, scopes, selector] = ["hard", "scopes", "scopeSelector"].map(|name| spec.child(name));
    amounts(&hard, causes);
    for scope in scopes.items() {
        if !is_scope(scope.text()) {
            causes.push(invalid_value(scopes.path(), scopes.value(), "unsupported scope"));
        }
        for _ in hard.entries().filter(|(name, _)| !applies(scope.text(), name)) {
            causes.push(invalid_value(scopes.path(), scopes.value(), "unsupported scope applied to resource"));
        }
    }
    conflicts(&scopes, scopes.items().map(|scope| scope.text()), causes);
    selected(&selector, &hard, &scopes, causes);
    match old {
        None => status(quota, causes),
        Some(old) => {
            let names = |scopes: &Place<'_>| {
                let mut names: Vec<String> = scopes.items().map(|scope| scope.text().to_owned()).collect();
                names.sort();
                names.dedup();
                names
            };
            if names(&scopes) != names(&Place::of(old, "spec").child("scopes")) {
                causes.push(invalid_value(scopes.path(), scopes.value(), values::IMMUTABLE));
            }
        }
    }
}

/// What its status says.
pub(super) fn status(quota: &Object, causes: &mut Causes) {
    let status = Place::of(quota, "status");
    for name in ["hard", "used"] {
        amounts(&status.child(name), causes);
    }
}

fn amounts(list: &Place<'_>, causes: &mut Causes) {
    for (name, amount) in list.entries() {
        resources::of_quota(&amount, name, causes);
        resources::amount(&amount, name, causes);
    }
}

/// `scopeSelector`.
fn selected(selector: &Place<'_>, hard: &Place<'_>, scopes: &Place<'_>, causes: &mut Causes) {
    let list = selector.child("matchExpressions");
    for requirement in list.items() {
        // The server does not say which requirement is wrong.
        let [scope, operator, of] =
            ["scopeName", "operator", "values"].map(|name| requirement.child(name).told(list.at(name)));
        if !is_scope(scope.text()) {
            causes.push(invalid(scope.path(), scope.text(), "unsupported scope"));
        }
        for _ in hard.entries().filter(|(name, _)| !applies(scope.text(), name)) {
            let why = "unsupported scope applied to resource";
            causes.push(invalid_text(list.path(), &written(&list), why));
        }
        let alone = matches!(
            scope.text(),
            "BestEffort" | "NotBestEffort" | "Terminating" | "NotTerminating" | "CrossNamespacePodAffinity"
        );
        if alone && operator.text() != "Exists" {
            let why = "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";
            causes.push(invalid(operator.path(), operator.text(), why));
        }
        match operator.text() {
            "In" | "NotIn" if of.is_empty() => {
                let why = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
                causes.push(required(of.path(), why));
            }
            "Exists" | "DoesNotExist" if !of.is_empty() => {
                let why = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
                causes.push(invalid_value(of.path(), of.value(), why));
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            other => causes.push(invalid(operator.path(), other, "not a valid selector operator")),
        }
    }
    conflicts_of(scopes, selector, list.items().map(|requirement| requirement.child("scopeName").text()), causes);
}

fn conflicts<'v>(scopes: &Place<'_>, said: impl Iterator<Item = &'v str>, causes: &mut Causes) {
    let said: Vec<&str> = said.collect();
    for _ in PAIRS.iter().filter(|pair| pair.iter().all(|scope| said.contains(scope))) {
        causes.push(invalid_value(scopes.path(), scopes.value(), "conflicting scopes"));
    }
}

/// The same of a selector, where the server shows the scopes that are in no selector.
fn conflicts_of<'v>(
    scopes: &Place<'_>,
    selector: &Place<'_>,
    said: impl Iterator<Item = &'v str>,
    causes: &mut Causes,
) {
    let path = format!("{}.matchExpressions", selector.path());
    conflicts(&scopes.clone().told(path), said, causes);
}

fn is_scope(scope: &str) -> bool {
    matches!(
        scope,
        "Terminating"
            | "NotTerminating"
            | "BestEffort"
            | "NotBestEffort"
            | "PriorityClass"
            | "VolumeAttributesClass"
            | "CrossNamespacePodAffinity"
    )
}

/// Whether a resource can be limited for a scope.
fn applies(scope: &str, name: &str) -> bool {
    if !resources::is_counted_by_quotas(name) {
        return true;
    }
    let computed =
        matches!(name, "cpu" | "memory" | "limits.cpu" | "limits.memory" | "requests.cpu" | "requests.memory");
    match scope {
        "Terminating" | "NotTerminating" | "NotBestEffort" | "PriorityClass" | "CrossNamespacePodAffinity" => {
            name == "pods" || computed
        }
        "BestEffort" => name == "pods",
        "VolumeAttributesClass" => matches!(name, "persistentvolumeclaims" | "requests.storage"),
        _ => true,
    }
}

/// A selector as Go writes its own type, which has no JSON names.
fn written(list: &Place<'_>) -> String {
    let one = |requirement: Place<'_>| {
        let [scope, operator, values] =
            ["scopeName", "operator", "values"].map(|name| values::json(requirement.child(name).value()));
        format!(r#"{{"ScopeName":{scope},"Operator":{operator},"Values":{values}}}"#)
    };
    let all: Vec<String> = list.items().map(one).collect();
    format!(r#"{{"MatchExpressions":[{}]}}"#, all.join(","))
}
