//! What may stand for the network, so that a whole controller runs against servers in its own process, over virtual time.
//!
//! Everything above it is what it always is: bounds, fence, paging, credentials, kube's own client. What is left out is what
//! only bytes on a wire show: names, connections, TLS.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use kube::client::Body;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tower::BoxError;
use tower::util::BoxCloneSyncService;

/// The way to all servers. A request's URI says which one it is for.
pub type Route = BoxCloneSyncService<Request<Body>, Response<AnswerBody>, BoxError>;
/// What an answer is read from.
pub type AnswerBody = UnsyncBoxBody<Bytes, BoxError>;

/// Stands for the network.
pub trait Network: Send + Sync {
    /// The way for somebody with this certificate, or without one. That he has its key is taken for granted.
    fn route(&self, certificate: Option<CertificateDer<'static>>) -> Route;
}
