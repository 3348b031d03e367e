//! `/version`.

use serde_json::{Value, json};

/// What a server says of its build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionInfo {
    /// Such as `1`.
    pub major: String,
    /// Such as `36`.
    pub minor: String,
    /// Such as `v1.36.0`.
    pub git_version: String,
    /// The commit that it was built from.
    pub git_commit: String,
    /// When it was built.
    pub build_date: String,
    /// The version of Go.
    pub go_version: String,
    /// Such as `linux/amd64`.
    pub platform: String,
}

impl VersionInfo {
    /// The body of the answer.
    pub fn to_json(&self) -> Value {
        json!({
            "major": self.major,
            "minor": self.minor,
            "emulationMajor": self.major,
            "emulationMinor": self.minor,
            "minCompatibilityMajor": self.major,
            "minCompatibilityMinor": previous(&self.minor),
            "gitVersion": self.git_version,
            "gitCommit": self.git_commit,
            "gitTreeState": "clean",
            "buildDate": self.build_date,
            "goVersion": self.go_version,
            "compiler": "gc",
            "platform": self.platform,
        })
    }
}

/// A server is compatible with the minor version before its own.
fn previous(minor: &str) -> String {
    match minor.parse::<u32>() {
        Ok(minor) => minor.saturating_sub(1).to_string(),
        Err(_) => minor.to_owned(),
    }
}
