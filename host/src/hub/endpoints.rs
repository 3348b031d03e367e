//! Which URLs kcp serves our workspaces under, and the watches of each.
//!
//! kcp lists them in the status of an APIExportEndpointSlice: one for each shard on which a workspace has bound the export,
//! none while nobody has. An endpoint is watched from when it is listed until it is listed no longer; its workspaces are
//! then forgotten, not cleaned up: that they cannot be seen does not mean that they are gone.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use futures::StreamExt as _;
use kube::api::{ApiResource, GroupVersionKind};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher;
use kube::{Api, Client};
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::diagnosis;
use crate::access::connect::HubTransport;
use crate::store::{Endpoint, Store};
use crate::watch::{Change, Sink, Watches};
use crate::wire::Wire;

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
        let slices = watcher::watch_object(Api::<Wire>::all_with(home, &kind), &name).default_backoff();
        let mut slices = std::pin::pin!(slices);
        let (moved, mut moves) = mpsc::unbounded_channel();
        let mut running: HashMap<Endpoint, JoinSet<()>> = HashMap::new();
        loop {
            tokio::select! {
                slice = slices.next() => match slice {
                    None => return,
                    Some(Err(error)) => tracing::warn!(
                        slice = name,
                        "the endpoints of the APIExport cannot be read; it is tried again: {}",
                        diagnosis::slice(&name, &error)
                    ),
                    Some(Ok(slice)) => {
                        let urls = urls(&name, slice.as_ref());
                        self.watch(&urls, &mut running, &moved);
                        self.seen.send_replace(true);
                    }
                },
                Some(endpoint) = moves.recv() => {
                    // Whatever its other watches told of the workspace before was not taken: they begin anew.
                    if let Some(watches) = running.get_mut(&endpoint) {
                        *watches = self.start(&endpoint, &moved);
                    }
                }
            }
        }
    }

    /// Starts what is new, and ends what is gone.
    fn watch(
        &self,
        wanted: &BTreeSet<Endpoint>,
        running: &mut HashMap<Endpoint, JoinSet<()>>,
        moved: &mpsc::UnboundedSender<Endpoint>,
    ) {
        let gone: Vec<Endpoint> = running.keys().filter(|endpoint| !wanted.contains(endpoint)).cloned().collect();
        for endpoint in gone {
            tracing::info!(endpoint = endpoint.url(), "an endpoint is gone; its workspaces are not served any more");
            // Dropping the set aborts its watches.
            running.remove(&endpoint);
            for key in self.store.close(&endpoint) {
                (self.sink)(Change::Key { key, live: true });
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

    fn start(&self, endpoint: &Endpoint, moved: &mpsc::UnboundedSender<Endpoint>) -> JoinSet<()> {
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
                Change::Moved(endpoint) => drop(moved.send(endpoint)),
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

/// The URLs that a slice lists, in words where there is none.
fn urls(name: &str, slice: Option<&Wire>) -> BTreeSet<Endpoint> {
    let Some(slice) = slice else {
        tracing::warn!("{}", diagnosis::no_slice(name));
        return BTreeSet::new();
    };
    let status: Option<Status> = Wire::part(slice.status.as_deref()).unwrap_or_else(|error| {
        tracing::warn!(slice = name, %error, "the slice's status cannot be read");
        None
    });
    let listed = status.unwrap_or_default().endpoints;
    if listed.is_empty() {
        tracing::info!("{}", diagnosis::no_endpoints(name));
    }
    listed.iter().map(|endpoint| Endpoint::new(&endpoint.url)).collect()
}
