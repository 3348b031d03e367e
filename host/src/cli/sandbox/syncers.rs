//! What a kubelet does for the pods of the sandbox: it mounts their Secret and runs the syncer, the same code as in its image.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use berthage_sandbox::actors::kubernetes::{Kubelet, Program};
use berthage_sandbox::server::Server;
use berthage_syncer::args::Args;
use berthage_syncer::probes::Readiness;
use clap::Parser as _;
use serde_json::{Map, Value};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// How often a kubelet looks whether a Secret has changed, and a probe whether the syncer is ready.
const LOOKS: Duration = Duration::from_millis(500);
/// How long a syncer has to end when its pod does, as with a kubelet.
const GRACE: Duration = Duration::from_secs(30);

/// The syncers that run, by the uid of their pod.
#[derive(Debug, Clone)]
pub(super) struct Syncers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    server: OnceLock<Server>,
    running: Mutex<BTreeMap<String, Running>>,
}

/// A syncer that runs.
#[derive(Debug)]
struct Running {
    /// Asks it to end.
    stop: watch::Sender<bool>,
    /// Ends it.
    task: AbortHandle,
}

impl Syncers {
    /// None yet. What they mount is below `folder`.
    pub(super) fn new(folder: PathBuf) -> (Self, Box<dyn Kubelet>) {
        let inner = Inner { folder, server: OnceLock::new(), running: Mutex::default() };
        let syncers = Self(Arc::new(inner));
        (syncers.clone(), Box::new(syncers))
    }

    /// The server whose pods they are.
    pub(super) fn serve(&self, server: &Server) {
        // It is set once, by whoever starts the sandbox.
        let _ = self.0.server.set(server.clone());
    }

    /// Ends them all, at once: nobody is left who would miss them.
    pub(super) fn stop(&self) {
        for (_, syncer) in std::mem::take(&mut *self.running()) {
            syncer.task.abort();
        }
    }

    fn running(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Running>> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kubelet for Syncers {
    fn started(&mut self, cluster: &str, pod: &Map<String, Value>) -> bool {
        let Some(pod) = Pod::read(cluster, pod, &self.0.folder) else { return true };
        let (syncers, uid) = (self.clone(), pod.program.uid.clone());
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            // The world is locked while a kubelet is told: what needs it is done afterwards.
            tokio::task::yield_now().await;
            if let Some(server) = syncers.0.server.get() {
                pod.run(server, stopped).await;
            }
        });
        if let Some(before) = self.running().insert(uid, Running { stop, task: task.abort_handle() }) {
            before.task.abort();
        }
        false
    }

    fn stopped(&mut self, _: &str, pod: &Map<String, Value>) {
        if let Some(syncer) = self.running().remove(text(pod, "uid")) {
            // It gives its Lease back, so that the next one need not wait for its end.
            syncer.stop.send_replace(true);
        }
    }
}

/// A pod with a syncer.
struct Pod {
    program: Program,
    mount: PathBuf,
    args: Args,
}

impl Pod {
    /// Nothing for a pod that is no syncer's.
    fn read(cluster: &str, pod: &Map<String, Value>, folder: &Path) -> Option<Self> {
        let program = Program::read(cluster, pod, "syncer")?;
        let mount = folder.join(&program.uid);
        let words = std::iter::once("berthage-syncer").chain(program.arguments.iter().map(String::as_str));
        let mut args = Args::try_parse_from(words).ok()?;
        // Whoever may make pods in a cluster says what is in their arguments, and it runs in this process: what reaches beyond
        // the pod is not theirs to say, in whatever form they say it.
        args.kubeconfig_dir.clone_from(&mount);
        args.probe_address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        args.identity = Some(program.pod.clone());
        args.https_proxy = None;
        Some(Self { program, mount, args })
    }

    /// Runs the syncer, keeps its Secret mounted, and says whether it is ready.
    async fn run(&self, server: &Server, stopped: watch::Receiver<bool>) {
        let readiness = Readiness::default();
        let asked = async |mut stopped: watch::Receiver<bool>| {
            // Whoever has forgotten the pod wants it to end, too.
            let _ = stopped.wait_for(|stopped| *stopped).await;
        };
        tokio::select! {
            // How it ended is in its log; the pod is then not ready.
            _ = berthage_syncer::run::run(&self.args, &readiness, asked(stopped.clone())) => {}
            () = self.look_after(server, &readiness) => {}
            () = async { asked(stopped).await; tokio::time::sleep(GRACE).await } => {}
        }
        self.program.tell(server, false);
        // What cannot be removed goes with the folder of the sandbox, or when the next one begins in it.
        let _ = std::fs::remove_dir_all(&self.mount);
    }

    async fn look_after(&self, server: &Server, readiness: &Readiness) {
        let (mut mounted, mut told) = (String::new(), false);
        loop {
            if let Some((version, kubeconfig)) = self.program.mounted(server, "kubeconfig")
                && version != mounted
                && self.mount(&kubeconfig).is_ok()
            {
                mounted = version;
            }
            if readiness.is_ready() != told {
                told = readiness.is_ready();
                self.program.tell(server, told);
            }
            tokio::time::sleep(LOOKS).await;
        }
    }

    /// Puts the file in place as a whole: who reads it sees the old one or the new one.
    fn mount(&self, kubeconfig: &[u8]) -> std::io::Result<()> {
        use std::io::Write as _;
        use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.mount)?;
        let partial = self.mount.join("..kubeconfig");
        let mut file =
            std::fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&partial)?;
        file.write_all(kubeconfig)?;
        std::fs::rename(&partial, self.mount.join("kubeconfig"))
    }
}

fn text<'o>(object: &'o Map<String, Value>, field: &str) -> &'o str {
    object.get("metadata").and_then(|metadata| metadata.get(field)).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_reaches_beyond_the_pod_is_not_its_makers_to_say() {
        let said = [
            "--target=edge",
            "--target-uid=of-edge",
            "--lease-name=lease",
            "--kubeconfig-dir=/elsewhere",
            "--probe-address=0.0.0.0:18999",
            "--https-proxy=http://proxy:3128",
            "--identity=another",
        ];
        let pod = json!({
            "metadata": { "name": "pod", "namespace": "ns", "uid": "of-pod" },
            "spec": {
                "containers": [{ "name": "syncer", "args": said }],
                "volumes": [{ "name": "hub", "secret": { "secretName": "hub" } }],
            },
        });
        let pod = Pod::read("east", pod.as_object().unwrap(), Path::new("/mounts")).unwrap();
        assert_eq!(pod.args.target, "edge");
        assert_eq!((pod.mount.as_path(), &pod.args.kubeconfig_dir), (Path::new("/mounts/of-pod"), &pod.mount));
        assert!(pod.args.probe_address.ip().is_loopback());
        assert_eq!((pod.args.https_proxy, pod.args.identity.as_deref()), (None, Some("pod")));
    }
}
