//! A proxy between a client and an API server: it records every request and lets a test refuse, delay or lose any.
//!
//! It speaks TLS with a certificate of the cluster's own authority, so the cluster's kubeconfigs work with the address
//! exchanged. Bearer tokens pass through. A client certificate is checked here and its user is told to the API server as
//! a front proxy does, so that the API server sees the same user as without the proxy.
//!
//! Answers are streamed, watches included; request bodies are read whole first. Nothing is retried.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};
use tokio_rustls::TlsAcceptor;

pub use self::exchange::{Exchange, Outcome, Request};
pub use self::interceptor::{After, Before, Interceptor};
use self::upstream::{CountedBody, Upstream, User};
use crate::error::{Error, Result};
use crate::servers::Access;

mod exchange;
mod interceptor;
mod tls;
mod upstream;

/// A running proxy; it ends, with all its connections, when it is dropped. It belongs to the runtime that started it.
pub struct Proxy {
    inner: Arc<Inner>,
    listening: JoinHandle<()>,
}

/// What all connections share.
struct Inner {
    upstream: Upstream,
    url: String,
    interceptor: RwLock<Arc<dyn Interceptor>>,
    exchanges: watch::Sender<Vec<Exchange>>,
    connections: Mutex<Vec<AbortHandle>>,
    /// Counts the calls of [`Proxy::end_watches`]: a watch ends when it is not what it was when the watch was asked for.
    endings: watch::Sender<usize>,
}

/// Why a request gets no answer: its connection is closed.
#[derive(Debug, thiserror::Error)]
enum Unanswered {
    #[error("the interceptor dropped the request")]
    Dropped,
    #[error("the API server did not answer")]
    Upstream(#[source] Box<kube::Error>),
    #[error("the request's body ended early")]
    Body(#[from] hyper::Error),
}

impl Proxy {
    /// Starts a proxy in front of a cluster's API server; everything passes until [`Proxy::intercept`] says otherwise.
    pub async fn start(cluster: &Access) -> Result<Self> {
        let acceptor = tls::acceptor(cluster)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(Error::Port)?;
        let port = listener.local_addr().map_err(Error::Port)?.port();
        let inner = Arc::new(Inner {
            upstream: Upstream::new(cluster).await?,
            url: format!("https://127.0.0.1:{port}"),
            interceptor: RwLock::new(Arc::new(|_: &Request| Before::Forward)),
            exchanges: watch::Sender::default(),
            connections: Mutex::default(),
            endings: watch::Sender::default(),
        });
        let listening = tokio::spawn(listen(listener, acceptor, Arc::clone(&inner)));
        Ok(Self { inner, listening })
    }

    /// The address that clients use instead of the API server's; see [`Access::kubeconfig_at`].
    pub fn url(&self) -> String {
        self.inner.url.clone()
    }

    /// Sets who decides about the requests that arrive from now on.
    pub fn intercept(&self, interceptor: impl Interceptor) {
        *self.inner.interceptor.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(interceptor);
    }

    /// Lets everything pass again.
    pub fn pass_all(&self) {
        self.intercept(|_: &Request| Before::Forward);
    }

    /// Every request so far, in the order of arrival; watches that are still open included.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.inner.exchanges.borrow().clone()
    }

    /// The number of requests so far: take it before an action and give it to [`Proxy::exchanges_since`] after.
    pub fn count(&self) -> usize {
        self.inner.exchanges.borrow().len()
    }

    /// The requests after the first `count`.
    pub fn exchanges_since(&self, count: usize) -> Vec<Exchange> {
        self.inner.exchanges.borrow().iter().skip(count).cloned().collect()
    }

    /// Waits until a request, the past ones included, satisfies `accept`.
    pub async fn exchange(
        &self,
        awaited: &str,
        patience: Duration,
        accept: impl Fn(&Exchange) -> bool,
    ) -> Result<Exchange> {
        let mut exchanges = self.inner.exchanges.subscribe();
        let found = exchanges.wait_for(|all| all.iter().any(&accept));
        if let Ok(Ok(all)) = tokio::time::timeout(patience, found).await
            && let Some(exchange) = all.iter().find(|exchange| accept(exchange))
        {
            return Ok(exchange.clone());
        }
        let last_seen: Vec<String> = self.exchanges().iter().map(ToString::to_string).collect();
        Err(Error::Unmet { awaited: awaited.to_owned(), waited: patience, last_seen: last_seen.join("\n") })
    }

    /// Ends the answers of all watches, as an API server does after a while: nothing more comes of them, and no other
    /// request notices.
    pub fn end_watches(&self) {
        self.inner.endings.send_modify(|endings| *endings += 1);
    }

    /// Cuts every open connection, in the middle of whatever it does; new ones are accepted.
    pub fn cut_connections(&self) {
        let mut connections = self.inner.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.drain(..).for_each(|connection| connection.abort());
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
        self.cut_connections();
    }
}

async fn listen(listener: TcpListener, acceptor: TlsAcceptor, inner: Arc<Inner>) {
    while let Ok((stream, _)) = listener.accept().await {
        let connection = tokio::spawn(serve(stream, acceptor.clone(), Arc::clone(&inner)));
        let mut connections = inner.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.retain(|other| !other.is_finished());
        connections.push(connection.abort_handle());
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, inner: Arc<Inner>) {
    // A failed handshake or connection is the client's to report: it is the program under test.
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let user = stream.get_ref().1.peer_certificates().and_then(|chain| User::of(chain.first()?));
    let service = service_fn(move |request| answer(Arc::clone(&inner), user.clone(), request));
    let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}

/// Answers one request: records it, asks the interceptor, forwards, asks again.
async fn answer(
    inner: Arc<Inner>,
    user: Option<User>,
    request: http::Request<Incoming>,
) -> Result<http::Response<CountedBody>, Unanswered> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    // Before anybody is asked: who ends the watches and holds new ones misses none.
    let endings = inner.endings.subscribe();
    let number = inner.record(&head, user.as_ref(), body.len());
    let request = Request::new(number, &head, user.as_ref().map(|user| user.name.clone()), body.clone());
    let interceptor = Arc::clone(&inner.interceptor.read().unwrap_or_else(PoisonError::into_inner));
    match interceptor.before(&request).await {
        Before::Forward => {}
        Before::Respond(status, text) => {
            inner.settle(number, Outcome::Refused(status));
            let mut response = http::Response::new(CountedBody::whole(Bytes::from(text)));
            *response.status_mut() = status;
            response
                .headers_mut()
                .insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
            return Ok(response);
        }
        Before::Drop => {
            inner.settle(number, Outcome::DroppedBefore);
            return Err(Unanswered::Dropped);
        }
    }
    let led_on = inner.led_on(&head);
    let response = match inner.upstream.forward(head, user, body).await {
        Ok(response) => response,
        Err(error) => {
            inner.settle(number, Outcome::Unreachable);
            return Err(Unanswered::Upstream(Box::new(error)));
        }
    };
    let status = response.status();
    match interceptor.after(&request, status).await {
        After::Answer => {
            inner.settle(number, Outcome::Answered(status));
            let ended = request.watches().then_some(endings);
            Ok(response.map(|body| {
                let inner = Arc::clone(&inner);
                CountedBody::stream(body, led_on, ended, move |length| inner.count_answer(number, length))
            }))
        }
        After::Drop => {
            inner.settle(number, Outcome::DroppedAfter(status));
            Err(Unanswered::Dropped)
        }
    }
}

impl Inner {
    /// On kcp a slice names the URLs that its reader goes on to: those lead through the proxy too.
    fn led_on(&self, head: &http::request::Parts) -> Option<(String, String)> {
        let names_urls = head.uri.path().contains("/apiexportendpointslices");
        names_urls.then(|| (self.upstream.server().to_owned(), self.url.clone()))
    }

    fn record(&self, head: &http::request::Parts, user: Option<&User>, length: usize) -> usize {
        let mut number = 0;
        self.exchanges.send_modify(|all| {
            number = all.len();
            all.push(Exchange::new(number, head, user.map(|user| user.name.clone()), length));
        });
        number
    }

    fn settle(&self, number: usize, outcome: Outcome) {
        self.exchanges.send_modify(|all| {
            if let Some(exchange) = all.get_mut(number) {
                exchange.outcome = outcome;
            }
        });
    }

    fn count_answer(&self, number: usize, length: usize) {
        self.exchanges.send_modify(|all| {
            if let Some(exchange) = all.get_mut(number) {
                exchange.response_bytes += length;
            }
        });
    }
}
