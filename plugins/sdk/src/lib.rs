//! What a plugin of berthage is written with.
//!
//! A plugin implements [`Plugin`] and one of [`Reconciler`] and [`Transformer`], and is exported by one macro. The traits
//! are plain Rust: on the developer's machine the same code runs in ordinary tests, through [`call`], which does exactly
//! what the exported functions do. Only a build for WebAssembly contains the generated bindings of `wit/0.2`.
//!
//! ```
//! use berthage_plugin_sdk::{About, Empty, Input, Plan, Plugin, Reconciler, export_reconciler};
//!
//! struct Greeter;
//!
//! impl Plugin for Greeter {
//!     type Config = Empty;
//!     type Subject = serde_json::Value;
//!     type Facts = serde_json::Value;
//!
//!     fn about() -> About {
//!         About::new("greeter", env!("CARGO_PKG_VERSION"), "Renders the set `syncer` without values.")
//!     }
//! }
//!
//! impl Reconciler for Greeter {
//!     fn plan(_: &Input<Self>) -> Result<Plan, String> {
//!         Ok(Plan::settled().render("syncer", serde_json::json!({})))
//!     }
//! }
//!
//! export_reconciler!(Greeter);
//! ```
//!
//! A hook is a function of its input: there is no clock, no randomness, no network, no file, and nothing that is kept in
//! memory survives the call. `docs/plugins.md` is the manual.

mod about;
pub mod call;
pub mod facts;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod glue;
mod input;
pub mod log;
mod outcome;
mod plugin;
mod selection;

pub use about::{About, SubjectKind};
pub use input::{ApplyResult, Input, Reads};
pub use outcome::{Condition, Next, Note, Plan, Render, Report, Status, Transformed};
pub use plugin::{Empty, Plugin, Reconciler, Transformer};
pub use selection::{ObjectRef, Requirement, Selection};

/// Exports a type that implements [`Reconciler`] as a component of the world `reconciler`.
///
/// Outside of a build for WebAssembly it only checks that the type fits.
#[macro_export]
macro_rules! export_reconciler {
    ($plugin:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            type Exported = $crate::glue::ReconcilerComponent<$plugin>;
    $crate::glue::about::export!(Exported with_types_in $crate::glue::about);
    $crate::glue::reconcile::export!(Exported with_types_in $crate::glue::reconcile);
        };
        const _: fn() = || {
            fn is_reconciler<T: $crate::Reconciler>() {}
            is_reconciler::<$plugin>();
        };
    };
}

/// Exports a type that implements [`Transformer`] as a component of the world `transformer`.
///
/// Outside of a build for WebAssembly it only checks that the type fits.
#[macro_export]
macro_rules! export_transformer {
    ($plugin:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            type Exported = $crate::glue::TransformerComponent<$plugin>;
    $crate::glue::about::export!(Exported with_types_in $crate::glue::about);
    $crate::glue::transform::export!(Exported with_types_in $crate::glue::transform);
        };
        const _: fn() = || {
            fn is_transformer<T: $crate::Transformer>() {}
            is_transformer::<$plugin>();
        };
    };
}

/// The manual's example, compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/plugins.md")]
struct Manual;
