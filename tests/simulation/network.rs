//! How a controller and the syncers reach the servers: in this process, and through what goes wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use berthage::access::{Network, Route};
use berthage_core::clock::Clock;
use berthage_sandbox::faults::{Calm, Faulty, rewrite};
use berthage_sandbox::sandbox::Site;
use berthage_sandbox::tls::Clients;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use kube::client::Body;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Service as _, service_fn};

/// Objects of a list that come at a time.
const PAGE: usize = 2;
/// The URL of the hub.
pub(crate) const HUB: &str = "https://hub.sandbox";
/// The URL of the server with all physical clusters.
pub(crate) const CLUSTERS: &str = "https://clusters.sandbox";

/// The network as one party sees it. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Wires {
    /// The way to the hub.
    pub(crate) hub: Faulty,
    /// The way to the physical clusters.
    pub(crate) clusters: Faulty,
    /// Whose certificates the hub takes.
    clients: Clients,
    clock: Clock,
    /// Whether lists come in pages of [`PAGE`]: with those of the controller, of hundreds, nothing here would have a second one.
    small_pages: Arc<AtomicBool>,
}

impl Wires {
    /// Nothing goes wrong yet.
    pub(crate) fn between(hub: &Site, clusters: &Site, clients: Clients, clock: Clock) -> Self {
        Self {
            hub: Faulty::new(hub.server.clone(), Box::new(Calm)),
            clusters: Faulty::new(clusters.server.clone(), Box::new(Calm)),
            clients,
            clock,
            small_pages: Arc::new(AtomicBool::new(true)),
        }
    }

    /// From now on pages are as large as is asked for.
    pub(crate) fn whole_pages(&self) {
        self.small_pages.store(false, Ordering::Relaxed);
    }

    /// As a network.
    pub(crate) fn network(&self) -> Arc<dyn Network> {
        Arc::new(self.clone())
    }

    async fn send(
        self,
        mut request: Request<Body>,
        certificate: Option<CertificateDer<'static>>,
    ) -> Result<Response<berthage::access::AnswerBody>, BoxError> {
        let mut server = match request.uri().host() {
            Some("hub.sandbox") => self.hub,
            Some("clusters.sandbox") => self.clusters,
            host => return Err(format!("there is no server called {host:?}").into()),
        };
        if self.small_pages.load(Ordering::Relaxed) {
            small_pages(&mut request);
        }
        if let Some(certificate) = certificate
            && let Some(seen) = self.clients.admit(&certificate, self.clock.now())?
        {
            request.extensions_mut().insert(seen);
        }
        let answer = server.call(request).await?;
        Ok(answer.map(|body| body.map_err(BoxError::from).boxed_unsync()))
    }
}

fn small_pages<B>(request: &mut Request<B>) {
    let shrink = |pairs: &mut Vec<String>| {
        for pair in pairs.iter_mut().filter(|pair| pair.starts_with("limit=")) {
            *pair = format!("limit={PAGE}");
        }
    };
    rewrite(request, shrink).unwrap();
}

impl Network for Wires {
    fn route(&self, certificate: Option<CertificateDer<'static>>) -> Route {
        let wires = self.clone();
        BoxCloneSyncService::new(service_fn(move |request| wires.clone().send(request, certificate.clone())))
    }
}
