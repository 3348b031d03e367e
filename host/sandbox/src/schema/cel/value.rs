//! Values while an expression is evaluated.
//!
//! Facts: `UnstructuredToVal` of `apiserver/pkg/cel/common/valuesunstructured.go`. Objects, maps and lists of the resource stay
//! where they are; their parts become values when they are looked at.

use std::borrow::Cow;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::shape::Shape;
use crate::schema::duration;
use crate::schema::formats::Format;
use crate::schema::node::{ListType, Type, Types};
use crate::schema::number::Number;
use crate::time;

#[derive(Debug, Clone)]
pub(super) enum Val<'v> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(Cow<'v, str>),
    Bytes(Cow<'v, [u8]>),
    /// In nanoseconds.
    Duration(i64),
    Timestamp(Timestamp),
    /// A list of the object.
    Items(&'v [Value], Shape<'v>),
    /// An object or map of the object.
    Fields(&'v Map<String, Value>, Shape<'v>),
    List(Rc<Vec<Val<'v>>>),
    Map(Rc<Vec<(Val<'v>, Val<'v>)>>),
    Optional(Option<Box<Val<'v>>>),
    Type(&'static str),
    /// What a schema says nothing of.
    Unknown(&'v Value),
}

impl<'v> Val<'v> {
    /// A value of the object, by its schema.
    pub(super) fn of(value: &'v Value, shape: Shape<'v>) -> Result<Self, String> {
        let wrong = |wanted: &str| Err(format!("invalid data, expected {wanted}"));
        let node = match shape {
            Shape::Text => return value.as_str().map_or_else(|| wrong("string"), |text| Ok(Self::Text(text.into()))),
            Shape::Metadata => {
                return value.as_object().map_or_else(|| wrong("a map"), |fields| Ok(Self::Fields(fields, shape)));
            }
            Shape::Node(node, _) => node,
        };
        Ok(match (&node.types, value) {
            (_, Value::Null) if node.nullable => Self::Null,
            (_, Value::Null) => return Err("invalid data, got null for schema with nullable=false".to_owned()),
            (Types::IntOrString | Types::One(Type::Integer), Value::Number(number)) => match Number::of(number) {
                Number::Int(int) => Self::Int(int),
                Number::Float(_) => return wrong("int, got float64"),
            },
            (Types::IntOrString, Value::String(text)) => Self::Text(text.into()),
            (Types::One(Type::Object), Value::Object(fields)) => Self::Fields(fields, shape),
            (Types::One(Type::Array), Value::Array(items)) => Self::Items(items, shape),
            (Types::One(Type::String), Value::String(text)) => {
                match node.checks.format.as_ref().map(|(format, _)| *format) {
                    Some(Format::Duration) => {
                        // The words that strfmt reads besides are not looked at: a rule that meets one does not hold.
                        Self::Duration(duration::read(text).ok_or_else(|| format!("Invalid duration {text}"))?)
                    }
                    Some(Format::DateTime) => Self::Timestamp(
                        time::read_exact(text).ok_or_else(|| format!("Invalid date-time formatted string {text}"))?,
                    ),
                    Some(Format::Date) => Self::Timestamp(
                        time::read(&format!("{text}T00:00:00Z"))
                            .ok_or_else(|| format!("Invalid date formatted string {text}"))?,
                    ),
                    Some(Format::Byte) => {
                        let bytes =
                            URL_SAFE.decode(text).map_err(|_| format!("Invalid byte formatted string {text}"))?;
                        Self::Bytes(bytes.into())
                    }
                    _ => Self::Text(text.into()),
                }
            }
            (Types::One(Type::Number), Value::Number(number)) => Self::Double(Number::of(number).float()),
            (Types::One(Type::Boolean), Value::Bool(value)) => Self::Bool(*value),
            (Types::Any, value) => Self::Unknown(value),
            (types, _) => return wrong(types.text()),
        })
    }

    /// The name of its type.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null_type",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Uint(_) => "uint",
            Self::Double(_) => "double",
            Self::Text(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::Duration(_) => "google.protobuf.Duration",
            Self::Timestamp(_) => "google.protobuf.Timestamp",
            Self::Items(..) | Self::List(_) => "list",
            Self::Fields(..) | Self::Map(_) => "map",
            Self::Optional(_) => "optional_type",
            Self::Type(_) => "type",
            Self::Unknown(_) => "unknown",
        }
    }

    /// How many items or entries.
    pub(super) fn len(&self) -> Option<usize> {
        Some(match self {
            Self::Items(items, _) => items.len(),
            Self::List(items) => items.len(),
            Self::Fields(fields, _) => fields.len(),
            Self::Map(entries) => entries.len(),
            Self::Text(text) => text.chars().count(),
            Self::Bytes(bytes) => bytes.len(),
            _ => return None,
        })
    }

    /// An item of a list.
    pub(super) fn item(&self, index: usize) -> Option<Result<Self, String>> {
        match self {
            Self::Items(items, shape) => items
                .get(index)
                .map(|item| shape.items().map_or(Ok(Self::Unknown(item)), |shape| Self::of(item, shape))),
            Self::List(items) => items.get(index).cloned().map(Ok),
            _ => None,
        }
    }

    /// What a macro goes over: the items of a list, the keys of a map.
    pub(super) fn elements(&self) -> Option<Box<dyn Iterator<Item = Result<Self, String>> + '_>> {
        match self {
            Self::Fields(fields, _) => {
                Some(Box::new(fields.keys().map(|key| Ok(Self::Text(Cow::Borrowed(key.as_str()))))))
            }
            Self::Map(entries) => Some(Box::new(entries.iter().map(|(key, _)| Ok(key.clone())))),
            Self::Items(..) | Self::List(_) => {
                Some(Box::new((0..self.len().unwrap_or_default()).map_while(|index| self.item(index))))
            }
            _ => None,
        }
    }

    /// How the items of a list are told apart.
    pub(super) fn list_type(&self) -> ListType {
        match self {
            Self::Items(_, Shape::Node(node, _)) => node.list,
            _ => ListType::Atomic,
        }
    }

    /// A field of an object, or an entry of a map.
    pub(super) fn get(&self, name: &str) -> Option<Result<Self, String>> {
        match self {
            Self::Fields(fields, shape) => {
                if let Some(entry) = shape.entries() {
                    return fields.get(name).map(|value| Self::of(value, entry));
                }
                let (key, shape) = shape.escaped(name)?;
                // A null is no field of an object; it is an entry of a map.
                fields.get(&*key).filter(|value| !value.is_null()).map(|value| Self::of(value, shape))
            }
            Self::Map(entries) => entries
                .iter()
                .find(|(key, _)| matches!(key, Self::Text(key) if key == name))
                .map(|(_, value)| Ok(value.clone())),
            _ => None,
        }
    }
}
