//! What a client sent.

use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use crate::status::Failure;

/// The largest body that a server reads (`MaxRequestBodyBytes`).
const LIMIT: usize = 3 * 1024 * 1024;

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

/// A request that was read as a whole.
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
}

impl Incoming {
    /// Reads a request.
    pub(super) async fn read<B>(request: Request<B>) -> Result<Self, Failure>
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        let body = match Limited::new(body, LIMIT).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                let why = format!("Request entity too large: limit is {LIMIT}");
                return Err(Failure::new(413, "RequestEntityTooLarge", why));
            }
            Err(error) => return Err(Failure::bad_request(format!("the body cannot be read: {error}"))),
        };
        Ok(Self {
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            certificate: head.extensions.get::<ClientCertificate>().cloned(),
            method: head.method,
            headers: head.headers,
            body,
        })
    }

    /// A header, if it is there once and is text.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}
