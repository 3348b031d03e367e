//! One wrong field, in the words of `field.Error`, and a `Failure` made of several.
//!
//! Facts: `k8s.io/apimachinery/pkg/util/validation/field/errors.go` and `errors.NewInvalid`.

use serde_json::Value;

use super::quote::{aggregate, json, quote};
use crate::status::{Cause, Failure};

/// `Invalid value: "x": why`, for a string.
pub fn invalid(field: impl Into<String>, value: &str, why: &str) -> Cause {
    cause("FieldValueInvalid", field, detailed(format!("Invalid value: {}", quote(value)), why))
}

/// `Invalid value: …: why`, for a value that Go writes as JSON: a number, a list, an object, a string type of its own.
pub fn invalid_value(field: impl Into<String>, value: &Value, why: &str) -> Cause {
    invalid_text(field, &json(value), why)
}

/// `Invalid value: …: why`, for a value that is written already, such as a Go struct whose fields have an order.
pub fn invalid_text(field: impl Into<String>, value: &str, why: &str) -> Cause {
    cause("FieldValueInvalid", field, detailed(format!("Invalid value: {value}"), why))
}

/// `Required value: why`.
pub fn required(field: impl Into<String>, why: &str) -> Cause {
    cause("FieldValueRequired", field, detailed("Required value".to_owned(), why))
}

/// `Forbidden: why`.
pub fn forbidden(field: impl Into<String>, why: &str) -> Cause {
    cause("FieldValueForbidden", field, detailed("Forbidden".to_owned(), why))
}

/// `Unsupported value: "x": supported values: "a", "b"`.
pub fn not_supported(field: impl Into<String>, value: &str, supported: &[&str]) -> Cause {
    let supported: Vec<String> = supported.iter().map(|one| quote(one)).collect();
    let why = if supported.is_empty() { String::new() } else { format!("supported values: {}", supported.join(", ")) };
    cause("FieldValueNotSupported", field, detailed(format!("Unsupported value: {}", quote(value)), &why))
}

/// `Too long: may not be more than 5 bytes`.
pub fn too_long(field: impl Into<String>, most: usize) -> Cause {
    let unit = if most == 1 { "byte" } else { "bytes" };
    cause("FieldValueTooLong", field, format!("Too long: may not be more than {most} {unit}"))
}

/// `Duplicate value: "x"`.
pub fn duplicate(field: impl Into<String>, value: &str) -> Cause {
    cause("FieldValueDuplicate", field, format!("Duplicate value: {}", quote(value)))
}

/// 422 with all that is wrong. In the message an error that occurs twice is said once, in `details.causes` it is twice.
pub fn into_failure(group: &str, kind: &str, name: &str, causes: Vec<Cause>) -> Failure {
    let qualified = if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") };
    let told: Vec<String> = causes.iter().map(text).collect();
    let mut message = format!("{qualified} {} is invalid", quote(name));
    if !told.is_empty() {
        message.push_str(": ");
        message.push_str(&aggregate(&told));
    }
    Failure::new(422, "Invalid", message).about(group, kind, name).because(causes)
}

/// One cause as a line: `spec.x: Required value`.
pub(crate) fn text(cause: &Cause) -> String {
    format!("{}: {}", cause.field, cause.message)
}

fn cause(reason: &'static str, field: impl Into<String>, message: String) -> Cause {
    Cause { reason, message, field: field.into() }
}

fn detailed(mut message: String, why: &str) -> String {
    if !why.is_empty() {
        message.push_str(": ");
        message.push_str(why);
    }
    message
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_kind_of_error_has_go_s_words() {
        assert_eq!(invalid("a", "x\ny", "no").message, r#"Invalid value: "x\ny": no"#);
        assert_eq!(invalid_value("a", &json!(["b", 1]), "no").message, r#"Invalid value: ["b",1]: no"#);
        assert_eq!(required("a", "").message, "Required value");
        assert_eq!(
            not_supported("a", "x", &["b", "c"]).message,
            r#"Unsupported value: "x": supported values: "b", "c""#
        );
        assert_eq!(too_long("a", 262_144).message, "Too long: may not be more than 262144 bytes");
    }

    #[test]
    fn a_repeated_error_is_said_once_and_counted_twice() {
        let failure = into_failure("", "Secret", "a", vec![required("x", ""), required("x", "")]);
        assert_eq!(failure.message, r#"Secret "a" is invalid: x: Required value"#);
        assert_eq!(failure.causes.len(), 2);
    }
}
