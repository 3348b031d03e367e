//! Laws that hold for any objects of a kind with all sorts of lists and maps.

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::super::compare::compare;
use super::super::describe::fields_of;
use super::super::element::Element;
use super::super::item;
use super::super::merge::{Merged, merge};
use super::super::set::FieldSet;
use super::super::shape::{Form, TypeId, Types};
use super::{Applied, CustomKind, FieldManager, entry, keep_timestamps};

fn schema() -> Value {
    let text = json!({"type": "string"});
    let set = json!({"type": "array", "items": text, "x-kubernetes-list-type": "set"});
    json!({"type": "object", "properties": {
        "spec": {"type": "object", "properties": {
            "text": text,
            "number": {"type": "integer"},
            "labels": {"type": "object", "additionalProperties": text},
            "set": set,
            "list": {"type": "array", "items": text},
            "whole": {"type": "object", "additionalProperties": text, "x-kubernetes-map-type": "atomic"},
            "items": {
                "type": "array",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name", "port"],
                "items": {"type": "object", "properties": {
                    "name": text, "port": {"type": "integer", "default": 80}, "value": text, "set": set,
                }},
            },
            "any": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
        }},
        "status": {"type": "object", "properties": {"text": text}},
    }})
}

fn manager() -> FieldManager {
    let schema = schema();
    let kind = CustomKind {
        api_version: "acme.io/v1",
        kind: "Thing",
        schema: Some(&schema),
        status: true,
        other_versions: vec![],
    };
    FieldManager::custom(&kind, "").unwrap()
}

fn text() -> impl Strategy<Value = Value> {
    prop::sample::select(vec!["a", "b", "<c>", ""]).prop_map(|text| json!(text))
}

fn map(values: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    btree_map(prop::sample::select(vec!["x", "y", "z"]), values, 0..3)
        .prop_map(|map| Value::Object(map.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()))
}

fn set() -> impl Strategy<Value = Value> {
    btree_set(prop::sample::select(vec!["a", "b", "c", "d"]), 0..4)
        .prop_flat_map(|set| Just(set.into_iter().collect::<Vec<_>>()).prop_shuffle())
        .prop_map(|set| json!(set))
}

fn some(fields: Vec<(&str, Option<Value>)>) -> Value {
    let there = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(there.collect::<Map<_, _>>())
}

fn items() -> impl Strategy<Value = Value> {
    let key = (prop::sample::select(vec!["a", "b"]), prop::sample::select(vec![80, 443]));
    btree_map(key, (any::<bool>(), option::of(text()), option::of(set())), 0..4)
        .prop_flat_map(|items| Just(items.into_iter().collect::<Vec<_>>()).prop_shuffle())
        .prop_map(|items| {
            let items = items.into_iter().map(|((name, port), (said, value, set))| {
                // What is the default need not be said.
                let port = (said || port != 80).then(|| json!(port));
                some(vec![("name", Some(json!(name))), ("port", port), ("value", value), ("set", set)])
            });
            Value::Array(items.collect())
        })
}

fn anything() -> impl Strategy<Value = Value> {
    prop_oneof![text(), any::<i8>().prop_map(|n| json!(n)), Just(json!(null)), Just(json!(1.5))].prop_recursive(
        3,
        8,
        3,
        |inner| prop_oneof![vec(inner.clone(), 0..3).prop_map(Value::Array), map(inner)],
    )
}

fn object() -> impl Strategy<Value = Value> {
    let spec = (
        option::of(text()),
        option::of(0..3),
        option::of(map(text())),
        option::of(set()),
        option::of(vec(text(), 0..3)),
        option::of(map(text())),
        option::of(items()),
        option::of(map(anything())),
    );
    (option::of(spec), option::of(map(text())), option::of(text())).prop_map(|(spec, labels, status)| {
        let spec = spec.map(|(text, number, labels, set, list, whole, items, any)| {
            some(vec![
                ("text", text),
                ("number", number.map(|number| json!(number))),
                ("labels", labels),
                ("set", set),
                ("list", list.map(Value::Array)),
                ("whole", whole),
                ("items", items),
                ("any", any),
            ])
        });
        let metadata = some(vec![("name", Some(json!("x"))), ("labels", labels)]);
        some(vec![
            ("apiVersion", Some(json!("acme.io/v1"))),
            ("kind", Some(json!("Thing"))),
            ("metadata", Some(metadata)),
            ("spec", spec),
            ("status", status.map(|text| json!({"text": text}))),
        ])
    })
}

/// The object after an application that takes what it wants.
fn applied(manager: &FieldManager, live: Option<&Value>, object: &Value, by: &str, now: i64) -> Value {
    match manager.apply(live, object, by, true, now).unwrap() {
        Applied::Unchanged => live.unwrap().clone(),
        Applied::Changed(object) => stored(object),
    }
}

/// As a server stores it.
fn stored(mut object: Value) -> Value {
    object["metadata"]["uid"] = json!("u");
    object
}

fn without_managed_fields(object: &Value) -> Value {
    let mut object = object.clone();
    object["metadata"].as_object_mut().unwrap().remove("managedFields");
    object
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn to_apply_twice_is_to_apply_once(first in object(), second in object(), third in object()) {
        let manager = manager();
        let live = stored(manager.update(None, first, "other", 1).unwrap());
        let live = applied(&manager, Some(&live), &second, "one", 2);
        let once = applied(&manager, Some(&live), &third, "two", 3);
        // What nobody owns anything of is owned by `before-first-apply` the next time.
        if once.pointer("/metadata/managedFields").is_some() {
            prop_assert_eq!(manager.apply(Some(&once), &third, "two", false, 4), Ok(Applied::Unchanged));
        }
    }

    #[test]
    fn what_nobody_applies_any_more_is_gone(first in object(), second in object()) {
        let manager = manager();
        let live = applied(&manager, None, &first, "one", 1);
        let live = applied(&manager, Some(&live), &second, "one", 2);
        let shape = manager.shape();
        let gone = fields_of(shape, &first).difference(&fields_of(shape, &second)).recursive_difference(&manager.reset);
        let left = fields_of(shape, &live).intersection(&gone);
        prop_assert!(left.is_empty(), "{left:?}\n{live}");
        // What tells the object apart is nobody's, and stays.
        prop_assert_eq!(&live["metadata"]["name"], &json!("x"));
    }

    #[test]
    fn what_somebody_owns_is_there(objects in vec(object().prop_map(without_empty), 4)) {
        // Empty lists and maps that somebody owns may go with the map that they are in, in a real server too.
        let [first, second, third, fourth] = <[Value; 4]>::try_from(objects).unwrap();
        let manager = manager();
        let live = applied(&manager, None, &first, "one", 1);
        let live = applied(&manager, Some(&live), &second, "two", 2);
        let live = stored(manager.update(Some(&live), third, "three", 3).unwrap());
        let live = applied(&manager, Some(&live), &fourth, "two", 4);
        let shape = manager.shape();
        for entry in entry::decode(&entry::headers(&live).unwrap_or_default(), None).unwrap() {
            for path in entry.set.paths() {
                prop_assert!(exists(shape.types(), shape.root(), &live, &path), "{path:?} of {}\n{live}", entry.manager);
            }
        }
    }

    #[test]
    fn an_update_that_changes_nothing_changes_no_owner(first in object(), second in object()) {
        let manager = manager();
        let live = applied(&manager, None, &first, "one", 1);
        let live = stored(manager.update(Some(&live), {
            let mut new = second;
            new["metadata"]["uid"] = json!("u");
            new
        }, "two", 2).unwrap());
        let again = manager.update(Some(&live), live.clone(), "three", 3).unwrap();
        prop_assert_eq!(&again, &live);
        let unknowing = manager.update(Some(&live), without_managed_fields(&live), "three", 3).unwrap();
        prop_assert_eq!(&unknowing, &live);
    }

    #[test]
    fn to_merge_twice_is_to_merge_once(live in object(), object in object()) {
        let manager = manager();
        let merged = match merge(manager.shape(), &live, &object) {
            Merged::Same => live,
            Merged::New(merged) => merged,
        };
        prop_assert_eq!(merge(manager.shape(), &merged, &object), Merged::Same);
    }

    #[test]
    fn sets_are_read_as_they_are_written(object in object()) {
        let manager = manager();
        let set = fields_of(manager.shape(), &object);
        let written = set.to_value();
        prop_assert_eq!(&FieldSet::parse(&written).unwrap(), &set);
        prop_assert!(set.is_written_as(&written));
        let json: Value = serde_json::from_str(&set.to_json()).unwrap();
        prop_assert_eq!(json, written);
    }

    #[test]
    fn sets_obey_the_laws_of_sets(left in object(), right in object()) {
        let manager = manager();
        let (left, right) = (fields_of(manager.shape(), &left), fields_of(manager.shape(), &right));
        let (both, only) = (left.intersection(&right), left.clone().difference(&right));
        prop_assert_eq!(&both.clone().union(only.clone()), &left);
        prop_assert_eq!(left.clone().union(right.clone()), right.clone().union(left.clone()));
        prop_assert!(both.is_within(&left) && both.is_within(&right) && only.is_within(&left));
        prop_assert!(!only.meets(&right));
        prop_assert_eq!(left.meets(&right), !both.is_empty());
        prop_assert_eq!(left.is_within(&right), only.is_empty());
    }

    #[test]
    fn a_comparison_says_what_was_added_and_removed(old in object(), new in object()) {
        let manager = manager();
        let shape = manager.shape();
        let there = compare(shape, &old, &new).unwrap();
        let back = compare(shape, &new, &old).unwrap();
        prop_assert_eq!(&there.added, &back.removed);
        prop_assert_eq!(&there.removed, &back.added);
        prop_assert_eq!(&there.modified, &back.modified);
        prop_assert!(compare(shape, &old, &old).unwrap().is_same());
    }

    #[test]
    fn times_alone_are_no_change(object in object()) {
        let manager = manager();
        let live = applied(&manager, None, &object, "one", 1);
        let mut new = applied(&manager, None, &object, "one", 2);
        prop_assert!(keep_timestamps(&live, &mut new));
        prop_assert_eq!(&new, &live);
        new["metadata"]["generation"] = json!(2);
        prop_assert!(!keep_timestamps(&live, &mut new));
    }
}

fn without_empty(value: Value) -> Value {
    let is_empty =
        |value: &Value| value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty);
    match value {
        Value::Object(fields) => {
            let kept = fields.into_iter().map(|(name, value)| (name, without_empty(value)));
            Value::Object(kept.filter(|(_, value)| !is_empty(value)).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_empty).collect()),
        scalar => scalar,
    }
}

/// Whether there is something at a path.
fn exists(types: &Types, id: TypeId, value: &Value, path: &[Element<'_>]) -> bool {
    let Some((element, rest)) = path.split_first() else { return true };
    match types.atom(id).form_of(value) {
        Form::Map(map) => {
            let Element::Field(name) = element else { return false };
            value
                .get(&**name)
                .is_some_and(|below| rest.is_empty() || exists(types, map.field_type(name).unwrap(), below, rest))
        }
        Form::List(list) => value.as_array().unwrap().iter().any(|below| {
            item::element(types, list, below).is_ok_and(|there| there == *element)
                && exists(types, list.element, below, rest)
        }),
        _ => false,
    }
}
