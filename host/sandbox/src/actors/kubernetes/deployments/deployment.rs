//! What a Deployment says, with the defaults of Kubernetes for what it leaves out.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{MANAGER, fence};
use crate::actors::reading::{Object, at, condition, number, part, text, word};
use crate::lifecycle::Subresource;
use crate::status::Failure;
use crate::time;
use crate::world::{Named, World};

pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";

/// What a number is that means "never".
const NEVER: i64 = i32::MAX as i64;

/// A Deployment, as it was read or written last.
pub(super) struct Deployment<'n> {
    pub(super) named: Named<'n>,
    pub(super) object: Arc<Object>,
}

impl<'n> Deployment<'n> {
    pub(super) fn read(world: &World, named: Named<'n>) -> Option<Self> {
        Some(Self { named, object: world.get(&named)? })
    }

    pub(super) fn replicas(&self) -> i64 {
        at(&self.object, &["spec", "replicas"]).and_then(Value::as_i64).unwrap_or(1)
    }

    pub(super) fn is_paused(&self) -> bool {
        at(&self.object, &["spec", "paused"]) == Some(&Value::Bool(true))
    }

    pub(super) fn is_rolling(&self) -> bool {
        text(&self.object, &["spec", "strategy", "type"]) != "Recreate"
    }

    pub(super) fn min_ready_seconds(&self) -> i64 {
        number(&self.object, &["spec", "minReadySeconds"])
    }

    /// The seconds within which something has to come forward.
    pub(super) fn deadline(&self) -> Option<i64> {
        let seconds = at(&self.object, &["spec", "progressDeadlineSeconds"]).and_then(Value::as_i64);
        Some(seconds.unwrap_or(600)).filter(|seconds| *seconds != NEVER)
    }

    /// How many old ReplicaSets stay.
    pub(super) fn history(&self) -> Option<usize> {
        let limit = at(&self.object, &["spec", "revisionHistoryLimit"]).and_then(Value::as_i64).unwrap_or(10);
        usize::try_from(limit).ok().filter(|_| limit != NEVER)
    }

    /// How many pods there may be beyond those that are wanted.
    pub(super) fn max_surge(&self) -> i64 {
        if self.is_rolling() { self.fences().0 } else { 0 }
    }

    /// How many of the pods that are wanted may be unavailable.
    pub(super) fn max_unavailable(&self) -> i64 {
        if !self.is_rolling() || self.replicas() == 0 {
            return 0;
        }
        self.fences().1.min(self.replicas())
    }

    fn fences(&self) -> (i64, i64) {
        let of = |field| at(&self.object, &["spec", "strategy", "rollingUpdate", field]);
        fence::resolve(of("maxSurge"), of("maxUnavailable"), self.replicas())
    }

    pub(super) fn template(&self) -> Value {
        at(&self.object, &["spec", "template"]).cloned().unwrap_or_else(|| json!({}))
    }

    /// A number in its status.
    pub(super) fn was(&self, field: &str) -> i64 {
        number(&self.object, &["status", field])
    }

    /// The reason of its condition `Progressing`.
    pub(super) fn progressing(&self) -> Option<&str> {
        condition(&self.object, "Progressing").map(|condition| word(condition, "reason"))
    }

    /// Sets a condition in the status that it has.
    pub(super) fn set_condition(&mut self, world: &World, kind: &str, status: &str, reason: &str, message: &str) {
        let condition = new_condition(world, kind, status, reason, message);
        if let Some(status) = part(Arc::make_mut(&mut self.object), "status") {
            set_condition(status, condition);
        }
    }

    /// Says its revision; whether that is another one.
    pub(super) fn set_revision(&mut self, revision: &str) -> bool {
        if at(&self.object, &["metadata", "annotations", REVISION]).and_then(Value::as_str) == Some(revision) {
            return false;
        }
        let annotations =
            part(Arc::make_mut(&mut self.object), "metadata").and_then(|metadata| part(metadata, "annotations"));
        let Some(annotations) = annotations else { return false };
        annotations.insert(REVISION.to_owned(), json!(revision)) != Some(json!(revision))
    }

    /// Writes its status and its revision.
    pub(super) fn write(&mut self, world: &mut World) -> Result<(), Failure> {
        let status = self.object.get("status").cloned();
        let annotations = at(&self.object, &["metadata", "annotations"]).cloned();
        let written = world.change(&self.named, Subresource::Status, MANAGER, |object| {
            if let Some(status) = &status {
                object.insert("status".to_owned(), status.clone());
            }
            if let (Some(annotations), Some(metadata)) = (&annotations, part(object, "metadata")) {
                metadata.insert("annotations".to_owned(), annotations.clone());
            }
        });
        self.object = written?.into_map()?;
        Ok(())
    }
}

/// A condition of now.
pub(super) fn new_condition(world: &World, kind: &str, status: &str, reason: &str, message: &str) -> Value {
    let now = time::written(world.now);
    json!({
        "type": kind, "status": status, "lastUpdateTime": now, "lastTransitionTime": now, "reason": reason, "message": message,
    })
}

/// Sets a condition unless there is one of the same status and reason. It comes last then (`SetDeploymentCondition`).
pub(super) fn set_condition(status: &mut Object, mut condition: Value) {
    let conditions = status.entry("conditions").or_insert(Value::Null);
    if conditions.is_null() {
        *conditions = json!([]);
    }
    let Value::Array(conditions) = conditions else { return };
    let same = |present: &&Value| ["type", "status"].iter().all(|field| present[field] == condition[field]);
    if let Some(present) = conditions.iter().find(same) {
        if present["reason"] == condition["reason"] {
            return;
        }
        condition["lastTransitionTime"] = present["lastTransitionTime"].clone();
    }
    conditions.retain(|present| present["type"] != condition["type"]);
    conditions.push(condition);
}

/// Takes a condition out.
pub(super) fn remove_condition(status: &mut Object, kind: &str) {
    if let Some(Value::Array(conditions)) = status.get_mut("conditions") {
        conditions.retain(|present| present["type"] != kind);
        if conditions.is_empty() {
            status.remove("conditions");
        }
    }
}
