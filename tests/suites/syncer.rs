//! The real syncer, with its Secret mounted as a kubelet mounts it.

use std::time::Duration;

use berthage_core::api::{ConditionStatus, SyncTarget};
use berthage_core::names::HUB_NAMESPACE;
use berthage_core::status::target::kind;
use berthage_e2e::proxy::{Before, Proxy, Request};
use berthage_e2e::wait::{self, PATIENCE};
use berthage_e2e::world::fresh_name;
use k8s_openapi::ByteString;
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use serde_json::json;

use crate::stage::running::Syncer;
use crate::stage::site::{Site, kubeconfig_in};
use crate::stage::target::{Target, is_ready, merged, status, target};
use crate::stage::{Hub, Result, Shared, shared};

/// Onboards a target whose syncer beats every second.
async fn beating(hub: &Hub<'_>, site: &Site<'_>, prefix: &str) -> Result<Target> {
    let name = fresh_name(prefix);
    hub.register(&name, &site.kubeconfig()).await?;
    let beats = json!({ "spec": { "syncerConfig": { "heartbeatInterval": "1s" } } });
    let target = hub.create(merged(target(&name, &name), &beats)).await?;
    hub.ready(&target).await?;
    Ok(target)
}

fn leases(hub: &Hub<'_>) -> Api<Lease> {
    Api::namespaced(hub.client.clone(), HUB_NAMESPACE)
}

fn holder(lease: &Lease) -> Option<&str> {
    lease.spec.as_ref()?.holder_identity.as_deref().filter(|holder| !holder.is_empty())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_running_syncer_is_seen_and_its_silence_too() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let target = beating(&hub, &east, "beating").await?;
    let syncer = east.syncer(&target).await?;
    syncer.answers("readyz").await?;
    let found = hub.has(&target, kind::SYNCER_HEALTHY, ConditionStatus::True, "AsExpected").await?;
    assert!(is_ready(&found));
    let seen = status(&found);
    assert!(seen.last_heartbeat_time.is_some(), "no lastHeartbeatTime");
    assert_eq!(seen.syncer.and_then(|syncer| syncer.version).as_deref(), Some(env!("CARGO_PKG_VERSION")));
    syncer.answers("healthz").await?;

    syncer.process.kill().await;
    let lost = hub.has(&target, kind::SYNCER_HEALTHY, ConditionStatus::False, "HeartbeatLost").await?;
    assert!(!is_ready(&lost), "Ready without a heartbeat");
    hub.told(&target, "HeartbeatLost", "").await?;

    let syncer = east.syncer(&target).await?;
    hub.ready(&target).await?;
    hub.has(&target, kind::SYNCER_HEALTHY, ConditionStatus::True, "AsExpected").await?;
    // It leaves in order: the next one need not wait for the end of its Lease.
    let status = syncer.process.terminate(Duration::from_secs(20)).await;
    assert!(status.success(), "{status}");
    let free = |lease: &Lease| holder(lease).is_none();
    wait::until(&leases(&hub), &target.names.hub, "the Lease being given back", PATIENCE, free).await?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn heartbeats_alone_write_no_status() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let target = beating(&hub, &east, "steady").await?;
    let _syncer = east.syncer(&target).await?;
    let found = hub.has(&target, kind::SYNCER_HEALTHY, ConditionStatus::True, "AsExpected").await?;
    let renewed = |lease: &Lease| lease.spec.as_ref().and_then(|spec| spec.renew_time.clone());
    let api = leases(&hub);
    let first = renewed(&api.get(&target.names.hub).await?).ok_or("no renewTime")?;
    // More than three beats later nothing was written to the target.
    let later = |lease: &Lease| {
        renewed(lease).is_some_and(|time| time.0.duration_since(first.0) > jiff::SignedDuration::from_secs(4))
    };
    wait::until(&api, &target.names.hub, "five heartbeats", PATIENCE, later).await?;
    assert_eq!(hub.get(&target).await?.metadata.resource_version, found.metadata.resource_version);
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_syncer_ends_with_its_target() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let target = beating(&hub, &east, "ending").await?;
    let syncer = east.syncer(&target).await?;
    syncer.answers("readyz").await?;
    hub.remove(&target).await?;
    let ended = async { Ok(syncer.process.ended().await) };
    let status = tokio::time::timeout(PATIENCE, ended).await;
    let status: std::process::ExitStatus = match status {
        Ok(status) => status.map_err(|error: Box<dyn std::error::Error + Send + Sync>| error)?,
        Err(_) => return Err(format!("the syncer goes on without a target:\n{}", syncer.process.output()).into()),
    };
    assert!(status.code().is_some(), "the syncer was killed: {status}");
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn of_two_replicas_one_is_active_and_the_other_takes_over() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let target = beating(&hub, &east, "pair").await?;
    let one = east.syncer_as(&target, "one").await?;
    let api = leases(&hub);
    let held_by = |name: &'static str| move |lease: &Lease| holder(lease).is_some_and(|holder| holder.contains(name));
    wait::until(&api, &target.names.hub, "the first being active", PATIENCE, held_by("one")).await?;
    let two = east.syncer_as(&target, "two").await?;
    two.answers("healthz").await?;
    assert!(holder(&api.get(&target.names.hub).await?).is_some_and(|holder| holder.contains("one")));
    one.process.kill().await;
    wait::until(&api, &target.names.hub, "the second taking over", PATIENCE, held_by("two")).await?;
    hub.has(&target, kind::SYNCER_HEALTHY, ConditionStatus::True, "AsExpected").await?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_hub_that_is_away_for_a_while_ends_no_syncer() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let target = beating(&hub, &east, "patient").await?;
    let proxy = Proxy::start(hub.cluster).await?;
    let mut secret = east.secrets(&target.names).get(&target.names.kubeconfig_secret).await?;
    let kubeconfig = kubeconfig_in(&secret)?.replace(hub.cluster.server(), &proxy.url());
    secret.data.get_or_insert_default().insert("kubeconfig".to_owned(), ByteString(kubeconfig.into_bytes()));
    let syncer = Syncer::start(&east.deployment(&target.names).await?, &secret, "patient")?;
    hub.has(&target, kind::SYNCER_HEALTHY, ConditionStatus::True, "AsExpected").await?;

    proxy.intercept(|_: &Request| Before::Drop);
    proxy.cut_connections();
    hub.has(&target, kind::SYNCER_HEALTHY, ConditionStatus::False, "HeartbeatLost").await?;
    syncer.answers("healthz").await?;
    proxy.pass_all();
    hub.has(&target, kind::SYNCER_HEALTHY, ConditionStatus::True, "AsExpected").await?;
    assert!(syncer.process.exit_status().is_none());

    // Refused for a while, as with a credential that is not good any more: it waits for a better one.
    proxy.intercept(|_: &Request| Before::refuse(http::StatusCode::UNAUTHORIZED, "Unauthorized"));
    hub.has(&target, kind::SYNCER_HEALTHY, ConditionStatus::False, "HeartbeatLost").await?;
    assert!(syncer.process.exit_status().is_none(), "the syncer gave up:\n{}", syncer.process.output());
    proxy.pass_all();
    let well = |now: &SyncTarget| is_ready(now);
    hub.until(&target, "the syncer being back", well).await?;
    Ok(())
}
