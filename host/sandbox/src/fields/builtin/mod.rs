//! The shapes of the built-in kinds that berthage and kubectl meet, read from a table that is compiled in.
//!
//! The table is made of a real server's OpenAPI; a test holds it against the markers in the Go types. `go.txt` adds what the Go
//! types say about reading and writing JSON, which [`content`](crate::content) does.

mod table;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use self::table::Table;
use super::element::Element;
use super::set::FieldSet;
use super::shape::{Shape, TypeId, Types};

/// The built-in kinds. It is read once, when a server starts; what it gives out shares the types.
#[derive(Debug)]
pub struct BuiltIn {
    shape: Shape,
    /// By apiVersion and kind.
    kinds: BTreeMap<&'static str, BTreeMap<&'static str, Kind>>,
}

/// A built-in kind.
#[derive(Debug)]
struct Kind {
    root: TypeId,
    /// What a subresource's strategy resets; the empty name is the resource itself.
    reset: BTreeMap<&'static str, FieldSet<'static>>,
    empty: Value,
}

/// The compiled-in table cannot be read. The tests of this crate make sure that it can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadTable {
    /// The line that is wrong.
    pub line: usize,
}

/// What is known of a kind or one of its subresources.
#[derive(Debug)]
pub(super) struct Known<'k> {
    pub(super) shape: Shape,
    pub(super) reset: Option<&'k FieldSet<'static>>,
    pub(super) empty: &'k Value,
}

impl BuiltIn {
    /// Reads the table.
    pub fn new() -> Result<Self, BadTable> {
        let mut table = Table::default();
        for (place, line) in include_str!("types.txt").lines().enumerate() {
            table.line(line).ok_or(BadTable { line: place + 1 })?;
        }
        for (place, line) in include_str!("go.txt").lines().enumerate() {
            table.go_line(line).ok_or(BadTable { line: place + 1 })?;
        }
        let Table { types, kinds, .. } = table.finish().ok_or(BadTable { line: 0 })?;
        let root = kinds.values().flat_map(BTreeMap::values).next().ok_or(BadTable { line: 0 })?.root;
        Ok(Self { shape: Shape::new(Arc::new(types), root), kinds })
    }

    /// The shape of a kind, if it is in the table.
    pub fn shape(&self, api_version: &str, kind: &str) -> Option<Shape> {
        self.kinds.get(api_version)?.get(kind).map(|kind| self.shape.with_root(kind.root))
    }

    pub(super) fn known(&self, api_version: &str, kind: &str, subresource: &str) -> Option<Known<'_>> {
        let kind = self.kinds.get(api_version)?.get(kind)?;
        let shape = self.shape.with_root(kind.root);
        let reset = kind.reset.get(subresource);
        // Subresources that are not in the table have rules of their own.
        (subresource.is_empty() || reset.is_some()).then_some(Known { shape, reset, empty: &kind.empty })
    }
}

#[cfg(test)]
mod tests;
