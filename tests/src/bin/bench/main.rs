//! The benchmark: what calls, renders and targets cost, in CPU time, requests and bytes.
//!
//! `cargo xtask bench` builds a release and runs it. Times are CPU time: the machine may be shared, and the API servers run
//! on the same processors. They are compared with goals of `docs/performance.md`; how each row is measured is said there.
//!
//! | module | what |
//! |---|---|
//! | [`stages`] | hook calls and the way from an object to its manifests, in this process |
//! | [`queue`] | a key in the queue, beside the queues of Go controllers |
//! | [`store`] | bytes a target that is held, and during a list |
//! | [`fleet`] | a controller with many targets, as a process of its own between real API servers |
//! | [`scale`] | a controller with very many workspaces, on the sandbox's servers; `--scale` |
//! | [`used`] | what a controller has used |
//! | [`report`] | rows, the table and the JSON |
#![expect(clippy::disallowed_methods, reason = "what is timed here runs by the clock on the wall")]
#![expect(clippy::print_stdout, reason = "a benchmark is there to be read")]

mod allocations;
mod fleet;
mod process;
mod queue;
mod report;
mod sample;
mod scale;
mod stages;
mod store;
mod used;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use self::report::Report;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Measures berthage on this machine.
#[derive(Parser)]
struct Arguments {
    /// How many SyncTargets the fleet has.
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    targets: usize,
    /// Also write every row to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// The program of tests/peers/queue, which measures the queues of Go controllers.
    #[arg(long, value_name = "FILE", required_unless_present = "scale")]
    queue_peers: Option<PathBuf>,
    /// Measure only a controller with so many workspaces, in a sandbox.
    #[arg(long, value_name = "WORKSPACES")]
    scale: Option<usize>,
    /// Measure only what needs no servers.
    #[arg(long)]
    no_fleet: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("\nThe benchmark failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result {
    let mut report = Report::new();
    if cfg!(debug_assertions) {
        println!("This is a debug build: counts are right, times and sizes mean nothing.");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if let Some(workspaces) = arguments.scale {
        let measured = runtime.block_on(Box::pin(scale::measure(&mut report, workspaces)));
        // What took an hour is not lost by what came after it.
        finish(&report, arguments)?;
        return measured;
    }
    stages::measure(&mut report)?;
    if let Some(peers) = &arguments.queue_peers {
        queue::measure(&mut report, peers)?;
    }
    // A debug build takes its time.
    let fleets: &[usize] = if cfg!(debug_assertions) { &[1_000] } else { &[1_000, 10_000, 100_000] };
    store::measure(&mut report, fleets)?;
    if !arguments.no_fleet {
        runtime.block_on(Box::pin(fleet::measure(&mut report, arguments.targets)))?;
    }
    finish(&report, arguments)
}

fn finish(report: &Report, arguments: &Arguments) -> Result {
    report.print();
    if let Some(path) = &arguments.json {
        std::fs::write(path, report.to_json()).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    report.counts_are_exact()
}
