//! The clusters that all tests of a binary share: starting some takes half a minute, so it is done once.
//!
//! Nobody stops or pauses these: a test that does starts clusters of its own. Everything a test makes has a fresh name.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::OnceCell;

use crate::authority::Authority;
use crate::error::Result;
use crate::folder::RunFolder;
use crate::servers::{Cluster, ClusterOptions, Etcd, Kcp, NodeSize};

/// A hub and two physical clusters, with two nodes each.
pub struct World {
    /// Where targets and registrations live.
    pub hub: Cluster,
    /// A physical cluster.
    pub east: Cluster,
    /// Another physical cluster.
    pub west: Cluster,
    /// A kcp, where the suites play on one; see [`on_kcp`].
    pub kcp: Option<Kcp>,
    /// Signs clients of the hub besides the hub's own authority: for programs that issue certificates.
    pub client_authority: Arc<Authority>,
    /// The folder of the run.
    pub folder: RunFolder,
}

impl World {
    /// The world of this process; the first caller starts it, which takes half a minute on a small machine.
    ///
    /// Its processes end with this process, in whatever way that ends.
    pub async fn shared() -> Result<&'static Self> {
        static WORLD: OnceCell<World> = OnceCell::const_new();
        WORLD.get_or_try_init(|| Self::start("world")).await
    }

    /// Starts a world that the caller owns, with its files in a folder named after `name`.
    pub async fn start(name: &str) -> Result<Self> {
        let folder = RunFolder::new(name)?;
        let client_authority = Arc::new(Authority::new("berthage syncers")?);
        let etcd = Arc::new(Etcd::start(folder.subfolder("etcd")?).await?);
        let hub = ClusterOptions::hub("hub").shared_etcd(&etcd).client_authority(&client_authority.certificate());
        let authorities = client_authority.certificate();
        let kcp = async { if on_kcp() { Kcp::start(folder.path(), &authorities).await.map(Some) } else { Ok(None) } };
        let (hub, east, west, kcp) = tokio::try_join!(
            Box::pin(Cluster::start(folder.path(), hub)),
            Box::pin(physical(&folder, "east", &etcd)),
            Box::pin(physical(&folder, "west", &etcd)),
            Box::pin(kcp),
        )?;
        Ok(Self { hub, east, west, kcp, client_authority, folder })
    }
}

/// Whether the suites play on kcp: `BERTHAGE_E2E_HUB=kcp`, which `cargo xtask test --kcp` sets.
pub fn on_kcp() -> bool {
    std::env::var_os("BERTHAGE_E2E_HUB").is_some_and(|hub| hub == "kcp")
}

/// A name that nothing else in this world has.
pub fn fresh_name(prefix: &str) -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    format!("{prefix}-{}", COUNTER.fetch_add(1, Ordering::Relaxed))
}

async fn physical(folder: &RunFolder, name: &str, etcd: &Arc<Etcd>) -> Result<Cluster> {
    let cluster = Cluster::start(folder.path(), ClusterOptions::physical(name).shared_etcd(etcd)).await?;
    for number in 1..=2 {
        cluster.add_node(&format!("{name}-{number}"), NodeSize::default()).await?;
    }
    Ok(cluster)
}
