//! Patches, and who owns which fields of an object.
//!
//! - [`Shape`] says what a list or a map is for merging: [`BuiltIn`] for the built-in kinds, from its schema for a custom one.
//! - [`FieldManager`] does server-side apply and keeps `metadata.managedFields`: structured-merge-diff 6.3 and
//!   `apimachinery/pkg/util/managedfields` of Kubernetes 1.36, in own words.
//! - [`merge_patch`], [`JsonPatch`] and [`strategic_merge_patch`] change an object as a PATCH request says.
//!
//! Everything is a function of its arguments. Objects are as deep as the reader of JSON lets them be (128 levels), which
//! bounds every recursion here; a JSON patch, which could make a deeper one, is held to that.
//!
//! Refused (501): managed fields of other versions of a kind, which a real server would convert; the subresource `scale`.

mod builtin;
mod compare;
mod crd;
mod describe;
mod element;
mod fields_v1;
mod item;
mod manager;
mod merge;
mod order;
mod patch;
mod print;
mod reconcile;
mod remove;
mod set;
pub(crate) mod shape;
mod validate;

pub use builtin::{BadTable, BuiltIn};
pub use manager::{Applied, CustomKind, FieldManager, keep_timestamps};
pub use patch::{JsonPatch, PatchType, manager_of, merge_patch, strategic_merge_patch, unsupported_media_type};
pub use shape::Shape;
