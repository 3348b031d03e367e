//! Plugins: WebAssembly components that decide what should be there. `wit/` is the contract, `docs/plugins.md` the manual for
//! their authors.
//!
//! ```text
//!   file --read, digest--> inspect --imports ok--> compile (or cache) --exports ok--> describe, check-config --> Plugin
//!   Input --once--> Encoded --lower--> [fresh store | fresh instance | bounds] --> convert (checked, cut) --> outcome
//! ```
//! - [`Plugins`] holds the reconciler and the transformers in order; it looks at their files again when it is told to.
//! - [`Plugin`] is a value also when it cannot be called: then it carries the reason. Nothing a plugin does ends the host.
//! - `engine`, `limits`, `guest`, `call`: the sandbox. `inspect`, `load`, `cache`: from a file to a plugin.
//! - `contract`, `input`, `convert`: the border. Only these files know the generated types; `contract` has all versions of them.
//! - `quarantine` leaves a plugin alone that fails again and again; `kept` are outcomes that still hold, so that nobody is called;
//!   `steady` asks again, with --verify-determinism, whether a hook is a function of its input.
//!
//! All calls are synchronous and short: about 30 µs, and never longer than [`Limits::deadline`]. Loading compiles, which
//! takes from milliseconds to seconds: call [`Plugins::load`] and [`Plugins::reload_if_changed`] where blocking is allowed.

mod alone;
mod cache;
mod call;
mod compile;
mod contract;
mod convert;
mod digest;
mod engine;
mod error;
mod guest;
mod input;
mod inspect;
mod kept;
mod limits;
mod load;
mod plugin;
mod plugins;
mod quarantine;
mod registry;
mod steady;
mod terms;
mod text;
mod usage;
#[cfg(test)]
mod wasm_tests;

pub use alone::{Alone, alone};
pub use compile::{CompileError, compile_for_others};
pub use digest::Digest;
pub use engine::{Budget, EngineError, HookEngine, Observation, Seen};
pub use error::{Failure, HookError};
pub use input::Encoded;
pub use limits::Limits;
pub use load::About;
pub use plugin::{Health, Plugin, Reconciler, Transformer};
pub use plugins::{PluginSource, Plugins, PluginsSpec};
pub use registry::{Origin, Registry, Wanted};
pub use terms::Terms;
pub use usage::Used;

/// A function that plugins export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hook {
    /// What the plugin says about itself.
    Describe,
    /// Check of the configuration.
    CheckConfig,
    /// What it wants to read.
    Select,
    /// What should be there.
    Plan,
    /// After an apply.
    Report,
    /// Before the clean-up.
    Finalize,
    /// A change to what should be there.
    Transform,
}

impl Hook {
    /// The word of the contract; also a metric's label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Describe => "describe",
            Self::CheckConfig => "check-config",
            Self::Select => "select",
            Self::Plan => "plan",
            Self::Report => "report",
            Self::Finalize => "finalize",
            Self::Transform => "transform",
        }
    }
}

impl std::fmt::Display for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a plugin is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Reconciler,
    Transformer,
}

impl Role {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Reconciler => "reconciler",
            Self::Transformer => "transformer",
        }
    }
}
