//! Where nothing is to be done, nothing is written.

use berthage_core::api::{ConditionStatus, SyncTarget};
use berthage_core::status::target::kind;
use berthage_e2e::proxy::{Proxy, Request};
use berthage_e2e::wait::{self, PATIENCE};
use berthage_e2e::world::{World, fresh_name};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ResourceQuota;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;

use crate::stage::controller::{Controller, Settings};
use crate::stage::counted::Counted;
use crate::stage::hold::{Either, Hold};
use crate::stage::registration::secret_name;
use crate::stage::requests::writes;
use crate::stage::site::Site;
use crate::stage::target::{Target, condition, is, is_ready, merged, status, target, two_replicas};
use crate::stage::{OwnHub, Result, problem};

/// Waits until every target was reconciled once more than so far.
async fn runs_again(controller: &Controller, more: f64) -> Result {
    let runs = || controller.metric("controller_runtime_reconcile_total", &[r#"controller="synctarget""#]);
    let start = runs().await?;
    let again = wait::until_some("another reconcile of every target", PATIENCE, || async {
        let now = runs().await.map_err(|error| error.to_string())?;
        if now >= start + more { Ok(()) } else { Err(format!("{} runs of {more}", now - start)) }
    });
    Ok(again.await?)
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn at_rest_and_after_a_restart_nothing_is_written() -> Result {
    let own = OwnHub::start("quiet").await?;
    let counted = Counted::open(&own).await?;
    let hub = &counted.hub;
    let controller = hub.controller("controller", counted.settings()).await?;
    let name = fresh_name("quiet");
    hub.register(&name, &counted.kubeconfig()).await?;
    let often = json!({ "spec": { "syncerConfig": { "resyncPeriod": "10s" } } });
    let mut targets = Vec::new();
    for _ in 0..3 {
        targets.push(hub.create(merged(target(&fresh_name("still"), &name), &often)).await?);
    }
    let mut versions = Vec::new();
    for target in &targets {
        hub.ready(target).await?;
        hub.told(target, "Ready", "").await?;
        versions.push(hub.get(target).await?.metadata.resource_version);
    }

    // Probes come and go, and each target's resync too.
    let mark = counted.mark();
    counted.probes(5).await?;
    runs_again(&controller, 3.0).await?;
    assert_eq!(counted.writes_since(mark), Vec::<String>::new(), "writes at rest");

    // The same with another process, from the moment it starts.
    controller.stop().await?;
    let mark = counted.mark();
    let controller = hub.controller("restarted", counted.settings()).await?;
    counted.probes(3).await?;
    runs_again(&controller, 3.0).await?;
    assert_eq!(counted.writes_since(mark), Vec::<String>::new(), "writes after a restart");
    for (target, version) in targets.iter().zip(versions) {
        assert_eq!(hub.get(target).await?.metadata.resource_version, version, "{} was written to", target.name);
    }

    // And after a death without notice.
    controller.process.kill().await;
    let mark = counted.mark();
    let controller = hub.controller("revived", counted.settings().flag("--no-leader-election")).await?;
    counted.probes(2).await?;
    assert_eq!(counted.writes_since(mark), Vec::<String>::new(), "writes after a crash");
    Ok(controller.stop().await?)
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn what_is_broken_is_told_once_and_tried_seldom() -> Result {
    let own = OwnHub::start("broken").await?;
    let counted = Counted::open(&own).await?;
    let hub = &counted.hub;
    let controller = hub.controller("controller", counted.settings()).await?;
    let name = fresh_name("broken");
    hub.register(&name, "users: [").await?;
    let target = hub.create(target(&name, &name)).await?;
    hub.has(&target, kind::CLUSTER_CONNECTED, ConditionStatus::False, "KubeconfigInvalid").await?;
    hub.told(&target, "KubeconfigInvalid", "").await?;
    let before = hub.news(&target).await?.len();
    let mark = counted.mark();
    // Three probes of the registration later nothing was said again.
    let probes = || controller.metric("controller_runtime_reconcile_total", &[r#"controller="clusterregistration""#]);
    let start = probes().await?;
    wait::until_some("three tries", PATIENCE, || async {
        let now = probes().await.map_err(|error| error.to_string())?;
        if now >= start + 3.0 { Ok(()) } else { Err(format!("{} tries", now - start)) }
    })
    .await?;
    assert_eq!(counted.writes_since(mark), Vec::<String>::new(), "a lasting problem was written again");
    assert_eq!(hub.news(&target).await?.len(), before);
    Ok(controller.stop().await?)
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn an_observer_reports_and_changes_nothing() -> Result {
    let own = OwnHub::start("observer").await?;
    let counted = Counted::open(&own).await?;
    let (hub, site) = (&counted.hub, &counted.site);
    let observing = counted.settings().flag("--observe-only");
    let controller = hub.controller("observer", observing.clone()).await?;
    let name = fresh_name("observed");
    hub.register(&name, &counted.kubeconfig()).await?;
    let target = hub.create(target(&name, &name)).await?;
    let told = |now: &SyncTarget| {
        is(now, kind::CLUSTER_CONNECTED, ConditionStatus::True, "AsExpected")
            && condition(now, kind::SYNCER_DEPLOYED).is_some_and(|it| it.reason == "ObserveOnly")
    };
    let found = hub.until(&target, "the observer's report", told).await?;
    assert!(!status(&found).capacity.is_empty(), "an observer reports capacity");
    counted.probes(2).await?;
    only_status_was_written(&counted, &target).await?;
    assert!(found.metadata.finalizers.unwrap_or_default().is_empty(), "an observer puts finalizers");
    controller.stop().await?;

    // After a real controller has been at work, an observer repairs nothing and cleans nothing up.
    let controller = hub.controller("controller", counted.settings()).await?;
    hub.ready(&target).await?;
    controller.stop().await?;
    let mark = counted.mark();
    let controller = hub.controller("second-observer", observing).await?;
    site.deployments(&target.names).delete(&target.names.syncer, &DeleteParams::default()).await?;
    hub.until(&target, "the missing Deployment being reported", |now| !is_ready(now)).await?;
    hub.delete(&target).await?;
    let kept = |now: &SyncTarget| {
        now.metadata.deletion_timestamp.is_some()
            && condition(now, kind::READY).is_some_and(|it| it.message.contains("observe-only"))
    };
    hub.until(&target, "the deletion being left to others", kept).await?;
    let site_writes = writes(&counted.site_proxy.exchanges_since(mark.1));
    assert_eq!(site_writes, Vec::<String>::new());
    assert!(site.namespaces().get_opt(&target.names.namespace).await?.is_some());
    controller.stop().await?;

    let controller = hub.controller("last", counted.settings()).await?;
    hub.gone(&target).await?;
    site.clean(&target).await?;
    Ok(controller.stop().await?)
}

/// Everything that was written so far is status and Events.
async fn only_status_was_written(counted: &Counted<'_>, target: &Target) -> Result {
    let writes = counted.writes_since((0, 0));
    let others: Vec<&String> =
        writes.iter().filter(|write| !write.contains("/status") && !write.contains("/events")).collect();
    assert!(others.is_empty(), "{others:?}");
    let secret = counted.hub.secrets().get_metadata(&secret_name(&target.name)).await?;
    if secret.metadata.finalizers.is_some_and(|finalizers| !finalizers.is_empty()) {
        return Err(problem("an observer holds on to a Secret"));
    }
    let left = counted.site.belongings(target).await?;
    assert!(left.is_empty(), "{left:?}");
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_cluster_that_is_not_watched_is_compared_at_its_resync() -> Result {
    let own = OwnHub::start("resync").await?;
    let hub = own.hub().await?;
    let world = World::shared().await?;
    let (east, west) = (Site::new(&world.east).await?, Site::new(&world.west).await?);
    let settings = Settings::default().with("--max-links", "1").flag("--no-leader-election");
    let controller = hub.controller("controller", settings).await?;
    let (one, two) = (fresh_name("one"), fresh_name("two"));
    hub.register(&one, &east.kubeconfig()).await?;
    let often = json!({ "spec": { "syncerConfig": { "resyncPeriod": "10s" } } });
    let first = hub.create(merged(target(&one, &one), &often)).await?;
    let before = hub.ready(&first).await?;
    // From now on the one cluster that is watched is the other one.
    let second = hub.onboard(&two, &west.kubeconfig()).await?;
    east.deployments(&first.names).delete(&first.names.syncer, &DeleteParams::default()).await?;
    let repaired = |now: &SyncTarget| is_ready(now) && status(now).last_sync_time > status(&before).last_sync_time;
    hub.until(&first, "the repair at the resync", repaired).await?;
    hub.told(&first, "DriftRepaired", "Deployment").await?;
    assert!(is_ready(&hub.get(&second).await?));
    Ok(controller.stop().await?)
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_quota_whose_use_changes_is_no_drift() -> Result {
    let own = OwnHub::start("quota").await?;
    let counted = Counted::open(&own).await?;
    let hub = &counted.hub;
    let platform = hub.folder.join("platform");
    std::fs::create_dir_all(&platform)?;
    let quota = "apiVersion: v1\nkind: ResourceQuota\nmetadata:\n  name: syncer\n  namespace: {{ names.namespace }}\n\
                 spec:\n  hard:\n    pods: \"5\"\n";
    std::fs::write(platform.join("15-quota.yaml.j2"), quota)?;
    let controller = hub.controller("controller", counted.settings().with("--templates", &platform)).await?;
    let name = fresh_name("quota");
    hub.register(&name, &counted.kubeconfig()).await?;
    let often = json!({ "spec": { "syncerConfig": { "resyncPeriod": "10s" } } });
    let target = hub.create(merged(target(&name, &name), &often)).await?;
    hub.ready(&target).await?;
    hub.told(&target, "Ready", "").await?;
    let quotas: Api<ResourceQuota> = Api::namespaced(counted.site.client.clone(), &target.names.namespace);
    let used = |quota: &ResourceQuota| {
        let used = quota.status.as_ref().and_then(|status| status.used.as_ref());
        used.and_then(|used| used.get("pods")).is_some_and(|pods| pods.0 == "1")
    };
    wait::until(&quotas, "syncer", "the syncer's pod being counted", PATIENCE, used).await?;

    let mark = counted.mark();
    runs_again(&controller, 2.0).await?;
    assert_eq!(counted.writes_since(mark), Vec::<String>::new(), "writes because a quota is used");

    // What somebody changes in it is still seen.
    let more = Patch::Merge(json!({ "spec": { "hard": { "pods": "50" } } }));
    quotas.patch("syncer", &PatchParams::default(), &more).await?;
    hub.told(&target, "DriftRepaired", "ResourceQuota").await?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_change_that_is_met_while_the_status_is_written_is_not_lost() -> Result {
    let own = OwnHub::start("met").await?;
    let hub = own.hub().await?;
    let site = Site::new(&World::shared().await?.east).await?;
    let proxy = Proxy::start(hub.home.access()).await?;
    let settings = Settings::default().through(&proxy.url()).flag("--no-leader-election");
    let controller = hub.controller("controller", settings).await?;
    let target = hub.onboard(&fresh_name("met"), &site.kubeconfig()).await?;
    // From now on the hub's watches tell nothing, and the last write of the target's status, after which nothing more happens
    // downstream that would have it looked at again, waits.
    let (watches, watched) = Hold::new(Request::watches);
    let path = format!("/synctargets/{}/status", target.name);
    let last = move |request: &Request| {
        request.path.ends_with(&path) && String::from_utf8_lossy(&request.body).contains(r#""phase":"Ready""#)
    };
    let (write, written) = Hold::new(last);
    proxy.intercept(Either(watched, written));
    proxy.end_watches();
    watches.caught().await?;
    let api = site.deployments(&target.names);
    api.delete(&target.names.syncer, &DeleteParams::default()).await?;
    write.caught().await?;
    hub.change(&target, two_replicas()).await?;
    write.let_go();
    let two = |now: &Deployment| now.spec.as_ref().and_then(|spec| spec.replicas) == Some(2);
    wait::until(&api, &target.names.syncer, "a Deployment with two replicas", PATIENCE, two).await?;
    watches.let_go();
    hub.ready(&target).await?;
    hub.remove(&target).await?;
    site.clean(&target).await?;
    Ok(controller.stop().await?)
}
