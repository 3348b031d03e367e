//! Which URLs kcp serves our workspaces under, and the watches of each.
//!
//! kcp lists them in the status of an APIExportEndpointSlice: one for each shard on which a workspace has bound the export,
//! none while nobody has. An endpoint is watched from when it is listed until it is listed no longer; its workspaces are
//! then forgotten, not cleaned up: that they cannot be seen does not mean that they are gone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use berthage_core::queue::Priority;
use futures::StreamExt as _;
use kube::api::{ApiResource, GroupVersionKind};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher;
use kube::{Api, Client};
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::diagnosis;
use crate::access::connect::HubTransport;
use crate::access::pace::Pace;
use crate::store::{Endpoint, Store};
use crate::watch::retries::Retries;
use crate::watch::told::Told;
use crate::watch::{Change, Sink, Watches};
use crate::wire::Wire;

/// How often endpoints are listed anew at once because workspaces moved, and the time in which it may happen once more.
const RESTARTS: (u32, Duration) = (4, Duration::from_secs(30));

/// Follows an APIExportEndpointSlice.
pub struct Endpoints {
    /// How the endpoints are reached.
    pub transport: HubTransport,
    /// Where what they say goes.
    pub store: Arc<Store>,
    /// Who is told.
    pub sink: Sink,
    /// Told once the slice was read for the first time.
    pub seen: tokio::sync::watch::Sender<bool>,
}

#[derive(Deserialize, Default)]
struct Status {
    #[serde(default)]
    endpoints: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    url: String,
}

impl Endpoints {
    /// Follows the slice of that name for as long as the process lives. `home` is a client of the workspace that it is in.
    pub async fn follow(self, home: Client, name: String) {
        let kind = ApiResource::from_gvk(&GroupVersionKind::gvk(
            berthage_core::kcp::APIS_GROUP,
            "v1alpha1",
            "APIExportEndpointSlice",
        ));
        let slices =
            watcher::watch_object(Api::<Wire>::all_with(home, &kind), &name).backoff(Retries::of([name.as_str()]));
        let mut slices = std::pin::pin!(slices);
        let mut told = Told::default();
        let (moved, mut moves) = mpsc::unbounded_channel();
        let mut restarts = Pace::new(RESTARTS.0, RESTARTS.1);
        let mut running: BTreeMap<Endpoint, JoinSet<()>> = BTreeMap::new();
        loop {
            tokio::select! {
                biased;
                slice = slices.next() => match slice {
                    None => return,
                    Some(Err(error)) => {
                        let said = diagnosis::slice(&name, &error);
                        if told.is_new(&said) {
                            tracing::warn!(slice = name, "the endpoints of the APIExport cannot be read; it is tried again: {said}");
                        } else {
                            tracing::debug!(slice = name, "the endpoints of the APIExport cannot be read still: {said}");
                        }
                    }
                    Some(Ok(slice)) => {
                        told = Told::default();
                        if let Some(urls) = urls(&name, slice.as_ref()) {
                            self.watch(&urls, &mut running, &moved).await;
                        }
                        self.seen.send_replace(true);
                    }
                },
                Some(endpoints) = moves.recv() => {
                    // Two shards that both say that they have a workspace must not make us list all of them all the time.
                    sleep(restarts.take(Instant::now(), 1)).await;
                    // Many workspaces may move at once, as all of a shard do.
                    let mut endpoints = BTreeSet::from(endpoints);
                    endpoints.extend(std::iter::from_fn(|| moves.try_recv().ok()).flatten());
                    for endpoint in endpoints {
                        if let Some(watches) = running.get_mut(&endpoint) {
                            // Nothing of the old watches may come after the store has begun anew.
                            watches.shutdown().await;
                            *watches = self.start(&endpoint, &moved);
                        }
                    }
                }
            }
        }
    }

    /// Starts what is new, and ends what is gone.
    async fn watch(
        &self,
        wanted: &BTreeSet<Endpoint>,
        running: &mut BTreeMap<Endpoint, JoinSet<()>>,
        moved: &mpsc::UnboundedSender<[Endpoint; 2]>,
    ) {
        let gone: Vec<Endpoint> = running.keys().filter(|endpoint| !wanted.contains(endpoint)).cloned().collect();
        for endpoint in gone {
            tracing::info!(endpoint = endpoint.url(), "an endpoint is gone; its workspaces are not served any more");
            if let Some(mut watches) = running.remove(&endpoint) {
                watches.shutdown().await;
            }
            for key in self.store.close(&endpoint) {
                (self.sink)(Change::Key { key, priority: Priority::Report });
            }
        }
        for endpoint in wanted {
            if !running.contains_key(endpoint) {
                tracing::info!(endpoint = endpoint.url(), "an endpoint is there; its workspaces are listed");
                let watches = self.start(endpoint, moved);
                running.insert(endpoint.clone(), watches);
            }
        }
    }

    fn start(&self, endpoint: &Endpoint, moved: &mpsc::UnboundedSender<[Endpoint; 2]>) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        let base = format!("{}/clusters/*", endpoint.url());
        let Ok(base) = base.parse() else {
            tracing::warn!(endpoint = endpoint.url(), "an endpoint's URL cannot be read, and is left out");
            return tasks;
        };
        let (sink, moved) = (Arc::clone(&self.sink), moved.clone());
        let watches = Watches {
            endpoint: endpoint.clone(),
            client: self.transport.at(&base),
            store: Arc::clone(&self.store),
            sink: Arc::new(move |change| match change {
                // Nobody is left to restart it when this fails: the process ends.
                Change::Moved { from, to } => drop(moved.send([from, to])),
                other => sink(other),
            }),
        };
        self.store.open(endpoint, watches.sources());
        for source in watches.sources() {
            tasks.spawn(watches.clone().run(*source));
        }
        tasks
    }
}

/// The URLs that a slice lists, in words where there is none; nothing if it does not say, or cannot be understood: then what it
/// said before stands.
fn urls(name: &str, slice: Option<&Wire>) -> Option<BTreeSet<Endpoint>> {
    let Some(slice) = slice else {
        tracing::warn!("{}", diagnosis::no_slice(name));
        return Some(BTreeSet::new());
    };
    let status: Option<Status> = match Wire::part(slice.status.as_deref()) {
        Ok(status) => status,
        Err(error) => {
            tracing::warn!(slice = name, %error, "the slice's status cannot be read; what it said before stands");
            return None;
        }
    };
    let listed = status?.endpoints;
    if listed.is_empty() {
        tracing::info!("{}", diagnosis::no_endpoints(name));
    }
    Some(listed.iter().map(|endpoint| Endpoint::new(&endpoint.url)).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(status: Option<Value>) -> Option<BTreeSet<Endpoint>> {
        let mut slice = json!({ "metadata": { "name": "berthage" } });
        if let Some(status) = status {
            slice["status"] = status;
        }
        urls("berthage", Some(&serde_json::from_str(&slice.to_string()).unwrap()))
    }

    #[test]
    fn what_a_slice_does_not_say_closes_no_endpoint() {
        assert_eq!(of(None), None);
        assert_eq!(of(Some(json!({ "endpoints": [{ "uri": "https://one" }] }))), None);
        assert_eq!(of(Some(json!({ "endpoints": [] }))), Some(BTreeSet::new()));
        assert_eq!(urls("berthage", None), Some(BTreeSet::new()), "there is none");
        let one = Some(BTreeSet::from([Endpoint::new("https://one")]));
        assert_eq!(of(Some(json!({ "endpoints": [{ "url": "https://one/" }] }))), one);
    }
}
