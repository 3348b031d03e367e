//! The sandbox, asked what a real server was asked.

use std::time::Duration;

use super::{Accepted, Answers, ConformanceError, Judged, Kind, Place, Sandbox, SandboxError, Script, compare, run};

/// How long the sandbox gets for what comes by itself: all of that is done before it answers the next request.
const PATIENCE: Duration = Duration::from_millis(100);

/// Why the sandbox cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// The suite.
    #[error(transparent)]
    Suite(#[from] ConformanceError),
    /// The sandbox.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

/// The sandbox's answers to the script.
pub async fn sandbox(script: &Script, kind: Kind) -> Result<Answers, JudgeError> {
    let sandbox = Sandbox::start(kind).await?;
    let place = Place {
        kind,
        version: "sandbox".to_owned(),
        date: String::new(),
        base: sandbox.base.clone(),
        masks: sandbox.masks.clone(),
        patience: PATIENCE,
        strict: false,
    };
    Ok(run(script, &place, |request| sandbox.send(request)).await?)
}

/// Compares the sandbox with a real server.
pub async fn judge(script: &Script, real: &Answers) -> Result<Judged, JudgeError> {
    let sandbox = sandbox(script, real.server).await?;
    Ok(Accepted::read()?.judge(real.server, compare(real, &sandbox)))
}
