//! `PodDisruptionBudget`s.
//!
//! Facts: `ValidatePodDisruptionBudgetSpec` of `pkg/apis/policy/validation/validation.go`.

use super::workload::written;
use super::{Causes, values};
use crate::causes::invalid_text;
use crate::content::Object;
use crate::content::place::Place;

/// A `PodDisruptionBudget`.
pub(super) fn budget(budget: &Object, causes: &mut Causes) {
    let spec = Place::of(budget, "spec");
    let [least, most, policy] =
        ["minAvailable", "maxUnavailable", "unhealthyPodEvictionPolicy"].map(|name| spec.child(name));
    if least.is_said() && most.is_said() {
        let selector = spec.child("selector");
        let selector = if selector.is_said() { written(&selector) } else { "null".to_owned() };
        let [least, most, policy] = [&least, &most, &policy].map(|place| values::json(place.value()));
        let shown = format!(
            r#"{{"MinAvailable":{least},"Selector":{selector},"MaxUnavailable":{most},"UnhealthyPodEvictionPolicy":{policy}}}"#
        );
        causes.push(invalid_text("spec", &shown, "minAvailable and maxUnavailable cannot be both set"));
    }
    for amount in [least, most].into_iter().filter(Place::is_said) {
        values::int_or_percent(&amount, causes);
        values::at_most_all(&amount, causes);
    }
    spec.child("selector").selector(causes);
    if policy.is_said() {
        values::one_of(&policy, &["AlwaysAllow", "IfHealthyBudget"], causes);
    }
}
