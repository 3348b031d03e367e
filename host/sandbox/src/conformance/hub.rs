//! The sandbox as the script finds it: a plain hub, or a workspace of a kcp, as the end-to-end suites start real ones.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Caller, Kind};
use crate::access::bindings::RbacKind;
use crate::access::bootstrap;
use crate::access::kcp::ADMIN;
use crate::access::tokens::Tokens;
use crate::access::user::{MASTERS, User};
use crate::actors::{self, Actor, Actors};
use crate::fields::BadTable;
use crate::kcp;
use crate::kinds::Flavour;
use crate::kinds::discovery::VersionInfo;
use crate::server::{ClientCertificate, Clock, Config, ResponseBody, Server};
use crate::status::Failure;
use crate::store::Limits;
use crate::world::{Place, World, Writer};

/// The only cluster of a plain one.
const CLUSTER: &str = "hub";
/// The workspace of the script, under the root.
const WORKSPACE: &str = "conformance";
/// Where it says that it is.
const ADDRESS: &str = "127.0.0.1:6443";
/// Signs tokens, that nobody outside sees.
const KEY: [u8; 32] = [7; 32];
/// As whom a server writes itself.
const SERVER: &str = "kube-apiserver";
const TOKEN: &str = "administrator-token";
/// What is told to pods as the authority of the server's certificate: nobody checks one here.
const ROOT_CA: &str = "";
/// How many changes controllers look at between two requests.
const CHANGES: usize = 10_000;

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// What every server has.
    #[error("the sandbox has not what every server has: {0}")]
    Begin(String),
}

impl From<BadTable> for SandboxError {
    fn from(table: BadTable) -> Self {
        Self::Begin(format!("{table:?}"))
    }
}

impl From<Failure> for SandboxError {
    fn from(failure: Failure) -> Self {
        Self::Begin(failure.message.clone())
    }
}

/// A sandbox that answers one request after the other; its controllers act between them.
#[derive(Debug)]
pub struct Sandbox {
    server: Server,
    actors: Mutex<Actors>,
    /// The path that the script's paths are under; see [`Place`](super::Place).
    pub base: String,
    /// See [`Place`](super::Place).
    pub masks: BTreeMap<String, String>,
}

impl Sandbox {
    /// A new one, with what every server has, on kcp a workspace. It has to be made and asked in a runtime of tokio.
    pub async fn start(kind: Kind) -> Result<Self, SandboxError> {
        match kind {
            Kind::Kubernetes => Self::kubernetes(),
            Kind::Kcp => Self::kcp().await,
        }
    }

    fn kubernetes() -> Result<Self, SandboxError> {
        let tokens = Tokens::new(&KEY, "https://kubernetes.default.svc", Vec::new());
        let mut world = world(Flavour::Kubernetes, tokens, "admin", MASTERS)?;
        world.add_cluster(CLUSTER);
        begin(&mut world)?;
        Ok(Self::of(world, CLUSTER, actors::shared(ROOT_CA)))
    }

    async fn kcp() -> Result<Self, SandboxError> {
        let tokens = Tokens::new(&KEY, "https://kcp.default.svc", Vec::new()).with_workspaces();
        // Not of `system:masters`: what such a one makes, kcp does not initialize.
        let mut world = world(Flavour::Kcp, tokens, "kcp-admin", ADMIN)?;
        kcp::bootstrap(&mut world, &format!("https://{ADDRESS}"))?;
        let mut actors = actors::kcp::all();
        actors.extend(actors::shared(ROOT_CA));
        let mut sandbox = Self::of(world, kcp::ROOT, actors);
        let path = format!("{}:{WORKSPACE}", kcp::ROOT);
        let cluster = sandbox.workspace().await?;
        sandbox.base = format!("/clusters/{path}");
        sandbox.masks.extend([("cluster".to_owned(), cluster), ("workspace".to_owned(), path)]);
        Ok(sandbox)
    }

    fn of(world: World, default_cluster: &str, actors: Vec<Box<dyn Actor>>) -> Self {
        let config = Config {
            anonymous: true,
            version: VersionInfo {
                major: "1".to_owned(),
                minor: "36".to_owned(),
                git_version: "v1.36.3".to_owned(),
                git_commit: String::new(),
                build_date: "1970-01-01T00:00:00Z".to_owned(),
                go_version: "go1.26.0".to_owned(),
                platform: "linux/amd64".to_owned(),
            },
            address: ADDRESS.to_owned(),
            default_cluster: default_cluster.to_owned(),
        };
        let server = Server::new(world, Clock::showing(Timestamp::now()), config);
        let mut actors = Actors::new(actors);
        server.with(|world| actors.begin(world));
        let masks = BTreeMap::from([("server".to_owned(), ADDRESS.to_owned())]);
        Self { server, actors: Mutex::new(actors), base: String::new(), masks }
    }

    /// Makes the workspace in which the script is played, and gives the name of its logical cluster.
    async fn workspace(&self) -> Result<String, SandboxError> {
        let all = format!("/clusters/{}/apis/tenancy.kcp.io/v1alpha1/workspaces", kcp::ROOT);
        let manifest = json!({
            "apiVersion": "tenancy.kcp.io/v1alpha1", "kind": "Workspace",
            "metadata": {"name": WORKSPACE},
            "spec": {"type": {"name": "universal", "path": kcp::ROOT}},
        });
        self.ask("POST", &all, manifest.to_string()).await?;
        // The controllers have acted when the second answer is given: there is nothing to wait for.
        let made = self.ask("GET", &format!("{all}/{WORKSPACE}"), String::new()).await?;
        match (made.pointer("/status/phase").and_then(Value::as_str), made.pointer("/spec/cluster")) {
            (Some("Ready"), Some(Value::String(cluster))) => Ok(cluster.clone()),
            _ => Err(SandboxError::Begin(format!("the workspace is not ready: {made}"))),
        }
    }

    async fn ask(&self, method: &str, path: &str, body: String) -> Result<Value, SandboxError> {
        let failed = |problem: String| SandboxError::Begin(format!("{method} {path}: {problem}"));
        let request = Request::builder().method(method).uri(path).header(CONTENT_TYPE, "application/json");
        let mut request = request.body(Bytes::from(body)).map_err(|error| failed(error.to_string()))?;
        request.extensions_mut().insert(Caller::Admin);
        let Ok(response) = self.send(request).await;
        let (code, body) = (response.status(), response.into_body().collect().await);
        let bytes = body.map_err(|error| failed(error.to_string()))?.to_bytes();
        if !code.is_success() {
            return Err(failed(String::from_utf8_lossy(&bytes).into_owned()));
        }
        serde_json::from_slice(&bytes).map_err(|error| failed(error.to_string()))
    }

    /// Answers a request of the [`Caller`] in its extensions.
    pub async fn send(&self, mut request: Request<Bytes>) -> Result<Response<ResponseBody>, Infallible> {
        self.act();
        match request.extensions().get::<Caller>().cloned() {
            None | Some(Caller::Nobody) => {}
            Some(Caller::Admin) => bear(&mut request, TOKEN),
            Some(Caller::Token(token)) => bear(&mut request, &token),
            Some(Caller::Certificate { user, group }) => {
                let sha256 = digest(&SHA256, user.as_bytes()).as_ref().try_into().unwrap_or([0; 32]);
                let organisations = group.into_iter().collect();
                request.extensions_mut().insert(ClientCertificate { common_name: user, organisations, sha256 });
            }
        }
        let response = self.server.respond(request.map(Full::new)).await;
        self.act();
        Ok(response)
    }

    fn act(&self) {
        let mut actors = self.actors.lock().unwrap_or_else(PoisonError::into_inner);
        self.server.with(|world| actors.act(world, CHANGES));
    }
}

fn bear(request: &mut Request<Bytes>, token: &str) {
    if let Ok(value) = HeaderValue::from_str(&format!("Bearer {token}")) {
        request.headers_mut().insert(AUTHORIZATION, value);
    }
}

fn world(flavour: Flavour, mut tokens: Tokens, admin: &str, group: &str) -> Result<World, SandboxError> {
    tokens.add(TOKEN, User { uid: admin.to_owned(), ..User::new(admin, [group]) });
    let mut world = World::new(flavour, Limits::default(), tokens, 1)?;
    world.now = Timestamp::now();
    Ok(world)
}

/// What a server makes when it starts.
fn begin(world: &mut World) -> Result<(), SandboxError> {
    for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
        make(world, "", "namespaces", json!({"metadata": {"name": name}}))?;
    }
    for (kind, object) in bootstrap::plain() {
        make(world, "rbac.authorization.k8s.io", RbacKind::resource(kind), object)?;
    }
    Ok(())
}

fn make(world: &mut World, group: &str, plural: &str, object: Value) -> Result<(), SandboxError> {
    let missing = || SandboxError::Begin(format!("{plural} are not served"));
    let serving = world.stored(CLUSTER, group, plural).ok_or_else(missing)?;
    let Value::Object(object) = object else { return Err(missing()) };
    let place = Place { cluster: CLUSTER, namespace: "" };
    world.create(&serving, place, object, &Writer { manager: SERVER, ..Writer::default() })?;
    Ok(())
}
