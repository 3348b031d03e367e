//! For tests: an API server that answers as a function says and remembers what it was asked.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

/// A request that was made.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    /// Such as `POST /api/v1/namespaces`.
    pub(super) line: String,
    /// Its body; null if there was none.
    pub(super) body: Value,
}

/// The client, and what was asked so far.
pub(super) fn server(
    answer: impl Fn(&Asked) -> (u16, Value) + Send + Sync + 'static,
) -> (Client, Arc<Mutex<Vec<Asked>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (answer, log) = (Arc::new(answer), Arc::clone(&asked));
    let service = tower::service_fn(move |request: Request<Body>| {
        let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
        async move {
            let line = format!("{} {}", request.method(), request.uri());
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let asked = Asked { line, body: serde_json::from_slice(&body).unwrap_or_default() };
            let (code, body) = answer(&asked);
            log.lock().unwrap().push(asked);
            let response = Response::builder().status(code).body(Full::new(Bytes::from(body.to_string()))).unwrap();
            Ok::<_, Infallible>(response)
        }
    });
    (Client::new(service, "default"), asked)
}

/// An error as API servers give it.
pub(super) fn status(code: u16, reason: &str, message: &str) -> (u16, Value) {
    (code, json!({ "kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message }))
}

/// The first lines of what was asked.
pub(super) fn lines(asked: &Arc<Mutex<Vec<Asked>>>) -> Vec<String> {
    asked.lock().unwrap().iter().map(|asked| asked.line.clone()).collect()
}
