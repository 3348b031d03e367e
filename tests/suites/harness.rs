//! The harness itself: its clusters behave like clusters, its proxy does what it says.

use std::time::Duration;

use berthage_e2e::client;
use berthage_e2e::folder::RunFolder;
use berthage_e2e::proxy::{After, Before, Exchange, Interceptor, Outcome, Proxy, Request};
use berthage_e2e::servers::{Cluster, ClusterOptions};
use berthage_e2e::wait::{self, PATIENCE};
use berthage_e2e::world::{World, fresh_name};
use futures::future::{BoxFuture, FutureExt as _, ready};
use http::{Method, StatusCode};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use kube::runtime::watcher;
use serde_json::{Value, json};

type TestResult = Result<(), Box<dyn std::error::Error>>;

fn namespace(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } })
}

fn deployment(namespace: &str, name: &str, replicas: u32) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": name, "namespace": namespace },
        "spec": {
            "replicas": replicas,
            "selector": { "matchLabels": { "app": name } },
            "template": {
                "metadata": { "labels": { "app": name } },
                "spec": { "containers": [{ "name": "main", "image": "example.invalid/none" }] },
            },
        },
    })
}

#[tokio::test]
#[ignore = "needs the servers of `cargo xtask servers`"]
async fn a_deployment_runs_and_its_pods_go_with_it() -> TestResult {
    let world = World::shared().await?;
    let name = fresh_name("deployment");
    world.east.apply(&[namespace(&name), deployment(&name, "web", 2)]).await?;

    let client = world.east.client().await?;
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), &name);
    wait::until(&deployments, "web", "2 ready replicas", PATIENCE, |deployment| {
        deployment.status.as_ref().and_then(|status| status.ready_replicas) == Some(2)
    })
    .await?;
    let pods: Api<Pod> = Api::namespaced(client, &name);
    let running = |pods: &[Pod]| {
        pods.len() == 2
            && pods.iter().all(|pod| {
                pod.status.as_ref().is_some_and(|it| it.phase.as_deref() == Some("Running") && it.pod_ip.is_some())
            })
    };
    wait::until_all(&pods, watcher::Config::default(), "2 running pods", PATIENCE, running).await?;

    deployments.delete("web", &DeleteParams::background()).await?;
    wait::until_all(&pods, watcher::Config::default(), "no pods", PATIENCE, <[Pod]>::is_empty).await?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers of `cargo xtask servers`"]
async fn a_namespace_ends_with_all_it_holds_on_the_hub_too() -> TestResult {
    let world = World::shared().await?;
    let name = fresh_name("namespace");
    for cluster in [&world.hub, &world.west] {
        let map = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "content", "namespace": name },
        });
        cluster.apply(&[namespace(&name), map]).await?;
        let client = cluster.client().await?;
        let namespaces: Api<Namespace> = Api::all(client.clone());
        namespaces.delete(&name, &DeleteParams::default()).await?;
        wait::until_gone(&namespaces, &name, PATIENCE).await?;
        let maps: Api<ConfigMap> = Api::namespaced(client, &name);
        assert!(maps.get_opt("content").await?.is_none());
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers of `cargo xtask servers`"]
async fn the_proxy_counts_refuses_and_loses_requests() -> TestResult {
    let world = World::shared().await?;
    let name = fresh_name("proxy");
    world.hub.apply(&[namespace(&name)]).await?;
    let proxy = Proxy::start(&world.hub).await?;
    let direct: Api<ConfigMap> = Api::namespaced(world.hub.client().await?, &name);
    let client = client::from_kubeconfig("proxy", &world.hub.kubeconfig_at(&proxy.url())).await?;
    let maps: Api<ConfigMap> = Api::namespaced(client, &name);
    let map = |name: &str| ConfigMap {
        metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
        ..ConfigMap::default()
    };
    let parameters = PostParams::default();

    maps.create(&parameters, &map("passed")).await?;
    let exchanges = proxy.exchanges();
    assert_eq!(exchanges.len(), 1);
    assert_eq!((&exchanges[0].method, exchanges[0].outcome), (&Method::POST, Outcome::Answered(StatusCode::CREATED)));
    assert_eq!(exchanges[0].path, format!("/api/v1/namespaces/{name}/configmaps"));
    assert!(exchanges[0].request_bytes > 0 && exchanges[0].response_bytes > exchanges[0].request_bytes);

    proxy.intercept(
        |request: &Request| {
            if request.reads() { Before::Forward } else { Before::refuse(StatusCode::FORBIDDEN, "Forbidden") }
        },
    );
    let refused = maps.create(&parameters, &map("refused")).await;
    assert!(matches!(refused, Err(kube::Error::Api(status)) if status.code == 403));
    proxy.intercept(|_: &Request| Before::Drop);
    maps.create(&parameters, &map("lost")).await.unwrap_err();
    proxy.intercept(LoseAnswers);
    maps.create(&parameters, &map("unheard")).await.unwrap_err();
    proxy.pass_all();

    let outcomes: Vec<Outcome> = proxy.exchanges_since(1).iter().map(|exchange| exchange.outcome).collect();
    let forbidden = Outcome::Refused(StatusCode::FORBIDDEN);
    assert_eq!(outcomes, [forbidden, Outcome::DroppedBefore, Outcome::DroppedAfter(StatusCode::CREATED)]);
    for (name, expected) in [("passed", true), ("refused", false), ("lost", false), ("unheard", true)] {
        assert_eq!(direct.get_opt(name).await?.is_some(), expected, "{name}");
    }
    Ok(())
}

/// Lets every request be carried out and no answer through.
struct LoseAnswers;

impl Interceptor for LoseAnswers {
    fn before<'a>(&'a self, _: &'a Request) -> BoxFuture<'a, Before> {
        ready(Before::Forward).boxed()
    }

    fn after<'a>(&'a self, _: &'a Request, _: StatusCode) -> BoxFuture<'a, After> {
        ready(After::Drop).boxed()
    }
}

#[tokio::test]
#[ignore = "needs the servers of `cargo xtask servers`"]
async fn a_watch_passes_the_proxy_and_can_be_cut_and_ended() -> TestResult {
    let world = World::shared().await?;
    let name = fresh_name("watched");
    let proxy = Proxy::start(&world.hub).await?;
    let client = client::from_kubeconfig("proxy", &world.hub.kubeconfig_at(&proxy.url())).await?;
    let namespaces: Api<Namespace> = Api::all(client);
    let appeared = wait::until(&namespaces, &name, "the namespace", PATIENCE, |_| true);
    let made = async {
        // Made once the watch is open, so that it is the watch that tells.
        proxy.exchange("an open watch", PATIENCE, |it| it.watches() && it.status().is_some()).await?;
        for end in [Proxy::cut_connections, Proxy::end_watches] {
            let before = proxy.count();
            end(&proxy);
            let another = |it: &Exchange| it.number >= before && it.watches() && it.status().is_some();
            proxy.exchange("another watch", PATIENCE, another).await?;
        }
        world.hub.apply(&[namespace(&name)]).await
    };
    tokio::try_join!(appeared, made)?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers of `cargo xtask servers`"]
async fn the_user_of_a_certificate_is_the_same_behind_the_proxy() -> TestResult {
    let world = World::shared().await?;
    let proxy = Proxy::start(&world.hub).await?;
    for url in [world.hub.url(), proxy.url()] {
        let kubeconfig = world.hub.kubeconfig_of("greta", Some("bakers"), &url)?;
        let reviews: Api<SelfSubjectReview> = Api::all(client::from_kubeconfig("hub", &kubeconfig).await?);
        let review = reviews.create(&PostParams::default(), &SelfSubjectReview::default()).await?;
        let user = review.status.and_then(|status| status.user_info).ok_or("no user")?;
        assert_eq!(user.username.as_deref(), Some("greta"), "{url}");
        assert!(user.groups.unwrap_or_default().contains(&"bakers".to_owned()), "{url}");
    }
    assert_eq!(proxy.exchanges()[0].user.as_deref(), Some("greta"));
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers of `cargo xtask servers`"]
async fn a_cluster_falls_silent_and_comes_back_with_its_data() -> TestResult {
    let folder = RunFolder::new("stopped")?;
    let mut cluster = Box::pin(Cluster::start(folder.path(), ClusterOptions::hub("hub"))).await?;
    cluster.apply(&[namespace("kept")]).await?;
    let namespaces: Api<Namespace> = Api::all(cluster.client().await?);

    cluster.pause();
    let answer = tokio::time::timeout(Duration::from_millis(300), namespaces.get("kept")).await;
    assert!(answer.is_err(), "a paused API server answered");
    cluster.resume();
    namespaces.get("kept").await?;

    cluster.stop().await;
    assert!(namespaces.get("kept").await.is_err(), "a stopped API server answered");
    Box::pin(cluster.start_again()).await?;
    namespaces.get("kept").await?;
    Ok(())
}
