//! A ClusterRegistration: one probe of the physical cluster, for all targets that use it.
//!
//! A probe asks for the version, for the uid of kube-system and for the nodes, which are added up page by page and not
//! kept. A cluster that was reached before is given a second chance before its status turns: one lost packet is no outage.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use berthage_core::api::{ClusterInfo, ClusterRegistration, ConditionStatus, ResourceSummary};
use berthage_core::capacity::{self, NodeSum};
use berthage_core::key::Key;
use berthage_core::reason::Reason;
use berthage_core::status::registration::{Probe, Problem, READY};
use berthage_core::status::{conditions, registration};
use k8s_openapi::api::core::v1::{Namespace, Node};
use kube::Api;
use kube::api::{ApiResource, ListParams};
use serde_json::value::RawValue;

use super::{After, Context, resolve, writing};
use crate::access::pool::ConnectionKey;
use crate::access::{Failure, Side};
use crate::hub::Version;
use crate::wire::{Meta, Wire};

/// Nodes asked for at a time: 20 KiB each, and up to 80 where they hold many images (`access::Limits::page_bytes`).
const PAGE: u32 = 100;
/// Time for a whole probe: several requests, and pages of nodes.
const PROBE: Duration = Duration::from_mins(1);
/// Longest uid in bytes: an API server's are UUIDs.
const MAX_UID: usize = 64;
/// Delay before the second chance.
const SECOND_CHANCE: Duration = Duration::from_secs(2);
/// Failures in a row before a cluster that was reached counts as lost.
const CHANCES: u32 = 2;

pub(super) async fn reconcile(ctx: &Context, key: &Key) -> After {
    let Some(held) = ctx.making.store.get(key) else {
        ctx.connections.forget(&ConnectionKey { workspace: key.workspace.clone(), registration: key.name.clone() });
        ctx.downstream.forget(key);
        ctx.probes.reset(key);
        return rest(ctx, key);
    };
    let registration: ClusterRegistration = match held.decode() {
        Ok(registration) => registration,
        Err(error) => {
            tracing::warn!(%key, %error, "a ClusterRegistration does not fit its schema");
            let resync = ctx.options.probe_interval;
            let resync = ctx.bulkheads.probed(key).map_or(resync, |rest| rest.min(resync));
            return After::Blocked { reason: Reason::ObjectInvalid, resync };
        }
    };
    // Each request has its own limit, but a cluster that always has a page more must not keep a worker for ever.
    let result = tokio::time::timeout(PROBE, look(ctx, key, &registration)).await.unwrap_or_else(|_| {
        let message =
            format!("The cluster did not answer everything that is asked of it within {} s.", PROBE.as_secs());
        Err(Problem { reason: Reason::ClusterTimeout, message })
    });
    let old = registration.status.clone().unwrap_or_default();
    let was_ready = conditions::find(&old.conditions, READY).is_some_and(|ready| ready.status == ConditionStatus::True);
    match &result {
        Ok(_) => ctx.probes.reset(key),
        Err(problem) if passing(problem.reason) => {
            if ctx.probes.failed(key) < CHANCES && was_ready {
                return After::Settled(Some(SECOND_CHANCE));
            }
        }
        Err(_) => {}
    }
    let failed = result.as_ref().err().map(|problem| problem.reason);
    let new = registration::compute(&old, registration.metadata.generation, result, ctx.clock.now());
    if new != old {
        let at = Version { uid: held.uid(), resource_version: held.resource_version() };
        if let Err(stop) = writing::status(ctx, key, &at, &old, &new).await {
            // Whoever waits finds out for himself: a status that cannot be written must not hold up anybody.
            ctx.bulkheads.probed(key);
            return stop;
        }
    }
    // Only now: who is called reads the status that was written.
    let due = ctx.bulkheads.probed(key);
    let interval = stagger(key, ctx.options.probe_interval);
    let interval = due.map_or(interval, |due| due.min(interval));
    match failed {
        None => After::Settled(Some(interval)),
        Some(reason) if passing(reason) => After::Retry { reason, delay: None, due },
        Some(reason) => After::Blocked { reason, resync: interval },
    }
}

/// Of a registration that is gone: what is cleaned up in its cluster finds out by itself whether that answers. Where it did
/// not, nobody else asks for a while.
fn rest(ctx: &Context, key: &Key) -> After {
    if let Some(rest) = ctx.bulkheads.rest_of(key) {
        return After::Settled(Some(rest));
    }
    ctx.bulkheads.probed(key);
    After::Forget
}

/// Whether trying again may help although nothing changed on the hub.
fn passing(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::ClusterUnreachable
            | Reason::ClusterTimeout
            | Reason::ClusterTlsFailed
            | Reason::ClusterUnauthorized
            | Reason::ClusterForbidden
            | Reason::ClusterOverloaded
            | Reason::ClusterAnswerInvalid
            | Reason::SecretForbidden
            | Reason::HubWriteFailed
    )
}

/// The interval, up to a tenth shorter, by the key: a fleet's probes spread, and each keeps its rhythm.
fn stagger(key: &Key, interval: Duration) -> Duration {
    let mut hasher = DefaultHasher::new();
    key.to_string().hash(&mut hasher);
    let share = u32::try_from(hasher.finish() % 100).unwrap_or(0);
    interval.saturating_sub(interval * share / 1000)
}

async fn look(ctx: &Context, key: &Key, registration: &ClusterRegistration) -> Result<Probe, Problem> {
    let at = &registration.spec.kube_config_secret_ref;
    let secret = resolve::secret(ctx, &key.workspace, at)?;
    let connection = resolve::connect(ctx, key, at, &secret).await?;
    let client = connection.client;
    let version = client.apiserver_version().await.map_err(|error| problem(&error))?.git_version;
    let namespaces = Api::<Meta>::all_with(client.clone(), &ApiResource::erase::<Namespace>(&()));
    let system = namespaces.get("kube-system").await.map_err(|error| problem(&error))?;
    let uid = system.metadata.uid.filter(|uid| !uid.is_empty() && uid.len() <= MAX_UID).ok_or_else(|| Problem {
        reason: Reason::ClusterAnswerInvalid,
        message: "Its namespace kube-system has no uid that an API server would give: is it Kubernetes?".to_owned(),
    })?;
    let info =
        ClusterInfo { version: conditions::bounded(&version), uid, access: Some(connection.fingerprint.to_string()) };
    let (resources, limits) = match nodes(&client).await {
        Ok(resources) => (Some(resources), None),
        Err(error) => {
            let failure = Failure::of(Side::Physical, &error);
            if failure.code != Some(403) {
                return Err(Problem { reason: failure.reason, message: failure.message });
            }
            (None, Some("Its nodes may not be listed, so its capacity is not known: grant list on nodes.".to_owned()))
        }
    };
    Ok(Probe { info, resources, limits })
}

fn problem(error: &kube::Error) -> Problem {
    let failure = Failure::of(Side::Physical, error);
    Problem { reason: failure.reason, message: failure.message }
}

async fn nodes(client: &kube::Client) -> Result<ResourceSummary, kube::Error> {
    let api = Api::<Wire>::all_with(client.clone(), &ApiResource::erase::<Node>(&()));
    let mut sum = NodeSum::default();
    let mut page = ListParams::default().limit(PAGE);
    loop {
        let list = api.list(&page).await?;
        let next = list.metadata.continue_.filter(|token| !token.is_empty());
        for node in list.items {
            let (spec, status) = (node.spec.as_deref(), node.status.as_deref());
            let node = capacity::Node::read(spec.map(RawValue::get), status.map(RawValue::get));
            sum.add(&node.map_err(kube::Error::SerdeError)?);
        }
        match next {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(sum.summary()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use bytes::Bytes;
    use futures::StreamExt as _;
    use http_body_util::StreamBody;
    use hyper::body::Frame;
    use kube::Client;
    use kube::client::Body;
    use tower::BoxError;

    use super::*;
    use crate::access::connect;

    /// Bytes that a piece of the answer has.
    const PIECE: usize = 1 << 16;

    /// A cluster that answers everything with a list of 32 MiB of these objects, and how many pieces of it were read.
    fn cluster(object: &'static str) -> (Client, Arc<AtomicUsize>) {
        let read = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&read);
        let server = tower::service_fn(move |_: http::Request<Body>| {
            let count = Arc::clone(&count);
            let piece = Bytes::from(format!("{object},").repeat(PIECE / (object.len() + 1)));
            let pieces = (0..(32 << 20) / PIECE).map(move |at| {
                count.fetch_add(1, Ordering::Relaxed);
                let start = if at == 0 { r#"{"metadata":{},"items":["# } else { "" };
                Ok::<_, BoxError>(Frame::data(Bytes::from([start.as_bytes(), &piece].concat())))
            });
            let body = StreamBody::new(futures::stream::iter(pieces).boxed());
            std::future::ready(Ok::<_, BoxError>(http::Response::new(body)))
        });
        (connect::physical_of(server, &connect::Options::default()), read)
    }

    #[tokio::test]
    async fn a_page_of_millions_of_nodes_is_not_even_read() {
        for object in ["{}", r#"{"metadata":{"name":"a","uid":"b"}}"#] {
            let (client, read) = cluster(object);
            let error = nodes(&client).await.unwrap_err();
            assert_eq!(problem(&error).reason, Reason::ClusterAnswerInvalid);
            assert_eq!(read.load(Ordering::Relaxed), 1, "the first piece has too many");
        }
    }
}
