//! A whole sandbox: a kcp and physical clusters, each on a port of 127.0.0.1, with their controllers.
//!
//! The physical clusters share one server and one port; a path tells them apart: `https://127.0.0.1:PORT/clusters/east`.

mod site;

use jiff::Timestamp;
use tokio::task::JoinSet;

pub use self::site::{Chance, Place, Site};
use crate::actors::Actors;
use crate::actors::kubernetes::Kubelet;
use crate::fields::BadTable;
use crate::status::Failure;
use crate::tls::{Authority, IdentityError, ListenError, Listener};

/// The pods of a node, where nobody says otherwise.
pub const PODS: u32 = 110;

/// What is to be in a sandbox.
#[derive(Debug, Clone)]
pub struct Options {
    /// The physical clusters, by name.
    pub clusters: Vec<String>,
    /// How many pods a node takes; [`PODS`] as a kubelet is set up.
    pub pods: u32,
    /// The port of the hub; 0 for any.
    pub hub_port: u16,
    /// The port of the physical clusters; 0 for any.
    pub clusters_port: u16,
    /// Certificates of authorities (PEM) whose clients the hub takes besides its own.
    pub hub_clients: Vec<String>,
}

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The system has no random numbers.
    #[error("the system gave no random numbers")]
    Random,
    /// The kinds that are compiled in.
    #[error("the sandbox was built wrongly: its table of kinds cannot be read at line {}", .0.line)]
    Table(BadTable),
    /// See [`IdentityError`].
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// See [`ListenError`].
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// What a new server holds cannot be made.
    #[error("the sandbox cannot make what a new server holds")]
    Bootstrap(#[from] Failure),
}

/// A sandbox. It ends when it is dropped.
#[derive(Debug)]
pub struct Sandbox {
    /// The kcp.
    pub hub: Site,
    /// The physical clusters.
    pub clusters: Site,
    hub_tasks: JoinSet<()>,
    cluster_tasks: JoinSet<()>,
}

impl Sandbox {
    /// Starts one. `kubelet` runs what is in pods.
    pub async fn start(options: &Options, kubelet: Box<dyn Kubelet>) -> Result<Self, SandboxError> {
        let authority = Authority::new("berthage-sandbox")?;
        let certificate = authority.certificate();
        let identity = authority.server("berthage-sandbox")?;
        let now = Timestamp::now();
        let (mut hub_tasks, mut cluster_tasks) = (JoinSet::new(), JoinSet::new());

        let listener = Listener::open(options.hub_port, &identity, &with(&options.hub_clients, &certificate)).await?;
        let (hub, actors) = Site::hub(place(&listener, &certificate), Chance::random()?, now)?;
        serve(&mut hub_tasks, &hub, listener, actors);

        let listener = Listener::open(options.clusters_port, &identity, std::slice::from_ref(&certificate)).await?;
        let place = place(&listener, &certificate);
        let (clusters, actors) =
            Site::clusters(place, &options.clusters, options.pods, kubelet, Chance::random()?, now)?;
        serve(&mut cluster_tasks, &clusters, listener, actors);
        Ok(Self { hub, clusters, hub_tasks, cluster_tasks })
    }

    /// Ends it.
    pub async fn stop(mut self) {
        self.stop_clusters().await;
        self.hub_tasks.shutdown().await;
    }

    /// Ends the physical clusters: nobody listens there any more.
    pub async fn stop_clusters(&mut self) {
        self.cluster_tasks.shutdown().await;
    }
}

fn with(authorities: &[String], own: &str) -> Vec<String> {
    authorities.iter().cloned().chain([own.to_owned()]).collect()
}

fn place(listener: &Listener, authority: &str) -> Place {
    let address = listener.address().to_string();
    Place { url: format!("https://{address}"), address, authority: authority.to_owned() }
}

fn serve(tasks: &mut JoinSet<()>, site: &Site, listener: Listener, actors: Actors) {
    let (acting, serving) = (site.server.clone(), site.server.clone());
    tasks.spawn(async move { acting.run(actors).await });
    tasks.spawn(listener.serve(serving));
}
