//! The folder of one run: data of the servers, their logs, certificates and kubeconfigs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::{Error, Result};

/// Keeps every run's folder when this environment variable is set.
const KEEP: &str = "BERTHAGE_E2E_KEEP";

/// A folder that is removed with its owner, unless that is a panic's doing or `BERTHAGE_E2E_KEEP` is set.
///
/// Folders lie under `target/e2e/<process id>`. What a killed process left behind is removed by the next run.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Makes a new, empty folder whose name starts with `name`.
    pub fn new(name: &str) -> Result<Self> {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let base = crate::program::target_folder().join("e2e");
        remove_orphans(&base);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = base.join(std::process::id().to_string()).join(format!("{name}-{number}"));
        fs::create_dir_all(&path).map_err(Error::file(&path))?;
        Ok(Self { path })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes (if needed) and gives the folder `name` in it.
    pub fn subfolder(&self, name: &str) -> Result<PathBuf> {
        let path = self.path.join(name);
        fs::create_dir_all(&path).map_err(Error::file(&path))?;
        Ok(path)
    }

    /// Writes a file in it and gives its path.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> Result<PathBuf> {
        write(&self.path, name, content)
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        if std::thread::panicking() || std::env::var_os(KEEP).is_some() {
            return;
        }
        let _ = fs::remove_dir_all(&self.path);
        // Fails, as it should, while other folders of this process are in use.
        let _ = self.path.parent().map(fs::remove_dir);
    }
}

/// Writes a file in `folder` and gives its path.
pub(crate) fn write(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> Result<PathBuf> {
    let path = folder.join(name);
    fs::write(&path, content).map_err(Error::file(&path))?;
    Ok(path)
}

/// Removes the folders of processes that no longer exist.
fn remove_orphans(base: &Path) {
    if std::env::var_os(KEEP).is_some() {
        return;
    }
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let is_orphan = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok())
            .is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists());
        if is_orphan {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
