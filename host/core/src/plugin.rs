//! What crosses the border to a plugin, in the host's own words. `wit/` is the contract; the host converts
//! between its generated types and these, so that a new contract version is one more conversion.
//!
//! Everything here can be serialised: an [`Input`] with its outcome is what a recording holds.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::ConditionStatus;

/// An object by kind and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectRef {
    /// API group; empty for the core group.
    pub group: String,
    /// API version.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Namespace; empty for cluster-scoped objects.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// What a hook wants to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// The plugin's own name for it.
    pub id: String,
    /// Where: `hub`.
    pub site: String,
    /// API group.
    pub group: String,
    /// API version.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Namespace; empty for cluster-scoped objects.
    pub namespace: String,
    /// Names; empty means all of the kind.
    pub names: Vec<String>,
    /// What their labels have to be, all of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Requirement>,
    /// JSON Pointers to the fields that are shown; empty means whole objects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
}

/// What a label has to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    /// The label's key.
    pub key: String,
    /// One of [`crate::selection::OPERATORS`].
    pub operator: String,
    /// For `In` and `NotIn`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// What one selection found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Id of the selection.
    pub id: String,
    /// False while the host cannot know that these are all.
    pub complete: bool,
    /// The objects, without managedFields.
    pub items: Vec<Value>,
}

/// How the last apply went for one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplyResult {
    /// The object.
    #[serde(rename = "ref")]
    pub object: ObjectRef,
    /// Whether it is as desired.
    pub ok: bool,
    /// One CamelCase word; empty when ok.
    pub code: String,
    /// For people; empty when ok.
    pub message: String,
}

/// Everything a hook may know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The object that is reconciled, without managedFields.
    pub subject: Value,
    /// What the host knows about it.
    pub facts: Value,
    /// One group for each selection.
    pub reads: Vec<Group>,
    /// Results of the last apply.
    pub results: Vec<ApplyResult>,
    /// RFC 3339, UTC. Not part of the digest.
    pub now: String,
    /// Failures in a row. Not part of the digest.
    pub attempt: u32,
}

/// A template set to render, with values of the lowest layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RenderRequest {
    /// Name of the set.
    pub set: String,
    /// A JSON object.
    pub values: Value,
}

/// A plugin's condition, its type already prefixed with the plugin's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginCondition {
    /// `<plugin>/<kind>`.
    pub kind: String,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// CamelCase, bounded by the host.
    pub reason: String,
    /// Bounded by the host.
    pub message: String,
    /// While this condition is False, Ready is too.
    pub lowers_ready: bool,
}

/// A plugin's wish for an Event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// `Warning` rather than `Normal`.
    pub warning: bool,
    /// CamelCase, bounded by the host.
    pub reason: String,
    /// Bounded by the host.
    pub message: String,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Next {
    /// Nothing until something changes.
    Settled,
    /// Again after that many milliseconds.
    AgainAfter(u64),
    /// Again when one of these changes.
    WaitingFor(Vec<ObjectRef>),
    /// A passing fault: again with backoff.
    Retry {
        /// CamelCase.
        reason: String,
        /// For people.
        message: String,
    },
    /// The subject or the configuration is wrong: again when it changes.
    Invalid {
        /// CamelCase.
        reason: String,
        /// For people.
        message: String,
    },
}

impl Next {
    /// Whether what an outcome wants is done. Otherwise it waits or is wrong, and what runs goes on.
    pub const fn goes_on(&self) -> bool {
        matches!(self, Self::Settled | Self::AgainAfter(_))
    }
}

/// What should be there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanOutcome {
    /// Template sets to render.
    pub renders: Vec<RenderRequest>,
    /// Complete objects besides.
    pub objects: Vec<Value>,
    /// Leave everything downstream as it is.
    pub hold: bool,
    /// Conditions for the status.
    pub conditions: Vec<PluginCondition>,
    /// Wishes for Events.
    pub notes: Vec<Note>,
    /// What comes next.
    pub after: Next,
}

/// What a plugin has to say after an apply, or while its subject is being deleted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportOutcome {
    /// Conditions for the status.
    pub conditions: Vec<PluginCondition>,
    /// Wishes for Events.
    pub notes: Vec<Note>,
    /// What comes next.
    pub after: Next,
}

/// What a transformer made of the desired objects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransformOutcome {
    /// The desired objects; nothing, unless [`Next::goes_on`].
    pub objects: Vec<Value>,
    /// Conditions for the status.
    pub conditions: Vec<PluginCondition>,
    /// Wishes for Events.
    pub notes: Vec<Note>,
    /// What comes next.
    pub after: Next,
}
