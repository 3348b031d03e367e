//! The mounted Secret: sees that its kubeconfig has changed.
//!
//! The file is read every two seconds and compared by its hash. It is polled rather than watched with inotify because the
//! kubelet does not write the file, it swaps the symlink `..data` beside it: a watch on the file would see nothing, a watch on
//! the directory has to be set up again at the right moment, some file systems give no notice at all, and inotify instances
//! are few and shared by all Pods of a node that run as the same user. Reading some kilobytes from memory costs nothing,
//! and the kubelet itself takes about a minute to bring a change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::io::AsyncReadExt as _;
use tokio::sync::watch;
use zeroize::Zeroizing;

use crate::connection::{Connection, Connector};

/// How often the file is read.
pub const POLL: Duration = Duration::from_secs(2);
/// Key of the Secret, and so the file's name.
const FILE: &str = "kubeconfig";
/// Largest file that is read, in bytes: a Secret is not larger.
const MAX_BYTES: u64 = 1 << 20;

/// The file, and what was last seen of it.
#[derive(Debug)]
pub struct Mount {
    file: PathBuf,
    seen: Option<Result<[u8; 32], MountError>>,
}

/// Why the file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MountError {
    /// It is not there, or may not be read.
    #[error("{file} cannot be read: {problem}; mount the Secret there as a directory, not by subPath")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system said.
        problem: String,
    },
    /// It is larger than a Secret can be.
    #[error("{file} is larger than {MAX_BYTES} bytes")]
    TooLarge {
        /// The file.
        file: String,
    },
}

impl Mount {
    /// The kubeconfig in `directory`.
    pub fn new(directory: &Path) -> Self {
        Self { file: directory.join(FILE), seen: None }
    }

    /// Reads the file; `None` when it is as it was the last time, be it good or bad.
    pub async fn poll(&mut self) -> Option<Result<Zeroizing<Vec<u8>>, MountError>> {
        let found = self.read().await;
        let now = found.as_ref().map(|bytes| Sha256::digest(bytes.as_slice()).into()).map_err(Clone::clone);
        if self.seen.as_ref() == Some(&now) {
            return None;
        }
        self.seen = Some(now);
        Some(found)
    }

    async fn read(&self) -> Result<Zeroizing<Vec<u8>>, MountError> {
        let name = || self.file.display().to_string();
        let unreadable =
            |error: std::io::Error| MountError::Unreadable { file: name(), problem: error.kind().to_string() };
        let file = tokio::fs::File::open(&self.file).await.map_err(unreadable)?;
        let mut bytes = Zeroizing::new(Vec::new());
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).await.map_err(unreadable)?;
        if bytes.len() as u64 > MAX_BYTES { Err(MountError::TooLarge { file: name() }) } else { Ok(bytes) }
    }
}

/// Makes a connection of every good kubeconfig that appears, and says what is wrong with the others. Ends when nobody
/// listens any more.
pub async fn follow(mut mount: Mount, connector: Connector, connections: watch::Sender<Option<Arc<Connection>>>) {
    let mut ticks = tokio::time::interval(POLL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = connections.closed() => return,
        }
        let Some(found) = mount.poll().await else { continue };
        let in_use = connections.borrow().is_some();
        let opened = found
            .map_err(|error| error.to_string())
            .and_then(|bytes| connector.open(&bytes).map_err(|error| error.to_string()));
        match opened {
            Ok(connection) => {
                tracing::info!(credential_serial = %connection.serial, renewed = in_use, "the kubeconfig is in use");
                connections.send_replace(Some(Arc::new(connection)));
            }
            Err(problem) if in_use => {
                tracing::warn!(%problem, "the new kubeconfig cannot be used; the one before stays in use");
            }
            Err(problem) => tracing::warn!(%problem, "there is no usable kubeconfig yet"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use serde_json::json;

    use super::*;
    use crate::kubeconfig::tests::document;

    /// Puts the file there as the kubelet does: a new directory, then the symlink `..data` is swapped.
    fn swap(directory: &Path, version: u32, content: &str) {
        let data = directory.join(format!("..{version}"));
        std::fs::create_dir(&data).unwrap();
        std::fs::write(data.join(FILE), content).unwrap();
        symlink(data.file_name().unwrap(), directory.join("..data_tmp")).unwrap();
        std::fs::rename(directory.join("..data_tmp"), directory.join("..data")).unwrap();
        if version == 1 {
            symlink("..data/kubeconfig", directory.join(FILE)).unwrap();
        }
    }

    #[tokio::test]
    async fn every_change_is_told_once() {
        let directory = tempfile::tempdir().unwrap();
        let mut mount = Mount::new(directory.path());
        let missing = mount.poll().await.unwrap().unwrap_err();
        assert!(missing.to_string().contains("not found"), "{missing}");
        assert!(mount.poll().await.is_none());
        for (version, content) in [(1, "a"), (2, "b"), (3, "a")] {
            swap(directory.path(), version, content);
            assert_eq!(mount.poll().await.unwrap().unwrap().as_slice(), content.as_bytes());
            assert!(mount.poll().await.is_none());
        }
        // The kubelet writes a new directory for a change of another key, too.
        swap(directory.path(), 4, "a");
        assert!(mount.poll().await.is_none());
        std::fs::remove_file(directory.path().join(FILE)).unwrap();
        std::fs::write(directory.path().join(FILE), "plain").unwrap();
        assert_eq!(mount.poll().await.unwrap().unwrap().as_slice(), b"plain");
    }

    #[tokio::test]
    async fn what_is_too_large_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let large = vec![b'a'; usize::try_from(MAX_BYTES).unwrap() + 1];
        std::fs::write(directory.path().join(FILE), large).unwrap();
        let error = Mount::new(directory.path()).poll().await.unwrap().unwrap_err();
        assert!(error.to_string().contains("larger"), "{error}");
    }

    #[tokio::test]
    async fn a_broken_file_leaves_the_one_before_in_use() {
        crate::run::install_crypto_provider();
        let directory = tempfile::tempdir().unwrap();
        let connector = Connector {
            target: "east".to_owned(),
            target_uid: "u-1".to_owned(),
            connect_timeout: POLL,
            proxy: None,
            bypass: crate::proxy::Bypass::default(),
        };
        let (sender, mut receiver) = watch::channel(None);
        swap(directory.path(), 1, &document(&json!({ "token": "first" })).to_string());
        tokio::time::pause();
        let following = tokio::spawn(follow(Mount::new(directory.path()), connector, sender));
        receiver.changed().await.unwrap();
        let first = receiver.borrow_and_update().clone().unwrap();
        assert_eq!(first.serial, "0a");

        swap(directory.path(), 2, "broken");
        let mut later = document(&json!({ "token": "second" }));
        later["contexts"][0]["context"]["extensions"][0]["extension"]["serial"] = json!("0b");
        // Long enough that the broken one is read before it is replaced.
        tokio::time::sleep(3 * POLL).await;
        assert!(!receiver.has_changed().unwrap());
        swap(directory.path(), 3, &later.to_string());
        receiver.changed().await.unwrap();
        assert_eq!(receiver.borrow_and_update().as_ref().unwrap().serial, "0b");

        drop(receiver);
        following.await.unwrap();
    }
}
