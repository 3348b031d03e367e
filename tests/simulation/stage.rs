//! The servers with what is on them before anything is tried: a platform's workspace with the APIExport, two tenants who have
//! bound it and registered clusters, of which they share one.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use berthage::access::connect::HubTransport;
use berthage::access::{AddressPolicy, Options as ClientOptions};
use berthage::credentials::{Authority, HubAddress, Issuer, Trust};
use berthage::hook::{Budget, HookEngine, Limits as HookLimits, PluginSource, Plugins, PluginsSpec, Registry};
use berthage::library::Library;
use berthage::manager::{Manager, Setup};
use berthage::metrics::Metrics;
use berthage::reconcile::{Making, Options};
use berthage::store::Store;
use berthage_core::clock::Clock;
use berthage_core::kcp::DEFAULT_EXPORT;
use berthage_core::template::Limits as TemplateLimits;
use berthage_e2e::program;
use berthage_e2e::tenancy::{self, PLATFORM};
use berthage_sandbox::sandbox::{Chance, Place, Site};
use berthage_sandbox::tls::{self, Clients};
use kube::client::middleware::BaseUriLayer;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;
use tokio::task::JoinSet;
use tower::ServiceBuilder;

use crate::network::{CLUSTERS, HUB, Wires};
use crate::pods::Pods;

/// The workspaces of the tenants, and the clusters that each registers.
pub(crate) const TENANTS: [(&str, &[&str]); 2] = [("root:team-a", &["east", "west"]), ("root:team-b", &["east"])];
/// Pods of a node: never too few.
const NODE: u32 = 1_000_000;
/// What every run of a simulation begins at.
const BEGIN: &str = "2026-06-01T00:00:00Z";
/// What a plugin's call may take, about an instruction each.
const FUEL: u64 = 2_000_000_000;
/// Clusters that a controller may watch: all there are.
pub(crate) const LINKS: usize = 100;
/// How long a request of the controller may take.
const REQUEST: Duration = Duration::from_secs(10);

/// The servers, and how everybody reaches them.
pub(crate) struct Stage {
    /// The kcp.
    pub(crate) hub: Site,
    /// The physical clusters.
    pub(crate) clusters: Site,
    /// The controller's network.
    pub(crate) wires: Wires,
    /// The syncers' network.
    pub(crate) syncers: Wires,
    /// The administrators' network: nothing goes wrong there.
    admin: Wires,
    /// What runs in the clusters.
    pub(crate) pods: Pods,
    /// The servers' clock.
    clock: Clock,
    /// So many seconds the controllers' clock is ahead of it.
    pub(crate) skew: Arc<AtomicI64>,
    /// The controller's kubeconfig.
    config: Config,
    _tasks: JoinSet<()>,
}

/// What is made once for all runs: it takes time, or random numbers, and is the same in each.
struct Once {
    /// The authority of the servers' certificates, PEM.
    servers: String,
    /// The authority of the syncers' certificates: certificate and key, PEM.
    syncers: (String, zeroize::Zeroizing<String>),
    plugins: Arc<Plugins>,
}

fn once() -> &'static Once {
    static ONCE: OnceLock<Once> = OnceLock::new();
    ONCE.get_or_init(|| {
        berthage::access::install_crypto_provider();
        let made = Authority::make("berthage-simulation", 365, begin()).unwrap();
        let engine =
            HookEngine::new(HookLimits { concurrent: 16, ..HookLimits::default() }, Budget::Fuel(FUEL)).unwrap();
        let source = PluginSource { name: None, path: program::plugins().join("synctarget.wasm"), config: json!({}) };
        let spec = PluginsSpec { reconciler: source, transformers: Vec::new(), cache_dir: None, compiler: None };
        Once {
            servers: tls::Authority::new("berthage-simulation-servers").unwrap().certificate(),
            syncers: (made.certificate, made.key),
            plugins: Arc::new(Plugins::load(spec, &engine)),
        }
    })
}

fn begin() -> jiff::Timestamp {
    BEGIN.parse().unwrap()
}

fn place(url: &str) -> Place {
    let address = url.trim_start_matches("https://").to_owned();
    Place { url: url.to_owned(), address, authority: once().servers.clone() }
}

impl Stage {
    /// Sets everything up. To be called in a runtime whose clock is paused.
    pub(crate) async fn new() -> Self {
        let pods = Pods::default();
        let now = begin();
        let names = ["east", "west"].map(str::to_owned);
        let (hub, hub_actors) = Site::hub(place(HUB), Chance::seeded(1), now).unwrap();
        let (clusters, cluster_actors) =
            Site::clusters(place(CLUSTERS), &names, NODE, Box::new(pods.clone()), Chance::seeded(2), now).unwrap();
        let showing = hub.server.clock();
        let clock = Clock::showing(move || showing.now());
        let clients = Clients::of(&[once().syncers.0.clone()]).unwrap();
        let wires = || Wires::between(&hub, &clusters, clients.clone(), clock.clone());
        let (ours, syncers, admin) = (wires(), wires(), wires());
        pods.live(&clusters.server, syncers.clone(), clock.clone());
        let mut tasks = JoinSet::new();
        for (server, actors) in [(hub.server.clone(), hub_actors), (clusters.server.clone(), cluster_actors)] {
            tasks.spawn(async move { server.run(actors).await });
        }
        let config = Config::new(HUB.parse().unwrap());
        let skew = Arc::default();
        let mut stage = Self { hub, clusters, wires: ours, syncers, admin, pods, clock, skew, config, _tasks: tasks };
        stage.platform().await;
        for (workspace, clusters) in TENANTS {
            stage.tenant(workspace, clusters).await;
        }
        stage
    }

    async fn platform(&mut self) {
        let token = tenancy::platform(|workspace| Ok(self.client(workspace))).await.unwrap();
        let kubeconfig = self.hub.kubeconfig(PLATFORM, &token);
        let kubeconfig: Kubeconfig = serde_json::from_value(kubeconfig).unwrap();
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
        self.config = config.unwrap();
    }

    /// A tenant's workspace, where these clusters are registered.
    pub(crate) async fn tenant(&self, workspace: &str, clusters: &[&str]) {
        let kubeconfig = |cluster: &str| self.clusters.kubeconfig(cluster, &self.clusters.token).to_string();
        let clusters: Vec<_> = clusters.iter().map(|cluster| (*cluster, kubeconfig(cluster))).collect();
        tenancy::tenant(|workspace| Ok(self.client(workspace)), workspace, &clusters).await.unwrap();
    }

    /// A client of somebody who may do everything in a workspace.
    pub(crate) fn client(&self, workspace: &str) -> Client {
        use berthage::access::Network as _;
        let base = format!("{HUB}/clusters/{workspace}").parse().unwrap();
        let token: http::HeaderValue = format!("Bearer {}", self.hub.token).parse().unwrap();
        let service = ServiceBuilder::new()
            .map_request(move |mut request: http::Request<kube::client::Body>| {
                request.headers_mut().insert(http::header::AUTHORIZATION, token.clone());
                request
            })
            .layer(BaseUriLayer::new(base))
            .service(self.admin.route(None));
        Client::new(service, "default")
    }

    /// Starts a controller, which works at once.
    pub(crate) async fn controller(&self) -> Manager {
        self.controller_with(LINKS).await
    }

    /// Starts one that watches at most so many clusters at a time.
    pub(crate) async fn controller_with(&self, max_links: usize) -> Manager {
        let clients = ClientOptions {
            limits: berthage::access::Limits { total: REQUEST, ..berthage::access::Limits::default() },
            network: Some(self.wires.network()),
            ..ClientOptions::default()
        };
        let transport = || HubTransport::new(&self.config, &clients).unwrap();
        let (right, skew) = (self.clock.clone(), Arc::clone(&self.skew));
        let clock = Clock::showing(move || right.now() + jiff::SignedDuration::from_secs(skew.load(Ordering::Relaxed)));
        let now = clock.now();
        let (certificate, key) = &once().syncers;
        let authority = Authority::from_pem(certificate.as_bytes(), key.as_bytes(), now).unwrap();
        let address = HubAddress::of_config(&self.config).of_kcp();
        let issuer =
            Issuer::new(Some(authority), address.clone()).certificates_only(address).over(Some(self.wires.network()));
        let _: Trust = issuer.probe(&self.config, now).await;
        let mut manager = Manager::new(Setup {
            config: self.config.clone(),
            reader: transport(),
            writer: transport(),
            clients: clients.clone(),
            slice: Some(DEFAULT_EXPORT.to_owned()),
            making: Making {
                store: Arc::new(Store::default()),
                plugins: Arc::clone(&once().plugins),
                declared: Arc::new(Registry::new(Arc::clone(&once().plugins), program::plugins())),
                library: Library::load(program::templates(), None, TemplateLimits::default()),
                syncer_image: "berthage-syncer:simulated".to_owned(),
            },
            issuer,
            options: Options {
                probe_interval: Duration::from_mins(10),
                observe_only: false,
                kcp: true,
                workspace_patience: Duration::from_mins(10),
                addresses: AddressPolicy { deny_private: false },
                parallel_writes: 8,
                run_budget: REQUEST * 3,
            },
            workers: 8,
            max_links,
            metrics: Metrics::new(),
            clock,
        });
        // Whether the lists are complete is of no interest here: work begins when they are.
        let _ready = manager.watch();
        manager.work();
        manager
    }
}
