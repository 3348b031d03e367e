//! detach: the way back. It always ends, and says what it leaves behind.
//!
//! The order: the plugin's finalize, for a bounded time; the syncer's rights on the hub, which stops it for good; what is
//! in the physical cluster, against the order of application and by uid only; the Secret's finalizer, because kcp removes
//! Secrets before anything else; at last the target's. A cluster that cannot be reached is waited for as long as the
//! deletion policy says, and then what is left there is named in an Event.

use std::time::Duration;

use berthage_core::api::{InventoryEntry, KubeConfigSecretRef, WhenUnreachable};
use berthage_core::backoff::stable_hash;
use berthage_core::diff::{self, Changes};
use berthage_core::key::{Key, Workspace};
use berthage_core::names::TARGET_FINALIZER;
use berthage_core::object::{KindInfo, ObjectId};
use berthage_core::reason::Reason;
use berthage_core::status::conditions;
use berthage_core::status::target::{Finding, kind};
use berthage_core::status::transitions::Notice;
use jiff::Timestamp;
use tokio::sync::{Mutex, MutexGuard};

use super::resolve::Cluster;
use super::target::Work;
use super::{Again, Context, Stop, budget, bulkhead, issue, observe, plan, publish, remove, resolve};
use crate::access::pool::Connection;
use crate::access::{Failure, Side};
use crate::store::Held;

/// How often the clean-up is looked at while the cluster works on it, besides its own news.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// How long a cluster that answers has in any case to end what it was told to delete: a pod's last half minute, and some.
const FINISHING: Duration = Duration::from_mins(1);
/// Rounds of looking up what may have been made without our knowing.
const ROUNDS: usize = 3;
/// Objects named in a message.
const NAMED: usize = 10;

/// Who leaves a workspace, one at a time. A few locks for all workspaces, so that none costs anything for being there.
pub struct Exits([Mutex<()>; EXITS]);

/// Locks; of two workspaces that have the same, one waits for a few writes to the hub.
const EXITS: usize = 64;

impl Default for Exits {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }
}

impl Exits {
    async fn turn(&self, workspace: &Workspace) -> MutexGuard<'_, ()> {
        let place = stable_hash([workspace.as_str()]) % EXITS as u64;
        let lock = usize::try_from(place).ok().and_then(|place| self.0.get(place));
        lock.unwrap_or(&self.0[0]).lock().await
    }
}

/// Takes a target that is being deleted off its physical cluster and off the hub.
pub(super) async fn detach(ctx: &Context, work: &mut Work<'_>) -> Result<(), Stop> {
    let asked = asked(work);
    let since = began(work);
    let why = if asked.is_some() { "Being cleaned up." } else { "The workspace is being deleted: being cleaned up." };
    terminating(work, Reason::Terminating, why);
    if ctx.options.observe_only {
        terminating(work, Reason::ObserveOnly, "The controller runs with --observe-only and cleans nothing up.");
        return Err(Stop::new(Reason::ObserveOnly, Again::OnChange));
    }
    let registration = resolve::registration(ctx, &work.registration(&work.target.spec.cluster_ref.name)).ok();
    let snapshot = observe::snapshot(&ctx.making, work, registration.as_ref())?;
    plan::finalize(&ctx.making, work, &snapshot, since)?;
    let secret = secret_in_use(ctx, work);
    issue::revoke(ctx, work).await?;
    clean(ctx, work, since).await?;
    // One after another: of two targets with one Secret that leave at the same time, each would else see that the other needs
    // it still, and when a workspace unbinds nobody could let go of it later.
    let turn = ctx.exits.turn(&work.key.workspace).await;
    release_secret(ctx, work, secret).await?;
    let finalizers = work.target.metadata.finalizers.iter().flatten();
    let others: Vec<String> = finalizers.filter(|finalizer| *finalizer != TARGET_FINALIZER).cloned().collect();
    let last = others.is_empty() && asked.is_some();
    publish::set_finalizers(ctx, work, others).await?;
    ctx.making.store.let_go(work.key, work.held.uid());
    drop(turn);
    work.gone = last;
    if asked.is_none() {
        terminating(work, Reason::CleanedUp, "The workspace is being deleted: everything is cleaned up.");
    }
    // What was left behind has been named.
    if !work.notices.iter().any(|notice| notice.reason == Reason::Abandoned.as_str()) {
        work.notices.push(Notice {
            warning: false,
            reason: Reason::CleanedUp.as_str().to_owned(),
            message: "Nothing of this SyncTarget is left to clean up.".to_owned(),
        });
    }
    Ok(())
}

fn asked(work: &Work<'_>) -> Option<Timestamp> {
    work.target.metadata.deletion_timestamp.as_ref().map(|time| time.0)
}

/// When the way back began.
fn began(work: &Work<'_>) -> Timestamp {
    asked(work).into_iter().chain(work.leaving).min().unwrap_or(work.now)
}

/// When a target that is being taken off its cluster lets go of it, if the cluster gives no answer until then. `None` for one
/// that does not wait.
pub(super) fn end_of_patience(ctx: &Context, work: &Work<'_>) -> Option<Timestamp> {
    let waits = work.target.spec.deletion_policy.when_unreachable == WhenUnreachable::Wait;
    (waits && work.is_leaving()).then(|| until(ctx, work, began(work)).0)
}

/// Until when a cluster is tried that cannot be cleaned up, and why then.
fn until(ctx: &Context, work: &Work<'_>, since: Timestamp) -> (Timestamp, String) {
    let policy = &work.target.spec.deletion_policy;
    // A tenant decides how long his own target waits, and the platform how long a workspace does.
    let (patience, whose) = match work.leaving {
        Some(_) if ctx.options.workspace_patience < policy.after.get() => {
            let patience = ctx.options.workspace_patience;
            (patience, format!("{} s after the deletion of the workspace", patience.as_secs()))
        }
        _ => (policy.after.get(), format!("{} after the deletion; spec.deletionPolicy may be changed", policy.after)),
    };
    (since.checked_add(patience).unwrap_or(Timestamp::MAX), whose)
}

/// After clusterRef was changed: takes the syncer off the cluster that it was in.
pub(super) async fn leave_other_cluster(ctx: &Context, work: &mut Work<'_>, cluster: &Cluster) -> Result<(), Stop> {
    if cluster.secret.deleting {
        return leave_with_secret(ctx, work, cluster).await;
    }
    let Some(other) = work.cluster.clone().filter(|name| **name != *cluster.key.name) else { return Ok(()) };
    if work.inventory.is_empty() {
        forget_cluster(work);
        return Ok(());
    }
    let since = conditions::find(&work.published.conditions, kind::SYNCER_DEPLOYED)
        .filter(|condition| condition.reason == Reason::Moving.as_str())
        .map_or(work.now, |condition| condition.last_transition_time);
    let message = format!("Moving from cluster {other} to {}: cleaning up {other}.", cluster.key.name);
    work.applied = false;
    work.blocked = Some(Finding::bad(Reason::Moving, message.clone()));
    if work.held_back(ctx).is_some() {
        return Err(Stop::new(Reason::Paused, Again::OnChange));
    }
    let connected = work.found.cluster_connected.clone();
    let result = clean(ctx, work, since).await;
    if result.is_err() {
        // The new cluster is fine; it is the old one that keeps us.
        work.found.cluster_connected = connected;
        work.unreachable = None;
        if let Some(why) = work.waits_for.take() {
            let policy = &work.target.spec.deletion_policy;
            let message = format!(
                "{message} It cannot be cleaned up: {why} It is tried for {}; spec.deletionPolicy may be changed.",
                policy.after
            );
            work.blocked = Some(Finding::bad(Reason::Moving, message));
        }
    }
    result?;
    work.blocked = None;
    Ok(())
}

/// A kubeconfig Secret in use is being deleted: the syncer goes while the cluster can still be reached.
async fn leave_with_secret(ctx: &Context, work: &mut Work<'_>, cluster: &Cluster) -> Result<(), Stop> {
    let at = cluster.secret_ref();
    let message = format!("The kubeconfig Secret {}/{} is being deleted.", at.namespace, at.name);
    work.applied = false;
    if work.held_back(ctx).is_some() {
        let message =
            format!("{message} Nothing is cleaned up while the target is paused; until then the Secret stays.");
        return Err(work.block(Finding::bad(Reason::SecretNotFound, message), Again::OnChange));
    }
    work.blocked = Some(Finding::bad(Reason::SecretNotFound, message.clone()));
    clean(ctx, work, work.now).await?;
    release_secret(ctx, work, Some(at.clone())).await?;
    Err(work.disconnect(
        Finding::bad(Reason::SecretNotFound, format!("{message} Create it again to have the syncer back.")),
        Again::OnChange,
    ))
}

fn terminating(work: &mut Work<'_>, reason: Reason, message: impl Into<String>) {
    work.found.terminating = Some(Finding::bad(reason, message));
}

fn forget_cluster(work: &mut Work<'_>) {
    work.cluster = None;
    work.cluster_uid = None;
    work.cluster_secret = None;
    work.credential = None;
    work.revision = None;
    work.applied = false;
}

/// Deletes everything of the inventory; `Ok` when it is gone or given up.
async fn clean(ctx: &Context, work: &mut Work<'_>, since: Timestamp) -> Result<(), Stop> {
    if work.inventory.is_empty() {
        forget_cluster(work);
        return Ok(());
    }
    let name = work.cluster.clone().unwrap_or_else(|| work.target.spec.cluster_ref.name.clone());
    let key = work.registration(&name);
    if let Some(finding) = work.unreachable.clone() {
        return wait_or_let_go(ctx, work, &name, since, (&finding, Again::After(PATIENCE)));
    }
    let connection = match reach(ctx, work, &key).await {
        Ok(connection) => connection,
        Err((finding, stop)) => {
            work.found.cluster_connected = Some(finding.clone());
            return wait_or_let_go(ctx, work, &name, since, (&finding, stop.retry));
        }
    };
    let link = ctx.downstream.link(&key, &connection);
    let client = budget::of_a_run(ctx, &key, &connection.client);
    observe::watch(work, &link);
    for _ in 0..ROUNDS {
        let changes = everything(work, &link);
        if let Err(stop) = remove::remove(work, &client, &link, &changes).await {
            // It cannot be asked, which `disconnect` has noted; or it answers, and refuses: that may last as long.
            bulkhead::heed(ctx, &key, work.unreachable.as_ref());
            return match work.unreachable.clone().or_else(|| work.blocked.clone()) {
                Some(finding) => wait_or_let_go(ctx, work, &name, since, (&finding, stop.retry)),
                None => Err(stop),
            };
        }
        if changes.lookups.is_empty() {
            // What is there of that name is not ours: it stays, and is ours no longer.
            let foreign: Vec<ObjectId> = changes.conflicts.into_iter().map(|conflict| conflict.id).collect();
            work.inventory.retain(|entry| !foreign.contains(&ObjectId::of_entry(entry)));
            break;
        }
    }
    if work.inventory.is_empty() {
        forget_cluster(work);
        return Ok(());
    }
    let message = format!("Waiting until cluster {name} has deleted {}.", listed(&work.inventory));
    let (mut until, _) = until(ctx, work, since);
    if work.leaving.is_none() {
        // How long a tenant waits for a cluster that does not answer may be no time at all.
        until = until.max(since.checked_add(FINISHING).unwrap_or(Timestamp::MAX));
    }
    if work.now >= until {
        // It answers, and never comes to an end: somebody's finalizer is on something that was deleted.
        let_go(work, &name, Reason::NamespaceTerminating);
        return Ok(());
    }
    if work.found.terminating.is_some() {
        terminating(work, Reason::NamespaceTerminating, message);
    }
    // Nothing has failed: a backoff would grow with every look, and the namespace's end is not seen if its label is gone.
    let left = Duration::try_from(until.duration_since(work.now)).unwrap_or(PATIENCE);
    Err(Stop::new(Reason::NamespaceTerminating, Again::Within(PATIENCE.min(left))))
}

/// The way to the cluster that the inventory belongs to. When its registration went first, as all of a workspace's objects do
/// on kcp when the workspace is unbound, the Secret that it named still leads there.
async fn reach(ctx: &Context, work: &Work<'_>, key: &Key) -> Result<Connection, (Finding, Stop)> {
    let cluster = match resolve::cluster(ctx, key).await {
        Ok(cluster) => cluster,
        Err((finding, stop)) => {
            let Some(at) = work.cluster_secret.as_ref().filter(|_| stop.reason == Reason::RegistrationNotFound) else {
                return Err((finding, stop));
            };
            return resolve::abandoned_cluster(ctx, key, at).await.map_err(|problem| {
                // The registration may come back, and with it a way that is known to work.
                let message = format!("{} {}", finding.message, problem.message);
                (Finding::bad(finding.reason, message), Stop::new(problem.reason, Again::After(PATIENCE)))
            });
        }
    };
    if let Some(uid) = work.cluster_uid.clone().filter(|uid| *uid != cluster.uid()) {
        let message =
            format!("Another cluster answers for {}: the syncer was deployed to the one with uid {uid}.", key.name);
        let finding = Finding::bad(Reason::ClusterReplaced, message);
        return Err((finding, Stop::new(Reason::ClusterReplaced, Again::OnChange)));
    }
    Ok(cluster.connection)
}

fn everything(work: &Work<'_>, link: &crate::downstream::Link) -> Changes {
    let owner = observe::seal_context(work).owner();
    let observed = |id: &ObjectId| link.seen(&work.names.id, id).map(|seen| observe::observed(seen, &owner));
    let complete = |info: &'static KindInfo| link.complete(info);
    let view = diff::View { observed: &observed, complete: &complete };
    // With everything going there is nothing that could be refused.
    diff::diff(&[], &work.inventory, view, diff::Options::finalizing()).unwrap_or_default()
}

/// The cluster cannot be cleaned up now: wait, or let go, as the deletion policy says.
fn wait_or_let_go(
    ctx: &Context,
    work: &mut Work<'_>,
    name: &str,
    since: Timestamp,
    (finding, again): (&Finding, Again),
) -> Result<(), Stop> {
    let (until, whose) = until(ctx, work, since);
    let patient = work.target.spec.deletion_policy.when_unreachable == WhenUnreachable::Wait && work.now < until;
    if patient {
        work.due_at(until);
        let message = format!(
            "Cluster {name} cannot be cleaned up: {}. It is tried until {whose}.",
            finding.message.trim_end_matches('.')
        );
        if work.found.terminating.is_some() {
            terminating(work, Reason::WaitingForCluster, message);
        }
        work.waits_for = Some(finding.message.clone());
        let again = match again {
            // The registration's news wakes the target; the end of patience must not be missed.
            Again::OnChange => Again::After(Duration::try_from(until.duration_since(work.now)).unwrap_or(PATIENCE)),
            other => other,
        };
        return Err(Stop::new(Reason::WaitingForCluster, again));
    }
    let_go(work, name, finding.reason);
    Ok(())
}

/// Gives up what is left in a cluster, and says what that is.
fn let_go(work: &mut Work<'_>, name: &str, why: Reason) {
    work.notices.push(Notice {
        warning: true,
        reason: Reason::Abandoned.as_str().to_owned(),
        message: format!(
            "Let go of cluster {name} without cleaning it up ({why}). Left behind there: {}.",
            listed(&work.inventory)
        ),
    });
    work.inventory.clear();
    work.unreachable = None;
    work.blocked = None;
    forget_cluster(work);
}

fn listed(inventory: &[InventoryEntry]) -> String {
    let mut names: Vec<String> =
        inventory.iter().take(NAMED).map(|entry| ObjectId::of_entry(entry).to_string()).collect();
    if inventory.len() > NAMED {
        names.push(format!("and {} more", inventory.len() - NAMED));
    }
    names.join(", ")
}

/// The Secret that carries our finalizer because of this target.
fn secret_in_use(ctx: &Context, work: &Work<'_>) -> Option<KubeConfigSecretRef> {
    let key = work.registration(&work.target.spec.cluster_ref.name);
    let named = resolve::registration(ctx, &key).ok().map(|registration| registration.spec.kube_config_secret_ref);
    named.or_else(|| work.cluster_secret.clone())
}

/// Takes our finalizer off the kubeconfig Secret, unless another target needs it.
async fn release_secret(ctx: &Context, work: &Work<'_>, at: Option<KubeConfigSecretRef>) -> Result<(), Stop> {
    let workspace = &work.key.workspace;
    let Some(KubeConfigSecretRef { namespace, name, .. }) = &at else { return Ok(()) };
    let known = match ctx.making.store.secret(workspace, namespace, name) {
        Some(secret) => Some(secret),
        // Somebody took its label away: it is watched no longer, and our finalizer may still be on it.
        None => match ctx.hub.secret(workspace, namespace, name).await {
            Ok(found) => found,
            Err(error) => return Err(publish::hub_failure(work, "the finalizer of the kubeconfig Secret", &error)),
        },
    };
    match known {
        Some(secret) if secret.ours && !needed(ctx, workspace, namespace, name, Some(work.key)) => {
            let result = ctx.hub.set_secret_finalizer(workspace, namespace, name, &secret, false).await;
            match result {
                Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
                Err(error) => Err(publish::hub_failure(work, "the finalizer of the kubeconfig Secret", &error)),
                Ok(()) => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// Whether a Secret is needed to clean up after a target other than `leaving`.
fn needed(ctx: &Context, workspace: &Workspace, namespace: &str, name: &str, leaving: Option<&Key>) -> bool {
    let registrations = ctx.making.store.registrations_of(workspace, namespace, name);
    if ctx.making.store.has_stray_targets(workspace, namespace, name, leaving) {
        return true;
    }
    // One that is being deleted is kept for what is still deployed with it, and serves nobody who would deploy anew.
    let going = ctx.making.store.secret(workspace, namespace, name).is_some_and(|secret| secret.deleting);
    let needs = |held: &Held| held.finalized && (held.deployed || !going);
    let mut users = registrations.iter().flat_map(|registration| ctx.making.store.users_of(registration));
    users.any(|user| Some(&user) != leaving && ctx.making.store.get(&user).is_some_and(|held| needs(&held)))
}

/// Lets go of Secrets that nobody needs any more: the last of their targets went at the same time as another, or their
/// registration went first.
pub async fn sweep_secrets(ctx: &Context) {
    for (workspace, namespace, name, secret) in ctx.making.store.secrets_in_use() {
        if !ctx.making.store.knows(&workspace) || needed(ctx, &workspace, &namespace, &name, None) {
            continue;
        }
        if let Err(error) = ctx.hub.set_secret_finalizer(&workspace, &namespace, &name, &secret, false).await {
            let error = Failure::of(Side::Hub, &error).message;
            tracing::info!(%workspace, namespace, name, error, "the finalizer of a Secret could not be removed; it is tried again");
        }
    }
}
