use kube_core::CustomResourceExt as _;
use serde_json::{Value, json};

use super::*;
use crate::api::{ClusterRegistration, SyncTarget};
use crate::kcp::export;

/// A type whose objects have a `spec` of that schema.
pub(super) fn definition(spec: &Value) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": "things.example.org" },
        "spec": {
            "group": "example.org",
            "scope": "Namespaced",
            "names": { "plural": "things", "kind": "Thing" },
            "versions": [{
                "name": "v1",
                "served": true,
                "storage": true,
                "subresources": {
                    "status": {},
                    "scale": { "specReplicasPath": ".spec.n", "statusReplicasPath": ".status.n" },
                },
                "selectableFields": [{ "jsonPath": ".spec.a" }],
                "schema": { "openAPIV3Schema": { "type": "object", "properties": { "spec": spec } } },
            }],
        },
    })
}

fn found(old: &Value, new: &Value) -> Vec<String> {
    check(std::slice::from_ref(old), std::slice::from_ref(new))
        .unwrap()
        .iter()
        .map(|found| found.to_string().strip_prefix("things.example.org").unwrap().trim_start().to_owned())
        .collect()
}

/// What changes with the schema of `spec.f`.
fn field(old: &Value, new: &Value) -> Vec<String> {
    let within = |field: &Value| definition(&json!({ "type": "object", "properties": { "f": field } }));
    found(&within(old), &within(new))
}

/// Each of them is a change that breaks in one direction, and is harmless in the other.
#[test]
fn what_narrows_breaks_and_what_widens_does_not() {
    let string = json!({ "type": "string" });
    let integer = json!({ "type": "integer" });
    let object = json!({ "type": "object" });
    let array = json!({ "type": "array", "items": string });
    let free = json!({ "x-kubernetes-preserve-unknown-fields": true, "nullable": true });
    let either = json!({ "x-kubernetes-int-or-string": true });
    let with = |base: &Value, more: Value| {
        let mut base = base.clone();
        base.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        base
    };
    let preserving = with(&object, json!({ "x-kubernetes-preserve-unknown-fields": true }));
    let map = |of: &Value| json!({ "type": "object", "additionalProperties": of });
    let list = |of: &Value| json!({ "type": "array", "items": of });
    let having = |name: &str, of: &Value| json!({ "type": "object", "properties": { name: of } });
    let rule = json!({ "rule": "self != 'x'", "message": "no" });
    let cases: Vec<(Value, Value, &str)> = vec![
        // wide, narrow, and what is said of the change from wide to narrow
        (having("a", &string), object.clone(), "v1 spec.f.a: the property is gone"),
        (list(&having("a", &string)), list(&object), "v1 spec.f[].a: the property is gone"),
        (map(&having("a", &string)), map(&object), "v1 spec.f.*.a: the property is gone"),
        (preserving.clone(), object.clone(), "v1 spec.f: unknown fields are no longer preserved"),
        (
            with(&list(&object), json!({ "x-kubernetes-preserve-unknown-fields": true })),
            list(&object),
            "v1 spec.f[]: unknown fields are no longer preserved",
        ),
        (
            with(&list(&list(&object)), json!({ "x-kubernetes-preserve-unknown-fields": true })),
            list(&list(&object)),
            "v1 spec.f[][]: unknown fields are no longer preserved",
        ),
        (free.clone(), string.clone(), "v1 spec.f: the type was any, and is string"),
        (json!({ "type": "number" }), integer.clone(), "v1 spec.f: the type was number, and is integer"),
        (either.clone(), string.clone(), "v1 spec.f: can no longer be an integer or a string, only string"),
        (either.clone(), integer.clone(), "v1 spec.f: can no longer be an integer or a string, only integer"),
        (with(&string, json!({ "nullable": true })), string.clone(), "v1 spec.f: can no longer be null"),
        (
            having("a", &string),
            with(&having("a", &string), json!({ "required": ["a"] })),
            "v1 spec.f.a: is now required, and has no default",
        ),
        (string.clone(), with(&string, json!({ "enum": ["a"] })), "v1 spec.f: only certain values are now allowed"),
        (
            json!({ "type": "string", "enum": ["a", "b"] }),
            json!({ "type": "string", "enum": ["b"] }),
            "v1 spec.f: \"a\" is no longer allowed",
        ),
        (integer.clone(), with(&integer, json!({ "minimum": 1 })), "v1 spec.f: minimum is added: 1"),
        (
            with(&integer, json!({ "minimum": 1 })),
            with(&integer, json!({ "minimum": 2 })),
            "v1 spec.f: minimum was 1, and is 2",
        ),
        (
            with(&integer, json!({ "maximum": 5.5 })),
            with(&integer, json!({ "maximum": 5 })),
            "v1 spec.f: maximum was 5.5, and is 5",
        ),
        (
            with(&integer, json!({ "minimum": 1 })),
            with(&integer, json!({ "minimum": 1.0, "exclusiveMinimum": true })),
            "v1 spec.f: exclusiveMinimum is added: true",
        ),
        (
            with(&integer, json!({ "maximum": 1 })),
            with(&integer, json!({ "maximum": 1, "exclusiveMaximum": true })),
            "v1 spec.f: exclusiveMaximum is added: true",
        ),
        (
            integer.clone(),
            with(&integer, json!({ "maximum": 1, "exclusiveMaximum": true })),
            "v1 spec.f: maximum is added: 1",
        ),
        (
            with(&integer, json!({ "multipleOf": 5 })),
            with(&integer, json!({ "multipleOf": 10.0 })),
            "v1 spec.f: multipleOf was 5, and is 10.0",
        ),
        (integer.clone(), with(&integer, json!({ "multipleOf": 2 })), "v1 spec.f: multipleOf is added: 2"),
        (string.clone(), with(&string, json!({ "minLength": 1 })), "v1 spec.f: minLength is added: 1"),
        (
            with(&string, json!({ "maxLength": 9 })),
            with(&string, json!({ "maxLength": 8 })),
            "v1 spec.f: maxLength was 9, and is 8",
        ),
        (array.clone(), with(&array, json!({ "minItems": 1 })), "v1 spec.f: minItems is added: 1"),
        (array.clone(), with(&array, json!({ "maxItems": 1 })), "v1 spec.f: maxItems is added: 1"),
        (array.clone(), with(&array, json!({ "uniqueItems": true })), "v1 spec.f: uniqueItems is added: true"),
        (object.clone(), with(&object, json!({ "minProperties": 1 })), "v1 spec.f: minProperties is added: 1"),
        (object.clone(), with(&object, json!({ "maxProperties": 1 })), "v1 spec.f: maxProperties is added: 1"),
        (string.clone(), with(&string, json!({ "pattern": "^a" })), "v1 spec.f: pattern is added: \"^a\""),
        (string.clone(), with(&string, json!({ "format": "uuid" })), "v1 spec.f: format is added: \"uuid\""),
        (
            string.clone(),
            with(&string, json!({ "x-kubernetes-validations": [rule] })),
            "v1 spec.f: a rule is added: self != 'x'",
        ),
        (map(&string), object.clone(), "v1 spec.f: other keys are no longer allowed"),
        (map(&json!(true)), map(&string), "v1 spec.f.*: the type was any, and is string"),
        (map(&string), map(&with(&string, json!({ "maxLength": 3 }))), "v1 spec.f.*: maxLength is added: 3"),
        (
            preserving.clone(),
            with(&preserving, json!({ "additionalProperties": string })),
            "v1 spec.f.*: the type was any, and is string",
        ),
        (
            preserving.clone(),
            with(&preserving, json!({ "properties": { "a": string } })),
            "v1 spec.f.a: the type was any, and is string",
        ),
        (map(&string), having("a", &string), "v1 spec.f: other keys are no longer allowed"),
        (map(&free), map(&json!(true)), "v1 spec.f.*: unknown fields are no longer preserved"),
        (
            preserving.clone(),
            with(&preserving, json!({ "properties": { "a": { "x-kubernetes-preserve-unknown-fields": true } } })),
            "v1 spec.f.a: can no longer be null",
        ),
        (list(&free), list(&integer), "v1 spec.f[]: the type was any, and is integer"),
        (
            object.clone(),
            with(&object, json!({ "allOf": [{ "required": ["a"] }] })),
            "v1 spec.f: allOf is added: [{\"required\":[\"a\"]}]",
        ),
        (
            object.clone(),
            with(&object, json!({ "oneOf": [{ "required": ["a"] }] })),
            "v1 spec.f: oneOf is added: [{\"required\":[\"a\"]}]",
        ),
        (
            string.clone(),
            with(&string, json!({ "anyOf": [{ "minLength": 1 }] })),
            "v1 spec.f: anyOf is added: [{\"minLength\":1}]",
        ),
        (
            string.clone(),
            with(&string, json!({ "not": { "enum": ["a"] } })),
            "v1 spec.f: not is added: {\"enum\":[\"a\"]}",
        ),
        (with(&string, json!({ "default": "a" })), string.clone(), "v1 spec.f: the default, \"a\", is gone"),
    ];
    for (wide, narrow, said) in cases {
        assert_eq!(field(&wide, &narrow), [said], "{wide} to {narrow}");
        assert_eq!(field(&narrow, &wide), [""; 0], "{narrow} to {wide}");
        assert_eq!(field(&wide, &wide), [""; 0], "{wide}");
        assert_eq!(field(&narrow, &narrow), [""; 0], "{narrow}");
    }
}

#[test]
fn what_changes_in_kind_breaks_in_both_directions() {
    let map = |more: Value| {
        let mut map =
            json!({ "type": "array", "items": { "type": "object", "properties": { "a": { "type": "string" } } } });
        map.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        map
    };
    let cases = [
        (json!({ "type": "string" }), json!({ "type": "object" }), "the type was string, and is object"),
        (
            json!({ "type": "string", "pattern": "a" }),
            json!({ "type": "string", "pattern": "b" }),
            "pattern was \"a\", and is \"b\"",
        ),
        (
            json!({ "type": "integer", "format": "int32" }),
            json!({ "type": "integer", "format": "int64" }),
            "format was \"int32\", and is \"int64\"",
        ),
        (
            json!({ "type": "string", "default": "a" }),
            json!({ "type": "string", "default": "b" }),
            "the default was \"a\", and is \"b\"",
        ),
        (
            json!({ "type": "string", "oneOf": [{ "minLength": 1 }] }),
            json!({ "type": "string", "oneOf": [{ "minLength": 2 }] }),
            "oneOf was [{\"minLength\":1}], and is [{\"minLength\":2}]",
        ),
        (map(json!({})), map(json!({ "x-kubernetes-list-type": "set" })), "x-kubernetes-list-type is added: \"set\""),
        (
            map(json!({ "x-kubernetes-list-map-keys": ["a"] })),
            map(json!({ "x-kubernetes-list-map-keys": ["b"] })),
            "x-kubernetes-list-map-keys was [\"a\"], and is [\"b\"]",
        ),
        (
            json!({ "type": "object" }),
            json!({ "type": "object", "x-kubernetes-map-type": "atomic" }),
            "x-kubernetes-map-type is added: \"atomic\"",
        ),
        (
            json!({ "type": "object" }),
            json!({ "type": "object", "x-kubernetes-embedded-resource": true }),
            "x-kubernetes-embedded-resource is added: true",
        ),
        (json!({ "type": "object" }), json!({ "type": "object", "$ref": "#/a" }), "$ref is added: \"#/a\""),
    ];
    for (old, new, said) in cases {
        assert_eq!(field(&old, &new), [format!("v1 spec.f: {said}")], "{old} to {new}");
        assert_eq!(field(&new, &old).len(), 1, "{new} to {old}");
    }
}

#[test]
fn what_only_looks_like_a_change_is_none() {
    let integer = json!({ "type": "integer" });
    let list = |more: Value| {
        let mut list = json!({ "type": "array", "items": { "type": "string" } });
        list.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        list
    };
    let free = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    let cases = [
        (json!({ "type": "string", "description": "a" }), json!({ "type": "string", "title": "b", "example": "c" })),
        (json!({ "type": "string" }), json!({ "type": "string", "default": "a" })),
        (json!({ "type": "string" }), json!({ "type": "string", "minLength": 0, "nullable": false, "allOf": [] })),
        (integer.clone(), json!({ "type": "integer", "maxLength": 3, "pattern": "^[0-9]+$" })),
        // As generators write a quantity.
        (
            integer,
            json!({
                "x-kubernetes-int-or-string": true,
                "anyOf": [{ "type": "integer" }, { "type": "string" }],
                "pattern": "^[0-9]+$",
            }),
        ),
        (list(json!({})), list(json!({ "x-kubernetes-list-type": "atomic" }))),
        (
            list(json!({ "x-kubernetes-list-map-keys": ["a", "b"] })),
            list(json!({ "x-kubernetes-list-map-keys": ["b", "a"] })),
        ),
        (json!({ "type": "object", "x-kubernetes-map-type": "granular" }), json!({ "type": "object" })),
        // Of what is preserved, nothing need be said.
        (
            json!({ "type": "object", "properties": { "a": { "type": "array", "items": { "type": "string" } } } }),
            free.clone(),
        ),
        (
            json!({ "type": "string", "x-kubernetes-validations": [{ "rule": "a", "message": "m" }, { "rule": "b" }] }),
            json!({ "type": "string", "x-kubernetes-validations": [{ "rule": "a", "message": "n" }] }),
        ),
        // A property may become one of a map's.
        (
            json!({ "type": "object", "properties": { "a": { "type": "integer" } } }),
            json!({ "type": "object", "additionalProperties": { "type": "number" } }),
        ),
        (
            json!({ "type": "object", "properties": { "a": { "type": "string" } } }),
            json!({ "type": "object", "properties": { "a": { "type": "string", "default": "x" } }, "required": ["a"] }),
        ),
        // No old object has it.
        (
            json!({ "type": "object" }),
            json!({ "type": "object", "properties": { "a": { "type": "object", "required": ["b"] } } }),
        ),
    ];
    for (old, new) in cases {
        assert_eq!(field(&old, &new), [""; 0], "{old} to {new}");
    }
}

#[test]
fn a_default_is_missed_where_its_property_is_only_preserved() {
    let free = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    let old = json!({ "type": "object", "properties": { "a": { "type": "integer", "default": 1 } } });
    assert_eq!(field(&old, &free), ["v1 spec.f.a: the default, 1, is gone"]);
}

#[test]
fn a_rule_that_holds_at_creation_too_is_another() {
    let rule = |optional: bool| {
        let rule = json!({ "rule": "self == oldSelf", "optionalOldSelf": optional });
        json!({ "type": "string", "x-kubernetes-validations": [rule] })
    };
    assert_eq!(field(&rule(false), &rule(true)), ["v1 spec.f: a rule is added: self == oldSelf"]);
}

#[test]
fn every_object_has_metadata() {
    let old = definition(&json!({ "type": "object" }));
    let new = |root: Value| {
        let mut new = old.clone();
        new["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
            .as_object_mut()
            .unwrap()
            .extend(root.as_object().unwrap().clone());
        new
    };
    let text = json!({ "type": "string" });
    let spec = json!({ "type": "object" });
    let properties = |metadata: Value| json!({ "spec": spec, "kind": text, "apiVersion": text, "metadata": metadata });
    let said = new(json!({
        "properties": properties(json!({ "type": "object", "properties": { "name": text } })),
        "required": ["apiVersion", "kind", "metadata"],
    }));
    assert_eq!(found(&old, &said), [""; 0]);
    assert_eq!(found(&said, &old), [""; 0]);
    let short = json!({ "type": "object", "properties": { "name": { "type": "string", "maxLength": 9 } } });
    let short = new(json!({ "properties": properties(short), "required": ["spec"] }));
    assert_eq!(
        found(&old, &short),
        ["v1 metadata.name: maxLength is added: 9", "v1 spec: is now required, and has no default"]
    );
}

#[test]
fn what_is_around_the_schema_counts_too() {
    let old = definition(&json!({ "type": "object" }));
    let cases: [(&str, Value, &[&str]); 14] = [
        ("/spec/scope", json!("Cluster"), &["spec.scope: was \"Namespaced\", and is \"Cluster\""]),
        (
            "/spec/names",
            json!({ "plural": "things", "kind": "Stuff", "singular": "thing", "listKind": "ThingList" }),
            &["spec.names.kind: was \"Thing\", and is \"Stuff\""],
        ),
        (
            "/spec/names",
            json!({ "plural": "things", "kind": "Thing", "singular": "one", "listKind": "Things" }),
            &[
                "spec.names.singular: was \"thing\", and is \"one\"",
                "spec.names.listKind: was \"ThingList\", and is \"Things\"",
            ],
        ),
        // As the server fills it in.
        (
            "/spec/names",
            json!({
                "plural": "things", "kind": "Thing", "singular": "thing", "listKind": "ThingList", "shortNames": ["t"],
            }),
            &[],
        ),
        ("/spec/names/plural", json!("stuffs"), &[": the type is gone"]),
        ("/spec/group", json!("example.com"), &[": the type is gone"]),
        ("/spec/versions/0/served", json!(false), &["v1: the version is no longer served"]),
        ("/spec/versions/0/name", json!("v2"), &["v1: the storage version is gone"]),
        (
            "/spec/versions/0/subresources",
            json!({}),
            &["v1 subresources.status: the subresource is gone", "v1 subresources.scale: the subresource is gone"],
        ),
        (
            "/spec/versions/0/subresources/scale/specReplicasPath",
            json!(".spec.m"),
            &["v1 subresources.scale: specReplicasPath was \".spec.n\", and is \".spec.m\""],
        ),
        (
            "/spec/versions/0/subresources/scale",
            json!({
                "specReplicasPath": ".spec.n", "statusReplicasPath": ".status.n", "labelSelectorPath": ".status.s"
            }),
            &[],
        ),
        (
            "/spec/versions/0/selectableFields",
            json!([]),
            &["v1 selectableFields: .spec.a can no longer be selected by"],
        ),
        ("/spec/versions/0/selectableFields", json!([{ "jsonPath": ".spec.b" }, { "jsonPath": ".spec.a" }]), &[]),
        ("/spec/versions/0/deprecated", json!(true), &[]),
    ];
    for (place, value, said) in cases {
        let mut new = old.clone();
        let (parent, key) = place.rsplit_once('/').unwrap();
        new.pointer_mut(parent).unwrap()[key] = value;
        assert_eq!(found(&old, &new), said, "{place}");
    }
    assert_eq!(check(&[old], &[]).unwrap()[0].to_string(), "things.example.org: the type is gone");
}

#[test]
fn versions_are_compared_by_name() {
    let spec = |name: &str| json!({ "type": "object", "properties": { name: { "type": "string" } } });
    let one = definition(&spec("a"));
    let mut two = one.clone();
    two["spec"]["versions"].as_array_mut().unwrap().push(definition(&spec("b"))["spec"]["versions"][0].take());
    two["spec"]["versions"][1]["name"] = json!("v2");
    two["spec"]["versions"][1]["storage"] = json!(false);
    assert_eq!(found(&one, &two), [""; 0]);
    assert_eq!(found(&two, &one), ["v2: the version is no longer served"]);
    let mut unserved = two.clone();
    unserved["spec"]["versions"][1]["served"] = json!(false);
    assert_eq!(found(&unserved, &one), [""; 0], "nobody can have used it");
    // Objects of v1 are pruned by v2 once they are stored in it.
    let mut moved = two.clone();
    moved["spec"]["versions"][0]["storage"] = json!(false);
    moved["spec"]["versions"][1]["storage"] = json!(true);
    assert_eq!(found(&two, &moved), ["v1->v2 spec.a: the property is gone"]);
    moved["spec"]["conversion"] = json!({ "strategy": "Webhook" });
    assert_eq!(found(&two, &moved), [""; 0]);
}

#[test]
fn versions_that_were_converted_still_are() {
    let spec = |name: &str| json!({ "type": "object", "properties": { name: { "type": "string" } } });
    let mut plain = definition(&spec("a"));
    let mut converted = plain.clone();
    converted["spec"]["conversion"] = json!({ "strategy": "Webhook" });
    assert_eq!(found(&converted, &plain), [""; 0], "there is nothing to convert to");
    for definition in [&mut plain, &mut converted] {
        let mut other = self::definition(&spec("b"))["spec"]["versions"][0].take();
        other["name"] = json!("v2");
        other["storage"] = json!(false);
        definition["spec"]["versions"].as_array_mut().unwrap().push(other);
    }
    assert_eq!(found(&converted, &plain), ["spec.conversion: strategy was \"Webhook\", and is \"None\""]);
    assert_eq!(found(&plain, &converted), [""; 0]);
    let mut said = plain.clone();
    said["spec"]["conversion"] = json!({ "strategy": "None" });
    assert_eq!(found(&plain, &said), [""; 0]);
}

#[test]
fn names_that_were_allowed_still_are() {
    let definition = definition(&json!({ "type": "object" }));
    let named = |validation: &str| {
        let mut schema = export::schema(&definition).unwrap();
        schema["spec"]["nameValidation"] = json!(validation);
        schema
    };
    let (any, dns) = (named("PathSegmentName"), named("DNS1123Subdomain"));
    let said = "spec: nameValidation was \"PathSegmentName\", and is \"DNS1123Subdomain\"";
    assert_eq!(found(&any, &dns), [said]);
    assert_eq!(found(&any, &definition), [said]);
    assert_eq!(found(&dns, &any), [""; 0]);
    assert_eq!(found(&dns, &definition), [""; 0]);
    assert_eq!(found(&any, &any), [""; 0]);
}

#[test]
fn what_no_schema_pruned_is_not_pruned() {
    let pruned = definition(&json!({ "type": "object" }));
    let mut kept = pruned.clone();
    kept["spec"]["preserveUnknownFields"] = json!(true);
    assert_eq!(found(&kept, &pruned), ["spec.preserveUnknownFields: unknown fields are no longer preserved"]);
    assert_eq!(found(&pruned, &kept), [""; 0]);
    assert_eq!(found(&kept, &kept), [""; 0]);
}

#[test]
fn the_own_types_are_compatible_with_themselves_in_either_shape() {
    let definitions =
        [serde_json::to_value(SyncTarget::crd()).unwrap(), serde_json::to_value(ClusterRegistration::crd()).unwrap()];
    let documents = export::provider("berthage", &definitions).unwrap();
    for (old, new) in [
        (&definitions[..], &definitions[..]),
        (&definitions, &documents),
        (&documents, &definitions),
        (&documents, &documents),
    ] {
        assert_eq!(check(old, new), Ok(vec![]));
    }
    let mut documents = documents;
    let place = "/spec/versions/0/schema/properties/spec/properties/syncerConfig/properties/replicas/maximum";
    let bound = documents.iter_mut().find_map(|document| document.pointer_mut(place)).unwrap();
    *bound = json!(2);
    let said: Vec<_> = check(&definitions, &documents).unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(said, ["synctargets.workload.kcp.io v1alpha1 spec.syncerConfig.replicas: maximum was 5.0, and is 2"]);
}

#[test]
fn every_definition_of_a_type_counts() {
    let old = definition(&json!({ "type": "object", "properties": { "a": { "type": "string" } } }));
    let new = definition(&json!({ "type": "object" }));
    let found = check(&[old.clone(), old.clone()], &[old, new]).unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn what_cannot_be_compared_is_an_error() {
    let other = json!({ "apiVersion": "v1", "kind": "ConfigMap" });
    let definition = definition(&json!({ "type": "object" }));
    assert_eq!(check(std::slice::from_ref(&other), std::slice::from_ref(&definition)), Err(CompatError::NoTypes));
    assert_eq!(check(&[other, definition.clone()], std::slice::from_ref(&definition)), Ok(vec![]));
    let mut beta = definition.clone();
    beta["apiVersion"] = json!("apiextensions.k8s.io/v1beta1");
    assert!(matches!(check(&[beta], &[]), Err(CompatError::Unsupported { .. })));
    let mut empty = definition.clone();
    empty["spec"]["versions"] = json!([]);
    let error = CompatError::Incomplete { object: "things.example.org".to_owned(), field: "spec.versions" };
    assert_eq!(check(&[empty], std::slice::from_ref(&definition)), Err(error));
    for (place, field) in [
        ("/apiVersion", "apiVersion"),
        ("/spec/group", "spec.group"),
        ("/spec/scope", "spec.scope"),
        ("/spec/names/plural", "spec.names.plural"),
        ("/spec/names/kind", "spec.names.kind"),
        ("/spec/versions", "spec.versions"),
        ("/spec/versions/0/name", "spec.versions.name"),
        ("/spec/versions/0/served", "spec.versions.served"),
        ("/spec/versions/0/storage", "spec.versions.storage"),
        ("/spec/versions/0/schema", "spec.versions.schema"),
    ] {
        let mut broken = definition.clone();
        broken.pointer_mut(place).unwrap().take();
        let error = check(&[broken], &[]).unwrap_err();
        assert_eq!(error, CompatError::Incomplete { object: "things.example.org".to_owned(), field });
    }
}
