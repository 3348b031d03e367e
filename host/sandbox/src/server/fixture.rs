//! A server for tests: one plain cluster with the namespace `default`, and a client that may do everything.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Clock, Config, Server};
use crate::access::tokens::Tokens;
use crate::access::user::{MASTERS, User};
use crate::kinds::Flavour;
use crate::kinds::discovery::VersionInfo;
use crate::store::Limits;
use crate::world::World;

/// The token of somebody who may do everything.
pub(crate) const TOKEN: &str = "all";

/// Such a server.
pub(crate) async fn server() -> Server {
    let mut tokens = Tokens::new(&[7; 32], "https://kubernetes.default.svc", Vec::new());
    tokens.add(TOKEN, User::new("admin", [MASTERS]));
    let mut world = World::new(Flavour::Kubernetes, Limits::default(), tokens, 1).unwrap();
    world.add_cluster("");
    let version = VersionInfo {
        major: "1".to_owned(),
        minor: "36".to_owned(),
        git_version: "v1.36.3".to_owned(),
        git_commit: String::new(),
        build_date: String::new(),
        go_version: String::new(),
        platform: "linux/amd64".to_owned(),
    };
    let config =
        Config { anonymous: true, version, address: "127.0.0.1:6443".to_owned(), default_cluster: String::new() };
    let clock = Clock::showing(Timestamp::from_second(1_790_000_000).unwrap());
    let server = Server::new(world, clock, config);
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}});
    assert_eq!(ask(&server, "POST", "/api/v1/namespaces", Some(&namespace)).await.0, 201);
    server
}

/// A request of somebody who may do everything.
pub(crate) fn request(method: &str, path: &str, body: Option<&Value>) -> Request<Full<Bytes>> {
    let media = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
    let body = body.map(ToString::to_string).unwrap_or_default();
    Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {TOKEN}"))
        .header("content-type", media)
        .body(Full::from(body))
        .unwrap()
}

/// Asks, and reads the whole answer.
pub(crate) async fn ask(server: &Server, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
    let response = server.respond(request(method, path, body)).await;
    let code = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (code, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}
