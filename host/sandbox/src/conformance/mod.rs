//! Is the sandbox like a real server? One script of requests, run against both, and their answers compared field by field.
//!
//! ```text
//!  conformance/script/*.json ─▶ script ─▶ run ── sends to ──▶ sandbox, or a real server by `wire`
//!                                          │
//!                                  answers ─▶ normal   uids, versions, times … become words for where they were first seen
//!                                          │
//!                                        Answers ─▶ compare ─▶ accepted (conformance/differences.json) ─▶ what is left
//! ```
//!
//! Answers of real servers are kept in `conformance/answers`, with version and date; a test of this crate compares the sandbox
//! with each of them, and the end-to-end suites do the same with a kube-apiserver that they have just started. A difference
//! fails, unless `differences.json` has it with its reason; what is listed there and is none any more fails too.
//!
//! `cargo run -p berthage-sandbox --features conformance --example conformance -- --help` records the answers of a server.

mod accepted;
mod answers;
mod compare;
mod events;
mod hub;
mod judge;
mod normal;
mod run;
mod script;
mod shape;
#[cfg(test)]
mod tests;
mod values;
mod wire;

use std::path::PathBuf;

pub use self::accepted::{Accepted, Entry, Judged};
pub use self::answers::{Answer, Answers};
pub use self::compare::{Difference, compare};
pub use self::hub::{Sandbox, SandboxError};
pub use self::judge::{JudgeError, judge, sandbox};
pub use self::run::{Place, run};
pub use self::script::{Area, Caller, Kind, Script, Step};
pub use self::wire::{Wire, WireError};

/// Why a script cannot be run, or answers cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum ConformanceError {
    /// A file of the suite.
    #[error("{} cannot be read or written", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file of the suite is not of its form.
    #[error("{} is not what it should be", path.display())]
    Form {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A step that does not say what to do, or that needs what no step before it has found.
    #[error("step {step}: {problem}")]
    Step {
        /// Area and name.
        step: String,
        /// What to mend.
        problem: String,
    },
    /// No answer.
    #[error("step {step}: no answer from {server}")]
    Send {
        /// Area and name.
        step: String,
        /// Which server.
        server: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The folder of the script, of kept answers and of accepted differences.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("conformance")
}
