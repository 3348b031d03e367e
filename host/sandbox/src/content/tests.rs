//! `cases.jsonl`: what Kubernetes 1.36 itself makes of objects. Its own code read, filled in and judged them: `unknown` fields,
//! the `error` of reading, what is `filled` in, the `causes` of a refusal, the first `status` of a pod. What a server adds about
//! a pod that changes is cut off.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use super::{Content, cannot_be_read, decode, default, first_pod_status, unknown_field};
use crate::causes;
use crate::fields::BuiltIn;
use crate::lifecycle::{Rules, Subresource};
use crate::time;

static TABLE: LazyLock<BuiltIn> = LazyLock::new(|| BuiltIn::new().unwrap());

static CASES: LazyLock<Vec<Value>> =
    LazyLock::new(|| include_str!("cases.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect());

/// What was read and filled in, and the fields that are unknown.
fn read(object: &Value, plural: &str) -> Result<(Value, Vec<String>), String> {
    let version = object["apiVersion"].as_str().unwrap();
    let shape = TABLE.shape(version, object["kind"].as_str().unwrap()).unwrap();
    let mut object = object.clone();
    let unknown = decode(&shape, &mut object)?;
    default(group(version), plural, &mut object);
    Ok((object, unknown))
}

fn group(version: &str) -> &str {
    version.split_once('/').map_or("", |(group, _)| group)
}

/// A list whose order is left to chance in Kubernetes is sorted.
fn sorted(told: Option<&Value>, unordered: bool) -> Option<Value> {
    let mut told = told.cloned();
    if let Some(Value::Array(told)) = told.as_mut().filter(|_| unordered) {
        told.sort_by_key(ToString::to_string);
    }
    told
}

#[test]
fn objects_are_what_kubernetes_makes_of_them() {
    let mut wrong = Vec::new();
    for case in CASES.iter() {
        let (plural, subresource) = match case["resource"].as_str().unwrap() {
            "events.k8s.io" => ("events", Subresource::None),
            resource => match resource.split_once('/') {
                Some((plural, _)) => (plural, Subresource::Status),
                None => (resource, Subresource::None),
            },
        };
        let mut told = json!({});
        match read(&case["object"], plural) {
            Err(error) => told["error"] = json!(error),
            Ok((object, unknown)) => {
                if !unknown.is_empty() {
                    told["unknown"] = unknown.iter().map(|path| unknown_field(path)).collect();
                }
                if case.get("status").is_some() {
                    told["status"] =
                        first_pod_status(object.as_object().unwrap(), time::read("2024-01-01T00:00:00Z").unwrap());
                }
                if case.get("filled").is_some() {
                    told["filled"] = object.clone();
                }
                let old = case.get("old").map(|old| read(old, plural).unwrap().0);
                let group = group(case["object"]["apiVersion"].as_str().unwrap());
                let content = Content::of(group, plural, subresource);
                let (object, old) = (object.as_object().unwrap(), old.as_ref().and_then(Value::as_object));
                if let Err(failure) = content.supported(object, old) {
                    told["refused"] = json!(failure.message);
                }
                told["causes"] = content.content(object, old).iter().map(causes::text).collect();
            }
        }
        for field in ["error", "unknown", "filled", "status", "causes", "refused"] {
            let unordered = case.get("unordered").is_some();
            let [here, there] = [&told, case].map(|from| sorted(from.get(field), unordered));
            if here != there {
                wrong.push(format!("{}: {field}\n  {here:?}\n  {there:?}", case["name"]));
            }
        }
    }
    assert!(wrong.is_empty(), "here, and there:\n{}", wrong.join("\n"));
}

/// The causes of a refusal of the content, as lines.
fn told(content: Content<'_>, object: &Value, old: Option<&Value>) -> Vec<String> {
    let causes = content.content(object.as_object().unwrap(), old.map(|old| old.as_object().unwrap()));
    causes.iter().map(causes::text).collect()
}

#[test]
fn what_cannot_be_read_is_a_bad_request() {
    let failure = cannot_be_read("Deployment", "v1", "json: no");
    assert_eq!((failure.code, failure.reason), (400, "BadRequest"));
    assert_eq!(failure.message, r#"Deployment in version "v1" cannot be handled as a Deployment: json: no"#);
}

#[test]
fn what_the_sandbox_cannot_judge_is_refused() {
    let pods = Content::of("", "pods", Subresource::None);
    let container = |field: &str, value: Value| json!({"spec": {"containers": [{"name": "c", field: value}]}});
    for (pod, what) in [
        (json!({"spec": {"os": {"name": "linux"}}}), "spec.os"),
        (json!({"spec": {"hostUsers": false}}), "spec.hostUsers"),
        (json!({"spec": {"securityContext": {"sysctls": [{"name": "a"}]}}}), "spec.securityContext.sysctls"),
        (json!({"spec": {"volumes": [{"name": "v", "csi": {}}]}}), "spec.volumes[0].csi"),
        (
            json!({"spec": {"volumes": [{"name": "v", "projected": {"sources": [{"podCertificate": {}}]}}]}}),
            "spec.volumes[0].projected.sources[0].podCertificate",
        ),
        (
            json!({"spec": {"topologySpreadConstraints": [{"matchLabelKeys": ["a"]}]}}),
            "spec.topologySpreadConstraints[0].matchLabelKeys",
        ),
        (container("resizePolicy", json!([{}])), "spec.containers[0].resizePolicy"),
        (container("lifecycle", json!({"stopSignal": "SIGTERM"})), "spec.containers[0].lifecycle.stopSignal"),
        (
            container("resources", json!({"limits": {"hugepages-2Mi": "1"}})),
            "spec.containers[0].resources.limits[hugepages-2Mi]",
        ),
        (
            container("env", json!([{"valueFrom": {"fileKeyRef": {}}}])),
            "spec.containers[0].env[0].valueFrom.fileKeyRef",
        ),
        (
            json!({"metadata": {"annotations": {"container.apparmor.security.beta.kubernetes.io/c": "x"}}}),
            "the annotation container.apparmor.security.beta.kubernetes.io/c of a pod",
        ),
        (
            json!({"spec": {"affinity": {"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
                {"podAffinityTerm": {"mismatchLabelKeys": ["a"]}}]}}}}),
            "spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm.mismatchLabelKeys",
        ),
    ] {
        let failure = pods.supported(pod.as_object().unwrap(), None).unwrap_err();
        assert_eq!(failure.message, format!("the sandbox does not do this: {what}"));
        let deployment = json!({"spec": {"template": pod}});
        let deployments = Content::of("apps", "deployments", Subresource::None);
        assert_eq!(deployments.supported(deployment.as_object().unwrap(), None).unwrap_err().code, 501, "{what}");
    }
}

#[test]
fn roles_and_definitions_are_judged_where_they_are_known() {
    let roles = Content::of("rbac.authorization.k8s.io", "roles", Subresource::None);
    assert_eq!(
        told(roles, &json!({"rules": [{"verbs": ["get"], "apiGroups": [""]}]}), None),
        ["rules[0].resources: Required value: resource rules must supply at least one resource"]
    );
    let definitions = Content::of("apiextensions.k8s.io", "customresourcedefinitions", Subresource::None);
    let schema = json!({"openAPIV3Schema": {"type": "object"}});
    let version = json!({"name": "v1", "served": true, "storage": true, "schema": schema});
    let definition = |conversion: Value| {
        json!({"spec": {"group": "x", "scope": "Cluster", "names": {"plural": "as", "singular": "a", "kind": "A", "listKind": "AList"},
            "versions": [version], "conversion": conversion}, "status": {"storedVersions": ["v1"]}})
    };
    assert_eq!(
        told(definitions, &definition(json!({"strategy": "None"})), None),
        [r#"spec.group: Invalid value: "x": should be a domain with at least one dot"#]
    );
    let webhook = definition(json!({"strategy": "Webhook", "webhook": {}}));
    assert_eq!(definitions.supported(webhook.as_object().unwrap(), None).unwrap_err().code, 501);
    assert_eq!(
        told(definitions, &webhook, None),
        [": Forbidden: the sandbox does not do this: custom resources that a webhook converts"]
    );
}

#[test]
fn a_finalize_request_says_which_finalizer_is_wrong() {
    let finalize = Content::of("", "namespaces", Subresource::Finalize);
    assert_eq!(
        told(finalize, &json!({"spec": {"finalizers": ["kubernetes", "x"]}}), None),
        [
            r#"spec.finalizers[1]: Invalid value: "x": name is neither a standard finalizer name nor is it fully qualified"#
        ]
    );
}

#[test]
fn a_mebibyte_is_enough() {
    let text = |size: usize| "A".repeat(size);
    let [maps, secrets] = ["configmaps", "secrets"].map(|plural| Content::of("", plural, Subresource::None));
    let limit = 1024 * 1024;
    assert_eq!(told(maps, &json!({"data": {"a": text(limit)}}), None), Vec::<String>::new());
    assert_eq!(
        told(maps, &json!({"data": {"a": text(limit)}, "binaryData": {"b": "aA=="}}), None),
        [": Too long: may not be more than 1048576 bytes"]
    );
    // Four characters are three bytes.
    assert_eq!(told(secrets, &json!({"data": {"a": text(limit / 3 * 4)}}), None), Vec::<String>::new());
    assert_eq!(
        told(secrets, &json!({"data": {"a": text(limit / 3 * 4 + 4)}}), None),
        ["data: Too long: may not be more than 1048576 bytes"]
    );
}

#[test]
fn fields_of_features_that_are_off_are_dropped() {
    let mut lease = json!({"spec": {"holderIdentity": "a", "strategy": "s", "preferredHolder": "b"}});
    default("coordination.k8s.io", "leases", &mut lease);
    assert_eq!(lease, json!({"spec": {"holderIdentity": "a"}}));
    let mut set =
        json!({"spec": {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 2}}}});
    default("apps", "statefulsets", &mut set);
    assert_eq!(set["spec"]["updateStrategy"]["rollingUpdate"], json!({"partition": 0}));
}

/// Puts something else where one of the values in an object is.
fn spoil(value: &mut Value, place: Index, other: &Value) {
    fn count(value: &Value) -> usize {
        1 + match value {
            Value::Array(items) => items.iter().map(count).sum(),
            Value::Object(fields) => fields.values().map(count).sum::<usize>(),
            _ => 0,
        }
    }
    fn put(value: &mut Value, mut place: usize, other: &Value) -> usize {
        if place == 0 {
            *value = other.clone();
            return usize::MAX;
        }
        place -= 1;
        let inside: Vec<&mut Value> = match value {
            Value::Array(items) => items.iter_mut().collect(),
            Value::Object(fields) => fields.values_mut().collect(),
            _ => return place,
        };
        for value in inside {
            if place == usize::MAX {
                break;
            }
            place = put(value, place, other);
        }
        place
    }
    let place = place.index(count(value));
    put(value, place, other);
}

proptest! {
    #[test]
    fn what_was_filled_in_is_read_and_filled_in_as_it_is(
        case: Index,
        part in prop::sample::select(vec!["spec", "data", "status", "metadata"]),
        place: Index,
        other in prop::sample::select(vec![json!(null), json!(0), json!(-1), json!(""), json!("a"), json!([]), json!({}), json!(true)]),
    ) {
        let case = case.get(&CASES);
        let plural = case["resource"].as_str().unwrap().split('/').next().unwrap();
        let mut object = case["object"].clone();
        if let Some(part) = object.get_mut(part) {
            spoil(part, place, &other);
        }
        let plural = if plural == "events.k8s.io" { "events" } else { plural };
        if let Ok((filled, _)) = read(&object, plural) {
            let (again, unknown) = read(&filled, plural).unwrap();
            prop_assert_eq!(&again, &filled);
            prop_assert_eq!(unknown, Vec::<String>::new());
        }
    }
}
