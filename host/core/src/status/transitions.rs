//! Which changes of a status are worth an Event. Only transitions are: a state that lasts is in the conditions.

use super::conditions;
use super::target::kind;
use crate::api::{Condition, ConditionStatus, SyncTargetStatus};
use crate::reason::Reason;

/// An Event on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// `Warning` rather than `Normal`.
    pub warning: bool,
    /// One CamelCase word: a [`Reason`], or the name of a condition that came true.
    pub reason: String,
    /// For people.
    pub message: String,
}

/// Reasons that are a stage of ordinary work and no news.
const STAGES: &[Reason] = &[
    Reason::NotYetKnown,
    Reason::Progressing,
    Reason::RolloutProgressing,
    Reason::RegistrationNotProbed,
    Reason::NeverSeen,
    Reason::Rotating,
    Reason::Terminating,
    Reason::NotDeployed,
    Reason::PluginWaiting,
    Reason::PluginLoading,
];

/// The Events for a change of status.
///
/// A condition that goes bad, or is bad for another reason than before, is a warning. Of the good news only Ready is told.
/// What one condition causes in another (Ready, Stalled, or SyncerDeployed while the cluster is away) is not told again.
pub fn notices(old: &SyncTargetStatus, new: &SyncTargetStatus) -> Vec<Notice> {
    let mut notices = Vec::new();
    for condition in &new.conditions {
        let before = conditions::find(&old.conditions, &condition.type_);
        let same = before.is_some_and(|before| before.status == condition.status && before.reason == condition.reason);
        if same {
            continue;
        }
        match condition.type_.as_str() {
            kind::READY => {
                if condition.status == ConditionStatus::True && before.is_none_or(|it| it.status != condition.status) {
                    notices.push(Notice {
                        warning: false,
                        reason: kind::READY.to_owned(),
                        message: condition.message.clone(),
                    });
                }
            }
            kind::STALLED | kind::RECONCILING => {}
            kind::DRIFTED if condition.status != ConditionStatus::True => {}
            kind::DRIFTED => notices.push(warning(condition)),
            _ if condition.status == ConditionStatus::True || is_stage(condition) => {}
            _ if told_by_another(condition, new) => {}
            _ => notices.push(warning(condition)),
        }
    }
    notices
}

fn warning(condition: &Condition) -> Notice {
    Notice { warning: true, reason: condition.reason.clone(), message: condition.message.clone() }
}

fn is_stage(condition: &Condition) -> bool {
    STAGES.iter().any(|stage| stage.as_str() == condition.reason)
}

fn told_by_another(condition: &Condition, status: &SyncTargetStatus) -> bool {
    status.conditions.iter().take_while(|other| other.type_ != condition.type_).any(|other| {
        other.reason == condition.reason
            && other.status != ConditionStatus::True
            && !matches!(other.type_.as_str(), kind::READY)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::target::{Assessment, Finding, compute};
    use jiff::Timestamp;

    fn status(old: &SyncTargetStatus, connected: Finding, deployed: Finding) -> SyncTargetStatus {
        let found = Assessment {
            cluster_connected: Some(connected),
            syncer_deployed: Some(deployed),
            credentials_valid: Some(Finding::good("")),
            syncer_healthy: Some(Finding::unknown(Reason::NeverSeen, "")),
            template_rendered: Some(Finding::good("")),
            plugins_healthy: Some(Finding::good("")),
            drifted: Some(Finding::bad(Reason::AsExpected, "")),
            ..Assessment::default()
        };
        compute(old, found, Timestamp::from_second(1).unwrap())
    }

    #[test]
    fn stages_are_no_news_ready_is() {
        let before = SyncTargetStatus::default();
        let progressing = status(&before, Finding::good(""), Finding::bad(Reason::RolloutProgressing, "0 of 1"));
        assert_eq!(notices(&before, &progressing), vec![]);
        let ready = status(&progressing, Finding::good(""), Finding::good("1 of 1"));
        let told = notices(&progressing, &ready);
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].warning, told[0].reason.as_str()), (false, "Ready"));
        assert_eq!(notices(&ready, &ready), vec![]);
    }

    #[test]
    fn a_cluster_that_is_gone_is_told_once() {
        let before = status(&SyncTargetStatus::default(), Finding::good(""), Finding::good(""));
        let gone = Finding::bad(Reason::ClusterTimeout, "No answer.");
        let unknown = Finding::unknown(Reason::ClusterTimeout, "Cannot be seen.");
        let told = notices(&before, &status(&before, gone, unknown));
        assert_eq!(told.iter().map(|notice| notice.reason.as_str()).collect::<Vec<_>>(), vec!["ClusterTimeout"]);
    }
}
