//! `berthage controller`: builds everything once, and runs it until it is told to stop.
//!
//! ```text
//! hub ──watch──▶ Store ──key──▶ WorkQueue ──▶ reconcile ──▶ hub and physical clusters
//!                                   ▲
//! physical clusters ──Downstream────┘
//! ```
//!
//! The informers run in every replica, so that a standby is warm; the workers run in the leader only, and every client that
//! writes asks the fence before each request.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use berthage_core::key::Kind;
use berthage_core::queue::Priority;
use berthage_core::template::Limits as TemplateLimits;
use kube::Client;
use kube::config::KubeConfigOptions;

use crate::access::bounds::Limits;
use crate::access::connect::HubTransport;
use crate::access::{
    AddressPolicy, ConnectError, Connections, Failure, Fence, Options as ClientOptions, RequestObserver, Side,
};
use crate::args::{Controller, HubArgs, HubKind, ShareArgs};
use crate::credentials::{Authority, AuthorityError, HubAddress, Issuer, Trust};
use crate::downstream::{Downstream, News};
use crate::events::Events;
use crate::hook::{Budget, EngineError, HookEngine, Limits as HookLimits, PluginSource, Plugins, PluginsSpec};
use crate::hub::Hub;
use crate::hub::endpoints::Endpoints;
use crate::leader::{self, Leadership};
use crate::library::Library;
use crate::metrics::{Metrics, Server};
use crate::reconcile::{self, Bulkheads, Context, Exits, Making, Memos, Options, Probes, Repairs};
use crate::store::{Endpoint, Store};
use crate::watch::{self, Change, Watches};
use crate::workers::Queues;
use crate::{admin, shutdown};

/// How often plugins and templates on disk are looked at.
const RELOAD: Duration = Duration::from_secs(2);
/// How often Secrets are looked through for finalizers that nobody needs.
const SWEEP: Duration = Duration::from_secs(60);
/// How many requests' time limits a run may take of one cluster's time, with all of its requests together.
const RUN: u32 = 3;

/// Why there is no way to the hub.
#[derive(Debug, thiserror::Error)]
pub enum HubConfigError {
    /// The hub's kubeconfig.
    #[error("the hub's kubeconfig cannot be used; name it with --kubeconfig, or set KUBECONFIG")]
    Kubeconfig(#[source] kube::config::KubeconfigError),
    /// No kubeconfig and no service account.
    #[error("no hub is configured: give --kubeconfig, set KUBECONFIG, or run in a pod with a service account")]
    NoHub(#[source] kube::config::InferConfigError),
}

/// Why the controller cannot start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ControllerError {
    /// See [`HubConfigError`].
    #[error(transparent)]
    HubConfig(#[from] HubConfigError),
    /// The client of the hub.
    #[error("a client for the hub cannot be made")]
    Client(#[from] ConnectError),
    /// The CA.
    #[error("the CA for the syncers' certificates cannot be used")]
    Authority(#[from] AuthorityError),
    /// A file of the CA, or of the hub's.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The CA's Secret.
    #[error("--ca-secret {name}: {problem}")]
    CaSecret {
        /// As it was given.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// The plugins' sandbox.
    #[error("the sandbox for plugins cannot be set up")]
    Engine(#[source] EngineError),
    /// Plugins' configuration.
    #[error("{flag} is not JSON: {problem}")]
    PluginConfig {
        /// Which flag.
        flag: &'static str,
        /// What the parser says.
        problem: String,
    },
    /// The program's own folder cannot be found.
    #[error("the folder of plugins and templates cannot be found; name it with --share")]
    Share(#[source] std::io::Error),
    /// The admin address.
    #[error(transparent)]
    Admin(#[from] admin::AdminError),
    /// Signals.
    #[error("signals cannot be received")]
    Signals(#[source] std::io::Error),
    /// Leadership was lost.
    #[error("leadership was lost: the process ends, so that a new one starts from what is on the hub")]
    LeadershipLost,
}

/// Runs until SIGTERM or SIGINT, or until leadership is lost.
pub async fn run(args: Controller) -> Result<(), ControllerError> {
    let shutdown = shutdown::on_signals().map_err(ControllerError::Signals)?;
    let metrics = Metrics::new();
    let fence = if args.no_leader_election { Fence::open() } else { Fence::closed() };
    let limits = Limits { connect: args.connect_timeout.get(), total: args.request_timeout.get(), ..Limits::default() };
    let reading = ClientOptions { limits, fence: None, observer: Some(observer(&metrics)) };
    let writing = ClientOptions { fence: Some(fence.clone()), ..reading.clone() };
    let config = hub_config(&args.hub).await?;
    let (reader, writer) = (HubTransport::new(&config, &reading)?, HubTransport::new(&config, &writing)?);
    let (watching, client) = (reader.at(&config.cluster_url), writer.at(&config.cluster_url));

    let store = Arc::new(Store::default());
    // A plain hub is one workspace, which takes nothing from anybody.
    let queues = Queues::new(&metrics, args.workers, args.hub_kind == HubKind::Kcp);
    let downstream = Downstream::new(args.max_links, users(&store), downstream_sink(&store, &queues));
    let making = making(&args.share, Arc::clone(&store), &metrics)?;
    let issuer = issuer(&args, &config, &watching).await?;
    let ctx = Arc::new(Context {
        hub: Hub::new(writer, client, Arc::clone(&store)),
        making,
        downstream,
        connections: Connections::new(writing, args.max_links),
        issuer,
        events: Events::default(),
        metrics: metrics.clone(),
        options: Options {
            probe_interval: args.probe_interval.get(),
            observe_only: args.observe_only,
            kcp: args.hub_kind == HubKind::Kcp,
            workspace_patience: args.workspace_patience.get(),
            addresses: AddressPolicy { deny_private: args.deny_private_addresses },
            parallel_writes: 8,
            run_budget: limits.total.saturating_mul(RUN),
        },
        memos: Memos::default(),
        probes: Probes::default(),
        repairs: Repairs::default(),
        exits: Exits::default(),
        bulkheads: Arc::new(Bulkheads::for_workers(args.workers, wake(&queues))),
        wake: wake(&queues),
    });
    gauges(&metrics, &ctx);

    let sink = hub_sink(&store, &queues);
    let ready = match args.hub_kind {
        HubKind::Kubernetes => watch_plain(watching.clone(), &store, sink),
        HubKind::Kcp => {
            let slice = args.endpoint_slice.clone().unwrap_or_else(|| args.export.clone());
            watch_kcp(reader, watching.clone(), slice, &store, sink)
        }
    };
    let admin = admin::serve(args.admin_address, metrics.clone(), move || ready(), shutdown.clone()).await?;

    let mut leadership = if args.no_leader_election {
        leader::always(&metrics)
    } else {
        let lease = leader::Config::new(&args.lease_namespace, args.lease_duration.get(), limits.total);
        leader::campaign(watching.clone(), lease, fence, metrics.clone(), shutdown.clone())
    };
    let led = tokio::select! {
        led = leadership.wait_for(|state| *state != Leadership::Standby) => led.is_ok_and(|state| *state == Leadership::Leading),
        () = shutdown.wait() => false,
    };
    if !led {
        return finish(&shutdown, admin, leadership).await;
    }
    tracing::info!(workers = args.workers, "leading");
    let background = tokio::spawn(upkeep(Arc::clone(&ctx), queues.clone(), config));
    let workers = tokio::spawn({
        let (ctx, queues) = (Arc::clone(&ctx), queues.clone());
        async move { queues.run(&ctx).await }
    });
    tokio::select! {
        () = shutdown.wait() => {}
        _ = leadership.wait_for(|state| *state == Leadership::Lost) => {}
    }
    queues.shut_down().await;
    background.abort();
    workers.abort();
    finish(&shutdown, admin, leadership).await
}

async fn finish(
    shutdown: &shutdown::Shutdown,
    admin: tokio::task::JoinHandle<()>,
    leadership: leader::Campaign,
) -> Result<(), ControllerError> {
    let lost = leadership.lost();
    shutdown.begin();
    leadership.released().await;
    let _ = admin.await;
    if lost { Err(ControllerError::LeadershipLost) } else { Ok(()) }
}

/// The maker of credentials, with the CA from files or from a Secret; asks the hub whether it trusts it.
async fn issuer(args: &Controller, config: &kube::Config, client: &Client) -> Result<Issuer, ControllerError> {
    let now = jiff::Timestamp::now();
    let file = |path: &PathBuf| {
        std::fs::read(path).map_err(|source| ControllerError::Unreadable { path: path.clone(), source })
    };
    let authority = match (&args.ca_cert, &args.ca_key, &args.ca_secret) {
        (Some(certificate), Some(key), _) => {
            let key = zeroize::Zeroizing::new(file(key)?);
            Some(Authority::from_pem(&file(certificate)?, &key, now)?)
        }
        (_, _, Some(name)) => Some(authority_of_secret(client, name, now).await?),
        _ => None,
    };
    let mut hub = HubAddress::of_config(config);
    if args.hub_kind == HubKind::Kcp {
        hub = hub.of_kcp();
    }
    if let Some(url) = &args.hub_url {
        url.trim_end_matches('/').clone_into(&mut hub.server);
        hub.tls_server_name = None;
    }
    if let Some(path) = &args.hub_ca {
        hub.ca = Some(file(path)?);
    }
    let mut issuer = Issuer::new(authority, hub);
    if args.hub_kind == HubKind::Kcp {
        issuer = issuer.certificates_only(HubAddress::of_config(config).of_kcp());
    }
    match issuer.probe(config, now).await {
        Trust::Trusted => tracing::info!("the hub trusts the CA: syncers get client certificates"),
        // What a target can have then is said in its conditions: tokens, or on kcp nothing.
        Trust::NotTrusted => {
            tracing::warn!("the hub does not trust the CA: syncers get no client certificates; see --ca-cert");
        }
        Trust::NotProbed => tracing::info!("there is no CA: syncers get no client certificates"),
        Trust::Unknown(failure) => {
            tracing::warn!(error = failure.message, "whether the hub trusts the CA is not known yet");
        }
    }
    Ok(issuer)
}

async fn authority_of_secret(client: &Client, name: &str, now: jiff::Timestamp) -> Result<Authority, ControllerError> {
    let refuse = |problem: String| ControllerError::CaSecret { name: name.to_owned(), problem };
    let (namespace, secret) = name.split_once('/').ok_or_else(|| refuse("it must be NAMESPACE/NAME".to_owned()))?;
    let api = kube::Api::<k8s_openapi::api::core::v1::Secret>::namespaced(client.clone(), namespace);
    let secret = api.get(secret).await.map_err(|error| refuse(Failure::of(Side::Hub, &error).message))?;
    Ok(Authority::from_secret(&secret, now)?)
}

/// The operator's own kubeconfig: everything that kube can do is allowed.
pub async fn hub_config(args: &HubArgs) -> Result<kube::Config, HubConfigError> {
    let options = KubeConfigOptions { context: args.context.clone(), ..KubeConfigOptions::default() };
    match &args.kubeconfig {
        Some(path) => {
            let kubeconfig = kube::config::Kubeconfig::read_from(path).map_err(HubConfigError::Kubeconfig)?;
            kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(HubConfigError::Kubeconfig)
        }
        None if args.context.is_some() => {
            kube::Config::from_kubeconfig(&options).await.map_err(HubConfigError::Kubeconfig)
        }
        None => kube::Config::infer().await.map_err(HubConfigError::NoHub),
    }
}

/// Plugins and templates.
pub fn making(args: &ShareArgs, store: Arc<Store>, metrics: &Metrics) -> Result<Making, ControllerError> {
    let share = match &args.share {
        Some(share) => share.clone(),
        None => beside_the_program().map_err(ControllerError::Share)?,
    };
    let engine = HookEngine::new(HookLimits::default(), Budget::Time).map_err(ControllerError::Engine)?;
    let metrics = metrics.clone();
    let engine = engine.observed_by(move |call| {
        metrics.hook_call(call.plugin, call.hook.as_str(), call.outcome, call.duration);
    });
    let plugins = Arc::new(Plugins::load(plugins_spec(args, &share)?, &engine));
    let library = Library::load(share.join("templates"), args.templates.clone(), TemplateLimits::default());
    Ok(Making { store, plugins, library, syncer_image: args.syncer_image.clone() })
}

fn plugins_spec(args: &ShareArgs, share: &Path) -> Result<PluginsSpec, ControllerError> {
    let json = |flag: &'static str, text: &str| {
        serde_json::from_str(text).map_err(|error| ControllerError::PluginConfig { flag, problem: error.to_string() })
    };
    let reconciler = PluginSource {
        name: None,
        path: args.plugin.clone().unwrap_or_else(|| share.join("plugins").join("synctarget.wasm")),
        config: json("--plugin-config", &args.plugin_config)?,
    };
    let transformers = args.transformers.iter().map(|text| {
        let (path, config) = text.split_once('=').unwrap_or((text, "{}"));
        Ok(PluginSource { name: None, path: PathBuf::from(path), config: json("--transformer", config)? })
    });
    Ok(PluginsSpec {
        reconciler,
        transformers: transformers.collect::<Result<_, ControllerError>>()?,
        cache_dir: args.plugin_cache.clone(),
    })
}

/// `bin/berthage` has its files in `share`, beside `bin`; a build tree has them at the top of the checkout.
fn beside_the_program() -> std::io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let folder = program.parent().unwrap_or(Path::new("."));
    Ok(folder.parent().unwrap_or(folder).join("share"))
}

fn observer(metrics: &Metrics) -> RequestObserver {
    let metrics = metrics.clone();
    Arc::new(move |record| {
        let server = match record.side {
            crate::access::Side::Hub => Server::Hub,
            crate::access::Side::Physical => Server::Physical,
        };
        metrics.request(server, record.method, record.code, record.elapsed);
    })
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
    Box::new(move |key| queues.add(key, Priority::Live))
}

fn hub_sink(store: &Arc<Store>, queues: &Queues) -> watch::Sink {
    let (store, queues) = (Arc::clone(store), queues.clone());
    Arc::new(move |change| match change {
        Change::Key { key, live } => queues.add(key, if live { Priority::Live } else { Priority::Background }),
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

/// Whether the lists that work rests on are complete.
type Ready = Arc<dyn Fn() -> bool + Send + Sync>;

/// Watches a plain Kubernetes hub.
fn watch_plain(client: Client, store: &Arc<Store>, sink: watch::Sink) -> Ready {
    let watches = Watches { endpoint: Endpoint::plain(), client, store: Arc::clone(store), sink };
    store.open(&watches.endpoint, watches.sources());
    for source in watches.sources() {
        tokio::spawn(watches.clone().run(*source));
    }
    let store = Arc::clone(store);
    Arc::new(move || store.is_synced(&Endpoint::plain()))
}

/// Watches every endpoint of an APIExport. A shard that does not answer does not make the controller unready for the others.
fn watch_kcp(reader: HubTransport, home: Client, slice: String, store: &Arc<Store>, sink: watch::Sink) -> Ready {
    let (seen, read) = tokio::sync::watch::channel(false);
    let endpoints = Endpoints { transport: reader, store: Arc::clone(store), sink, seen };
    tokio::spawn(endpoints.follow(home, slice));
    let store = Arc::clone(store);
    Arc::new(move || *read.borrow() && store.any_synced())
}

fn users(store: &Arc<Store>) -> crate::downstream::Users {
    let store = Arc::clone(store);
    Arc::new(move |registration, id| store.user_of_id(registration, id).is_some())
}

fn downstream_sink(store: &Arc<Store>, queues: &Queues) -> crate::downstream::Sink {
    let (store, queues) = (Arc::clone(store), queues.clone());
    Arc::new(move |news| match news {
        News::Target(registration, id) => {
            if let Some(key) = store.user_of_id(&registration, &id) {
                queues.add(key, Priority::Live);
            }
        }
        News::Synced(registration) => {
            for key in store.users_of(&registration) {
                queues.add(key, Priority::Background);
            }
        }
        News::Failed(registration) => queues.add(registration, Priority::Live),
    })
}

/// Looks after what changes without an event: files on disk, and finalizers that nobody needs any more.
async fn upkeep(ctx: Arc<Context>, queues: Queues, config: kube::Config) {
    let mut reload = tokio::time::interval(RELOAD);
    let mut sweep = tokio::time::interval(SWEEP);
    reload.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            _ = reload.tick() => {
                let shared = Arc::clone(&ctx);
                let changed = tokio::task::spawn_blocking(move || {
                    let plugins = shared.making.plugins.reload_if_changed();
                    shared.making.library.refresh() || plugins
                });
                if changed.await.unwrap_or(false) {
                    tracing::info!("plugins or templates changed; every target is looked at");
                    for key in ctx.making.store.keys(Kind::Target) {
                        queues.add(key, Priority::Background);
                    }
                }
            }
            _ = sweep.tick() => {
                if let Trust::Unknown(_) = ctx.issuer.trust() {
                    ctx.issuer.probe(&config, jiff::Timestamp::now()).await;
                }
                if !ctx.options.observe_only {
                    reconcile::sweep_secrets(&ctx).await;
                }
            }
        }
    }
}
