//! A kubeconfig as a tree, read from YAML or JSON under tight bounds: no aliases, no merge keys, no tags, no duplicate
//! keys, little depth.
//!
//! The tree is walked by hand, so that every refusal can name the field's path. Texts are wiped from memory when the tree
//! is dropped, because some of them are keys and tokens.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy};
use zeroize::Zeroizing;

/// A value. Without `Debug`: it may be a secret.
pub(super) enum Node {
    /// Nothing, `null` or `~`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, which no field of a kubeconfig is.
    Number,
    /// A text.
    Text(Zeroizing<String>),
    /// A list.
    List(Vec<Self>),
    /// A mapping, in the order of the document.
    Map(Vec<(String, Self)>),
}

/// Where reading stopped: line and column from 1, if the reader knows. The reader's own words are not kept, since they may
/// quote the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreadable(pub(super) Option<(u64, u64)>);

/// Nodes that a document may have. A flattened kubeconfig has about 20.
const MAX_NODES: usize = 2_000;
/// Depth that a document may have. A kubeconfig has 5 levels, extensions of other tools some more.
const MAX_DEPTH: usize = 24;

/// Reads one document.
pub(super) fn read(text: &str) -> Result<Node, Unreadable> {
    if text.trim_start().starts_with('{') {
        // YAML contains JSON only almost: tabs and some escapes differ.
        if let Ok(node) = serde_json::from_str(text) {
            return Ok(node);
        }
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_events: 4 * MAX_NODES,
            max_aliases: 0,
            max_anchors: 0,
            max_documents: 1,
            max_merge_keys: 0,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| Unreadable(error.location().map(|place| (place.line(), place.column()))))
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Number)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Number)
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(Zeroizing::new(value.to_owned())))
    }

    fn visit_string<E>(self, value: String) -> Result<Node, E> {
        Ok(Node::Text(Zeroizing::new(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Node, A::Error> {
        let mut map: Vec<(String, Node)> = Vec::new();
        while let Some((name, value)) = fields.next_entry::<String, Node>()? {
            // serde_json would keep the last of two equal keys, other readers the first.
            if map.len() >= MAX_NODES || map.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom("duplicate key"));
            }
            map.push((name, value));
        }
        Ok(Node::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn is_map(text: &str) -> bool {
        matches!(read(text), Ok(Node::Map(_)))
    }

    #[test]
    fn reads_yaml_and_json() {
        assert!(is_map("a: 1\nb: [x, true, ~]\n"));
        assert!(is_map("{\n\t\"a\": \"\\ud83d\\ude00\\/\"\n}"));
    }

    #[test]
    fn refuses_what_readers_disagree_about() {
        for text in ["a: 1\na: 2\n", "{\"a\":1,\"a\":2}", "a: &x 1\n", "a: &x {b: 1}\nc: *x\n", "a: {<<: {b: 1}}\n"] {
            assert!(read(text).is_err(), "{text}");
        }
        for text in ["a: !include x\n", "a: 1\n---\nb: 2\n", "a: [\n", "\u{0}"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn refuses_depth_and_breadth() {
        for deep in [format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)), "- ".repeat(100_000)] {
            assert!(read(&deep).is_err());
        }
        assert!(read(&format!("{}1{}", "{\"a\":".repeat(60_000), "}".repeat(60_000))).is_err());
        let mut wide = String::new();
        for n in 0..20_000 {
            writeln!(wide, "k{n}: 1").unwrap();
        }
        assert!(read(&wide).is_err());
    }

    #[test]
    fn an_error_knows_its_place_and_quotes_nothing() {
        assert_eq!(read("a: 1\nb: [\n  token-value: {\n").err(), Some(Unreadable(Some((3, 16)))));
    }
}
