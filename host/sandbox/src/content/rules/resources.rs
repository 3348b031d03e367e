//! Resources: their names, how much of them, what a container asks for.
//!
//! Facts: `validateResourceRequirements`, `ValidateResourceQuantityValue` and the checks of names in
//! `pkg/apis/core/validation/validation.go`; `pkg/apis/core/helper/helpers.go`.

use std::cmp::Ordering;

use super::{Causes, values};
use crate::causes::{invalid, required};
use crate::content::place::Place;
use crate::content::quantity::Quantity;
use crate::validation::names;

const COUNTED: &[&str] = &[
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
];
const COMPUTED: &[&str] = &[
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
];

/// What a container needs and may use.
pub(super) fn requirements(resources: &Place<'_>, causes: &mut Causes) {
    let [limits, requests] = ["limits", "requests"].map(|name| resources.child(name));
    for (name, limit) in limits.entries() {
        of_container(&limit, name, causes);
        amount(&limit, name, causes);
    }
    for (name, request) in requests.entries() {
        of_container(&request, name, causes);
        amount(&request, name, causes);
        let may_differ = may_exceed(name);
        match (read(&request), read(&limits.child(name))) {
            (Some(asked), Some(limit)) => {
                let order = asked.compare(&limit);
                let how = if order != Ordering::Equal && !may_differ {
                    "must be equal to"
                } else if order == Ordering::Greater {
                    "must be less than or equal to"
                } else {
                    continue;
                };
                causes.push(invalid(requests.path(), request.text(), &format!("{how} {name} limit of {limit}")));
            }
            (Some(_), None) if !may_differ => {
                causes.push(required(limits.path(), "Limit must be set for non overcommitable resources"));
            }
            _ => {}
        }
    }
}

/// A quantity that is not negative, and whole where it counts something.
pub(super) fn amount(place: &Place<'_>, name: &str, causes: &mut Causes) {
    let Some(quantity) = read(place) else { return };
    if quantity.sign() == Ordering::Less {
        causes.push(invalid(place.path(), place.text(), "must be greater than or equal to 0"));
    }
    if (COUNTED.contains(&name) || is_extended(name)) && !quantity.is_whole() {
        causes.push(invalid(place.path(), place.text(), "must be an integer"));
    }
}

/// A quantity of an object that was read.
pub(super) fn read(place: &Place<'_>) -> Option<Quantity> {
    place.value().as_str().and_then(|text| Quantity::parse(text).ok())
}

/// The name of a resource that a container can have.
pub(super) fn of_container(place: &Place<'_>, name: &str, causes: &mut Causes) {
    any(place, name, causes);
    let wrong = if name.contains('/') {
        (!is_native(name) && !is_extended(name)).then_some("doesn't follow extended resource name standard")
    } else {
        let standard = matches!(name, "cpu" | "memory" | "ephemeral-storage") || name.starts_with("hugepages-");
        (!standard).then_some("must be a standard resource for containers")
    };
    causes.extend(wrong.map(|why| invalid(place.path(), name, why)));
}

/// The name of a resource that a quota can limit.
pub(super) fn of_quota(place: &Place<'_>, name: &str, causes: &mut Causes) {
    any(place, name, causes);
    if !name.contains('/') && !is_counted_by_quotas(name) {
        causes.push(invalid(place.path(), name, "must be a standard resource for quota"));
    }
}

/// Whether a quota knows the resource.
pub(super) fn is_counted_by_quotas(name: &str) -> bool {
    COUNTED.contains(&name) || COMPUTED.contains(&name) || name == "requests.storage" || is_huge(name)
}

/// The name of a resource.
pub(super) fn any(place: &Place<'_>, name: &str, causes: &mut Causes) {
    let wrong = names::label_key(name);
    if wrong.is_empty() {
        if !name.contains('/') && !is_counted_by_quotas(name) && name != "storage" {
            causes.push(invalid(place.path(), name, "must be a standard resource type or fully qualified"));
        }
        return;
    }
    causes.extend(wrong.iter().map(|why| invalid(place.path(), name, why)));
}

/// Of Kubernetes itself.
fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

/// Whether more may be used than was asked for (`IsOvercommitAllowed`).
pub(super) fn may_exceed(name: &str) -> bool {
    is_native(name) && !name.starts_with("hugepages-")
}

fn is_huge(name: &str) -> bool {
    name.starts_with("hugepages-") || name.starts_with("requests.hugepages-")
}

fn is_extended(name: &str) -> bool {
    !is_native(name) && !name.starts_with("requests.") && names::label_key(&format!("requests.{name}")).is_empty()
}

/// What a field of a container says about, in `resourceFieldRef`.
pub(super) fn field(reference: &Place<'_>, of_volume: bool, causes: &mut Causes) {
    const FIELDS: &[&str] = &[
        "limits.cpu",
        "limits.ephemeral-storage",
        "limits.memory",
        "requests.cpu",
        "requests.ephemeral-storage",
        "requests.memory",
    ];
    let [container, resource, divisor] = ["containerName", "resource", "divisor"].map(|name| reference.child(name));
    let name = resource.text();
    let huge = ["limits.hugepages-", "requests.hugepages-"].iter().any(|prefix| name.starts_with(prefix));
    if of_volume && container.text().is_empty() {
        causes.push(required(container.path(), ""));
    } else if !huge {
        values::said_one_of(&resource, FIELDS, causes);
    }
    if read(&divisor).is_none_or(|divisor| divisor.sign() == Ordering::Equal) {
        return;
    }
    let bytes = "1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei";
    let (units, of) = match name.split_once('.').map(|(_, of)| of) {
        Some("cpu") => ("1m and 1", "cpu"),
        Some("memory") => (bytes, "memory"),
        Some("ephemeral-storage") => (bytes, "local ephemeral storage"),
        _ if huge => (bytes, "hugepages"),
        _ => return,
    };
    if !units.split([',', ' ']).any(|unit| unit == divisor.text()) {
        let why = format!("only divisor's values {units} are supported with the {of} resource");
        causes.push(invalid(divisor.path(), name, &why));
    }
}
