//! What plugins get to see, and when they are asked.

use berthage_core::api::SyncTarget;
use berthage_e2e::program;
use berthage_e2e::world::{World, fresh_name};
use serde_json::json;

use crate::stage::controller::Settings;
use crate::stage::site::Site;
use crate::stage::target::{condition, target};
use crate::stage::{OwnHub, Result};

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
