//! The ReplicaSets of a Deployment: the one of its template, and the old ones.

use std::sync::Arc;

use serde_json::Value;

use super::deployment::{Deployment, REVISION};
use crate::actors::reading::{Object, at, is_deleting, number, text};
use crate::lifecycle::DeleteOptions;
use crate::status::Failure;
use crate::world::{Named, World};

const HASH: &str = "pod-template-hash";

/// A ReplicaSet, as it was read or written last.
#[derive(Clone)]
pub(super) struct Set(pub(super) Arc<Object>);

impl Set {
    pub(super) fn name(&self) -> &str {
        text(&self.0, &["metadata", "name"])
    }

    pub(super) fn uid(&self) -> &str {
        text(&self.0, &["metadata", "uid"])
    }

    /// How many pods it is to have.
    pub(super) fn replicas(&self) -> i64 {
        at(&self.0, &["spec", "replicas"]).and_then(Value::as_i64).unwrap_or(1)
    }

    /// A number in its status.
    pub(super) fn status(&self, field: &str) -> i64 {
        number(&self.0, &["status", field])
    }

    pub(super) fn annotation(&self, name: &str) -> Option<&str> {
        at(&self.0, &["metadata", "annotations", name])?.as_str()
    }

    /// Which of the templates it is of; 0 if it does not say.
    pub(super) fn revision(&self) -> i64 {
        self.annotation(REVISION).and_then(|revision| revision.parse().ok()).unwrap_or_default()
    }

    pub(super) fn age(&self) -> (&str, &str) {
        (text(&self.0, &["metadata", "creationTimestamp"]), self.name())
    }

    pub(super) fn named<'n>(&'n self, deployment: &Deployment<'n>) -> Named<'n> {
        Named { group: "apps", plural: "replicasets", name: self.name(), ..deployment.named }
    }
}

/// The ReplicaSets of a Deployment.
pub(super) struct Sets {
    /// Of the template that it has now.
    pub(super) new: Option<Set>,
    /// Of those that it had, the oldest first.
    pub(super) old: Vec<Set>,
}

impl Sets {
    /// Of several that have the template, the oldest one counts.
    pub(super) fn of(deployment: &Deployment<'_>, all: Vec<Arc<Object>>) -> Self {
        let mut old: Vec<Set> = all.into_iter().map(Set).collect();
        old.sort_by(|one, other| one.age().cmp(&other.age()));
        let template = without_hash(deployment.template());
        let is_new =
            |set: &Set| at(&set.0, &["spec", "template"]).cloned().map(without_hash).as_ref() == Some(&template);
        let new = old.iter().position(is_new).map(|at| old.remove(at));
        Self { new, old }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Set> {
        self.old.iter().chain(&self.new)
    }

    /// How many pods all of them are to have.
    pub(super) fn replicas(&self) -> i64 {
        self.all().map(Set::replicas).sum()
    }

    /// A number in all of their statuses.
    pub(super) fn status(&self, field: &str) -> i64 {
        self.all().map(|set| set.status(field)).sum()
    }
}

/// A template without the label that its ReplicaSet adds.
fn without_hash(mut template: Value) -> Value {
    if let Some(metadata) = template.get_mut("metadata").and_then(Value::as_object_mut) {
        if let Some(labels) = metadata.get_mut("labels").and_then(Value::as_object_mut) {
            labels.remove(HASH);
            if labels.is_empty() {
                metadata.remove("labels");
            }
        }
        metadata.remove("creationTimestamp");
    }
    template
}

/// Deletes the oldest ReplicaSets that nobody needs, beyond those that are to stay.
pub(super) fn clean_up(world: &mut World, deployment: &Deployment<'_>, sets: &Sets) -> Result<(), Failure> {
    let Some(history) = deployment.history() else { return Ok(()) };
    let mut old: Vec<&Set> = sets.old.iter().filter(|set| !is_deleting(&set.0)).collect();
    old.sort_by_key(|set| (set.revision(), set.age()));
    let surplus = old.len().saturating_sub(history);
    for set in old.into_iter().take(surplus) {
        let is_observed = number(&set.0, &["metadata", "generation"]) <= set.status("observedGeneration");
        if set.replicas() == 0 && set.status("replicas") == 0 && is_observed {
            world.discard(&set.named(deployment), &DeleteOptions::default())?;
        }
    }
    Ok(())
}
