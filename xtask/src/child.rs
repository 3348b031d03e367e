//! Running other programs.

use std::fs::OpenOptions;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::failure::{Failure, Result};

/// Runs a command with its output in `log`; an error when it does not succeed.
pub(crate) fn run(command: Command, log: &Path) -> Result<()> {
    let line = describe(&command);
    let status = spawn(command, log)?.wait().map_err(Failure::of("wait for a program"))?;
    succeeded(status, &line)
}

/// Like [`run`], and ends the command when it takes longer than `limit`.
pub(crate) fn run_bounded(command: Command, log: &Path, limit: Duration) -> Result<()> {
    let line = describe(&command);
    let mut child = spawn(command, log)?;
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().map_err(Failure::of("wait for a program"))? {
            return succeeded(status, &line);
        }
        if Instant::now() > deadline {
            // It may have ended just now: then there is nothing to kill.
            let _ = child.kill();
            let _ = child.wait();
            return Err(Failure(format!("`{line}` did not end within {} s", limit.as_secs())));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Runs a command that shows its output itself.
pub(crate) fn run_shown(mut command: Command) -> Result<()> {
    let line = describe(&command);
    let status = command.status().map_err(|error| not_started(&line, &error))?;
    succeeded(status, &line)
}

/// Runs a command and gives its standard output.
pub(crate) fn output(mut command: Command) -> Result<String> {
    let line = describe(&command);
    let output =
        command.stdin(Stdio::null()).stderr(Stdio::piped()).output().map_err(|error| not_started(&line, &error))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(Failure(format!("`{line}` failed ({}): {}", output.status, complaint.trim_end())))
}

fn spawn(mut command: Command, log: &Path) -> Result<std::process::Child> {
    let line = describe(&command);
    let file = OpenOptions::new().create(true).append(true).open(log).map_err(Failure::file(log))?;
    let copy = file.try_clone().map_err(Failure::file(log))?;
    command.stdin(Stdio::null()).stdout(file).stderr(copy);
    command.spawn().map_err(|error| not_started(&line, &error))
}

fn succeeded(status: ExitStatus, line: &str) -> Result<()> {
    if status.success() { Ok(()) } else { Err(Failure(format!("`{line}` failed ({status})"))) }
}

fn not_started(line: &str, error: &std::io::Error) -> Failure {
    Failure(format!("cannot start `{line}`: {error}"))
}

/// The command as one would type it, without its environment.
fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
