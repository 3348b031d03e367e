//! One wrong field, in the words of `field.Error`.
//!
//! Facts: `k8s.io/apimachinery/pkg/util/validation/field/errors.go`.

use serde_json::Value;

use crate::quote::{json, quote};
use crate::status::Cause;

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

/// `Invalid value: "x": why`, where the type is wrong.
pub fn type_invalid(field: impl Into<String>, value: &str, why: &str) -> Cause {
    cause("FieldValueTypeInvalid", field, detailed(format!("Invalid value: {}", quote(value)), why))
}

/// `Invalid value: why`, which does not show the value.
pub fn invalid_omitted(field: impl Into<String>, why: &str) -> Cause {
    cause("FieldValueInvalid", field, detailed("Invalid value".to_owned(), why))
}

/// `Duplicate value: "x"`.
pub fn duplicate(field: impl Into<String>, value: &str) -> Cause {
    duplicate_text(field, &quote(value))
}

/// `Not found: "x"`.
pub fn not_found(field: impl Into<String>, value: &str) -> Cause {
    cause("FieldValueNotFound", field, format!("Not found: {}", quote(value)))
}

/// `Duplicate value: …`, of a value that is written already.
pub fn duplicate_text(field: impl Into<String>, value: &str) -> Cause {
    cause("FieldValueDuplicate", field, format!("Duplicate value: {value}"))
}

/// `Duplicate value`, which does not show the value.
pub fn duplicate_omitted(field: impl Into<String>) -> Cause {
    cause("FieldValueDuplicate", field, "Duplicate value".to_owned())
}

/// `Too many: 5: must have at most 3 items`.
pub fn too_many(field: impl Into<String>, actual: i64, most: i64) -> Cause {
    let unit = if most == 1 { "item" } else { "items" };
    cause("FieldValueTooMany", field, format!("Too many: {actual}: must have at most {most} {unit}"))
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
    not_supported_text(field, &quote(value), supported)
}

/// `Unsupported value: …: supported values: "a", "b"`, for a value that is written already.
pub fn not_supported_text(field: impl Into<String>, value: &str, supported: &[&str]) -> Cause {
    let supported: Vec<String> = supported.iter().map(|one| quote(one)).collect();
    let why = if supported.is_empty() { String::new() } else { format!("supported values: {}", supported.join(", ")) };
    cause("FieldValueNotSupported", field, detailed(format!("Unsupported value: {value}"), &why))
}

/// `Too long: may not be more than 5 bytes`.
pub fn too_long(field: impl Into<String>, most: usize) -> Cause {
    let unit = if most == 1 { "byte" } else { "bytes" };
    cause("FieldValueTooLong", field, format!("Too long: may not be more than {most} {unit}"))
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
        assert_eq!(duplicate("a", "x").message, r#"Duplicate value: "x""#);
        assert_eq!(not_found("a", "x").message, r#"Not found: "x""#);
        assert_eq!(
            not_supported("a", "x", &["b", "c"]).message,
            r#"Unsupported value: "x": supported values: "b", "c""#
        );
        assert_eq!(too_long("a", 262_144).message, "Too long: may not be more than 262144 bytes");
    }
}
