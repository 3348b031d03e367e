//! `berthage-syncer` as a process, with its Secret as a kubelet mounts it.
//!
//! The files of a mounted Secret lie in a folder of their own for each version, `..data` links to that folder, and every
//! key links through `..data`: a new version appears at once and whole, by one rename.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Secret;

use crate::error::{Error, Result};
use crate::folder::{RunFolder, write};
use crate::process::Process;
use crate::program::{self, Invocation};
use crate::{port, wait};

/// Where the Deployment's pods have the Secret.
const MOUNT_PATH: &str = "/etc/berthage/hub";
/// Where they serve their probes.
const PROBE_ADDRESS: &str = "0.0.0.0:8081";

/// A mounted Secret.
pub struct Mount {
    path: PathBuf,
    versions: AtomicU32,
}

impl Mount {
    /// Mounts a Secret at `path`.
    pub fn new(path: PathBuf, secret: &Secret) -> Result<Self> {
        std::fs::create_dir_all(&path).map_err(Error::file(&path))?;
        let mount = Self { path, versions: AtomicU32::new(0) };
        mount.update(secret)?;
        Ok(mount)
    }

    /// Brings a new version of the Secret.
    pub fn update(&self, secret: &Secret) -> Result<()> {
        let version = format!("..version_{}", self.versions.fetch_add(1, Ordering::Relaxed));
        let folder = self.path.join(&version);
        std::fs::create_dir(&folder).map_err(Error::file(&folder))?;
        let link = |target: &Path, name: &str| {
            let path = self.path.join(name);
            std::os::unix::fs::symlink(target, &path).map_err(Error::file(path))
        };
        for (key, value) in secret.data.iter().flatten() {
            write(&folder, key, &value.0)?;
            if !self.path.join(key).is_symlink() {
                link(&Path::new("..data").join(key), key)?;
            }
        }
        let (new, data) = (self.path.join("..data_tmp"), self.path.join("..data"));
        let before = std::fs::read_link(&data).ok();
        link(Path::new(&version), "..data_tmp")?;
        std::fs::rename(new, &data).map_err(Error::file(data))?;
        if let Some(before) = before.map(|before| self.path.join(before)) {
            std::fs::remove_dir_all(&before).map_err(Error::file(before))?;
        }
        Ok(())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A syncer that runs here as it would in a pod; dropping it kills it.
pub struct Syncer {
    /// The process.
    pub process: Process,
    /// Its mounted Secret.
    pub mount: Mount,
    probes: String,
    _folder: RunFolder,
}

impl Syncer {
    /// Starts the syncer of a Deployment, with the Deployment's own arguments, as the pod of this name.
    pub fn start(deployment: &Deployment, secret: &Secret, pod: &str) -> Result<Self> {
        let template = deployment.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
        let arguments = template.and_then(|template| template.containers.first()?.args.clone());
        let arguments = arguments
            .ok_or_else(|| Error::Manifests { problem: "the syncer's Deployment has no arguments".to_owned() })?;
        let folder = RunFolder::new("syncer")?;
        let mount = Mount::new(folder.path().join("hub"), secret)?;
        let probes = format!("127.0.0.1:{}", port::reserve()?);
        let mut invocation = Invocation::default().variable("POD_NAME", pod);
        for argument in arguments {
            // A pod has these for itself; this process has not.
            invocation = match argument.as_str() {
                MOUNT_PATH => invocation.argument(mount.path()),
                PROBE_ADDRESS => invocation.argument(&probes),
                _ => invocation.argument(argument),
            };
        }
        let process = invocation.start(&program::berthage_syncer()?, "syncer", folder.path())?;
        Ok(Self { process, mount, probes: format!("http://{probes}"), _folder: folder })
    }

    /// Waits until its probe `healthz` or `readyz` succeeds.
    pub async fn answers(&self, probe: &str) -> Result<()> {
        let url = format!("{}/{probe}", self.probes);
        let answer = wait::until_answers(&url, wait::PATIENCE);
        self.process.needed_for(probe, wait::PATIENCE, answer).await
    }
}
