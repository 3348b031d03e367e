//! What a kubelet does for the syncers' pods: it runs the syncer's own heartbeats with the kubeconfig that is mounted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use berthage::access::Network as _;
use berthage_core::clock::Clock;
use berthage_sandbox::actors::kubernetes::{Kubelet, Program};
use berthage_sandbox::server::Server;
use berthage_syncer::args::Args;
use berthage_syncer::beat::{Heart, Subject};
use berthage_syncer::connection::Connection;
use berthage_syncer::credential;
use berthage_syncer::heartbeat;
use berthage_syncer::kubeconfig::{Credential, Hub};
use berthage_syncer::probes::Readiness;
use clap::Parser as _;
use http::Request;
use http::header::AUTHORIZATION;
use kube::Client;
use kube::client::Body;
use kube::client::middleware::BaseUriLayer;
use serde_json::{Map, Value};
use tokio::sync::{Notify, watch};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tower::ServiceBuilder;

use crate::network::Wires;

/// How often a kubelet looks whether a Secret has changed, and a probe whether the syncer is ready.
const LOOKS: Duration = Duration::from_secs(5);
/// How long the syncer waits for an answer.
const REQUEST: Duration = Duration::from_secs(10);

/// The syncers that run. Clones are the same ones.
#[derive(Clone, Default)]
pub(crate) struct Pods(Arc<Inner>);

#[derive(Default)]
struct Inner {
    surroundings: OnceLock<Surroundings>,
    /// Whom to tell that it is to end, by the uid of its pod.
    running: Mutex<BTreeMap<String, Arc<Notify>>>,
    /// How long images are pulled before anything runs.
    pull: Mutex<Duration>,
}

/// Where the pods are, and how the hub is reached from there.
struct Surroundings {
    server: Server,
    wires: Wires,
    clock: Clock,
}

impl std::fmt::Debug for Pods {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pods").finish_non_exhaustive()
    }
}

impl Pods {
    /// They run there from now on.
    pub(crate) fn live(&self, server: &Server, wires: Wires, clock: Clock) {
        assert!(self.0.surroundings.set(Surroundings { server: server.clone(), wires, clock }).is_ok());
    }

    /// From now on images are pulled for so long.
    pub(crate) fn pull_for(&self, how_long: Duration) {
        *self.0.pull.lock().unwrap() = how_long;
    }
}

impl Kubelet for Pods {
    fn started(&mut self, cluster: &str, pod: &Map<String, Value>) -> bool {
        let Some(pod) = Pod::read(cluster, pod) else { return true };
        let (pods, uid, stop) = (self.clone(), pod.program.uid.clone(), Arc::new(Notify::new()));
        let before = self.0.running.lock().unwrap().insert(uid, Arc::clone(&stop));
        let pull = *self.0.pull.lock().unwrap();
        before.inspect(|before| before.notify_one());
        tokio::spawn(async move {
            // The world is locked while a kubelet is told: what needs it is done afterwards.
            tokio::task::yield_now().await;
            if !pull.is_zero() {
                tokio::time::sleep(pull).await;
            }
            pod.run(pods.0.surroundings.get().unwrap(), &stop).await;
        });
        false
    }

    /// As with SIGTERM: it says good-bye, so that another one need not wait.
    fn stopped(&mut self, _: &str, pod: &Map<String, Value>) {
        let running = self.0.running.lock().unwrap().remove(text(pod, "uid"));
        running.inspect(|running| running.notify_one());
    }
}

/// A pod with a syncer.
struct Pod {
    program: Program,
    args: Args,
}

impl Pod {
    /// Nothing for a pod that is no syncer's.
    fn read(cluster: &str, pod: &Map<String, Value>) -> Option<Self> {
        let program = Program::read(cluster, pod, "syncer")?;
        let given = program.arguments.iter().map(String::as_str);
        let words = ["berthage-syncer"].into_iter().chain(given).chain(["--identity", &program.pod]);
        Some(Self { args: Args::try_parse_from(words).unwrap(), program })
    }

    async fn run(&self, around: &Surroundings, stop: &Notify) {
        let (readiness, (sender, connections)) = (Readiness::default(), watch::channel(None));
        let subject = Subject {
            target: self.args.target.clone(),
            target_uid: self.args.target_uid.clone(),
            lease_namespace: self.args.lease_namespace.clone(),
            lease_name: self.args.lease_name.clone(),
            identity: self.program.pod.clone(),
            interval: self.args.heartbeat_interval.get(),
            request_timeout: REQUEST,
        };
        let heart = Heart::new(subject, around.clock.clone());
        tokio::select! {
            biased;
            _ = heartbeat::run(heart, connections, &readiness, stop.notified()) => {}
            () = self.look_after(around, &sender, &readiness) => {}
        }
        self.program.tell(&around.server, false);
    }

    async fn look_after(
        &self,
        around: &Surroundings,
        sender: &watch::Sender<Option<Arc<Connection>>>,
        readiness: &Readiness,
    ) {
        let (mut mounted, mut told) = (String::new(), false);
        loop {
            if let Some((version, kubeconfig)) = self.program.mounted(&around.server, "kubeconfig")
                && version != mounted
            {
                sender.send_replace(Some(Arc::new(connect(&kubeconfig, &around.wires))));
                mounted = version;
            }
            if readiness.is_ready() != told {
                told = readiness.is_ready();
                self.program.tell(&around.server, told);
            }
            tokio::time::sleep(LOOKS).await;
        }
    }
}

/// A connection over the simulated network, from what the syncer reads in its kubeconfig.
fn connect(kubeconfig: &[u8], wires: &Wires) -> Connection {
    let hub = Hub::parse(kubeconfig).unwrap();
    let serial = credential::serial(&hub.credential, hub.note.as_ref()).unwrap();
    let (certificate, token) = match &hub.credential {
        Credential::Certificate { chain, .. } => (Some(CertificateDer::from_pem_slice(chain).unwrap()), None),
        Credential::Token(token) => (None, Some(format!("Bearer {}", token.as_str()))),
    };
    let service = ServiceBuilder::new()
        .map_request(move |mut request: Request<Body>| {
            if let Some(token) = &token {
                request.headers_mut().insert(AUTHORIZATION, token.parse().unwrap());
            }
            request
        })
        .layer(BaseUriLayer::new(hub.server))
        .service(wires.route(certificate));
    Connection { client: Client::new(service, "default"), serial }
}

fn text<'o>(object: &'o Map<String, Value>, field: &str) -> &'o str {
    object.get("metadata").and_then(|metadata| metadata.get(field)).and_then(Value::as_str).unwrap_or_default()
}
