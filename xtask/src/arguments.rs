//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::failure::Result;
use crate::progress::Progress;
use crate::repository::Repository;
use crate::suites::{Bench, Extent};
use crate::wasm_toolchain::Choice;
use crate::{coverage, dist, plugins, sandbox, servers, suites};

/// The project's chores: plugins, servers, tests, demo, releases.
///
/// Every command does its own set-up, shows what it does and how long it took, and skips what is up to date. Output of
/// the tools it calls goes to target/xtask/*.log; the log of a step that failed is named and its end is shown.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build every plugin of this repository to `target/plugins/<name>.wasm`
    ///
    /// The compiler for wasm32-unknown-unknown is the first of these that is there: the target installed for the
    /// toolchain in use; the same, after `rustup target add`; Debian's rustc-web, cargo-web and rust-web-src, which are
    /// installed when this runs as root.
    Plugins {
        /// Use only this source of a compiler
        #[arg(long, value_enum)]
        toolchain: Option<Choice>,
    },
    /// Build the servers of the end-to-end suite with Go, to target/servers/bin
    ///
    /// etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kwok, in the versions of
    /// tests/servers/go.mod. The first build takes some minutes.
    Servers,
    /// Run all tests: unit, golden and property tests, then the end-to-end suite on real servers
    ///
    /// With --kcp only the end-to-end suite, with workspaces of a real kcp as hubs.
    Test {
        /// Run the end-to-end suite on the kcp that KCP_BIN names; docs/kcp.md says how to build one
        #[arg(long)]
        kcp: bool,
        /// Run only tests whose name contains this
        #[arg(last = true)]
        filter: Option<String>,
    },
    /// Let a controller live through faults and crashes in a simulation, more of them than in `test`
    ///
    /// docs/faults.md lists them. A failure names its number, which --case tries alone.
    Simulate {
        /// How many seeds of each fault
        #[arg(long, value_name = "N", default_value_t = 200)]
        seeds: usize,
        /// One of so many requests at which the controller is ended; 1 for each
        #[arg(long, value_name = "N", default_value_t = 1)]
        every: usize,
        /// How many workspaces of ten targets each are waiting while somebody changes something
        #[arg(long, value_name = "N", default_value_t = 200)]
        workspaces: usize,
        /// Only the seed, or the request, of this number, and every request that was made then
        #[arg(long, value_name = "NUMBER")]
        case: Option<usize>,
        /// Only tests whose name contains this
        #[arg(last = true)]
        filter: Option<String>,
    },
    /// Try berthage in one process: `berthage sandbox`, with what it needs
    ///
    /// Needs nothing but Rust and its wasm32 target: the servers are berthage's own, in memory. It says what to look at, and
    /// ends with Ctrl-C. docs/sandbox.md says what these servers do, and do not do.
    Sandbox {
        /// Flags of `berthage sandbox`; `-- --help` lists them
        #[arg(last = true)]
        flags: Vec<OsString>,
    },
    /// Show the main job on real servers: a hub and two physical clusters on 127.0.0.1
    Demo {
        /// Leave at the end, with nothing left running, instead of waiting for Ctrl-C
        #[arg(long)]
        exit: bool,
    },
    /// Measure hook calls, renders and a controller with many targets: CPU time, requests, bytes
    ///
    /// docs/performance.md says what each row means, and what it should be. Builds a release, which takes minutes.
    Bench {
        /// Write every row to this file too, as JSON
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// How many SyncTargets the controller has
        #[arg(long, value_name = "N", default_value_t = 2_000)]
        targets: usize,
        /// A debug build and few targets: counts are right and checked, times mean nothing
        #[arg(long, conflicts_with = "targets")]
        quick: bool,
        /// Only a controller with so many workspaces of ten targets each, in a sandbox
        #[arg(long, value_name = "WORKSPACES", conflicts_with_all = ["targets", "quick"])]
        scale: Option<usize>,
    },
    /// Build a release and lay it out as bin/ and share/
    Dist {
        /// Where to put it; what an earlier run left there is replaced
        #[arg(long, value_name = "DIR", default_value = "target/dist")]
        out: PathBuf,
    },
    /// Print line and branch coverage of host/core by its own tests
    Coverage,
}

impl Arguments {
    pub(crate) fn run(self) -> Result<()> {
        let repository = Repository::find()?;
        let progress = Progress::start(&repository)?;
        match self.command {
            Command::Plugins { toolchain } => plugins::build(&repository, &progress, toolchain).map(drop),
            Command::Servers => servers::build(&repository, &progress),
            Command::Test { kcp: true, filter } => suites::test_kcp(&repository, &progress, filter.as_deref()),
            Command::Test { kcp: false, filter } => suites::test(&repository, &progress, filter.as_deref()),
            Command::Simulate { seeds, every, workspaces, case, filter } => {
                suites::simulate(&repository, &progress, &Extent { seeds, every, workspaces, case }, filter.as_deref())
            }
            Command::Sandbox { flags } => sandbox::run(&repository, &progress, &flags),
            Command::Demo { exit } => suites::demo(&repository, &progress, exit),
            Command::Bench { json, scale: Some(workspaces), .. } => {
                suites::bench(&repository, &progress, &Bench::Scale(workspaces), json.as_deref())
            }
            Command::Bench { json, quick: true, .. } => {
                suites::bench(&repository, &progress, &Bench::Quick(20), json.as_deref())
            }
            Command::Bench { json, targets, .. } => {
                suites::bench(&repository, &progress, &Bench::Full(targets), json.as_deref())
            }
            Command::Dist { out } => dist::lay_out(&repository, &progress, &out),
            Command::Coverage => coverage::measure(&repository, &progress),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
