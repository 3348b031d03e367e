//! Lists of which the order says nothing.

use serde_json::{Map, Value, json};

/// What things are called, in the lists of discovery.
const NAMES: [&str; 5] = ["/name", "/metadata/name", "/resource", "/subresource", "/version"];

/// JSON in which every list of things that have names is a map of them.
pub(super) fn by_name(value: Value) -> Value {
    match value {
        Value::Object(map) => map.into_iter().map(|(name, value)| (name, by_name(value))).collect(),
        Value::Array(items) => {
            let named = NAMES.iter().find(|place| {
                !items.is_empty() && items.iter().all(|item| item.pointer(place).is_some_and(Value::is_string))
            });
            let Some(place) = named else { return Value::Array(items.into_iter().map(by_name).collect()) };
            let mut map = Map::new();
            for item in items {
                let name = item.pointer(place).and_then(Value::as_str).unwrap_or_default().to_owned();
                map.insert(name, by_name(item));
            }
            Value::Object(map)
        }
        other => other,
    }
}

/// JSON with all of its lists sorted. The message of a `Status` lists its causes, and goes.
pub(super) fn sorted(value: Value) -> Value {
    match value {
        Value::Object(mut map) => {
            let listed = map.get("message").and_then(Value::as_str).is_some_and(|text| text.contains("is invalid: ["));
            if listed && let Some(message) = map.get_mut("message") {
                *message = json!("<causes>");
            }
            map.into_iter().map(|(name, value)| (name, sorted(value))).collect()
        }
        Value::Array(items) => {
            let mut items: Vec<Value> = items.into_iter().map(sorted).collect();
            items.sort_by_cached_key(ToString::to_string);
            Value::Array(items)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_names_is_told_by_them() {
        let list = json!({"resources": [{"name": "b", "verbs": ["get"]}, {"name": "a"}], "verbs": ["x"]});
        let expected = json!({"resources": {"a": {"name": "a"}, "b": {"name": "b", "verbs": ["get"]}}, "verbs": ["x"]});
        assert_eq!(by_name(list), expected);
    }

    #[test]
    fn what_has_no_order_gets_one() {
        let list = json!({"message": "X is invalid: [b, a]", "causes": [{"field": "b"}, {"field": "a"}]});
        assert_eq!(sorted(list), json!({"message": "<causes>", "causes": [{"field": "a"}, {"field": "b"}]}));
    }
}
