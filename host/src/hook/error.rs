//! What can go wrong with a plugin. Nothing here is ever fatal: it becomes a condition on what the plugin serves.

use std::sync::Arc;
use std::time::Duration;

use berthage_core::reason::Reason;

use super::Hook;

/// A failure, with the plugin and the file it came from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("plugin {plugin} ({file}) {failure}")]
pub struct HookError {
    /// Name of the plugin; the file's, while the plugin's own is not known.
    pub plugin: Arc<str>,
    /// Name of the file, without the folder: messages may be shown to tenants.
    pub file: Arc<str>,
    /// What went wrong.
    pub failure: Failure,
}

/// What went wrong. The texts go on where "plugin NAME (FILE)" ends.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The file cannot be read.
    #[error("cannot be read: {why}; put the file in place, or name the folder that has it with --share")]
    Missing {
        /// What the operating system says.
        why: String,
    },
    /// The file is larger than is accepted.
    #[error("is larger than {max} bytes; strip it, or raise the limit")]
    FileTooLarge {
        /// The limit.
        max: u64,
    },
    /// The file is not a component, or is damaged.
    #[error("is not a component: {why}; build it as docs/plugins.md shows")]
    NotAComponent {
        /// What was found instead.
        why: String,
    },
    /// The component wants more than `log`.
    #[error("imports {import}; a plugin may import berthage:plugin/log and nothing else, no WASI either")]
    ForbiddenImport {
        /// The import.
        import: String,
    },
    /// The component exports another world than the one it is used for.
    #[error("does not export {wanted}; it is used as a {role}, see the worlds in wit/")]
    WrongWorld {
        /// The interface that is missing.
        wanted: String,
        /// What it was to be.
        role: &'static str,
    },
    /// What the plugin says about itself cannot be used.
    #[error("describes itself in a way that cannot be used: {why}")]
    BadDescription {
        /// What is wrong.
        why: String,
    },
    /// It cannot be compiled with what a compilation may use.
    #[error("is not compiled: {why}; make it smaller")]
    Uncompilable {
        /// What was too much.
        why: String,
    },
    /// The process that compiles cannot be started, or was stopped by somebody.
    #[error("could not be compiled now: {why}; it is tried again")]
    NotCompiled {
        /// What the operating system says.
        why: String,
    },
    /// It is another component than the one that is pinned.
    #[error("is another component than is wanted: it has the digest {found}, and spec.digest is {wanted}")]
    OtherDigest {
        /// Of the component that is there.
        found: String,
        /// What is pinned.
        wanted: String,
    },
    /// It is declared in a way that cannot stand.
    #[error("is declared in a way that cannot stand: {why}")]
    Unfit {
        /// What is wrong, in whole sentences.
        why: String,
    },
    /// The platform does not offer it to the workspace.
    #[error("is not offered to this workspace: {why}")]
    NotOffered {
        /// Why, in whole sentences.
        why: String,
    },
    /// It is declared, and not loaded yet.
    #[error("is being loaded; what runs goes on until it is")]
    Loading,
    /// Another plugin has the name.
    #[error("is called {name}, and so is another plugin; give one of them a name of its own")]
    NameTaken {
        /// The name.
        name: Arc<str>,
    },
    /// The plugin does not accept its configuration.
    #[error("does not accept its configuration: {problems}; correct the configuration of the plugin")]
    ConfigInvalid {
        /// What is wrong, as the plugin says.
        problems: String,
    },
    /// The plugin ended itself.
    #[error("trapped in {hook}: {why}; what runs goes on, and the call is repeated")]
    Trap {
        /// The hook.
        hook: Hook,
        /// The plugin's own last word, or the kind of trap.
        why: String,
    },
    /// The plugin took too long.
    #[error("did not come back from {hook} within {budget}; what runs goes on, and the call is repeated")]
    Deadline {
        /// The hook.
        hook: Hook,
        /// The budget.
        budget: String,
    },
    /// The plugin wanted more memory than it may have.
    #[error("wanted more than {max} bytes of memory in {hook}; what runs goes on, and the call is repeated")]
    Memory {
        /// The hook.
        hook: Hook,
        /// The limit.
        max: usize,
    },
    /// The outcome is larger than is accepted.
    #[error("answered {hook} with more than {max} bytes; what runs goes on, and the call is repeated")]
    OutputTooLarge {
        /// The hook.
        hook: Hook,
        /// The limit.
        max: usize,
    },
    /// The outcome breaks the contract.
    #[error("answered {hook} with something that cannot be used: {why}; what runs goes on, and the call is repeated")]
    BadOutput {
        /// The hook.
        hook: Hook,
        /// What is wrong.
        why: String,
    },
    /// The plugin says that something unexpected happened.
    #[error("failed in {hook}: {message}; what runs goes on, and the call is repeated")]
    Failed {
        /// The hook.
        hook: Hook,
        /// What the plugin says.
        message: String,
    },
    /// Asked again, the plugin answered something else.
    #[error(
        "answered {hook} in another way for {asked} (the first difference is at {place}); a hook must be a function of its \
         input, see docs/plugins.md; what runs goes on, and the call is repeated"
    )]
    NotDeterministic {
        /// The hook.
        hook: Hook,
        /// What was asked when the answer was another one.
        asked: &'static str,
        /// A JSON pointer into the outcome.
        place: String,
    },
    /// The plugin is left alone after repeated failures.
    #[error(
        "is left alone for a while after repeated failures, and is tried again by itself; the conditions and logs from \
         before say what failed"
    )]
    Quarantined {
        /// How long there is still to wait. Not in the message, which would change with every look at it.
        wait: Duration,
    },
    /// As many calls as are allowed are under way.
    #[error("was not called: as many plugin calls as are allowed are under way; the call is repeated")]
    Busy,
}

impl HookError {
    /// See [`Failure::reason`].
    pub const fn reason(&self) -> Reason {
        self.failure.reason()
    }

    /// How long to wait at least before the call is worth repeating, where that is known.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self.failure {
            Failure::Quarantined { wait } => Some(wait),
            _ => None,
        }
    }

    /// See [`Failure::kind`].
    pub const fn kind(&self) -> &'static str {
        self.failure.kind()
    }
}

impl Failure {
    /// The word for conditions, Events and metrics.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Missing { .. }
            | Self::FileTooLarge { .. }
            | Self::NotAComponent { .. }
            | Self::ForbiddenImport { .. }
            | Self::WrongWorld { .. }
            | Self::BadDescription { .. }
            | Self::NameTaken { .. }
            | Self::Uncompilable { .. }
            | Self::NotCompiled { .. }
            | Self::OtherDigest { .. }
            | Self::Trap { .. }
            | Self::Deadline { .. }
            | Self::Memory { .. }
            | Self::OutputTooLarge { .. }
            | Self::BadOutput { .. }
            | Self::Failed { .. }
            | Self::NotDeterministic { .. }
            | Self::Busy => Reason::PluginFailed,
            Self::Quarantined { .. } => Reason::PluginQuarantined,
            Self::ConfigInvalid { .. } => Reason::PluginRefused,
            Self::Unfit { .. } => Reason::PluginInvalid,
            Self::NotOffered { .. } => Reason::PluginNotOffered,
            Self::Loading => Reason::PluginLoading,
        }
    }

    /// One word for a metric's label.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "missing",
            Self::FileTooLarge { .. }
            | Self::NotAComponent { .. }
            | Self::ForbiddenImport { .. }
            | Self::WrongWorld { .. }
            | Self::BadDescription { .. }
            | Self::Uncompilable { .. }
            | Self::NotCompiled { .. }
            | Self::OtherDigest { .. }
            | Self::Unfit { .. }
            | Self::NotOffered { .. }
            | Self::NameTaken { .. } => "unusable",
            Self::Loading => "loading",
            Self::ConfigInvalid { .. } => "config",
            Self::Trap { .. } => "trap",
            Self::Deadline { .. } => "deadline",
            Self::Memory { .. } => "memory",
            Self::OutputTooLarge { .. } => "output",
            Self::BadOutput { .. } => "bad_output",
            Self::Failed { .. } => "failed",
            Self::NotDeterministic { .. } => "not_deterministic",
            Self::Quarantined { .. } => "quarantined",
            Self::Busy => "busy",
        }
    }

    /// Whether the failure wasted what a call may use, and so counts towards a quarantine.
    pub(super) const fn is_waste(&self) -> bool {
        matches!(self, Self::Trap { .. } | Self::Deadline { .. } | Self::Memory { .. } | Self::OutputTooLarge { .. })
    }

    /// Whether the same file with the same configuration would fail in the same way again.
    pub(super) const fn is_in_the_file(&self) -> bool {
        !matches!(
            self,
            Self::Missing { .. }
                | Self::NameTaken { .. }
                | Self::NotCompiled { .. }
                | Self::NotOffered { .. }
                | Self::Loading
                | Self::Deadline { .. }
                | Self::Quarantined { .. }
                | Self::Busy
        )
    }
}
