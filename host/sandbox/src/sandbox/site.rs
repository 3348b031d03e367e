//! A server with all that belongs to it, before anybody listens on a port: what a sandbox and a simulation have in common.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::SandboxError;
use crate::access::kcp::ADMIN;
use crate::access::tokens::Tokens;
use crate::access::user::{MASTERS, User};
use crate::actors::kubernetes::{Bootstrap, Kubelet, NodeSpec, Pace, bootstrap_cluster, kubernetes};
use crate::actors::{self, Actors};
use crate::kcp;
use crate::kinds::Flavour;
use crate::kinds::discovery::VersionInfo;
use crate::server::{Clock, Config, Server};
use crate::store::Limits;
use crate::world::World;

/// Where a server is, and whom its certificate is from.
#[derive(Debug, Clone)]
pub struct Place {
    /// Its URL, without a slash at the end.
    pub url: String,
    /// What clients connect to, as discovery tells it: `127.0.0.1:6443`.
    pub address: String,
    /// The authority of its certificate, PEM. Pods are told it.
    pub authority: String,
}

/// A server. Its controllers are for whoever made it to run, with [`Server::run`].
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

/// What nobody must guess of a server, and what its uids come from.
#[derive(Clone, Copy)]
pub struct Chance {
    key: [u8; 32],
    token: [u8; 16],
    seed: u64,
}

impl std::fmt::Debug for Chance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chance").finish_non_exhaustive()
    }
}

impl Chance {
    /// From the system's random numbers.
    pub fn random() -> Result<Self, SandboxError> {
        let mut bytes = [0; 32];
        SystemRandom::new().fill(&mut bytes).map_err(|_| SandboxError::Random)?;
        Ok(Self::from_bytes(bytes))
    }

    /// From a seed: the same server whenever it is made. Only for servers that nobody reaches over a network.
    pub fn seeded(seed: u64) -> Self {
        Self::from_bytes(hash(&[&seed.to_le_bytes()]))
    }

    fn from_bytes(bytes: [u8; 32]) -> Self {
        let part = |name: &str| hash(&[&bytes, name.as_bytes()]);
        let token = part("token").first_chunk().copied().unwrap_or_default();
        let seed = u64::from_le_bytes(part("seed").first_chunk().copied().unwrap_or_default());
        Self { key: part("key"), token, seed }
    }

    /// The tokens of a server, among them one of somebody in this group.
    fn tokens(&self, issuer: &str, group: &str) -> (Tokens, String) {
        let token = self.token.iter().fold(String::new(), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        });
        let mut tokens = Tokens::new(&self.key, issuer, Vec::new());
        tokens.add(&token, User::new("sandbox-admin", [group]));
        (tokens, token)
    }
}

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    digest(&SHA256, &parts.concat()).as_ref().try_into().unwrap_or([0; 32])
}

impl Site {
    /// A kcp, and its controllers.
    pub fn hub(place: Place, chance: Chance, now: Timestamp) -> Result<(Self, Actors), SandboxError> {
        // Not of `system:masters`: what such a one makes, kcp does not initialize.
        let (tokens, token) = chance.tokens(&place.url, ADMIN);
        let mut world = world(Flavour::Kcp, tokens.with_workspaces(), chance, now)?;
        kcp::bootstrap(&mut world, &place.url)?;
        let mut actors = actors::kcp::all();
        actors.extend(actors::shared(&place.authority));
        Ok((Self::of(world, Flavour::Kcp, place, token, now), Actors::new(actors)))
    }

    /// The physical clusters, by name, and their controllers. `kubelet` runs what is in pods, of which a node takes so many.
    pub fn clusters(
        place: Place,
        names: &[String],
        pods: u32,
        kubelet: Box<dyn Kubelet>,
        chance: Chance,
        now: Timestamp,
    ) -> Result<(Self, Actors), SandboxError> {
        let (tokens, token) = chance.tokens(&place.url, MASTERS);
        let mut world = world(Flavour::Kubernetes, tokens, chance, now)?;
        for (at, name) in names.iter().enumerate() {
            bootstrap_cluster(&mut world, name, &Bootstrap { nodes: nodes(at, pods), light: false })?;
        }
        let actors = kubernetes(&place.authority, Pace::default(), kubelet);
        Ok((Self::of(world, Flavour::Kubernetes, place, token, now), Actors::new(actors)))
    }

    fn of(world: World, flavour: Flavour, place: Place, token: String, now: Timestamp) -> Self {
        let config = Config {
            anonymous: true,
            version: version(flavour),
            address: place.address,
            default_cluster: if flavour == Flavour::Kcp { kcp::ROOT.to_owned() } else { String::new() },
        };
        let server = Server::new(world, Clock::showing(now), config);
        Self { server, url: place.url, authority: place.authority, token }
    }

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

fn world(flavour: Flavour, tokens: Tokens, chance: Chance, now: Timestamp) -> Result<World, SandboxError> {
    let mut world = World::new(flavour, Limits::default(), tokens, chance.seed).map_err(SandboxError::Table)?;
    world.now = now;
    Ok(world)
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
fn nodes(at: usize, pods: u32) -> Vec<NodeSpec> {
    (0..=at % 3)
        .map(|number| NodeSpec {
            name: format!("node-{}", number + 1),
            cpu: "4".to_owned(),
            memory: "16Gi".to_owned(),
            pods,
        })
        .collect()
}
