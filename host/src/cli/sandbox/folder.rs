//! Where the sandbox keeps what it gives away: keys and admins' tokens. So it is nobody else's, and nobody else may write there.

use std::fs::{File, Permissions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempDir};

/// Held by the sandbox that runs in a folder; also tells that the folder is a sandbox's.
const LOCK: &str = "lock";
/// Where what syncers mount lies.
const MOUNTS: &str = "syncers";
/// The mode of a folder for nobody else.
const OURS: u32 = 0o700;
/// Bits of a mode that let others write.
const OTHERS_WRITE: u32 = 0o022;

/// Why a folder or a file in it cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The system says no.
    #[error("{} cannot be written; choose another --dir", path.display())]
    Unwritable {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another sandbox is there.
    #[error("another sandbox runs in {}; choose another --dir", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// Somebody else has a hand in it.
    #[error("{} belongs to somebody else, or others may write there; choose another --dir, or make it yours alone", path.display())]
    Shared {
        /// The folder.
        path: PathBuf,
    },
    /// It holds something else.
    #[error("{} is not empty, and what is in it is no sandbox's; choose another --dir", path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
    },
}

/// A folder that goes when the sandbox ends, unless somebody chose it.
pub(super) struct Folder {
    path: PathBuf,
    /// Held for as long as the sandbox runs in it.
    _lock: File,
    /// What removes it at the end.
    temporary: Option<TempDir>,
}

impl Folder {
    /// The chosen one, made if it is not there; else a new one among the system's temporary files.
    pub(super) fn open(chosen: Option<&Path>) -> Result<Self, FolderError> {
        let (path, temporary) = match chosen {
            // Its files are named for other terminals, which are elsewhere.
            Some(chosen) => (std::path::absolute(chosen).map_err(|source| unwritable(chosen, source))?, None),
            None => {
                let ours = Permissions::from_mode(OURS);
                let made = tempfile::Builder::new().prefix("berthage-sandbox-").permissions(ours).tempdir();
                let made = made.map_err(|source| unwritable(&std::env::temp_dir(), source))?;
                (made.path().to_owned(), Some(made))
            }
        };
        let lock = take(&path)?;
        Ok(Self { path, _lock: lock, temporary })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where it is, if it goes with the sandbox.
    pub(super) fn temporary(&self) -> Option<PathBuf> {
        self.temporary.as_ref().map(|folder| folder.path().to_owned())
    }

    /// Where syncers' mounts lie.
    pub(super) fn mounts(&self) -> PathBuf {
        self.path.join(MOUNTS)
    }
}

/// Sees to it that the folder is there and ours alone.
fn take(path: &Path) -> Result<File, FolderError> {
    let wrong = |source| unwritable(path, source);
    std::fs::DirBuilder::new().recursive(true).mode(OURS).create(path).map_err(wrong)?;
    // Under a name that nobody can foresee: its owner is us.
    let ours = NamedTempFile::new_in(path).and_then(|file| file.as_file().metadata()).map_err(wrong)?;
    let found = std::fs::metadata(path).map_err(wrong)?;
    if found.uid() != ours.uid() || found.mode() & OTHERS_WRITE != 0 {
        return Err(FolderError::Shared { path: path.to_owned() });
    }
    if !path.join(LOCK).exists() && std::fs::read_dir(path).map_err(wrong)?.next().is_some() {
        return Err(FolderError::Foreign { path: path.to_owned() });
    }
    let lock = File::options().create(true).append(true).open(path.join(LOCK)).map_err(wrong)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(FolderError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => return Err(wrong(source)),
    }
    // What an earlier sandbox mounted counts nowhere any more.
    match std::fs::remove_dir_all(path.join(MOUNTS)) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(wrong(source)),
        _ => Ok(lock),
    }
}

/// Writes a file for nobody else to read, in the place of what may be there.
pub(super) fn write(path: &Path, content: &[u8]) -> Result<(), FolderError> {
    let wrong = |source| unwritable(path, source);
    let mut file = NamedTempFile::new_in(path.parent().unwrap_or(Path::new("."))).map_err(wrong)?;
    file.write_all(content).map_err(wrong)?;
    file.persist(path).map_err(|error| wrong(error.error))?;
    Ok(())
}

fn unwritable(path: &Path, source: io::Error) -> FolderError {
    FolderError::Unwritable { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn a_folder_that_nobody_chose_is_new_and_goes() {
        let folder = Folder::open(None).unwrap();
        let path = folder.path().to_owned();
        assert_eq!(mode(&path), 0o700);
        assert_ne!(Folder::open(None).unwrap().path(), path);
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn a_chosen_folder_is_for_one_sandbox_at_a_time_and_stays() {
        let parent = TempDir::new().unwrap();
        let chosen = parent.path().join("box");
        let folder = Folder::open(Some(&chosen)).unwrap();
        assert_eq!(mode(&chosen), 0o700);
        assert!(matches!(Folder::open(Some(&chosen)), Err(FolderError::InUse { .. })));
        std::fs::create_dir(folder.mounts()).unwrap();
        drop(folder);
        let again = Folder::open(Some(&chosen)).unwrap();
        assert!(!again.mounts().exists(), "what was mounted is gone");
    }

    #[test]
    fn what_others_may_write_to_or_have_filled_is_refused() {
        let parent = TempDir::new().unwrap();
        let others = parent.path().join("others");
        std::fs::create_dir(&others).unwrap();
        std::fs::set_permissions(&others, Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(Folder::open(Some(&others)), Err(FolderError::Shared { .. })));

        let full = parent.path().join("full");
        std::fs::create_dir_all(full.join(MOUNTS)).unwrap();
        assert!(matches!(Folder::open(Some(&full)), Err(FolderError::Foreign { .. })));
        assert!(full.join(MOUNTS).exists(), "nothing was touched");

        let file = parent.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(matches!(Folder::open(Some(&file)), Err(FolderError::Unwritable { .. })));
    }

    #[test]
    fn a_file_takes_the_place_of_what_is_there_and_is_nobody_elses() {
        let folder = TempDir::new().unwrap();
        let (elsewhere, link) = (folder.path().join("elsewhere"), folder.path().join("link"));
        std::fs::write(&elsewhere, "untouched").unwrap();
        std::os::unix::fs::symlink(&elsewhere, &link).unwrap();
        let open = folder.path().join("open");
        std::fs::write(&open, "old").unwrap();
        for path in [&link, &open] {
            write(path, b"secret").unwrap();
            assert_eq!((std::fs::read_to_string(path).unwrap().as_str(), mode(path)), ("secret", 0o600));
        }
        assert_eq!(std::fs::read_to_string(elsewhere).unwrap(), "untouched");
    }
}
