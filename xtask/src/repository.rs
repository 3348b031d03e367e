//! Where things are.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::child;
use crate::failure::{Failure, Result};

/// The repository this was compiled in.
pub(crate) struct Repository {
    root: PathBuf,
    metadata: Value,
}

/// A package that is built to a plugin.
pub(crate) struct Guest {
    /// The package's name.
    pub(crate) package: String,
    /// The name of its folder: the plugin's file is named after it.
    pub(crate) name: String,
    /// Its folder, from the root.
    pub(crate) folder: PathBuf,
    /// The name of its library, as the compiler writes the file.
    pub(crate) library: String,
}

impl Repository {
    /// Finds the repository and asks cargo what is in it.
    pub(crate) fn find() -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest.parent().unwrap_or(manifest).to_owned();
        let mut command = Command::new(cargo());
        command.args(["metadata", "--no-deps", "--format-version=1"]).current_dir(&root);
        let text = child::output(command)?;
        let metadata = serde_json::from_str(&text).map_err(Failure::of("read cargo's description of the packages"))?;
        Ok(Self { root, metadata })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A path under `target/`, where everything built here goes but cargo's own output.
    pub(crate) fn output(&self, name: &str) -> PathBuf {
        self.root.join("target").join(name)
    }

    /// Where cargo puts its own output.
    pub(crate) fn cargo_target(&self) -> PathBuf {
        self.metadata["target_directory"].as_str().map_or_else(|| self.root.join("target"), PathBuf::from)
    }

    /// The oldest compiler the packages accept, such as `1.95`.
    pub(crate) fn rust_version(&self) -> &str {
        let packages = self.metadata["packages"].as_array().into_iter().flatten();
        packages.filter_map(|package| package["rust_version"].as_str()).max().unwrap_or_default()
    }

    /// Every package with a `cdylib`: those are the plugins.
    pub(crate) fn guests(&self) -> Vec<Guest> {
        let packages = self.metadata["packages"].as_array().into_iter().flatten();
        packages.filter_map(|package| self.guest(package)).collect()
    }

    fn guest(&self, package: &Value) -> Option<Guest> {
        let targets = package["targets"].as_array()?;
        let is_plugin =
            |target: &&Value| target["crate_types"].as_array().is_some_and(|it| it.iter().any(|one| one == "cdylib"));
        let target = targets.iter().find(is_plugin)?;
        let folder = Path::new(package["manifest_path"].as_str()?).parent()?.strip_prefix(&self.root).ok()?;
        Some(Guest {
            package: package["name"].as_str()?.to_owned(),
            name: folder.file_name()?.to_str()?.to_owned(),
            folder: folder.to_owned(),
            library: target["name"].as_str()?.replace('-', "_"),
        })
    }

    /// A cargo command in this repository.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(cargo());
        command.current_dir(&self.root);
        command
    }
}

/// The cargo that runs this program.
fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}
