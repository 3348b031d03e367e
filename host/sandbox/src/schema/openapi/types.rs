//! Whether a value has the type of a schema (`type.go`).

use serde_json::Value;

use super::{Found, Validation};
use crate::causes;
use crate::quote::quote;
use crate::schema::node::{Node, Type, Types};
use crate::schema::number::Number;
use crate::schema::path::Path;
use crate::status::Cause;

/// Whether there is something to check.
pub(super) fn applies(node: &Node) -> bool {
    node.types != Types::Any || node.checks.format.is_some()
}

impl Validation<'_> {
    pub(super) fn types(&self, node: &Node, value: &Value, path: &Path<'_>) -> Found {
        let types = &node.types;
        let fine = Found { causes: Vec::new(), matched: 1 };
        let Some((ty, go_format)) = type_of(value) else {
            if *types != Types::Any && !node.nullable {
                return Found::wrong(self.wrong_type(types.text(), "null", path));
            }
            return fine;
        };
        let float_as_int = match value {
            Value::Number(number) => match Number::of(number) {
                Number::Float(float) => is_whole(float) && types.contains(Type::Integer),
                Number::Int(_) => false,
            },
            _ => false,
        };
        let int_as_float = ty == Type::Integer && types.contains(Type::Number);
        let right = types.contains(ty) || float_as_int || int_as_float;
        if let Some((_, format)) = &node.checks.format {
            let texts = matches!(ty, Type::String | Type::Array);
            if !texts && !right && go_format != format {
                return Found::wrong(self.wrong_type(format, go_format, path));
            }
            if texts && !(types.contains(Type::Number) || types.contains(Type::Integer)) {
                return fine;
            }
        }
        if right { fine } else { Found::wrong(self.wrong_type(types.text(), ty.name(), path)) }
    }

    /// `errors.InvalidType`.
    pub(super) fn wrong_type(&self, wanted: &str, found: &str, path: &Path<'_>) -> Cause {
        let why = format!("{} in body must be of type {wanted}: {}", path.body(), quote(found));
        causes::type_invalid(self.field(path), found, &why)
    }
}

/// The type of a value, and Go's format of it; nothing for null.
fn type_of(value: &Value) -> Option<(Type, &'static str)> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(_) => (Type::Boolean, ""),
        Value::String(_) => (Type::String, ""),
        Value::Array(_) => (Type::Array, ""),
        Value::Object(_) => (Type::Object, ""),
        Value::Number(number) => match Number::of(number) {
            Number::Int(_) => (Type::Integer, "int64"),
            Number::Float(_) => (Type::Number, "float64"),
        },
    })
}

/// `IsFloat64AJSONInteger` of go-openapi: whole, or as good as, within what floats hold exactly.
pub(super) fn is_whole(float: f64) -> bool {
    const MOST: f64 = 9_007_199_254_740_991.0;
    if !float.is_finite() || float.abs() > MOST {
        return false;
    }
    let (size, whole) = (float.abs(), float.abs().trunc());
    size.to_bits() == whole.to_bits() || (float > 0.0 && whole > 0.0 && (size - whole) / (size + whole) < 1e-9)
}
