//! remove: what is no longer desired is deleted, by uid, and what may have been made without our knowing is looked up.

use berthage_core::diff::{self, Changes, Outcome};
use berthage_core::object::{KindInfo, ObjectId};
use berthage_core::status::target::Finding;
use kube::Client;
use kube::api::{DeleteParams, ObjectMeta, Preconditions};

use super::apply::{self, api, is_ours};
use super::target::Work;
use super::{Stop, observe};
use crate::access::{Failure, Side};
use crate::downstream::{Link, Seen, followed};
use crate::wire::{Meta, Wire};

/// Deletes what is no longer desired, and looks up what may have been made without our knowing.
pub(super) async fn remove(work: &mut Work<'_>, client: &Client, link: &Link, changes: &Changes) -> Result<(), Stop> {
    let owner = observe::seal_context(work).owner();
    let mut outcomes: Vec<Outcome> = changes.forgotten.iter().cloned().map(Outcome::Gone).collect();
    let mut result = Ok(());
    let mut found_ours = false;
    let lost_from_sight = unheard_of(work, link, &changes.leaving);
    if !changes.deletes.is_empty() || !changes.lookups.is_empty() || !lost_from_sight.is_empty() {
        observe::same_cluster(work, client).await?;
    }
    for (id, uid) in lost_from_sight {
        match look(client, &id).await {
            Ok(Some(found)) if found.uid.as_deref() == Some(uid.as_str()) => {
                note(work, link, &id, &found);
            }
            Ok(found) => {
                link.forget(&id, &uid);
                // Ours under another uid is looked up again, and deleted by that.
                let ours = found.is_some_and(|found| is_ours(&found, &owner));
                outcomes.push(if ours { Outcome::Lost(id) } else { Outcome::Gone(id) });
            }
            Err(error) => {
                result = Err(failed(work, &id, &error));
                break;
            }
        }
    }
    for id in &changes.lookups {
        if result.is_err() {
            break;
        }
        match look(client, id).await {
            Ok(Some(found)) if is_ours(&found, &owner) => {
                note(work, link, id, &found);
                outcomes.extend(found.uid.map(|uid| Outcome::Found { id: id.clone(), uid }));
                found_ours = true;
            }
            Ok(_) => outcomes.push(Outcome::Gone(id.clone())),
            Err(error) => result = Err(failed(work, id, &error)),
        }
    }
    for delete in &changes.deletes {
        if result.is_err() {
            break;
        }
        let Some(info) = KindInfo::find(&delete.id.api_version, &delete.id.kind) else { continue };
        // What is not seen with our label is looked at first: the inventory alone is no proof that it was ever ours.
        if link.seen(&work.names.id, &delete.id).is_none() {
            match look(client, &delete.id).await {
                Ok(Some(found)) if is_ours(&found, &owner) || named_after(work, &delete.id) => {
                    if found.deletion_timestamp.is_some() && found.uid.as_ref() == Some(&delete.uid) {
                        // Deleted before, and looked at again until it is gone.
                        continue;
                    }
                }
                Ok(found) => {
                    if found.is_some() {
                        tracing::warn!(key = %work.key, object = %delete.id, "the inventory names an object that is not ours: it is left alone");
                    }
                    outcomes.push(Outcome::Gone(delete.id.clone()));
                    continue;
                }
                Err(error) => {
                    result = Err(failed(work, &delete.id, &error));
                    break;
                }
            }
        }
        let only_this = DeleteParams::background()
            .preconditions(Preconditions { uid: Some(delete.uid.clone()), resource_version: None });
        match api::<Wire>(client, info, delete.id.namespace.as_deref()).delete(&delete.id.name, &only_this).await {
            Ok(answer) => match answer.left().filter(|object| lingers(info, &object.metadata)) {
                // The next run may come before the watch has told: it must not delete a second time.
                Some(object) if note(work, link, &delete.id, &object.metadata) => {}
                _ => outcomes.push(Outcome::Gone(delete.id.clone())),
            },
            Err(kube::Error::Api(status)) if status.code == 404 => outcomes.push(Outcome::Gone(delete.id.clone())),
            // Another uid has the name, or a namespace is being deleted already: the next look tells which.
            Err(kube::Error::Api(status)) if status.code == 409 => outcomes.push(Outcome::Lost(delete.id.clone())),
            Err(error) => result = Err(failed(work, &delete.id, &error)),
        }
    }
    work.inventory = diff::settle(&work.inventory, &outcomes);
    if found_ours && work.found.terminating.is_none() {
        // What was found is deleted by its uid, in the next run; not at once, as the cluster may find something every time.
        work.due_in(std::time::Duration::from_secs(1));
    }
    result
}

/// Of what is being deleted, what nothing has been heard of for a while, with its uid: watches tell of its end, unless they
/// were interrupted or its labels were changed at the wrong moment.
fn unheard_of(work: &Work<'_>, link: &Link, leaving: &[ObjectId]) -> Vec<(ObjectId, String)> {
    leaving
        .iter()
        .filter_map(|id| {
            let seen = link.seen(&work.names.id, id)?;
            (seen.heard.elapsed() >= super::detach::PATIENCE).then(|| (id.clone(), seen.uid))
        })
        .collect()
}

/// The metadata of an object, if it is there. Kinds that are never written downstream are nowhere.
pub(super) async fn look(client: &Client, id: &ObjectId) -> Result<Option<ObjectMeta>, kube::Error> {
    let Some(info) = KindInfo::find(&id.api_version, &id.kind) else { return Ok(None) };
    let found = api::<Meta>(client, info, id.namespace.as_deref()).get_opt(&id.name).await?;
    Ok(found.map(|found| found.metadata))
}

/// Notes an answer, if its object is heard of later. Not if it is known to be gone again.
fn note(work: &Work<'_>, link: &Link, id: &ObjectId, meta: &ObjectMeta) -> bool {
    let Some(info) = KindInfo::find(&id.api_version, &id.kind) else { return true };
    let seen = Seen::of(info, meta).filter(|_| followed(meta, &work.key.workspace, &work.names.id));
    seen.is_none_or(|seen| link.note(&work.names.id, id, seen))
}

/// Whether an object's name or namespace carries the hash of the target's uid, so that nobody else can mean it.
fn named_after(work: &Work<'_>, id: &ObjectId) -> bool {
    id.name.contains(&work.names.id) || id.namespace.as_ref() == Some(&work.names.namespace)
}

/// Whether an object is still there after its deletion was accepted: a namespace until it is empty, anything else for as long
/// as it has finalizers.
fn lingers(info: &KindInfo, meta: &ObjectMeta) -> bool {
    info.kind == "Namespace" || (meta.deletion_timestamp.is_some() && meta.finalizers.iter().flatten().next().is_some())
}

fn failed(work: &mut Work<'_>, id: &ObjectId, error: &kube::Error) -> Stop {
    let failure = Failure::of(Side::Physical, error);
    let again = apply::again(failure.retry);
    if observe::is_connection(failure.reason) {
        return work.disconnect(Finding::bad(failure.reason, failure.message), again);
    }
    work.block(Finding::bad(failure.reason, format!("{id} could not be deleted: {}", failure.message)), again)
}
