//! SyncTargets: made, changed, waited for.

use berthage_core::api::{Condition, ConditionStatus, SyncTarget, SyncTargetStatus};
use berthage_core::names::TargetNames;
use berthage_core::status::conditions;
use berthage_core::status::target::kind;
use berthage_e2e::wait::{self, PATIENCE};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::{Hub, Result, problem};

/// A target that was created, and the names of what belongs to it.
#[derive(Clone)]
pub(crate) struct Target {
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// What belongs to it is called so.
    pub names: TargetNames,
}

/// A SyncTarget with the defaults, and pods that end at once.
pub(crate) fn target(name: &str, registration: &str) -> Value {
    json!({
        "apiVersion": "workload.kcp.io/v1alpha1", "kind": "SyncTarget",
        "metadata": { "name": name },
        "spec": {
            "clusterRef": { "name": registration },
            "supportedAPIResources": [{ "group": "apps", "version": "v1", "resource": "deployments" }],
            "values": { "terminationGracePeriodSeconds": 1 },
        },
    })
}

/// `base` with the fields of `patch` over its own, as a merge patch.
pub(crate) fn merged(mut base: Value, patch: &Value) -> Value {
    berthage_core::status::patch::apply(&mut base, patch);
    base
}

/// The status, or an empty one.
pub(crate) fn status(target: &SyncTarget) -> SyncTargetStatus {
    target.status.clone().unwrap_or_default()
}

/// A condition of a target.
pub(crate) fn condition<'a>(target: &'a SyncTarget, kind: &str) -> Option<&'a Condition> {
    conditions::find(&target.status.as_ref()?.conditions, kind)
}

/// Whether a condition is true, for whatever reason.
pub(crate) fn holds(target: &SyncTarget, kind: &str) -> bool {
    condition(target, kind).is_some_and(|found| found.status == ConditionStatus::True)
}

/// Whether a condition has this status and this reason.
pub(crate) fn is(target: &SyncTarget, kind: &str, wanted: ConditionStatus, reason: &str) -> bool {
    condition(target, kind).is_some_and(|found| found.status == wanted && found.reason == reason)
}

/// Whether a target is Ready, in its present generation.
pub(crate) fn is_ready(target: &SyncTarget) -> bool {
    let current = target.status.as_ref().is_some_and(|status| status.observed_generation == target.metadata.generation);
    current && condition(target, kind::READY).is_some_and(|ready| ready.status == ConditionStatus::True)
}

/// A change that gives the syncer two replicas.
pub(crate) fn two_replicas() -> Value {
    json!({ "spec": { "syncerConfig": { "replicas": 2 } } })
}

impl Hub<'_> {
    /// Creates a target.
    pub(crate) async fn create(&self, manifest: Value) -> Result<Target> {
        let manifest: SyncTarget = serde_json::from_value(manifest)?;
        let created = self.targets().create(&PostParams::default(), &manifest).await?;
        let name = created.metadata.name.ok_or_else(|| problem("a target without name"))?;
        let uid = created.metadata.uid.ok_or_else(|| problem("a target without uid"))?;
        let names = TargetNames::new(&self.workspace, &uid);
        if let Some(stay) = &self.stay {
            stay.created(&name);
        }
        Ok(Target { name, uid, names })
    }

    /// Registers a cluster and creates a target for it, both of this name, and waits until it is Ready.
    pub(crate) async fn onboard(&self, name: &str, kubeconfig: &str) -> Result<Target> {
        self.register(name, kubeconfig).await?;
        let target = self.create(target(name, name)).await?;
        self.ready(&target).await?;
        Ok(target)
    }

    /// The target as it is now.
    pub(crate) async fn get(&self, target: &Target) -> Result<SyncTarget> {
        Ok(self.targets().get(&target.name).await?)
    }

    /// Changes fields of a target, by a merge patch.
    pub(crate) async fn change(&self, target: &Target, patch: Value) -> Result<SyncTarget> {
        Ok(self.targets().patch(&target.name, &PatchParams::default(), &Patch::Merge(patch)).await?)
    }

    /// Changes fields of a target's status, by a merge patch: as the administrator, or as the controller on kcp, where nobody
    /// else may.
    pub(crate) async fn change_status(&self, target: &Target, patch: Value) -> Result<SyncTarget> {
        let patch = json!({ "status": patch });
        let client = match self.home.virtual_workspace(self.cluster).await? {
            Some(client) => client,
            None => self.client.clone(),
        };
        Ok(kube::Api::<SyncTarget>::all(client)
            .patch_status(&target.name, &PatchParams::default(), &Patch::Merge(patch))
            .await?)
    }

    /// Waits until a target is as expected; `awaited` says how, for the error.
    pub(crate) async fn until(
        &self,
        target: &Target,
        awaited: &str,
        accept: impl Fn(&SyncTarget) -> bool,
    ) -> Result<SyncTarget> {
        Ok(wait::until(&self.targets(), &target.name, awaited, PATIENCE, accept).await?)
    }

    /// Waits until a target is Ready in its present generation.
    pub(crate) async fn ready(&self, target: &Target) -> Result<SyncTarget> {
        self.until(target, &format!("SyncTarget {} being Ready", target.name), is_ready).await
    }

    /// Waits until a condition of a target has this status and reason.
    pub(crate) async fn has(
        &self,
        target: &Target,
        kind: &str,
        wanted: ConditionStatus,
        reason: &str,
    ) -> Result<SyncTarget> {
        let awaited = format!("{kind}={} of SyncTarget {} because of {reason}", wanted.as_str(), target.name);
        self.until(target, &awaited, |target| is(target, kind, wanted, reason)).await
    }

    /// Waits until the syncer of a target has two replicas that are ready.
    pub(crate) async fn has_two_replicas(&self, target: &Target) -> Result<SyncTarget> {
        let two = |now: &SyncTarget| status(now).syncer.and_then(|syncer| syncer.ready_replicas) == Some(2);
        self.until(target, "two replicas", two).await
    }

    /// Asks for the deletion of a target, and waits for nothing.
    pub(crate) async fn delete(&self, target: &Target) -> Result {
        self.targets().delete(&target.name, &DeleteParams::default()).await?;
        Ok(())
    }

    /// Waits until a target is gone.
    pub(crate) async fn gone(&self, target: &Target) -> Result {
        Ok(wait::until_gone(&self.targets(), &target.name, PATIENCE).await?)
    }

    /// Deletes a target and waits until it is gone.
    pub(crate) async fn remove(&self, target: &Target) -> Result {
        self.delete(target).await?;
        self.gone(target).await
    }
}
