//! What the benchmark compares us with: programs of Go modules of ours, which pin the versions of the peers.

use std::path::PathBuf;
use std::process::Command;

use crate::child;
use crate::failure::{Failure, Result};
use crate::progress::Progress;
use crate::repository::Repository;
use crate::servers;

/// Builds the queues of Go controllers, and gives the program. Go's own cache knows what is up to date.
pub(crate) fn queue(repository: &Repository, progress: &Progress) -> Result<PathBuf> {
    let module = repository.root().join("tests/peers/queue");
    servers::go(&module)?;
    let folder = repository.output("peers");
    std::fs::create_dir_all(&folder).map_err(Failure::file(&folder))?;
    let program = folder.join("queue");
    progress.step("build the queues of client-go and controller-runtime", |log| {
        let mut command = Command::new("go");
        command.current_dir(&module).args(["build", "-trimpath", "-ldflags", "-s -w", "-o"]).arg(&program).arg(".");
        child::run(command, log)
    })?;
    Ok(program)
}
