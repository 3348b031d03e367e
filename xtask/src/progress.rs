//! What a chore shows on standard error: one line a step, with the time it took.
#![expect(clippy::print_stderr, reason = "this module is how the program talks to the person at the terminal")]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::failure::{Failure, Result};
use crate::repository::Repository;

/// How many lines of a failed step's log are shown.
const TAIL_LINES: usize = 30;

/// Shows steps and knows where their logs go.
pub(crate) struct Progress {
    logs: PathBuf,
}

impl Progress {
    pub(crate) fn start(repository: &Repository) -> Result<Self> {
        let logs = repository.output("xtask");
        fs::create_dir_all(&logs).map_err(Failure::file(&logs))?;
        Ok(Self { logs })
    }

    /// Shows a step while `work` does it. `work` is given the file for the output of what it calls.
    pub(crate) fn step<T>(&self, title: &str, work: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
        let log = self.logs.join(format!("{}.log", file_name(title)));
        // The log of an earlier run would be mistaken for this one's.
        let _ = fs::remove_file(&log);
        eprint!("{title} ... ");
        let _ = std::io::stderr().flush();
        let start = Instant::now();
        let result = work(&log);
        let seconds = start.elapsed().as_secs_f32();
        match &result {
            Ok(_) => eprintln!("{seconds:.1} s"),
            Err(_) => eprintln!("failed after {seconds:.1} s"),
        }
        result.map_err(|failure| with_log(failure, &log))
    }

    /// Shows one line.
    #[expect(clippy::unused_self, reason = "lines come from where progress is shown, and from nowhere else")]
    pub(crate) fn say(&self, line: &str) {
        eprintln!("{line}");
    }
}

/// Shows why the program ends.
pub(crate) fn report_failure(failure: &Failure) {
    eprintln!("error: {}", failure.0);
}

/// Adds the end of a step's log to its failure.
fn with_log(failure: Failure, log: &Path) -> Failure {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    if text.trim().is_empty() {
        return failure;
    }
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n");
    Failure(format!("{}\nlast lines of {}:\n{tail}", failure.0, log.display()))
}

fn file_name(title: &str) -> String {
    let title = title.split(" (").next().unwrap_or(title);
    title.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_named_after_the_step_without_its_remark() {
        assert_eq!(file_name("build kube-apiserver (3 minutes)"), "build-kube-apiserver");
    }
}
