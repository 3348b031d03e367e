//! A hub and a cluster behind proxies that count what is written.

use berthage_e2e::proxy::{Exchange, Proxy};
use berthage_e2e::wait::PATIENCE;
use berthage_e2e::world::World;

use super::controller::Settings;
use super::requests::writes;
use super::site::Site;
use super::{Hub, OwnHub, Result};

/// A hub and a cluster behind proxies that count.
pub(crate) struct Counted<'a> {
    /// The hub.
    pub hub: Hub<'a>,
    /// The cluster.
    pub site: Site<'a>,
    /// The controller's way to the hub.
    pub hub_proxy: Proxy,
    /// And to the cluster.
    pub site_proxy: Proxy,
}

impl<'a> Counted<'a> {
    /// Starts the proxies.
    pub(crate) async fn open(own: &'a OwnHub) -> Result<Self> {
        let hub = own.hub().await?;
        let site = Site::new(&World::shared().await?.west).await?;
        let (hub_proxy, site_proxy) = (Proxy::start(hub.cluster).await?, Proxy::start(site.cluster).await?);
        Ok(Self { hub, site, hub_proxy, site_proxy })
    }

    /// Of a controller that goes through them.
    pub(crate) fn settings(&self) -> Settings {
        Settings::default().through(&self.hub_proxy.url()).with("--probe-interval", "1s")
    }

    /// Of the cluster, through its proxy.
    pub(crate) fn kubeconfig(&self) -> String {
        self.site.cluster.kubeconfig_at(&self.site_proxy.url())
    }

    /// How much has passed so far.
    pub(crate) fn mark(&self) -> (usize, usize) {
        (self.hub_proxy.count(), self.site_proxy.count())
    }

    /// What was written since then, the election of a leader apart.
    pub(crate) fn writes_since(&self, (hub, site): (usize, usize)) -> Vec<String> {
        let mut all = writes(&self.hub_proxy.exchanges_since(hub));
        all.extend(writes(&self.site_proxy.exchanges_since(site)));
        all
    }

    /// Waits until the cluster was probed that many times more.
    pub(crate) async fn probes(&self, rounds: usize) -> Result {
        let start = self.site_proxy.count();
        let is_probe = |exchange: &Exchange| exchange.number >= start && exchange.path == "/version";
        let enough = |exchange: &Exchange| {
            is_probe(exchange)
                && self.site_proxy.exchanges_since(start).iter().filter(|it| is_probe(it)).count() >= rounds
        };
        self.site_proxy.exchange(&format!("{rounds} probes"), PATIENCE, enough).await?;
        Ok(())
    }
}
