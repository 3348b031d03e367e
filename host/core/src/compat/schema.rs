//! How a structural schema is read: what a server does with a field that the schema does not spell out.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

/// What a field is that nothing describes, inside of what preserves unknown fields.
static FREE: LazyLock<Value> =
    LazyLock::new(|| json!({ "x-kubernetes-preserve-unknown-fields": true, "nullable": true }));
/// What is allowed without a schema, by `additionalProperties: true`: anything, but the server prunes an object in it.
static OPEN: LazyLock<Value> = LazyLock::new(|| json!({ "nullable": true }));
/// `apiVersion`, `kind`, and a name.
static TEXT: LazyLock<Value> = LazyLock::new(|| json!({ "type": "string" }));
/// `metadata`.
static OBJECT: LazyLock<Value> = LazyLock::new(|| json!({ "type": "object" }));

/// What the server knows of a field by its place, whatever the schema says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The whole object: it has `apiVersion`, `kind` and `metadata`.
    Resource,
    /// An object's metadata: it is never pruned by the schema.
    Metadata,
    /// Nothing.
    Plain,
}

/// A schema at its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schema<'a> {
    value: &'a Value,
    role: Role,
    /// It preserves unknown fields although it does not say so.
    kept: bool,
}

impl<'a> Schema<'a> {
    /// The schema of a whole object.
    pub(super) fn root(value: &'a Value) -> Self {
        Self { value, role: Role::Resource, kept: false }
    }

    fn plain(value: &'a Value) -> Self {
        Self { value, role: Role::Plain, kept: false }
    }

    /// The value of a keyword. Null is as good as absent.
    pub(super) fn get(self, keyword: &str) -> Option<&'a Value> {
        self.value.get(keyword).filter(|value| !value.is_null())
    }

    /// Whether a keyword is true.
    pub(super) fn flag(self, keyword: &str) -> bool {
        self.get(keyword) == Some(&Value::Bool(true))
    }

    /// The elements of a keyword that is a list.
    pub(super) fn list(self, keyword: &str) -> &'a [Value] {
        self.get(keyword).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// Its keywords.
    pub(super) fn keywords(self) -> impl Iterator<Item = &'a str> {
        self.value.as_object().into_iter().flat_map(Map::keys).map(String::as_str)
    }

    /// The properties that it declares.
    pub(super) fn properties(self) -> BTreeSet<&'a str> {
        let declared = self.get("properties").and_then(Value::as_object);
        declared.into_iter().flat_map(Map::keys).map(String::as_str).collect()
    }

    /// What the server says of a property: as declared, or as every object has it, or as any other key. None: it is
    /// pruned.
    pub(super) fn property(self, name: &str) -> Option<Self> {
        let resource = self.is_resource();
        let role = if resource && name == "metadata" { Role::Metadata } else { Role::Plain };
        let implied: Option<&'static Value> = match name {
            "apiVersion" | "kind" if resource => Some(&TEXT),
            "metadata" if resource => Some(&OBJECT),
            "name" | "generateName" if self.role == Role::Metadata => Some(&TEXT),
            _ => None,
        };
        let declared = self.get("properties").and_then(|properties| properties.get(name));
        declared.or(implied).map(|value| Self { value, role, kept: false }).or_else(|| self.others())
    }

    /// Whether a property is filled in where it is absent.
    pub(super) fn defaults(self, name: &str) -> bool {
        let declared = self.get("properties").and_then(|properties| properties.get(name));
        declared.is_some_and(|property| Self::plain(property).get("default").is_some())
    }

    /// What the server says of a key that is no property. None: it is pruned, or refused.
    pub(super) fn others(self) -> Option<Self> {
        match self.get("additionalProperties") {
            Some(Value::Bool(false)) => None,
            Some(Value::Bool(true)) => Some(Self::plain(&OPEN)),
            Some(value) => Some(Self::plain(value)),
            None => self.preserves().then(|| Self::plain(&FREE)),
        }
    }

    /// What the server says of a list's items. Unlike properties, they preserve what the list does.
    pub(super) fn items(self) -> Self {
        let kept = self.preserves();
        let otherwise: &'static Value = if kept { &FREE } else { &OPEN };
        Self { kept, ..Self::plain(self.get("items").unwrap_or(otherwise)) }
    }

    /// Whether fields that nothing describes are kept.
    pub(super) fn preserves(self) -> bool {
        self.kept || self.role == Role::Metadata || self.flag("x-kubernetes-preserve-unknown-fields")
    }

    /// Whether every object has that property.
    pub(super) fn always_has(self, name: &str) -> bool {
        match name {
            "apiVersion" | "kind" => self.is_resource(),
            "metadata" => self.role == Role::Resource,
            _ => false,
        }
    }

    fn is_resource(self) -> bool {
        self.role == Role::Resource || self.flag("x-kubernetes-embedded-resource")
    }

    /// Which values it is for.
    pub(super) fn kind(self) -> Kind<'a> {
        if self.flag("x-kubernetes-int-or-string") {
            return Kind::IntOrString;
        }
        match self.get("type").and_then(Value::as_str) {
            None | Some("") => Kind::Any,
            Some(name) => Kind::One(name),
        }
    }
}

/// Which values a schema is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// All.
    Any,
    /// Integers and strings.
    IntOrString,
    /// Those of a type.
    One(&'a str),
}

impl Kind<'_> {
    /// Whether every value of the other kind is one of this kind.
    pub(super) fn covers(self, other: Kind<'_>) -> bool {
        match (self, other) {
            (Self::Any, _)
            | (Self::IntOrString, Kind::IntOrString | Kind::One("integer" | "string"))
            | (Self::One("number"), Kind::One("integer")) => true,
            (Self::One(this), Kind::One(other)) => this == other,
            _ => false,
        }
    }

    /// Whether it has any value of that type. An integer is a number.
    pub(super) fn has(self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::IntOrString => matches!(name, "number" | "string"),
            Self::One(this) => this == name || (this == "integer" && name == "number"),
        }
    }
}

impl fmt::Display for Kind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "any",
            Self::IntOrString => "int-or-string",
            Self::One(name) => name,
        })
    }
}
