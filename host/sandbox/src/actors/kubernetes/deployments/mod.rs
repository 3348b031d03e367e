//! Deployments: a ReplicaSet for each template there ever was, of which the newest one takes over.
//!
//! Facts: `pkg/controller/deployment/{deployment_controller,sync,rolling,recreate,progress}.go` and `util/deployment_util.go`. What
//! is done in one look is what a real controller does in one, in the same order; so clients see the same steps.
//!
//! `pod-template-hash` is computed in the same way of the template's JSON: Kubernetes computes it of the memory of Go's types,
//! so the values differ from a real server's. Not here: the rollback annotations of `extensions/v1beta1`.

mod deployment;
mod fence;
mod hash;
mod progress;
mod recreate;
mod revision;
mod rolling;
mod scale;
mod sets;
mod status;
#[cfg(test)]
mod tests;

use jiff::Timestamp;

use self::deployment::Deployment;
use self::sets::Sets;
use super::claim::{Claimant, claim, concerned};
use crate::actors::Actor;
use crate::actors::reading::is_deleting;
use crate::status::Failure;
use crate::world::{Changed, Named, World};

/// As whom it writes.
const MANAGER: &str = "kube-controller-manager";

/// The controller of Deployments.
#[derive(Debug)]
pub struct Deployments;

impl Actor for Deployments {
    fn act(&mut self, world: &mut World, changed: &Changed) -> Option<Timestamp> {
        let (cluster, namespace) = (&*changed.cluster, &*changed.namespace);
        if changed.is("apps", "deployments") {
            return look(world, changed.named());
        }
        if changed.is("apps", "replicasets") {
            for name in concerned(world, changed, ("Deployment", "deployments")) {
                // When the time alone changes something, its own status was written last, and it was looked at for that.
                look(world, Named { cluster, group: "apps", plural: "deployments", namespace, name: &name });
            }
        }
        None
    }
}

/// Does what is to be done now. What fails is tried again when something changes.
fn look(world: &mut World, named: Named<'_>) -> Option<Timestamp> {
    let mut deployment = Deployment::read(world, named)?;
    sync(world, &mut deployment).unwrap_or_default()
}

fn sync(world: &mut World, deployment: &mut Deployment<'_>) -> Result<Option<Timestamp>, Failure> {
    let cluster = deployment.named.cluster;
    let claimant = Claimant { kind: "Deployment", object: &deployment.object };
    let all = claim(world, cluster, &claimant, ("apps", "replicasets"), |_| true);
    let mut sets = Sets::of(deployment, all);
    if is_deleting(&deployment.object) {
        revision::sync(world, deployment, &mut sets, false)?;
        return status::write(world, deployment, &sets).map(|()| None);
    }
    progress::pause(world, deployment)?;
    revision::sync(world, deployment, &mut sets, false)?;
    if deployment.is_paused() || scale::is_due(deployment, &sets) {
        scale::scale(world, deployment, &mut sets)?;
        if deployment.is_paused() {
            sets::clean_up(world, deployment, &sets)?;
        }
        return status::write(world, deployment, &sets).map(|()| None);
    }
    if deployment.is_rolling() {
        rolling::roll(world, deployment, sets)
    } else {
        recreate::recreate(world, deployment, sets)
    }
}
