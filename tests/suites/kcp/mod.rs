//! What only kcp has: workspaces that cannot see, touch or delay each other, claims, ends of workspaces, and shards.
//!
//! Run by `cargo xtask test --kcp`.

mod claims;
mod ends;
mod isolation;
mod shards;

use berthage_core::api::SyncTarget;
use berthage_e2e::world::World;
use serde_json::{Value, json};

use crate::stage::site::Site;
use crate::stage::target::{Target, condition, status};
use crate::stage::{Hub, Result};

async fn east() -> Result<Site<'static>> {
    Site::new(&World::shared().await?.east).await
}

fn says(found: &SyncTarget, kind: &str) -> String {
    condition(found, kind).map(|it| it.message.clone()).unwrap_or_default()
}

fn two_replicas() -> Value {
    json!({ "spec": { "syncerConfig": { "replicas": 2 } } })
}

/// Waits until the syncer of a target has two replicas that are ready.
async fn has_two_replicas(hub: &Hub<'_>, target: &Target) -> Result<SyncTarget> {
    let two = |now: &SyncTarget| status(now).syncer.and_then(|syncer| syncer.ready_replicas) == Some(2);
    hub.until(target, "two replicas", two).await
}
