//! Which objects a request is about, and whether what names and describes them is well formed: label selectors, field
//! selectors, and the rules of `metadata`.
//!
//! Everything here is a pure function over what a client sent. Messages are those of `k8s.io/apimachinery` 0.36
//! (`pkg/labels`, `pkg/fields`, `pkg/api/validation`, `pkg/util/validation`): people and tests read them.
//!
//! Where Kubernetes walks a Go map (labels, annotations), the order of several errors is random there; here it is that of the
//! keys.

pub mod causes;
pub mod field;
pub mod label;
pub mod metadata;
pub mod names;
pub mod quote;

pub use field::FieldSelector;
pub use label::LabelSelector;
