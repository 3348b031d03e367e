//! Clients of the harness. Each belongs to the runtime that made it: make a new one in every test, they are cheap.

use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::error::{Error, Result};

/// A server on this machine accepts in no time or not at all.
const CONNECT: Duration = Duration::from_secs(5);

/// A client for what a kubeconfig text describes; `cluster` is for messages.
///
/// It does not retry: a test sees what the server said.
pub async fn from_kubeconfig(cluster: &str, text: &str) -> Result<Client> {
    let config = config(text).await.map_err(|source| Error::Kubeconfig { cluster: cluster.to_owned(), source })?;
    Client::try_from(config).map_err(Error::request(format!("make a client for {cluster}")))
}

/// A client for a server without TLS.
pub(crate) fn plain(url: &str) -> Result<Client> {
    let uri = url.parse().map_err(|_| Error::Address(url.to_owned()))?;
    let mut config = Config::new(uri);
    config.connect_timeout = Some(CONNECT);
    config.default_retry = false;
    Client::try_from(config).map_err(Error::request(format!("make a client for {url}")))
}

/// What a plain HTTP server answers to a GET of `url`.
pub async fn text(url: &str) -> Result<String> {
    let (server, path) = crate::wait::split(url);
    let request = http::Request::get(path).body(Vec::new()).map_err(|_| Error::Address(url.to_owned()))?;
    plain(server)?.request_text(request).await.map_err(Error::request(format!("get {url}")))
}

async fn config(text: &str) -> Result<Config, Box<kube::config::KubeconfigError>> {
    let mut config =
        Config::from_custom_kubeconfig(Kubeconfig::from_yaml(text)?, &KubeConfigOptions::default()).await?;
    config.connect_timeout = Some(CONNECT);
    config.default_retry = false;
    Ok(config)
}
