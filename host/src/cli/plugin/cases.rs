//! One call of a plugin and its outcome, in a file.
//!
//! ```json
//! { "what": "A target without labels is refused.", "hook": "transform", "config": {}, "subject": {}, "facts": {},
//!   "reads": [], "results": [], "now": "2026-01-01T00:00:00Z", "attempt": 0, "objects": [], "expect": {} }
//! ```

use std::path::{Path, PathBuf};
use std::{fs, io};

use berthage_core::plugin::{ApplyResult, Group, Input};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::hook::{Alone, Hook, HookError};

/// Why a case cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// A file or folder cannot be read or written.
    #[error("{} cannot be {done}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// `read` or `written`.
        done: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is not what a case is.
    #[error("{}: {source}; docs/plugins.md says what is in a case", path.display())]
    Form {
        /// Which.
        path: PathBuf,
        /// What is wrong, with its place.
        source: serde_json::Error,
    },
    /// The plugin has no such hook.
    #[error("{}: a {world} has no hook {hook}; it has {has}", path.display())]
    NoHook {
        /// Which.
        path: PathBuf,
        /// The plugin's world.
        world: &'static str,
        /// What was asked for.
        hook: String,
        /// What there is.
        has: String,
    },
    /// There is no case where cases are looked for.
    #[error("there is no case in {}: it holds no file that ends with .json", .0.display())]
    None(PathBuf),
}

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub what: String,
    /// Which hook is called.
    pub hook: String,
    /// The plugin's configuration.
    #[serde(default = "empty")]
    pub config: Value,
    /// The object that is reconciled.
    pub subject: Value,
    /// What the host knows about it.
    #[serde(default = "empty")]
    pub facts: Value,
    /// What the plugin has selected.
    #[serde(default)]
    pub reads: Vec<Group>,
    /// Results of the last apply.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<ApplyResult>,
    /// RFC 3339.
    #[serde(default = "some_day")]
    pub now: String,
    /// Failures in a row.
    #[serde(default)]
    pub attempt: u32,
    /// For `transform`: the desired objects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<Value>,
    /// The outcome; for a call that is to fail `{"error": "…"}`, with words of what is said.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub expect: Value,
}

fn empty() -> Value {
    Value::Object(Map::new())
}

fn some_day() -> String {
    "2026-01-01T00:00:00Z".to_owned()
}

impl Case {
    /// The hook's input.
    pub(super) fn input(&self) -> Input {
        Input {
            subject: self.subject.clone(),
            facts: self.facts.clone(),
            reads: self.reads.clone(),
            results: self.results.clone(),
            now: self.now.clone(),
            attempt: self.attempt,
        }
    }

    /// Which hook of the plugin it is about.
    pub(super) fn hook(&self, path: &Path, plugin: &Alone) -> Result<Hook, CaseError> {
        let hooks = plugin.hooks();
        hooks.iter().copied().find(|hook| hook.as_str() == self.hook).ok_or_else(|| CaseError::NoHook {
            path: path.to_owned(),
            world: plugin.world(),
            hook: self.hook.clone(),
            has: hooks.iter().map(|hook| hook.as_str()).collect::<Vec<_>>().join(", "),
        })
    }

    /// What the plugin answers, as its author writes it: kinds of conditions without the plugin's name, which the host has put
    /// before them.
    pub(super) fn answer(&self, hook: Hook, input: &Input, plugin: &Alone) -> Result<Value, HookError> {
        let mut outcome = plugin.ask(hook, input, &self.objects)?;
        let prefix = format!("{}/", plugin.plugin().name());
        for condition in outcome.get_mut("conditions").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(kind) = condition["kind"].as_str().and_then(|kind| kind.strip_prefix(&prefix)) {
                condition["kind"] = kind.to_owned().into();
            }
        }
        Ok(outcome)
    }
}

/// The cases of these files and folders, by name.
pub(super) fn read(paths: &[PathBuf]) -> Result<Vec<(PathBuf, Case)>, CaseError> {
    let file = |path: &Path| {
        let path = path.to_owned();
        move |source| CaseError::File { path, done: "read", source }
    };
    let mut cases = Vec::new();
    for path in paths {
        let mut files = vec![path.clone()];
        if path.is_dir() {
            let entries = fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(file(path))?;
            files = entries
                .into_iter()
                .map(|entry| entry.path())
                .filter(|path| path.extension().is_some_and(|end| end == "json"))
                .collect();
            files.sort();
            if files.is_empty() {
                return Err(CaseError::None(path.clone()));
            }
        }
        for path in files {
            let text = fs::read(&path).map_err(file(&path))?;
            let case =
                serde_json::from_slice(&text).map_err(|source| CaseError::Form { path: path.clone(), source })?;
            cases.push((path, case));
        }
    }
    Ok(cases)
}

/// Writes a case back.
pub(super) fn write(path: &Path, case: &Case) -> Result<(), CaseError> {
    let form = |source| CaseError::Form { path: path.to_owned(), source };
    let mut text = serde_json::to_string_pretty(case).map_err(form)?;
    text.push('\n');
    fs::write(path, text).map_err(|source| CaseError::File { path: path.to_owned(), done: "written", source })
}
