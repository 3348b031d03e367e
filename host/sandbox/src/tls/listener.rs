//! Accepts connections.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs as provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::server::VerifierBuilderError;
use tokio_rustls::rustls::{self, ServerConfig};

use super::authority::Identity;
use super::clients::{Clients, certificates, seen};
use crate::server::Server;

/// How long a client may take to say hello.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Why a server cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The port.
    #[error("the sandbox cannot listen on 127.0.0.1:{port}; choose another port, or 0 for any that is free")]
    Bind {
        /// Which.
        port: u16,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A certificate is no PEM.
    #[error("a certificate of the sandbox cannot be read")]
    Pem(#[source] pem::Error),
    /// The client CA.
    #[error("the client authority of the sandbox cannot be used")]
    Clients(#[source] VerifierBuilderError),
    /// TLS.
    #[error("the sandbox cannot set up TLS")]
    Tls(#[from] rustls::Error),
}

/// An open port on 127.0.0.1.
pub struct Listener {
    port: TcpListener,
    address: SocketAddr,
    tls: TlsAcceptor,
}

impl Listener {
    /// Opens a port (0 for any), as `identity`; clients may show certificates of these authorities (PEM).
    pub async fn open(port: u16, identity: &Identity, clients: &[String]) -> Result<Self, ListenError> {
        let tls = acceptor(identity, clients)?;
        let bind = |source| ListenError::Bind { port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        Ok(Self { port: listener, address, tls })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves, for as long as it is polled.
    pub async fn serve(self, server: Server) {
        loop {
            // A connection that cannot be accepted is the client's loss; the next one may be fine.
            let Ok((connection, _)) = self.port.accept().await else {
                tokio::task::yield_now().await;
                continue;
            };
            tokio::spawn(talk(connection, self.tls.clone(), server.clone()));
        }
    }
}

async fn talk(connection: TcpStream, tls: TlsAcceptor, server: Server) {
    // Events of watches are small, and somebody waits for each.
    let _ = connection.set_nodelay(true);
    let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, tls.accept(connection)).await else { return };
    let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| seen(chain.first()?));
    let service = service_fn(move |mut request: Request<Incoming>| {
        let server = server.clone();
        if let Some(certificate) = &certificate {
            request.extensions_mut().insert(certificate.clone());
        }
        async move { Ok::<_, Infallible>(server.respond(request).await) }
    });
    // How a connection ends is seen by the client.
    let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}

fn acceptor(identity: &Identity, clients: &[String]) -> Result<TlsAcceptor, ListenError> {
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).map_err(ListenError::Pem)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(Clients::of(clients)?.verifier())
        .with_single_cert(certificates(&identity.certificate)?, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
