//! The `berthage-syncer` program: see `berthage-syncer --help`.

use std::process::ExitCode;

use berthage_syncer::args::Args;
use clap::Parser as _;

fn main() -> ExitCode {
    berthage_syncer::run::main(&Args::parse())
}
