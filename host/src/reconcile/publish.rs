//! publish: what a run found out is written to the hub, if it is not there already.

use berthage_core::api::{InventoryEntry, SyncTargetStatus};
use berthage_core::key::Key;
use berthage_core::names::TARGET_FINALIZER;
use berthage_core::queue::Priority;
use berthage_core::reason::Reason;
use berthage_core::status::target::Finding;
use berthage_core::status::transitions::{self, Notice};
use berthage_core::status::{patch, target};
use serde_json::json;

use super::resolve::Cluster;
use super::target::{Word, Work};
use super::writing::Writing;
use super::{After, Again, Context, Stop, apply, observe};
use crate::access::{Failure, Side};
use crate::hub::Version;
use crate::store::Held;
use crate::wire::Wire;

/// How often a status write is repeated on a newer version before the key is queued again.
const CONFLICTS: usize = 3;

/// Somebody wrote first, and the watch has not told yet: it is tried again soon, and less soon every time.
const OVERTAKEN: Stop = Stop::new(Reason::Progressing, Again::Backoff);

/// Our finalizers, before the first write of another kind: on the target, and on the Secret that reaches the cluster.
pub(super) async fn finalizers(ctx: &Context, work: &mut Work<'_>, cluster: &Cluster) -> Result<(), Stop> {
    let mut finalizers = work.target.metadata.finalizers.clone().unwrap_or_default();
    if !finalizers.iter().any(|finalizer| finalizer == TARGET_FINALIZER) {
        finalizers.push(TARGET_FINALIZER.to_owned());
        set_finalizers(ctx, work, finalizers).await?;
    }
    if !cluster.secret.ours {
        let at = cluster.secret_ref();
        let result =
            ctx.hub.set_secret_finalizer(&work.key.workspace, &at.namespace, &at.name, &cluster.secret, true).await;
        result.map_err(|error| hub_failure(work, "the finalizer of the kubeconfig Secret", &error))?;
    }
    Ok(())
}

/// Replaces the target's finalizers.
pub(super) async fn set_finalizers(ctx: &Context, work: &mut Work<'_>, finalizers: Vec<String>) -> Result<(), Stop> {
    let writing = Writing::begin(ctx, work.key);
    let at = Version { uid: work.held.uid(), resource_version: work.held.resource_version() };
    match ctx.hub.set_finalizers(work.key, &at, &finalizers).await {
        Ok(wire) => {
            adopt(work, &wire, |held| drop(writing.answered(held)));
            work.target.metadata.finalizers = Some(finalizers);
            Ok(())
        }
        Err(error) => Err(hub_failure(work, "the finalizer of the SyncTarget", &error)),
    }
}

/// The inventory with what is about to be made, before it is made.
pub(super) async fn intent(
    ctx: &Context,
    work: &mut Work<'_>,
    cluster: &Cluster,
    inventory: Vec<InventoryEntry>,
) -> Result<(), Stop> {
    let there = work.cluster.as_deref() == Some(&*cluster.key.name) && work.cluster_uid.is_some();
    if there && inventory == work.inventory {
        return Ok(());
    }
    work.inventory = inventory;
    work.cluster = Some(cluster.key.name.to_string());
    work.cluster_uid = Some(cluster.uid().to_owned());
    work.cluster_secret = Some(cluster.secret_ref().clone());
    work.applied = false;
    let found = std::mem::take(&mut work.found);
    work.found = found.clone();
    observe::conclude(ctx, work);
    let result = status(ctx, work).await;
    work.found = found;
    result
}

/// The status, if it differs from what is published, and Events for what changed.
pub(super) async fn status(ctx: &Context, work: &mut Work<'_>) -> Result<(), Stop> {
    let new = target::compute(&work.published, work.found.clone(), work.now);
    let told = transitions::notices(&work.published, &new);
    let notes = std::mem::take(&mut work.notes);
    if new != work.published {
        work.notices.extend(notes);
        if !work.gone {
            write(ctx, work, &new).await?;
        }
    }
    work.published = new;
    let notices: Vec<Notice> = std::mem::take(&mut work.notices).into_iter().chain(told).collect();
    for notice in &notices {
        ctx.events.tell(&ctx.hub, &ctx.metrics, work.key, work.held.uid(), notice).await;
    }
    Ok(())
}

async fn write(ctx: &Context, work: &mut Work<'_>, new: &SyncTargetStatus) -> Result<(), Stop> {
    let values = serde_json::to_value(&work.published).and_then(|old| Ok((old, serde_json::to_value(new)?)));
    let Ok((old, new)) = values else { return Err(Stop::new(Reason::ObjectInvalid, Again::OnChange)) };
    let Some(change) = patch::diff(&old, &new) else { return Ok(()) };
    for _ in 0..CONFLICTS {
        let writing = Writing::begin(ctx, work.key);
        let at = Version { uid: work.held.uid(), resource_version: work.held.resource_version() };
        match ctx.hub.patch_status(work.key, &at, &change).await {
            Ok(wire) => {
                adopt(work, &wire, |held| drop(writing.answered(held)));
                return Ok(());
            }
            Err(error) => {
                let failure = Failure::of(Side::Hub, &error);
                if !failure.is_conflict() {
                    return Err(hub_failure(work, "the status", &error));
                }
            }
        }
        // Somebody wrote the spec meanwhile. The status is ours alone, so the same change fits the newer version.
        match ctx.hub.get(work.key).await {
            Ok(Some(wire)) if wire.metadata.uid.as_deref() == Some(work.held.uid()) => {
                let key = work.key;
                adopt(work, &wire, |held| drop(ctx.making.store.answer(key, held)));
                // What it says besides is news that this run does not know, and that the watch now brings as a mere echo.
                (ctx.wake)(work.key.clone(), Priority::Live);
            }
            Ok(_) => return Err(OVERTAKEN),
            Err(error) => return Err(hub_failure(work, "the status", &error)),
        }
    }
    Err(Stop::new(Reason::HubWriteFailed, Again::Backoff))
}

/// Asks the hub whether the target still is as it is held, unless a write of this run has shown it.
///
/// A list may come from a server that is behind, or that was set back: what it tells of may have been deleted and cleaned up
/// long ago, and what would be made for it would belong to nobody. So one read goes before whatever a run makes or changes.
pub(super) async fn live(ctx: &Context, work: &mut Work<'_>) -> Result<(), Stop> {
    if work.word == Word::Hub {
        return Ok(());
    }
    match ctx.hub.get(work.key).await {
        Ok(Some(wire))
            if wire.metadata.uid.as_deref() == Some(work.held.uid())
                && wire.metadata.resource_version.as_deref() == Some(work.held.resource_version()) =>
        {
            work.word = Word::Hub;
            Ok(())
        }
        Ok(_) => Err(OVERTAKEN),
        Err(error) => {
            let failure = Failure::of(Side::Hub, &error);
            tracing::info!(key = %work.key, error = failure.message, "whether the SyncTarget is there could not be asked");
            Err(Stop::new(Reason::HubWriteFailed, apply::again(failure.retry)))
        }
    }
}

/// Goes on with the version that the hub answered with, and has the store take it in.
fn adopt(work: &mut Work<'_>, wire: &Wire, take_in: impl FnOnce(Held)) {
    work.wrote = true;
    work.word = Word::Hub;
    match Held::of(work.key.kind, wire) {
        Ok(held) => {
            take_in(held.clone());
            work.held = held;
        }
        Err(error) => tracing::warn!(key = %work.key, %error, "the hub's answer cannot be read"),
    }
}

/// A write to the hub that failed. There is no condition for it: it could not be written either.
pub(super) fn hub_failure(work: &Work<'_>, what: &str, error: &kube::Error) -> Stop {
    let failure = Failure::of(Side::Hub, error);
    tracing::info!(key = %work.key, error = failure.message, "{what} could not be written to the hub");
    if failure.is_conflict() {
        return OVERTAKEN;
    }
    Stop::new(Reason::HubWriteFailed, apply::again(failure.retry))
}

/// A target that does not fit its own schema: the one condition that can be written without understanding it.
pub(super) async fn unreadable(ctx: &Context, key: &Key, held: &Held, error: &serde_json::Error) -> After {
    let message = format!(
        "The object does not fit its schema: {error}. Correct its spec, or what somebody has written into its status."
    );
    let found = target::Assessment {
        cluster_connected: Some(Finding::unknown(Reason::ObjectInvalid, message)),
        ..target::Assessment::default()
    };
    let resync = std::time::Duration::from_secs(600);
    let after = After::Blocked { reason: Reason::ObjectInvalid, resync };
    let old: SyncTargetStatus = held.decode::<StatusOnly>().map(|object| object.status).unwrap_or_default();
    let new = target::compute(&old, found, ctx.clock.now());
    if new == old {
        return after;
    }
    let at = Version { uid: held.uid(), resource_version: held.resource_version() };
    let conditions = json!({ "conditions": new.conditions, "phase": new.phase });
    let writing = Writing::begin(ctx, key);
    match ctx.hub.patch_status(key, &at, &conditions).await {
        Ok(wire) => {
            if let Ok(held) = Held::of(key.kind, &wire) {
                writing.answered(held);
            }
            after
        }
        Err(error) => {
            tracing::info!(%key, error = Failure::of(Side::Hub, &error).message, "the status could not be written");
            After::Retry { reason: Reason::HubWriteFailed, delay: None, due: None }
        }
    }
}

#[derive(serde::Deserialize)]
struct StatusOnly {
    #[serde(default)]
    status: SyncTargetStatus,
}
