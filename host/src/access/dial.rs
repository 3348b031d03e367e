//! One connection: resolve, check the address, connect, shake hands. Each step has its own error, so that a failure can
//! be told from its type.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use tower::Service;

use super::address::{AddressPolicy, Refusal};
use super::fence::Fence;
use super::tcp::Tcp;

/// Why there is no connection. `endpoint` is the host and port of the configured URL.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    /// The URL has no host. Parsed accesses always have one; an operator's configuration may not.
    #[error("the server's URL has no host")]
    NoHost,
    /// The name could not be resolved.
    #[error("the name of {endpoint} cannot be resolved")]
    Resolve {
        /// Host and port.
        endpoint: String,
        /// What the resolver said.
        #[source]
        source: io::Error,
    },
    /// The name resolved to nothing.
    #[error("the name of {endpoint} has no address")]
    NoAddress {
        /// Host and port.
        endpoint: String,
    },
    /// Every address of the name is one that may not be connected to.
    #[error("the address of {endpoint} {refusal}")]
    AddressRefused {
        /// Host and port.
        endpoint: String,
        /// Which rule it breaks.
        refusal: Refusal,
    },
    /// No address took a connection.
    #[error("no connection to {endpoint}")]
    Connect {
        /// Host and port.
        endpoint: String,
        /// The last address's error.
        #[source]
        source: io::Error,
    },
    /// Not connected, or no TLS session, in time.
    #[error("no connection to {endpoint} within {} ms", after.as_millis())]
    Timeout {
        /// Host and port.
        endpoint: String,
        /// How long was waited.
        after: Duration,
    },
    /// The TLS handshake failed.
    #[error("no TLS session with {endpoint}")]
    Tls {
        /// Host and port.
        endpoint: String,
        /// A `rustls::Error` inside an I/O error, or a connection that broke during the handshake.
        #[source]
        source: io::Error,
    },
}

/// Opens connections for one client.
#[derive(Clone)]
pub(super) struct Dialer {
    /// `None`: anywhere.
    pub(super) policy: Option<AddressPolicy>,
    pub(super) timeout: Duration,
    /// The TLS configuration, and the name that the server's certificate must carry if it is not the URL's host.
    pub(super) tls: Option<(Arc<ClientConfig>, Option<ServerName<'static>>)>,
    /// Asked before each byte that is sent.
    pub(super) fence: Option<Fence>,
}

impl Dialer {
    async fn dial(self, uri: Uri) -> Result<Stream, DialError> {
        let host = uri.host().filter(|host| !host.is_empty()).ok_or(DialError::NoHost)?;
        let https = uri.scheme() == Some(&http::uri::Scheme::HTTPS);
        let port = uri.port_u16().unwrap_or(if https { 443 } else { 80 });
        let endpoint = format!("{host}:{port}");
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let deadline = Instant::now() + self.timeout;
        let late = || DialError::Timeout { endpoint: endpoint.clone(), after: self.timeout };
        let tcp = Tcp::new(self.connect(host, port, &endpoint, deadline).await?, self.fence.clone());
        let Some((config, name)) = self.tls.as_ref().filter(|_| https) else {
            return Ok(Stream::Plain(TokioIo::new(tcp)));
        };
        let name = match name {
            Some(name) => name.clone(),
            None => ServerName::try_from(host.to_owned()).map_err(|_| DialError::NoHost)?,
        };
        let handshake = TlsConnector::from(Arc::clone(config)).connect(name, tcp);
        match timeout_at(deadline, handshake).await {
            Ok(Ok(stream)) => Ok(Stream::Tls(Box::new(TokioIo::new(stream)))),
            Ok(Err(source)) => Err(DialError::Tls { endpoint, source }),
            Err(_) => Err(late()),
        }
    }

    /// Tries the addresses of `host` in turn; each gets an even share of what is left of the time.
    async fn connect(&self, host: &str, port: u16, endpoint: &str, deadline: Instant) -> Result<TcpStream, DialError> {
        let endpoint = || endpoint.to_owned();
        let late = || DialError::Timeout { endpoint: endpoint(), after: self.timeout };
        let found: Vec<SocketAddr> = match host.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, port)],
            Err(_) => timeout_at(deadline, tokio::net::lookup_host((host, port)))
                .await
                .map_err(|_| late())?
                .map_err(|source| DialError::Resolve { endpoint: endpoint(), source })?
                .collect(),
        };
        let mut error = DialError::NoAddress { endpoint: endpoint() };
        let mut allowed = Vec::with_capacity(found.len());
        for address in found {
            match self.policy.map_or(Ok(()), |policy| policy.check(address.ip())) {
                Ok(()) => allowed.push(address),
                Err(refusal) => error = DialError::AddressRefused { endpoint: endpoint(), refusal },
            }
        }
        for (index, address) in allowed.iter().enumerate() {
            let left = deadline.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(allowed.len() - index).unwrap_or(u32::MAX);
            error = match timeout_at(Instant::now() + share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    tune(&stream).map_err(|source| DialError::Connect { endpoint: endpoint(), source })?;
                    return Ok(stream);
                }
                Ok(Err(source)) => DialError::Connect { endpoint: endpoint(), source },
                Err(_) => late(),
            };
        }
        Err(error)
    }
}

/// Small requests must not wait for the acknowledgement of the last one, and a watch over HTTP/1.1 must find out that the
/// other end is gone: after 20 s without a byte it is asked each 5 s, and given up after 6 questions.
fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive =
        TcpKeepalive::new().with_time(Duration::from_secs(20)).with_interval(Duration::from_secs(5)).with_retries(6);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

impl Service<Uri> for Dialer {
    type Response = Stream;
    type Error = DialError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, DialError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().dial(uri))
    }
}

/// An open connection.
pub(super) enum Stream {
    /// Without TLS: only an operator's own hub on loopback.
    Plain(TokioIo<Tcp>),
    /// With TLS.
    Tls(Box<TokioIo<TlsStream<Tcp>>>),
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        let Self::Tls(stream) = self else { return Connected::new() };
        let (_, session) = stream.inner().get_ref();
        if session.alpn_protocol() == Some(b"h2") { Connected::new().negotiated_h2() } else { Connected::new() }
    }
}

impl Read for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl Write for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }
}
