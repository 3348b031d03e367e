//! Label selectors: `a=b,c in (d,e),!f` in a query, `matchLabels` and `matchExpressions` in an object.
//!
//! Facts: `k8s.io/apimachinery/pkg/labels/selector.go`; `LabelSelectorAsSelector` in `pkg/apis/meta/v1/helpers.go`.

mod lexer;
mod object;
mod parser;
mod requirement;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

pub use self::object::{validate, validate_requirement};
pub use self::requirement::{Operator, Requirement};
use crate::status::Failure;

/// Where a selector looks up the value of a label.
pub trait Labels {
    /// The value of a label, if there is such a label.
    fn lookup(&self, key: &str) -> Option<&str>;
}

impl Labels for Map<String, Value> {
    fn lookup(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Value::as_str)
    }
}

impl Labels for BTreeMap<String, String> {
    fn lookup(&self, key: &str) -> Option<&str> {
        self.get(key).map(String::as_str)
    }
}

impl<K: AsRef<str>, V: AsRef<str>> Labels for [(K, V)] {
    fn lookup(&self, key: &str) -> Option<&str> {
        self.iter().find(|(name, _)| name.as_ref() == key).map(|(_, value)| value.as_ref())
    }
}

impl<L: Labels + ?Sized> Labels for Option<&L> {
    fn lookup(&self, key: &str) -> Option<&str> {
        self.and_then(|labels| labels.lookup(key))
    }
}

/// Requirements that all hold for the labels of a selected object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LabelSelector {
    requirements: Vec<Requirement>,
    /// The selector of an absent `LabelSelector` object, which selects nothing.
    nothing: bool,
}

impl LabelSelector {
    /// Selects everything.
    pub fn everything() -> Self {
        Self::default()
    }

    /// Selects nothing: what an absent selector object means.
    pub fn nothing() -> Self {
        Self { requirements: Vec::new(), nothing: true }
    }

    /// Parses the parameter `labelSelector` of a request. The failure is the 400 that a server answers.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        parser::parse(text).map(Self::of).map_err(Failure::bad_request)
    }

    /// Reads a `LabelSelector` object; `None` and `null` select nothing, an empty one everything. The error is the text of
    /// `LabelSelectorAsSelector`; whether such an object may be stored says [`validate`].
    pub fn from_object(object: Option<&Value>) -> Result<Self, String> {
        object::read(object)
    }

    /// A selector of these requirements, sorted by key.
    pub fn of(mut requirements: Vec<Requirement>) -> Self {
        requirements.sort_by(|a, b| a.key().cmp(b.key()));
        Self { requirements, nothing: false }
    }

    /// Whether labels are selected.
    pub fn matches<L: Labels + ?Sized>(&self, labels: &L) -> bool {
        !self.nothing && self.requirements.iter().all(|requirement| requirement.matches(labels))
    }

    /// Whether every object is selected, so that labels need not be looked at.
    pub fn is_everything(&self) -> bool {
        self.requirements.is_empty() && !self.nothing
    }

    /// What must hold.
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// The one value that a label must have, where the selector demands exactly one.
    pub fn exact_value(&self, key: &str) -> Option<&str> {
        self.requirements.iter().find(|requirement| requirement.key() == key).and_then(Requirement::exact_value)
    }
}

impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.requirements.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            requirement.fmt(f)?;
        }
        Ok(())
    }
}
