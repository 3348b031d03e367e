//! The `berthage` program: see `berthage --help`.

use std::process::ExitCode;

use berthage::args::Args;
use clap::Parser as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    berthage::run::main(Args::parse())
}
