//! Texts, numbers and truth values as Go reads them, and the types that read themselves: times, quantities, numbers that may
//! be texts.

use serde_json::{Value, json};

use super::{base64, clock};
use crate::content::quantity::Quantity;
use crate::quote::json_type;
use crate::time;

/// A type that reads itself. What it says is wrong ends the reading at once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Own {
    Time,
    MicroTime,
    Quantity,
    IntOrString,
    /// It is kept as it is.
    Raw,
}

/// Why a scalar cannot be read.
pub(super) enum Wrong {
    /// It is of another type, which is called that.
    Type(String),
    /// One of many bytes is.
    Byte(String),
    /// In these words.
    Text(String),
}

impl Own {
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "v1.Time" => Self::Time,
            "v1.MicroTime" => Self::MicroTime,
            "resource.Quantity" => Self::Quantity,
            "intstr.IntOrString" => Self::IntOrString,
            "v1.FieldsV1"
            | "runtime.RawExtension"
            | "v1.JSON"
            | "v1.JSONSchemaPropsOrBool"
            | "v1.JSONSchemaPropsOrArray"
            | "v1.JSONSchemaDependencies" => Self::Raw,
            _ => return None,
        })
    }

    /// What Go writes of one that nobody set.
    pub(super) fn zero(self) -> Value {
        match self {
            Self::Time | Self::MicroTime | Self::Raw => Value::Null,
            Self::Quantity => json!("0"),
            Self::IntOrString => json!(0),
        }
    }

    pub(super) fn read(self, value: Value) -> Result<Value, Wrong> {
        match (self, &value) {
            (Self::Raw, _) | (Self::IntOrString, Value::String(_)) => Ok(value),
            (_, Value::Null) => Ok(self.zero()),
            (Self::Quantity, _) => {
                let text = match &value {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                let read = Quantity::parse(text.trim()).map_err(|wrong| Wrong::Text(wrong.told()))?;
                Ok(json!(read.to_string()))
            }
            (Self::Time, Value::String(text)) => {
                clock::read(text, false).map(|time| json!(time::written(time))).map_err(Wrong::Text)
            }
            (Self::MicroTime, Value::String(text)) => {
                clock::read(text, true).map(|time| json!(time::written_micro(time))).map_err(Wrong::Text)
            }
            (Self::IntOrString, other) => read("int32", other),
            (Self::Time | Self::MicroTime, other) => read("string", other),
        }
    }

    /// What it says it is, where it says that a value is of another type.
    pub(super) fn name(self) -> &'static str {
        if self == Self::IntOrString { "int32" } else { "string" }
    }
}

pub(super) fn zero(name: &str) -> Value {
    match name {
        "int32" | "int64" | "float64" => json!(0),
        "bool" => json!(false),
        "[]uint8" => Value::Null,
        _ => json!(""),
    }
}

/// A scalar of that type as Go writes it again. Null leaves it as it is.
pub(super) fn read(name: &str, value: &Value) -> Result<Value, Wrong> {
    match (name, value) {
        (_, Value::Null) => Ok(zero(name)),
        ("int32" | "int64", Value::Number(number)) => {
            let fits = number.as_i64().is_some_and(|read| name == "int64" || i32::try_from(read).is_ok());
            if fits { Ok(value.clone()) } else { Err(Wrong::Type(format!("number {number}"))) }
        }
        ("float64", Value::Number(_)) | ("bool", Value::Bool(_)) => Ok(value.clone()),
        ("[]uint8", Value::String(text)) => match base64::decode(text) {
            Ok(bytes) => Ok(json!(base64::encode(&bytes))),
            Err(at) => Err(Wrong::Text(format!("illegal base64 data at input byte {at}"))),
        },
        ("[]uint8", Value::Array(items)) => {
            let byte = |item: &Value| match item {
                Value::Null => Ok(0),
                Value::Number(number) => {
                    let byte = number.as_u64().and_then(|number| u8::try_from(number).ok());
                    byte.ok_or_else(|| Wrong::Byte(format!("number {number}")))
                }
                other => Err(Wrong::Byte(json_type(other).to_owned())),
            };
            let bytes: Vec<u8> = items.iter().map(byte).collect::<Result<_, _>>()?;
            Ok(json!(base64::encode(&bytes)))
        }
        ("int32" | "int64" | "float64" | "bool" | "[]uint8", other) => Err(Wrong::Type(json_type(other).to_owned())),
        (_, Value::String(_)) => Ok(value.clone()),
        (_, other) => Err(Wrong::Type(json_type(other).to_owned())),
    }
}
