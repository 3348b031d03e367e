//! What holds for any schemas. The oracle is a model of the server: it prunes, fills in defaults, and validates.

use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use serde_json::{Map, Value, json};

use super::tests::definition;
use super::*;

const NAMES: [&str; 3] = ["ada", "bob", "cyd"];
const PRESERVE: &str = "x-kubernetes-preserve-unknown-fields";

fn leaf() -> impl Strategy<Value = Value> {
    select(vec![
        json!({ "type": "string" }),
        json!({ "type": "string", "minLength": 1, "maxLength": 2 }),
        json!({ "type": "string", "enum": ["a", "bb"], "default": "a" }),
        json!({ "type": "string", "pattern": "^a", "nullable": true }),
        json!({ "type": "integer" }),
        json!({ "type": "integer", "minimum": 1, "maximum": 3, "default": 2 }),
        json!({ "type": "number", "minimum": 0, "exclusiveMinimum": true, "multipleOf": 2 }),
        json!({ "type": "boolean", "default": false }),
        json!({ "x-kubernetes-int-or-string": true }),
    ])
}

fn schema() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(3, 12, 3, |inner| {
        let properties = prop::collection::btree_map(select(&NAMES[..]), inner.clone(), 0..4);
        prop_oneof![
            (properties, subsequence(&NAMES[..], 0..3)).prop_map(|(properties, required)| {
                let required: Vec<_> = required.into_iter().filter(|name| properties.contains_key(name)).collect();
                json!({ "type": "object", "properties": properties, "required": required })
            }),
            inner.clone().prop_map(|inner| json!({ "type": "object", "additionalProperties": inner })),
            inner.prop_map(|inner| json!({ "type": "array", "items": inner, "maxItems": 2 })),
        ]
    })
}

/// One keyword of any schema, set to something or taken away.
fn edit() -> impl Strategy<Value = (&'static str, Value)> {
    let small = (0..4).prop_map(Value::from);
    let sized = select(vec![
        "minimum",
        "maximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "minProperties",
    ]);
    let flags =
        select(vec!["nullable", "exclusiveMinimum", "exclusiveMaximum", "x-kubernetes-int-or-string", PRESERVE]);
    prop_oneof![
        (sized, prop_oneof![2 => small, 1 => Just(Value::Null)]).prop_map(|(keyword, value)| match (keyword, &value) {
            ("multipleOf", Value::Number(_)) if value == 0 => (keyword, json!(1)),
            _ => (keyword, value),
        }),
        (flags, any::<bool>()).prop_map(|(keyword, value)| (keyword, json!(value))),
        select(vec!["string", "integer", "number", "object", "array", ""]).prop_map(|kind| ("type", json!(kind))),
        subsequence(vec!["a", "bb", "c"], 0..4).prop_map(|values| ("enum", json!(values))),
        subsequence(&NAMES[..], 0..3).prop_map(|names| ("required", json!(names))),
        select(vec![Value::Null, json!("^a"), json!("b$")]).prop_map(|value| ("pattern", value)),
        select(vec![Value::Null, json!("a"), json!(2), json!({}), json!([])]).prop_map(|value| ("default", value)),
        prop_oneof![schema(), Just(json!(true)), Just(Value::Null)].prop_map(|value| ("additionalProperties", value)),
        prop_oneof![schema(), Just(Value::Null)].prop_map(|value| ("items", value)),
        prop::collection::btree_map(select(&NAMES[..]), schema(), 0..3).prop_map(|value| ("properties", json!(value))),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = select(vec![
        json!(null),
        json!(true),
        json!(0),
        json!(1),
        json!(2),
        json!(3),
        json!(1.5),
        json!(""),
        json!("a"),
        json!("bb"),
        json!("c"),
    ]);
    leaf.prop_recursive(3, 10, 3, |inner| {
        prop_oneof![
            prop::collection::btree_map(select(&NAMES[..]), inner.clone(), 0..4).prop_map(|map| json!(map)),
            prop::collection::vec(inner, 0..3).prop_map(Value::from),
        ]
    })
}

/// Pointers of every schema in a schema.
fn places(schema: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        places(property, &format!("{at}/properties/{name}"), found);
    }
    for keyword in ["items", "additionalProperties"] {
        if schema[keyword].is_object() {
            places(&schema[keyword], &format!("{at}/{keyword}"), found);
        }
    }
}

fn edited(old: &Value, edits: &[(Index, (&'static str, Value))]) -> Value {
    let mut new = old.clone();
    for (index, (keyword, value)) in edits {
        let mut found = Vec::new();
        places(&new, "", &mut found);
        let schema = new.pointer_mut(index.get::<String>(&found)).and_then(Value::as_object_mut).unwrap();
        if value.is_null() || value == "" {
            schema.remove(*keyword);
        } else {
            schema.insert((*keyword).to_owned(), value.clone());
        }
    }
    new
}

/// What the server has for a key: none is pruned, and null is what no schema says anything of.
fn below<'a>(schema: &'a Value, key: &str) -> Option<&'a Value> {
    match (schema["properties"].get(key), &schema["additionalProperties"]) {
        (Some(property), _) => Some(property),
        (None, Value::Null) => None,
        (None, Value::Bool(_)) => Some(&Value::Null),
        (None, others) => Some(others),
    }
}

/// As apiextensions-apiserver prunes: `kept` says that the parent's unknown fields are.
fn prune(schema: &Value, value: &mut Value, kept: bool) {
    let kept = kept || schema[PRESERVE] == true;
    match value {
        Value::Object(map) => map.retain(|key, value| match below(schema, key) {
            Some(below) => {
                let null =
                    value.is_null() && !below.is_null() && below["nullable"] != true && below["default"].is_null();
                prune(below, value, false);
                !null
            }
            None => kept,
        }),
        // Without a schema for the items, what is kept of them is all.
        Value::Array(list) => list.iter_mut().for_each(|value| match &schema["items"] {
            Value::Null if kept => {}
            items => prune(items, value, kept),
        }),
        _ => {}
    }
}

fn fill(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (name, property) in schema["properties"].as_object().into_iter().flatten() {
                let null = map.get(name).is_some_and(Value::is_null) && property["nullable"] != true;
                if !property["default"].is_null() && (null || !map.contains_key(name)) {
                    map.insert(name.clone(), property["default"].clone());
                }
            }
            for (key, value) in map {
                if let Some(below) = below(schema, key) {
                    fill(below, value);
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|value| fill(&schema["items"], value)),
        _ => {}
    }
}

/// The same in plain JSON Schema, of the draft whose exclusive bounds are flags.
fn plain(schema: &Value) -> Value {
    let mut plain = Map::new();
    for (keyword, value) in schema.as_object().into_iter().flatten() {
        let value = match keyword.as_str() {
            "properties" => value
                .as_object()
                .unwrap()
                .iter()
                .map(|(name, property)| (name.clone(), self::plain(property)))
                .collect(),
            "items" | "additionalProperties" if value.is_object() => self::plain(value),
            "default" | "nullable" => continue,
            "required" | "enum" if value == &json!([]) => continue,
            "exclusiveMinimum" if schema["minimum"].is_null() => continue,
            "exclusiveMaximum" if schema["maximum"].is_null() => continue,
            _ => value.clone(),
        };
        plain.insert(keyword.clone(), value);
    }
    if schema["x-kubernetes-int-or-string"] == true {
        plain.insert("type".to_owned(), json!(["integer", "string"]));
    }
    if schema["nullable"] == true { json!({ "anyOf": [{ "enum": [null] }, plain] }) } else { Value::Object(plain) }
}

fn validator(schema: &Value) -> jsonschema::Validator {
    jsonschema::options().with_draft(jsonschema::Draft::Draft4).build(&plain(schema)).unwrap()
}

/// The server takes no default that its own schema refuses.
fn defaults_are_valid(schema: &Value) -> bool {
    let mut found = Vec::new();
    places(schema, "", &mut found);
    found.iter().filter_map(|place| schema.pointer(place)).all(|schema| {
        let default = &schema["default"];
        let mut filled = default.clone();
        prune(schema, &mut filled, false);
        fill(schema, &mut filled);
        default.is_null() || (&filled == default && validator(schema).is_valid(&filled))
    })
}

fn breaks(old: &Value, new: &Value) -> Vec<Break> {
    check(&[definition(old)], &[definition(new)]).unwrap()
}

proptest! {
    #[test]
    fn a_schema_is_compatible_with_itself(
        schema in schema(),
        edits in prop::collection::vec((any::<Index>(), edit()), 0..4),
    ) {
        prop_assert_eq!(breaks(&schema, &schema), []);
        let schema = edited(&schema, &edits);
        prop_assert_eq!(breaks(&schema, &schema), []);
    }

    #[test]
    fn a_property_that_is_removed_is_named(inner in schema(), index in any::<Index>()) {
        let schema = json!({ "type": "object", "properties": { "eve": { "type": "string" }, "fay": inner } });
        let mut found = Vec::new();
        places(&schema, "", &mut found);
        found.retain(|place| place.rsplit_once('/').is_some_and(|(parent, _)| parent.ends_with("/properties")));
        let (parent, name) = index.get(&found).rsplit_once('/').unwrap();
        let mut new = schema.clone();
        new.pointer_mut(parent).and_then(Value::as_object_mut).unwrap().remove(name);
        let place = index.get(&found).replace("/properties/", ".").replace("/items", "[]");
        let place = place.replace("/additionalProperties", ".*");
        let expected = Break {
            object: "things.example.org".to_owned(),
            place: format!("v1 spec{place}"),
            problem: Problem::PropertyGone,
        };
        prop_assert!(breaks(&schema, &new).contains(&expected), "{expected}");
    }

    /// The promise of this module.
    #[test]
    fn what_was_valid_stays_valid_and_whole(
        old in schema(),
        edits in prop::collection::vec((any::<Index>(), edit()), 1..4),
        values in prop::collection::vec(value(), 32),
    ) {
        let within = |schema: Value| json!({ "type": "object", "properties": { "spec": schema } });
        let new = edited(&old, &edits);
        prop_assume!(defaults_are_valid(&new) && defaults_are_valid(&old));
        for (old, new) in [(&old, &new), (&new, &old)] {
            if !breaks(old, new).is_empty() {
                continue;
            }
            let (old, new) = (within(old.clone()), within(new.clone()));
            let (takes_old, takes_new) = (validator(&old), validator(&new));
            for value in &values {
                let mut was = json!({ "spec": value });
                prune(&old, &mut was, false);
                fill(&old, &mut was);
                if !takes_old.is_valid(&was) {
                    continue;
                }
                let mut is = was.clone();
                prune(&new, &mut is, false);
                prop_assert_eq!(&is, &was, "pruned: {} to {}", &old, &new);
                fill(&new, &mut is);
                prop_assert!(takes_new.is_valid(&is), "{} is refused: {} to {}", is, old, new);
            }
        }
    }
}
