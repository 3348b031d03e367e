//! Numbers as Kubernetes' reader of JSON gives them, and as Go's `%v` writes them.
//!
//! Facts: `apimachinery/pkg/util/json` reads a number as `int64` if it is one, else as `float64`.

use serde_json::{Number as Json, Value};

/// A number of an object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    /// Written without fraction and exponent, and in reach.
    Int(i64),
    /// Any other.
    Float(f64),
}

impl Number {
    pub(super) fn of(number: &Json) -> Self {
        number.as_i64().map_or_else(|| Self::Float(number.as_f64().unwrap_or(f64::NAN)), Self::Int)
    }

    /// The nearest float.
    #[expect(clippy::cast_precision_loss, reason = "Go converts the same way")]
    pub(super) fn float(self) -> f64 {
        match self {
            Self::Int(int) => int as f64,
            Self::Float(float) => float,
        }
    }

    /// The whole part, as `int64(x)` gives it within reach.
    #[expect(clippy::cast_possible_truncation, reason = "Go truncates the same way; out of reach Go leaves it open")]
    pub(super) fn int(self) -> i64 {
        match self {
            Self::Int(int) => int,
            Self::Float(float) => float as i64,
        }
    }
}

/// A float as `%v` writes it: the shortest digits, with an exponent below 1e-4 and from 1e6 on.
pub(super) fn go_float(float: f64) -> String {
    if float.is_nan() {
        return "NaN".to_owned();
    }
    if float.is_infinite() {
        return if float > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let text = format!("{float:e}");
    let Some((digits, exponent)) = text.split_once('e') else { return text };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if float != 0.0 && !(-4..6).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.unsigned_abs());
    }
    format!("{float}")
}

/// What `%v` writes of a scalar.
pub(super) fn go_number(number: Number) -> String {
    match number {
        Number::Int(int) => int.to_string(),
        Number::Float(float) => go_float(float),
    }
}

/// A value as a message of `field.Error` shows it: scalars as `%v` and `%q`, everything else as JSON.
pub(super) fn go_value(value: &Value) -> String {
    match value {
        Value::String(text) => crate::quote::quote(text),
        Value::Number(number) => go_number(Number::of(number)),
        other => crate::quote::json(other),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn floats_are_written_as_go_does() {
        for (float, text) in [
            (1.0, "1"),
            (1.5, "1.5"),
            (0.000_1, "0.0001"),
            (0.000_01, "1e-05"),
            (100_000.0, "100000"),
            (1e6, "1e+06"),
            (1e21, "1e+21"),
            (1_234_567.5, "1.2345675e+06"),
            (123_456_789.0, "1.23456789e+08"),
            (-0.0, "-0"),
        ] {
            assert_eq!(go_float(float), text);
        }
        assert_eq!(go_value(&json!({"a": [1, "<"]})), r#"{"a":[1,"\u003c"]}"#);
        assert_eq!(go_value(&json!("a\n")), r#""a\n""#);
    }
}
