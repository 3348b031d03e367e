use serde_json::json;

use super::names::NameRule;
use super::*;
use crate::causes::text as line;

fn metadata(value: Value) -> Metadata {
    match value {
        Value::Object(metadata) => metadata,
        other => panic!("no object: {other}"),
    }
}

fn lines(wrong: &[Cause]) -> Vec<String> {
    wrong.iter().map(line).collect()
}

fn created(value: Value) -> Vec<String> {
    lines(&validate(&metadata(value), true, &|name, prefix| NameRule::Subdomain.check(name, prefix), "metadata"))
}

fn updated(new: Value, old: Value) -> Vec<String> {
    lines(&validate_update(&metadata(new), &metadata(old), "metadata"))
}

#[test]
fn names_and_namespaces() {
    assert_eq!(created(json!({"name": "a", "namespace": "b"})), Vec::<String>::new());
    assert_eq!(
        created(json!({})),
        ["metadata.name: Required value: name or generateName is required", "metadata.namespace: Required value"]
    );
    let wrong = created(json!({"name": "A", "generateName": "b_", "namespace": "a.b"}));
    assert!(wrong[0].starts_with(r#"metadata.generateName: Invalid value: "b_": a lowercase RFC 1123 subdomain must"#));
    assert!(wrong[1].starts_with(r#"metadata.name: Invalid value: "A": a lowercase RFC 1123 subdomain must"#));
    assert_eq!(wrong[2], r#"metadata.namespace: Invalid value: "a.b": must not contain dots"#);
    let cluster_scoped = metadata(json!({"name": "a", "namespace": "b"}));
    let wrong = validate(&cluster_scoped, false, &|name, prefix| NameRule::PathSegment.check(name, prefix), "metadata");
    assert_eq!(lines(&wrong), ["metadata.namespace: Forbidden: not allowed on this type"]);
}

/// From `TestValidateAnnotations` and `TestValidateFinalizersPreventConflictingFinalizers`.
#[test]
fn labels_annotations_finalizers() {
    let base = |more: Value| {
        let mut all = json!({"name": "a", "namespace": "b"});
        all.as_object_mut().expect("an object").extend(metadata(more));
        created(all)
    };
    assert_eq!(base(json!({"annotations": {"1234": "x", "UPPER/Now": "y"}})), Vec::<String>::new());
    let wrong = base(json!({"annotations": {"a b": ""}, "labels": {"c": "d e"}}));
    assert!(wrong[0].starts_with(r#"metadata.labels: Invalid value: "d e": a valid label must be"#));
    assert!(wrong[1].starts_with(r#"metadata.annotations: Invalid value: "a b": name part must consist"#));
    let large = "x".repeat(ANNOTATIONS_LIMIT);
    assert_eq!(
        base(json!({"annotations": {"a": large}})),
        ["metadata.annotations: Too long: may not be more than 262144 bytes"]
    );
    assert_eq!(
        base(json!({"finalizers": ["orphan", "foregroundDeletion"]})),
        [
            r#"metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and foregroundDeletion cannot be both set"#
        ]
    );
    assert_eq!(
        base(json!({"managedFields": [{"operation": "Apply", "manager": "a\nb"}, {"operation": "x"}]})),
        [
            r#"metadata.managedFields[0].manager: Invalid value: "a\nb": invalid character U+000A (at position 1)"#,
            "metadata.managedFields[1].operation: Invalid value: \"x\": must be `Apply` or `Update`",
        ]
    );
}

/// From `TestValidateObjectMetaOwnerReferences`.
#[test]
fn owners() {
    let owners = |owners: Value| created(json!({"name": "a", "namespace": "b", "ownerReferences": owners}));
    let good = json!({"apiVersion": "example.com/v1", "kind": "K", "name": "n", "uid": "1"});
    assert_eq!(owners(json!([good, good])), Vec::<String>::new());
    assert_eq!(
        owners(json!([{"apiVersion": "v1", "kind": "Event", "name": "n", "uid": "1"}])),
        [
            r#"metadata.ownerReferences: Invalid value: {"apiVersion":"v1","kind":"Event","name":"n","uid":"1"}: /v1, Kind=Event is disallowed from being an owner"#
        ]
    );
    assert_eq!(
        owners(json!([{"apiVersion": "g/", "kind": "", "name": "", "uid": ""}])),
        [
            r#"metadata.ownerReferences.apiVersion: Invalid value: "g/": version must not be empty"#,
            r#"metadata.ownerReferences.kind: Invalid value: "": must not be empty"#,
            r#"metadata.ownerReferences.name: Invalid value: "": must not be empty"#,
            r#"metadata.ownerReferences.uid: Invalid value: "": must not be empty"#,
        ]
    );
    let controller =
        |name: &str| json!({"apiVersion": "v1", "kind": "K", "name": name, "uid": "1", "controller": true});
    assert_eq!(
        owners(json!([controller("a"), controller("b")])),
        [concat!(
            r#"metadata.ownerReferences: Invalid value: [{"apiVersion":"v1","kind":"K","name":"a","uid":"1","controller":true},"#,
            r#"{"apiVersion":"v1","kind":"K","name":"b","uid":"1","controller":true}]: "#,
            r#"Only one reference can have Controller set to true. Found "true" in references for K/a and K/b"#
        )]
    );
}

/// From `TestValidateObjectMetaUpdateIgnoresCreationTimestamp` and its neighbours.
#[test]
fn updates() {
    let base = |more: Value| {
        let mut all = json!({"name": "a", "resourceVersion": "1", "uid": "u", "generation": 2});
        all.as_object_mut().expect("an object").extend(metadata(more));
        all
    };
    assert_eq!(updated(base(json!({"labels": {"a": "b"}})), base(json!({}))), Vec::<String>::new());
    assert_eq!(
        updated(base(json!({"resourceVersion": "", "name": "b", "uid": "v", "generation": 1})), base(json!({}))),
        [
            r#"metadata.resourceVersion: Invalid value: "": must be specified for an update"#,
            "metadata.generation: Invalid value: 1: must not be decremented",
            r#"metadata.name: Invalid value: "b": field is immutable"#,
            r#"metadata.uid: Invalid value: "v": field is immutable"#,
        ]
    );
    let deleted = base(json!({"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["a/b"]}));
    assert_eq!(
        updated(base(json!({"finalizers": ["a/b", "x/z", "x/y"]})), deleted),
        [
            r#"metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"x/y", "x/z"}"#,
            "metadata.deletionTimestamp: Invalid value: null: field is immutable",
        ]
    );
}

#[test]
fn finalizers_of_built_in_kinds_are_qualified() {
    let metadata = metadata(json!({"name": "a", "finalizers": ["mine", "orphan", "a/b"]}));
    let wrong =
        validate_built_in(&metadata, false, &|name, prefix| NameRule::PathSegment.check(name, prefix), "metadata");
    let why = "name is neither a standard finalizer name nor is it fully qualified";
    assert_eq!(lines(&wrong), [format!("metadata.finalizers[0]: Invalid value: \"mine\": {why}")]);
}
