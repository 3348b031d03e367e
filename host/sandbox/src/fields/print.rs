//! How Go prints values: they are in messages (`fmt`'s `%v`, `%#v`) and in the keys of `FieldsV1` (json-iterator, with
//! `<`, `>` and `&` escaped).

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::quote::quote;

/// What whole numbers were read into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbers {
    /// `float64`: what is applied, and keys of `FieldsV1`.
    Floats,
    /// `int64`: what is stored.
    Ints,
}

/// A number as `%v` writes it.
pub(super) fn number(number: &serde_json::Number, numbers: Numbers) -> String {
    if numbers == Numbers::Ints && number.is_i64() {
        return number.to_string();
    }
    let Some(float) = number.as_f64() else { return number.to_string() };
    if float == 0.0 {
        return if float.is_sign_negative() { "-0".to_owned() } else { "0".to_owned() };
    }
    let scientific = format!("{float:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    match exponent.parse::<i32>() {
        // From these exponents on `strconv.FormatFloat` with `'g'` and `-1` writes one.
        Ok(exponent @ (..-4 | 6..)) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        _ => format!("{float}"),
    }
}

/// A value as `%v` writes it.
pub(super) fn plain(value: &Value, numbers: Numbers) -> String {
    let mut out = String::new();
    write_plain(value, numbers, &mut out);
    out
}

fn write_plain(value: &Value, numbers: Numbers, out: &mut String) {
    match value {
        Value::Null => out.push_str("<nil>"),
        Value::Bool(bool) => push(out, format_args!("{bool}")),
        Value::Number(n) => out.push_str(&number(n, numbers)),
        Value::String(text) => out.push_str(text),
        Value::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(' ');
                }
                write_plain(item, numbers, out);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            out.push_str("map[");
            for (place, (key, item)) in fields.iter().enumerate() {
                if place > 0 {
                    out.push(' ');
                }
                push(out, format_args!("{key}:"));
                write_plain(item, numbers, out);
            }
            out.push(']');
        }
    }
}

/// A value as `%#v` writes it.
pub(super) fn syntax(value: &Value, numbers: Numbers) -> String {
    let mut out = String::new();
    write_syntax(value, numbers, true, &mut out);
    out
}

fn write_syntax(value: &Value, numbers: Numbers, top: bool, out: &mut String) {
    match value {
        Value::Null if top => out.push_str("<nil>"),
        Value::Null => out.push_str("interface {}(nil)"),
        Value::Bool(bool) => push(out, format_args!("{bool}")),
        Value::Number(n) => out.push_str(&number(n, numbers)),
        Value::String(text) => out.push_str(&quote(text)),
        Value::Array(items) => {
            out.push_str("[]interface {}{");
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push_str(", ");
                }
                write_syntax(item, numbers, false, out);
            }
            out.push('}');
        }
        Value::Object(fields) => {
            out.push_str("map[string]interface {}{");
            for (place, (key, item)) in fields.iter().enumerate() {
                if place > 0 {
                    out.push_str(", ");
                }
                push(out, format_args!("{}:", quote(key)));
                write_syntax(item, numbers, false, out);
            }
            out.push('}');
        }
    }
}

/// The name of the Go type that a JSON value is read into: `%T`.
pub(super) fn type_name(value: &Value, numbers: Numbers) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if numbers == Numbers::Ints && number.is_i64() => "int64",
        Value::Number(_) => "float64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

/// Writes a value as JSON, as json-iterator does it with the standard library's settings.
pub(super) fn write_json(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(bool) => push(out, format_args!("{bool}")),
        Value::Number(n) => out.push_str(&json_number(n)),
        Value::String(text) => write_json_text(text, true, out),
        Value::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write_json(item, out);
            }
            out.push(']');
        }
        Value::Object(fields) => write_json_fields(fields, out),
    }
}

fn write_json_fields(fields: &Map<String, Value>, out: &mut String) {
    out.push('{');
    for (place, (key, item)) in fields.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        write_json_text(key, true, out);
        out.push(':');
        write_json(item, out);
    }
    out.push('}');
}

fn json_number(number: &serde_json::Number) -> String {
    if number.is_i64() || number.is_u64() {
        return number.to_string();
    }
    let Some(float) = number.as_f64() else { return number.to_string() };
    if float != 0.0 && !(1e-6..1e21).contains(&float.abs()) {
        let scientific = format!("{float:e}");
        if let Some((digits, exponent)) = scientific.split_once('e') {
            let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
            return format!("{digits}e{sign}{exponent:0>2}");
        }
    }
    format!("{float}")
}

/// Writes a text as JSON; `html` escapes what a browser would read as markup.
pub(super) fn write_json_text(text: &str, html: bool, out: &mut String) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            ..' ' => push(out, format_args!("\\u{:04x}", u32::from(char))),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' if html => push(out, format_args!("\\u{:04x}", u32::from(char))),
            _ => out.push(char),
        }
    }
    out.push('"');
}

/// Writing into a `String` cannot fail.
fn push(out: &mut String, what: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(what);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_floats_in_messages() {
        let printed: Vec<String> =
            [json!(1), json!(100_000), json!(1_000_000), json!(123_456_789), json!(1e-7), json!(0.0001)]
                .iter()
                .map(|value| plain(value, Numbers::Floats))
                .collect();
        assert_eq!(printed, ["1", "100000", "1e+06", "1.23456789e+08", "1e-07", "0.0001"]);
        assert_eq!(plain(&json!(12345.678), Numbers::Floats), "12345.678");
    }

    #[test]
    fn what_is_stored_has_ints() {
        assert_eq!(plain(&json!([1_000_000, 1e6]), Numbers::Ints), "[1000000 1e+06]");
        assert_eq!(type_name(&json!(1), Numbers::Ints), "int64");
        assert_eq!(type_name(&json!(1), Numbers::Floats), "float64");
    }

    #[test]
    fn values_are_shown_as_go_shows_them() {
        let value = json!({"b": [true, null, "x"], "a": 1});
        assert_eq!(plain(&value, Numbers::Floats), "map[a:1 b:[true <nil> x]]");
        assert_eq!(
            syntax(&value, Numbers::Floats),
            r#"map[string]interface {}{"a":1, "b":[]interface {}{true, interface {}(nil), "x"}}"#
        );
    }

    #[test]
    fn json_escapes_markup_and_controls() {
        let mut out = String::new();
        write_json(&json!({"k": "<a&b>\u{8}\u{2028}é"}), &mut out);
        assert_eq!(out, r#"{"k":"\u003ca\u0026b\u003e\u0008\u2028é"}"#);
        out.clear();
        write_json(&json!([1e21, 0.5, 1e-7, 80]), &mut out);
        assert_eq!(out, "[1e+21,0.5,1e-07,80]");
    }
}
