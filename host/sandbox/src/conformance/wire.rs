//! The way to a real server: TLS, a token or a client certificate, HTTP/1.1, a connection for each request.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs as provider;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use super::Caller;
use crate::tls::Identity;

/// Why a server cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// A certificate is no PEM.
    #[error("a certificate or a key cannot be read")]
    Pem(#[source] pem::Error),
    /// TLS.
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
    /// The network.
    #[error("{address} cannot be reached")]
    Connect {
        /// Host and port.
        address: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The host is no name.
    #[error("{0} is no host and port")]
    Address(String),
    /// HTTP.
    #[error("the server does not talk HTTP as it should")]
    Http(#[from] hyper::Error),
    /// There is no certificate for a caller.
    #[error("there is no client certificate for {0:?}")]
    Nobody(Caller),
}

/// A real server.
pub struct Wire {
    address: String,
    token: String,
    roots: Arc<RootCertStore>,
    identities: BTreeMap<Caller, Identity>,
}

impl Wire {
    /// The server at this address (host and port), whose certificate `authority` (PEM) signed. `token` is the administrator's;
    /// `identities` are those of the script's [certificates](super::Script::certificates).
    pub fn new(
        address: &str,
        authority: &str,
        token: &str,
        identities: BTreeMap<Caller, Identity>,
    ) -> Result<Self, WireError> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(authority)? {
            roots.add(certificate)?;
        }
        Ok(Self { address: address.to_owned(), token: token.to_owned(), roots: Arc::new(roots), identities })
    }

    /// Sends a request as the [`Caller`] in its extensions.
    pub async fn send(&self, mut request: Request<Bytes>) -> Result<Response<Incoming>, WireError> {
        let caller = request.extensions().get::<Caller>().cloned().unwrap_or(Caller::Admin);
        let identity = match &caller {
            Caller::Certificate { .. } => {
                Some(self.identities.get(&caller).ok_or_else(|| WireError::Nobody(caller.clone()))?)
            }
            Caller::Admin | Caller::Token(_) | Caller::Nobody => None,
        };
        let token = match &caller {
            Caller::Admin => Some(&self.token),
            Caller::Token(token) => Some(token),
            Caller::Nobody | Caller::Certificate { .. } => None,
        };
        let headers = request.headers_mut();
        if let Some(token) = token.and_then(|token| HeaderValue::from_str(&format!("Bearer {token}")).ok()) {
            headers.insert(AUTHORIZATION, token);
        }
        if let Ok(host) = HeaderValue::from_str(&self.address) {
            headers.insert(HOST, host);
        }
        let connect = |source| WireError::Connect { address: self.address.clone(), source };
        let stream = TcpStream::connect(&self.address).await.map_err(connect)?;
        let host = self.address.rsplit_once(':').map_or(&*self.address, |(host, _)| host);
        let host = ServerName::try_from(host.to_owned()).map_err(|_| WireError::Address(self.address.clone()))?;
        let stream = TlsConnector::from(Arc::new(self.tls(identity)?)).connect(host, stream).await.map_err(connect)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // How it ends is seen by who reads the answer.
        tokio::spawn(async move { drop(connection.await) });
        let response = sender.send_request(request.map(Full::new)).await?;
        Ok(response)
    }

    fn tls(&self, identity: Option<&Identity>) -> Result<ClientConfig, WireError> {
        let config = ClientConfig::builder_with_provider(Arc::new(provider::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(Arc::clone(&self.roots));
        Ok(match identity {
            None => config.with_no_client_auth(),
            Some(identity) => {
                let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).map_err(WireError::Pem)?;
                config.with_client_auth_cert(certificates(&identity.certificate)?, key)?
            }
        })
    }
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, WireError> {
    CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().map_err(WireError::Pem)
}
