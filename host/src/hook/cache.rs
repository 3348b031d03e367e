//! Compiled plugins on disk, so that a restart does not compile again.
//!
//! What is read here is machine code that the process will run. So the folder must be the controller's own, closed to
//! everybody else, and each file carries an HMAC under a key that was made with the folder: a file that is cut off, damaged
//! or put there by a copy is compiled anew instead. Every difficulty ends in a log line and a compilation, never in an error.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::hmac;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::digest::Digest;

/// Bytes of the tag at the beginning of each file.
const TAG: usize = 32;
/// Name of the key's file.
const KEY: &str = "key";
/// Files that are kept; the oldest go first.
const KEPT: usize = 32;

/// A folder of compiled plugins.
pub(super) struct Cache {
    folder: PathBuf,
    key: hmac::Key,
}

impl Cache {
    /// The cache in `folder`, which is made if it is not there. None where it cannot be used safely; a log line says why.
    pub(super) fn open(folder: PathBuf) -> Option<Self> {
        match open_key(&folder) {
            Ok(key) => Some(Self { folder, key: hmac::Key::new(hmac::HMAC_SHA256, &key) }),
            Err(error) => {
                tracing::warn!(folder = %folder.display(), %error, "no cache of compiled plugins: they are compiled at every start");
                None
            }
        }
    }

    /// The compiled form of the component with this digest, if this engine wrote it.
    pub(super) fn get(&self, engine: &Engine, digest: &Digest) -> Option<Component> {
        let name = name(engine, digest);
        let bytes = fs::read(self.folder.join(&name)).ok()?;
        let (tag, code) = bytes.split_at_checked(TAG)?;
        if hmac::verify(&self.key, &signed(&name, code), tag).is_err() {
            tracing::warn!(file = name, "a compiled plugin in the cache is damaged or not ours: compiling again");
            return None;
        }
        // These are from `put`: the tag says so, under a key that only this user can read, and the engine's compatibility is
        // part of the name that the tag covers.
        deserialize(engine, code)
            .inspect_err(
                |error| tracing::warn!(file = name, %error, "a compiled plugin cannot be used: compiling again"),
            )
            .ok()
    }

    /// Keeps the compiled form of the component with this digest.
    pub(super) fn put(&self, engine: &Engine, digest: &Digest, component: &Component) {
        let name = name(engine, digest);
        let kept = component
            .serialize()
            .map_err(|error| io::Error::other(format!("{error:#}")))
            .and_then(|code| self.write(&name, &code));
        if let Err(error) = kept {
            tracing::warn!(file = name, %error, "a compiled plugin is not kept");
        }
    }

    fn write(&self, name: &str, code: &[u8]) -> io::Result<()> {
        let tag = hmac::sign(&self.key, &signed(name, code));
        let unfinished = self.folder.join(format!("{name}.{}", std::process::id()));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        file.write_all(tag.as_ref())?;
        file.write_all(code)?;
        fs::rename(&unfinished, self.folder.join(name))?;
        self.forget_the_oldest()
    }

    fn forget_the_oldest(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for file in fs::read_dir(&self.folder)? {
            let file = file?;
            if file.file_name() != KEY {
                files.push((file.metadata()?.modified()?, file.path()));
            }
        }
        files.sort();
        let surplus = files.len().saturating_sub(KEPT);
        files.into_iter().take(surplus).try_for_each(|(_, path)| fs::remove_file(path))
    }
}

/// Code that this program has compiled, in this process or another one, as a component.
pub(super) fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    #[expect(
        unsafe_code,
        reason = "wasmtime trusts the bytes of compiled code; the two callers have theirs from this program's own compiler"
    )]
    // SAFETY: `code` is what `serialize` or `precompile_component` returned, see the reason above and the callers.
    unsafe {
        Component::deserialize(engine, code)
    }
}

/// The file's name: what was compiled, and which engine can run it.
fn name(engine: &Engine, digest: &Digest) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{digest}-{:016x}.cwasm", hasher.finish())
}

/// What the tag covers: the name too, so that no file can take another's place.
fn signed(name: &str, code: &[u8]) -> Vec<u8> {
    [name.as_bytes(), &[0], code].concat()
}

/// The key of the folder; both are made if they are not there.
fn open_key(folder: &Path) -> io::Result<[u8; 32]> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let path = folder.join(KEY);
    let mut key = [0; 32];
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
        Ok(mut file) => {
            SystemRandom::new().fill(&mut key).map_err(|_| io::Error::other("no random numbers"))?;
            // Whatever the process's umask says.
            file.set_permissions(Permissions::from_mode(0o600))?;
            file.write_all(&key)?;
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let bytes = fs::read(&path)?;
            key = bytes.try_into().map_err(|_| io::Error::other("the key's file is damaged; delete the folder"))?;
        }
        Err(error) => return Err(error),
    }
    let (folder, key_file) = (fs::metadata(folder)?, fs::symlink_metadata(&path)?);
    if folder.mode() & 0o022 != 0 || key_file.mode() & 0o077 != 0 || !key_file.is_file() {
        return Err(io::Error::other(
            "others may write to the folder or read its key; close it with chmod -R go= FOLDER",
        ));
    }
    if folder.uid() != key_file.uid() {
        return Err(io::Error::other("the folder belongs to somebody else than its key"));
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::super::engine::{Budget, HookEngine};
    use super::super::limits::Limits;
    use super::*;

    /// The smallest component: empty.
    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    fn engine() -> HookEngine {
        HookEngine::new(Limits { concurrent: 1, ..Limits::default() }, Budget::Fuel(1)).unwrap()
    }

    fn filled(folder: &Path) -> (HookEngine, Cache, PathBuf) {
        let (engine, cache) = (engine(), Cache::open(folder.join("cache")).unwrap());
        let component = Component::from_binary(engine.wasmtime(), EMPTY).unwrap();
        cache.put(engine.wasmtime(), &Digest::of(EMPTY), &component);
        let file = folder.join("cache").join(name(engine.wasmtime(), &Digest::of(EMPTY)));
        (engine, cache, file)
    }

    #[test]
    fn what_was_kept_is_found_again_also_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let (engine, cache, _) = filled(folder.path());
        assert!(cache.get(engine.wasmtime(), &Digest::of(EMPTY)).is_some());
        let reopened = Cache::open(folder.path().join("cache")).unwrap();
        assert!(reopened.get(engine.wasmtime(), &Digest::of(EMPTY)).is_some());
        assert!(reopened.get(engine.wasmtime(), &Digest::of(b"other")).is_none());
    }

    #[test]
    fn a_changed_cut_or_moved_file_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let (engine, cache, file) = filled(folder.path());
        let whole = fs::read(&file).unwrap();
        let mut changed = whole.clone();
        *changed.last_mut().unwrap() ^= 1;
        for bytes in [&changed[..], &whole[..whole.len() - 1], &whole[..TAG], &whole[..3], b""] {
            fs::write(&file, bytes).unwrap();
            assert!(cache.get(engine.wasmtime(), &Digest::of(EMPTY)).is_none());
        }
        fs::write(&file, &whole).unwrap();
        assert!(cache.get(engine.wasmtime(), &Digest::of(EMPTY)).is_some());
        fs::rename(&file, folder.path().join("cache").join(name(engine.wasmtime(), &Digest::of(b"other")))).unwrap();
        assert!(cache.get(engine.wasmtime(), &Digest::of(b"other")).is_none());
    }

    #[test]
    fn a_file_of_another_folder_is_not_used() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (engine, cache, file) = filled(here.path());
        let (_, _, foreign) = filled(there.path());
        fs::copy(foreign, file).unwrap();
        assert!(cache.get(engine.wasmtime(), &Digest::of(EMPTY)).is_none());
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache");
        assert!(Cache::open(cache.clone()).is_some());
        fs::set_permissions(&cache, Permissions::from_mode(0o777)).unwrap();
        assert!(Cache::open(cache.clone()).is_none());
        fs::set_permissions(&cache, Permissions::from_mode(0o700)).unwrap();
        fs::set_permissions(cache.join(KEY), Permissions::from_mode(0o644)).unwrap();
        assert!(Cache::open(cache.clone()).is_none());
        fs::set_permissions(cache.join(KEY), Permissions::from_mode(0o600)).unwrap();
        fs::write(cache.join(KEY), b"short").unwrap();
        assert!(Cache::open(cache).is_none());
        fs::write(folder.path().join("file"), b"").unwrap();
        assert!(Cache::open(folder.path().join("file")).is_none());
    }

    #[test]
    fn old_files_go() {
        let folder = tempfile::tempdir().unwrap();
        let (_, cache, _) = filled(folder.path());
        for index in 0..40 {
            cache.write(&format!("{index}.cwasm"), b"").unwrap();
        }
        assert_eq!(fs::read_dir(folder.path().join("cache")).unwrap().count(), KEPT + 1);
    }
}
