//! The servers with what is on them before anything is tried: a platform's workspace with the APIExport, two tenants who have
//! bound it and registered clusters, of which they share one.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use berthage::access::connect::HubTransport;
use berthage::access::{AddressPolicy, Options as ClientOptions};
use berthage::cli::crds::definitions;
use berthage::credentials::{Authority, HubAddress, Issuer, Trust};
use berthage::hook::{Budget, HookEngine, Limits as HookLimits, PluginSource, Plugins, PluginsSpec};
use berthage::library::Library;
use berthage::manager::{Manager, Setup};
use berthage::metrics::Metrics;
use berthage::reconcile::{Making, Options};
use berthage::store::Store;
use berthage_core::clock::Clock;
use berthage_core::kcp::DEFAULT_EXPORT;
use berthage_core::kcp::export;
use berthage_core::names::{HUB_NAMESPACE, LABEL_KUBECONFIG};
use berthage_core::template::Limits as TemplateLimits;
use berthage_e2e::{manifests, program};
use berthage_sandbox::sandbox::{Chance, Place, Site};
use berthage_sandbox::tls::{self, Clients};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{DynamicObject, GroupVersionKind, PostParams};
use kube::client::middleware::BaseUriLayer;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::ApiResource;
use kube::{Api, Client, Config};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tower::ServiceBuilder;

use crate::network::{CLUSTERS, HUB, Wires};
use crate::pods::Pods;

/// The workspace of the platform.
const PLATFORM: &str = "root:platform";
/// The workspaces of the tenants, and the clusters that each registers.
pub(crate) const TENANTS: [(&str, &[&str]); 2] = [("root:team-a", &["east", "west"]), ("root:team-b", &["east"])];
/// What every run of a simulation begins at.
const BEGIN: &str = "2026-06-01T00:00:00Z";
/// What a plugin's call may take, about an instruction each.
const FUEL: u64 = 2_000_000_000;
/// How long a request of the controller may take.
const REQUEST: Duration = Duration::from_secs(10);
/// How long set-up may take, in virtual time.
const PATIENCE: Duration = Duration::from_mins(30);

/// The servers, and how everybody reaches them.
pub(crate) struct Stage {
    /// The kcp.
    pub(crate) hub: Site,
    /// The physical clusters.
    pub(crate) clusters: Site,
    /// The controller's network.
    pub(crate) wires: Wires,
    /// The administrators' network: nothing goes wrong there.
    admin: Wires,
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
        let spec = PluginsSpec { reconciler: source, transformers: Vec::new(), cache_dir: None };
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
            Site::clusters(place(CLUSTERS), &names, Box::new(pods.clone()), Chance::seeded(2), now).unwrap();
        let showing = hub.server.clock();
        let clock = Clock::showing(move || showing.now());
        let clients = Clients::of(&[once().syncers.0.clone()]).unwrap();
        let wires = || Wires::between(&hub, &clusters, clients.clone(), clock.clone());
        let (ours, admin) = (wires(), wires());
        pods.live(&clusters.server, wires(), clock.clone());
        let mut tasks = JoinSet::new();
        for (server, actors) in [(hub.server.clone(), hub_actors), (clusters.server.clone(), cluster_actors)] {
            tasks.spawn(async move { server.run(actors).await });
        }
        let config = Config::new(HUB.parse().unwrap());
        let skew = Arc::default();
        let mut stage = Self { hub, clusters, wires: ours, admin, clock, skew, config, _tasks: tasks };
        stage.platform().await;
        for (workspace, clusters) in TENANTS {
            stage.tenant(workspace, clusters).await;
        }
        stage
    }

    async fn platform(&mut self) {
        self.workspace(PLATFORM).await;
        let client = self.client(PLATFORM);
        let types: Vec<Value> = definitions().iter().map(|one| serde_json::to_value(one).unwrap()).collect();
        let mut objects = export::provider(DEFAULT_EXPORT, &types).unwrap();
        objects.push(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": "berthage-bind"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "berthage-bind"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:authenticated"}],
        }));
        manifests::apply(&client, &objects).await.unwrap();
        let accounts: Api<ServiceAccount> = Api::namespaced(client, HUB_NAMESPACE);
        let request = TokenRequest {
            spec: Some(TokenRequestSpec { expiration_seconds: Some(86400), ..TokenRequestSpec::default() }),
            ..TokenRequest::default()
        };
        let token =
            accounts.create_token_request("berthage-controller", &PostParams::default(), &request).await.unwrap();
        let kubeconfig = self.hub.kubeconfig(PLATFORM, &token.status.unwrap().token.unwrap());
        let kubeconfig: Kubeconfig = serde_json::from_value(kubeconfig).unwrap();
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
        self.config = config.unwrap();
    }

    async fn tenant(&self, workspace: &str, clusters: &[&str]) {
        self.workspace(workspace).await;
        let client = self.client(workspace);
        manifests::apply(&client, &[export::tenant(DEFAULT_EXPORT, PLATFORM, true)]).await.unwrap();
        let bindings = resource("apis.kcp.io", "v1alpha2", "APIBinding");
        self.until(&client, &bindings, DEFAULT_EXPORT, "/status/phase", "Bound").await;
        for cluster in clusters {
            let kubeconfig = self.clusters.kubeconfig(cluster, &self.clusters.token).to_string();
            let secret = format!("{cluster}-kubeconfig");
            let registration = json!({
                "apiVersion": "tmc.kcp.io/v1alpha1", "kind": "ClusterRegistration", "metadata": {"name": cluster},
                "spec": {"kubeConfigSecretRef": {"namespace": "default", "name": secret}},
            });
            let secret = json!({
                "apiVersion": "v1", "kind": "Secret",
                "metadata": {"name": secret, "namespace": "default", "labels": {LABEL_KUBECONFIG: "true"}},
                "stringData": {"kubeconfig": kubeconfig},
            });
            manifests::apply(&client, &[secret, registration]).await.unwrap();
        }
    }

    async fn workspace(&self, path: &str) {
        let (parent, name) = path.rsplit_once(':').unwrap();
        let client = self.client(parent);
        let object = json!({"apiVersion": "tenancy.kcp.io/v1alpha1", "kind": "Workspace", "metadata": {"name": name}});
        manifests::apply(&client, &[object]).await.unwrap();
        let workspaces = resource("tenancy.kcp.io", "v1alpha1", "Workspace");
        self.until(&client, &workspaces, name, "/status/phase", "Ready").await;
    }

    /// Waits, in virtual time, until a field of an object says this.
    async fn until(&self, client: &Client, resource: &ApiResource, name: &str, field: &str, value: &str) {
        let objects: Api<DynamicObject> = Api::all_with(client.clone(), resource);
        let reached = async {
            loop {
                let object = objects.get(name).await.unwrap();
                if object.data.pointer(field).and_then(Value::as_str) == Some(value) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let reached = tokio::time::timeout(PATIENCE, reached).await;
        assert!(reached.is_ok(), "{name}: {field} is not {value} after {PATIENCE:?}");
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
            max_links: 100,
            metrics: Metrics::new(),
            clock,
        });
        // Whether the lists are complete is of no interest here: work begins when they are.
        let _ready = manager.watch();
        manager.work();
        manager
    }
}

pub(crate) fn resource(group: &str, version: &str, kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
}
