//! The field manager against a real one: each line of `cases.jsonl` is a kind, what was done to an object of it, and what
//! `managedfields.NewDefaultCRDFieldManager` (or `NewDefaultFieldManager`) of apimachinery 0.36 made of it.

use serde_json::{Value, json};

use super::super::order::equal;
use super::super::patch::merge_patch;
use super::{Applied, BuiltIn, CustomKind, FieldManager, text};
use crate::time;

fn manager(case: &Value, schema: Option<&Value>, built_in: &BuiltIn, subresource: &str) -> FieldManager {
    let (api_version, kind) = (text(case, "apiVersion"), text(case, "kind"));
    match schema {
        None => FieldManager::built_in(built_in, api_version, kind, subresource).unwrap(),
        Some(schema) => {
            let schema = Some(schema).filter(|schema| !schema.is_null());
            let status = case["status"] == true;
            FieldManager::custom(&CustomKind { api_version, kind, schema, status, other_versions: vec![] }, subresource)
                .unwrap()
        }
    }
}

/// What was done, and what has to come of it.
fn check(case: &Value, results: &[Value], built_in: &BuiltIn) {
    let mut live: Option<Value> = None;
    let mut schema = case.get("schema");
    for (place, (op, result)) in case["ops"].as_array().unwrap().iter().zip(results).enumerate() {
        schema = op.get("schema").or(schema);
        let manager = manager(case, schema, built_in, text(op, "sub"));
        let now = time::read(text(op, "time")).unwrap().as_second();
        let by = text(op, "manager");
        let at = format!("{} #{place} {op}\nschema {schema:?}\nlive {live:?}", case["name"]);
        let mut object = if op["op"] == "apply" {
            match manager.apply(live.as_ref(), &op["body"], by, op["force"] == true, now) {
                Ok(Applied::Unchanged) => live.clone().unwrap(),
                Ok(Applied::Changed(object)) => object,
                Err(failure) => {
                    let expected = text(result, "error");
                    assert_ne!(expected, "", "{at}\n{failure}");
                    // Of several things that are wrong Go tells one or the other.
                    if !expected.contains("errors:") && expected.matches("not declared").count() == 0 {
                        assert_eq!(failure.message, expected, "{at}");
                    }
                    assert_eq!(failure.code, u16::try_from(result["code"].as_u64().unwrap()).unwrap(), "{at}");
                    assert_eq!(failure.reason, text(result, "reason"), "{at}");
                    let mut expected = result["causes"].as_array().cloned().unwrap_or_default();
                    let mut causes = failure.to_status()["details"]["causes"].as_array().cloned().unwrap_or_default();
                    for causes in [&mut expected, &mut causes] {
                        causes.sort_by_key(Value::to_string);
                    }
                    assert_eq!(causes, expected, "{at}");
                    continue;
                }
            }
        } else {
            let new = match (&result["input"], text(op, "op")) {
                (Value::Null, "put") => op["body"].clone(),
                (Value::Null, _) => {
                    let empty = json!({"apiVersion": case["apiVersion"], "kind": case["kind"]});
                    merge_patch(live.clone().unwrap_or(empty), &op["body"]).unwrap()
                }
                (input, _) => input.clone(),
            };
            manager.update(live.as_ref(), new, by, now).unwrap()
        };
        assert_eq!(text(result, "error"), "", "{at}");
        object["metadata"]["uid"] = json!("u");
        let expected = match &result["object"] {
            Value::String(_) => &live.clone().unwrap(),
            object => object,
        };
        let managed = |object: &Value| object["metadata"]["managedFields"].clone();
        assert_eq!(managed(&object), managed(expected), "{at}\nobject {object}\nexpected {expected}");
        // What a real server reads into its own types is compared by who owns it only.
        if case.get("schema").is_some() {
            assert!(equal(&object, expected), "{at}\nobject {object}\nexpected {expected}");
        }
        live = Some(expected.clone());
    }
}

#[test]
fn objects_and_owners_are_as_in_a_real_server() {
    let built_in = BuiltIn::new().unwrap();
    let mut checked = 0;
    for line in include_str!("cases.jsonl").lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        check(&line["case"], line["results"].as_array().unwrap(), &built_in);
        checked += 1;
    }
    assert!(checked > 10);
}

fn widget() -> CustomKind<'static> {
    CustomKind {
        api_version: "acme.io/v1",
        kind: "Widget",
        schema: None,
        status: true,
        other_versions: vec!["acme.io/v2".to_owned()],
    }
}

fn applied(manager: &FieldManager, live: Option<&Value>, object: &Value, by: &str) -> Value {
    let Applied::Changed(mut object) = manager.apply(live, object, by, false, 1).unwrap() else { panic!("unchanged") };
    object["metadata"]["uid"] = json!("u");
    object
}

#[test]
fn what_is_applied_is_of_the_kind_and_has_no_managed_fields() {
    let manager = FieldManager::custom(&widget(), "").unwrap();
    let refused = |object: &Value| {
        let failure = manager.apply(None, object, "me", false, 1).unwrap_err();
        (failure.code, failure.reason, failure.message.clone())
    };
    for (object, kind) in [
        (json!({"apiVersion": "acme.io/v1", "kind": "Other"}), "acme.io/v1, Kind=Other"),
        (json!({"apiVersion": "v1", "kind": "Widget"}), "/v1, Kind=Widget"),
        (json!({"kind": "Widget"}), "/, Kind=Widget"),
        (json!({"apiVersion": "a/b/c", "kind": "Widget"}), "/, Kind="),
    ] {
        assert_eq!(refused(&object), (400, "BadRequest", format!("invalid object type: {kind}")));
    }
    let own = json!({"apiVersion": "acme.io/v1", "kind": "Widget", "metadata": {"name": "x", "managedFields": []}});
    assert_eq!(refused(&own), (400, "BadRequest", "metadata.managedFields must be nil".to_owned()));
}

#[test]
fn a_field_that_is_not_declared_cannot_be_applied() {
    let schema = json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "size": {"type": "integer"},
    }}}});
    let manager = FieldManager::custom(&CustomKind { schema: Some(&schema), ..widget() }, "").unwrap();
    let object = json!({
        "apiVersion": "acme.io/v1", "kind": "Widget", "metadata": {"name": "x", "namespace": "ns"}, "spec": {"colour": "red"},
    });
    let failure = manager.apply(None, &object, "me", false, 1).unwrap_err();
    assert_eq!((failure.code, failure.reason), (500, ""));
    assert_eq!(
        failure.message,
        "failed to create typed patch object (ns/x; acme.io/v1, Kind=Widget): .spec.colour: field not declared in schema"
    );
}

#[test]
fn conflicts_are_told_by_manager() {
    let manager = FieldManager::custom(&widget(), "").unwrap();
    let object =
        |spec: Value| json!({"apiVersion": "acme.io/v1", "kind": "Widget", "metadata": {"name": "x"}, "spec": spec});
    let live = applied(&manager, None, &object(json!({"a": 1, "b": 1})), "zoe");
    let mut new = live.clone();
    new["spec"]["c"] = json!(1);
    let live = manager.update(Some(&live), new, "amy", 2).unwrap();
    let failure = manager.apply(Some(&live), &object(json!({"a": 2, "b": 2, "c": 2})), "me", false, 3).unwrap_err();
    assert_eq!((failure.code, failure.reason), (409, "Conflict"));
    assert_eq!(
        failure.message,
        "Apply failed with 3 conflicts: conflicts with \"amy\" using acme.io/v1:\n- .spec.c\nconflicts with \"zoe\":\n- .spec.a\n- .spec.b"
    );
    assert_eq!(
        failure.to_status()["details"]["causes"][0],
        json!({"reason": "FieldManagerConflict", "message": "conflict with \"amy\" using acme.io/v1", "field": ".spec.c"})
    );
}

#[test]
fn managed_fields_of_other_versions_are_dropped_refused_or_wrong_as_the_server_can_tell() {
    let owned_in = |kind: (&str, &str), version: &str| {
        json!({"apiVersion": kind.0, "kind": kind.1, "metadata": {"name": "x", "uid": "u", "managedFields": [{
            "manager": "old", "operation": "Update", "apiVersion": version, "fieldsType": "FieldsV1",
            "fieldsV1": {"f:metadata": {"f:labels": {}}},
        }]}})
    };
    let built_in = BuiltIn::new().unwrap();
    let maps = FieldManager::built_in(&built_in, "v1", "ConfigMap", "").unwrap();
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": "b"}});
    // Nothing of a server knows ConfigMaps in that version.
    let live = owned_in(("v1", "ConfigMap"), "acme.io/v1");
    let after = applied(&maps, Some(&live), &object, "me");
    assert_eq!(after["metadata"]["managedFields"].as_array().unwrap().len(), 1);
    // It may know this one.
    let live = owned_in(("v1", "ConfigMap"), "v2");
    assert_eq!(maps.apply(Some(&live), &object, "me", false, 1).unwrap_err().code, 501);

    let widgets = FieldManager::custom(&widget(), "").unwrap();
    let object = json!({"apiVersion": "acme.io/v1", "kind": "Widget", "metadata": {"name": "x"}, "spec": 1});
    for (version, code, message) in [
        ("acme.io/v2", 501, "the sandbox does not do this: managed fields of another version of the kind"),
        ("acme.io/v3", 500, "request to convert CR to an invalid group/version: acme.io/v3"),
        ("v1", 500, "acme.io/v1, Kind=Widget is unstructured and is not suitable for converting to \"v1\""),
        ("a/b/c", 500, "unexpected GroupVersion string: a/b/c"),
    ] {
        let live = owned_in(("acme.io/v1", "Widget"), version);
        let failure = widgets.apply(Some(&live), &object, "me", false, 1).unwrap_err();
        assert_eq!((failure.code, failure.message.as_str()), (code, message));
        // After an update managed fields that cannot be kept are forgotten.
        let mut new = live.clone();
        new["spec"] = json!(1);
        match widgets.update(Some(&live), new, "me", 1) {
            Ok(object) => assert_eq!((code, object["metadata"].get("managedFields")), (500, None)),
            Err(failure) => assert_eq!((failure.code, code), (501, 501)),
        }
    }
}

#[test]
fn a_writer_without_a_name_is_unknown() {
    let manager = FieldManager::custom(&widget(), "").unwrap();
    let object = json!({"apiVersion": "acme.io/v1", "kind": "Widget", "metadata": {"name": "x"}, "spec": 1});
    let object = manager.update(None, object, "", 1).unwrap();
    assert_eq!(object["metadata"]["managedFields"][0]["manager"], "unknown");
}

#[test]
fn the_status_is_owned_through_its_subresource_only() {
    let resource = FieldManager::custom(&widget(), "").unwrap();
    let status = resource.with_subresource(&widget(), "status").unwrap();
    let object = json!({
        "apiVersion": "acme.io/v1", "kind": "Widget", "metadata": {"name": "x"}, "spec": {"a": 1}, "status": {"b": 1},
    });
    let fields = |object: &Value, place: usize| object["metadata"]["managedFields"][place]["fieldsV1"].clone();
    let live = applied(&resource, None, &object, "me");
    assert_eq!(fields(&live, 0), json!({"f:spec": {".": {}, "f:a": {}}}));
    let mut new = live.clone();
    new["status"] = json!({"b": 2});
    new["metadata"]["labels"] = json!({"c": "d"});
    let after = status.update(Some(&live), new, "controller", 2).unwrap();
    assert_eq!(fields(&after, 1), json!({"f:status": {"f:b": {}}}));
    assert_eq!(after["metadata"]["managedFields"][1]["subresource"], "status");
    assert_eq!(FieldManager::custom(&widget(), "scale").unwrap_err().code, 501);
}

#[test]
fn a_time_that_was_not_there_does_not_come_by_a_write_that_changes_nothing() {
    let entry = |time: Option<&str>| {
        let mut entry = json!({"manager": "me", "fieldsV1": {"f:spec": {}}});
        if let Some(time) = time {
            entry["time"] = json!(time);
        }
        json!({"metadata": {"name": "x", "managedFields": [entry]}, "spec": 1})
    };
    for (old, new) in [(None, Some("b")), (Some("a"), Some("b")), (Some("a"), None)] {
        let (live, mut new) = (entry(old), entry(new));
        assert!(super::keep_timestamps(&live, &mut new));
        assert_eq!(new, live);
    }
    let mut other = entry(Some("b"));
    other["metadata"]["managedFields"][0]["manager"] = json!("you");
    let kept = other.clone();
    assert!(!super::keep_timestamps(&entry(Some("a")), &mut other));
    assert_eq!(other, kept);
}
