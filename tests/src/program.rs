//! The project's own programs as real processes: `berthage` and `berthage-syncer`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Error, Result};
use crate::process::Process;

/// The binary of the controller: `$BERTHAGE_BIN`, or beside this program as cargo lays it out.
pub fn berthage() -> Result<PathBuf> {
    own_binary("BERTHAGE_BIN", "berthage", "cargo build -p berthage")
}

/// The binary of the syncer: `$BERTHAGE_SYNCER_BIN`, or beside this program as cargo lays it out.
pub fn berthage_syncer() -> Result<PathBuf> {
    own_binary("BERTHAGE_SYNCER_BIN", "berthage-syncer", "cargo build -p berthage-syncer")
}

/// The folder of the built plugins, one `<name>.wasm` each: `$BERTHAGE_PLUGINS`, or `target/plugins` of the repository.
pub fn plugins() -> PathBuf {
    std::env::var_os("BERTHAGE_PLUGINS").map_or_else(|| repository().join("target/plugins"), PathBuf::from)
}

/// The default template set in the repository.
pub fn templates() -> PathBuf {
    repository().join("templates")
}

/// How to start one of the project's programs.
#[derive(Clone, Debug, Default)]
pub struct Invocation {
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
}

impl Invocation {
    /// Starts with these arguments.
    pub fn new<A: Into<OsString>>(arguments: impl IntoIterator<Item = A>) -> Self {
        Self { arguments: arguments.into_iter().map(Into::into).collect(), environment: Vec::new() }
    }

    /// Adds an argument.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds an environment variable.
    #[must_use]
    pub fn variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Starts `binary` this way. The output goes to `<name>.log` in `folder`; earlier output there is kept.
    ///
    /// The environment holds nothing of ours but PATH, HOME and what was added: what a developer has exported must not
    /// change a test.
    pub fn start(&self, binary: &Path, name: &str, folder: &Path) -> Result<Process> {
        let mut command = Command::new(binary);
        command.args(&self.arguments).env_clear();
        for inherited in ["PATH", "HOME", "LLVM_PROFILE_FILE", "RUST_BACKTRACE"] {
            if let Some(value) = std::env::var_os(inherited) {
                command.env(inherited, value);
            }
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        Process::start(name, command, &folder.join(format!("{name}.log")))
    }

    /// Runs `binary` this way to its end and gives its standard output, standard error and status.
    pub async fn output(&self, binary: &Path) -> Result<std::process::Output> {
        tokio::process::Command::new(binary)
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .kill_on_drop(true)
            .stdin(std::process::Stdio::null())
            .output()
            .await
            .map_err(|source| Error::Start { program: binary.display().to_string(), source })
    }
}

/// Where a server built by `cargo xtask servers` lies: in `$BERTHAGE_SERVERS`, or `target/servers/bin`.
pub(crate) fn server(program: &str) -> Result<PathBuf> {
    let folder =
        std::env::var_os("BERTHAGE_SERVERS").map_or_else(|| repository().join("target/servers/bin"), PathBuf::from);
    found(folder, program, "cargo xtask servers")
}

/// Cargo's target folder of the running program; runs keep their files there.
pub(crate) fn target_folder() -> PathBuf {
    profile_folder()
        .and_then(|folder| folder.parent().map(Path::to_owned))
        .unwrap_or_else(|| repository().join("target"))
}

fn own_binary(variable: &str, program: &str, remedy: &'static str) -> Result<PathBuf> {
    if let Some(path) = std::env::var_os(variable) {
        return Ok(path.into());
    }
    found(profile_folder().unwrap_or_else(|| repository().join("target/debug")), program, remedy)
}

fn found(folder: PathBuf, program: &str, remedy: &'static str) -> Result<PathBuf> {
    let path = folder.join(program);
    if path.is_file() { Ok(path) } else { Err(Error::MissingProgram { program: program.to_owned(), folder, remedy }) }
}

/// `target/<profile>`, where cargo puts binaries; test binaries are one folder deeper.
fn profile_folder() -> Option<PathBuf> {
    let executable = std::env::current_exe().ok()?;
    let folder = executable.parent()?;
    Some(if folder.ends_with("deps") { folder.parent()? } else { folder }.to_owned())
}

/// The root of the repository that this was compiled in.
pub fn repository() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_owned()
}
