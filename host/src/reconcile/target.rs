//! A SyncTarget: the pipeline on one screen, and what a run carries from step to step.

use std::collections::BTreeSet;
use std::time::Duration;

use berthage_core::api::{
    ConditionStatus, CredentialStatus, InventoryEntry, KubeConfigSecretRef, SyncTarget, SyncTargetStatus,
};
use berthage_core::key::Key;
use berthage_core::names::{TARGET_FINALIZER, TargetNames};
use berthage_core::reason::Reason;
use berthage_core::status::target::{Assessment, Finding};
use berthage_core::status::transitions::Notice;
use jiff::Timestamp;

use super::bulkhead::{self, Pass, TurnedAway};
use super::resolve::Cluster;
use super::serving::Serving;
use super::{After, Again, Context, Stop, apply, detach, issue, observe, plan, publish, render, resolve, tenancy};
use crate::store::{Held, Read, Tenancy};

/// What --observe-only means.
pub(super) const OBSERVED: &str = "The controller runs with --observe-only and changes nothing.";

/// What one run works on and has found out so far.
pub(crate) struct Work<'a> {
    /// Which target.
    pub key: &'a Key,
    /// The object in the version that this run stands on; writes move it on.
    pub held: Held,
    /// The object.
    pub target: SyncTarget,
    /// Its status as it is on the hub.
    pub published: SyncTargetStatus,
    /// The names of what belongs to it.
    pub names: TargetNames,
    /// The only reading of the clock.
    pub now: Timestamp,
    /// Failures in a row before this run.
    pub attempt: u32,
    /// What was found out.
    pub found: Assessment,
    /// Our objects downstream, as this run leaves them.
    pub inventory: Vec<InventoryEntry>,
    /// The registration that the inventory belongs to.
    pub cluster: Option<String>,
    /// uid of that cluster.
    pub cluster_uid: Option<String>,
    /// The Secret that that cluster was reached with.
    pub cluster_secret: Option<KubeConfigSecretRef>,
    /// Since when the workspace is being deleted, or its binding: nothing is deployed there any more.
    pub leaving: Option<Timestamp>,
    /// The syncer's credential.
    pub credential: Option<CredentialStatus>,
    /// Whether the object went with its last finalizer: there is nothing left to write a status to.
    pub gone: bool,
    /// Hash of what was rendered, once everything of it is applied.
    pub revision: Option<String>,
    /// Why the last revision could not be made or applied.
    pub blocked: Option<Finding>,
    /// The lines of a template that are wrong, for who renders at a terminal.
    pub excerpt: Option<String>,
    /// Why the cluster cannot be asked.
    pub unreachable: Option<Finding>,
    /// Why a cluster that is to be left cannot be cleaned up yet.
    pub waits_for: Option<String>,
    /// The plugins that serve the target, once they were asked for.
    pub serving: Option<Serving>,
    /// What plugins have read in this run, besides what the target names.
    pub reads: BTreeSet<Read>,
    /// Whether this run wrote anything anywhere.
    pub wrote: bool,
    /// Who says that the target is as it is held.
    pub word: Word,
    /// Whether every desired object is as desired.
    pub applied: bool,
    /// News for people, besides what the conditions' transitions tell.
    pub notices: Vec<Notice>,
    /// What plugins want to be told: it is, in a run that changes something.
    pub notes: Vec<Notice>,
    /// The earliest time at which something is due although nothing changes.
    pub due: Option<Duration>,
}

/// Who says that a target is as it is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    /// A list or a watch, some time ago.
    Watch,
    /// The hub, in this run: see [`publish::live`].
    Hub,
}

impl Work<'_> {
    /// Notes that something is due after that time.
    pub(crate) fn due_in(&mut self, delay: Duration) {
        self.due = Some(self.due.map_or(delay, |due| due.min(delay)));
    }

    /// Notes that something is due at that time.
    pub(crate) fn due_at(&mut self, at: Timestamp) {
        self.due_in(Duration::try_from(at.duration_since(self.now)).unwrap_or(Duration::ZERO));
    }

    /// Notes why the revision cannot be made or applied, and stops.
    pub(crate) fn block(&mut self, finding: Finding, again: Again) -> Stop {
        let stop = Stop::new(finding.reason, again);
        self.blocked = Some(finding);
        stop
    }

    /// Notes that the cluster cannot be used, and stops.
    pub(crate) fn disconnect(&mut self, finding: Finding, again: Again) -> Stop {
        let stop = Stop::new(finding.reason, again);
        self.found.cluster_connected = Some(finding.clone());
        self.unreachable = Some(finding);
        stop
    }

    /// The key of the registration of that name in the target's workspace.
    pub(crate) fn registration(&self, name: &str) -> Key {
        Key::registration(&self.key.workspace, name)
    }

    /// The namespace downstream.
    pub(crate) fn namespace(&self) -> &str {
        self.target.spec.syncer_config.downstream_namespace.as_deref().unwrap_or(&self.names.namespace)
    }

    /// Whether the target is to be taken off its cluster for good.
    pub(crate) const fn is_leaving(&self) -> bool {
        self.held.deleting || self.leaving.is_some()
    }

    /// Why nothing may be changed downstream, apart from credentials, where that is so.
    pub(crate) fn held_back(&self, ctx: &Context) -> Option<Finding> {
        let (reason, message) = match (ctx.options.observe_only, self.target.spec.paused) {
            (true, _) => (Reason::ObserveOnly, OBSERVED),
            (false, true) => (Reason::Paused, "Nothing is changed in the physical cluster while spec.paused is true."),
            (false, false) => return None,
        };
        Some(Finding { status: ConditionStatus::True, reason, message: message.to_owned() })
    }
}

/// The pipeline. Each line is a module; the comment says what it may do.
async fn advance(ctx: &Context, work: &mut Work<'_>) -> Result<(), Stop> {
    let cluster = find_cluster(ctx, work).await?; //                   reads the hub: registration, Secret
    detach::leave_other_cluster(ctx, work, &cluster).await?; //         only after clusterRef was moved
    observe::first_look(ctx, work, &cluster)?; //                      after a restart: what was deployed is listed first
    let snapshot = observe::snapshot(&ctx.making, work, Some(&cluster.registration))?; // what is known, as one value
    let (plan, input) = plan::plan(&ctx.making, work, &snapshot)?; //   the reconciler plugin
    let objects = render::objects(&ctx.making, work, &snapshot, &plan)?; //     templates, transformers, seal, guard
    ctx.making.store.reads_only(work.key, &work.reads); //             what was read wakes it, and nothing else does
    if ctx.options.observe_only {
        // What a controller has deployed is watched, to report truthfully what became of it.
        if !work.inventory.is_empty() {
            observe::watch(work, &observe::link(ctx, &cluster));
        }
        return Err(observe::only(work));
    }
    publish::finalizers(ctx, work, &cluster).await?; //                 writes the hub, before anything else is written
    let link = observe::link(ctx, &cluster);
    let credential = issue::credential(ctx, work, &link).await?; //     writes the hub: the syncer's identity
    apply::apply(ctx, work, &cluster, &link, objects, credential).await?; //   writes the physical cluster
    plan::report(&ctx.making, work, &input)
}

async fn find_cluster(ctx: &Context, work: &mut Work<'_>) -> Result<Cluster, Stop> {
    let key = work.registration(&work.target.spec.cluster_ref.name);
    match resolve::cluster(ctx, &key).await {
        Ok(cluster) => {
            observe::cluster(work, &cluster)?;
            Ok(cluster)
        }
        Err((finding, stop)) => {
            work.disconnect(finding, stop.retry);
            Err(stop)
        }
    }
}

pub(super) async fn reconcile(ctx: &Context, key: &Key, attempt: u32) -> After {
    let Some(held) = ctx.making.store.get(key) else {
        ctx.memos.forget(key);
        ctx.downstream.gone(key);
        return After::Forget;
    };
    let registrations: Vec<Key> = held.registrations().map(|name| Key::registration(&key.workspace, name)).collect();
    let after = look_at(ctx, key, held, attempt).await;
    if !matches!(after, After::NotRun(_)) {
        for registration in registrations {
            ctx.downstream.ran(&registration, key);
        }
    }
    after
}

async fn look_at(ctx: &Context, key: &Key, held: Held, attempt: u32) -> After {
    let now = ctx.clock.now();
    let memo = Memo::of(ctx, key, &held, now);
    if let Some(known) = ctx.memos.get(key)
        && known.same(&memo)
        && known.until.is_none_or(|until| now < until)
    {
        return After::Settled(
            known.until.map(|until| Duration::try_from(until.duration_since(now)).unwrap_or_default()),
        );
    }
    let (held, target) = match readable(held) {
        Ok(readable) => readable,
        Err((held, error)) => return publish::unreadable(ctx, key, &held, &error).await,
    };
    let mut work = start(key, held, target, now, attempt);
    let tenancy = ctx.making.store.tenancy(&key.workspace);
    work.leaving = tenancy.as_ref().and_then(Tenancy::ending);
    work.found.claims = tenancy.as_ref().and_then(tenancy::claims);
    let passes = match admitted(ctx, &work).and_then(|()| passes(ctx, &work)) {
        Ok(passes) => passes,
        Err(why) => match turned_away(ctx, &work, why) {
            Some(wait) => return After::NotRun(wait),
            None => {
                let message = "It gave no answer a moment ago.";
                work.unreachable = Some(Finding::bad(Reason::ClusterTimeout, message));
                Vec::new()
            }
        },
    };
    // Boxed: the pipeline's state is large, and the queue's workers hold it while they wait.
    let after = Box::pin(run(ctx, &mut work, memo)).await;
    drop(passes);
    after
}

/// Whether what is in the cluster that this run is about is watched, or may be from now on; it is called when it may. A cluster
/// that cannot be used is not watched.
fn admitted(ctx: &Context, work: &Work<'_>) -> Result<(), TurnedAway> {
    let is_at = work.cluster.as_ref().filter(|_| work.is_leaving());
    let name = is_at.unwrap_or(&work.target.spec.cluster_ref.name);
    let key = work.registration(name);
    let usable =
        resolve::registration(ctx, &key).is_ok_and(|registration| resolve::probed(&registration, name).is_ok());
    // Who has changed what is there looks at it now; who comes for the first time may wait.
    let changed = work.target.metadata.generation != work.published.observed_generation;
    let hurry = work.is_leaving() || (changed && !work.inventory.is_empty());
    if !usable || ctx.downstream.admits(&key, work.key, hurry) {
        return Ok(());
    }
    for other in work.held.registrations().map(|name| work.registration(name)).filter(|other| *other != key) {
        ctx.downstream.passes_by(&other, work.key);
    }
    Err(TurnedAway::Full)
}

/// The right to ask the clusters that this run may have to do with: where the target is to be, and where it is.
fn passes(ctx: &Context, work: &Work<'_>) -> Result<Vec<Pass>, TurnedAway> {
    let wanted = Some(&work.target.spec.cluster_ref.name).filter(|_| !work.is_leaving());
    let is_at = work.cluster.as_ref().filter(|name| Some(*name) != wanted && !work.inventory.is_empty());
    let enter = |name: &String| ctx.bulkheads.enter(&work.registration(name), work.key);
    wanted.into_iter().chain(is_at).map(enter).collect()
}

/// How long a target that is turned away waits; until then everything is as it was said last. It is called when there
/// is room, or when a silent cluster was probed. Nothing probes one whose registration is gone: a target whose patience with
/// such a one has come to its end does not wait at all.
fn turned_away(ctx: &Context, work: &Work<'_>, why: TurnedAway) -> Option<Duration> {
    let resync = work.target.spec.syncer_config.resync_period.get();
    let Some(until) = detach::end_of_patience(ctx, work) else { return Some(resync) };
    let left = Duration::try_from(until.duration_since(work.now)).unwrap_or_default();
    if !left.is_zero() {
        return Some(resync.min(left));
    }
    let probed = work.cluster.as_ref().is_some_and(|name| ctx.making.store.get(&work.registration(name)).is_some());
    (why == TurnedAway::Full || probed).then_some(resync)
}

/// A run, once nothing stands in its way.
async fn run(ctx: &Context, work: &mut Work<'_>, memo: Memo) -> After {
    let key = work.key;
    // kcp removes a workspace's Secrets before it touches its SyncTargets: the end of the workspace is the sign to go.
    let deleting = work.is_leaving();
    if deleting && !has_finalizer(&work.target) {
        ctx.memos.forget(key);
        return After::Settled(None);
    }
    let result = if deleting { detach::detach(ctx, work).await } else { advance(ctx, work).await };
    if !deleting {
        // A clean-up heeds the cluster that it is about, which may be another one.
        let cluster = work.registration(&work.target.spec.cluster_ref.name);
        bulkhead::heed(ctx, &cluster, work.unreachable.as_ref());
    }
    observe::conclude(ctx, work);
    let published = publish::status(ctx, work).await;
    // A status that was not told is told soon, also where nothing else would have the target looked at again.
    let after = conclude(work, published.and(result));
    match after {
        // What was looked at before the run is what it stands on. After a run that wrote something that would be out of
        // date, and a look taken now might hide what came meanwhile: the next run looks again.
        After::Settled(due) if !work.wrote => {
            let until = due.and_then(|due| work.now.checked_add(due).ok());
            ctx.memos.put(key, Memo { until, ..memo });
        }
        _ => ctx.memos.forget(key),
    }
    after
}

/// The target, decoded. Of one that is being deleted, what its clean-up does not need may be unreadable.
fn readable(held: Held) -> Result<(Held, SyncTarget), (Held, serde_json::Error)> {
    let error = match held.decode() {
        Ok(target) => return Ok((held, target)),
        Err(error) => error,
    };
    let less = held.without_values().ok().filter(|_| held.deleting);
    match less.and_then(|held| held.decode().ok().map(|target| (held, target))) {
        Some(readable) => Ok(readable),
        None => Err((held, error)),
    }
}

fn has_finalizer(target: &SyncTarget) -> bool {
    target.metadata.finalizers.iter().flatten().any(|finalizer| finalizer == TARGET_FINALIZER)
}

pub(super) fn start(key: &Key, held: Held, target: SyncTarget, now: Timestamp, attempt: u32) -> Work<'_> {
    let published = target.status.clone().unwrap_or_default();
    let names = TargetNames::new(&key.workspace, held.uid());
    let syncer = published.syncer.clone().unwrap_or_default();
    let cluster = published.cluster.clone().unwrap_or_default();
    Work {
        key,
        names,
        now,
        attempt,
        found: Assessment { generation: target.metadata.generation, ..Assessment::default() },
        inventory: published.inventory.clone(),
        cluster: cluster.name,
        cluster_uid: cluster.uid,
        cluster_secret: cluster.secret_ref,
        leaving: None,
        credential: syncer.credential,
        revision: syncer.revision,
        gone: false,
        serving: None,
        reads: BTreeSet::new(),
        wrote: false,
        word: Word::Watch,
        blocked: None,
        excerpt: None,
        unreachable: None,
        waits_for: None,
        applied: !published.inventory.is_empty() && published.inventory.iter().all(|entry| entry.hash.is_some()),
        notices: Vec::new(),
        notes: Vec::new(),
        due: None,
        held,
        published,
        target,
    }
}

fn conclude(work: &Work<'_>, result: Result<(), Stop>) -> After {
    let resync = work.target.spec.syncer_config.resync_period.get();
    let due = work.due.map_or(resync, |due| due.min(resync));
    match result {
        Ok(()) => After::Settled(Some(due)),
        Err(Stop { retry: Again::OnChange, reason }) => match reason {
            // Held back on purpose is no failure.
            Reason::Paused | Reason::ObserveOnly | Reason::CleanedUp => After::Settled(Some(due)),
            _ => After::Blocked { reason, resync: due },
        },
        Err(Stop { retry: Again::Within(delay), .. }) => After::Settled(Some(delay)),
        Err(Stop { retry: Again::Backoff, reason }) => After::Retry { reason, delay: None, due: work.due },
        Err(Stop { retry: Again::After(delay), reason }) => After::Retry { reason, delay: Some(delay), due: work.due },
    }
}

/// What a target looked like when nothing was left to do. While it looks the same and nothing is due, a run ends at once.
///
/// It holds everything that a run reads, by version: the hub's objects, what is seen downstream, plugins and templates.
#[derive(Debug, Clone, PartialEq)]
pub struct Memo {
    seen: Vec<u8>,
    until: Option<Timestamp>,
}

impl Memo {
    fn of(ctx: &Context, key: &Key, held: &Held, now: Timestamp) -> Self {
        Self { seen: observe::fingerprint(ctx, key, held, now), until: None }
    }

    fn same(&self, other: &Self) -> bool {
        self.seen == other.seen
    }
}
