//! From the command line to a result.

use std::process::ExitCode;

use crate::args::{Args, Command, LogFormat};
use crate::{access, cli, controller, telemetry};

/// What a command ends with when it fails: its message and its causes go to standard error.
type Failure = Box<dyn std::error::Error>;

/// Runs what was asked for.
pub fn main(args: Args) -> ExitCode {
    let Args { log, log_format, command } = args;
    let format = log_format.map(|format| match format {
        LogFormat::Json => telemetry::Format::Json,
        LogFormat::Text => telemetry::Format::Text,
    });
    let usual = if matches!(command, Command::Controller(_)) { "info" } else { "error" };
    if let Err(error) = telemetry::init(log.as_deref().unwrap_or(usual), format) {
        return fail(&error);
    }
    access::install_crypto_provider();
    match run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(error.as_ref()),
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Crds(args) => cli::crds::run(&args),
        Command::Ca(args) => Ok(cli::print(&cli::ca::run(&args, jiff::Timestamp::now())?)?),
        Command::Render(args) => cli::render::run(&args),
        Command::Plugin(args) => Ok(cli::plugin::run(&args, cli::print)?),
        Command::Register(args) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            Ok(runtime.block_on(cli::register::run(&args, cli::print))?)
        }
        #[cfg(feature = "sandbox")]
        Command::Sandbox(args) => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            let ended = runtime.block_on(cli::sandbox::run(args));
            // A plugin that is being compiled is not waited for.
            runtime.shutdown_background();
            Ok(ended?)
        }
        Command::Controller(args) => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            Ok(runtime.block_on(controller::run(*args))?)
        }
    }
}

#[expect(clippy::print_stderr, reason = "the last word of a program that failed is for people, not for the log")]
fn fail(error: &(dyn std::error::Error + 'static)) -> ExitCode {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str("\n  because: ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    eprintln!("berthage: {text}");
    ExitCode::FAILURE
}
