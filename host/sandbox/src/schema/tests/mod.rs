//! Custom resources and what a real server says of them: `cases.jsonl` holds what `k8s.io/apiextensions-apiserver` 0.36.0 makes of
//! schemas and objects (its strategy, its pruning, its defaults). Where it goes over a map its errors have no order, so they are
//! sorted in there.

mod laws;

use serde_json::{Map, Value, json};

use super::*;

/// A definition's kind with that schema.
pub(super) fn kind(schema: &Value, status: bool) -> CustomKind {
    let subresources = if status { json!({"status": {}}) } else { Value::Null };
    let definition = json!({"spec": {
        "group": "example.com", "names": {"plural": "foos", "singular": "foo", "kind": "Foo", "listKind": "FooList"}, "scope": "Namespaced",
        "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}, "subresources": subresources}],
    }});
    CustomKind::read(definition.as_object().unwrap()).unwrap_or_else(|failure| panic!("{schema}: {failure}"))
}

fn whole(object: &Value) -> Value {
    let mut whole =
        json!({"apiVersion": "example.com/v1", "kind": "Foo", "metadata": {"name": "x", "resourceVersion": "1"}});
    whole.as_object_mut().unwrap().extend(object.as_object().cloned().unwrap());
    whole
}

fn told(causes: &[crate::status::Cause]) -> Vec<Value> {
    let mut told: Vec<Value> = causes.iter().map(|cause| json!([cause.reason, cause.field, cause.message])).collect();
    told.sort_by_key(Value::to_string);
    told
}

/// What is said otherwise of a case than a server says.
fn difference(version: &Version, case: &Value) -> Option<String> {
    let mut object = whole(&case["object"]);
    let unknown = version.coerce(&mut object).unwrap_or_else(|error| vec![format!("ERROR {error}")]);
    version.default(&mut object);
    let old = case.get("old").map(whole);
    let validated = match &old {
        Some(old) if case.get("status").is_some() => version.validate_status(&object, old),
        old => version.validate(&object, old.as_ref()),
    };
    let list = |name: &str| case.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut causes = list("causes");
    causes.sort_by_key(Value::to_string);
    let wanted = json!([causes, list("unknown"), whole(case.get("becomes").unwrap_or(&case["object"]))]);
    let found = json!([told(&validated.causes), unknown, object]);
    (found != wanted).then(|| format!("{case}\n  said   {found}\n  wanted {wanted}"))
}

#[test]
fn a_server_says_the_same() {
    let mut differences = Vec::new();
    for line in include_str!("cases.jsonl").lines() {
        let group: Map<String, Value> = serde_json::from_str(line).unwrap();
        let kind = kind(&group["schema"], false);
        let cases = group["cases"].as_array().unwrap().iter();
        let found = cases.filter_map(|case| difference(&kind.versions[0], case));
        differences.extend(found.map(|difference| format!("{}\n {difference}", group["schema"])));
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

/// Every rule of the definition of sync targets, met and not met.
#[test]
fn a_server_says_the_same_of_sync_targets() {
    let definitions: Vec<Value> = serde_saphyr::from_multiple(include_str!("../../../../../deploy/crds.yaml")).unwrap();
    let definition = definitions.iter().find(|one| one["spec"]["names"]["kind"] == "SyncTarget").unwrap();
    let kind = kind(&definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"], false);
    let cases = include_str!("sync_target.jsonl").lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let differences: Vec<String> = cases.filter_map(|case| difference(&kind.versions[0], &case)).collect();
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

/// The definitions of this repository, with all their rules.
#[test]
fn the_definitions_of_this_repository_are_taken() {
    let text = include_str!("../../../../../deploy/crds.yaml");
    let definitions: Vec<Value> = serde_saphyr::from_multiple(text).unwrap();
    assert!(definitions.len() >= 2);
    for mut definition in definitions {
        let Value::Object(definition) = &mut definition else { panic!("no object") };
        definition::default(definition);
        assert_eq!(definition::validate(definition, None), Ok(vec![]));
        let kind = CustomKind::read(definition).unwrap();
        assert!(kind.versions.iter().all(|version| version.status && !version.columns.is_empty()));
    }
}

#[test]
fn finalizers_without_a_domain_are_warned_of() {
    let object = |finalizers: &[&str]| json!({"metadata": {"finalizers": finalizers}}).as_object().cloned().unwrap();
    let new = object(&["orphan", "a.b/c", "x", "y.z"]);
    assert_eq!(
        Version::finalizer_warnings(&new, Some(&object(&["x"]))),
        [
            "metadata.finalizers: \"y.z\": prefer a domain-qualified finalizer name including a path (/) to avoid accidental conflicts with other finalizer writers"
        ]
    );
    assert_eq!(Version::finalizer_warnings(&new, None).len(), 2);
}

/// kcp's schemas of APIs, as `kubectl kcp crd snapshot` writes them.
#[test]
fn an_api_resource_schema_is_a_definition() {
    let schema = |name: &str, group: &str| {
        json!({
            "metadata": {"name": name},
            "spec": {
                "group": group, "names": {"plural": "foos", "singular": "foo", "kind": "Foo", "listKind": "FooList"}, "scope": "Cluster",
                "versions": [{"name": "v1", "served": true, "storage": true, "subresources": {"status": {}}, "schema": {
                    "type": "object", "properties": {"spec": {"type": "object", "properties": {"a": {"type": "string", "default": "x"}}}},
                }}],
            },
        })
    };
    let admit = |schema: Value| {
        admit_api_resource_schema(schema.as_object().unwrap(), None).map_err(|failure| failure.message.clone())
    };
    assert_eq!(admit(schema("today.foos.example.com", "example.com")), Ok(()));
    assert_eq!(admit(schema("today.foos.core", "")), Ok(()));
    assert_eq!(
        admit(schema("foos.example.com", "example.com")).unwrap_err(),
        r#"apiresourceschemas.apis.kcp.io "foos.example.com" is forbidden: [metadata.name: Invalid value: "foos.example.com": must end in .foos.example.com]"#
    );
    assert!(admit(schema("T.foos.core", "core")).unwrap_err().contains(
        r#"[metadata.name: Invalid value: "T.foos.core": must match ^[a-z]([-a-z0-9]*[a-z0-9])?$ in front of .foos.core spec.group: Invalid value: "core": must be empty string for the core group]"#
    ));
    let kind = CustomKind::of_api_resource_schema(schema("today.foos.example.com", "example.com").as_object().unwrap())
        .unwrap();
    let mut object = json!({"spec": {"b": 1}});
    assert_eq!(kind.versions[0].prune(&mut object), ["spec.b"]);
    kind.versions[0].default(&mut object);
    assert_eq!(object, json!({"spec": {"a": "x"}}));
    assert!(kind.versions[0].status && !kind.namespaced);
    assert_eq!(kind.kind(&kind.versions[0]).plural, "foos");
}
