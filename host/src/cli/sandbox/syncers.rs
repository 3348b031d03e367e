//! What a kubelet does for the pods of the sandbox: it mounts their Secret and runs the syncer, the same code as in its image.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use berthage_sandbox::actors::kubernetes::{Kubelet, Program};
use berthage_sandbox::server::Server;
use berthage_syncer::args::Args;
use berthage_syncer::probes::Readiness;
use clap::Parser as _;
use serde_json::{Map, Value};
use tokio::task::AbortHandle;

/// How often a kubelet looks whether a Secret has changed, and a probe whether the syncer is ready.
const LOOKS: Duration = Duration::from_millis(500);

/// The syncers that run, by the uid of their pod.
#[derive(Debug, Clone)]
pub(super) struct Syncers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    server: OnceLock<Server>,
    running: Mutex<BTreeMap<String, AbortHandle>>,
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

    /// Ends them all.
    pub(super) fn stop(&self) {
        for (_, task) in std::mem::take(&mut *self.running()) {
            task.abort();
        }
    }

    fn running(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, AbortHandle>> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kubelet for Syncers {
    fn started(&mut self, cluster: &str, pod: &Map<String, Value>) -> bool {
        let Some(pod) = Pod::read(cluster, pod, &self.0.folder) else { return true };
        let (syncers, uid) = (self.clone(), pod.program.uid.clone());
        let task = tokio::spawn(async move {
            // The world is locked while a kubelet is told: what needs it is done afterwards.
            tokio::task::yield_now().await;
            if let Some(server) = syncers.0.server.get() {
                pod.run(server).await;
            }
        });
        if let Some(before) = self.running().insert(uid, task.abort_handle()) {
            before.abort();
        }
        false
    }

    fn stopped(&mut self, _: &str, pod: &Map<String, Value>) {
        if let Some(task) = self.running().remove(text(pod, "uid")) {
            task.abort();
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
        let mut words = vec!["berthage-syncer".to_owned()];
        let mut given = program.arguments.iter();
        while let Some(word) = given.next() {
            let value = given.next()?;
            let value = match &**word {
                "--kubeconfig-dir" => mount.display().to_string(),
                "--probe-address" => "127.0.0.1:0".to_owned(),
                _ => value.to_owned(),
            };
            words.extend([word.to_owned(), value]);
        }
        words.extend(["--identity".to_owned(), program.pod.clone()]);
        Some(Self { args: Args::try_parse_from(words).ok()?, program, mount })
    }

    /// Runs the syncer, keeps its Secret mounted, and says whether it is ready.
    async fn run(&self, server: &Server) {
        let readiness = Readiness::default();
        tokio::select! {
            // How it ended is in its log; the pod is then not ready.
            _ = berthage_syncer::run::run(&self.args, &readiness, std::future::pending()) => {}
            () = self.look_after(server, &readiness) => {}
        }
        self.program.tell(server, false);
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
