//! What a custom resource may contain: defaults, pruning, validation, rules in CEL, columns; and the definitions themselves.
//!
//! A definition is read and compiled once ([`CustomKind`], one [`Version`] each); all that a request needs is a function of that
//! and of objects. Schemas and objects are as deep as the reader of JSON lets them be (128 levels), which bounds every recursion.
//!
//! ```text
//!  definition ─▶ definition  what is wrong with it, its defaults, its names and conditions
//!                parse       -> node (structural schema) -> rules (cel)
//!  request ────▶ coerce      pruning, nulls, object_meta;  then  defaulting
//!                validate    openapi (with ratcheting), object_meta, lists, rules
//!  answer ◀───── columns
//! ```
//!
//! Facts: `k8s.io/apiextensions-apiserver` and `k8s.io/kube-openapi`, named in each module.

mod api_resource_schema;
mod cel;
mod columns;
mod correlation;
mod defaulting;
pub mod definition;
mod duration;
mod field_path;
mod formats;
mod kind;
mod lists;
mod node;
mod number;
mod object_meta;
mod openapi;
mod parse;
mod path;
mod pruning;
mod re2;
mod rules;
#[cfg(test)]
mod tests;
mod version;

pub use api_resource_schema::admit_api_resource_schema;
pub use columns::Column;
pub use kind::{CustomKind, Names};
pub use version::{Content, Validated, Version};
