//! The template sets: the product's files, the platform's over them, and each workspace's over those.
//!
//! ```text
//! <share>/templates/            the product's layer
//! <templates dir>/*             the platform's layer
//! <templates dir>/workspaces/<workspace>/*   a workspace's layer
//! ```
//!
//! Files are read again when they change. A set that cannot be read or compiled is an error for the targets that use it and
//! for nobody else; what is applied of theirs goes on running.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use berthage_core::key::Workspace;
use berthage_core::template::{Layer, Limits, TemplateError, TemplateSet};
use sha2::{Digest, Sha256};

/// The folder of the workspaces' layers in the platform's folder.
const WORKSPACES: &str = "workspaces";
/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 1024 * 1024;
/// Most files in a layer.
const MAX_FILES: usize = 256;

/// Why a workspace has no template set.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LibraryError {
    /// A folder or file cannot be read.
    #[error("{path} cannot be read: {problem}; see whether the folder is the right one, and readable")]
    Unreadable {
        /// Which, below the folder of its layer.
        path: String,
        /// What the operating system says.
        problem: String,
    },
    /// More files, or larger ones, than a layer may have.
    #[error(
        "{path} is more than a layer of templates may hold ({MAX_FILES} files of 1 MiB); move it out of the folder"
    )]
    TooLarge {
        /// Which.
        path: String,
    },
    /// The files do not make a set.
    #[error(transparent)]
    Template(#[from] Arc<TemplateError>),
}

impl LibraryError {
    /// The lines that are wrong, with a mark under them, where it is a template's.
    pub fn excerpt(&self) -> Option<String> {
        match self {
            Self::Template(error) => error.excerpt(),
            Self::Unreadable { .. } | Self::TooLarge { .. } => None,
        }
    }
}

/// Low to high; one that cannot be read spoils the set.
type Layers = Vec<Result<Layer, LibraryError>>;

type Compiled = Result<Arc<TemplateSet>, LibraryError>;

struct State {
    /// Hash of all files, by which a change is noticed.
    files: HashMap<Option<Workspace>, String>,
    sets: HashMap<Option<Workspace>, Compiled>,
}

/// See the module.
pub struct Library {
    product: PathBuf,
    platform: Option<PathBuf>,
    limits: Limits,
    state: Mutex<State>,
}

impl Library {
    /// Reads and compiles everything. A broken set is kept as an error.
    pub fn load(product: PathBuf, platform: Option<PathBuf>, limits: Limits) -> Self {
        let library = Self {
            product,
            platform,
            limits,
            state: Mutex::new(State { files: HashMap::new(), sets: HashMap::new() }),
        };
        library.refresh();
        library
    }

    /// The set for a workspace.
    pub fn set(&self, workspace: &Workspace) -> Compiled {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let found = state.sets.get(&Some(workspace.clone())).or_else(|| state.sets.get(&None));
        found.cloned().unwrap_or_else(|| {
            Err(LibraryError::Unreadable { path: self.product.display().to_string(), problem: "not read".to_owned() })
        })
    }

    /// Changes when the set of a workspace does.
    pub fn revision(&self, workspace: &Workspace) -> String {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let found = state.files.get(&Some(workspace.clone())).or_else(|| state.files.get(&None));
        found.cloned().unwrap_or_default()
    }

    /// Reads the folders again and compiles what changed; returns whether anything did.
    pub fn refresh(&self) -> bool {
        let product = read(&self.product, "product");
        let platform = self.platform.as_deref().map(|folder| read(folder, "platform"));
        let mut base: Layers = vec![product];
        base.extend(platform);
        let mut wanted: Vec<(Option<Workspace>, Layers)> = vec![(None, base.clone())];
        for (workspace, folder) in self.workspaces() {
            let mut layers = base.clone();
            layers.push(read(&folder, &format!("workspace {workspace}")));
            wanted.push((Some(workspace), layers));
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let names: Vec<Option<Workspace>> = wanted.iter().map(|(name, _)| name.clone()).collect();
        let before = state.sets.len();
        state.sets.retain(|name, _| names.contains(name));
        state.files.retain(|name, _| names.contains(name));
        let mut changed = state.sets.len() != before;
        for (name, layers) in wanted {
            let hash = hash(&layers);
            if state.files.get(&name) == Some(&hash) {
                continue;
            }
            changed = true;
            let set = layers.into_iter().collect::<Result<Vec<Layer>, _>>().and_then(|layers| {
                TemplateSet::compile(layers, self.limits.clone()).map(Arc::new).map_err(|error| Arc::new(error).into())
            });
            if let Err(error) = &set {
                let workspace = name.as_ref().map_or("", Workspace::as_str);
                tracing::warn!(workspace, %error, "a template set cannot be used; what is applied goes on running");
            }
            state.files.insert(name.clone(), hash);
            state.sets.insert(name, set);
        }
        changed
    }

    fn workspaces(&self) -> Vec<(Workspace, PathBuf)> {
        let Some(folder) = self.platform.as_deref().map(|platform| platform.join(WORKSPACES)) else {
            return Vec::new();
        };
        let Ok(entries) = std::fs::read_dir(&folder) else { return Vec::new() };
        let mut found: Vec<(Workspace, PathBuf)> = entries
            .flatten()
            .filter(|entry| entry.path().is_dir())
            .filter_map(|entry| Some((Workspace::new(entry.file_name().to_str()?), entry.path())))
            .filter(|(workspace, _)| !workspace.as_str().starts_with('.'))
            .collect();
        found.sort();
        found
    }
}

fn hash(layers: &[Result<Layer, LibraryError>]) -> String {
    let mut hasher = Sha256::new();
    for layer in layers {
        match layer {
            Ok(layer) => {
                for (name, content) in &layer.files {
                    hasher.update((name.len() as u64).to_be_bytes());
                    hasher.update(name);
                    hasher.update((content.len() as u64).to_be_bytes());
                    hasher.update(content);
                }
            }
            Err(error) => hasher.update(error.to_string()),
        }
        hasher.update([0]);
    }
    berthage_core::names::hex(&hasher.finalize()[..16])
}

/// A layer from a folder: its files and those of its `patches/`. Hidden files (an editor's, a ConfigMap mount's) and the
/// workspaces' folder are passed over.
pub fn read(folder: &Path, name: &str) -> Result<Layer, LibraryError> {
    let mut files = BTreeMap::new();
    collect(folder, "", &mut files)?;
    Ok(Layer { name: name.to_owned(), files })
}

fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, String>) -> Result<(), LibraryError> {
    let unreadable =
        |path: String, problem: &std::io::Error| LibraryError::Unreadable { path, problem: problem.kind().to_string() };
    let shown = || if prefix.is_empty() { folder.display().to_string() } else { prefix.to_owned() };
    let entries = std::fs::read_dir(folder).map_err(|error| unreadable(shown(), &error))?;
    for entry in entries {
        let entry = entry.map_err(|error| unreadable(shown(), &error))?;
        let file_name = entry.file_name();
        let path = format!("{prefix}{}", file_name.to_string_lossy());
        if path.starts_with('.') {
            continue;
        }
        // Follows links: a ConfigMap is mounted as links.
        let metadata = std::fs::metadata(entry.path()).map_err(|error| unreadable(path.clone(), &error))?;
        if metadata.is_dir() {
            if prefix.is_empty() && path == "patches" {
                collect(&entry.path(), "patches/", files)?;
            }
            continue;
        }
        if metadata.len() > MAX_FILE || files.len() >= MAX_FILES {
            return Err(LibraryError::TooLarge { path });
        }
        let content = std::fs::read_to_string(entry.path()).map_err(|error| unreadable(path.clone(), &error))?;
        files.insert(path, content);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const OBJECT: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ values.name }}\n";

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, content) in [
            ("product/values.schema.json", "{}"),
            ("product/values.yaml", "name: product\n"),
            ("product/10-object.yaml.j2", OBJECT),
            ("platform/values.yaml", "name: platform\n"),
            ("platform/workspaces/a/values.yaml", "name: a\n"),
            ("platform/workspaces/broken/10-object.yaml.j2", "{{ \n"),
        ] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        folder
    }

    fn library(folder: &tempfile::TempDir) -> Library {
        Library::load(folder.path().join("product"), Some(folder.path().join("platform")), Limits::default())
    }

    fn name(library: &Library, workspace: &str) -> String {
        let set = library.set(&Workspace::new(workspace)).unwrap();
        set.render(&json!({}), None).unwrap()[0].object["metadata"]["name"].as_str().unwrap().to_owned()
    }

    #[test]
    fn a_workspace_has_its_own_layer_and_no_other() {
        let folder = folder();
        let library = library(&folder);
        assert_eq!(name(&library, "a"), "a");
        assert_eq!(name(&library, "b"), "platform");
    }

    #[test]
    fn a_broken_layer_breaks_its_workspace_only_and_heals_by_itself() {
        let folder = folder();
        let library = library(&folder);
        let error = library.set(&Workspace::new("broken")).unwrap_err().to_string();
        assert!(error.contains("10-object.yaml.j2"), "{error}");
        assert_eq!(name(&library, "a"), "a");
        assert!(!library.refresh(), "nothing changed");
        std::fs::write(folder.path().join("platform/workspaces/broken/10-object.yaml.j2"), OBJECT).unwrap();
        assert!(library.refresh());
        assert_eq!(name(&library, "broken"), "platform");
    }

    #[test]
    fn a_missing_folder_is_an_error_that_names_it() {
        let library = Library::load(PathBuf::from("nowhere"), None, Limits::default());
        assert!(library.set(&Workspace::local()).unwrap_err().to_string().starts_with("nowhere cannot be read"));
    }
}
