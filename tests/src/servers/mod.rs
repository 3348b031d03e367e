//! Real clusters of real servers on 127.0.0.1: a hub, and physical clusters whose pods kwok runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, ServiceAccount};
use kube::api::{DeleteParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use self::api_server::{ADMINISTRATOR, ApiServer, Foundation};
use self::component::Connection;
pub use self::etcd::Etcd;
use crate::authority::Authority;
use crate::error::{Error, Result};
use crate::process::Process;
use crate::{client, kubeconfig, manifests, wait};

pub(crate) mod api_server;
mod component;
mod etcd;

/// What a cluster is to be made of.
#[derive(Clone)]
pub struct ClusterOptions {
    name: String,
    workloads: bool,
    etcd: Option<Arc<Etcd>>,
    client_authorities: Vec<String>,
}

impl ClusterOptions {
    /// An API server with garbage collection and namespaces that end; it runs no pods.
    pub fn hub(name: &str) -> Self {
        Self { name: name.to_owned(), workloads: false, etcd: None, client_authorities: Vec::new() }
    }

    /// A whole cluster: its pods run on the nodes that [`Cluster::add_node`] makes.
    pub fn physical(name: &str) -> Self {
        Self { workloads: true, ..Self::hub(name) }
    }

    /// Keeps its data in an etcd that other clusters use too. It saves memory; [`Cluster::stop`] leaves that etcd alone.
    #[must_use]
    pub fn shared_etcd(mut self, etcd: &Arc<Etcd>) -> Self {
        self.etcd = Some(Arc::clone(etcd));
        self
    }

    /// Accepts client certificates of this authority (PEM) besides those of the cluster's own.
    #[must_use]
    pub fn client_authority(mut self, certificate: &str) -> Self {
        self.client_authorities.push(certificate.to_owned());
        self
    }
}

/// A running cluster. Dropping it kills its processes; its files belong to the folder it was started in.
pub struct Cluster {
    options: ClusterOptions,
    authority: Authority,
    front_proxy: Authority,
    /// Programs that reach the API server; they are dropped, and killed, before it.
    components: Vec<Process>,
    server: ApiServer,
    own_etcd: Option<Etcd>,
}

/// The size of a node, in Kubernetes quantities.
#[derive(Clone, Copy, Debug)]
pub struct NodeSize<'a> {
    /// CPU, for instance `8`.
    pub cpu: &'a str,
    /// Memory, for instance `32Gi`.
    pub memory: &'a str,
    /// Number of pods, for instance `110`.
    pub pods: &'a str,
}

impl Default for NodeSize<'_> {
    fn default() -> Self {
        Self { cpu: "8", memory: "32Gi", pods: "110" }
    }
}

impl Cluster {
    /// Starts a cluster in `folder`, in a subfolder of the cluster's name. It is ready when this returns: the API server
    /// serves, and the controllers have done their first work.
    pub async fn start(folder: &Path, options: ClusterOptions) -> Result<Self> {
        let folder = folder.join(&options.name);
        std::fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
        let authority = Authority::new(&options.name)?;
        let front_proxy = Authority::new(&format!("{} front proxy", options.name))?;
        let own_etcd = match options.etcd {
            Some(_) => None,
            None => Some(Etcd::start(folder.clone()).await?),
        };
        let etcd = options.etcd.as_deref().or(own_etcd.as_ref()).map(Etcd::url).unwrap_or_default();
        let foundation = Foundation {
            authority: &authority,
            front_proxy: &front_proxy,
            client_authorities: &options.client_authorities,
            etcd,
            prefix: format!("/{}", options.name),
        };
        let server = ApiServer::start(folder, &foundation).await?;
        let mut cluster = Self { options, authority, front_proxy, components: Vec::new(), server, own_etcd };
        cluster.start_components().await?;
        Ok(cluster)
    }

    async fn start_components(&mut self) -> Result<()> {
        let (server, authority) = (self.url(), self.authority.certificate());
        let connection = Connection { folder: self.server.folder(), server: &server, authority: &authority };
        let mut components = vec![component::controller_manager(&connection, self.options.workloads)?];
        if self.options.workloads {
            components.push(component::scheduler(&connection)?);
            components.push(component::kwok(&connection)?);
        }
        self.components = components;
        // The controller manager makes this account: a sign of life that can be watched.
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client().await?, "default");
        let sign = wait::until(&accounts, "default", "the default service account", wait::PATIENCE, |_| true);
        self.components[0].needed_for("its first object", wait::PATIENCE, sign).await.map(drop)
    }

    /// The name given at start.
    pub fn name(&self) -> &str {
        &self.options.name
    }

    /// The API server's address.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The folder with its files and logs.
    pub fn folder(&self) -> PathBuf {
        self.server.folder().to_owned()
    }

    /// Signs the server's certificate; the API server trusts client certificates of it.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Signs certificates of proxies that may speak for any user.
    pub(crate) fn front_proxy(&self) -> &Authority {
        &self.front_proxy
    }

    /// Every authority whose client certificates the API server accepts, PEM.
    pub(crate) fn client_authorities(&self) -> String {
        let mut authorities = self.authority.certificate();
        authorities.extend(self.options.client_authorities.iter().map(String::as_str));
        authorities
    }

    /// The administrator's kubeconfig, with everything inline.
    pub fn kubeconfig(&self) -> String {
        self.kubeconfig_at(&self.url())
    }

    /// The administrator's kubeconfig for another address of this cluster, such as a proxy's.
    pub fn kubeconfig_at(&self, server: &str) -> String {
        kubeconfig::with_token(server, &self.authority.certificate(), ADMINISTRATOR)
    }

    /// A kubeconfig with a new client certificate for any user and group, at this address: [`Cluster::url`] or a proxy's.
    pub fn kubeconfig_of(&self, user: &str, group: Option<&str>, server: &str) -> Result<String> {
        let identity = self.authority.issue_client(user, group)?;
        Ok(kubeconfig::with_certificate(server, &self.authority.certificate(), &identity))
    }

    /// The administrator's client, for the runtime that calls.
    pub async fn client(&self) -> Result<Client> {
        client::from_kubeconfig(self.name(), &self.kubeconfig()).await
    }

    /// Applies manifests as the administrator; see [`manifests::apply`].
    pub async fn apply(&self, manifests: &[Value]) -> Result<()> {
        manifests::apply(&self.client().await?, manifests).await
    }

    /// Applies manifests given as YAML or JSON text.
    pub async fn apply_text(&self, text: &str) -> Result<()> {
        self.apply(&manifests::parse(text)?).await
    }

    /// Adds a node and waits until it is Ready; only in a cluster that runs pods.
    pub async fn add_node(&self, name: &str, size: NodeSize<'_>) -> Result<Node> {
        let resources = json!({ "cpu": size.cpu, "memory": size.memory, "pods": size.pods });
        let node = json!({
            "metadata": { "name": name, "labels": { "kubernetes.io/hostname": name, "kubernetes.io/os": "linux" } },
            "status": { "capacity": resources, "allocatable": resources },
        });
        let node: Node = serde_json::from_value(node)
            .map_err(|error| Error::Manifests { problem: format!("node {name}: {error}") })?;
        let nodes: Api<Node> = Api::all(self.client().await?);
        nodes
            .create(&PostParams::default(), &node)
            .await
            .map_err(Error::request(format!("create node {name} of {}", self.name())))?;
        wait::until(&nodes, name, &format!("node {name} being Ready"), wait::PATIENCE, is_ready).await
    }

    /// Removes a node and waits until it is gone. Pods on it stay, as nothing here evicts them.
    pub async fn remove_node(&self, name: &str) -> Result<()> {
        let nodes: Api<Node> = Api::all(self.client().await?);
        nodes
            .delete(name, &DeleteParams::default())
            .await
            .map_err(Error::request(format!("delete node {name} of {}", self.name())))?;
        wait::until_gone(&nodes, name, wait::PATIENCE).await
    }

    /// Makes the API server silent: connections are accepted and never answered.
    pub fn pause(&self) {
        self.server.process.pause();
    }

    /// Ends the silence of [`Cluster::pause`].
    pub fn resume(&self) {
        self.server.process.resume();
    }

    /// Kills every process of the cluster, as a power failure does; connections are refused from now on.
    pub async fn stop(&mut self) {
        for component in self.components.drain(..) {
            component.kill().await;
        }
        self.server.process.kill().await;
        if let Some(etcd) = &self.own_etcd {
            etcd.stop().await;
        }
    }

    /// Starts a stopped cluster again, with its data and on the same port.
    pub async fn start_again(&mut self) -> Result<()> {
        if let Some(etcd) = &mut self.own_etcd {
            etcd.start_again().await?;
        }
        self.server.start_again().await?;
        self.start_components().await
    }

    /// The processes of the cluster, with names and logs.
    pub fn processes(&self) -> impl Iterator<Item = &Process> {
        self.components.iter().chain([&self.server.process])
    }
}

fn is_ready(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|all| all.iter().any(|one| one.type_ == "Ready" && one.status == "True"))
}
