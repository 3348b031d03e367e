//! plan: what the plugins are asked, and what their answers mean.
//!
//! A plugin that fails is a condition on what it serves: what is applied goes on running, and everything that the host
//! knows by itself is still reported.

use std::sync::Arc;
use std::time::Duration;

use berthage_core::plugin::{Input, Next, Note, PlanOutcome, PluginCondition, Selection};
use berthage_core::reason::Reason;
use berthage_core::status::target::Finding;
use berthage_core::status::transitions::Notice;
use jiff::Timestamp;

use super::observe::Snapshot;
use super::serving::{self, Serving};
use super::target::Work;
use super::{Again, Making, Stop, reads};
use crate::hook::{Encoded, Failure, HookError, Plugin};

/// How long a plugin may hold up a deletion.
const FINALIZE_BUDGET: Duration = Duration::from_secs(600);
/// How long a plugin that is being loaded is waited for without a look.
const LOADING: Duration = Duration::from_secs(60);

/// What should be there; also the input that this was made from, for [`report`].
pub(super) fn plan(
    making: &Making,
    work: &mut Work<'_>,
    snapshot: &Snapshot,
) -> Result<(Arc<PlanOutcome>, Encoded), Stop> {
    let serving = serving::of(making, work)?;
    let reconciler = &serving.reconciler;
    let input = input_for(making, work, snapshot, reconciler)?;
    let outcome = reconciler.plan(&input).map_err(|error| failed(work, &error))?;
    work.found.plugins_healthy = Some(health(&serving));
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
    let reconciler = serving::of(making, work)?.reconciler;
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
    let reconciler = serving::of(making, work).map(|serving| serving.reconciler);
    let name = reconciler.as_ref().map_or("that decides about this SyncTarget", |reconciler| reconciler.name());
    let asked = match &reconciler {
        Ok(reconciler) => input_for(making, work, snapshot, reconciler).map(|input| reconciler.finalize(&input)),
        Err(stop) => Err(*stop),
    };
    let delay = match asked {
        Err(stop) => Some((stop.reason, "it cannot be asked".to_owned(), stop.retry)),
        Ok(finalized) => match finalized {
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

/// The snapshot with what a plugin selects, as it crosses into the sandbox.
pub(super) fn input_for(
    making: &Making,
    work: &mut Work<'_>,
    snapshot: &Snapshot,
    plugin: &Plugin,
) -> Result<Encoded, Stop> {
    let selections =
        plugin.select(&work.key.workspace, &snapshot.input.subject).map_err(|error| failed(work, &error))?;
    let input = with_reads(making, work, snapshot, plugin, &selections)?;
    Ok(Encoded::new(&work.key.workspace, &input))
}

/// The snapshot with what a plugin has selected.
pub(super) fn with_reads(
    making: &Making,
    work: &mut Work<'_>,
    snapshot: &Snapshot,
    plugin: &Plugin,
    selections: &[Selection],
) -> Result<Input, Stop> {
    match reads::read(making, work, &plugin.terms().reads, selections) {
        Ok(reads) => Ok(Input { reads, ..snapshot.input.clone() }),
        Err(message) => Err(exceeds(work, plugin.name(), &message)),
    }
}

/// A plugin wants what it has no grant for: `what` goes on where "it " ends.
pub(super) fn exceeds(work: &mut Work<'_>, plugin: &str, what: &str) -> Stop {
    let message =
        format!("Plugin {plugin} {what}; what runs goes on. Its grants are in spec.grants of its ReconcilePlugin.");
    let finding = Finding::bad(Reason::PluginExceedsGrant, message);
    work.found.plugins_healthy = Some(finding.clone());
    work.block(finding, Again::OnChange)
}

/// Whether all plugins answer, and are those that their files hold: one whose new file cannot be used goes on as it was.
fn health(serving: &Serving) -> Finding {
    let trouble =
        serving.all().find_map(|plugin| plugin.health().error().map(|error| (error.reason(), error.to_string())));
    trouble.map_or_else(|| Finding::good("All plugins answer."), |(reason, message)| Finding::bad(reason, message))
}

/// A call failed: noted, and tried again with backoff, because a plugin's file may be replaced at any time.
pub(super) fn failed(work: &mut Work<'_>, error: &HookError) -> Stop {
    let finding = Finding::bad(error.reason(), error.to_string());
    work.found.plugins_healthy = Some(finding.clone());
    // Whoever loads it has its targets looked at when it is there.
    let again = if error.failure == Failure::Loading { Again::Within(LOADING) } else { Again::Backoff };
    work.block(finding, again)
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
