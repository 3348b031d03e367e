//! Which objects a request is about: label selectors and field selectors.
//!
//! Everything here is a pure function over what a client sent. Messages are those of `k8s.io/apimachinery` 0.36
//! (`pkg/labels`, `pkg/fields`): people and tests read them.

pub mod field;
pub mod label;

pub use field::FieldSelector;
pub use label::LabelSelector;
