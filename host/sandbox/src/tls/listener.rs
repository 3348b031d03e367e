//! Accepts connections.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs as provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::server::VerifierBuilderError;
use tokio_rustls::rustls::{self, ServerConfig};

use super::authority::Identity;
use super::clients::{Clients, certificates, seen};
use crate::server::{ClientCertificate, Server};

/// How long a client may take to say hello.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long it may take to say what it asks for, over HTTP/1.1, or to say nothing. Clients let go of idle connections after 90
/// seconds: they are to be the first, or a request meets a connection that is just being closed.
const HEAD: Duration = Duration::from_secs(120);
/// How long nobody is let in when somebody could not be.
const PAUSE: Duration = Duration::from_millis(100);

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
                // Without free file descriptors it fails at once, again and again, until another connection ends.
                tokio::time::sleep(PAUSE).await;
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
    let (_, session) = stream.get_ref();
    let certificate = session.peer_certificates().and_then(|chain| seen(chain.first()?));
    let is_http2 = session.alpn_protocol() == Some(b"h2");
    converse(stream, is_http2, certificate, server).await;
}

/// Answers what comes over a connection.
async fn converse<S>(stream: S, is_http2: bool, certificate: Option<ClientCertificate>, server: Server)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |mut request: Request<Incoming>| {
        let server = server.clone();
        if let Some(certificate) = &certificate {
            request.extensions_mut().insert(certificate.clone());
        }
        async move { Ok::<_, Infallible>(server.respond(request).await) }
    });
    // How a connection ends is seen by the client.
    let mut http = Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
    let http = if is_http2 { http.http2_only() } else { http.http1_only() };
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::{BodyExt as _, Full};
    use hyper::client::conn::http2;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;
    use crate::server::fixture::{TOKEN, server};

    #[tokio::test(start_paused = true)]
    async fn who_begins_a_request_and_says_no_more_is_let_go() {
        for begun in ["", "GET /version HTTP/1.1\r\nHost: a\r\n"] {
            let (mut client, stream) = duplex(1024);
            tokio::spawn(converse(stream, false, None, server().await));
            client.write_all(begun.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            tokio::time::timeout(2 * HEAD, client.read_to_end(&mut answer)).await.unwrap().unwrap();
        }
    }

    #[tokio::test]
    async fn a_body_that_is_too_large_is_answered_over_http2() {
        let (client, stream) = duplex(64 * 1024);
        tokio::spawn(converse(stream, true, None, server().await));
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(client)).await.unwrap();
        tokio::spawn(connection);
        let request = Request::post("https://a/api/v1/namespaces/default/configmaps")
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(vec![b' '; 4 << 20])))
            .unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(answer.status(), 413);
        let status = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(String::from_utf8_lossy(&status).contains("Request entity too large"));
    }
}
