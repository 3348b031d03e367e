//! `LimitRange`s: limits that fit together.
//!
//! Facts: `ValidateLimitRange` of `pkg/apis/core/validation/validation.go`. Ratios are not compared with limits.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::{Causes, resources};
use crate::causes::{duplicate, forbidden, invalid, required};
use crate::content::Object;
use crate::content::place::Place;
use crate::content::quantity::Quantity;
use crate::validation::names;

/// A range of limits.
pub(super) fn limit_range(range: &Object, causes: &mut Causes) {
    let mut kinds = Vec::new();
    for limit in Place::of(range, "spec").child("limits").items() {
        let kind = limit.child("type");
        kind_name(&kind, causes);
        if kinds.contains(&kind.text()) {
            causes.push(duplicate(kind.path(), kind.text()));
        }
        kinds.push(kind.text());
        self::limit(&limit, kind.text(), causes);
    }
}

fn kind_name(kind: &Place<'_>, causes: &mut Causes) {
    let wrong = names::label_key(kind.text());
    causes.extend(wrong.iter().map(|why| invalid(kind.path(), kind.text(), why)));
    let standard = matches!(kind.text(), "Pod" | "Container" | "PersistentVolumeClaim") || kind.text().contains('/');
    if wrong.is_empty() && !standard {
        causes.push(invalid(kind.path(), kind.text(), "must be a standard limit type or fully qualified"));
    }
}

fn limit(limit: &Place<'_>, kind: &str, causes: &mut Causes) {
    let of_pods = kind == "Pod";
    let mut said = BTreeSet::new();
    let mut name = |list: &str, causes: &mut Causes| {
        for (name, amount) in limit.child(list).entries() {
            if matches!(kind, "Pod" | "Container") {
                resources::of_container(&amount, name, causes);
            } else {
                resources::any(&amount, name, causes);
            }
            said.insert(name);
        }
    };
    name("max", causes);
    name("min", causes);
    for list in ["default", "defaultRequest"] {
        if !of_pods {
            name(list, causes);
        } else if !limit.child(list).is_empty() {
            causes.push(forbidden(limit.at(list), "may not be specified when `type` is 'Pod'"));
        }
    }
    let storage = ["min", "max"].iter().any(|list| limit.child(list).child("storage").is_said());
    if kind == "PersistentVolumeClaim" && !storage {
        let why = "either minimum or maximum storage value is required, but neither was provided";
        causes.push(required(limit.at("limits"), why));
    }
    name("maxLimitRequestRatio", causes);
    for name in said {
        amounts(limit, name, of_pods, causes);
    }
}

/// The limits of one resource.
fn amounts(limit: &Place<'_>, name: &str, of_pods: bool, causes: &mut Causes) {
    let amount = |list: &str| resources::read(&limit.child(list).child(name));
    let (least, most) = (amount("min"), amount("max"));
    let [default, request] = ["default", "defaultRequest"].map(|list| amount(list).filter(|_| !of_pods));
    let mut not_above =
        |less: &Option<Quantity>, more: &Option<Quantity>, list: &str, shown: &Option<Quantity>, why: &str| {
            if let (Some(less), Some(more), Some(shown)) = (less, more, shown)
                && less.compare(more) == Ordering::Greater
            {
                let why = why.replacen("{}", &less.to_string(), 1).replacen("{}", &more.to_string(), 1);
                causes.push(invalid(format!("{}.{list}[{name}]", limit.path()), &shown.to_string(), &why));
            }
        };
    let in_request = "defaultRequest";
    not_above(&least, &most, "min", &least, "min value {} is greater than max value {}");
    not_above(&least, &request, in_request, &request, "min value {} is greater than default request value {}");
    not_above(&request, &most, in_request, &request, "default request value {} is greater than max value {}");
    not_above(
        &request,
        &default,
        in_request,
        &request,
        "default request value {} is greater than default limit value {}",
    );
    not_above(&least, &default, "default", &least, "min value {} is greater than default value {}");
    not_above(&default, &most, "default", &most, "default value {} is greater than max value {}");
    let ratio = amount("maxLimitRequestRatio");
    let one = Quantity::parse("1").ok();
    let why = ratio.as_ref().map(|ratio| format!("ratio {ratio} is less than 1")).unwrap_or_default();
    not_above(&one, &ratio, "maxLimitRequestRatio", &ratio, &why);
    if let (Some(default), Some(request)) = (&default, &request)
        && default.compare(request) != Ordering::Equal
        && !resources::may_exceed(name)
    {
        let why = format!("default value {default} must equal to defaultRequest value {request} in {name}");
        causes.push(invalid(limit.child("defaultRequest").key(name), &request.to_string(), &why));
    }
}
