//! Places in a JSON tree, as JSON Pointers (RFC 6901): `/metadata/labels/app.kubernetes.io~1name`.

use serde_json::Value;

/// A key as it is in a pointer.
pub fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// A part of a pointer as the key that it means.
pub fn unescaped(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

/// Whether a place is another one, or in it.
pub fn is_within(place: &str, outer: &str) -> bool {
    place.strip_prefix(outer.trim_end_matches('/')).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The first place in which two trees differ; none if they are the same.
pub fn first_difference(a: &Value, b: &Value) -> Option<String> {
    let inside = |key: &str, a: Option<&Value>, b: Option<&Value>| match (a, b) {
        (Some(a), Some(b)) => first_difference(a, b).map(|rest| format!("/{key}{rest}")),
        _ => Some(format!("/{key}")),
    };
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let mut keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
            keys.find_map(|key| inside(&escaped(key), a.get(key), b.get(key)))
        }
        (Value::Array(a), Value::Array(b)) => {
            (0..a.len().max(b.len())).find_map(|at| inside(&at.to_string(), a.get(at), b.get(at)))
        }
        _ => (a != b).then(String::new),
    }
}

/// A place and all places in it, from the outside to the inside.
pub fn places(value: &Value, place: String) -> Vec<String> {
    let inside: Vec<String> = match value {
        Value::Object(fields) => {
            fields.iter().flat_map(|(key, value)| places(value, format!("{place}/{}", escaped(key)))).collect()
        }
        Value::Array(items) => {
            items.iter().enumerate().flat_map(|(at, value)| places(value, format!("{place}/{at}"))).collect()
        }
        _ => Vec::new(),
    };
    std::iter::once(place).chain(inside).collect()
}

/// Takes out what is at a place, if something is.
pub fn remove(tree: &mut Value, place: &str) {
    let Some((parent, key)) = place.rsplit_once('/') else { return };
    match tree.pointer_mut(parent) {
        Some(Value::Object(fields)) => {
            fields.remove(&unescaped(key));
        }
        Some(Value::Array(items)) => {
            if let Some(at) = key.parse::<usize>().ok().filter(|at| *at < items.len()) {
                items.remove(at);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_difference_is_found() {
        let place = |a, b| first_difference(&a, &b);
        assert_eq!(place(json!({"a/b": [1, 2]}), json!({"a/b": [1, 3]})).as_deref(), Some("/a~1b/1"));
        assert_eq!(place(json!({"a": 1}), json!({"a": 1, "b": 2})).as_deref(), Some("/b"));
        assert_eq!(place(json!({"a": 1, "b": 2}), json!({"a": 1})).as_deref(), Some("/b"));
        assert_eq!(place(json!([1, 2]), json!([1])).as_deref(), Some("/1"));
        assert_eq!(place(json!(1), json!({})).as_deref(), Some(""));
        assert_eq!(place(json!({"a": [{}]}), json!({"a": [{}]})), None);
    }

    #[test]
    fn all_places_are_named_from_the_outside_in() {
        let tree = json!({"a": {"b/c": [1, {"d": 2}]}});
        let all = ["/a", "/a/b~1c", "/a/b~1c/0", "/a/b~1c/1", "/a/b~1c/1/d"];
        assert_eq!(places(&tree["a"], "/a".to_owned()), all);
    }

    fn tree() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![Just(json!(null)), any::<i8>().prop_map(|number| json!(number))];
        leaf.prop_recursive(4, 24, 4, |inside| {
            let list = prop::collection::vec(inside.clone(), 0..4).prop_map(Value::from);
            let fields = prop::collection::btree_map("[a/~]{1,2}", inside, 0..4);
            prop_oneof![list, fields.prop_map(|fields| fields.into_iter().collect())]
        })
    }

    proptest! {
        #[test]
        fn every_place_is_there_and_can_be_taken_out(tree in tree()) {
            for place in places(&tree, String::new()) {
                prop_assert!(tree.pointer(&place).is_some(), "{place}");
                let mut less = tree.clone();
                remove(&mut less, &place);
                if place.is_empty() {
                    prop_assert_eq!(&less, &tree);
                } else {
                    let difference = first_difference(&tree, &less).unwrap_or_default();
                    prop_assert!(difference.starts_with(place.rsplit_once('/').map_or("", |(parent, _)| parent)));
                }
            }
        }

        #[test]
        fn only_different_trees_differ(a in tree(), b in tree()) {
            prop_assert_eq!(first_difference(&a, &b).is_none(), a == b);
        }
    }
}
