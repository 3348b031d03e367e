//! The endpoints for whoever runs berthage: `/healthz`, `/readyz`, `/metrics`.
//!
//! They are not authenticated and tell nothing of tenants: no names, no addresses, no objects. The default address is on
//! loopback all the same; whoever binds another one decides, by a NetworkPolicy for instance, who reaches it.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::metrics::{CONTENT_TYPE, Metrics};
use crate::shutdown::Shutdown;

/// How long answers that are under way may take once the process is to end.
const GRACE: Duration = Duration::from_secs(2);

/// Why the endpoints cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The address.
    #[error("{address} cannot be served for /healthz, /readyz and /metrics; give another --admin-address")]
    Bind {
        /// As it was given.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

/// Serves the endpoints at `address` until `shutdown` begins. The task ends soon after that, whatever its clients do.
///
/// `ready` says whether this replica could take over: every list of the hub is complete. A standby is ready, too.
pub async fn serve(
    address: SocketAddr,
    metrics: Metrics,
    ready: impl Fn() -> bool + Clone + Send + Sync + 'static,
    shutdown: Shutdown,
) -> Result<JoinHandle<()>, AdminError> {
    let bind = |source| AdminError::Bind { address, source };
    let listener = TcpListener::bind(address).await.map_err(bind)?;
    tracing::info!(address = %listener.local_addr().map_err(bind)?, "serving /healthz, /readyz and /metrics");
    Ok(tokio::spawn(run(listener, metrics, ready, shutdown)))
}

async fn run(
    listener: TcpListener,
    metrics: Metrics,
    ready: impl Fn() -> bool + Clone + Send + Sync + 'static,
    shutdown: Shutdown,
) {
    let routes = Router::new()
        // That there is an answer is the answer: the event loop turns.
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(move || async move { readiness(ready()) }))
        .route("/metrics", get(exposition))
        .with_state(metrics);
    let ends = shutdown.clone();
    let server = axum::serve(listener, routes).with_graceful_shutdown(async move { ends.wait().await });
    tokio::select! {
        ended = server => {
            if let Err(error) = ended {
                tracing::error!(%error, "/healthz, /readyz and /metrics are served no longer");
            }
        }
        () = async { shutdown.wait().await; tokio::time::sleep(GRACE).await } => {}
    }
}

fn readiness(ready: bool) -> (StatusCode, &'static str) {
    if ready {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the first lists of the hub are not complete\n")
    }
}

async fn exposition(State(metrics): State<Metrics>) -> Response {
    match metrics.encode() {
        Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written\n").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;

    async fn local() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    async fn ask(address: SocketAddr, method: &str, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn probes_and_metrics_answer() {
        let (listener, address) = local().await;
        let is_ready = Arc::new(AtomicBool::new(false));
        let ready = {
            let is_ready = Arc::clone(&is_ready);
            move || is_ready.load(Ordering::Relaxed)
        };
        let shutdown = Shutdown::new();
        let task = tokio::spawn(run(listener, Metrics::new(), ready, shutdown.clone()));

        assert!(ask(address, "GET", "/healthz").await.starts_with("HTTP/1.1 200 "));
        let answer = ask(address, "GET", "/readyz").await;
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("not complete"), "{answer}");
        is_ready.store(true, Ordering::Relaxed);
        assert!(ask(address, "GET", "/readyz").await.starts_with("HTTP/1.1 200 "));
        let answer = ask(address, "GET", "/metrics").await;
        assert!(
            answer.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"),
            "{answer}"
        );
        assert!(answer.contains("berthage_build_info{"), "{answer}");
        assert!(ask(address, "GET", "/debug").await.starts_with("HTTP/1.1 404 "));
        assert!(ask(address, "POST", "/metrics").await.starts_with("HTTP/1.1 405 "));

        shutdown.begin();
        task.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[tokio::test]
    async fn a_client_that_never_finishes_does_not_hold_up_the_end() {
        let (listener, address) = local().await;
        let shutdown = Shutdown::new();
        let task = tokio::spawn(run(listener, Metrics::new(), || true, shutdown.clone()));
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET /healthz HT").await.unwrap();
        // An answer to another client: the slow one was accepted before it.
        ask(address, "GET", "/healthz").await;
        shutdown.begin();
        tokio::time::timeout(GRACE * 10, task).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn an_address_in_use_is_an_error_that_names_it_and_the_flag() {
        let (_listener, address) = local().await;
        let error = serve(address, Metrics::new(), || true, Shutdown::new()).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(&address.to_string()) && text.contains("--admin-address"), "{text}");
        assert!(error.source().is_some());
    }
}
