//! plan: what the plugins are asked, and what their answers mean.
//!
//! A plugin that fails is a condition on what it serves: what is applied goes on running, and everything that the host
//! knows by itself is still reported.

use std::sync::Arc;
use std::time::Duration;

use berthage_core::key::Workspace;
use berthage_core::plugin::{Input, Next, Note, PlanOutcome, PluginCondition, Selection};
use berthage_core::reason::Reason;
use berthage_core::status::target::Finding;
use berthage_core::status::transitions::Notice;
use jiff::Timestamp;
use serde_json::Value;

use super::observe::Snapshot;
use super::target::Work;
use super::{Again, Making, Stop, reads};
use crate::hook::{Encoded, HookError};

/// How long a plugin may hold up a deletion.
const FINALIZE_BUDGET: Duration = Duration::from_secs(600);

/// What should be there; also the input that this was made from, for [`report`].
pub(super) fn plan(
    making: &Making,
    work: &mut Work<'_>,
    snapshot: &Snapshot,
) -> Result<(Arc<PlanOutcome>, Encoded), Stop> {
    let reconciler = making.plugins.reconciler();
    let input =
        input_for(making, work, snapshot, reconciler.name(), |subject| reconciler.select(subject.0, subject.1))?;
    let outcome = reconciler.plan(&input).map_err(|error| failed(work, &error))?;
    work.found.plugins_healthy = Some(health(making));
    say(work, &outcome.conditions, &outcome.notes);
    next(work, reconciler.name(), &outcome.after)?;
    if outcome.hold {
        let message = format!("Plugin {} asks to leave everything as it is.", reconciler.name());
        return Err(work.block(Finding::bad(Reason::PluginHold, message), Again::OnChange));
    }
    Ok((outcome, input))
}

/// What the plugin has to say after an apply, of the input that it has planned from.
pub(super) fn report(making: &Making, work: &mut Work<'_>, input: &Encoded) -> Result<(), Stop> {
    let reconciler = making.plugins.reconciler();
    let outcome = reconciler.report(input).map_err(|error| failed(work, &error))?;
    say(work, &outcome.conditions, &outcome.notes);
    next(work, reconciler.name(), &outcome.after)
}

/// Lets the plugin delay the clean-up, for a bounded time. A plugin that fails is not waited for any longer than one that
/// asks for time.
pub(super) fn finalize(
    making: &Making,
    work: &mut Work<'_>,
    snapshot: &Snapshot,
    since: Timestamp,
) -> Result<(), Stop> {
    let deadline = since.checked_add(FINALIZE_BUDGET).unwrap_or(Timestamp::MAX);
    let reconciler = making.plugins.reconciler();
    let input = input_for(making, work, snapshot, reconciler.name(), |subject| reconciler.select(subject.0, subject.1));
    let delay = match input {
        Err(stop) => Some((Reason::PluginFailed, "its reads were refused".to_owned(), stop.retry)),
        Ok(input) => match reconciler.finalize(&input) {
            Err(error) => {
                let _ = failed(work, &error);
                Some((error.reason(), error.to_string(), Again::Backoff))
            }
            Ok(outcome) => {
                say(work, &outcome.conditions, &outcome.notes);
                match &outcome.after {
                    Next::Settled | Next::Invalid { .. } => None,
                    Next::AgainAfter(millis) => {
                        let delay = Duration::from_millis(*millis);
                        Some((Reason::FinalizeDelayed, "it asks for time".to_owned(), Again::After(delay)))
                    }
                    Next::WaitingFor(_) => {
                        Some((Reason::FinalizeDelayed, "it waits for other objects".to_owned(), Again::OnChange))
                    }
                    Next::Retry { message, .. } => Some((Reason::FinalizeDelayed, message.clone(), Again::Backoff)),
                }
            }
        },
    };
    work.blocked = None;
    let Some((reason, why, again)) = delay else { return Ok(()) };
    let name = reconciler.name();
    if work.now >= deadline {
        work.notices.push(Notice {
            warning: true,
            reason: Reason::FinalizeDelayed.as_str().to_owned(),
            message: format!(
                "Plugin {name} did not finish within 10 minutes ({why}); the clean-up goes on without it."
            ),
        });
        return Ok(());
    }
    let left = Duration::try_from(deadline.duration_since(work.now)).unwrap_or(Duration::ZERO);
    let message = format!(
        "Plugin {name} delays the clean-up: {why}. It goes on without the plugin 10 minutes after the deletion."
    );
    work.found.terminating = Some(Finding::bad(reason, message));
    let again = match again {
        Again::After(delay) => Again::After(delay.min(left)),
        Again::Backoff => Again::Backoff,
        Again::OnChange | Again::Within(_) => Again::After(left),
    };
    Err(Stop::new(Reason::FinalizeDelayed, again))
}

/// The snapshot with what a plugin has selected, as it crosses into the sandbox.
pub(super) fn input_for(
    making: &Making,
    work: &mut Work<'_>,
    snapshot: &Snapshot,
    plugin: &str,
    select: impl FnOnce((&Workspace, &Value)) -> Result<Arc<Vec<Selection>>, HookError>,
) -> Result<Encoded, Stop> {
    let input = with_reads(making, work, snapshot, plugin, select)?;
    Ok(Encoded::new(&work.key.workspace, &input))
}

/// The snapshot with what a plugin has selected.
pub(super) fn with_reads(
    making: &Making,
    work: &mut Work<'_>,
    snapshot: &Snapshot,
    plugin: &str,
    select: impl FnOnce((&Workspace, &Value)) -> Result<Arc<Vec<Selection>>, HookError>,
) -> Result<Input, Stop> {
    let mut input = snapshot.input.clone();
    let selections = select((&work.key.workspace, &input.subject)).map_err(|error| failed(work, &error))?;
    match reads::read(making, work, &selections) {
        Ok(groups) => {
            input.reads = groups;
            Ok(input)
        }
        Err(message) => {
            let finding = Finding::bad(Reason::PluginRefused, format!("Plugin {plugin}: {message}."));
            work.found.plugins_healthy = Some(finding.clone());
            Err(work.block(finding, Again::OnChange))
        }
    }
}

/// Whether all plugins answer, and are those that their files hold: one whose new file cannot be used goes on as it was.
fn health(making: &Making) -> Finding {
    let plugins = making.plugins.all();
    let trouble =
        plugins.iter().find_map(|plugin| plugin.health().error().map(|error| (error.reason(), error.to_string())));
    trouble.map_or_else(|| Finding::good("All plugins answer."), |(reason, message)| Finding::bad(reason, message))
}

/// A call failed: noted, and tried again with backoff, because a plugin's file may be replaced at any time.
pub(super) fn failed(work: &mut Work<'_>, error: &HookError) -> Stop {
    let finding = Finding::bad(error.reason(), error.to_string());
    work.found.plugins_healthy = Some(finding.clone());
    work.block(finding, Again::Backoff)
}

/// Takes in what a plugin wants to be told.
pub(super) fn say(work: &mut Work<'_>, conditions: &[PluginCondition], notes: &[Note]) {
    let known = work.found.plugin_conditions.get_or_insert_with(Vec::new);
    for condition in conditions {
        known.retain(|before| before.kind != condition.kind);
        known.push(condition.clone());
    }
    for note in notes {
        work.notes.push(Notice { warning: note.warning, reason: note.reason.clone(), message: note.message.clone() });
    }
}

/// What a plugin says of what comes next, for the run.
pub(super) fn next(work: &mut Work<'_>, name: &str, next: &Next) -> Result<(), Stop> {
    match next {
        Next::Settled => Ok(()),
        Next::AgainAfter(millis) => {
            work.due_in(Duration::from_millis(*millis));
            Ok(())
        }
        Next::WaitingFor(references) => {
            let names: Vec<String> =
                references.iter().take(5).map(|found| format!("{} {}", found.kind, found.name)).collect();
            let message = format!("Plugin {name} waits for {}.", names.join(", "));
            Err(work.block(Finding::bad(Reason::PluginWaiting, message), Again::OnChange))
        }
        Next::Retry { reason, message } => {
            let message = format!("Plugin {name} asks for a retry ({reason}): {message}");
            Err(work.block(Finding::bad(Reason::PluginRetry, message), Again::Backoff))
        }
        Next::Invalid { reason, message } => {
            let message = format!("Plugin {name} refuses ({reason}): {message}");
            let finding = Finding::bad(Reason::PluginRefused, message);
            Err(work.block(finding, Again::OnChange))
        }
    }
}
