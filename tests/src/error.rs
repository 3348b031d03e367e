//! What can go wrong while servers are started and waited for.
//!
//! `Debug` prints the same text as `Display`, with the causes, because a test that returns an error shows it by `Debug`.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

/// The result of every call of the harness.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the harness; a started program's last log lines are part of it.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No kcp is named.
    #[error("{} must name a kcp program; docs/kcp.md says how to build one", crate::servers::kcp::KCP_BIN)]
    NoKcp,
    /// A program that the harness starts was not found.
    #[error("{program} not found in {}; run `{remedy}` first", folder.display())]
    MissingProgram {
        /// The file's name.
        program: String,
        /// Where it was expected.
        folder: PathBuf,
        /// The command that makes it.
        remedy: &'static str,
    },
    /// The operating system refused to start a program.
    #[error("cannot start {program}")]
    Start {
        /// The program's name in this run.
        program: String,
        /// The cause.
        source: io::Error,
    },
    /// A program ended although it is needed.
    #[error("{program} ended ({status}) while waiting for {awaited}; last lines of {}:\n{tail}", log.display())]
    Exited {
        /// The program's name in this run.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// What it was needed for.
        awaited: String,
        /// Its whole log.
        log: PathBuf,
        /// The last lines of that log.
        tail: String,
    },
    /// A program lives, but what was expected of it did not come in time.
    #[error("{program}: no {awaited} within {waited:?}; last lines of {}:\n{tail}", log.display())]
    Late {
        /// The program's name in this run.
        program: String,
        /// What was expected.
        awaited: String,
        /// The deadline that passed.
        waited: Duration,
        /// Its whole log.
        log: PathBuf,
        /// The last lines of that log.
        tail: String,
    },
    /// A condition on an object, or on anything else that is watched, did not become true in time.
    #[error("{awaited} did not come true within {waited:?}; last seen:\n{last_seen}")]
    Unmet {
        /// The condition, in words.
        awaited: String,
        /// The deadline that passed.
        waited: Duration,
        /// The object as YAML-like JSON, or what else was seen last.
        last_seen: String,
    },
    /// A file of the run could not be read or written.
    #[error("cannot use {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// No free port, or a listener could not be opened.
    #[error("cannot listen on a port of 127.0.0.1")]
    Port(#[source] io::Error),
    /// A certificate could not be made.
    #[error("cannot issue a certificate")]
    Certificate(#[from] rcgen::Error),
    /// A TLS configuration was refused.
    #[error("cannot set up TLS")]
    Tls(#[from] tokio_rustls::rustls::Error),
    /// A kubeconfig that the harness wrote was refused by the client.
    #[error("cannot use the kubeconfig of {cluster}")]
    Kubeconfig {
        /// The cluster's name in this run.
        cluster: String,
        /// The cause.
        source: Box<kube::config::KubeconfigError>,
    },
    /// A request of the harness failed.
    #[error("cannot {action}")]
    Request {
        /// What was tried.
        action: String,
        /// The cause.
        source: Box<kube::Error>,
    },
    /// A text that should be an address is not one.
    #[error("{0} is not an address")]
    Address(String),
    /// A text that should hold manifests does not.
    #[error("not a list of manifests: {problem}")]
    Manifests {
        /// What is wrong, with its place.
        problem: String,
    },
}

impl Error {
    /// Makes the closure that turns a client's error into [`Error::Request`].
    pub fn request(action: impl Into<String>) -> impl FnOnce(kube::Error) -> Self {
        let action = action.into();
        move |source| Self::Request { action, source: Box::new(source) }
    }

    /// Makes the closure that turns an input or output error into [`Error::File`].
    pub fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}")?;
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            write!(formatter, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
