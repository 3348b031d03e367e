//! Strings, formats and enumerations (`validator.go`, `formats.go`).

use serde_json::Value;

use super::{Found, Validation};
use crate::causes;
use crate::quote::json;
use crate::schema::formats::Format;
use crate::schema::node::{Checks, Node};
use crate::schema::number::{Number, go_value};
use crate::schema::path::Path;

impl Validation<'_> {
    pub(super) fn text(&self, checks: &Checks, text: &str, path: &Path<'_>) -> Found {
        let length = || i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
        if let Some(most) = checks.max_length
            && length() > most
        {
            return Found::wrong(causes::too_long(self.field(path), usize::try_from(most).unwrap_or_default()));
        }
        let wrong = |why: String| Found::wrong(causes::invalid(self.field(path), text, &why));
        if let Some(least) = checks.min_length
            && length() < least
        {
            return wrong(format!("{} in body should be at least {least} chars long", path.body()));
        }
        match &checks.pattern {
            Some(pattern) if !pattern.regex.is_match(text) => {
                wrong(format!("{} in body should match '{}'", path.body(), pattern.text))
            }
            _ => Found::default(),
        }
    }

    pub(super) fn format(&self, format: Format, name: &str, text: &str, path: &Path<'_>) -> Found {
        if format.matches(text) { Found::default() } else { Found::wrong(self.wrong_type(name, text, path)) }
    }

    pub(super) fn one_of_values(&self, node: &Node, value: &Value, path: &Path<'_>) -> Found {
        let values = &node.checks.values;
        if values.is_empty() || values.iter().any(|allowed| equals(value, allowed)) {
            return Found::default();
        }
        let allowed: Vec<String> =
            values.iter().map(|allowed| allowed.as_str().map_or_else(|| json(allowed), str::to_owned)).collect();
        let allowed: Vec<&str> = allowed.iter().map(String::as_str).collect();
        Found::wrong(causes::not_supported_text(self.field(path), &go_value(value), &allowed))
    }
}

/// Whether a value is one of an enumeration: after Go's conversion to the type of the other, which cuts fractions off and makes a
/// character of a number.
fn equals(value: &Value, allowed: &Value) -> bool {
    match (value, allowed) {
        (Value::Null, _) | (_, Value::Null) => false,
        (Value::Number(value), Value::Number(allowed)) => match (Number::of(value), Number::of(allowed)) {
            (value, Number::Int(allowed)) => value.int() == allowed,
            (value, Number::Float(allowed)) => value.float().to_bits() == allowed.to_bits(),
        },
        (Value::Number(value), Value::String(allowed)) => match Number::of(value) {
            Number::Int(value) => {
                let character =
                    u32::try_from(value).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
                let mut allowed = allowed.chars();
                allowed.next() == Some(character) && allowed.next().is_none()
            }
            Number::Float(_) => false,
        },
        _ => value == allowed,
    }
}
