//! The `berthage` program: see `berthage --help`.

use std::process::ExitCode;

use berthage::args::Args;
use clap::Parser as _;

fn main() -> ExitCode {
    berthage::run::main(Args::parse())
}
