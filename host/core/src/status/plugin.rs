//! The status of a ReconcilePlugin.

use jiff::Timestamp;

use super::conditions::{self, Draft};
use super::target::Finding;
use crate::api::{ConditionStatus, PluginAbout, PluginUsage, ReconcilePluginStatus};
use crate::reason::Reason;

/// Whether it is accepted, loaded and healthy.
pub const READY: &str = "Ready";
/// Whether the declaration can stand and, in a workspace, is offered by the platform.
pub const ACCEPTED: &str = "Accepted";
/// Whether what is declared now is what runs.
pub const LOADED: &str = "Loaded";
/// Whether it answers.
pub const HEALTHY: &str = "Healthy";

/// What was found out of a plugin.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// See [`ACCEPTED`].
    pub accepted: Finding,
    /// See [`LOADED`].
    pub loaded: Finding,
    /// See [`HEALTHY`].
    pub healthy: Finding,
    /// Digest of the component that runs.
    pub digest: Option<String>,
    /// What the plugin says of itself.
    pub about: Option<PluginAbout>,
    /// The offer that it stands on.
    pub offer: Option<String>,
    /// How it was used.
    pub usage: Option<PluginUsage>,
}

/// The new status. Counts are taken over when calls were made, so that nothing is written while nothing happens.
pub fn compute(old: &ReconcilePluginStatus, generation: i64, found: Found, now: Timestamp) -> ReconcilePluginStatus {
    let parts = [(ACCEPTED, &found.accepted), (LOADED, &found.loaded), (HEALTHY, &found.healthy)];
    let draft = |kind, finding: &Finding| Draft::new(kind, finding.status, finding.reason, finding.message.clone());
    let worst = parts.iter().map(|(_, finding)| *finding).find(|finding| finding.status != ConditionStatus::True);
    let ready = worst.map_or_else(|| Finding::good("It is loaded, and answers."), Clone::clone);
    let drafts: Vec<Draft> =
        std::iter::once(draft(READY, &ready)).chain(parts.iter().map(|(kind, finding)| draft(kind, finding))).collect();
    let usage = match (&old.usage, found.usage) {
        (Some(old), Some(new))
            if (old.calls, old.failures, old.refusals) == (new.calls, new.failures, new.refusals) =>
        {
            Some(old.clone())
        }
        (_, new) => new,
    };
    ReconcilePluginStatus {
        observed_generation: Some(generation).max(old.observed_generation),
        conditions: conditions::merge(&old.conditions, &drafts, Some(generation), now),
        digest: found.digest,
        plugin: found.about,
        offer: found.offer,
        usage,
    }
}

/// What a plugin that may not run is.
pub fn refused(reason: Reason, message: String) -> Found {
    let unknown = || Finding::unknown(reason, "It is not loaded.");
    Found {
        accepted: Finding::bad(reason, message),
        loaded: unknown(),
        healthy: unknown(),
        digest: None,
        about: None,
        offer: None,
        usage: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(calls: i64, kept: i64) -> Found {
        let good = || Finding::good("");
        Found {
            accepted: good(),
            loaded: good(),
            healthy: good(),
            usage: Some(PluginUsage { calls, kept, ..PluginUsage::default() }),
            ..refused(Reason::PluginInvalid, String::new())
        }
    }

    #[test]
    fn nothing_is_written_while_nothing_is_called() {
        let now = |second| Timestamp::from_second(second).unwrap();
        let first = compute(&ReconcilePluginStatus::default(), 1, found(1, 0), now(1));
        assert_eq!(compute(&first, 1, found(1, 7), now(2)), first);
        let later = compute(&first, 1, found(2, 9), now(3));
        assert_eq!(later.usage.as_ref().map(|usage| (usage.calls, usage.kept)), Some((2, 9)));
        assert_eq!(later.conditions, first.conditions);
    }

    #[test]
    fn ready_says_what_is_wrong_first() {
        let old = ReconcilePluginStatus::default();
        let status = compute(&old, 4, refused(Reason::PluginNotOffered, "ask".to_owned()), Timestamp::UNIX_EPOCH);
        let words: Vec<_> =
            status.conditions.iter().map(|it| (it.type_.as_str(), it.status, it.reason.as_str())).collect();
        assert_eq!(words[0], (READY, ConditionStatus::False, "PluginNotOffered"));
        assert_eq!(words[2], (LOADED, ConditionStatus::Unknown, "PluginNotOffered"));
        assert_eq!(status.conditions[0].message, "ask");
    }
}
