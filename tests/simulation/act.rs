//! What somebody does to a SyncTarget.

use berthage_core::api::{ConditionStatus, SyncTarget};
use berthage_core::status::conditions;
use berthage_core::status::target::kind;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;

use crate::stage::Stage;

/// The name of every target.
pub(crate) const TARGET: &str = "edge";
/// The tenant to whose target something is done.
pub(crate) const OURS: &str = "root:team-a";
/// The tenant who is not to notice.
pub(crate) const OTHERS: &str = "root:team-b";

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Act {
    /// The target is made.
    Onboard,
    /// It is to have two syncers.
    Update,
    /// It is to be on another cluster.
    Move,
    /// It is to have credentials of another duration, so that a new one is due.
    Rotate,
    /// It is deleted.
    Delete,
}

impl Act {
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [Self::Onboard, Self::Update, Self::Move, Self::Rotate, Self::Delete];

    /// Does it.
    pub(crate) async fn perform(self, stage: &Stage) {
        match self {
            Self::Onboard => make(stage, OURS).await,
            Self::Update => change(stage, &json!({"syncerConfig": {"replicas": 2}})).await,
            Self::Move => change(stage, &json!({"clusterRef": {"name": "west"}})).await,
            Self::Rotate => change(stage, &json!({"credentials": {"duration": "48h"}})).await,
            Self::Delete => {
                targets(stage, OURS).delete(TARGET, &DeleteParams::default()).await.unwrap();
            }
        }
    }

    /// Whether it has come to its end.
    pub(crate) async fn is_done(self, stage: &Stage) -> bool {
        match self {
            Self::Delete => targets(stage, OURS).get_opt(TARGET).await.unwrap().is_none(),
            _ => is_ready(stage, OURS).await,
        }
    }
}

/// Makes a target on the cluster `east`.
pub(crate) async fn make(stage: &Stage, workspace: &str) {
    make_on(stage, workspace, "east").await;
}

/// Makes a target on a cluster that is registered under this name.
pub(crate) async fn make_on(stage: &Stage, workspace: &str, cluster: &str) {
    let target = json!({
        "apiVersion": "workload.kcp.io/v1alpha1", "kind": "SyncTarget", "metadata": {"name": TARGET},
        "spec": {
            "clusterRef": {"name": cluster},
            "supportedAPIResources": [{"group": "apps", "version": "v1", "resource": "deployments"}],
            // Hours of virtual time pass in a run: with the usual ten seconds it would be mostly heartbeats.
            "syncerConfig": {"heartbeatInterval": "60s"},
        },
    });
    let params = PatchParams::apply("administrator");
    targets(stage, workspace).patch(TARGET, &params, &Patch::Apply(&target)).await.unwrap();
}

async fn change(stage: &Stage, spec: &serde_json::Value) {
    let patch = Patch::Merge(json!({"spec": spec}));
    targets(stage, OURS).patch(TARGET, &PatchParams::default(), &patch).await.unwrap();
}

/// Whether a target is ready as it is asked for now.
pub(crate) async fn is_ready(stage: &Stage, workspace: &str) -> bool {
    let Some(target) = targets(stage, workspace).get_opt(TARGET).await.unwrap() else { return false };
    let conditions = target.status.map(|status| status.conditions).unwrap_or_default();
    conditions::find(&conditions, kind::READY).is_some_and(|ready| {
        ready.status == ConditionStatus::True && ready.observed_generation == target.metadata.generation
    })
}

fn targets(stage: &Stage, workspace: &str) -> Api<SyncTarget> {
    Api::all(stage.client(workspace))
}
