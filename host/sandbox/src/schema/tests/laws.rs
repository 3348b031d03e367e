//! Laws: what is defaulted or pruned once stays as it is, and what is valid stays valid.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::kind;

fn schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({"type": "string"})),
        Just(json!({"type": "string", "default": "d"})),
        Just(json!({"type": "string", "nullable": true})),
        Just(json!({"type": "string", "nullable": true, "default": "d"})),
        Just(json!({"type": "integer", "default": 3, "minimum": 1})),
        Just(json!({"type": "boolean"})),
        Just(json!({"x-kubernetes-int-or-string": true})),
        Just(json!({"x-kubernetes-preserve-unknown-fields": true})),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let fields = prop::collection::btree_map("[a-d]", inner.clone(), 0..4);
        prop_oneof![
            (fields.clone(), any::<bool>(), any::<bool>()).prop_map(|(properties, preserve, default)| {
                let mut schema = json!({"type": "object", "properties": properties});
                if preserve {
                    schema["x-kubernetes-preserve-unknown-fields"] = json!(true);
                }
                if default {
                    schema["default"] = json!({});
                }
                schema
            }),
            inner.clone().prop_map(|items| json!({"type": "array", "items": items})),
            inner.prop_map(|values| json!({"type": "object", "additionalProperties": values})),
        ]
    })
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..5).prop_map(Value::from),
        "[a-c]{0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-e]", inner, 0..4).prop_map(|fields| json!(fields)),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_done_twice_is_as_if_done_once(schema in schema(), spec in value()) {
        let kind = kind(&json!({"type": "object", "properties": {"spec": schema}}), false);
        let version = &kind.versions[0];
        let mut once = json!({"apiVersion": "example.com/v1", "kind": "Foo", "metadata": {"name": "x"}, "spec": spec});

        version.coerce(&mut once).unwrap();
        let mut twice = once.clone();
        prop_assert_eq!(version.coerce(&mut twice).unwrap(), Vec::<String>::new());
        prop_assert_eq!(&twice, &once);

        version.default(&mut once);
        let mut twice = once.clone();
        version.default(&mut twice);
        prop_assert_eq!(&twice, &once);

        // What is stored is read again, and it says the same of itself.
        let before = version.validate(&once, None);
        version.prune(&mut twice);
        prop_assert_eq!(&twice, &once);
        prop_assert_eq!(version.validate(&twice, None), before);
        // What did not change is never refused.
        prop_assert_eq!(version.validate(&once, Some(&once)).causes, vec![]);
    }

    #[test]
    fn nothing_breaks_an_expression(text in "[a-z0-9().,!?:\\[\\]{}'\"\\\\ +*/=<>&|%-]{0,60}") {
        let definition = json!({"spec": {"group": "example.com", "names": {"kind": "Foo"}, "scope": "Cluster", "versions": [{
            "name": "v1", "schema": {"openAPIV3Schema": {
                "type": "object", "properties": {"a": {"type": "string", "x-kubernetes-validations": [{"rule": text}]}},
            }},
        }]}});
        if let Ok(kind) = super::CustomKind::read(definition.as_object().unwrap()) {
            kind.versions[0].validate(&json!({"a": "x"}), None);
        }
    }
}
