//! What a client sent.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tokio::time::timeout;

use super::gate::Admitted;
use crate::status::Failure;

/// The largest body that a server reads (`MaxRequestBodyBytes`).
const LIMIT: usize = 3 * 1024 * 1024;

/// How long a client may take to send a body: as long as a server gives to a request.
const BODY: Duration = Duration::from_secs(60);
/// How long a client that is refused is listened to nevertheless.
const LINGER: Duration = Duration::from_secs(1);

/// The certificate that a client showed, if the client CA signed it; an extension of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// CN.
    pub common_name: String,
    /// O, in order.
    pub organisations: Vec<String>,
    /// SHA-256 of its DER form.
    pub sha256: [u8; 32],
}

/// A request that was read: its head, and then its body.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) method: Method,
    /// With its escapes.
    pub(super) path: String,
    /// What is after the `?`.
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) certificate: Option<ClientCertificate>,
    /// It was let in, before its body was read.
    pub(super) admitted: Option<Admitted>,
}

impl Incoming {
    /// The head of a request, and its body, which is still to be read.
    pub(super) fn begin<B>(request: Request<B>) -> (Self, B) {
        let (head, body) = request.into_parts();
        let begun = Self {
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            certificate: head.extensions.get::<ClientCertificate>().cloned(),
            method: head.method,
            headers: head.headers,
            body: Bytes::new(),
            admitted: None,
        };
        (begun, body)
    }

    /// Reads the body too.
    pub(super) async fn with_body<B>(mut self, body: Pin<&mut B>) -> Result<Self, Failure>
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let why = "Timeout: request did not complete within requested timeout - context deadline exceeded";
        self.body = timeout(BODY, read(body)).await.map_err(|_| Failure::new(504, "Timeout", why))??;
        Ok(self)
    }

    /// A header, if it is there once and is text.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

async fn read<B>(mut body: Pin<&mut B>) -> Result<Bytes, Failure>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let read = Limited::new(body.as_mut(), LIMIT).collect().await;
    match read {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            discard(body).await;
            let why = format!("Request entity too large: limit is {LIMIT}");
            Err(Failure::new(413, "RequestEntityTooLarge", why))
        }
        Err(error) => Err(Failure::bad_request(format!("the body cannot be read: {error}"))),
    }
}

/// Hears somebody out, for a moment, who is refused.
pub(super) async fn linger<B: http_body::Body>(body: Pin<&mut B>) {
    // Who says no more in this time is refused all the same.
    let _ = timeout(LINGER, discard(body)).await;
}

/// Reads what there is, and keeps nothing of it: a client that is answered while it sends may see a broken connection, or over
/// HTTP/2 a broken stream, in place of the answer.
async fn discard<B: http_body::Body>(mut body: Pin<&mut B>) {
    while let Some(Ok(_)) = body.frame().await {}
}
