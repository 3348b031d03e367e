//! What only kcp has: workspaces that cannot see, touch or delay each other, claims, ends of workspaces, and shards.
//!
//! Run by `cargo xtask test --kcp`.

mod claims;
mod ends;
mod isolation;
mod shards;

use berthage_core::api::SyncTarget;
use berthage_e2e::world::World;

use crate::stage::Result;
use crate::stage::site::Site;
use crate::stage::target::condition;

async fn east() -> Result<Site<'static>> {
    Site::new(&World::shared().await?.east).await
}

fn says(found: &SyncTarget, kind: &str) -> String {
    condition(found, kind).map(|it| it.message.clone()).unwrap_or_default()
}
