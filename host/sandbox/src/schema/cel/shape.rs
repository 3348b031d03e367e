//! What CEL sees of a schema: which fields, under which names.
//!
//! Facts: `SchemaDeclType` of `apiserver/pkg/cel/common/schemas.go`, `apiserver/pkg/cel/escaping.go`.

use std::borrow::Cow;

use super::parser::RESERVED;
use crate::schema::node::{Node, Type, Types};

/// A place of a schema, as CEL sees it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape<'n> {
    /// A schema; `true`: it has `apiVersion`, `kind` and `metadata`, whatever it declares.
    Node(&'n Node, bool),
    /// The `metadata` of an object: its `name` and `generateName`.
    Metadata,
    /// A text.
    Text,
}

/// Words of the language that are no names, besides those of [`RESERVED`].
const LITERALS: [&str; 4] = ["true", "false", "null", "in"];

/// What a field is called in CEL, if it can be called anything.
pub(super) fn escape(name: &str) -> Option<Cow<'_, str>> {
    if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    if LITERALS.contains(&name) || RESERVED.contains(&name) {
        return Some(Cow::Owned(format!("__{name}__")));
    }
    if !name.chars().all(|character| character.is_ascii_alphanumeric() || "_.-/".contains(character)) {
        return None;
    }
    if !name.contains(['.', '-', '/']) && !name.contains("__") {
        return Some(Cow::Borrowed(name));
    }
    let mut out = String::with_capacity(name.len() + 16);
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let (escaped, length) = match first {
            '.' => ("__dot__", 1),
            '-' => ("__dash__", 1),
            '/' => ("__slash__", 1),
            '_' if rest.starts_with("__") => ("__underscores__", 2),
            _ => {
                out.push(first);
                ("", 1)
            }
        };
        out.push_str(escaped);
        rest = rest.get(length..).unwrap_or_default();
    }
    Some(Cow::Owned(out))
}

impl<'n> Shape<'n> {
    /// That of a node which is not the root of an object unless it says so.
    pub(super) fn of(node: &'n Node) -> Self {
        Self::Node(node, node.embedded)
    }

    /// The field of that name in the object, whatever it is called in CEL.
    pub(super) fn property(self, name: &str) -> Option<Shape<'n>> {
        match self {
            Self::Node(node, resource) => match name {
                "apiVersion" | "kind" if resource => Some(Self::Text),
                "metadata" if resource && !declares_metadata(node) => Some(Self::Metadata),
                _ => node.properties.get(name).map(Self::of),
            },
            Self::Metadata => matches!(name, "name" | "generateName").then_some(Self::Text),
            Self::Text => None,
        }
    }

    /// What a field is called in the object, and what it is, by its name in CEL.
    pub(super) fn escaped(self, name: &str) -> Option<(Cow<'n, str>, Shape<'n>)> {
        let visible = |(key, shape): (Cow<'n, str>, Shape<'n>)| shape.is_visible().then_some((key, shape));
        match self {
            Self::Node(node, resource) => {
                let fixed = ["apiVersion", "kind", "metadata"].into_iter().find(|fixed| resource && *fixed == name);
                if let Some(fixed) = fixed {
                    return self.property(fixed).map(|shape| (Cow::Borrowed(fixed), shape)).and_then(visible);
                }
                let direct = node.properties.get_key_value(name).filter(|_| escape(name).as_deref() == Some(name));
                direct
                    .or_else(|| node.properties.iter().find(|(key, _)| escape(key).as_deref() == Some(name)))
                    .map(|(key, node)| (Cow::Borrowed(key.as_str()), Self::of(node)))
                    .and_then(visible)
            }
            Self::Metadata => ["name", "generateName"]
                .into_iter()
                .find(|field| *field == name)
                .map(|field| (Cow::Borrowed(field), Self::Text)),
            Self::Text => None,
        }
    }

    /// The items of a list.
    pub(super) fn items(self) -> Option<Shape<'n>> {
        match self {
            Self::Node(node, _) => node.items.as_deref().map(Self::of),
            Self::Metadata | Self::Text => None,
        }
    }

    /// The entries of a map, where it is one and no object with fields.
    pub(super) fn entries(self) -> Option<Shape<'n>> {
        match self {
            Self::Node(node, _) => node.additional_schema().map(Self::of),
            Self::Metadata | Self::Text => None,
        }
    }

    /// Whether CEL sees it at all: what keeps unknown fields and has no type, it does not, nor lists and maps of that.
    pub(super) fn is_visible(self) -> bool {
        match self {
            Self::Metadata | Self::Text => true,
            Self::Node(node, _) => match node.types {
                Types::Any => false,
                Types::One(Type::Array) => self.items().is_some_and(Shape::is_visible),
                Types::One(Type::Object) => self.entries().is_none_or(Shape::is_visible),
                Types::IntOrString | Types::One(_) => true,
            },
        }
    }
}

/// Whether an object's schema says all that is added to it, and so stays as it is.
fn declares_metadata(node: &Node) -> bool {
    let text = |node: Option<&Node>| node.is_some_and(|node| node.types == Types::One(Type::String));
    let metadata = node.properties.get("metadata").filter(|metadata| metadata.types == Types::One(Type::Object));
    text(node.properties.get("kind"))
        && text(node.properties.get("apiVersion"))
        && metadata.is_some_and(|metadata| {
            text(metadata.properties.get("name")) && text(metadata.properties.get("generateName"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From `TestEscaping`.
    #[test]
    fn names_are_escaped() {
        for (name, escaped) in [
            ("a", "a"),
            ("namespace", "__namespace__"),
            ("a-b", "a__dash__b"),
            ("a.b/c", "a__dot__b__slash__c"),
            ("__", "__underscores__"),
            ("___", "__underscores___"),
            ("_a_", "_a_"),
            ("_", "_"),
        ] {
            assert_eq!(escape(name).unwrap(), escaped);
        }
        for name in ["", "1a", "a b", "ä", "@"] {
            assert_eq!(escape(name), None, "{name}");
        }
    }
}
