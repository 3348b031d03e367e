//! The script: areas, each a file, each with steps that are done in their order.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ConformanceError;

/// What a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// kube-apiserver.
    Kubernetes,
    /// A workspace of kcp.
    Kcp,
}

impl Kind {
    /// As files are named.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kubernetes => "kubernetes",
            Self::Kcp => "kcp",
        }
    }
}

/// Everything that is asked.
#[derive(Debug, Clone)]
pub struct Script {
    /// In the order of the names of their files.
    pub areas: Vec<Area>,
}

/// Steps about one thing. What they make has names of its own, so that areas do not meet.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Area {
    /// The name of the file.
    #[serde(skip)]
    pub name: String,
    /// What is looked at.
    pub about: String,
    /// On which servers; on all unless it is said.
    #[serde(default)]
    pub on: Vec<Kind>,
    /// In their order.
    pub steps: Vec<Step>,
}

/// One request, or a look at what a watch has told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Unique in its area.
    pub name: String,
    /// Why it is asked, where that is not plain.
    #[serde(default)]
    pub why: String,
    /// On which servers; on those of the area unless it is said.
    #[serde(default)]
    pub on: Vec<Kind>,
    /// Who asks: see [`Caller`].
    #[serde(default, rename = "as")]
    pub caller: String,
    /// Method and path with query, such as `GET /api/v1/namespaces`.
    #[serde(default)]
    pub send: String,
    /// `Accept`.
    #[serde(default = "json")]
    pub accept: String,
    /// `Content-Type`.
    #[serde(default, rename = "type")]
    pub media: String,
    /// Further headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body, if it is JSON.
    pub body: Option<Value>,
    /// The body, in a file of the suite's folder.
    #[serde(default)]
    pub file: String,
    /// The body as it is.
    pub text: Option<String>,
    /// What later steps use as `{name}`: where it is in the answer's body.
    #[serde(default)]
    pub save: BTreeMap<String, String>,
    /// The same, and in all answers `<name>` is in its place: for what a server makes up.
    #[serde(default)]
    pub mask: BTreeMap<String, String>,
    /// It is a watch, which later steps know by this name.
    #[serde(default)]
    pub watch: String,
    /// Looks at what this watch tells next.
    #[serde(default)]
    pub events: String,
    /// So many events; without any, all until the watch ends.
    #[serde(default)]
    pub count: usize,
    /// It is asked again until the answer is so: values by where they are, null for what is not there, `*` for what is,
    /// whatever it be; `code` for the code.
    #[serde(default)]
    pub until: BTreeMap<String, Value>,
    /// Of the body, only these places are looked at.
    #[serde(default)]
    pub only: Vec<String>,
    /// Lists of things with names are looked at by name, and not by their order.
    #[serde(default)]
    pub keyed: bool,
    /// The order of lists is left to chance by real servers, and is not looked at.
    #[serde(default)]
    pub unordered: bool,
    /// Nothing of the answer is looked at: it prepares others.
    #[serde(default)]
    pub quiet: bool,
}

fn json() -> String {
    "application/json".to_owned()
}

/// Who asks: `admin` (also if nothing is said), `nobody` for no credential, `token:…` for a bearer token, else the name of a
/// user, with `/group`, who shows a client certificate.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Caller {
    /// In the group `system:masters`; on kcp, in `system:kcp:admin`.
    Admin,
    /// No credential.
    Nobody,
    /// A bearer token.
    Token(String),
    /// A client certificate.
    Certificate {
        /// Its common name.
        user: String,
        /// Its organisation.
        group: Option<String>,
    },
}

impl Caller {
    /// As it is written in a step.
    pub fn read(text: &str) -> Self {
        match text {
            "" | "admin" => Self::Admin,
            "nobody" => Self::Nobody,
            _ => match text.strip_prefix("token:") {
                Some(token) => Self::Token(token.to_owned()),
                None => {
                    let (user, group) = text.split_once('/').map_or((text, None), |(user, group)| (user, Some(group)));
                    Self::Certificate { user: user.to_owned(), group: group.map(str::to_owned) }
                }
            },
        }
    }
}

impl Script {
    /// The script of this crate.
    pub fn read() -> Result<Self, ConformanceError> {
        Self::read_from(&super::folder().join("script"))
    }

    /// The script in a folder.
    pub fn read_from(folder: &Path) -> Result<Self, ConformanceError> {
        let wrong = |path: &Path| {
            let path = path.to_owned();
            move |source| ConformanceError::File { path, source }
        };
        let mut files: Vec<PathBuf> = Vec::new();
        for entry in fs::read_dir(folder).map_err(wrong(folder))? {
            files.push(entry.map_err(wrong(folder))?.path());
        }
        files.sort();
        let mut areas = Vec::new();
        for path in files.iter().filter(|path| path.extension().is_some_and(|end| end == "json")) {
            let text = fs::read_to_string(path).map_err(wrong(path))?;
            let form = |source| ConformanceError::Form { path: path.clone(), source };
            let mut area: Area = serde_json::from_str(&text).map_err(form)?;
            area.name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            areas.push(area);
        }
        Ok(Self { areas })
    }

    /// The steps for servers of a kind, by their full names.
    pub fn steps(&self, kind: Kind) -> impl Iterator<Item = (String, &Step)> {
        self.areas.iter().flat_map(move |area| {
            let steps = area.steps.iter().filter(move |step| {
                let on = if step.on.is_empty() { &area.on } else { &step.on };
                on.is_empty() || on.contains(&kind)
            });
            steps.map(|step| (format!("{}/{}", area.name, step.name), step))
        })
    }

    /// Everybody who asks with a client certificate.
    pub fn certificates(&self) -> Vec<Caller> {
        let callers = self.areas.iter().flat_map(|area| &area.steps).map(|step| Caller::read(&step.caller));
        let mut callers: Vec<Caller> = callers.filter(|caller| matches!(caller, Caller::Certificate { .. })).collect();
        callers.sort();
        callers.dedup();
        callers
    }
}
