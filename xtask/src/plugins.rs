//! Plugins: packages of this repository, compiled to wasm and wrapped as components.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use wit_component::ComponentEncoder;

use crate::child;
use crate::failure::{Failure, Result};
use crate::progress::Progress;
use crate::repository::{Guest, Repository};
use crate::wasm_toolchain::{Choice, TARGET, Toolchain};

/// The profile in Cargo.toml that plugins are built with.
const PROFILE: &str = "plugin";

/// Builds every plugin and gives the files, the product's own and all others.
pub(crate) fn build(repository: &Repository, progress: &Progress, choice: Option<Choice>) -> Result<Vec<Plugin>> {
    let guests = repository.guests();
    let toolchain = Toolchain::find(repository, progress, choice)?;
    let target = toolchain.folder(repository);
    let title = format!("compile {} plugins to {}", guests.len(), target.join(TARGET).join(PROFILE).display());
    progress.step(&title, |log| {
        let mut command = toolchain.build(repository);
        command.args(["--lib", "--profile", PROFILE]).arg("--target-dir").arg(&target);
        command.args(guests.iter().flat_map(|guest| ["--package", &guest.package]));
        child::run(command, log)
    })?;
    let folder = repository.output("plugins");
    fs::create_dir_all(&folder).map_err(Failure::file(&folder))?;
    let mut plugins = Vec::new();
    for guest in guests {
        let module = target.join(TARGET).join(PROFILE).join(format!("{}.wasm", guest.library));
        let file = folder.join(format!("{}.wasm", guest.name));
        if !is_newer(&file, &module) {
            progress.step(&format!("make {}", shown(repository, &file)), |_| wrap(&module, &file))?;
        }
        plugins.push(Plugin { guest, file });
    }
    Ok(plugins)
}

/// A plugin that was built.
pub(crate) struct Plugin {
    guest: Guest,
    /// The component.
    pub(crate) file: PathBuf,
}

impl Plugin {
    /// Whether it is part of the product, not an example or a test.
    pub(crate) fn is_product(&self) -> bool {
        self.guest.folder.parent() == Some(Path::new("plugins"))
    }
}

/// Makes a component of a module that wit-bindgen has left its description in.
fn wrap(module: &Path, file: &Path) -> Result<()> {
    let bytes = fs::read(module).map_err(Failure::file(module))?;
    let component = ComponentEncoder::default()
        .module(&bytes)
        .and_then(|encoder| encoder.validate(true).encode())
        .map_err(Failure::of(&format!("make a component of {}", module.display())))?;
    // A reader never sees half a file.
    let partial = file.with_extension("partial");
    fs::write(&partial, component).map_err(Failure::file(&partial))?;
    fs::rename(&partial, file).map_err(Failure::file(file))
}

/// Whether `file` was written after `source` was.
fn is_newer(file: &Path, source: &Path) -> bool {
    let time = |path: &Path| -> Option<SystemTime> { fs::metadata(path).ok()?.modified().ok() };
    time(file).is_some_and(|written| time(source).is_some_and(|changed| written > changed))
}

fn shown(repository: &Repository, path: &Path) -> String {
    path.strip_prefix(repository.root()).unwrap_or(path).display().to_string()
}
