//! Two controllers: one leads, the other takes over, and the one that was thought dead does no harm.

use std::sync::{Arc, Mutex};

use berthage_core::names::LEADER_LEASE;
use berthage_e2e::proxy::{Before, Proxy, Request};
use berthage_e2e::wait::{self, PATIENCE};
use berthage_e2e::world::{World, fresh_name};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use serde_json::json;

use crate::stage::controller::{Controller, Settings};
use crate::stage::requests::writes;
use crate::stage::site::Site;
use crate::stage::target::target;
use crate::stage::{Hub, OwnHub, Result, problem};

/// Leadership that passes on within seconds.
fn brisk() -> Settings {
    Settings::default().with("--lease-duration", "6s").with("--request-timeout", "1s").with("--connect-timeout", "1s")
}

/// Waits until a controller says that it leads.
async fn leads(controller: &Controller) -> Result {
    let leading = wait::until_some("leadership", PATIENCE, || async {
        match controller.metric("leader_election_master_status", &[]).await {
            Ok(value) if value > 0.5 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    Ok(controller.process.needed_for("leadership", PATIENCE, leading).await?)
}

async fn transitions(hub: &Hub<'_>) -> Result<i32> {
    let leases: Api<Lease> = Api::namespaced(hub.home.access().client().await?, "default");
    let lease = leases.get(LEADER_LEASE).await?;
    Ok(lease.spec.and_then(|spec| spec.lease_transitions).unwrap_or_default())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_standby_writes_nothing_and_takes_over_from_a_dead_leader() -> Result {
    let own = OwnHub::start("leader").await?;
    let hub = own.hub().await?;
    let site = Site::new(&World::shared().await?.west).await?;
    let proxy = Proxy::start(hub.cluster).await?;
    let first = hub.controller("first", brisk()).await?;
    leads(&first).await?;
    let second = hub.controller("second", brisk().through(&proxy.url())).await?;
    let name = fresh_name("led");
    hub.onboard(&name, &site.kubeconfig()).await?;
    assert_eq!(writes(&proxy.exchanges()), Vec::<String>::new(), "a standby has written");
    assert!(second.metric("leader_election_master_status", &[]).await? < 0.5);

    first.process.kill().await;
    leads(&second).await?;
    let another = hub.create(target(&fresh_name("led"), &name)).await?;
    hub.ready(&another).await?;
    assert!(!writes(&proxy.exchanges()).is_empty());

    // A leader that is told to stop gives the Lease back, so that nobody waits for its end.
    let third = hub.controller("third", brisk()).await?;
    let before = transitions(&hub).await?;
    second.stop().await?;
    leads(&third).await?;
    assert!(transitions(&hub).await? > before);
    hub.remove(&another).await?;
    site.clean(&another).await?;
    Ok(third.stop().await?)
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_leader_that_slept_through_the_end_of_its_lease_writes_no_more() -> Result {
    let own = OwnHub::start("sleeper").await?;
    let hub = own.hub().await?;
    let site = Site::new(&World::shared().await?.east).await?;
    let (hub_proxy, site_proxy) = (Proxy::start(hub.cluster).await?, Proxy::start(site.cluster).await?);
    let sleeper = Arc::new(hub.controller("sleeper", brisk().through(&hub_proxy.url())).await?);
    leads(&sleeper).await?;
    let heir = hub.controller("heir", brisk()).await?;

    // It falls asleep in the middle of an onboarding, with its write of the Deployment on the way.
    let name = fresh_name("slept");
    let asleep = Arc::new(Mutex::new(Some(Arc::clone(&sleeper))));
    let (fell, mut falls) = tokio::sync::watch::channel(false);
    site_proxy.intercept(move |request: &Request| {
        if request.method == http::Method::PATCH
            && request.path.contains("/deployments/")
            && let Some(sleeper) = asleep.lock().ok().and_then(|mut asleep| asleep.take())
        {
            sleeper.process.pause();
            fell.send_replace(true);
        }
        Before::Forward
    });
    hub.register(&name, &site.cluster.kubeconfig_at(&site_proxy.url())).await?;
    let target = hub.create(target(&name, &name)).await?;
    let fallen = tokio::time::timeout(PATIENCE, falls.wait_for(|fell| *fell)).await;
    fallen.map_err(|_| problem("the leader never wrote the Deployment"))??;

    leads(&heir).await?;
    hub.ready(&target).await?;
    hub.change(&target, json!({ "spec": { "syncerConfig": { "image": "example.invalid/heir:1" } } })).await?;
    hub.ready(&target).await?;
    hub.told(&target, "Ready", "").await?;
    let generation = site.deployment(&target.names).await?.metadata.generation;

    let (at_hub, at_site) = (hub_proxy.count(), site_proxy.count());
    sleeper.process.resume();
    let ended = tokio::time::timeout(PATIENCE, sleeper.process.ended()).await;
    let status =
        ended.map_err(|_| problem(format!("a leader without a Lease goes on:\n{}", sleeper.process.output())))?;
    assert!(!status.success(), "losing the lead is no success");
    assert_eq!(writes(&hub_proxy.exchanges_since(at_hub)), Vec::<String>::new(), "late writes to the hub");
    assert_eq!(writes(&site_proxy.exchanges_since(at_site)), Vec::<String>::new(), "late writes to the cluster");
    let deployment = site.deployment(&target.names).await?;
    assert_eq!(deployment.metadata.generation, generation);
    hub.ready(&target).await?;
    hub.remove(&target).await?;
    site.clean(&target).await?;
    Ok(heir.stop().await?)
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_leader_that_cannot_renew_its_lease_steps_back_before_it_ends() -> Result {
    let own = OwnHub::start("cut-off").await?;
    let hub = own.hub().await?;
    let proxy = Proxy::start(hub.cluster).await?;
    let leader = hub.controller("leader", brisk().through(&proxy.url())).await?;
    leads(&leader).await?;
    let heir = hub.controller("heir", brisk()).await?;
    // Everything passes but the renewal: nothing else tells it that its time is over.
    proxy.intercept(|request: &Request| {
        if request.path.ends_with(LEADER_LEASE) && !request.reads() { Before::Drop } else { Before::Forward }
    });
    let ended = async {
        tokio::time::timeout(PATIENCE, leader.process.ended()).await.map_err(|_| problem("it leads without a Lease"))
    };
    let (status, led) = tokio::join!(ended, leads(&heir));
    assert!(!status?.success());
    led?;
    Ok(heir.stop().await?)
}
