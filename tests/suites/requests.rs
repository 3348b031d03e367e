//! How many requests a target costs: of which kind each is, and that there are no others.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use berthage_core::api::SyncTarget;
use berthage_e2e::proxy::{Exchange, Proxy};
use berthage_e2e::world::{World, fresh_name, on_kcp};

use crate::stage::controller::Settings;
use crate::stage::requests::{Side, is_election, name};
use crate::stage::site::Site;
use crate::stage::target::{status, target};
use crate::stage::{OwnHub, Result};

/// Set to write the files anew instead of comparing with them.
const UPDATE: &str = "BERTHAGE_E2E_UPDATE";

/// Requests by name, with how many there were of each.
#[derive(Default)]
struct Bill(BTreeMap<String, usize>);

impl Bill {
    /// Adds what a proxy has recorded, save the election of a leader and what belongs to no target: probes of the cluster,
    /// informers, and a watch that starts anew.
    fn add(&mut self, side: Side, exchanges: &[Exchange], target: &str) {
        let exchanges = exchanges.iter().filter(|exchange| {
            let probe = exchange.path == "/version"
                || exchange.path == "/api/v1/nodes"
                || (exchange.reads()
                    && exchange.path == "/api/v1/namespaces/kube-system"
                    && !exchange.query.is_empty());
            !probe && !exchange.watches() && !is_election(&exchange.path)
        });
        for exchange in exchanges {
            *self.0.entry(name(side, exchange, target)).or_default() += 1;
        }
    }

    fn count(&self, words: &[&str]) -> usize {
        self.0.iter().filter(|(name, _)| words.iter().all(|word| name.contains(word))).map(|(_, count)| count).sum()
    }

    fn total(&self) -> usize {
        self.0.values().sum()
    }
}

/// Compares a bill with the file of that name.
fn is_as_in(file: &str, bill: &Bill) -> Result {
    let kind = if on_kcp() { "-kcp" } else { "" };
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/{file}{kind}.txt"));
    let mut text = String::new();
    for (name, count) in &bill.0 {
        writeln!(text, "{count} {name}")?;
    }
    writeln!(text, "{} in all", bill.total())?;
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, &text)?;
    }
    let expected = std::fs::read_to_string(&path)?;
    assert_eq!(text, expected, "{} differs; {UPDATE}=1 writes it anew", path.display());
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn an_onboarding_and_a_deletion_cost_these_requests_and_no_others() -> Result {
    let own = OwnHub::start("requests").await?;
    let hub = own.hub().await?;
    let site = Site::new(&World::shared().await?.west).await?;
    let (hub_proxy, site_proxy) = (Proxy::start(hub.cluster).await?, Proxy::start(site.cluster).await?);
    let settings = Settings::default().through(&hub_proxy.url()).with("--probe-interval", "1h");
    let controller = hub.controller("controller", settings).await?;
    // The watches of the cluster are shared by its targets: the first one pays for them.
    let cluster = fresh_name("cluster");
    let first = hub.onboard(&cluster, &site.cluster.kubeconfig_at(&site_proxy.url())).await?;
    hub.told(&first, "Ready", "").await?;

    let (at_hub, at_site) = (hub_proxy.count(), site_proxy.count());
    let target = hub.create(target(&fresh_name("counted"), &cluster)).await?;
    let found: SyncTarget = hub.ready(&target).await?;
    hub.told(&target, "Ready", "").await?;
    let mut bill = Bill::default();
    bill.add(Side::Hub, &hub_proxy.exchanges_since(at_hub), &target.name);
    bill.add(Side::Cluster, &site_proxy.exchanges_since(at_site), &target.name);
    let objects = status(&found).inventory.len();
    assert_eq!(bill.count(&["cluster PATCH"]), objects, "more or fewer writes than objects: {:?}", bill.0);
    assert_eq!(bill.count(&["cluster "]), objects, "reads in the cluster: {:?}", bill.0);
    assert!(bill.count(&["hub PATCH", "/synctargets/", "/status"]) <= 3, "{:?}", bill.0);
    assert!(bill.count(&["events"]) <= 2, "{:?}", bill.0);
    is_as_in("onboarding-requests", &bill)?;

    let (at_hub, at_site) = (hub_proxy.count(), site_proxy.count());
    hub.remove(&target).await?;
    hub.told(&target, "CleanedUp", "").await?;
    let mut bill = Bill::default();
    bill.add(Side::Hub, &hub_proxy.exchanges_since(at_hub), &target.name);
    bill.add(Side::Cluster, &site_proxy.exchanges_since(at_site), &target.name);
    assert_eq!(bill.count(&["cluster DELETE"]), objects, "more or fewer deletions than objects: {:?}", bill.0);
    // The namespace once more, when the watch has lost sight of it: that may also mean that somebody took the label away
    // by which it is watched, and only the cluster's 404 says that nothing is left behind.
    assert_eq!(bill.count(&["cluster GET namespaces/kcp-syncer-"]), 1, "{:?}", bill.0);
    is_as_in("deletion-requests", &bill)?;
    Ok(controller.stop().await?)
}
