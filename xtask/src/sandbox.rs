//! `berthage sandbox`, and what it needs: the plugins, the program, and a share folder.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;

use crate::failure::{Failure, Result};
use crate::progress::Progress;
use crate::repository::Repository;
use crate::{child, dist, plugins};

/// Runs it in the place of this program, so that Ctrl-C and the exit status are its own.
pub(crate) fn run(repository: &Repository, progress: &Progress, flags: &[OsString]) -> Result<()> {
    let plugins = plugins::build(repository, progress, None)?;
    progress.step("compile (minutes, the first time)", |log| {
        let mut command = repository.cargo();
        command.args(["build", "--package", "berthage", "--bin", "berthage"]);
        child::run(command, log)
    })?;
    let share = repository.output("share");
    dist::lay_out_share(repository, &plugins, &share)?;
    let mut sandbox = std::process::Command::new(repository.cargo_target().join("debug/berthage"));
    sandbox.current_dir(repository.root()).arg("sandbox").arg("--share").arg(share).args(flags);
    Err(Failure(format!("cannot start the sandbox: {}", sandbox.exec())))
}
