//! From an [`Access`] to a client, by hand.
//!
//! Kube's own client is not used as it comes: it retries for minutes, has no read timeout, logs every failure as an error,
//! and would read files and environment variables. Its request and response types are used, its stack is replaced.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use berthage_core::reason::Reason;
use bytes::Bytes;
use http::header::{AUTHORIZATION, USER_AGENT};
use http::{HeaderValue, Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::{Body as HttpBody, Incoming};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::Client;
use kube::client::middleware::BaseUriLayer;
use kube::client::{Body, ConfigExt as _};
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Service, ServiceBuilder};

use super::bounds::{Bounded, Limits};
use super::dial::Dialer;
use super::fence::Fence;
use super::first::FirstAlone;
use super::kubeconfig::Access;
use super::network::{Network, Route};
use super::observe::{RequestObserver, Side};
use super::pages::Pages;

/// What every client of one kind has in common.
#[derive(Clone, Default)]
pub struct Options {
    /// Times and sizes.
    pub limits: Limits,
    /// Asked before each request, where the client may write only while this replica leads.
    pub fence: Option<Fence>,
    /// Told of each request.
    pub observer: Option<RequestObserver>,
    /// What stands for the network; nothing for the real one.
    pub network: Option<Arc<dyn Network>>,
}

/// Why a client could not be made. Nothing was sent anywhere yet.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// A certificate of the kubeconfig's CA bundle is no CA certificate.
    #[error("clusters[0].cluster.certificate-authority-data holds something that cannot be a certificate authority")]
    Roots(#[source] rustls::Error),
    /// The client certificate and its key do not fit together, or are of a kind that is not supported.
    #[error(
        "users[0].user.client-certificate-data and client-key-data cannot be used together: give the key that belongs to \
         the certificate (ECDSA P-256, P-384 or P-521, Ed25519, or RSA of at least 2048 bits)"
    )]
    Certificate(#[source] rustls::Error),
    /// TLS cannot be set up at all.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
    /// The system's certificate authorities cannot be read.
    #[error("the system's certificate authorities cannot be read; give certificate-authority-data")]
    SystemRoots(#[source] kube::Error),
    /// The token cannot be sent in a header.
    #[error("users[0].user.token has characters that cannot be sent")]
    Token,
    /// The operator's configuration for the hub asks for a proxy.
    #[error("the hub's kubeconfig has a proxy-url, which is not supported: give a server that can be reached directly")]
    HubProxy,
    /// The operator's configuration for the hub cannot be used.
    #[error("the hub's kubeconfig cannot be used")]
    Hub(#[source] kube::Error),
    /// The hub's tls-server-name is none.
    #[error("the hub's tls-server-name must be a DNS name or an address")]
    HubServerName,
}

impl ConnectError {
    /// The condition's reason.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Roots(_) | Self::Certificate(_) | Self::Token => Reason::KubeconfigInvalid,
            Self::Tls(_) | Self::SystemRoots(_) => Reason::ClusterTlsFailed,
            Self::HubProxy | Self::Hub(_) | Self::HubServerName => Reason::HubWriteFailed,
        }
    }
}

/// A client for a tenant's cluster. No connection is made yet.
pub fn physical(access: &Access, options: &Options) -> Result<Client, ConnectError> {
    let bearer = match &access.token {
        Some(token) => {
            let mut text = zeroize::Zeroizing::new(String::with_capacity(token.len() + 7));
            text.push_str("Bearer ");
            text.push_str(token);
            let mut value = HeaderValue::from_str(&text).map_err(|_| ConnectError::Token)?;
            value.set_sensitive(true);
            Some(value)
        }
        None => None,
    };
    let route = match &options.network {
        Some(network) => {
            network.route(access.certificate.as_ref().and_then(|certificate| certificate.chain.first().cloned()))
        }
        None => {
            let mut tls = client_config(access)?;
            // One connection carries all parallel requests of a revision: one handshake instead of many.
            tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
            // A client has one server: it needs no room for the sessions of many.
            tls.resumption = rustls::client::Resumption::in_memory_sessions(1);
            let connections = route(Dialer {
                policy: Some(access.policy),
                timeout: options.limits.connect,
                tls: Some((Arc::new(tls), Some(access.server_name.clone()))),
                fence: options.fence.clone(),
            });
            BoxCloneSyncService::new(FirstAlone::new(connections))
        }
    };
    let service = ServiceBuilder::new()
        .map_request(move |mut request: Request<Body>| {
            if let Some(value) = &bearer {
                request.headers_mut().insert(AUTHORIZATION, value.clone());
            }
            request
        })
        .layer(BaseUriLayer::new(access.server.clone()))
        .service(route);
    Ok(finish(service, access.namespace.as_deref().unwrap_or("default"), Side::Physical, options))
}

/// The way to the hub's servers, with the operator's credential: one pool of connections, whatever path is asked for.
#[derive(Clone)]
pub struct HubTransport {
    service: Route,
    namespace: String,
    options: Options,
}

impl HubTransport {
    /// `config` is the operator's own, so everything that kube can do to authenticate is allowed.
    pub fn new(config: &kube::Config, options: &Options) -> Result<Self, ConnectError> {
        if config.proxy_url.is_some() {
            return Err(ConnectError::HubProxy);
        }
        let route = match &options.network {
            Some(network) => network.route(certificate_of(config)),
            None => route(hub_dialer(config, options)?),
        };
        let service = ServiceBuilder::new()
            .option_layer(config.auth_layer().map_err(ConnectError::Hub)?)
            .layer(config.extra_headers_layer().map_err(ConnectError::Hub)?)
            .map_err(BoxError::from)
            .service(route);
        Ok(Self {
            service: BoxCloneSyncService::new(service),
            namespace: config.default_namespace.clone(),
            options: options.clone(),
        })
    }

    /// A client for what is served under `base`. It costs a task while it lives, and no connection of its own.
    pub fn at(&self, base: &http::Uri) -> Client {
        let service = ServiceBuilder::new().layer(BaseUriLayer::new(base.clone())).service(self.service.clone());
        // The hub's lists must come, however large tenants make their objects. A tenant's cluster gets no second chance.
        Client::new(Pages::new(bounded(service, Side::Hub, &self.options)), &*self.namespace)
    }
}

fn hub_dialer(config: &kube::Config, options: &Options) -> Result<Dialer, ConnectError> {
    super::install_crypto_provider();
    let tls = if config.cluster_url.scheme() == Some(&http::uri::Scheme::HTTPS) {
        let name = match &config.tls_server_name {
            Some(name) => Some(ServerName::try_from(name.clone()).map_err(|_| ConnectError::HubServerName)?),
            None => None,
        };
        // HTTP/1.1: many watches on one HTTP/2 connection would share its flow control, and one slow reader could hold up
        // the writes.
        Some((Arc::new(config.rustls_client_config().map_err(ConnectError::Hub)?), name))
    } else {
        None
    };
    // What the operator configured is where the operator wants to go.
    Ok(Dialer { policy: None, timeout: options.limits.connect, tls, fence: options.fence.clone() })
}

/// The certificate that an operator's configuration has in itself.
fn certificate_of(config: &kube::Config) -> Option<CertificateDer<'static>> {
    let pem = STANDARD.decode(config.auth_info.client_certificate_data.as_ref()?).ok()?;
    CertificateDer::from_pem_slice(&pem).ok()
}

/// A client for the place that the operator's own configuration leads to.
pub fn hub(config: &kube::Config, options: &Options) -> Result<Client, ConnectError> {
    Ok(HubTransport::new(config, options)?.at(&config.cluster_url))
}

/// A client for a cluster that a test plays.
#[cfg(test)]
pub(crate) fn physical_of<S, B>(service: S, options: &Options) -> Client
where
    S: Service<Request<Body>, Response = Response<B>, Error = BoxError> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: HttpBody<Data = Bytes, Error = BoxError> + Send + Unpin + 'static,
{
    finish(service, "default", Side::Physical, options)
}

/// Bounds around `service`, as a client.
fn finish<S, B>(service: S, namespace: &str, side: Side, options: &Options) -> Client
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    Client::new(bounded(service, side, options), namespace)
}

/// Bounds around a service that says who asks.
type Named<S> = Bounded<tower::util::MapRequest<S, fn(Request<Body>) -> Request<Body>>>;

fn bounded<S>(service: S, side: Side, options: &Options) -> Named<S> {
    const AGENT: HeaderValue = HeaderValue::from_static(concat!("berthage/", env!("CARGO_PKG_VERSION")));
    let named: fn(Request<Body>) -> Request<Body> = |mut request| {
        request.headers_mut().insert(USER_AGENT, AGENT);
        request
    };
    Bounded {
        inner: tower::util::MapRequest::new(service, named),
        side,
        limits: options.limits,
        // What the hub says is the operator's.
        pace: (side == Side::Physical).then(|| options.limits.pace()),
        fence: options.fence.clone(),
        observer: options.observer.clone(),
    }
}

/// The way over the network, with a pool of connections.
fn route(dialer: Dialer) -> Route {
    let connections: legacy::Client<Dialer, Body> = legacy::Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_mins(1))
        .pool_max_idle_per_host(32)
        // A connection whose other end is gone must not serve request after request with timeouts.
        .http2_keep_alive_interval(Duration::from_secs(3))
        .http2_keep_alive_timeout(Duration::from_secs(4))
        .http2_max_header_list_size(64 << 10)
        .http1_max_buf_size(512 << 10)
        .build(dialer);
    let whole = ServiceBuilder::new()
        .map_response(|answer: Response<Incoming>| answer.map(|body| body.map_err(BoxError::from).boxed_unsync()));
    BoxCloneSyncService::new(whole.map_err(BoxError::from).service(connections))
}

fn client_config(access: &Access) -> Result<ClientConfig, ConnectError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = if let Some(roots) = &access.roots {
        let mut store = RootCertStore::empty();
        for root in roots {
            store.add(root.clone()).map_err(ConnectError::Roots)?;
        }
        ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(ConnectError::Tls)?
            .with_root_certificates(store)
            .with_no_client_auth()
    } else {
        super::install_crypto_provider();
        kube::Config::new(access.server.clone()).rustls_client_config().map_err(ConnectError::SystemRoots)?
    };
    if let Some(certificate) = &access.certificate {
        let key = identity(certificate, &provider).map_err(ConnectError::Certificate)?;
        config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(key));
    }
    Ok(config)
}

fn identity(
    certificate: &super::kubeconfig::Certificate,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, rustls::Error> {
    CertifiedKey::from_der(certificate.chain.clone(), certificate.key.for_tls(), provider)
}

#[cfg(test)]
#[path = "connect_tests.rs"]
mod tests;
