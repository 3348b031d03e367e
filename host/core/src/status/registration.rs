//! The status of a ClusterRegistration.

use jiff::Timestamp;

use super::conditions::{self, Draft};
use super::target::Finding;
use crate::api::{ClusterInfo, ClusterRegistrationStatus, ConditionStatus, RegistrationPhase, ResourceSummary};
use crate::reason::Reason;

/// The one condition of a registration.
pub const READY: &str = "Ready";

/// What a probe found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Version and identity.
    pub info: ClusterInfo,
    /// Sums over the nodes; `None` when nodes may not be listed, with the reason in `limits`.
    pub resources: Option<ResourceSummary>,
    /// What could not be read, for the message.
    pub limits: Option<String>,
}

/// Why there is no probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Why.
    pub reason: Reason,
    /// For people, with the next step.
    pub message: String,
}

/// The new status. What was found earlier stays while a cluster does not answer: capacity is not unlearnt.
pub fn compute(
    old: &ClusterRegistrationStatus,
    generation: Option<i64>,
    probe: Result<Probe, Problem>,
    now: Timestamp,
) -> ClusterRegistrationStatus {
    let (finding, phase, info, resources) = match probe {
        Ok(Probe { info, resources, limits }) => {
            let message = match limits {
                Some(limits) => format!("The cluster answers. {limits}"),
                None => "The cluster answers.".to_owned(),
            };
            (Finding::good(message), RegistrationPhase::Ready, Some(info), resources)
        }
        Err(Problem { reason, message }) => {
            let status =
                if reason == Reason::RegistrationNotProbed { ConditionStatus::Unknown } else { ConditionStatus::False };
            let finding = Finding { status, reason, message };
            (finding, phase(reason), None, None)
        }
    };
    let draft = Draft::new(READY, finding.status, finding.reason, finding.message);
    ClusterRegistrationStatus {
        phase: Some(phase),
        observed_generation: generation.max(old.observed_generation),
        conditions: conditions::merge(&old.conditions, &[draft], generation, now),
        cluster_info: info.or_else(|| old.cluster_info.clone()),
        resource_summary: resources.or_else(|| old.resource_summary.clone()),
    }
}

fn phase(reason: Reason) -> RegistrationPhase {
    match reason {
        Reason::ClusterUnreachable | Reason::ClusterTimeout | Reason::ClusterTlsFailed => RegistrationPhase::Offline,
        Reason::ClusterUnauthorized
        | Reason::ClusterForbidden
        | Reason::ClusterAnswerInvalid
        | Reason::ClusterOverloaded
        | Reason::ClusterReplaced => RegistrationPhase::NotReady,
        _ => RegistrationPhase::Pending,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_stays_while_the_cluster_does_not_answer() {
        let now = Timestamp::from_second(1).unwrap();
        let probe = Probe {
            info: ClusterInfo { version: "v1.36.3".into(), uid: "u".into(), access: None },
            resources: Some(ResourceSummary { nodes: 3, ..ResourceSummary::default() }),
            limits: None,
        };
        let ready = compute(&ClusterRegistrationStatus::default(), Some(1), Ok(probe), now);
        assert_eq!(ready.phase, Some(RegistrationPhase::Ready));
        let problem = Problem { reason: Reason::ClusterTimeout, message: "No answer within 10s.".into() };
        let offline = compute(&ready, Some(1), Err(problem), now);
        assert_eq!(offline.phase, Some(RegistrationPhase::Offline));
        assert_eq!(offline.conditions[0].status, ConditionStatus::False);
        assert_eq!((offline.cluster_info, offline.resource_summary), (ready.cluster_info, ready.resource_summary));
    }
}
