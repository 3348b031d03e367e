//! A release: bin/ and share/, as `berthage` looks for them beside itself.

use std::fs;
use std::path::Path;

use crate::child;
use crate::failure::{Failure, Result};
use crate::plugins::{self, Plugin};
use crate::progress::Progress;
use crate::repository::Repository;

/// The programs of a release.
const PROGRAMS: [&str; 2] = ["berthage", "berthage-syncer"];

/// Builds everything and lays it out in `out`.
pub(crate) fn lay_out(repository: &Repository, progress: &Progress, out: &Path) -> Result<()> {
    let plugins = plugins::build(repository, progress, None)?;
    progress.step("build a release (minutes, the first time)", |log| {
        let mut command = repository.cargo();
        // What is tried with the sandbox is no part of a release.
        command
            .args(["build", "--release", "--no-default-features"])
            .args(PROGRAMS.iter().flat_map(|program| ["--package", program]));
        child::run(command, log)
    })?;
    let out = repository.root().join(out);
    let (programs, share) = (out.join("bin"), out.join("share"));
    for folder in [&programs, &share] {
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(Failure::file(folder))?;
        }
    }
    for program in PROGRAMS {
        copy(&repository.cargo_target().join("release").join(program), &programs)?;
    }
    lay_out_share(repository, &plugins, &share)?;
    progress.say(&format!("release in {}", out.display()));
    Ok(())
}

/// The product's plugins and templates, as `berthage` looks for them in its share folder.
pub(crate) fn lay_out_share(repository: &Repository, plugins: &[Plugin], share: &Path) -> Result<()> {
    for plugin in plugins.iter().filter(|plugin| plugin.is_product()) {
        copy(&plugin.file, &share.join("plugins"))?;
    }
    copy_folder(&repository.root().join("templates"), &share.join("templates"))
}

/// Copies a file into a folder, which is made if needed.
fn copy(file: &Path, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(Failure::file(folder))?;
    let name = file.file_name().unwrap_or_default();
    fs::copy(file, folder.join(name)).map_err(Failure::file(file)).map(drop)
}

/// Copies a folder with all that is in it.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).map_err(Failure::file(to))?;
    for entry in fs::read_dir(from).map_err(Failure::file(from))? {
        let path = entry.map_err(Failure::file(from))?.path();
        if path.is_dir() {
            copy_folder(&path, &to.join(path.file_name().unwrap_or_default()))?;
        } else {
            copy(&path, to)?;
        }
    }
    Ok(())
}
