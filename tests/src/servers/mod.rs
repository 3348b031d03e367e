//! Real clusters of real servers on 127.0.0.1: a hub, and physical clusters whose pods kwok runs.

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, ServiceAccount};
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use serde_json::json;

pub use self::access::Access;
use self::api_server::{ApiServer, Foundation};
use self::component::Connection;
pub use self::etcd::Etcd;
pub use self::kcp::Kcp;
use crate::authority::Authority;
use crate::error::{Error, Result};
use crate::process::Process;
use crate::wait;

mod access;
pub(crate) mod api_server;
mod component;
mod etcd;
pub mod kcp;

/// What a cluster is to be made of.
#[derive(Clone)]
pub struct ClusterOptions {
    name: String,
    workloads: bool,
    etcd: Option<Arc<Etcd>>,
    client_authorities: Vec<String>,
    goaway_chance: Option<f64>,
}

impl ClusterOptions {
    /// An API server with garbage collection and namespaces that end; it runs no pods.
    pub fn hub(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            workloads: false,
            etcd: None,
            client_authorities: Vec::new(),
            goaway_chance: None,
        }
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

    /// Has the API server close connections with this chance at each request (`--goaway-chance`, 0.02 at the most).
    #[must_use]
    pub const fn goaway_chance(mut self, chance: f64) -> Self {
        self.goaway_chance = Some(chance);
        self
    }
}

/// A running cluster. Dropping it kills its processes; its files belong to the folder it was started in.
pub struct Cluster {
    options: ClusterOptions,
    access: Access,
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
            goaway_chance: options.goaway_chance,
            etcd,
            prefix: format!("/{}", options.name),
        };
        let server = ApiServer::start(folder.clone(), &foundation).await?;
        let mut accepted = authority.certificate();
        accepted.extend(options.client_authorities.iter().map(String::as_str));
        let access = Access {
            name: options.name.clone(),
            server: server.url(),
            path: String::new(),
            client_authorities: accepted.into(),
            authority: Arc::new(authority),
            front_proxy: Arc::new(front_proxy),
            folder,
        };
        let mut cluster = Self { options, access, components: Vec::new(), server, own_etcd };
        cluster.start_components().await?;
        Ok(cluster)
    }

    async fn start_components(&mut self) -> Result<()> {
        let (server, authority) = (self.url(), self.authority().certificate());
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

impl Deref for Cluster {
    type Target = Access;

    fn deref(&self) -> &Access {
        &self.access
    }
}

fn is_ready(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|all| all.iter().any(|one| one.type_ == "Ready" && one.status == "True"))
}
