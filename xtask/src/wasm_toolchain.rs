//! A compiler for wasm32-unknown-unknown: found, or installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::child;
use crate::failure::{Failure, Result};
use crate::progress::Progress;
use crate::repository::Repository;

/// The target of every plugin.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Debian's packages with a recent compiler and the source of the standard library.
const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

/// Long enough to download 30 MB, short enough to try in vain.
const RUSTUP_LIMIT: Duration = Duration::from_mins(2);

/// Where a compiler can come from.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Choice {
    /// The toolchain in use, with the target installed (by rustup where it is missing)
    Rustup,
    /// Debian's packages, with the standard library built from source
    Debian,
}

/// A compiler that was found.
pub(crate) enum Toolchain {
    /// The toolchain in use has the target.
    InUse,
    /// Debian's compiler builds the standard library too.
    Debian {
        /// A linker for wasm.
        linker: PathBuf,
    },
}

impl Toolchain {
    /// Finds a compiler, or installs one.
    pub(crate) fn find(repository: &Repository, progress: &Progress, choice: Option<Choice>) -> Result<Self> {
        let chosen = repository.output("wasm/toolchain");
        // An earlier run has tried rustup in vain: not again every time.
        let remembered = fs::read_to_string(&chosen).is_ok_and(|text| text == "debian");
        let choice = choice.or(remembered.then_some(Choice::Debian));
        let found = match choice {
            Some(Choice::Rustup) => in_use(repository, progress),
            Some(Choice::Debian) => debian(repository, progress),
            None => in_use(repository, progress).or_else(|failure| {
                progress.say(&format!("no {TARGET} from rustup, so Debian's compiler: {}", first_line(&failure.0)));
                debian(repository, progress)
            }),
        }?;
        if let Some(folder) = chosen.parent() {
            fs::create_dir_all(folder).map_err(Failure::file(folder))?;
        }
        let name = if matches!(found, Self::Debian { .. }) { "debian" } else { "in use" };
        fs::write(&chosen, name).map_err(Failure::file(&chosen))?;
        Ok(found)
    }

    /// A cargo command that builds for [`TARGET`] with this compiler; packages and profile are the caller's to add.
    pub(crate) fn build(&self, repository: &Repository) -> Command {
        match self {
            Self::InUse => {
                let mut command = repository.cargo();
                command.args(["build", "--target", TARGET]);
                command
            }
            Self::Debian { linker } => {
                let mut command = Command::new("/usr/bin/cargo");
                command
                    .args(["build", "--target", TARGET, "-Zbuild-std=std,panic_abort"])
                    .current_dir(repository.root())
                    .env("RUSTC", "/usr/bin/rustc")
                    // Building the standard library is not stable yet, and this compiler is not a nightly one.
                    .env("RUSTC_BOOTSTRAP", "1")
                    .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker)
                    // What rustup and the cargo that runs this program set for themselves.
                    .env_remove("RUSTUP_TOOLCHAIN")
                    .env_remove("LD_LIBRARY_PATH")
                    .env_remove("CARGO");
                command
            }
        }
    }

    /// Where cargo's output of this compiler goes: two compilers in one folder would build everything again in turns.
    pub(crate) fn folder(&self, repository: &Repository) -> PathBuf {
        repository.output(match self {
            Self::InUse => "wasm/in-use",
            Self::Debian { .. } => "wasm/debian",
        })
    }
}

/// The toolchain in use, when it has the target or rustup can add it.
fn in_use(repository: &Repository, progress: &Progress) -> Result<Toolchain> {
    let libraries = sysroot(repository)?.join("lib/rustlib").join(TARGET).join("lib");
    if libraries.is_dir() {
        return Ok(Toolchain::InUse);
    }
    progress.step(&format!("rustup target add {TARGET}"), |log| {
        let mut command = Command::new("rustup");
        command.args(["target", "add", TARGET]).current_dir(repository.root());
        child::run_bounded(command, log, RUSTUP_LIMIT)
    })?;
    if libraries.is_dir() {
        return Ok(Toolchain::InUse);
    }
    Err(Failure(format!("rustup has added {TARGET}, but not to the toolchain in use ({})", libraries.display())))
}

/// Debian's compiler, installed where this may.
fn debian(repository: &Repository, progress: &Progress) -> Result<Toolchain> {
    if missing_from_debian(repository.rust_version()).is_some() {
        install_debian(progress)?;
    }
    if let Some(missing) = missing_from_debian(repository.rust_version()) {
        return Err(Failure(format!("Debian's compiler cannot be used: {missing}. {}", advice())));
    }
    Ok(Toolchain::Debian { linker: linker(repository)? })
}

fn install_debian(progress: &Progress) -> Result<()> {
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    if !is_root || !Path::new("/usr/bin/apt-get").is_file() {
        return Err(Failure(format!("no compiler for {TARGET}. {}", advice())));
    }
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    progress.step("apt-get update", |log| child::run(apt(&["update"]), log))?;
    let mut install = vec!["install", "--yes", "--no-install-recommends"];
    install.extend(DEBIAN_PACKAGES);
    progress.step(&format!("apt-get install {}", DEBIAN_PACKAGES.join(" ")), |log| child::run(apt(&install), log))
}

/// What the person at the terminal can do.
fn advice() -> String {
    format!(
        "Run `rustup target add {TARGET}`, or on Debian as root `apt-get install --no-install-recommends {}`, \
         and start again",
        DEBIAN_PACKAGES.join(" ")
    )
}

/// Says what is not there, or nothing when all is.
fn missing_from_debian(wanted: &str) -> Option<String> {
    if !Path::new("/usr/bin/cargo").is_file() {
        return Some("/usr/bin/cargo is missing".to_owned());
    }
    let mut command = Command::new("/usr/bin/rustc");
    command.arg("--version").env_remove("LD_LIBRARY_PATH");
    let Ok(version) = child::output(command) else { return Some("/usr/bin/rustc is missing".to_owned()) };
    if older(version.split(' ').nth(1).unwrap_or_default(), wanted) {
        return Some(format!("{version} is older than {wanted}"));
    }
    let source = Path::new("/usr/lib/rustlib/src/rust/library/std/Cargo.toml");
    (!source.is_file()).then(|| "the standard library's source is missing".to_owned())
}

/// Whether a version such as `1.96.0` is older than one such as `1.95`.
fn older(version: &str, than: &str) -> bool {
    let numbers = |text: &str| text.split('.').map(|part| part.parse().unwrap_or(0)).collect::<Vec<u32>>();
    numbers(version) < numbers(than)
}

/// The linker for wasm that comes with every toolchain of rustup, or Debian's.
fn linker(repository: &Repository) -> Result<PathBuf> {
    let libraries = sysroot(repository)?.join("lib/rustlib");
    let hosts = fs::read_dir(&libraries).map_err(Failure::file(&libraries))?.flatten();
    let own = hosts.map(|host| host.path().join("bin/rust-lld"));
    let system = [PathBuf::from("/usr/bin/wasm-ld"), PathBuf::from("/usr/bin/rust-lld")];
    own.chain(system).find(|path| path.is_file()).ok_or_else(|| {
        Failure::new("no linker for wasm: on Debian run as root `apt-get install --no-install-recommends lld`")
    })
}

/// Where the toolchain in use lies.
fn sysroot(repository: &Repository) -> Result<PathBuf> {
    let mut command = Command::new(std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned()));
    command.args(["--print", "sysroot"]).current_dir(repository.root());
    child::output(command).map(PathBuf::from)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        assert!(older("1.63.0", "1.95"));
        assert!(!older("1.96.0", "1.95"));
        assert!(!older("1.100.0", "1.95"));
        assert!(!older("1.95.0", "1.95"));
    }
}
