//! What somebody who applies may not change, because others own it (`managedfields/internal/conflict.go`).

use std::collections::BTreeMap;

use super::super::element::Element;
use super::super::set::{FieldSet, Path};
use super::entry::Entry;
use crate::quote::quote;
use crate::status::{Cause, Failure};

/// One field that another manager owns.
#[derive(Debug, Clone)]
pub(super) struct Conflict<'a> {
    /// What a real server calls the manager.
    identifier: String,
    /// How messages call it.
    manager: String,
    path: Vec<Element<'a>>,
}

/// The conflicts with a manager over these fields.
pub(super) fn with<'a>(entry: &Entry<'_>, fields: &FieldSet<'a>) -> Vec<Conflict<'a>> {
    let (identifier, manager) = (entry.identifier(), shown(entry));
    let conflict = |path| Conflict { identifier: identifier.clone(), manager: manager.clone(), path };
    fields.paths().into_iter().map(conflict).collect()
}

/// The fields in conflict.
pub(super) fn fields<'a>(conflicts: &[Conflict<'a>]) -> FieldSet<'a> {
    let mut set = FieldSet::new();
    for conflict in conflicts {
        set.insert(&conflict.path);
    }
    set
}

/// The conflicts over other fields than these.
pub(super) fn over_others<'a>(conflicts: Vec<Conflict<'a>>, fields: &FieldSet<'_>) -> Vec<Conflict<'a>> {
    conflicts.into_iter().filter(|conflict| !fields.contains(&conflict.path)).collect()
}

/// `"name" with subresource "status" using v1`
fn shown(entry: &Entry<'_>) -> String {
    let mut shown = quote(&entry.manager);
    if !entry.subresource.is_empty() {
        shown.push_str(" with subresource ");
        shown.push_str(&quote(&entry.subresource));
    }
    if !entry.applied {
        shown.push_str(" using ");
        shown.push_str(&entry.api_version);
    }
    shown
}

/// 409, with a cause for each field. Managers are in the order of their identifiers; a real server has none in the causes.
pub(super) fn failure(conflicts: &[Conflict<'_>]) -> Failure {
    let mut by_manager: BTreeMap<&str, Vec<&Conflict<'_>>> = BTreeMap::new();
    for conflict in conflicts {
        by_manager.entry(&conflict.identifier).or_default().push(conflict);
    }
    let message = match conflicts {
        [one] => format!("Apply failed with 1 conflict: conflict with {}: {}", one.manager, Path(&one.path)),
        many => {
            let mut lines = Vec::new();
            for conflicts in by_manager.values() {
                lines.extend(conflicts.first().map(|first| format!("conflicts with {}:", first.manager)));
                lines.extend(conflicts.iter().map(|conflict| format!("- {}", Path(&conflict.path))));
            }
            format!("Apply failed with {} conflicts: {}", many.len(), lines.join("\n"))
        }
    };
    let cause = |conflict: &&Conflict<'_>| Cause {
        reason: "FieldManagerConflict",
        message: format!("conflict with {}", conflict.manager),
        field: Path(&conflict.path).to_string(),
    };
    let causes = by_manager.values().flatten().map(cause).collect();
    Failure::new(409, "Conflict", message).because(causes)
}
