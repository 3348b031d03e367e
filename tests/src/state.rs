//! What two runs have left behind, compared.

use serde_json::Value;

/// A text with `{time}` in the place of points in time.
pub fn without_times(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_time =
            rest.len() >= 20 && rest.as_bytes()[4] == b'-' && rest.as_bytes()[10] == b'T' && first.is_ascii_digit();
        if let Some(end) = rest.find('Z').filter(|end| is_time && *end < 32) {
            out.push_str("{time}");
            rest = &rest[end + 1..];
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

/// Names the places where two values differ.
pub fn compare(path: &str, expected: &Value, found: &Value, differences: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            let keys: std::collections::BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
            for key in keys {
                let null = &Value::Null;
                let (expected, found) = (expected.get(key).unwrap_or(null), found.get(key).unwrap_or(null));
                compare(&format!("{path}/{key}"), expected, found, differences);
            }
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            for (index, (expected, found)) in expected.iter().zip(found).enumerate() {
                compare(&format!("{path}/{index}"), expected, found, differences);
            }
        }
        (expected, found) if expected == found => {}
        (expected, found) => differences.push(format!("{path}: expected {expected}, found {found}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_are_taken_out_and_nothing_else() {
        assert_eq!(without_times("valid until 2026-11-30T05:00:00Z."), "valid until {time}.");
        assert_eq!(without_times("2026-11-30T05:00:00.123456Z"), "{time}");
        assert_eq!(without_times("a-b-c Zebra 10.0.0.1"), "a-b-c Zebra 10.0.0.1");
    }

    #[test]
    fn differences_are_named_by_their_place() {
        let mut differences = Vec::new();
        compare("", &json!({"a": [1, {"b": 2}], "c": 1}), &json!({"a": [1, {"b": 3}]}), &mut differences);
        assert_eq!(differences, ["/a/1/b: expected 2, found 3", "/c: expected 1, found null"]);
    }
}
