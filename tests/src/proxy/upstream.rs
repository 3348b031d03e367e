//! The proxy's end towards the API server.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use http_body_util::Full;
use hyper::body::{Frame, SizeHint};
use kube::Client;
use kube::client::Body;
use tokio::sync::watch;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::client;
use crate::error::Result;
use crate::kubeconfig;
use crate::servers::Access;
use crate::servers::api_server::FRONT_PROXY;

const REMOTE_USER: HeaderName = HeaderName::from_static("x-remote-user");
const REMOTE_GROUP: HeaderName = HeaderName::from_static("x-remote-group");

/// Headers that belong to one connection, or that are ours to say.
const NOT_FORWARDED: [HeaderName; 9] = [
    header::HOST,
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::CONTENT_LENGTH,
    header::TE,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    REMOTE_USER,
    REMOTE_GROUP,
];

/// The user whom a client certificate names.
#[derive(Clone, Debug)]
pub(super) struct User {
    /// The common name.
    pub(super) name: String,
    /// The organizations.
    groups: Vec<String>,
}

impl User {
    /// Reads the user from a certificate that TLS has verified.
    pub(super) fn of(certificate: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
        let subject = certificate.subject();
        let name = subject.iter_common_name().next()?.as_str().ok()?.to_owned();
        let groups = subject.iter_organization().filter_map(|group| Some(group.as_str().ok()?.to_owned())).collect();
        Some(Self { name, groups })
    }
}

/// Two clients of the API server: as itself for requests that carry a token, as front proxy for the others.
pub(super) struct Upstream {
    server: String,
    transparent: Client,
    front_proxy: Client,
}

impl Upstream {
    pub(super) async fn new(cluster: &Access) -> Result<Self> {
        let (url, authority) = (cluster.server().to_owned(), cluster.authority().certificate());
        let proxy = cluster.front_proxy().issue_client(FRONT_PROXY, None)?;
        let front_proxy = kubeconfig::with_certificate(&url, &authority, &proxy);
        let transparent = kubeconfig::anonymous(&url, &authority);
        Ok(Self {
            server: url,
            transparent: client::from_kubeconfig(cluster.name(), &transparent).await?,
            front_proxy: client::from_kubeconfig(cluster.name(), &front_proxy).await?,
        })
    }

    /// Scheme, host and port of the API server.
    pub(super) fn server(&self) -> &str {
        &self.server
    }

    /// Sends a request on and gives the answer as soon as its head is there.
    pub(super) async fn forward(
        &self,
        head: Parts,
        user: Option<User>,
        body: Bytes,
    ) -> Result<Response<Body>, kube::Error> {
        let mut request = http::Request::new(Body::from(body));
        *request.method_mut() = head.method;
        // The path alone: the client puts the API server's address before it.
        if let Some(path) = head.uri.path_and_query() {
            *request.uri_mut() = http::Uri::from(path.clone());
        }
        *request.headers_mut() = forwarded(head.headers);
        let client = match user {
            Some(user) => {
                name_user(request.headers_mut(), &user);
                &self.front_proxy
            }
            None => &self.transparent,
        };
        let mut response = client.send(request).await?;
        let length = response.headers_mut().remove(header::CONTENT_LENGTH);
        let mut headers = forwarded(std::mem::take(response.headers_mut()));
        headers.extend(length.map(|length| (header::CONTENT_LENGTH, length)));
        *response.headers_mut() = headers;
        *response.version_mut() = http::Version::default();
        Ok(response)
    }
}

fn forwarded(mut headers: HeaderMap) -> HeaderMap {
    for name in &NOT_FORWARDED {
        headers.remove(name);
    }
    headers
}

fn name_user(headers: &mut HeaderMap, user: &User) {
    // The certificate goes before a token, as in the API server.
    headers.remove(header::AUTHORIZATION);
    headers.extend(HeaderValue::from_str(&user.name).map(|name| (REMOTE_USER, name)));
    for group in &user.groups {
        if let Ok(group) = HeaderValue::from_str(group) {
            headers.append(REMOTE_GROUP, group);
        }
    }
}

/// An answer's body that tells the length of every piece that passes.
pub(super) struct CountedBody {
    inner: Inner,
    /// What is put in the place of what.
    replace: Option<(String, String)>,
    /// Comes when the body is to end early.
    ended: Option<BoxFuture<'static, ()>>,
    count: Box<dyn FnMut(usize) + Send>,
}

enum Inner {
    Stream(Body),
    Whole(Full<Bytes>),
}

impl CountedBody {
    /// A body that comes from the API server.
    ///
    /// `replace` is for small answers, which come in one piece, and keeps their length: both texts have the same. A change of
    /// `ended` ends the body.
    pub(super) fn stream(
        body: Body,
        replace: Option<(String, String)>,
        ended: Option<watch::Receiver<usize>>,
        count: impl FnMut(usize) + Send + 'static,
    ) -> Self {
        let ended = ended.map(|mut endings| {
            let changed = async move {
                // A proxy that is gone ends its connections itself.
                if endings.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            changed.boxed()
        });
        Self { inner: Inner::Stream(body), replace, ended, count: Box::new(count) }
    }

    /// A body of our own, which is not counted.
    pub(super) fn whole(body: Bytes) -> Self {
        Self { inner: Inner::Whole(Full::new(body)), replace: None, ended: None, count: Box::new(|_| {}) }
    }
}

impl hyper::body::Body for CountedBody {
    type Data = Bytes;
    type Error = kube::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        if self.ended.as_mut().is_some_and(|ended| ended.poll_unpin(context).is_ready()) {
            self.inner = Inner::Whole(Full::default());
            self.ended = None;
        }
        let frame = match &mut self.inner {
            Inner::Stream(body) => ready!(Pin::new(body).poll_frame(context)),
            Inner::Whole(body) => {
                ready!(Pin::new(body).poll_frame(context)).map(|frame| frame.map_err(|no| match no {}))
            }
        };
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            (self.count)(data.len());
            if let Some((from, to)) = &self.replace {
                let text = String::from_utf8_lossy(data).replace(from, to);
                return Poll::Ready(Some(Ok(Frame::data(Bytes::from(text)))));
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Inner::Stream(body) => body.is_end_stream(),
            Inner::Whole(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Stream(body) => body.size_hint(),
            Inner::Whole(body) => body.size_hint(),
        }
    }
}
