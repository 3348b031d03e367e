//! What plugins get to see, and when they are asked.

use berthage_core::api::{ConditionStatus, ReconcilePlugin, SyncTarget};
use berthage_core::object::KINDS;
use berthage_core::status::target::kind;
use berthage_e2e::program;
use berthage_e2e::wait::{self, PATIENCE};
use berthage_e2e::world::{World, fresh_name};
use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::stage::controller::Settings;
use crate::stage::site::Site;
use crate::stage::target::{condition, target};
use crate::stage::{Hub, OwnHub, Result};

/// What the plugin `misbehave` says that it has seen of its peers.
fn seen(target: &SyncTarget) -> Option<&str> {
    condition(target, "misbehave/Peers").map(|condition| condition.message.as_str())
}

/// Nobody touches the target that reads: it is looked at because of the others.
#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_change_of_what_a_plugin_reads_has_its_target_looked_at() -> Result {
    let own = OwnHub::start("reading").await?;
    let hub = own.hub().await?;
    let site = Site::new(&World::shared().await?.west).await?;
    let settings = Settings::default()
        .with("--plugin", program::plugins().join("misbehave.wasm"))
        .with("--plugin-config", r#"{"select": "nothing"}"#)
        .flag("--no-leader-election");
    let controller = hub.controller("controller", settings).await?;
    let name = fresh_name("reading");
    hub.register(&name, &site.kubeconfig()).await?;
    let mut manifest = target(&fresh_name("reader"), &name);
    manifest["metadata"]["annotations"] = json!({ "misbehave.berthage.dev/select": "peers" });
    let reader = hub.create(manifest).await?;
    hub.until(&reader, "no peers", |now| seen(now) == Some("")).await?;

    let mut manifest = target("peer", &name);
    manifest["metadata"]["labels"] = json!({ "tier": "edge", "other": "label" });
    manifest["spec"]["values"] = json!({ "zone": "a" });
    let peer = hub.create(manifest).await?;
    // apiVersion, kind, metadata, spec: no status, and of the rest what was asked for.
    let shown = |values: &str| format!(r#""peer" {{"values":{values}}} null 4"#);
    hub.until(&reader, "a peer", |now| seen(now) == Some(&shown(r#"{"zone":"a"}"#))).await?;
    hub.change(&peer, json!({ "spec": { "values": { "zone": "b" } } })).await?;
    hub.until(&reader, "its change", |now| seen(now) == Some(&shown(r#"{"zone":"b"}"#))).await?;
    hub.change(&peer, json!({ "metadata": { "labels": { "tier": "core" } } })).await?;
    hub.until(&reader, "a peer no more", |now| seen(now) == Some("")).await?;
    hub.change(&peer, json!({ "metadata": { "labels": { "tier": "edge" } } })).await?;
    hub.until(&reader, "a peer again", |now| seen(now).is_some_and(|seen| !seen.is_empty())).await?;
    hub.remove(&peer).await?;
    hub.until(&reader, "the end of it", |now| seen(now) == Some("")).await?;

    hub.remove(&reader).await?;
    site.clean(&reader).await?;
    site.clean(&peer).await?;
    Ok(controller.stop().await?)
}

/// Where the platform declares its plugins, and what is declared there.
async fn declared(hub: &Hub<'_>) -> Result<Api<ReconcilePlugin>> {
    let home = hub.home.access().client().await?;
    Ok(Api::all(if hub.home.is_kcp() { home } else { hub.client.clone() }))
}

fn is_loaded(plugin: &ReconcilePlugin, reason: &str) -> bool {
    let status = plugin.status.as_ref();
    let ready = status.and_then(|status| status.conditions.iter().find(|condition| condition.type_ == "Ready"));
    ready.is_some_and(|ready| ready.reason == reason && ready.observed_generation == plugin.metadata.generation)
}

/// What a plugin of the platform goes through: a grant that is missing, a configuration that is wrong, a change, its end.
#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_declared_plugin_serves_within_its_grants_until_it_is_taken_back() -> Result {
    let own = OwnHub::start("declared").await?;
    let hub = own.hub().await?;
    let site = Site::new(&World::shared().await?.west).await?;
    let settings = Settings::default().flag("--no-leader-election");
    let controller = hub.controller("controller", settings).await?;
    let target = hub.onboard(&fresh_name("declared"), &site.kubeconfig()).await?;
    let plugins = declared(&hub).await?;
    let plugin = json!({
        "apiVersion": "berthage.dev/v1alpha1", "kind": "ReconcilePlugin", "metadata": { "name": "labels" },
        "spec": { "source": { "file": "rust-team-labels.wasm" }, "config": { "team": "harbour" } },
    });
    plugins.create(&PostParams::default(), &serde_json::from_value(plugin)?).await?;
    let loaded = |plugin: &ReconcilePlugin| is_loaded(plugin, "AsExpected");
    wait::until(&plugins, "labels", "the plugin being loaded", PATIENCE, loaded).await?;
    // It labels everything, and may change nothing: what runs goes on.
    hub.has(&target, kind::PLUGINS_HEALTHY, ConditionStatus::False, "PluginExceedsGrant").await?;
    let team = async || -> Result<Option<String>> {
        let labels = site.deployment(&target.names).await?.metadata.labels.unwrap_or_default();
        Ok(labels.get("team").cloned())
    };
    assert_eq!(team().await?, None);
    let emit: Vec<Value> = KINDS
        .iter()
        .filter(|info| info.kind != "Secret")
        .map(|info| json!({ "group": info.group(), "kind": info.kind }))
        .collect();
    let change = async |patch: Value| plugins.patch("labels", &PatchParams::default(), &Patch::Merge(patch)).await;
    change(json!({ "spec": { "grants": { "emit": emit } } })).await?;
    hub.has(&target, kind::PLUGINS_HEALTHY, ConditionStatus::True, "AsExpected").await?;
    assert_eq!(team().await?.as_deref(), Some("harbour"));

    // A configuration that it does not accept does not take the place of the one that it runs with.
    change(json!({ "spec": { "config": { "team": "no label value" } } })).await?;
    let refused = |plugin: &ReconcilePlugin| is_loaded(plugin, "PluginRefused");
    wait::until(&plugins, "labels", "the configuration being refused", PATIENCE, refused).await?;
    hub.has(&target, kind::PLUGINS_HEALTHY, ConditionStatus::False, "PluginRefused").await?;
    assert_eq!(team().await?.as_deref(), Some("harbour"));
    change(json!({ "spec": { "config": { "team": "quay" } } })).await?;
    hub.has(&target, kind::PLUGINS_HEALTHY, ConditionStatus::True, "AsExpected").await?;
    assert_eq!(team().await?.as_deref(), Some("quay"));

    plugins.delete("labels", &DeleteParams::default()).await?;
    let deployments = site.deployments(&target.names);
    let plain =
        |deployment: &Deployment| deployment.metadata.labels.as_ref().is_none_or(|all| !all.contains_key("team"));
    wait::until(&deployments, &target.names.syncer, "the label being gone", PATIENCE, plain).await?;
    hub.remove(&target).await?;
    site.clean(&target).await?;
    Ok(controller.stop().await?)
}
