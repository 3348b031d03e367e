//! The answers of one server to the script, in words that do not depend on when it was asked.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ConformanceError, Kind};

/// One answer; of a step that looks at a watch, its events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The HTTP status; 0 for events.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub code: u16,
    /// Those that mean something, in small letters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// JSON, or a text.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub body: Value,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks in this way")]
fn is_zero(code: &u16) -> bool {
    *code == 0
}

/// The answers of one server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answers {
    /// What it is.
    pub server: Kind,
    /// Its version.
    pub version: String,
    /// When it was asked.
    pub date: String,
    /// By the full names of steps.
    pub steps: BTreeMap<String, Answer>,
}

impl Answers {
    /// Reads a file of answers.
    pub fn read(path: &Path) -> Result<Self, ConformanceError> {
        let text =
            fs::read_to_string(path).map_err(|source| ConformanceError::File { path: path.to_owned(), source })?;
        serde_json::from_str(&text).map_err(|source| ConformanceError::Form { path: path.to_owned(), source })
    }

    /// All answers that are kept.
    pub fn kept() -> Result<Vec<(PathBuf, Self)>, ConformanceError> {
        let folder = super::folder().join("answers");
        let wrong = |source| ConformanceError::File { path: folder.clone(), source };
        let mut all = Vec::new();
        for entry in fs::read_dir(&folder).map_err(wrong)? {
            let path = entry.map_err(wrong)?.path();
            if path.extension().is_some_and(|end| end == "json") {
                let answers = Self::read(&path)?;
                all.push((path, answers));
            }
        }
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(all)
    }

    /// The file that they are kept in.
    pub fn path(&self) -> PathBuf {
        super::folder().join("answers").join(format!("{}-{}.json", self.server.name(), self.version))
    }

    /// Writes them down: a line for each field, so that a change can be read.
    pub fn write(&self, path: &Path) -> Result<(), ConformanceError> {
        let form = |source| ConformanceError::Form { path: path.to_owned(), source };
        let value = serde_json::to_value(self).map_err(form)?;
        let text = format!("{value:#}\n");
        fs::write(path, text).map_err(|source| ConformanceError::File { path: path.to_owned(), source })
    }
}
