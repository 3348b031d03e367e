//! SyncerDeployed: whether what was rendered is in the physical cluster and runs.

use super::target::Finding;
use crate::reason::Reason;

/// A Deployment's rollout, as last seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Rollout {
    /// Whether the Deployment controller has seen the present generation.
    pub current: bool,
    /// Replicas that should be there.
    pub replicas: i32,
    /// Replicas of the present revision.
    pub updated: i32,
    /// Replicas that are ready, of any revision.
    pub ready: i32,
    /// Replicas that are there, those of earlier revisions included.
    pub present: i32,
    /// Image of the first container.
    pub image: Option<String>,
    /// Message of the condition Progressing=False: its deadline passed.
    pub stuck: Option<String>,
    /// Message of the condition ReplicaFailure=True: pods cannot be made.
    pub failure: Option<String>,
}

/// What is known about a deployment.
#[derive(Debug, Clone, Default)]
pub struct Deployed<'a> {
    /// Why the last apply did not go through, or why there was none.
    pub failure: Option<&'a Finding>,
    /// Whether every object of the inventory is known to be as it was rendered last.
    pub applied: bool,
    /// Whether anything was ever applied.
    pub any: bool,
    /// The Deployment; `None` while it was not seen.
    pub rollout: Option<&'a Rollout>,
    /// Whether it is known that there is no Deployment.
    pub missing: bool,
    /// That it is fought over, and repaired only now and then.
    pub fight: Option<&'a Finding>,
    /// Whether the cluster cannot be asked at present, and why.
    pub unreachable: Option<&'a Finding>,
}

/// The condition. The first thing that is wrong is named; a last good revision that still serves counts as deployed even
/// when the next one cannot be made, which TemplateRendered and PluginsHealthy say.
pub fn assess(deployed: &Deployed<'_>) -> Finding {
    if !deployed.any {
        return match (deployed.failure, deployed.unreachable) {
            (Some(failure), _) | (None, Some(failure)) => failure.clone(),
            (None, None) => Finding::bad(Reason::Progressing, "The syncer's manifests are being applied."),
        };
    }
    if let Some(unreachable) = deployed.unreachable {
        return Finding::unknown(
            unreachable.reason,
            format!(
                "Whether the syncer runs cannot be seen while the cluster is not connected: {}",
                unreachable.message
            ),
        );
    }
    if !deployed.applied {
        return deployed
            .failure
            .cloned()
            .unwrap_or_else(|| Finding::bad(Reason::Progressing, "The syncer's manifests are being applied."));
    }
    if deployed.missing && deployed.rollout.is_none() {
        let message = "The syncer's Deployment is not in the cluster.";
        let message = deployed.fight.map_or_else(|| message.to_owned(), |fight| format!("{message} {}", fight.message));
        return Finding::bad(Reason::NotDeployed, message);
    }
    let Some(rollout) = deployed.rollout else {
        return Finding::bad(Reason::RolloutProgressing, "Waiting for the first look at the syncer's Deployment.");
    };
    let count = format!("{} of {} replicas are ready", rollout.ready.min(rollout.replicas), rollout.replicas);
    // As `kubectl rollout status` counts: done is when nothing of an earlier revision is left.
    let only_present = rollout.present <= rollout.updated;
    if rollout.current && only_present && rollout.updated >= rollout.replicas && rollout.ready >= rollout.replicas {
        return Finding::good(format!("{count}."));
    }
    if let Some(failure) = &rollout.failure {
        return Finding::bad(Reason::RolloutStuck, format!("{count}; pods cannot be made: {failure}"));
    }
    if let Some(stuck) = &rollout.stuck {
        return Finding::bad(Reason::RolloutStuck, format!("{count}, and the rollout does not go on: {stuck}"));
    }
    Finding::bad(Reason::RolloutProgressing, format!("{count}."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ConditionStatus;

    fn running() -> Rollout {
        Rollout { current: true, replicas: 2, updated: 2, ready: 2, present: 2, ..Rollout::default() }
    }

    #[test]
    fn a_rollout_counts_when_the_present_revision_is_ready() {
        let mut rollout = running();
        let assess_with = |rollout: &Rollout| {
            assess(&Deployed { applied: true, any: true, rollout: Some(rollout), ..Deployed::default() })
        };
        assert_eq!(assess_with(&rollout), Finding::good("2 of 2 replicas are ready."));
        rollout.updated = 1;
        assert_eq!(assess_with(&rollout).reason, Reason::RolloutProgressing);
        rollout.updated = 2;
        rollout.present = 3;
        assert_eq!(assess_with(&rollout).reason, Reason::RolloutProgressing, "a pod of the revision before is left");
        rollout.present = 2;
        rollout.current = false;
        assert_eq!(assess_with(&rollout).reason, Reason::RolloutProgressing);
        rollout.stuck = Some("deadline exceeded".into());
        assert_eq!(assess_with(&rollout).reason, Reason::RolloutStuck);
    }

    #[test]
    fn what_is_missing_because_of_a_fight_says_so() {
        let fight = Finding::bad(Reason::DriftFight, "Repaired once a minute.");
        let deployed = Deployed { applied: true, any: true, missing: true, ..Deployed::default() };
        assert_eq!(assess(&deployed).message, "The syncer's Deployment is not in the cluster.");
        let found = assess(&Deployed { fight: Some(&fight), ..deployed });
        assert_eq!(found.message, "The syncer's Deployment is not in the cluster. Repaired once a minute.");
        assert_eq!(found.reason, Reason::NotDeployed);
    }

    #[test]
    fn the_last_good_revision_counts_although_the_next_cannot_be_made() {
        let failure = Finding::bad(Reason::TemplateInvalid, "50-deployment.yaml.j2:3:7");
        let rollout = running();
        let found = assess(&Deployed {
            failure: Some(&failure),
            applied: true,
            any: true,
            rollout: Some(&rollout),
            ..Deployed::default()
        });
        assert_eq!(found.status, ConditionStatus::True);
        let found = assess(&Deployed { failure: Some(&failure), ..Deployed::default() });
        assert_eq!(found, failure);
    }

    #[test]
    fn an_unreachable_cluster_makes_it_unknown() {
        let unreachable = Finding::bad(Reason::ClusterTimeout, "No answer within 10s.");
        let found =
            assess(&Deployed { applied: true, any: true, unreachable: Some(&unreachable), ..Deployed::default() });
        assert_eq!((found.status, found.reason), (ConditionStatus::Unknown, Reason::ClusterTimeout));
    }
}
