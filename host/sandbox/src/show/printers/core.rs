//! Namespaces, Secrets, ConfigMaps, ServiceAccounts, quotas, priorities, Leases.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{age_of, name_of};
use crate::show::table::{AGE, Column, NAME, Part, column};

pub(super) const NAMESPACE: &[Column<'static>] =
    &[NAME, column("Status", "string", "The status of the namespace"), AGE];

pub(super) fn namespace(object: &Map<String, Value>, now: Timestamp) -> Vec<Value> {
    vec![name_of(object), json!(Part::of(object, "status").at("phase").text()), age_of(object, now)]
}

pub(super) const SECRET: &[Column<'static>] = &[
    NAME,
    column(
        "Type",
        "string",
        "Used to facilitate programmatic handling of secret data. More info: https://kubernetes.io/docs/concepts/configuration/secret/#secret-types",
    ),
    column(
        "Data",
        "string",
        "Data contains the secret data. Each key must consist of alphanumeric characters, '-', '_' or '.'. The serialized form of the secret data is a base64 encoded string, representing the arbitrary (possibly non-string) data value here. Described in https://tools.ietf.org/html/rfc4648#section-4",
    ),
    AGE,
];

pub(super) fn secret(object: &Map<String, Value>, now: Timestamp) -> Vec<Value> {
    let count = Part::of(object, "data").count();
    vec![name_of(object), json!(Part::of(object, "type").text()), json!(count), age_of(object, now)]
}

pub(super) const CONFIG_MAP: &[Column<'static>] = &[
    NAME,
    column(
        "Data",
        "string",
        "Data contains the configuration data. Each key must consist of alphanumeric characters, '-', '_' or '.'. Values with non-UTF-8 byte sequences must use the BinaryData field. The keys stored in Data must not overlap with the keys in the BinaryData field, this is enforced during validation process.",
    ),
    AGE,
];

pub(super) fn config_map(object: &Map<String, Value>, now: Timestamp) -> Vec<Value> {
    let count = Part::of(object, "data").count() + Part::of(object, "binaryData").count();
    vec![name_of(object), json!(count), age_of(object, now)]
}

pub(super) const SERVICE_ACCOUNT: &[Column<'static>] = &[NAME, AGE];

pub(super) fn service_account(object: &Map<String, Value>, now: Timestamp) -> Vec<Value> {
    vec![name_of(object), age_of(object, now)]
}

pub(super) const RESOURCE_QUOTA: &[Column<'static>] = &[
    NAME,
    column("Request", "string", "Request represents a minimum amount of cpu/memory that a container may consume."),
    column(
        "Limit",
        "string",
        "Limits control the maximum amount of cpu/memory that a container may use independent of contention on the node.",
    ),
    AGE,
];

pub(super) fn resource_quota(object: &Map<String, Value>, now: Timestamp) -> Vec<Value> {
    let status = Part::of(object, "status");
    let (mut requests, mut limits) = (Vec::new(), Vec::new());
    for (resource, hard) in status.at("hard").pairs() {
        let used = match status.at("used").at(resource).text() {
            "" => "0",
            used => used,
        };
        let shown = format!("{resource}: {used}/{}", hard.text());
        if resource.starts_with("limits.") { limits.push(shown) } else { requests.push(shown) }
    }
    vec![name_of(object), json!(requests.join(", ")), json!(limits.join(", ")), age_of(object, now)]
}

pub(super) const PRIORITY_CLASS: &[Column<'static>] = &[
    NAME,
    column(
        "Value",
        "integer",
        "value represents the integer value of this priority class. This is the actual priority that pods receive when they have the name of this class in their pod spec.",
    ),
    column(
        "Global-Default",
        "boolean",
        "globalDefault specifies whether this PriorityClass should be considered as the default priority for pods that do not have any priority class. Only one PriorityClass can be marked as `globalDefault`. However, if more than one PriorityClasses exists with their `globalDefault` field set to true, the smallest value of such global default PriorityClasses will be used as the default priority.",
    ),
    AGE,
    column(
        "PreemptionPolicy",
        "string",
        "preemptionPolicy is the Policy for preempting pods with lower priority. One of Never, PreemptLowerPriority. Defaults to PreemptLowerPriority if unset.",
    ),
];

pub(super) fn priority_class(object: &Map<String, Value>, now: Timestamp) -> Vec<Value> {
    vec![
        name_of(object),
        json!(Part::of(object, "value").number()),
        json!(Part::of(object, "globalDefault").is_true()),
        age_of(object, now),
        json!(Part::of(object, "preemptionPolicy").text()),
    ]
}

pub(super) const LEASE: &[Column<'static>] = &[
    NAME,
    column(
        "Holder",
        "string",
        "holderIdentity contains the identity of the holder of a current lease. If Coordinated Leader Election is used, the holder identity must be equal to the elected LeaseCandidate.metadata.name field.",
    ),
    AGE,
];

pub(super) fn lease(object: &Map<String, Value>, now: Timestamp) -> Vec<Value> {
    vec![name_of(object), json!(Part::of(object, "spec").at("holderIdentity").text()), age_of(object, now)]
}
