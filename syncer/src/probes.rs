//! `/healthz` and `/readyz`, for the kubelet.
//!
//! The first says that the process answers, and nothing about the hub: a hub that is away must not restart every syncer that
//! it has. The second says that this replica has reached the hub since it was started, so that a new Deployment only
//! replaces an old one that works once its own credential, address and network are known to work. Neither is authenticated;
//! neither says more than this.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;

/// Whether this replica is ready.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicU8>);

const WAITING: u8 = 0;
const READY: u8 = 1;
const ENDING: u8 = 2;

impl Readiness {
    /// The hub was reached: as the active replica, or seeing another one be it.
    pub fn heard(&self) {
        let _ = self.0.compare_exchange(WAITING, READY, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// The process is about to end.
    pub fn end(&self) {
        self.0.store(ENDING, Ordering::Relaxed);
    }

    /// Whether the hub was reached, and the process is not about to end.
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Relaxed) == READY
    }

    fn answer(&self) -> (StatusCode, &'static str) {
        match self.0.load(Ordering::Relaxed) {
            READY => (StatusCode::OK, "ok\n"),
            ENDING => (StatusCode::SERVICE_UNAVAILABLE, "ending\n"),
            _ => (StatusCode::SERVICE_UNAVAILABLE, "no heartbeat yet: the log says why\n"),
        }
    }
}

/// Serves the probes until the process ends.
pub async fn serve(listener: TcpListener, readiness: Readiness) -> std::io::Result<()> {
    axum::serve(listener, router(readiness)).await
}

fn router(readiness: Readiness) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(async |State(readiness): State<Readiness>| readiness.answer()))
        .with_state(readiness)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::*;

    async fn get(readiness: &Readiness, path: &str) -> u16 {
        let request = Request::get(path).body(Body::empty()).unwrap();
        router(readiness.clone()).oneshot(request).await.unwrap().status().as_u16()
    }

    #[tokio::test]
    async fn alive_from_the_beginning_and_ready_after_the_first_heartbeat() {
        let readiness = Readiness::default();
        assert_eq!((get(&readiness, "/healthz").await, get(&readiness, "/readyz").await), (200, 503));
        readiness.heard();
        assert_eq!((get(&readiness, "/healthz").await, get(&readiness, "/readyz").await), (200, 200));
        readiness.end();
        readiness.heard();
        assert_eq!((get(&readiness, "/healthz").await, get(&readiness, "/readyz").await), (200, 503));
        assert_eq!(get(&readiness, "/secret").await, 404);
    }
}
