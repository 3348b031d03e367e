//! The parameters of a query, read and checked as a server does it.
//!
//! Facts: `pkg/runtime/conversion.go` and `pkg/conversion/queryparams` of `k8s.io/apimachinery` say how a value is read,
//! `pkg/apis/meta/{internalversion,v1,v1beta1}/validation` what is wrong with it. `DeleteOptions` are in
//! [`crate::lifecycle`]; which revisions go with what is in [`crate::store`].

mod decode;
mod list;
mod pretty;
mod table;
mod write;

pub(super) use self::decode::is_true;
pub use self::list::{Decoded, ListOptions};
pub use self::pretty::is_pretty;
pub use self::table::{IncludeObject, TableOptions};
pub use self::write::{FieldValidation, PatchOptions, WriteOptions};

#[cfg(test)]
mod tests;
