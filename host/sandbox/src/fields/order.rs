//! When two values are equal, and which comes first: as structured-merge-diff has it (`value/value.go`), where `1` and `1.0`
//! are the same.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

/// A number as Go holds it: what does not fit into an `int64` is a `float64`.
enum Held {
    Int(i64),
    Float(f64),
}

fn held(number: &Number) -> Held {
    match (number.as_i64(), number.as_f64()) {
        (Some(int), _) => Held::Int(int),
        (None, Some(float)) => Held::Float(float),
        (None, None) => Held::Float(f64::NAN),
    }
}

/// Whether both are the same.
pub(super) fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::String(left), Value::String(right)) => left == right,
        (Value::Number(left), Value::Number(right)) => left == right || compare_numbers(left, right) == Ordering::Equal,
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|(left, right)| left.0 == right.0 && equal(left.1, right.1))
        }
        _ => false,
    }
}

/// Which comes first: numbers, then texts, booleans, lists, maps, null.
pub(super) fn compare(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Value::String(left), Value::String(right)) => left.cmp(right),
        (Value::Number(left), Value::Number(right)) => compare_numbers(left, right),
        (Value::Array(left), Value::Array(right)) => compare_lists(left, right),
        (Value::Object(left), Value::Object(right)) => compare_maps(left, right),
        _ => rank(left).cmp(&rank(right)),
    }
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Number(_) => 0,
        Value::String(_) => 1,
        Value::Bool(_) => 2,
        Value::Array(_) => 3,
        Value::Object(_) => 4,
        Value::Null => 5,
    }
}

fn compare_numbers(left: &Number, right: &Number) -> Ordering {
    #[expect(clippy::cast_precision_loss, reason = "Go compares an int with a float as floats")]
    let (left, right) = match (held(left), held(right)) {
        (Held::Int(left), Held::Int(right)) => return left.cmp(&right),
        (Held::Int(left), Held::Float(right)) => (left as f64, right),
        (Held::Float(left), Held::Int(right)) => (left, right as f64),
        (Held::Float(left), Held::Float(right)) => (left, right),
    };
    left.partial_cmp(&right).unwrap_or(Ordering::Equal)
}

fn compare_lists(left: &[Value], right: &[Value]) -> Ordering {
    for (left, right) in left.iter().zip(right) {
        match compare(left, right) {
            Ordering::Equal => {}
            other => return other,
        }
    }
    left.len().cmp(&right.len())
}

fn compare_maps(left: &Map<String, Value>, right: &Map<String, Value>) -> Ordering {
    for (left, right) in left.iter().zip(right) {
        match left.0.cmp(right.0).then_with(|| compare(left.1, right.1)) {
            Ordering::Equal => {}
            other => return other,
        }
    }
    left.len().cmp(&right.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_int_is_equal_to_its_float() {
        assert!(equal(&json!({"a": [1, 2.0]}), &json!({"a": [1.0, 2]})));
        assert!(!equal(&json!(1), &json!("1")));
        assert!(!equal(&json!({"a": 1}), &json!({"b": 1})));
    }

    // From value/less_test.go.
    #[test]
    fn kinds_of_values_have_an_order() {
        let sorted = [
            json!(1),
            json!(1.5),
            json!("a"),
            json!(false),
            json!(true),
            json!([]),
            json!([1]),
            json!({}),
            json!(null),
        ];
        for (place, left) in sorted.iter().enumerate() {
            for (other, right) in sorted.iter().enumerate() {
                assert_eq!(compare(left, right), place.cmp(&other), "{left} {right}");
            }
        }
        assert_eq!(compare(&json!({"a": 1}), &json!({"a": 1, "b": 1})), Ordering::Less);
        assert_eq!(compare(&json!({"b": 1}), &json!({"a": 2, "b": 1})), Ordering::Greater);
    }
}
