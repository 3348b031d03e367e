//! What a new type can break.

use std::fmt;

use serde_json::Value;

/// One thing that some object valid under the old type would not survive.
#[derive(Debug, Clone, PartialEq)]
pub struct Break {
    /// The type, such as `synctargets.workload.kcp.io`.
    pub object: String,
    /// Where in it, such as `v1alpha1 spec.syncerConfig.replicas`. `[]` are a list's items, and `*` is what a map
    /// holds. Empty: all of it.
    pub place: String,
    /// What it is.
    pub problem: Problem,
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.object)?;
        if !self.place.is_empty() {
            write!(f, " {}", self.place)?;
        }
        write!(f, ": {}", self.problem)
    }
}

/// What changed at a place.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Problem {
    /// No new type has its group and plural.
    #[error("the type is gone")]
    TypeGone,
    /// Its scope, or one of its names.
    #[error("was {old:?}, and is {new:?}")]
    Renamed {
        /// As it was.
        old: String,
        /// As it is.
        new: String,
    },
    /// A version that clients may use.
    #[error("the version is no longer served")]
    NotServed,
    /// The version that objects are stored in. They could not be read any more.
    #[error("the storage version is gone")]
    StorageGone,
    /// `status` or `scale`.
    #[error("the subresource is gone")]
    SubresourceGone,
    /// A field selector that clients may use.
    #[error("{0} can no longer be selected by")]
    NotSelectable(String),
    /// Its value would be pruned.
    #[error("the property is gone")]
    PropertyGone,
    /// Fields that no property describes would be pruned.
    #[error("unknown fields are no longer preserved")]
    UnknownPruned,
    /// Keys that no property describes would be pruned or refused.
    #[error("other keys are no longer allowed")]
    KeysRefused,
    /// To one that does not take every value of the old one.
    #[error("the type was {old}, and is {new}")]
    TypeChanged {
        /// As it was.
        old: String,
        /// As it is.
        new: String,
    },
    /// It could be both.
    #[error("can no longer be an integer or a string, only {0}")]
    NotIntOrString(String),
    /// It could be null.
    #[error("can no longer be null")]
    NotNullable,
    /// It could be absent, and there is no default.
    #[error("is now required, and has no default")]
    Required,
    /// Any value was allowed.
    #[error("only certain values are now allowed")]
    EnumAdded,
    /// It was allowed.
    #[error("{0} is no longer allowed")]
    ValueRefused(Value),
    /// Objects that omit it would mean something else.
    #[error("the default was {old}, and is {new}")]
    DefaultChanged {
        /// As it was.
        old: Value,
        /// As it is.
        new: Value,
    },
    /// Objects that omit it would mean something else.
    #[error("the default, {0}, is gone")]
    DefaultGone(Value),
    /// A CEL rule that old objects need not obey.
    #[error("a rule is added: {0}")]
    RuleAdded(String),
    /// A bound where there was none, or a pattern, a format, an `allOf`.
    #[error("{keyword} is added: {new}")]
    Added {
        /// Of the schema.
        keyword: String,
        /// As it is.
        new: Value,
    },
    /// To something narrower, or to what cannot be compared.
    #[error("{keyword} was {old}, and is {new}")]
    Changed {
        /// Of the schema.
        keyword: String,
        /// As it was.
        old: Value,
        /// As it is.
        new: Value,
    },
    /// It had a meaning beyond validation, or one that is not known here.
    #[error("{keyword} is gone, and was {old}")]
    Gone {
        /// Of the schema.
        keyword: String,
        /// As it was.
        old: Value,
    },
}

impl Problem {
    /// How a keyword differs, where every difference is a break.
    pub(super) fn difference(keyword: &str, old: Option<&Value>, new: Option<&Value>) -> Option<Self> {
        let keyword = || keyword.to_owned();
        match (old, new) {
            (Some(old), Some(new)) if old != new => {
                Some(Self::Changed { keyword: keyword(), old: old.clone(), new: new.clone() })
            }
            (Some(old), None) => Some(Self::Gone { keyword: keyword(), old: old.clone() }),
            (None, Some(new)) => Some(Self::Added { keyword: keyword(), new: new.clone() }),
            _ => None,
        }
    }
}
