//! Who decides about a request: a test, by a function or by both halves of [`Interceptor`].

use futures::future::{BoxFuture, FutureExt as _, ready};
use http::StatusCode;

use super::Request;

/// Decides what becomes of requests. Both halves may wait as long as they like: that is how a request is delayed or held.
pub trait Interceptor: Send + Sync + 'static {
    /// Decides before the API server sees the request.
    fn before<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Before>;

    /// Decides after the API server has carried the request out, and before the client learns of it. A watch comes here
    /// when it starts.
    fn after<'a>(&'a self, request: &'a Request, status: StatusCode) -> BoxFuture<'a, After> {
        let _ = (request, status);
        ready(After::Answer).boxed()
    }
}

/// What becomes of a request that has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Before {
    /// The API server gets it.
    Forward,
    /// The client gets this status and JSON text; the API server never sees the request.
    Respond(StatusCode, String),
    /// The connection is closed; the API server never sees the request.
    Drop,
}

impl Before {
    /// Refuses as an API server does, with a Status object of this reason.
    pub fn refuse(status: StatusCode, reason: &str) -> Self {
        let body = serde_json::json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": format!("{reason}, says the test's proxy"), "reason": reason, "code": status.as_u16(),
        });
        Self::Respond(status, body.to_string())
    }
}

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// The client gets it.
    Answer,
    /// The connection is closed; the client never learns that the request was carried out.
    Drop,
}

impl<F: Fn(&Request) -> Before + Send + Sync + 'static> Interceptor for F {
    fn before<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Before> {
        ready(self(request)).boxed()
    }
}
