//! One place of a structural schema.
//!
//! Facts: `apiextensions-apiserver/pkg/apiserver/schema/structural.go`. A nested value validation (`allOf` and the like) is a node
//! too; what may not stand there was refused before.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

use super::formats::Format;

/// What is allowed at one place.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    pub(super) types: Types,
    pub(super) nullable: bool,
    pub(super) default: Option<Value>,
    pub(super) properties: BTreeMap<String, Node>,
    pub(super) additional: Option<Additional>,
    pub(super) items: Option<Box<Node>>,
    /// `x-kubernetes-preserve-unknown-fields`.
    pub(super) preserve: bool,
    /// `x-kubernetes-embedded-resource`; the object itself counts as one.
    pub(super) embedded: bool,
    pub(super) list: ListType,
    /// `x-kubernetes-list-map-keys`.
    pub(super) keys: Vec<String>,
    pub(super) rules: Vec<Rule>,
    pub(super) checks: Checks,
}

/// `type`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Types {
    /// Anything.
    #[default]
    Any,
    /// One of the six.
    One(Type),
    /// `x-kubernetes-int-or-string`.
    IntOrString,
}

/// A type of JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
}

/// `additionalProperties`.
#[derive(Debug, Clone)]
pub(super) enum Additional {
    /// `true`: anything.
    Anything,
    /// A schema.
    Schema(Box<Node>),
}

/// `x-kubernetes-list-type`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum ListType {
    #[default]
    Atomic,
    Set,
    Map,
}

/// A rule of `x-kubernetes-validations`, as written.
#[expect(clippy::struct_field_names, reason = "the fields have the names of the API")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) rule: String,
    pub(super) message: String,
    pub(super) message_expression: String,
    pub(super) reason: Option<Reason>,
    pub(super) field_path: String,
    pub(super) optional_old_self: Option<bool>,
}

/// How a rule that does not hold is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    Required,
    Forbidden,
    Invalid,
    Duplicate,
}

/// What a value of the right type must meet.
#[derive(Debug, Clone, Default)]
pub(super) struct Checks {
    /// With its name as written.
    pub(super) format: Option<(Format, String)>,
    pub(super) maximum: Option<f64>,
    pub(super) exclusive_maximum: bool,
    pub(super) minimum: Option<f64>,
    pub(super) exclusive_minimum: bool,
    pub(super) multiple_of: Option<f64>,
    pub(super) max_length: Option<i64>,
    pub(super) min_length: Option<i64>,
    pub(super) pattern: Option<Pattern>,
    pub(super) max_items: Option<i64>,
    pub(super) min_items: Option<i64>,
    pub(super) max_properties: Option<i64>,
    pub(super) min_properties: Option<i64>,
    pub(super) values: Vec<Value>,
    pub(super) required: Vec<String>,
    pub(super) all_of: Vec<Node>,
    pub(super) any_of: Vec<Node>,
    pub(super) one_of: Vec<Node>,
    pub(super) not: Option<Box<Node>>,
}

/// A pattern, as written and compiled.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    pub(super) text: String,
    pub(super) regex: Regex,
}

impl Type {
    pub(super) const ALL: [(Self, &'static str); 6] = [
        (Self::Object, "object"),
        (Self::Array, "array"),
        (Self::String, "string"),
        (Self::Integer, "integer"),
        (Self::Number, "number"),
        (Self::Boolean, "boolean"),
    ];

    pub(super) fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(ty, _)| *ty)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Array => "array",
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }
}

impl Types {
    pub(super) fn contains(&self, wanted: Type) -> bool {
        match self {
            Self::Any => false,
            Self::One(one) => *one == wanted,
            Self::IntOrString => matches!(wanted, Type::Integer | Type::String),
        }
    }

    /// The types joined with commas, as messages name them; empty for any.
    pub(super) fn text(&self) -> &'static str {
        match self {
            Self::Any => "",
            Self::One(one) => one.name(),
            Self::IntOrString => "integer,string",
        }
    }

    /// `type` as written in the schema, where an integer-or-string has none.
    pub(super) fn written(&self) -> &'static str {
        match self {
            Self::One(one) => one.name(),
            Self::Any | Self::IntOrString => "",
        }
    }
}

impl Node {
    /// The schema of additional properties.
    pub(super) fn additional_schema(&self) -> Option<&Node> {
        match &self.additional {
            Some(Additional::Schema(schema)) => Some(schema),
            Some(Additional::Anything) | None => None,
        }
    }

    /// The schema of a field, whether declared or additional.
    pub(super) fn field(&self, name: &str) -> Option<&Node> {
        self.properties.get(name).or_else(|| self.additional_schema())
    }
}
