//! From a file to a plugin that can be called, or to the reason why it cannot.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use berthage_core::config_schema::ConfigSchema;
use berthage_core::names::{VERSION, WORKLOAD_GROUP};
use serde::Deserialize;
use serde_json::Value;
use wasmtime::component::Component;

use super::call::{Callee, call, observed};
use super::compile::Compiled;
use super::contract::{self, Contract};
use super::digest::{Digest, Digester};
use super::engine::HookEngine;
use super::error::Failure;
use super::input::encode;
use super::limits::Limits;
use super::quarantine::Quarantine;
use super::{Hook, Role, convert, text};

/// What begins the name of a plugin that a workspace declares for itself.
pub(super) const OF_WORKSPACE: &str = "workspace.";

/// A plugin that can be called.
pub(super) struct Loaded {
    pub(super) name: Arc<str>,
    pub(super) about: About,
    /// Digest of the file.
    pub(super) digest: Digest,
    /// Digest of name, file and configuration: what an outcome depends on besides its input.
    pub(super) identity: Digest,
    /// The configuration, as `check-config` returned it.
    pub(super) config: Vec<u8>,
    pub(super) exports: Box<dyn Contract>,
    /// Whoever loads the same file uses it too, for as long as it is held here.
    _component: Arc<Component>,
    pub(super) callee: Callee,
    pub(super) quarantine: Mutex<Quarantine>,
}

/// What a plugin says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct About {
    /// A DNS label.
    pub name: String,
    /// Its version.
    #[serde(default)]
    pub version: String,
    /// One sentence for people.
    #[serde(default)]
    pub description: String,
    /// JSON Schema of the configuration, if it has one.
    #[serde(default, rename = "configSchema")]
    pub config_schema: Option<Value>,
    subject: Subject,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Subject {
    group: String,
    version: String,
    kind: String,
}

/// What loading needs besides the component.
pub(super) struct Loader<'a> {
    pub(super) engine: &'a HookEngine,
    pub(super) role: Role,
    /// What to call the plugin until it has said its own name.
    pub(super) file: &'a str,
    /// A name in the place of the plugin's own.
    pub(super) name: Option<&'a str>,
    pub(super) config: &'a Value,
    /// What a call may use.
    pub(super) limits: Limits,
    /// What it is called in metrics; its name, if there is none.
    pub(super) label: Option<&'a Arc<str>>,
    /// Names of the other plugins.
    pub(super) taken: BTreeSet<Arc<str>>,
}

impl Loader<'_> {
    /// Links a component and asks it who it is, and what it makes of its configuration.
    pub(super) fn load(&self, Compiled { component, digest }: Compiled) -> Result<Loaded, Failure> {
        let linker = self.engine.linker();
        let exports = contract::find(&component, self.role, |component| linker.instantiate_pre(component))?;
        let mut callee = self.callee(self.file.into());
        let about = describe(&callee, &*exports)?;
        let name: Arc<str> = self.name.unwrap_or(&about.name).into();
        self.check(&name, &about)?;
        callee = Callee { usage: callee.usage, ..self.callee(Arc::clone(&name)) };
        if let Some(schema) = &about.config_schema {
            fits(self.config, schema)?;
        }
        let config = check_config(&callee, &*exports, self.config)?;
        let mut identity = Digester::default();
        identity.part(name.as_bytes()).part(digest.as_bytes()).part(&config);
        let identity = identity.finish();
        let quarantine = Mutex::default();
        Ok(Loaded { name, about, digest, identity, config, exports, _component: component, callee, quarantine })
    }

    fn callee(&self, name: Arc<str>) -> Callee {
        let label = self.label.map_or_else(|| Arc::clone(&name), Arc::clone);
        Callee { engine: self.engine.clone(), limits: self.limits.clone(), name, label, usage: Arc::default() }
    }

    fn check(&self, name: &Arc<str>, about: &About) -> Result<(), Failure> {
        let bad = |why: String| Err(Failure::BadDescription { why });
        // One of a workspace's has a prefix that no other name has.
        if !text::is_dns_label(name.strip_prefix(OF_WORKSPACE).unwrap_or(name)) {
            return bad(format!("the name {:?} is not a DNS label", text::clean(name, 63)));
        }
        if self.taken.contains(name) {
            return Err(Failure::NameTaken { name: Arc::clone(name) });
        }
        let Subject { group, version, kind } = &about.subject;
        if (group.as_str(), version.as_str(), kind.as_str()) != (WORKLOAD_GROUP, VERSION, "SyncTarget") {
            let subject = text::clean(&format!("{kind}.{version}.{group}"), 128);
            return bad(format!("its subject is {subject}; served is SyncTarget.{VERSION}.{WORKLOAD_GROUP}"));
        }
        Ok(())
    }
}

/// A file as it was when it was last read: when it was changed, and its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    changed: SystemTime,
    size: u64,
}

impl Stamp {
    /// Of the file as it is now; none while it is not there.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self { changed: metadata.modified().ok()?, size: metadata.len() })
    }
}

/// The bytes of the file, if they are not too many.
pub(super) fn read(path: &Path, max: u64) -> Result<Vec<u8>, Failure> {
    let missing = |error: std::io::Error| Failure::Missing { why: error.kind().to_string() };
    let mut bytes = Vec::new();
    let read = fs::File::open(path).map_err(missing)?.take(max + 1).read_to_end(&mut bytes).map_err(missing)?;
    if read as u64 > max { Err(Failure::FileTooLarge { max }) } else { Ok(bytes) }
}

fn describe(callee: &Callee, exports: &dyn Contract) -> Result<About, Failure> {
    let hook = Hook::Describe;
    let about = observed(callee, hook, || call(callee, hook, |store| exports.describe(store)))?;
    serde_json::from_slice(&about).map_err(|error| Failure::BadDescription { why: error.to_string() })
}

/// Checks the configuration by the plugin's own schema: before the plugin itself, which fills in the defaults.
fn fits(config: &Value, schema: &Value) -> Result<(), Failure> {
    let schema = ConfigSchema::compile(schema).map_err(|why| Failure::BadDescription { why })?;
    let empty = Value::Object(serde_json::Map::new());
    let problems = schema.problems(if config.is_null() { &empty } else { config });
    if problems.is_empty() {
        return Ok(());
    }
    Err(Failure::ConfigInvalid { problems: convert::message(&problems.join("; ")) })
}

fn check_config(callee: &Callee, exports: &dyn Contract, config: &Value) -> Result<Vec<u8>, Failure> {
    let hook = Hook::CheckConfig;
    let config = match config {
        Value::Null => b"{}".to_vec(),
        Value::Object(_) => encode(config),
        _ => return Err(Failure::ConfigInvalid { problems: "it is not a JSON object".to_owned() }),
    };
    let checked = observed(callee, hook, || call(callee, hook, |store| exports.check_config(store, &config)))?;
    let config =
        checked.map_err(|problems| Failure::ConfigInvalid { problems: convert::message(&problems.join("; ")) })?;
    match serde_json::from_slice::<Value>(&config) {
        Ok(Value::Object(_)) => Ok(config),
        _ => Err(Failure::BadOutput { hook, why: "the configuration is not a JSON object".to_owned() }),
    }
}
