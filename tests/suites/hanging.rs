//! Physical clusters that take requests and never answer, or never do what they say.

use std::collections::BTreeSet;

use berthage_core::api::ConditionStatus;
use berthage_core::status::target::kind;
use berthage_e2e::proxy::{Proxy, Request};
use berthage_e2e::wait::{self, PATIENCE};
use berthage_e2e::world::{World, fresh_name};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::stage::controller::Settings;
use crate::stage::hold::Hold;
use crate::stage::site::Site;
use crate::stage::target::{merged, target, two_replicas};
use crate::stage::{OwnHub, Result, Shared, shared};

/// How many runs may be at one cluster at a time: a quarter of the workers.
const AT_ONCE: usize = 2;

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_cluster_that_hangs_is_asked_by_few_and_holds_up_no_other() -> Result {
    let own = OwnHub::start("hanging").await?;
    let hub = own.hub().await?;
    let world = World::shared().await?;
    let (east, west) = (Site::new(&world.east).await?, Site::new(&world.west).await?);
    let proxy = Proxy::start(&world.east).await?;
    let workers = (4 * AT_ONCE).to_string();
    // A cluster is probed when it gives no answer, and not before: nothing else says that it hangs.
    let settings = Settings::default().with("--workers", workers).with("--probe-interval", "1h");
    let controller = hub.controller("controller", settings).await?;
    let cluster = fresh_name("stuck");
    hub.register(&cluster, &world.east.kubeconfig_at(&proxy.url())).await?;
    let mut targets = Vec::new();
    for _ in 0..12 {
        targets.push(hub.create(target(&fresh_name("stuck"), &cluster)).await?);
    }
    for target in &targets {
        hub.ready(target).await?;
    }
    let before = proxy.count();
    let hold = Hold::on(&proxy, |request: &Request| !request.watches());
    for target in &targets {
        hub.change(target, two_replicas()).await?;
    }
    let fine = hub.onboard(&fresh_name("fine"), &west.kubeconfig()).await?;
    for target in &targets {
        hub.has(target, kind::CLUSTER_CONNECTED, ConditionStatus::False, "ClusterTimeout").await?;
    }
    let asked = proxy.exchanges_since(before);
    let namespaces: BTreeSet<&str> = asked
        .iter()
        .filter_map(|it| it.path.split_once("/namespaces/")?.1.split_once('/').map(|(name, _)| name))
        .collect();
    assert!((1..=AT_ONCE).contains(&namespaces.len()), "targets of {namespaces:?} waited for an answer");
    assert_eq!(controller.metric("berthage_breakers_open", &[]).await?.to_string(), "0", "the status says it by now");

    hold.let_go();
    for target in &targets {
        hub.has_two_replicas(target).await?;
        hub.ready(target).await?;
    }
    targets.push(fine);
    for target in &targets {
        hub.delete(target).await?;
    }
    for target in &targets {
        hub.gone(target).await?;
    }
    for target in &targets[..12] {
        east.clean(target).await?;
    }
    Ok(controller.stop().await?)
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_cluster_that_never_ends_deleting_is_let_go_and_what_is_left_is_told() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let name = fresh_name("endless");
    // For a cluster that answers, the policy's time is a minute at least.
    let policy = json!({ "spec": { "deletionPolicy": { "after": "1s" } } });
    hub.register(&name, &east.kubeconfig()).await?;
    let target = hub.create(merged(target(&name, &name), &policy)).await?;
    hub.ready(&target).await?;
    let accounts: Api<ServiceAccount> = Api::namespaced(east.client.clone(), &target.names.namespace);
    let finalizers = |finalizers: Value| Patch::Merge(json!({ "metadata": { "finalizers": finalizers } }));
    let theirs = finalizers(json!(["example.com/theirs"]));
    accounts.patch(&target.names.syncer, &PatchParams::default(), &theirs).await?;
    hub.delete(&target).await?;
    wait::until_gone(&hub.targets(), &target.name, PATIENCE * 3).await?;
    hub.told(&target, "Abandoned", &target.names.namespace).await?;
    accounts.patch(&target.names.syncer, &PatchParams::default(), &finalizers(Value::Null)).await?;
    east.clean(&target).await
}
