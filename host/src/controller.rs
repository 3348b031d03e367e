//! `berthage controller`: what a [`Manager`] needs, from flags, files and the hub; it runs until the process is told to stop.
//!
//! The informers run in every replica, so that a standby is warm; the workers run in the leader only, and every client that
//! writes asks the fence before each request.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use berthage_core::template::Limits as TemplateLimits;
use kube::Client;
use kube::config::KubeConfigOptions;

use crate::access::bounds::Limits;
use crate::access::connect::HubTransport;
use crate::access::{AddressPolicy, ConnectError, Failure, Fence, Options as ClientOptions, RequestObserver, Side};
use crate::args::{Controller, HubArgs, HubKind, ShareArgs};
use crate::credentials::{Authority, AuthorityError, HubAddress, Issuer, Trust};
use crate::hook::{
    Budget, EngineError, HookEngine, Limits as HookLimits, PluginSource, Plugins, PluginsSpec, Registry, Seen,
};
use crate::leader::{self, Leadership};
use crate::library::Library;
use crate::manager::{Manager, Setup};
use crate::metrics::{Metrics, Server};
use crate::reconcile::{Making, Options};
use crate::store::Store;
use crate::{admin, shutdown};
use berthage_core::clock::Clock;

/// How many downstream writes of one target are under way at a time.
const PARALLEL_WRITES: usize = 8;
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
    run_until(args, shutdown::on_signals().map_err(ControllerError::Signals)?).await
}

/// Runs until `shutdown` begins, or until leadership is lost.
pub async fn run_until(args: Controller, shutdown: shutdown::Shutdown) -> Result<(), ControllerError> {
    let metrics = Metrics::new();
    let fence = if args.no_leader_election { Fence::open() } else { Fence::closed() };
    let limits = Limits { connect: args.connect_timeout.get(), total: args.request_timeout.get(), ..Limits::default() };
    let reading = ClientOptions { limits, observer: Some(observer(&metrics)), ..ClientOptions::default() };
    let writing = ClientOptions { fence: Some(fence.clone()), ..reading.clone() };
    let config = hub_config(&args.hub).await?;
    let (reader, writer) = (HubTransport::new(&config, &reading)?, HubTransport::new(&config, &writing)?);
    let watching = reader.at(&config.cluster_url);

    let making = making(&args.share, Arc::new(Store::default()), &metrics)?;
    let issuer = issuer(&args, &config, &watching).await?;
    let kcp = args.hub_kind == HubKind::Kcp;
    let mut manager = Manager::new(Setup {
        config,
        reader,
        writer,
        clients: writing,
        slice: kcp.then(|| args.endpoint_slice.clone().unwrap_or_else(|| args.export.clone())),
        making,
        issuer,
        options: Options {
            probe_interval: args.probe_interval.get(),
            observe_only: args.observe_only,
            kcp,
            workspace_patience: args.workspace_patience.get(),
            addresses: AddressPolicy { deny_private: args.deny_private_addresses },
            parallel_writes: PARALLEL_WRITES,
            run_budget: limits.total.saturating_mul(RUN),
        },
        workers: args.workers,
        max_links: args.max_links,
        metrics: metrics.clone(),
        clock: Clock::showing(jiff::Timestamp::now),
    });
    let ready = manager.watch();
    let admin = admin::serve(args.admin_address, metrics.clone(), move || ready(), shutdown.clone()).await?;

    let mut leadership = if args.no_leader_election {
        leader::always(&metrics)
    } else {
        let lease = leader::Config::new(&args.lease_namespace, args.lease_duration.get(), limits.total);
        leader::campaign(watching, lease, fence, metrics.clone(), shutdown.clone())
    };
    let led = tokio::select! {
        led = leadership.wait_for(|state| *state != Leadership::Standby) => led.is_ok_and(|state| *state == Leadership::Leading),
        () = shutdown.wait() => false,
    };
    if led {
        tracing::info!(workers = args.workers, "leading");
        manager.follow_files();
        manager.work();
        tokio::select! {
            () = shutdown.wait() => {}
            _ = leadership.wait_for(|state| *state == Leadership::Lost) => {}
        }
        manager.stop().await;
    }
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
        Trust::NotProbed if args.hub_kind == HubKind::Kcp => {
            tracing::warn!("there is no CA, and kcp gives no tokens: syncers get no credential; see --ca-cert");
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
    let share = share_folder(args)?;
    let engine = HookEngine::new(HookLimits::default(), Budget::Time).map_err(ControllerError::Engine)?;
    let metrics = metrics.clone();
    let engine = engine.observed_by(move |observed| {
        let (plugin, hook) = (observed.plugin, observed.hook.as_str());
        match observed.seen {
            Seen::Called { outcome, duration } => metrics.hook_call(plugin, hook, outcome, duration),
            Seen::Used { memory } => metrics.hook_memory(plugin, hook, memory),
            Seen::Kept => metrics.hook_kept(plugin, hook),
        }
    });
    let engine = engine.verifying_determinism(args.verify_determinism);
    let plugins = Arc::new(Plugins::load(plugins_spec(args, &share)?, &engine));
    let folder = args.plugins.clone().unwrap_or_else(|| share.join("plugins"));
    let declared = Arc::new(Registry::new(Arc::clone(&plugins), folder));
    let library = Library::load(templates_folder(&share), args.templates.clone(), TemplateLimits::default());
    Ok(Making { store, plugins, declared, library, syncer_image: args.syncer_image.clone() })
}

/// Where plugins and templates are.
pub fn share_folder(args: &ShareArgs) -> Result<PathBuf, ControllerError> {
    args.share.clone().map_or_else(|| beside_the_program().map_err(ControllerError::Share), Ok)
}

/// The file of the reconciler.
pub fn reconciler_file(args: &ShareArgs, share: &Path) -> PathBuf {
    args.plugin.clone().unwrap_or_else(|| share.join("plugins").join("synctarget.wasm"))
}

/// The folder with the product's layer of templates.
pub fn templates_folder(share: &Path) -> PathBuf {
    share.join("templates")
}

fn plugins_spec(args: &ShareArgs, share: &Path) -> Result<PluginsSpec, ControllerError> {
    let json = |flag: &'static str, text: &str| {
        serde_json::from_str(text).map_err(|error| ControllerError::PluginConfig { flag, problem: error.to_string() })
    };
    let reconciler = PluginSource {
        name: None,
        path: reconciler_file(args, share),
        config: json("--plugin-config", &args.plugin_config)?,
    };
    let transformers = args.transformers.iter().map(|text| {
        let (path, config) = transformer(text);
        Ok(PluginSource { name: None, path: PathBuf::from(path), config: json("--transformer", config)? })
    });
    Ok(PluginsSpec {
        reconciler,
        transformers: transformers.collect::<Result<_, ControllerError>>()?,
        cache_dir: args.plugin_cache.clone(),
        compiler: Some(std::env::current_exe().map_err(ControllerError::Share)?),
    })
}

/// The file of a `--transformer`, and its configuration.
pub fn transformer(text: &str) -> (&str, &str) {
    text.split_once('=').unwrap_or((text, "{}"))
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
