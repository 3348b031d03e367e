//! observe: what is known about a target, gathered from the store and the links into one value, and put into findings.
//! Nothing is asked for here but kube-system's uid before something is deleted.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use berthage_core::api::{ApiResource, ClusterRegistration, ClusterStatus, SyncerStatus};
use berthage_core::credential;
use berthage_core::diff::Observed;
use berthage_core::guard::granted;
use berthage_core::heartbeat::{Health, Heartbeat};
use berthage_core::key::Key;
use berthage_core::names::HUB_NAMESPACE;
use berthage_core::object::{KindInfo, ObjectId};
use berthage_core::plugin::{ApplyResult, Group, Input};
use berthage_core::reason::Reason;
use berthage_core::seal::SealContext;
use berthage_core::status::conditions;
use berthage_core::status::deployed::{self, Deployed, Rollout};
use berthage_core::status::target::{Finding, kind};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client};
use serde_json::{Value, json};

use super::resolve::Cluster;
use super::target::{OBSERVED, Work};
use super::{Again, Context, Making, Stop, apply, serving};
use crate::access::{Failure, Side};
use crate::downstream::{Link, Seen};
use crate::store::{Held, Source};
use crate::wire::Meta;

/// Everything that hooks, templates and the guard may know of a target.
pub(crate) struct Snapshot {
    /// The hooks' input; reads are filled in by `plan`.
    pub input: Input,
    /// What the target asks for and the cluster accepts.
    pub granted: Vec<ApiResource>,
}

/// Notes what the registration says of the cluster, and stops when it is another cluster than the one deployed to.
pub(super) fn cluster(work: &mut Work<'_>, cluster: &Cluster) -> Result<(), Stop> {
    known(work, cluster);
    let uid = cluster.uid();
    let moved = work.cluster.as_deref().is_some_and(|name| *name != *cluster.key.name);
    if let Some(deployed_to) = work.cluster_uid.clone()
        && !moved
        && deployed_to != uid
    {
        let message = format!(
            "Another cluster answers at the address of ClusterRegistration {} (kube-system has uid {uid}, the syncer was deployed to {deployed_to}). \
             Correct the kubeconfig, or delete this SyncTarget and create it again.",
            cluster.key.name
        );
        return Err(work.disconnect(Finding::bad(Reason::ClusterReplaced, message), Again::OnChange));
    }
    work.found.cluster_connected = Some(Finding::good(format!("ClusterRegistration {} answers.", cluster.key.name)));
    Ok(())
}

/// Copies what a registration's probe found.
fn known(work: &mut Work<'_>, cluster: &Cluster) {
    if work.cluster.as_deref() == Some(&*cluster.key.name) {
        work.cluster_secret = Some(cluster.secret_ref().clone());
    }
    let Some(status) = &cluster.registration.status else { return };
    let (info, summary) = (status.cluster_info.as_ref(), status.resource_summary.as_ref());
    if let Some(summary) = summary {
        work.found.capacity = Some(summary.capacity.clone());
        work.found.allocatable = Some(summary.allocatable.clone());
    }
    work.found.cluster = Some(ClusterStatus {
        name: work.cluster.clone(),
        uid: work.cluster_uid.clone(),
        secret_ref: work.cluster_secret.clone(),
        version: info.map(|info| info.version.clone()),
        nodes: summary.map(|summary| summary.nodes),
    });
}

/// The snapshot for the hooks.
pub(super) fn snapshot(
    making: &Making,
    work: &mut Work<'_>,
    registration: Option<&ClusterRegistration>,
) -> Result<Snapshot, Stop> {
    let spec = &work.target.spec;
    let (allowed, refused) = granted(
        &spec.supported_api_resources,
        registration.map_or(&[][..], |registration| &registration.spec.accepted_workload_types),
    );
    let info = registration.and_then(|found| found.status.as_ref()?.cluster_info.as_ref());
    let facts = json!({
        "workspace": work.key.workspace.as_str(),
        "names": {
            "id": work.names.id,
            "namespace": work.namespace(),
            "syncer": work.names.syncer,
            "downstreamRole": work.names.downstream_role,
            "kubeconfigSecret": work.names.kubeconfig_secret,
            "hub": work.names.hub,
            "hubNamespace": HUB_NAMESPACE,
        },
        "defaults": { "image": making.syncer_image },
        "cluster": {
            "name": spec.cluster_ref.name,
            "version": info.map_or("", |info| info.version.as_str()),
            "uid": info.map_or("", |info| info.uid.as_str()),
        },
        "credential": {
            "type": spec.credentials.type_,
            "secretName": work.names.kubeconfig_secret,
        },
        "granted": allowed,
        "refused": refused,
    });
    let subject = subject(&work.held).map_err(|error| {
        let message = format!("The object cannot be read: {error}.");
        work.block(Finding::bad(Reason::ObjectInvalid, message), Again::OnChange)
    })?;
    let input = Input {
        subject,
        facts,
        reads: Vec::<Group>::new(),
        results: Vec::<ApplyResult>::new(),
        now: work.now.to_string(),
        attempt: work.attempt,
    };
    Ok(Snapshot { input, granted: allowed })
}

/// The object for the hooks: without status, which is our own writing, and without what changes with every write.
fn subject(held: &Held) -> Result<Value, serde_json::Error> {
    let mut subject: Value = held.decode()?;
    if let Some(fields) = subject.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = subject.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("resourceVersion");
    }
    Ok(subject)
}

/// Who owns what is made.
pub(super) fn seal_context<'a>(work: &'a Work<'_>) -> SealContext<'a> {
    SealContext {
        names: &work.names,
        namespace: work.namespace(),
        workspace: &work.key.workspace,
        name: &work.key.name,
        uid: work.held.uid(),
    }
}

/// A seen object as the diff wants it.
pub(super) fn observed(seen: Seen, owner: &str) -> Observed {
    Observed {
        ours: seen.owner.as_deref() == Some(owner),
        marker: seen.marker(),
        uid: seen.uid,
        deleting: seen.deleting,
    }
}

/// Whether a reason says that the cluster cannot be talked to, rather than that it refused one object.
pub(super) const fn is_connection(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::ClusterUnreachable
            | Reason::ClusterTimeout
            | Reason::ClusterTlsFailed
            | Reason::ClusterUnauthorized
            | Reason::ClusterAnswerInvalid
            | Reason::ClusterOverloaded
    )
}

/// Asks the cluster who it is, before anything is deleted in it.
pub(super) async fn same_cluster(work: &mut Work<'_>, client: &Client) -> Result<(), Stop> {
    let namespaces = Api::<Meta>::all_with(client.clone(), &kube::api::ApiResource::erase::<Namespace>(&()));
    let found = match namespaces.get("kube-system").await {
        Ok(namespace) => namespace.metadata.uid.unwrap_or_default(),
        Err(error) => {
            let failure = Failure::of(Side::Physical, &error);
            let again = apply::again(failure.retry);
            return Err(work.disconnect(Finding::bad(failure.reason, failure.message), again));
        }
    };
    if work.cluster_uid.as_ref().is_some_and(|uid| *uid != found) {
        let message = "Another cluster answers at this address; nothing is deleted in it.".to_owned();
        return Err(work.disconnect(Finding::bad(Reason::ClusterReplaced, message), Again::OnChange));
    }
    Ok(())
}

/// With --observe-only: what would be done is not done; what is, is reported.
pub(super) fn only(work: &mut Work<'_>) -> Stop {
    let finding = Finding::bad(Reason::ObserveOnly, OBSERVED);
    work.block(finding, Again::OnChange)
}

/// After so long a rollout is looked at without being told of it.
const ROLLOUT: Duration = Duration::from_secs(30);

/// Puts everything that was found into the assessment.
pub(super) fn conclude(ctx: &Context, work: &mut Work<'_>) {
    let link = work.cluster.as_deref().and_then(|name| ctx.downstream.existing(&work.registration(name)));
    let rollout = link.as_deref().and_then(|link| rollout(work, link));
    heartbeat(ctx, work);
    credentials(work);
    let finding = deployed::assess(&Deployed {
        failure: work.blocked.as_ref(),
        applied: work.applied,
        any: work.inventory.iter().any(|entry| entry.hash.is_some()),
        rollout: rollout.as_ref(),
        missing: link
            .as_deref()
            .zip(KindInfo::find("apps/v1", "Deployment"))
            .is_some_and(|(link, info)| link.complete(info)),
        fight: work.found.drifted.as_ref().filter(|drifted| drifted.reason == Reason::DriftFight),
        unreachable: work.unreachable.as_ref(),
    });
    // After a restart the Deployment is not seen yet: what was published stands until it is.
    let blind = rollout.is_none() && finding.reason == Reason::RolloutProgressing;
    let before = conditions::find(&work.published.conditions, kind::SYNCER_DEPLOYED);
    let since = before.map(|condition| condition.last_transition_time);
    if finding.reason == Reason::RolloutProgressing {
        // The link that would tell of its end may have been dropped for another's. Ever more seldom, as some never end.
        let lasts = since.and_then(|since| Duration::try_from(work.now.duration_since(since)).ok());
        let lasts = lasts.unwrap_or_default();
        work.due_in(lasts.max(ROLLOUT));
    }
    if let Some(name) = work.cluster.as_deref() {
        let rolls_out = finding.reason == Reason::RolloutProgressing;
        ctx.downstream.expect_news(&work.registration(name), work.key, rolls_out.then_some(ROLLOUT));
    }
    let told = since.is_some();
    work.found.syncer_deployed = (!blind || !told).then_some(finding);
    // A deletion of what is paused is worked off all the same.
    work.found.held = work.held_back(ctx).filter(|held| held.reason == Reason::ObserveOnly || !work.is_leaving());
    if work.found.drifted.is_none() {
        work.found.drifted = Some(if work.inventory.iter().all(|entry| entry.hash.is_none()) {
            Finding::unknown(Reason::NotYetKnown, "Nothing is deployed.")
        } else if let Some(unreachable) = &work.unreachable {
            Finding::unknown(unreachable.reason, "It cannot be seen while the cluster is not connected.")
        } else {
            Finding::bad(Reason::AsExpected, "Everything is as it was applied.")
        });
    }
    let before = work.published.syncer.clone().unwrap_or_default();
    work.found.syncer = Some(SyncerStatus {
        image: rollout.as_ref().map_or(before.image, |rollout| rollout.image.clone()),
        version: lease(ctx, work).map_or(before.version, |heartbeat| Some(heartbeat.version.clone())),
        replicas: rollout.as_ref().map_or(before.replicas, |rollout| Some(rollout.replicas)),
        ready_replicas: rollout.as_ref().map_or(before.ready_replicas, |rollout| Some(rollout.ready)),
        revision: work.revision.clone(),
        credential: work.credential.clone(),
    });
    let mut cluster = work.found.cluster.take().or_else(|| work.published.cluster.clone()).unwrap_or_default();
    cluster.name.clone_from(&work.cluster);
    cluster.uid.clone_from(&work.cluster_uid);
    cluster.secret_ref.clone_from(&work.cluster_secret);
    work.found.cluster = Some(cluster);
    work.found.inventory = Some(work.inventory.clone());
}

fn rollout(work: &Work<'_>, link: &Link) -> Option<Rollout> {
    let entry = work.inventory.iter().find(|entry| entry.kind == "Deployment")?;
    link.seen(&work.names.id, &ObjectId::of_entry(entry))?.rollout
}

fn lease(ctx: &Context, work: &Work<'_>) -> Option<Arc<Heartbeat>> {
    ctx.making.store.lease(&work.key.workspace, &work.names.hub)?.heartbeat
}

fn heartbeat(ctx: &Context, work: &mut Work<'_>) {
    let heartbeat = lease(ctx, work);
    let interval = work.target.spec.syncer_config.heartbeat_interval.get();
    let health = Health::assess(heartbeat.as_deref(), work.held.uid(), interval, work.now);
    work.found.syncer_healthy = Some(health.finding());
    if let Health::Healthy { until, .. } = health {
        work.due_at(until);
    }
    work.found.heartbeat_at = heartbeat.map(|heartbeat| heartbeat.renewed_at);
}

fn credentials(work: &mut Work<'_>) {
    if work.found.credentials_valid.is_some() {
        return;
    }
    let finding = credential::finding(work.credential.as_ref(), work.now);
    work.found.credentials_valid = Some(finding);
}

/// Everything that a run reads, by version, as a short hash: equal means that a run would come to the same end.
pub(super) fn fingerprint(ctx: &Context, key: &Key, held: &Held, now: Timestamp) -> Vec<u8> {
    let mut hasher = DefaultHasher::new();
    (held.uid(), held.resource_version()).hash(&mut hasher);
    // What the tenant lets us do, and whether the workspace is about to end.
    ctx.making.store.tenancy(&key.workspace).hash(&mut hasher);
    let names = berthage_core::names::TargetNames::new(&key.workspace, held.uid());
    for registration in held.registrations() {
        let registration = Key::registration(&key.workspace, registration);
        if let Some(found) = ctx.making.store.get(&registration) {
            (found.uid(), found.resource_version()).hash(&mut hasher);
            let (namespace, name) = found.secret();
            if let Some(secret) = ctx.making.store.secret(&key.workspace, namespace, name) {
                (secret.uid, secret.resource_version).hash(&mut hasher);
            }
        }
        if let Some(link) = ctx.downstream.existing(&registration) {
            link.digest(&names.id).hash(&mut hasher);
        }
    }
    ctx.making.store.versions_read(key).hash(&mut hasher);
    if let Some(lease) = ctx.making.store.lease(&key.workspace, &names.hub) {
        true.hash(&mut hasher);
        if let Some(heartbeat) = lease.heartbeat {
            // A syncer that comes back after a silence writes the same as before, but for the time.
            heartbeat.is_fresh(now).hash(&mut hasher);
            (&heartbeat.version, &heartbeat.credential_serial, &heartbeat.target_uid).hash(&mut hasher);
        }
    }
    for source in [Source::ClusterRoles, Source::ClusterRoleBindings] {
        ctx.making.store.identity(source, &key.workspace, &names.hub).hash(&mut hasher);
    }
    for plugin in ctx.making.plugins.all() {
        (plugin.name(), plugin.digest().map(|digest| *digest.as_bytes()), plugin.health().error().is_some())
            .hash(&mut hasher);
    }
    serving::fingerprint(&ctx.making, &key.workspace, &mut hasher);
    ctx.making.library.revision(&key.workspace).hash(&mut hasher);
    hasher.finish().to_be_bytes().to_vec()
}

/// A link, shared.
pub(super) fn link(ctx: &Context, cluster: &Cluster) -> Arc<Link> {
    ctx.downstream.link(&cluster.key, &cluster.connection)
}

/// How long a target waits for the first list of what it has deployed. A watch that brings none by then is broken, which
/// must not keep the target from being reconciled.
const FIRST_LOOK: Duration = Duration::from_secs(5);

/// After a restart nothing is known of what was deployed: plugins and templates would be asked in vain, and once more when
/// the lists are there.
pub(super) fn first_look(ctx: &Context, work: &Work<'_>, cluster: &Cluster) -> Result<(), Stop> {
    if work.inventory.is_empty() {
        return Ok(());
    }
    let link = link(ctx, cluster);
    watch(work, &link);
    match FIRST_LOOK.checked_sub(link.age()).filter(|left| !left.is_zero()) {
        Some(left) if !link.all_complete() => Err(Stop::new(Reason::Progressing, Again::Within(left))),
        _ => Ok(()),
    }
}

/// Watches every kind of which something was deployed.
pub(super) fn watch(work: &Work<'_>, link: &Arc<Link>) {
    for info in work.inventory.iter().filter_map(|entry| KindInfo::find(&entry.api_version, &entry.kind)) {
        link.watch(info);
    }
}

/// Whether the object of an inventory entry is not as it was left, as far as is seen.
pub(super) fn touched(work: &Work<'_>, link: &Link, kind: &str) -> bool {
    let Some(entry) = work.inventory.iter().find(|entry| entry.kind == kind) else { return false };
    let Some(info) = KindInfo::find(&entry.api_version, &entry.kind) else { return false };
    match link.seen(&work.names.id, &ObjectId::of_entry(entry)) {
        Some(seen) => Some(&seen.marker()) != entry.seen.as_ref() || Some(&seen.uid) != entry.uid.as_ref(),
        None => link.complete(info),
    }
}
