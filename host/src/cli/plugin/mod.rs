//! `berthage plugin`: what an author of plugins does without a cluster, in the sandbox that the controller has.

mod bench;
mod cases;
mod check;
mod test;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::Value;

use self::cases::CaseError;
use crate::hook::{
    Alone, Budget, CompileError, EngineError, HookEngine, HookError, Limits, PluginSource, alone, compile_for_others,
};

/// Flags of `berthage plugin`.
#[derive(Debug, Args)]
pub struct PluginArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: PluginCommand,
}

/// What to do with a plugin.
#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// Loads a plugin as the controller does, and says what it is, or why it cannot be loaded.
    Check(Check),
    /// Calls a plugin with what is in files, and compares what it answers with what the files say.
    Test(Test),
    /// Says how long calls take, and how much memory an instance has.
    Bench(Bench),
    /// Compiles the component in standard input to standard output. The controller has this done for plugins that others declare.
    #[command(hide = true)]
    Compile,
}

/// Flags of `berthage plugin check`.
#[derive(Debug, Args)]
pub struct Check {
    /// The component.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Its configuration, as JSON.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    pub config: String,
}

/// Flags of `berthage plugin test`.
#[derive(Debug, Args)]
pub struct Test {
    /// The component.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Files with a case each, or folders of them. docs/plugins.md says what is in one.
    #[arg(value_name = "CASE", required = true)]
    pub cases: Vec<PathBuf>,
    /// Writes what the plugin answers into the files, as what is expected from now on. Look at the difference before you keep it.
    #[arg(long)]
    pub update: bool,
}

/// Flags of `berthage plugin bench`.
#[derive(Debug, Args)]
pub struct Bench {
    /// The component.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Files with a case each, or folders of them.
    #[arg(value_name = "CASE", required = true)]
    pub cases: Vec<PathBuf>,
    /// How many calls are made for each case.
    #[arg(long, value_name = "CALLS", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(10..=1_000_000))]
    pub calls: u32,
}

/// Why a command about a plugin failed.
#[derive(Debug, thiserror::Error)]
pub enum PluginCommandError {
    /// The configuration is no JSON.
    #[error("--config is not JSON: {0}")]
    Config(serde_json::Error),
    /// No engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The plugin cannot be loaded, or a call failed.
    #[error(transparent)]
    Plugin(#[from] HookError),
    /// A case cannot be used.
    #[error(transparent)]
    Case(#[from] CaseError),
    /// The plugin answers in another way than is expected.
    #[error("{failed} of {cases} cases failed")]
    Failed {
        /// How many did.
        failed: usize,
        /// How many there are.
        cases: usize,
    },
    /// A call of a benchmark failed.
    #[error("{}: {error}", case.display())]
    Call {
        /// Which case.
        case: PathBuf,
        /// How.
        error: HookError,
    },
    /// See [`CompileError`].
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The text cannot be written.
    #[error("standard output cannot be written to: {0}")]
    Print(#[from] std::io::Error),
}

/// Runs the command; `print` gets what it says, as it goes on.
pub fn run(args: &PluginArgs, print: impl FnMut(&str) -> std::io::Result<()>) -> Result<(), PluginCommandError> {
    match &args.command {
        PluginCommand::Check(args) => check::run(args, print),
        PluginCommand::Test(args) => test::run(args, print),
        PluginCommand::Bench(args) => bench::run(args, print),
        PluginCommand::Compile => Ok(compile_for_others(std::io::stdin().lock(), std::io::stdout().lock())?),
    }
}

/// An engine in which every call is made.
fn engine() -> Result<HookEngine, EngineError> {
    HookEngine::new(Limits { kept: 0, concurrent: 8, ..Limits::default() }, Budget::Time)
}

fn load(file: &std::path::Path, config: Value, engine: &HookEngine) -> Result<Alone, HookError> {
    alone(&PluginSource { name: None, path: file.to_owned(), config }, engine)
}
