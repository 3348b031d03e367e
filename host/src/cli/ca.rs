//! `berthage ca`: the certificate authority that signs the syncers' client certificates.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::Timestamp;

use crate::credentials::{Authority, AuthorityError};

/// Flags of `berthage ca`.
#[derive(Debug, Args)]
pub struct Ca {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Makes a CA: ca.crt, which the hub is told to trust, and ca.key, which makes its holder an admin of the hub.
    Init(Init),
}

/// Flags of `berthage ca init`.
#[derive(Debug, Args)]
pub struct Init {
    /// Folder for ca.crt and ca.key. It is made if it is not there; files that are there are never overwritten.
    #[arg(long, env = "BERTHAGE_CA_DIR", value_name = "DIR")]
    pub dir: PathBuf,
    /// Name of the CA.
    #[arg(long, env = "BERTHAGE_CA_COMMON_NAME", value_name = "NAME", default_value = "berthage-syncer-ca")]
    pub common_name: String,
    /// How many days it is valid. Credentials never outlive it, so replace it well before.
    #[arg(long, env = "BERTHAGE_CA_DAYS", value_name = "DAYS", default_value_t = 1825)]
    pub days: u16,
}

/// Why no CA was made.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// A file is there already.
    #[error("{0} is there already and is not overwritten; choose another --dir, or move it away")]
    Exists(PathBuf),
    /// A file or the folder cannot be written.
    #[error("{path} cannot be written")]
    Write {
        /// Which one.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The wish cannot be fulfilled.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
}

/// Runs the command and returns what to print.
pub fn run(args: &Ca, now: Timestamp) -> Result<String, CaError> {
    match &args.command {
        Command::Init(init) => self::init(init, now),
    }
}

fn init(args: &Init, now: Timestamp) -> Result<String, CaError> {
    let (certificate, key) = (args.dir.join("ca.crt"), args.dir.join("ca.key"));
    let made = Authority::make(&args.common_name, args.days, now)?;
    fs::create_dir_all(&args.dir).map_err(|source| CaError::Write { path: args.dir.clone(), source })?;
    // Found before anything is written: half a CA would be in the way of the next attempt.
    for path in [&certificate, &key] {
        if path.symlink_metadata().is_ok() {
            return Err(CaError::Exists(path.clone()));
        }
    }
    write_new(&key, made.key.as_bytes(), 0o600)?;
    write_new(&certificate, made.certificate.as_bytes(), 0o644)?;
    let (crt, key, until) = (certificate.display(), key.display(), made.not_after);
    Ok(format!(
        "Made {crt} and {key}, valid until {until}.\n\n\
         {key} can sign a certificate for any user of the hub: whoever holds it is an admin. Give it to the controller only.\n\n\
         Next:\n\
         \x20 1. Let the hub trust it: add {crt} to the file that the API server's --client-ca-file names\n\
         \x20    (kcp: of the front proxy and of every shard), and restart it.\n\
         \x20 2. Give it to the controller:\n\
         \x20      berthage controller --ca-cert {crt} --ca-key {key}\n\
         \x20    or as a Secret on the hub, and --ca-secret NAMESPACE/berthage-ca:\n\
         \x20      kubectl -n NAMESPACE create secret tls berthage-ca --cert {crt} --key {key}\n"
    ))
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), CaError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => CaError::Exists(path.to_owned()),
        _ => CaError::Write { path: path.to_owned(), source },
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn args(dir: &Path, days: u16) -> Ca {
        let init = Init { dir: dir.to_owned(), common_name: "test".to_owned(), days };
        Ca { command: Command::Init(init) }
    }

    #[test]
    fn makes_a_ca_that_can_be_loaded_and_never_overwrites_one() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("new");
        let now = Timestamp::now();
        let text = run(&args(&dir, 30), now).unwrap();
        assert!(text.contains("--client-ca-file") && text.contains("--ca-key"), "{text}");
        let (certificate, key) = (fs::read(dir.join("ca.crt")).unwrap(), fs::read(dir.join("ca.key")).unwrap());
        Authority::from_pem(&certificate, &key, now).unwrap();
        let mode = |name: &str| fs::metadata(dir.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode("ca.key"), 0o600);
        assert_eq!(mode("ca.crt") & 0o600, 0o600);
        assert!(matches!(run(&args(&dir, 30), now), Err(CaError::Exists(_))));
        assert_eq!(fs::read(dir.join("ca.key")).unwrap(), key);
        fs::remove_file(dir.join("ca.key")).unwrap();
        assert!(matches!(run(&args(&dir, 30), now), Err(CaError::Exists(_))));
        assert!(!dir.join("ca.key").exists(), "half a CA is not made");
    }

    #[test]
    fn says_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(matches!(run(&args(&file, 30), Timestamp::now()), Err(CaError::Write { .. })));
        let life = run(&args(folder.path(), 0), Timestamp::now());
        assert!(matches!(life, Err(CaError::Authority(AuthorityError::Days))));
    }
}
