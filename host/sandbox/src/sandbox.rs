//! A whole sandbox: a kcp and physical clusters, each on a port of 127.0.0.1, with their controllers.
//!
//! The physical clusters share one server and one port; a path tells them apart: `https://127.0.0.1:PORT/clusters/east`.

use std::fmt::Write as _;

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::access::kcp::ADMIN;
use crate::access::tokens::Tokens;
use crate::access::user::{MASTERS, User};
use crate::actors::kubernetes::{Bootstrap, Kubelet, NodeSpec, Pace, bootstrap_cluster, kubernetes};
use crate::actors::{self, Actors};
use crate::fields::BadTable;
use crate::kcp;
use crate::kinds::Flavour;
use crate::kinds::discovery::VersionInfo;
use crate::server::{Clock, Config, Server};
use crate::status::Failure;
use crate::store::Limits;
use crate::tls::{Authority, IdentityError, ListenError, Listener};
use crate::world::World;

/// What is to be in a sandbox.
#[derive(Debug, Clone)]
pub struct Options {
    /// The physical clusters, by name.
    pub clusters: Vec<String>,
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

/// A server on a port.
#[derive(Debug)]
pub struct Site {
    /// The server.
    pub server: Server,
    /// Where it is, without a slash at the end.
    pub url: String,
    /// The authority of its certificate, PEM.
    pub authority: String,
    /// The token of somebody who may do everything there.
    pub token: String,
}

/// A sandbox. It ends when it is dropped.
#[derive(Debug)]
pub struct Sandbox {
    /// The kcp.
    pub hub: Site,
    /// The physical clusters.
    pub clusters: Site,
    tasks: JoinSet<()>,
}

impl Sandbox {
    /// Starts one. `kubelet` runs what is in pods.
    pub async fn start(options: &Options, kubelet: Box<dyn Kubelet>) -> Result<Self, SandboxError> {
        let authority = Authority::new("berthage-sandbox")?;
        let certificate = authority.certificate();
        let identity = authority.server("berthage-sandbox")?;
        let mut tasks = JoinSet::new();

        let hub = Listener::open(options.hub_port, &identity, &with(&options.hub_clients, &certificate)).await?;
        let url = format!("https://{}", hub.address());
        // Not of `system:masters`: what such a one makes, kcp does not initialize.
        let (tokens, token) = tokens(&url, ADMIN)?;
        let mut world = world(Flavour::Kcp, tokens.with_workspaces())?;
        kcp::bootstrap(&mut world, &url)?;
        let mut actors = actors::kcp::all();
        actors.extend(actors::shared(&certificate));
        let server = serve(&mut tasks, world, Flavour::Kcp, hub, actors);
        let hub = Site { server, url, authority: certificate.clone(), token };

        let listener = Listener::open(options.clusters_port, &identity, std::slice::from_ref(&certificate)).await?;
        let url = format!("https://{}", listener.address());
        let (tokens, token) = self::tokens(&url, MASTERS)?;
        let mut world = self::world(Flavour::Kubernetes, tokens)?;
        for (at, name) in options.clusters.iter().enumerate() {
            bootstrap_cluster(&mut world, name, &Bootstrap { nodes: nodes(at), light: false })?;
        }
        let actors = kubernetes(&certificate, Pace::default(), kubelet);
        let server = serve(&mut tasks, world, Flavour::Kubernetes, listener, actors);
        let clusters = Site { server, url, authority: certificate, token };
        Ok(Self { hub, clusters, tasks })
    }

    /// Ends it.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

impl Site {
    /// A kubeconfig that leads to a logical cluster (a workspace's path, or a physical cluster's name) as the bearer of a token.
    pub fn kubeconfig(&self, cluster: &str, token: &str) -> Value {
        use base64::Engine as _;
        let authority = base64::engine::general_purpose::STANDARD.encode(&self.authority);
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "sandbox", "cluster": {
                "server": format!("{}/clusters/{cluster}", self.url), "certificate-authority-data": authority,
            }}],
            "users": [{"name": "sandbox", "user": {"token": token}}],
            "contexts": [{"name": "sandbox", "context": {"cluster": "sandbox", "user": "sandbox", "namespace": "default"}}],
            "current-context": "sandbox",
        })
    }
}

fn with(authorities: &[String], own: &str) -> Vec<String> {
    authorities.iter().cloned().chain([own.to_owned()]).collect()
}

/// Random bytes, as hexadecimal digits.
fn secret() -> Result<([u8; 32], String), SandboxError> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).map_err(|_| SandboxError::Random)?;
    let mut text = String::new();
    for byte in bytes.iter().take(16) {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok((bytes, text))
}

/// The tokens of a server, among them one of somebody in this group.
fn tokens(issuer: &str, group: &str) -> Result<(Tokens, String), SandboxError> {
    let (key, token) = (secret()?.0, secret()?.1);
    let mut tokens = Tokens::new(&key, issuer, Vec::new());
    tokens.add(&token, User::new("sandbox-admin", [group]));
    Ok((tokens, token))
}

fn world(flavour: Flavour, tokens: Tokens) -> Result<World, SandboxError> {
    let seed = u64::from_le_bytes(secret()?.0.first_chunk().copied().unwrap_or_default());
    let mut world = World::new(flavour, Limits::default(), tokens, seed).map_err(SandboxError::Table)?;
    world.now = Timestamp::now();
    Ok(world)
}

fn serve(
    tasks: &mut JoinSet<()>,
    world: World,
    flavour: Flavour,
    listener: Listener,
    actors: Vec<Box<dyn actors::Actor>>,
) -> Server {
    let config = Config {
        anonymous: true,
        version: version(flavour),
        address: listener.address().to_string(),
        default_cluster: if flavour == Flavour::Kcp { kcp::ROOT.to_owned() } else { String::new() },
    };
    let server = Server::new(world, Clock::showing(Timestamp::now()), config);
    let (acting, serving) = (server.clone(), server.clone());
    tasks.spawn(async move { acting.run(Actors::new(actors)).await });
    tasks.spawn(listener.serve(serving));
    server
}

/// What it says of itself: the version that it behaves like.
fn version(flavour: Flavour) -> VersionInfo {
    let git_version = match flavour {
        Flavour::Kubernetes => "v1.36.3+berthage-sandbox",
        Flavour::Kcp => "v1.36.0+kcp-berthage-sandbox",
    };
    VersionInfo {
        major: "1".to_owned(),
        minor: "36".to_owned(),
        git_version: git_version.to_owned(),
        git_commit: String::new(),
        build_date: String::new(),
        go_version: String::new(),
        platform: "linux/amd64".to_owned(),
    }
}

/// The nodes of the clusters differ, so that their capacities can be told apart.
fn nodes(at: usize) -> Vec<NodeSpec> {
    (0..=at % 3)
        .map(|number| NodeSpec {
            name: format!("node-{}", number + 1),
            cpu: "4".to_owned(),
            memory: "16Gi".to_owned(),
            pods: 110,
        })
        .collect()
}
