//! What is remembered of a `LogicalCluster`.

use super::json::{Object, annotation, is_deleting, text, texts};

/// The singleton of a logical cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogicalCluster {
    /// `status.phase`.
    pub phase: Box<str>,
    /// The path of its workspace; empty if it does not say.
    pub path: Box<str>,
    /// The shard that it is on; empty if it does not say.
    pub shard: Box<str>,
    /// The groups that somebody has to be in.
    pub required_groups: Option<Box<str>>,
    /// The type of its workspace, as `path:name`.
    pub workspace_type: Box<str>,
    /// The initializers that are left.
    pub initializers: Vec<String>,
    /// It is being deleted.
    pub deleting: bool,
}

impl LogicalCluster {
    /// Reads one.
    pub fn read(object: &Object) -> Self {
        let required = annotation(object, super::REQUIRED_GROUPS);
        Self {
            phase: text(object, &["status", "phase"]).into(),
            path: annotation(object, super::PATH).into(),
            shard: annotation(object, super::SHARD).into(),
            required_groups: (!required.is_empty()).then(|| required.into()),
            workspace_type: annotation(object, super::TYPE).into(),
            initializers: texts(object, &["status", "initializers"]),
            deleting: is_deleting(object),
        }
    }
}
