//! A cell of a column that a definition has, from the value that its path found.
//!
//! Facts: `ConvertToTable` and `cellForJSONValue` of `tableconvertor.go`, `PrintResults` of `client-go/util/jsonpath`.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::quote;
use crate::show::age;

/// The cell of a column of the type `kind`; `value` is the first thing that the column's path found, if it found any.
pub fn cell(kind: &str, value: Option<&Value>, now: Timestamp) -> Value {
    let Some(value) = value else { return Value::Null };
    match (kind, value) {
        ("string", value) => json!(text(value)),
        ("integer", Value::Number(number)) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => json!(whole),
            (None, Some(float)) => json!(truncated(float)),
            (None, None) => Value::Null,
        },
        ("number", Value::Number(number)) => json!(number),
        ("boolean", Value::Bool(yes)) => json!(yes),
        ("date", Value::String(text)) => json!(date(text, now)),
        _ => Value::Null,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "so does Go, and what does not fit is nobody's number")]
fn truncated(float: f64) -> i64 {
    float as i64
}

fn date(text: &str, now: Timestamp) -> String {
    if text.is_empty() || text == "null" {
        return "<unknown>".to_owned();
    }
    match crate::time::read(text) {
        Some(_) => age::since(text, now),
        None => "<invalid>".to_owned(),
    }
}

/// A value as text: what is no list and no map as Go prints it.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "<no value>".to_owned(),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => go_float(float),
            _ => number.to_string(),
        },
        Value::Bool(yes) => yes.to_string(),
        Value::Array(_) | Value::Object(_) => quote::json(value),
    }
}

/// `%v` of a float: as short as it can be, with an exponent below -4 and from 21 on.
fn go_float(float: f64) -> String {
    let shortest = format!("{float:e}");
    let Some((digits, exponent)) = shortest.split_once('e') else { return shortest };
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..21).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        _ => float.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From `TestConvertToTable` and `Test_cellForJSONValue` of tableconvertor_test.go.
    #[test]
    fn cells_are_of_the_type_of_their_column() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        for (kind, value, expected) in [
            ("integer", json!(42), json!(42)),
            ("integer", json!(3.9), json!(3)),
            ("integer", json!("42"), Value::Null),
            ("integer", json!(true), Value::Null),
            ("number", json!(3.5), json!(3.5)),
            ("number", json!("3.5"), Value::Null),
            ("boolean", json!(true), json!(true)),
            ("boolean", json!("true"), Value::Null),
            ("string", json!("foo"), json!("foo")),
            ("string", json!(1), json!("1")),
            ("string", json!(false), json!("false")),
            ("string", json!(null), json!("<no value>")),
            ("string", json!(["a", 1]), json!("[\"a\",1]")),
            ("string", json!({"a": "<"}), json!("{\"a\":\"\\u003c\"}")),
            ("string", json!(1.5), json!("1.5")),
            ("string", json!(1e21), json!("1e+21")),
            ("string", json!(0.000_01), json!("1e-05")),
            ("date", json!("2026-11-24T11:59:00Z"), json!("60s")),
            ("date", json!("foo"), json!("<invalid>")),
            ("date", json!(""), json!("<unknown>")),
            ("date", json!(5), Value::Null),
            ("unknown", json!("foo"), Value::Null),
        ] {
            assert_eq!(cell(kind, Some(&value), now), expected, "{kind} {value}");
        }
        assert_eq!(cell("string", None, now), Value::Null);
    }
}
