//! The status of a SyncTarget.
//!
//! Ready = ClusterConnected and SyncerDeployed and CredentialsValid, and SyncerHealthy once a heartbeat was ever seen, and
//! no plugin lowers it. TemplateRendered, PluginsHealthy and Drifted do not change Ready while the last good revision
//! serves; they show as Stalled, which is how kstatus (and so kubectl, Argo CD and Flux) reads "will not go on by itself".

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::conditions::{self, Draft};
use crate::api::{
    ClusterStatus, Condition, ConditionStatus, InventoryEntry, SyncTargetStatus, SyncerStatus, TargetPhase,
};
use crate::plugin::PluginCondition;
use crate::reason::Reason;

/// Names of the host-owned conditions.
pub mod kind {
    /// The sum of the others.
    pub const READY: &str = "Ready";
    /// The physical cluster can be reached and used.
    pub const CLUSTER_CONNECTED: &str = "ClusterConnected";
    /// What was rendered is applied, and the syncer's replicas are ready.
    pub const SYNCER_DEPLOYED: &str = "SyncerDeployed";
    /// The syncer has a credential for the hub whose time is not over.
    pub const CREDENTIALS_VALID: &str = "CredentialsValid";
    /// The syncer renews its Lease.
    pub const SYNCER_HEALTHY: &str = "SyncerHealthy";
    /// Templates and values give manifests.
    pub const TEMPLATE_RENDERED: &str = "TemplateRendered";
    /// The plugins answer.
    pub const PLUGINS_HEALTHY: &str = "PluginsHealthy";
    /// On kcp: the tenant's APIBinding accepts what Berthage needs of the workspace. Present only while false.
    pub const CLAIMS_ACCEPTED: &str = "ClaimsAccepted";
    /// Changes are held back on purpose. Present only while true.
    pub const PAUSED: &str = "Paused";
    /// Something changes our objects behind our back, again and again.
    pub const DRIFTED: &str = "Drifted";
    /// kstatus: it will not go on without somebody's help. Present only while true.
    pub const STALLED: &str = "Stalled";
    /// kstatus: work is under way. Present only while true.
    pub const RECONCILING: &str = "Reconciling";
}

/// What one step found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whether its condition holds.
    pub status: ConditionStatus,
    /// Why.
    pub reason: Reason,
    /// For people.
    pub message: String,
}

impl Finding {
    /// All is well.
    pub fn good(message: impl Into<String>) -> Self {
        Self { status: ConditionStatus::True, reason: Reason::AsExpected, message: message.into() }
    }

    /// The condition does not hold.
    pub fn bad(reason: Reason, message: impl Into<String>) -> Self {
        Self { status: ConditionStatus::False, reason, message: message.into() }
    }

    /// Not known.
    pub fn unknown(reason: Reason, message: impl Into<String>) -> Self {
        Self { status: ConditionStatus::Unknown, reason, message: message.into() }
    }
}

/// Everything a reconcile found out about a target. `None` means that the step did not run this time: what was known
/// before stands.
#[derive(Debug, Clone, Default)]
pub struct Assessment {
    /// `metadata.generation` of the object that was worked on.
    pub generation: Option<i64>,
    /// ClusterConnected.
    pub cluster_connected: Option<Finding>,
    /// SyncerDeployed.
    pub syncer_deployed: Option<Finding>,
    /// CredentialsValid.
    pub credentials_valid: Option<Finding>,
    /// SyncerHealthy.
    pub syncer_healthy: Option<Finding>,
    /// TemplateRendered.
    pub template_rendered: Option<Finding>,
    /// PluginsHealthy.
    pub plugins_healthy: Option<Finding>,
    /// Drifted: True is the bad case.
    pub drifted: Option<Finding>,
    /// ClaimsAccepted, where it is false.
    pub claims: Option<Finding>,
    /// Conditions of plugins.
    pub plugin_conditions: Option<Vec<PluginCondition>>,
    /// While the target is being deleted: what it waits for.
    pub terminating: Option<Finding>,
    /// Why changes are held back, by `spec.paused` or --observe-only, where they are: nothing is under way.
    pub held: Option<Finding>,
    /// Sum over the nodes.
    pub capacity: Option<BTreeMap<String, String>>,
    /// Sum over the nodes that can take workloads.
    pub allocatable: Option<BTreeMap<String, String>>,
    /// The physical cluster.
    pub cluster: Option<ClusterStatus>,
    /// The syncer.
    pub syncer: Option<SyncerStatus>,
    /// Our objects.
    pub inventory: Option<Vec<InventoryEntry>>,
    /// When something was applied or repaired, if it was.
    pub synced_at: Option<Timestamp>,
    /// When the syncer last renewed its Lease.
    pub heartbeat_at: Option<Timestamp>,
}

/// The new status. Equal input gives an equal status, apart from `lastHeartbeatTime`, which never is a reason to write.
pub fn compute(old: &SyncTargetStatus, found: Assessment, now: Timestamp) -> SyncTargetStatus {
    let drafts = drafts(&old.conditions, &found);
    let ready = drafts.first().is_some_and(Draft::holds);
    let phase = phase(&drafts, ready, found.terminating.is_some());
    let mut new = SyncTargetStatus {
        phase: Some(phase),
        observed_generation: found.generation.max(old.observed_generation),
        conditions: conditions::merge(&old.conditions, &drafts, found.generation, now),
        capacity: found.capacity.unwrap_or_else(|| old.capacity.clone()),
        allocatable: found.allocatable.unwrap_or_else(|| old.allocatable.clone()),
        last_sync_time: found.synced_at.map(conditions::whole_seconds).or(old.last_sync_time),
        last_heartbeat_time: old.last_heartbeat_time,
        syncer: found.syncer.or_else(|| old.syncer.clone()),
        cluster: found.cluster.or_else(|| old.cluster.clone()),
        inventory: found.inventory.unwrap_or_else(|| old.inventory.clone()),
    };
    if &new != old {
        new.last_heartbeat_time = found.heartbeat_at.map(conditions::whole_seconds).or(old.last_heartbeat_time);
    }
    new
}

/// The drafts of all conditions, Ready first.
fn drafts(old: &[Condition], found: &Assessment) -> Vec<Draft> {
    let host = [
        (kind::CLUSTER_CONNECTED, &found.cluster_connected),
        (kind::SYNCER_DEPLOYED, &found.syncer_deployed),
        (kind::CREDENTIALS_VALID, &found.credentials_valid),
        (kind::SYNCER_HEALTHY, &found.syncer_healthy),
        (kind::TEMPLATE_RENDERED, &found.template_rendered),
        (kind::PLUGINS_HEALTHY, &found.plugins_healthy),
        (kind::DRIFTED, &found.drifted),
    ]
    .map(|(kind, finding)| match finding {
        Some(finding) => Draft::new(kind, finding.status, finding.reason, finding.message.clone()),
        None => carried(old, kind),
    });
    let plugins: Vec<Draft> = match &found.plugin_conditions {
        Some(conditions) => conditions.iter().map(plugin_draft).collect(),
        None => old.iter().filter(|condition| condition.type_.contains('/')).map(from_condition).collect(),
    };
    let lowering = found
        .plugin_conditions
        .iter()
        .flatten()
        .find(|condition| condition.lowers_ready && condition.status == ConditionStatus::False);
    let ready = ready(&host, lowering, found);
    let mut all = vec![ready];
    all.extend(stalled(&host));
    all.extend(reconciling(&host, found));
    all.extend(host);
    let claims = found.claims.as_ref();
    all.extend(claims.map(|it| Draft::new(kind::CLAIMS_ACCEPTED, it.status, it.reason, it.message.clone())));
    all.extend(found.held.iter().map(|it| Draft::new(kind::PAUSED, it.status, it.reason, it.message.clone())));
    all.extend(plugins);
    all
}

fn from_condition(condition: &Condition) -> Draft {
    Draft {
        kind: condition.type_.clone(),
        status: condition.status,
        reason: condition.reason.clone(),
        message: condition.message.clone(),
    }
}

fn plugin_draft(condition: &PluginCondition) -> Draft {
    Draft {
        kind: condition.kind.clone(),
        status: condition.status,
        reason: condition.reason.clone(),
        message: condition.message.clone(),
    }
}

fn carried(old: &[Condition], kind: &str) -> Draft {
    conditions::find(old, kind).map_or_else(
        || Draft::new(kind, ConditionStatus::Unknown, Reason::NotYetKnown, "Not looked at yet."),
        from_condition,
    )
}

/// What Ready=True says.
const GOOD: &str = "The syncer is deployed and the cluster is connected.";

fn ready(host: &[Draft], lowering: Option<&PluginCondition>, found: &Assessment) -> Draft {
    if let Some(terminating) = &found.terminating {
        return Draft::new(kind::READY, ConditionStatus::False, Reason::Terminating, terminating.message.clone());
    }
    let counts = |draft: &&Draft| match draft.kind.as_str() {
        kind::CLUSTER_CONNECTED | kind::SYNCER_DEPLOYED | kind::CREDENTIALS_VALID => true,
        // A cluster without real nodes, or a syncer that has not started yet, never sent a heartbeat: then it says nothing.
        kind::SYNCER_HEALTHY => {
            draft.reason != Reason::NeverSeen.as_str() && draft.reason != Reason::NotYetKnown.as_str()
        }
        _ => false,
    };
    if let Some(missing) = host.iter().filter(counts).find(|draft| !draft.holds()) {
        return Draft {
            kind: kind::READY.to_owned(),
            status: missing.status,
            reason: missing.reason.clone(),
            message: missing.message.clone(),
        };
    }
    if let Some(condition) = lowering {
        return Draft {
            kind: kind::READY.to_owned(),
            status: ConditionStatus::False,
            reason: condition.reason.clone(),
            message: format!("{}: {}", condition.kind, condition.message),
        };
    }
    match stalled(host) {
        // Else the table of `kubectl get` would show nothing of a change that was refused.
        Some(stalled) => Draft {
            kind: kind::READY.to_owned(),
            status: ConditionStatus::True,
            reason: stalled.reason,
            message: format!("{GOOD} That is as it was before: {}", stalled.message),
        },
        None => match &found.held {
            Some(held) => {
                Draft::new(kind::READY, ConditionStatus::True, held.reason, format!("{GOOD} {}", held.message))
            }
            None => Draft::new(kind::READY, ConditionStatus::True, Reason::AsExpected, GOOD),
        },
    }
}

/// What needs somebody's help although the last good revision may still serve.
fn stalled(host: &[Draft]) -> Option<Draft> {
    let blocked = host.iter().find(|draft| match draft.kind.as_str() {
        kind::TEMPLATE_RENDERED | kind::PLUGINS_HEALTHY => draft.status == ConditionStatus::False,
        kind::DRIFTED => draft.status == ConditionStatus::True,
        _ => false,
    })?;
    Some(Draft { kind: kind::STALLED.to_owned(), status: ConditionStatus::True, ..blocked.clone() })
}

fn reconciling(host: &[Draft], found: &Assessment) -> Option<Draft> {
    if found.held.is_some() {
        return None;
    }
    let deployed = host.iter().find(|draft| draft.kind == kind::SYNCER_DEPLOYED)?;
    let moving = [Reason::Progressing, Reason::RolloutProgressing, Reason::Moving].map(Reason::as_str);
    moving.contains(&deployed.reason.as_str()).then(|| Draft {
        kind: kind::RECONCILING.to_owned(),
        status: ConditionStatus::True,
        ..deployed.clone()
    })
}

fn phase(drafts: &[Draft], ready: bool, terminating: bool) -> TargetPhase {
    let reason_of = |kind: &str| drafts.iter().find(|draft| draft.kind == kind).map(|draft| draft.reason.as_str());
    if terminating {
        return TargetPhase::Terminating;
    }
    if ready {
        return TargetPhase::Ready;
    }
    let waits = [
        Reason::NotYetKnown,
        Reason::RegistrationNotFound,
        Reason::RegistrationNotProbed,
        Reason::SecretNotFound,
        Reason::ClaimNotAccepted,
    ];
    if reason_of(kind::CLUSTER_CONNECTED).is_some_and(|reason| waits.iter().any(|wait| wait.as_str() == reason)) {
        return TargetPhase::Pending;
    }
    if drafts.iter().any(|draft| draft.kind == kind::RECONCILING) {
        return TargetPhase::Progressing;
    }
    TargetPhase::NotReady
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn all_good() -> Assessment {
        Assessment {
            generation: Some(1),
            cluster_connected: Some(Finding::good("Reached.")),
            syncer_deployed: Some(Finding::good("1 of 1 replicas are ready.")),
            credentials_valid: Some(Finding::good("Valid.")),
            syncer_healthy: Some(Finding::unknown(Reason::NeverSeen, "No heartbeat yet.")),
            template_rendered: Some(Finding::good("Rendered.")),
            plugins_healthy: Some(Finding::good("All answer.")),
            drifted: Some(Finding::bad(Reason::AsExpected, "As applied.")),
            ..Assessment::default()
        }
    }

    fn ready(status: &SyncTargetStatus) -> (ConditionStatus, &str) {
        let ready = conditions::find(&status.conditions, kind::READY).unwrap();
        (ready.status, ready.reason.as_str())
    }

    #[test]
    fn ready_needs_connection_deployment_and_credentials() {
        let status = compute(&SyncTargetStatus::default(), all_good(), at(1));
        assert_eq!(ready(&status), (ConditionStatus::True, "AsExpected"));
        assert_eq!(status.phase, Some(TargetPhase::Ready));
        let breakers: [fn(&mut Assessment, Finding); 3] = [
            |found, finding| found.cluster_connected = Some(finding),
            |found, finding| found.syncer_deployed = Some(finding),
            |found, finding| found.credentials_valid = Some(finding),
        ];
        for breaker in breakers {
            let mut found = all_good();
            breaker(&mut found, Finding::bad(Reason::ClusterTimeout, "No answer."));
            let status = compute(&SyncTargetStatus::default(), found, at(1));
            assert_eq!(ready(&status), (ConditionStatus::False, "ClusterTimeout"));
            assert_eq!(status.phase, Some(TargetPhase::NotReady));
        }
    }

    #[test]
    fn a_heartbeat_counts_once_it_was_ever_seen() {
        let mut found = all_good();
        found.syncer_healthy = Some(Finding::bad(Reason::HeartbeatLost, "Last seen long ago."));
        assert_eq!(
            ready(&compute(&SyncTargetStatus::default(), found, at(1))),
            (ConditionStatus::False, "HeartbeatLost")
        );
    }

    #[test]
    fn a_broken_template_shows_as_stalled_and_leaves_ready_alone() {
        let before = compute(&SyncTargetStatus::default(), all_good(), at(1));
        let mut found = all_good();
        found.template_rendered = Some(Finding::bad(Reason::TemplateInvalid, "50-deployment.yaml.j2:3:7"));
        let status = compute(&before, found, at(2));
        assert_eq!(ready(&status), (ConditionStatus::True, "TemplateInvalid"), "it is told where people look");
        let stalled = conditions::find(&status.conditions, kind::STALLED).unwrap();
        assert_eq!((stalled.status, stalled.reason.as_str()), (ConditionStatus::True, "TemplateInvalid"));
        assert!(conditions::find(&compute(&status, all_good(), at(3)).conditions, kind::STALLED).is_none());
    }

    #[test]
    fn what_is_held_back_shows_where_people_look() {
        let paused = Finding { status: ConditionStatus::True, reason: Reason::Paused, message: "Paused.".into() };
        let found = Assessment { held: Some(paused), ..all_good() };
        let status = compute(&SyncTargetStatus::default(), found, at(1));
        assert_eq!(ready(&status), (ConditionStatus::True, "Paused"));
        assert!(conditions::find(&status.conditions, kind::READY).unwrap().message.ends_with(" Paused."));
        let paused = conditions::find(&status.conditions, kind::PAUSED).unwrap();
        assert_eq!((paused.status, paused.reason.as_str()), (ConditionStatus::True, "Paused"));
        assert!(conditions::find(&compute(&status, all_good(), at(2)).conditions, kind::PAUSED).is_none());
    }

    #[test]
    fn a_plugin_lowers_ready_and_never_raises_it() {
        let condition = |status| PluginCondition {
            kind: "gate/Open".into(),
            status,
            reason: "Closed".into(),
            message: "Closed by policy.".into(),
            lowers_ready: true,
        };
        let mut found = all_good();
        found.plugin_conditions = Some(vec![condition(ConditionStatus::False)]);
        assert_eq!(ready(&compute(&SyncTargetStatus::default(), found, at(1))), (ConditionStatus::False, "Closed"));
        let mut found = all_good();
        found.cluster_connected = Some(Finding::bad(Reason::ClusterTimeout, "No answer."));
        found.plugin_conditions = Some(vec![condition(ConditionStatus::True)]);
        assert_eq!(ready(&compute(&SyncTargetStatus::default(), found, at(1))).0, ConditionStatus::False);
    }

    #[test]
    fn steps_that_did_not_run_keep_what_was_known() {
        let before = compute(&SyncTargetStatus::default(), all_good(), at(1));
        let found = Assessment { generation: Some(1), ..Assessment::default() };
        let after = compute(&before, found, at(2));
        assert_eq!(ready(&after).0, ConditionStatus::True);
    }

    #[test]
    fn the_same_findings_give_the_same_status_and_a_heartbeat_alone_writes_nothing() {
        let before = compute(&SyncTargetStatus::default(), all_good(), at(1));
        let mut found = all_good();
        found.heartbeat_at = Some(at(100));
        assert_eq!(compute(&before, found.clone(), at(100)), before);
        found.syncer_deployed = Some(Finding::bad(Reason::RolloutProgressing, "0 of 1 replicas are ready."));
        let after = compute(&before, found, at(101));
        assert_eq!(after.last_heartbeat_time, Some(at(100)));
        assert_eq!(after.phase, Some(TargetPhase::Progressing));
    }
}
