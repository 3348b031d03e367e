//! When a plugin is left alone for a while.
//!
//! A plugin that traps or runs out of its budget wastes a quarter of a second each time. Three such failures in a row for
//! one workspace, and the plugin is not called for this workspace for a while; the same for three workspaces in a row, and
//! it is not called for any. So an object that makes a plugin trap hurts the others of its own workspace at most.
//!
//! ```text
//!   closed --three failures--> open --pause is over--> one trial --ok--> closed
//!                               ^                          |
//!                               '---- pause doubles -------'
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row, or failing workspaces in a row, that open a breaker.
const FAILURES: usize = 3;
/// The first pause.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_mins(10);
/// How long a trial may take before the next one is let through.
const TRIAL: Duration = Duration::from_secs(10);
/// Failing workspaces that are remembered; beyond that, those whose pause is over are forgotten.
const REMEMBERED: usize = 4096;

/// Who is left alone: one plugin, for one workspace or for all.
#[derive(Debug, Default)]
pub(super) struct Quarantine {
    everywhere: Breaker,
    workspaces: BTreeMap<String, Workspace>,
    /// Workspaces with a failure since the last success of any.
    failing: BTreeSet<String>,
}

#[derive(Debug, Default)]
struct Workspace {
    breaker: Breaker,
    failures: usize,
}

#[derive(Debug, Default)]
struct Breaker {
    /// Present while open or half open: when the next trial is let through.
    until: Option<Instant>,
    trial: bool,
    openings: u32,
}

impl Breaker {
    /// How long there is still to wait; nothing to wait for lets a call through.
    fn wait(&self, now: Instant) -> Option<Duration> {
        self.until.map(|until| until.saturating_duration_since(now)).filter(|wait| !wait.is_zero())
    }

    /// Lets a call through: a trial, if the breaker was open.
    fn pass(&mut self, now: Instant) {
        if self.until.is_some() {
            self.until = Some(now + TRIAL);
            self.trial = true;
        }
    }

    fn open(&mut self, now: Instant) {
        let doublings = self.openings.min(16);
        self.until = Some(now + FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE));
        self.openings += 1;
        self.trial = false;
    }
}

impl Quarantine {
    /// Whether a call for `workspace` may be made.
    ///
    /// # Errors
    /// It may not, for that long.
    pub(super) fn admit(&mut self, workspace: &str, now: Instant) -> Result<(), Duration> {
        let own = self.workspaces.get(workspace).and_then(|own| own.breaker.wait(now));
        if let Some(wait) = own.max(self.everywhere.wait(now)) {
            return Err(wait);
        }
        self.everywhere.pass(now);
        if let Some(own) = self.workspaces.get_mut(workspace) {
            own.breaker.pass(now);
        }
        Ok(())
    }

    /// A call came back within its budget, whatever it said.
    pub(super) fn succeeded(&mut self, workspace: &str) {
        if self.failing.is_empty() && self.workspaces.is_empty() {
            return;
        }
        self.everywhere = Breaker::default();
        self.failing.clear();
        self.workspaces.remove(workspace);
    }

    /// A call trapped or ran out of its budget.
    pub(super) fn failed(&mut self, workspace: &str, now: Instant) {
        let own = self.workspaces.entry(workspace.to_owned()).or_default();
        own.failures += 1;
        // A call that began before the breaker opened, and failed after it, says nothing new.
        if own.breaker.trial || (own.breaker.until.is_none() && own.failures >= FAILURES) {
            own.breaker.open(now);
        }
        self.failing.insert(workspace.to_owned());
        if self.everywhere.trial || (self.everywhere.until.is_none() && self.failing.len() >= FAILURES) {
            self.everywhere.open(now);
        }
        if self.workspaces.len() > REMEMBERED {
            self.workspaces.retain(|_, own| own.breaker.wait(now).is_some());
            self.failing.clear();
        }
    }

    /// Whether the plugin is left alone for every workspace, also while a trial is under way.
    pub(super) fn everywhere(&self) -> bool {
        self.everywhere.until.is_some()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn failed_times(quarantine: &mut Quarantine, workspace: &str, times: usize, now: Instant) {
        for _ in 0..times {
            quarantine.admit(workspace, now).unwrap();
            quarantine.failed(workspace, now);
        }
    }

    #[test]
    fn three_failures_in_a_row_close_the_door_for_that_workspace_alone() {
        let (mut quarantine, now) = (Quarantine::default(), Instant::now());
        failed_times(&mut quarantine, "a", 3, now);
        assert_eq!(quarantine.admit("a", now), Err(FIRST_PAUSE));
        assert_eq!(quarantine.admit("b", now), Ok(()));
        assert!(!quarantine.everywhere());
    }

    #[test]
    fn a_success_in_between_starts_the_count_again() {
        let (mut quarantine, now) = (Quarantine::default(), Instant::now());
        failed_times(&mut quarantine, "a", 2, now);
        quarantine.succeeded("a");
        failed_times(&mut quarantine, "a", 2, now);
        assert_eq!(quarantine.admit("a", now), Ok(()));
    }

    #[test]
    fn after_the_pause_one_trial_is_let_through_and_success_ends_it() {
        let (mut quarantine, now) = (Quarantine::default(), Instant::now());
        failed_times(&mut quarantine, "a", 3, now);
        let later = now + FIRST_PAUSE;
        assert_eq!(quarantine.admit("a", later), Ok(()));
        assert_eq!(quarantine.admit("a", later), Err(TRIAL), "a second call while the trial is under way");
        quarantine.succeeded("a");
        failed_times(&mut quarantine, "a", 2, later);
        assert_eq!(quarantine.admit("a", later), Ok(()));
    }

    #[test]
    fn failed_trials_double_the_pause_up_to_ten_minutes() {
        let (mut quarantine, mut now) = (Quarantine::default(), Instant::now());
        failed_times(&mut quarantine, "a", 3, now);
        let mut pauses = Vec::new();
        for _ in 0..9 {
            let pause = quarantine.admit("a", now).unwrap_err();
            pauses.push(pause.as_secs());
            now += pause;
            quarantine.admit("a", now).unwrap();
            quarantine.failed("a", now);
        }
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 600, 600, 600]);
    }

    #[test]
    fn three_workspaces_in_a_row_close_the_door_for_all() {
        let (mut quarantine, now) = (Quarantine::default(), Instant::now());
        for workspace in ["a", "b", "c"] {
            failed_times(&mut quarantine, workspace, 1, now);
        }
        assert!(quarantine.everywhere());
        assert_eq!(quarantine.admit("d", now), Err(FIRST_PAUSE));
        let later = now + FIRST_PAUSE;
        assert_eq!(quarantine.admit("d", later), Ok(()));
        quarantine.succeeded("d");
        assert!(!quarantine.everywhere());
        assert_eq!(quarantine.admit("a", later), Ok(()));
    }

    #[test]
    fn a_lost_trial_is_followed_by_another() {
        let (mut quarantine, now) = (Quarantine::default(), Instant::now());
        failed_times(&mut quarantine, "a", 3, now);
        let later = now + FIRST_PAUSE;
        quarantine.admit("a", later).unwrap();
        assert_eq!(quarantine.admit("a", later + TRIAL), Ok(()));
    }

    proptest! {
        #[test]
        fn nobody_waits_for_ever(calls in prop::collection::vec((0_u8..5, any::<bool>(), 0_u64..900), 0..200)) {
            let (mut quarantine, mut now) = (Quarantine::default(), Instant::now());
            for (workspace, fails, seconds) in calls {
                let workspace = workspace.to_string();
                now += Duration::from_secs(seconds);
                match quarantine.admit(&workspace, now) {
                    Ok(()) if fails => quarantine.failed(&workspace, now),
                    Ok(()) => quarantine.succeeded(&workspace),
                    Err(wait) => {
                        prop_assert!(wait <= LONGEST_PAUSE);
                        prop_assert_eq!(quarantine.admit(&workspace, now + wait), Ok(()));
                        quarantine.succeeded(&workspace);
                        prop_assert_eq!(quarantine.admit(&workspace, now), Ok(()));
                    }
                }
            }
        }
    }
}
