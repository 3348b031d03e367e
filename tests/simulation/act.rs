//! What somebody does to a SyncTarget.

use berthage_core::api::{ConditionStatus, SyncTarget};
use berthage_core::kcp::ANNOTATION_CLUSTER;
use berthage_core::key::Workspace;
use berthage_core::names::TargetNames;
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

/// Label of a target that was made again.
const AGAIN: &str = "again";
/// How soon somebody sees that a target is gone.
const SOON: std::time::Duration = std::time::Duration::from_secs(1);

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
    /// It is deleted, and one of the same name is made as soon as it is gone.
    Recreate,
}

impl Act {
    /// All of them.
    pub(crate) const ALL: [Self; 6] =
        [Self::Onboard, Self::Update, Self::Move, Self::Rotate, Self::Delete, Self::Recreate];

    /// Does it.
    pub(crate) async fn perform(self, stage: &Stage) {
        match self {
            Self::Onboard => make(stage, OURS).await,
            Self::Update => change(stage, &json!({"syncerConfig": {"replicas": 2}})).await,
            Self::Move => change(stage, &json!({"clusterRef": {"name": "west"}})).await,
            Self::Rotate => change(stage, &json!({"credentials": {"duration": "48h"}})).await,
            Self::Delete => delete(&targets(stage, OURS)).await,
            Self::Recreate => {
                let targets = targets(stage, OURS);
                delete(&targets).await;
                tokio::spawn(async move {
                    while targets.get_opt(TARGET).await.unwrap().is_some() {
                        tokio::time::sleep(SOON).await;
                    }
                    apply(&targets, TARGET, "east", &json!({AGAIN: "true"})).await;
                });
            }
        }
    }

    /// Whether it has come to its end.
    pub(crate) async fn is_done(self, stage: &Stage) -> bool {
        match self {
            Self::Delete => targets(stage, OURS).get_opt(TARGET).await.unwrap().is_none(),
            Self::Recreate => {
                let target = targets(stage, OURS).get_opt(TARGET).await.unwrap();
                let labels = target.and_then(|target| target.metadata.labels).unwrap_or_default();
                labels.contains_key(AGAIN) && is_ready(stage, OURS).await
            }
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
    apply(&targets(stage, workspace), TARGET, cluster, &json!({})).await;
}

/// Makes a target of that name on the cluster `east`.
pub(crate) async fn make_named(stage: &Stage, workspace: &str, name: &str) {
    apply(&targets(stage, workspace), name, "east", &json!({})).await;
}

async fn apply(targets: &Api<SyncTarget>, name: &str, cluster: &str, labels: &serde_json::Value) {
    let target = json!({
        "apiVersion": "workload.kcp.io/v1alpha1", "kind": "SyncTarget", "metadata": {"name": name, "labels": labels},
        "spec": {
            "clusterRef": {"name": cluster},
            "supportedAPIResources": [{"group": "apps", "version": "v1", "resource": "deployments"}],
            // Hours of virtual time pass in a run: with the usual ten seconds it would be mostly heartbeats.
            "syncerConfig": {"heartbeatInterval": "60s"},
        },
    });
    let params = PatchParams::apply("administrator");
    targets.patch(name, &params, &Patch::Apply(&target)).await.unwrap();
}

async fn delete(targets: &Api<SyncTarget>) {
    targets.delete(TARGET, &DeleteParams::default()).await.unwrap();
}

/// The [`TargetNames::id`] of a tenant's target, while there is one, and its uid.
pub(crate) async fn id(stage: &Stage, workspace: &str) -> Option<[String; 2]> {
    let metadata = targets(stage, workspace).get_opt(TARGET).await.unwrap()?.metadata;
    let cluster = metadata.annotations.unwrap_or_default().remove(ANNOTATION_CLUSTER).unwrap();
    let uid = metadata.uid.unwrap();
    Some([TargetNames::new(&Workspace::new(&cluster), &uid).id, uid])
}

async fn change(stage: &Stage, spec: &serde_json::Value) {
    let patch = Patch::Merge(json!({"spec": spec}));
    targets(stage, OURS).patch(TARGET, &PatchParams::default(), &patch).await.unwrap();
}

/// Whether a target is ready as it is asked for now.
pub(crate) async fn is_ready(stage: &Stage, workspace: &str) -> bool {
    targets(stage, workspace).get_opt(TARGET).await.unwrap().is_some_and(|target| says_ready(&target))
}

/// The same of a target that was read.
pub(crate) fn says_ready(target: &SyncTarget) -> bool {
    let conditions = target.status.as_ref().map(|status| &*status.conditions).unwrap_or_default();
    conditions::find(conditions, kind::READY).is_some_and(|ready| {
        ready.status == ConditionStatus::True && ready.observed_generation == target.metadata.generation
    })
}

fn targets(stage: &Stage, workspace: &str) -> Api<SyncTarget> {
    Api::all(stage.client(workspace))
}
