//! What a namespace says while it is emptied (`pkg/controller/namespace/deletion/status_condition_utils.go`).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::actors::reading::Object;
use crate::time;

/// Type, reason and message of what is well, in the order in which they are written.
const WELL: [(&str, &str, &str); 5] = [
    ("NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered", "All resources successfully discovered"),
    ("NamespaceDeletionGroupVersionParsingFailure", "ParsedGroupVersions", "All legacy kube types successfully parsed"),
    (
        "NamespaceDeletionContentFailure",
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
    ("NamespaceContentRemaining", "ContentRemoved", "All content successfully removed"),
    ("NamespaceFinalizersRemaining", "ContentHasNoFinalizers", "All content-preserving finalizers finished"),
];

/// What is still in a namespace.
#[derive(Debug, Default)]
pub(super) struct Remaining {
    /// How many objects, by `plural.group`.
    pub(super) objects: BTreeMap<String, usize>,
    /// How many objects a finalizer holds.
    pub(super) finalizers: BTreeMap<String, usize>,
    /// What should be gone and is not.
    pub(super) errors: Vec<String>,
}

impl Remaining {
    /// Reason and message of what is not well.
    fn unwell(&self, kind: &str) -> Option<(&'static str, String)> {
        let join = |texts: Vec<String>| texts.join(", ");
        match kind {
            "NamespaceDeletionContentFailure" if !self.errors.is_empty() => {
                let mut errors = self.errors.clone();
                errors.sort();
                let count = errors.len();
                let message = format!("Failed to delete all resource types, {count} remaining: {}", join(errors));
                Some(("ContentDeletionFailed", message))
            }
            "NamespaceContentRemaining" if !self.objects.is_empty() => {
                let each = self.objects.iter().map(|(kind, count)| format!("{kind} has {count} resource instances"));
                Some(("SomeResourcesRemain", format!("Some resources are remaining: {}", join(each.collect()))))
            }
            "NamespaceFinalizersRemaining" if !self.finalizers.is_empty() => {
                let each = self.finalizers.iter().map(|(name, count)| format!("{name} in {count} resource instances"));
                let message =
                    format!("Some content in the namespace has finalizers remaining: {}", join(each.collect()));
                Some(("SomeFinalizersRemain", message))
            }
            _ => None,
        }
    }

    /// Writes it into a status.
    pub(super) fn tell(&self, status: &mut Object, now: Timestamp) {
        let conditions = status.entry("conditions").or_insert(Value::Null);
        if conditions.is_null() {
            *conditions = json!([]);
        }
        let Value::Array(conditions) = conditions else { return };
        for (kind, reason, message) in WELL {
            let (status, reason, message) = match self.unwell(kind) {
                Some((reason, message)) => ("True", reason, message),
                None => ("False", reason, message.to_owned()),
            };
            let mut new = json!({
                "type": kind, "status": status, "lastTransitionTime": time::written(now), "reason": reason, "message": message,
            });
            match conditions.iter_mut().find(|present| present["type"] == kind) {
                None => conditions.push(new),
                Some(present) => {
                    if present["status"] == status {
                        new["lastTransitionTime"] = present["lastTransitionTime"].take();
                    }
                    *present = new;
                }
            }
        }
    }
}
