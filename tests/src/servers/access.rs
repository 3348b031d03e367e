//! How an API server is reached, by whom it is asked: a whole server, or one workspace of kcp.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kube::Client;
use serde_json::Value;

use super::api_server::ADMINISTRATOR;
use crate::authority::Authority;
use crate::error::Result;
use crate::{client, kubeconfig, manifests};

/// A way to an API server.
#[derive(Clone)]
pub struct Access {
    pub(super) name: String,
    /// Scheme, host and port.
    pub(super) server: String,
    /// The path that everything is under: empty, or that of a workspace.
    pub(super) path: String,
    pub(super) authority: Arc<Authority>,
    pub(super) front_proxy: Arc<Authority>,
    pub(super) client_authorities: Arc<str>,
    pub(super) folder: PathBuf,
}

impl Access {
    /// The name given at start.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address, with the path of the workspace if it is one.
    pub fn url(&self) -> String {
        format!("{}{}", self.server, self.path)
    }

    /// Scheme, host and port of the server.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The folder with its files and logs.
    pub fn folder(&self) -> &Path {
        &self.folder
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
    pub(crate) fn client_authorities(&self) -> &str {
        &self.client_authorities
    }

    /// The administrator's kubeconfig, with everything inline.
    pub fn kubeconfig(&self) -> String {
        self.kubeconfig_at(&self.server)
    }

    /// The administrator's kubeconfig for another address of this server, such as a proxy's.
    pub fn kubeconfig_at(&self, server: &str) -> String {
        self.kubeconfig_with_token(ADMINISTRATOR, server)
    }

    /// A kubeconfig with a bearer token, at this address: [`Access::server`] or a proxy's.
    pub fn kubeconfig_with_token(&self, token: &str, server: &str) -> String {
        kubeconfig::with_token(&self.at(server), &self.authority.certificate(), token)
    }

    /// A kubeconfig with a new client certificate for any user and group, at this address: [`Access::server`] or a proxy's.
    pub fn kubeconfig_of(&self, user: &str, group: Option<&str>, server: &str) -> Result<String> {
        let identity = self.authority.issue_client(user, group)?;
        Ok(kubeconfig::with_certificate(&self.at(server), &self.authority.certificate(), &identity))
    }

    fn at(&self, server: &str) -> String {
        if server.ends_with(&self.path) { server.to_owned() } else { format!("{server}{}", self.path) }
    }

    /// The administrator's token, the same at every server that tests start.
    pub const fn administrators_token() -> &'static str {
        ADMINISTRATOR
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
}
