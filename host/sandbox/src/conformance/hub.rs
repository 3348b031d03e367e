//! The sandbox as the script finds it: a plain hub, as the end-to-end suites start a real one.

use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Caller, Kind};
use crate::access::bindings::RbacKind;
use crate::access::bootstrap;
use crate::access::tokens::Tokens;
use crate::access::user::{MASTERS, User};
use crate::actors::{self, Actors};
use crate::fields::BadTable;
use crate::kinds::Flavour;
use crate::kinds::discovery::VersionInfo;
use crate::server::{ClientCertificate, Clock, Config, ResponseBody, Server};
use crate::status::Failure;
use crate::store::Limits;
use crate::world::{Place, World, Writer};

/// The only cluster.
const CLUSTER: &str = "hub";
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
    /// There is no such sandbox yet.
    #[error("there is no sandbox of {0:?} yet")]
    Kind(Kind),
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
}

impl Sandbox {
    /// A new one, with what every server has. It has to be made and asked in a runtime of tokio.
    pub fn start(kind: Kind) -> Result<Self, SandboxError> {
        if kind == Kind::Kcp {
            return Err(SandboxError::Kind(kind));
        }
        let mut tokens = Tokens::new(&[7; 32], "https://kubernetes.default.svc", Vec::new());
        let admin = User { uid: "admin".to_owned(), ..User::new("admin", [MASTERS]) };
        tokens.add(TOKEN, admin);
        let mut world = World::new(Flavour::Kubernetes, Limits::default(), tokens, 1)?;
        world.now = Timestamp::now();
        world.add_cluster(CLUSTER);
        begin(&mut world)?;
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
            address: "127.0.0.1:6443".to_owned(),
            default_cluster: CLUSTER.to_owned(),
        };
        let server = Server::new(world, Clock::showing(Timestamp::now()), config);
        let mut actors = Actors::new(actors::shared(ROOT_CA));
        server.with(|world| actors.begin(world));
        Ok(Self { server, actors: Mutex::new(actors) })
    }

    /// Where it says that it is.
    pub fn address() -> &'static str {
        "127.0.0.1:6443"
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
