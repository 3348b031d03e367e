//! The patches of a PATCH request that are not an application: JSON merge patch, JSON patch, strategic merge patch.
//!
//! They are done by other libraries in a real server (`gopkg.in/evanphx/json-patch.v4`, `util/strategicpatch`), whose
//! behaviour is kept where it differs from the RFCs. What they make of an object has to be read as the kind again by whoever
//! calls them: defaults, unknown fields, wrong types.

mod json;
mod media;
mod merge;
mod strategic;
mod writer;

pub use json::JsonPatch;
pub use media::{PatchType, unsupported_media_type};
pub use merge::merge_patch;
pub use strategic::strategic_merge_patch;
pub use writer::manager_of;

use crate::status::Failure;

/// 422 with the words that a real server has for everything that goes wrong in a library. What it was is not told.
fn rejected() -> Failure {
    Failure::new(422, "Invalid", "the server rejected our request due to an error in our request").detailed()
}

#[cfg(test)]
mod tests;
