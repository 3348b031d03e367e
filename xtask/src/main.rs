//! `cargo xtask`: the project's chores. Each does all the set-up it needs, and nothing twice.
#![expect(clippy::disallowed_methods, reason = "what is timed here runs by the clock on the wall")]

use std::process::ExitCode;

use clap::Parser as _;

mod arguments;
mod child;
mod coverage;
mod dist;
mod failure;
mod peers;
mod plugins;
mod progress;
mod repository;
mod sandbox;
mod servers;
mod suites;
mod wasm_toolchain;

fn main() -> ExitCode {
    match arguments::Arguments::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            progress::report_failure(&failure);
            ExitCode::FAILURE
        }
    }
}
