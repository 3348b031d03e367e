//! apply: what differs is written into the physical cluster, in as few waves as possible.
//!
//! What is about to be made is written into the inventory on the hub first, so that nothing is ever left behind unknown.
//! An existing object is only changed when it has the uid that was seen, and one that is not known is only taken over when
//! it carries our owner annotation.

use std::sync::Arc;

use berthage_core::api::ConditionStatus;
use berthage_core::canonical::{self, carried_hash};
use berthage_core::diff::{self, Apply, Changes, Drift, Outcome, Why};
use berthage_core::names::FIELD_MANAGER;
use berthage_core::object::{Desired, KindInfo, ObjectId};
use berthage_core::reason::Reason;
use berthage_core::seal;
use berthage_core::status::target::Finding;
use berthage_core::status::transitions::Notice;
use futures::StreamExt;
use futures::future::BoxFuture;
use kube::api::{ApiResource, ObjectMeta, Patch, PatchParams};
use kube::core::DynamicResourceScope;
use kube::{Api, Client, Resource};
use serde_json::{Value, json};

use super::issue::Credential;
use super::resolve::Cluster;
use super::target::Work;
use super::{Again, Context, Stop, budget, observe, publish, remove};
use crate::access::{Failure, Retry, Side};
use crate::downstream::{Link, Seen, api_resource};
use crate::wire::{Meta, Wire};

/// Brings the physical cluster to the desired objects.
pub(super) async fn apply(
    ctx: &Context,
    work: &mut Work<'_>,
    cluster: &Cluster,
    link: &Arc<Link>,
    mut objects: Vec<Desired>,
    credential: Credential,
) -> Result<(), Stop> {
    // The others were sealed before the guard looked at them.
    objects.extend(seal::seal(vec![credential.secret.clone()], &observe::seal_context(work)));
    for object in &objects {
        if let Some(info) = KindInfo::find(&object.id.api_version, &object.id.kind) {
            link.watch(info);
        }
    }
    let mut changes = compare(work, link, &objects)?;
    if credential.repairs() {
        as_repair(&mut changes);
    }
    if work.target.spec.paused {
        keep_only_credentials(&mut changes);
    }
    report_conflicts(work, &changes)?;
    fight(ctx, work, &changes)?;
    if !credential.is_new() {
        leave_credential(&mut changes);
    }
    if changes.is_empty() {
        work.applied = changes.waiting.is_empty() && !work.target.spec.paused || work.applied;
        work.revision = Some(canonical::revision(&objects));
        return waiting(work, &changes);
    }
    work.wrote = true;
    publish::intent(ctx, work, cluster, diff::intent(&objects, &work.inventory)).await?;
    Box::pin(publish::live(ctx, work)).await?;
    let client = &budget::of_a_run(ctx, &cluster.key, &cluster.connection.client);
    for wave in &changes.waves {
        // What went through is kept in the inventory, whatever became of the rest.
        send_wave(ctx.options.parallel_writes, work, client, link, wave, &objects, &credential).await?;
    }
    remove::remove(work, client, link, &changes).await?;
    if !work.target.spec.paused {
        work.applied = changes.waiting.is_empty();
        work.revision = Some(canonical::revision(&objects));
    }
    tell(ctx, work, cluster, &changes);
    work.found.synced_at = Some(work.now);
    waiting(work, &changes)
}

fn compare(work: &mut Work<'_>, link: &Link, objects: &[Desired]) -> Result<Changes, Stop> {
    let owner = observe::seal_context(work).owner();
    let target = work.names.id.clone();
    let observed = |id: &ObjectId| link.seen(&target, id).map(|seen| observe::observed(seen, &owner));
    let complete = |info: &'static KindInfo| link.complete(info);
    let view = diff::View { observed: &observed, complete: &complete };
    diff::diff(objects, &work.inventory, view, diff::Options::default())
        .map_err(|error| work.block(Finding::bad(error.reason(), error.to_string()), Again::OnChange))
}

/// Somebody undoes our work again and again: it is not undone faster than once a minute, and said.
fn fight(ctx: &Context, work: &mut Work<'_>, changes: &Changes) -> Result<(), Stop> {
    let only_drift = !changes.is_empty()
        && changes.deletes.is_empty()
        && changes.applies().all(|change| matches!(change.why, Why::Drifted(_)));
    let Some(wait) = ctx.repairs.hold_back(work.key, work.held.uid(), work.now).filter(|_| only_drift) else {
        return Ok(());
    };
    let names: Vec<String> = changes.applies().take(3).map(|change| change.id.to_string()).collect();
    let message = format!(
        "{} changed behind our back again and again; find out who does it (metadata.managedFields). It is repaired once a minute.",
        names.join(", ")
    );
    work.found.drifted = Some(Finding { status: ConditionStatus::True, reason: Reason::DriftFight, message });
    Err(Stop::new(Reason::DriftFight, Again::After(wait)))
}

/// The new credential differs from the last because that one was spoilt: its Secret is no change but a repair.
fn as_repair(changes: &mut Changes) {
    for change in changes.waves.iter_mut().flatten().filter(|change| is_credential(change)) {
        if change.why == Why::Changed {
            change.why = Why::Drifted(Drift::Touched);
        }
    }
}

/// There is no content for the Secret in this run. Whatever spoilt it wakes the target again, or its time comes.
fn leave_credential(changes: &mut Changes) {
    for wave in &mut changes.waves {
        wave.retain(|change| !is_credential(change));
    }
    changes.waves.retain(|wave| !wave.is_empty());
}

fn is_credential(change: &Apply) -> bool {
    change.id.kind == "Secret"
}

/// While a target is paused, its credential is still renewed. A spoilt one is as little repaired as anything else.
fn keep_only_credentials(changes: &mut Changes) {
    for wave in &mut changes.waves {
        wave.retain(|change| is_credential(change) && change.why == Why::Changed);
    }
    changes.waves.retain(|wave| !wave.is_empty());
    changes.deletes.clear();
    changes.lookups.clear();
    changes.forgotten.clear();
}

fn report_conflicts(work: &mut Work<'_>, changes: &Changes) -> Result<(), Stop> {
    let Some(first) = changes.conflicts.first() else { return Ok(()) };
    Err(work.block(Finding::bad(Reason::OwnedByOthers, first.to_string()), Again::Backoff))
}

fn waiting(work: &mut Work<'_>, changes: &Changes) -> Result<(), Stop> {
    let Some(first) = changes.waiting.first() else { return Ok(()) };
    let message = format!("{first} is being deleted, or its namespace is; it is made again when that is done.");
    Err(work.block(Finding::bad(Reason::NamespaceTerminating, message), Again::Backoff))
}

async fn send_wave(
    parallel: usize,
    work: &mut Work<'_>,
    client: &Client,
    link: &Link,
    wave: &[Apply],
    objects: &[Desired],
    credential: &Credential,
) -> Result<(), Stop> {
    let context = observe::seal_context(work);
    let (owner, chosen) = (context.owner(), context.namespace != work.names.namespace);
    // Boxed one by one: the compiler cannot see that a closure over references makes futures that may be sent.
    let mut sends: Vec<BoxFuture<'_, (&Apply, &Desired, Sent)>> = Vec::new();
    for change in wave {
        let Some(desired) = objects.get(change.index) else { continue };
        let owner = &owner;
        sends.push(Box::pin(async move {
            (change, desired, send(client, change, desired, credential, owner, chosen).await)
        }));
    }
    let results: Vec<_> = futures::stream::iter(sends).buffer_unordered(parallel.max(1)).collect().await;
    let mut outcomes = Vec::new();
    let mut failed: Option<(ObjectId, Sent)> = None;
    for (change, desired, sent) in results {
        match sent {
            Sent::Applied(seen) => {
                outcomes.push(Outcome::Applied {
                    id: change.id.clone(),
                    uid: seen.uid.clone(),
                    hash: carried_hash(&desired.object).unwrap_or_default().to_owned(),
                    seen: seen.marker(),
                });
                link.note(&work.names.id, &change.id, seen);
                // Whatever becomes of the others: one that is not noted would be made anew by every run.
                if is_credential(change) {
                    work.credential = credential.accepted().or_else(|| work.credential.take());
                }
            }
            Sent::Lost => {
                // Else the next run would take the same uid from what was seen, for as long as the watch is late.
                if let Some(uid) = &change.uid {
                    link.forget(&change.id, uid);
                }
                outcomes.push(Outcome::Lost(change.id.clone()));
            }
            other => {
                if let Sent::Failed(failure) = &other
                    && failure.code.is_none_or(|code| code >= 500)
                {
                    outcomes.push(Outcome::Unknown(change.id.clone()));
                }
                // The first in the order of application, so that the message does not hang on which answer came first.
                if failed.as_ref().is_none_or(|(id, _)| seal::rank(&change.id) < seal::rank(id)) {
                    failed = Some((change.id.clone(), other));
                }
            }
        }
    }
    let lost = outcomes.iter().any(|outcome| matches!(outcome, Outcome::Lost(_)));
    work.inventory = diff::settle(&work.inventory, &outcomes);
    match failed {
        Some((id, sent)) => Err(give_up(work, &id, sent)),
        // It was there a moment ago: the next run makes it anew. With a backoff, as the cluster may say so every time.
        None if lost => Err(Stop::new(Reason::Progressing, Again::Backoff)),
        None => Ok(()),
    }
}

/// How one write went.
enum Sent {
    Applied(Seen),
    /// An object with the uid that was seen is not there any more: none is, or ours under another uid.
    Lost,
    /// An object of that name is there and is not ours.
    Foreign,
    Failed(Failure),
}

fn give_up(work: &mut Work<'_>, id: &ObjectId, sent: Sent) -> Stop {
    match sent {
        Sent::Failed(failure) => {
            let message = format!("{id} could not be applied: {}", failure.message);
            let again = again(failure.retry);
            if observe::is_connection(failure.reason) {
                work.disconnect(Finding::bad(failure.reason, failure.message), again)
            } else {
                work.applied = false;
                work.block(Finding::bad(failure.reason, message), again)
            }
        }
        _ => {
            work.applied = false;
            let message = format!(
                "{id} exists and does not belong to this SyncTarget; delete or rename it, or choose another namespace."
            );
            work.block(Finding::bad(Reason::OwnedByOthers, message), Again::Backoff)
        }
    }
}

/// When to try again after a failed request.
pub(super) const fn again(retry: Retry) -> Again {
    match retry {
        Retry::Backoff => Again::Backoff,
        Retry::After(delay) => Again::After(delay),
        Retry::OnChange => Again::OnChange,
    }
}

async fn send(
    client: &Client,
    change: &Apply,
    desired: &Desired,
    credential: &Credential,
    owner: &str,
    chosen_namespace: bool,
) -> Sent {
    let Some(info) = KindInfo::find(&change.id.api_version, &change.id.kind) else { return Sent::Foreign };
    let api = api::<Wire>(client, info, change.id.namespace.as_deref());
    // The names of everything else hang on a hash of the target's uid; this one somebody chose, so it may be somebody's, or
    // be made by somebody in this moment.
    let mut uid = change.uid.clone();
    if uid.is_none() && chosen_namespace && info.kind == "Namespace" {
        match claim(client, info, &api, &change.id.name, &desired.object, owner).await {
            Ok(Some(claimed)) => uid = Some(claimed),
            Ok(None) => return Sent::Foreign,
            Err(error) => return Sent::Failed(Failure::of(Side::Physical, &error)),
        }
    }
    if let (Some(uid), Why::Drifted(Drift::Touched)) = (&uid, change.why)
        && let Err(error) = reset(client, &api, info, &change.id.name, uid, &desired.object).await
    {
        let failure = Failure::of(Side::Physical, &error);
        // It is gone, or another: what follows finds out.
        if !failure.is_conflict() && failure.code != Some(404) && failure.code != Some(422) {
            return Sent::Failed(failure);
        }
    }
    let mut body = desired.object.clone();
    if let (Some(uid), Some(metadata)) = (&uid, body.get_mut("metadata").and_then(Value::as_object_mut)) {
        metadata.insert("uid".to_owned(), Value::from(uid.as_str()));
    }
    let secret = info.kind == "Secret";
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let result = if secret {
        let Some(bytes) = credential.body(&body) else { return Sent::Lost };
        apply_bytes(client, &api, &change.id.name, &bytes).await
    } else {
        api.patch(&change.id.name, &params, &Patch::Apply(&body)).await
    };
    match result {
        Ok(object) => Seen::of_object(info, &object).map_or_else(|| Sent::Failed(unreadable()), Sent::Applied),
        Err(error) => {
            let failure = if secret {
                Failure::of_secret_write(Side::Physical, &error)
            } else {
                Failure::of(Side::Physical, &error)
            };
            if !failure.is_conflict() || uid.is_none() {
                return Sent::Failed(failure);
            }
            // Another object of that name, or none: see which.
            match remove::look(client, &change.id).await {
                Ok(None) => Sent::Lost,
                Ok(Some(found)) if is_ours(&found, owner) => Sent::Lost,
                Ok(Some(_)) => Sent::Foreign,
                Err(error) => Sent::Failed(Failure::of(Side::Physical, &error)),
            }
        }
    }
}

/// Makes a namespace that somebody chose, or finds it: its uid if it is ours, `None` if it is somebody else's. Of two targets
/// that choose the same at the same time, one makes it and the other finds it.
async fn claim(
    client: &Client,
    info: &KindInfo,
    api: &Api<Wire>,
    name: &str,
    desired: &Value,
    owner: &str,
) -> Result<Option<String>, kube::Error> {
    let metadata = desired.get("metadata");
    let body = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": metadata.and_then(|it| it.get("labels")),
            "annotations": metadata.and_then(|it| it.get("annotations")),
        },
    });
    let request = http::Request::post(format!("{}?fieldManager={FIELD_MANAGER}", api.resource_url()))
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(body.to_string().into_bytes())
        .map_err(kube::Error::HttpError)?;
    match client.request::<Wire>(request).await {
        Ok(made) => Ok(made.metadata.uid),
        Err(kube::Error::Api(status)) if status.code == 409 => {
            let found = Api::<Meta>::all_with(client.clone(), &api_resource(info)).get_opt(name).await?;
            Ok(found.filter(|found| is_ours(&found.metadata, owner)).and_then(|found| found.metadata.uid))
        }
        Err(error) => Err(error),
    }
}

/// Takes out of an object what somebody else has put into it: server-side apply leaves the list items and the fields of other
/// managers alone, such as a second container. Nobody owns a field after this; the apply that follows owns what is desired.
async fn reset(
    client: &Client,
    api: &Api<Wire>,
    info: &KindInfo,
    name: &str,
    uid: &str,
    desired: &Value,
) -> Result<(), kube::Error> {
    let mut operations = vec![json!({ "op": "test", "path": "/metadata/uid", "value": uid })];
    if let Some(spec) = desired.get("spec").filter(|_| info.kind != "Namespace") {
        operations.push(json!({ "op": "add", "path": "/spec", "value": spec }));
    }
    if info.kind == "ClusterRole" {
        // Else the cluster goes on filling in the rules of other roles.
        operations.push(json!({ "op": "add", "path": "/aggregationRule", "value": null }));
    }
    if operations.len() == 1 {
        return Ok(());
    }
    operations.push(json!({ "op": "replace", "path": "/metadata/managedFields", "value": [{}] }));
    let request = http::Request::patch(format!("{}/{name}?fieldManager={FIELD_MANAGER}", api.resource_url()))
        .header(http::header::CONTENT_TYPE, "application/json-patch+json")
        .body(Value::from(operations).to_string().into_bytes())
        .map_err(kube::Error::HttpError)?;
    client.request::<Wire>(request).await.map(drop)
}

/// Server-side apply of a body that is bytes already: a Secret's content is put into no tree of values.
async fn apply_bytes(client: &Client, api: &Api<Wire>, name: &str, body: &[u8]) -> Result<Wire, kube::Error> {
    let url = format!("{}/{name}?fieldManager={FIELD_MANAGER}&force=true", api.resource_url());
    let request = http::Request::patch(url)
        .header(http::header::CONTENT_TYPE, "application/apply-patch+yaml")
        .header(http::header::ACCEPT, "application/json")
        .body(body.to_vec())
        .map_err(kube::Error::HttpError)?;
    client.request(request).await
}

/// An answer without uid or resourceVersion, or a Deployment that is none.
fn unreadable() -> Failure {
    Failure {
        reason: Reason::ClusterAnswerInvalid,
        retry: Retry::Backoff,
        message: "the cluster's answer is not the object that was applied".to_owned(),
        code: None,
    }
}

pub(super) fn is_ours(meta: &ObjectMeta, owner: &str) -> bool {
    let annotations = meta.annotations.as_ref();
    annotations
        .and_then(|annotations| annotations.get(berthage_core::names::ANNOTATION_OWNER))
        .is_some_and(|found| found == owner)
}

/// The API of a kind, whose answers are parsed no further than needed.
pub(super) fn api<K>(client: &Client, info: &KindInfo, namespace: Option<&str>) -> Api<K>
where
    K: Resource<DynamicType = ApiResource, Scope = DynamicResourceScope>,
{
    let resource = api_resource(info);
    match namespace {
        Some(namespace) if info.namespaced => Api::namespaced_with(client.clone(), namespace, &resource),
        _ => Api::all_with(client.clone(), &resource),
    }
}

/// News about what was written.
fn tell(ctx: &Context, work: &mut Work<'_>, cluster: &Cluster, changes: &Changes) {
    let name = &cluster.key.name;
    let drifted: Vec<&Apply> = changes.applies().filter(|change| matches!(change.why, Why::Drifted(_))).collect();
    if !drifted.is_empty() {
        ctx.repairs.note(work.key, work.held.uid(), work.now);
        let what: Vec<String> = drifted
            .iter()
            .map(|change| match change.why {
                Why::Drifted(Drift::Deleted) => format!("{} (deleted)", change.id),
                _ => format!("{} (changed)", change.id),
            })
            .collect();
        work.notices.push(Notice {
            warning: true,
            reason: Reason::DriftRepaired.as_str().to_owned(),
            message: format!("Repaired in cluster {name}: {}.", what.join(", ")),
        });
        return;
    }
    let (applied, deleted) = (changes.applies().count(), changes.deletes.len());
    if applied + deleted > 0 {
        work.notices.push(Notice {
            warning: false,
            reason: "Applied".to_owned(),
            message: match deleted {
                0 => format!("Applied {} to cluster {name}.", objects(applied)),
                _ => format!("Applied {} to cluster {name} and deleted {deleted}.", objects(applied)),
            },
        });
    }
}

fn objects(count: usize) -> String {
    if count == 1 { "1 object".to_owned() } else { format!("{count} objects") }
}

#[cfg(test)]
#[path = "apply_tests.rs"]
mod tests;
