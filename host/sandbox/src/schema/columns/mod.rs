//! The columns of a table of custom resources (`additionalPrinterColumns`).
//!
//! Facts: `apiextensions-apiserver/pkg/registry/customresource/tableconvertor`.

mod json_path;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde_json::{Value, json};

use self::json_path::JsonPath;
use super::number::{Number, go_number};
use super::parse::text;
use crate::age;
use crate::quote::{json, quote};
use crate::status::Failure;
use crate::time;

/// A column after the first, which is the name.
#[derive(Debug, Clone)]
pub struct Column {
    definition: Value,
    ty: Type,
    path: JsonPath,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    String,
    Integer,
    Number,
    Boolean,
    Date,
    Other,
}

impl Column {
    /// Reads the columns of a version. One with a path that the sandbox does not take is refused.
    pub(super) fn read(columns: Option<&Value>) -> Result<Vec<Self>, Failure> {
        let columns = columns.and_then(Value::as_array).into_iter().flatten();
        let columns = columns.filter_map(Value::as_object).map(|column| {
            let path = text(column, "jsonPath");
            let ty = text(column, "type");
            let description = match text(column, "description") {
                "" => format!("Custom resource definition column (in JSONPath format): {path}"),
                description => description.to_owned(),
            };
            let definition = json!({
                "name": text(column, "name"),
                "type": ty,
                "format": text(column, "format"),
                "description": description,
                "priority": column.get("priority").and_then(Value::as_i64).unwrap_or_default(),
            });
            let parsed = JsonPath::read(path)
                .ok_or_else(|| Failure::not_in_sandbox(&format!("a column with the path {}", quote(path))))?;
            let ty = match ty {
                "string" => Type::String,
                "integer" => Type::Integer,
                "number" => Type::Number,
                "boolean" => Type::Boolean,
                "date" => Type::Date,
                _ => Type::Other,
            };
            Ok(Self { definition, ty, path: parsed })
        });
        columns.collect()
    }

    /// The one of a definition that says none: the age.
    pub(super) fn age() -> Result<Vec<Self>, Failure> {
        let age = json!([{
            "name": "Age",
            "type": "date",
            "description": "CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata",
            "jsonPath": ".metadata.creationTimestamp",
        }]);
        Self::read(Some(&age))
    }

    /// As an item of `columnDefinitions` of a table.
    pub fn definition(&self) -> &Value {
        &self.definition
    }

    /// What a row has there; null where there is nothing.
    pub fn cell(&self, object: &Value, now: Timestamp) -> Value {
        let Some(value) = self.path.first(object) else { return Value::Null };
        if self.ty == Type::String {
            return Value::String(match value {
                Value::Null => "<no value>".to_owned(),
                Value::String(text) => text.clone(),
                Value::Number(number) => go_number(Number::of(number)),
                other => json(other),
            });
        }
        match (self.ty, value) {
            (Type::Integer, Value::Number(number)) => Value::from(Number::of(number).int()),
            (Type::Number, Value::Number(number)) => match Number::of(number) {
                // Go writes a whole float without a fraction.
                Number::Float(float) if float.fract() == 0.0 && float.abs() < 1e15 => {
                    Value::from(Number::Float(float).int())
                }
                _ => value.clone(),
            },
            (Type::Boolean, Value::Bool(_)) => value.clone(),
            (Type::Date, Value::String(text)) => Value::String(match text.as_str() {
                "" | "null" => "<unknown>".to_owned(),
                text if time::read(text).is_none() => "<invalid>".to_owned(),
                text => age::since(text, now),
            }),
            _ => Value::Null,
        }
    }
}
