//! The parts of a controller, put together: store, watches, queues, workers.
//!
//! ```text
//! hub ──watch──▶ Store ──key──▶ WorkQueue ──▶ reconcile ──▶ hub and physical clusters
//!                                   ▲
//! physical clusters ──Downstream────┘
//! ```
//!
//! What is made of flags, files and signals comes from outside, as a [`Setup`]: [`controller`](crate::controller) makes it for
//! a process, a simulation for servers in its own process. What a manager has started ends with it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use berthage_core::key::{Key, Kind};
use berthage_core::queue::Priority;
use kube::Client;
use tokio::task::JoinSet;

use crate::access::connect::HubTransport;
use crate::access::{Connections, Options as ClientOptions};
use crate::credentials::{Issuer, Trust};
use crate::downstream::{self, Downstream, News};
use crate::events::Events;
use crate::hub::Hub;
use crate::hub::endpoints::Endpoints;
use crate::metrics::Metrics;
use crate::reconcile::{self, Bulkheads, Context, Exits, Making, Memos, Options, Probes, Repairs};
use crate::store::{Endpoint, Store};
use crate::watch::{self, Change, Watches};
use crate::workers::Queues;
use berthage_core::clock::Clock;

/// How often plugins and templates on disk are looked at.
const RELOAD: Duration = Duration::from_secs(2);
/// How often Secrets are looked through for finalizers that nobody needs.
const SWEEP: Duration = Duration::from_secs(60);

/// What a controller is made of.
pub struct Setup {
    /// The operator's own way to the hub.
    pub config: kube::Config,
    /// The hub, for the watches, which every replica has.
    pub reader: HubTransport,
    /// The hub, for all that only the leader does.
    pub writer: HubTransport,
    /// How physical clusters are asked.
    pub clients: ClientOptions,
    /// On kcp: the APIExportEndpointSlice.
    pub slice: Option<String>,
    /// What manifests are made of. Its store is empty.
    pub making: Making,
    /// Makes the syncers' credentials.
    pub issuer: Issuer,
    /// How it behaves.
    pub options: Options,
    /// How many targets are worked on at a time.
    pub workers: usize,
    /// How many physical clusters are kept connections and watches of.
    pub max_links: usize,
    /// Where everything is counted.
    pub metrics: Metrics,
    /// What day it is.
    pub clock: Clock,
}

/// A controller. Dropped, it stops at once, wherever it is.
pub struct Manager {
    ctx: Arc<Context>,
    queues: Queues,
    config: kube::Config,
    reader: HubTransport,
    slice: Option<String>,
    tasks: JoinSet<()>,
}

/// Whether the lists that work rests on are complete.
pub type Ready = Arc<dyn Fn() -> bool + Send + Sync>;

impl Manager {
    /// Puts it together. Nothing is asked of anybody yet.
    pub fn new(setup: Setup) -> Self {
        let Setup {
            config,
            reader,
            writer,
            clients,
            slice,
            making,
            issuer,
            options,
            workers,
            max_links,
            metrics,
            clock,
        } = setup;
        let store = Arc::clone(&making.store);
        // A plain hub is one workspace, which takes nothing from anybody.
        let queues = Queues::new(&metrics, workers, slice.is_some());
        let home = writer.at(&config.cluster_url);
        let ctx = Arc::new(Context {
            hub: Hub::new(writer, home, Arc::clone(&store)),
            making,
            downstream: Downstream::new(
                max_links,
                Arc::new(Known(Arc::clone(&store))),
                downstream_sink(&store, &queues),
            ),
            connections: Connections::new(clients, max_links),
            issuer,
            events: Events::new(clock.clone()),
            metrics: metrics.clone(),
            options,
            memos: Memos::default(),
            probes: Probes::default(),
            repairs: Repairs::default(),
            exits: Exits::default(),
            bulkheads: Arc::new(Bulkheads::for_workers(workers, wake(&queues))),
            wake: wake(&queues),
            clock,
        });
        gauges(&metrics, &ctx);
        Self { ctx, queues, config, reader, slice, tasks: JoinSet::new() }
    }

    /// Starts the watches. A standby has them too, so that it is warm.
    pub fn watch(&mut self) -> Ready {
        let store = Arc::clone(&self.ctx.making.store);
        let (home, sink) = (self.reader.at(&self.config.cluster_url), hub_sink(&store, &self.queues));
        match self.slice.clone() {
            None => self.watch_plain(home, store, sink),
            Some(slice) => self.watch_kcp(home, slice, store, sink),
        }
    }

    fn watch_plain(&mut self, client: Client, store: Arc<Store>, sink: watch::Sink) -> Ready {
        let watches = Watches { endpoint: Endpoint::plain(), client, store: Arc::clone(&store), sink };
        self.start(&store, &watches);
        Arc::new(move || store.is_synced(&Endpoint::plain()))
    }

    fn start(&mut self, store: &Store, watches: &Watches) {
        store.open(&watches.endpoint, watches.sources());
        for source in watches.sources() {
            self.tasks.spawn(watches.clone().run(*source));
        }
    }

    /// Watches every endpoint of an APIExport, and the workspace that it is in, where the platform declares its plugins. A shard that does not answer does not make the controller unready for the
    /// others.
    fn watch_kcp(&mut self, home: Client, slice: String, store: Arc<Store>, sink: watch::Sink) -> Ready {
        let platform = Watches {
            endpoint: Endpoint::platform(),
            client: home.clone(),
            store: Arc::clone(&store),
            sink: Arc::clone(&sink),
        };
        self.start(&store, &platform);
        let (seen, read) = tokio::sync::watch::channel(false);
        let endpoints = Endpoints { transport: self.reader.clone(), store: Arc::clone(&store), sink, seen };
        self.tasks.spawn(endpoints.follow(home, slice));
        Arc::new(move || *read.borrow() && store.any_synced())
    }

    /// Starts to work on what the watches tell.
    pub fn work(&mut self) {
        let (ctx, queues) = (Arc::clone(&self.ctx), self.queues.clone());
        self.tasks.spawn(async move { queues.run(&ctx).await });
        self.tasks.spawn(call(Arc::clone(&self.ctx), self.queues.clone()));
        self.tasks.spawn(sweep(Arc::clone(&self.ctx), self.config.clone()));
    }

    /// Starts to look after plugins and templates on disk.
    pub fn follow_files(&mut self) {
        self.tasks.spawn(reload(Arc::clone(&self.ctx), self.queues.clone()));
    }

    /// Begins no run any more, and ends when the last one has ended.
    pub async fn stop(mut self) {
        self.queues.shut_down().await;
        self.tasks.shutdown().await;
    }
}

fn gauges(metrics: &Metrics, ctx: &Arc<Context>) {
    let ctx = Arc::downgrade(ctx);
    metrics.before_scrape(move |metrics| {
        if let Some(ctx) = ctx.upgrade() {
            let size = ctx.making.store.size();
            metrics.store(size.workspaces, size.objects, size.bytes);
            metrics.endpoints(size.endpoints);
            metrics.connections(ctx.connections.len());
            let (open, waiting) = ctx.bulkheads.size();
            metrics.bulkheads(open, waiting);
        }
    });
}

fn wake(queues: &Queues) -> reconcile::Wake {
    let queues = queues.clone();
    Box::new(move |key, priority| queues.add(key, priority))
}

fn hub_sink(store: &Arc<Store>, queues: &Queues) -> watch::Sink {
    let (store, queues) = (Arc::clone(store), queues.clone());
    Arc::new(move |change| match change {
        Change::Key { key, priority } => queues.add(key, priority),
        Change::Synced(endpoint) => {
            let size = store.size();
            tracing::info!(
                endpoint = endpoint.url(),
                workspaces = size.workspaces,
                objects = size.objects,
                "every list of the hub is complete"
            );
        }
        // Only kcp has endpoints that workspaces move between; those who watch them see to it.
        Change::Moved { .. } => {}
    })
}

/// The targets that the store knows.
struct Known(Arc<Store>);

impl downstream::Users for Known {
    fn has(&self, registration: &Key, id: &str) -> bool {
        self.0.user_of_id(registration, id).is_some()
    }

    fn of(&self, registration: &Key) -> Vec<Key> {
        self.0.users_of(registration)
    }
}

fn downstream_sink(store: &Arc<Store>, queues: &Queues) -> downstream::Sink {
    let (store, queues) = (Arc::clone(store), queues.clone());
    Arc::new(move |news| match news {
        News::Target(registration, id) => {
            if let Some(key) = store.user_of_id(&registration, &id) {
                queues.add(key, Priority::Report);
            }
        }
        News::Synced(registration, hurried) => look_at(&queues, store.users_of(&registration), &hurried),
        News::Failed(registration) => queues.add(registration, Priority::Report),
    })
}

/// Has targets looked at, first those that somebody waits for.
fn look_at(queues: &Queues, targets: Vec<Key>, hurried: &BTreeSet<Key>) {
    for key in targets {
        let priority = if hurried.contains(&key) { Priority::Live } else { Priority::Background };
        queues.add(key, priority);
    }
}

/// Has targets looked at whose clusters may be watched now.
async fn call(ctx: Arc<Context>, queues: Queues) {
    loop {
        for called in ctx.downstream.next_called().await {
            look_at(&queues, called.users, &called.hurried);
        }
    }
}

/// Has every target looked at when a file has changed.
async fn reload(ctx: Arc<Context>, queues: Queues) {
    let mut ticks = tokio::time::interval(RELOAD);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let shared = Arc::clone(&ctx);
        let changed = tokio::task::spawn_blocking(move || {
            let plugins = shared.making.plugins.reload_if_changed();
            (shared.making.library.refresh() || plugins, shared.making.declared.with_changed_files())
        });
        // A look that panicked has seen nothing; the next one looks again.
        let (changed, declared) = changed.await.unwrap_or_default();
        for key in declared {
            queues.add(key, Priority::Live);
        }
        if changed {
            tracing::info!("plugins or templates changed; every target is looked at");
            for key in ctx.making.store.keys(Kind::Target) {
                queues.add(key, Priority::Background);
            }
        }
    }
}

/// Looks after what changes without an event: whether the hub trusts the CA, and finalizers that nobody needs any more.
async fn sweep(ctx: Arc<Context>, config: kube::Config) {
    let mut ticks = tokio::time::interval(SWEEP);
    loop {
        ticks.tick().await;
        if let Trust::Unknown(_) = ctx.issuer.trust() {
            ctx.issuer.probe(&config, ctx.clock.now()).await;
        }
        if !ctx.options.observe_only {
            reconcile::sweep_secrets(&ctx).await;
        }
    }
}
