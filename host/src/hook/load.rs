//! From a file to a plugin that can be called, or to the reason why it cannot.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex};

use berthage_core::names::{VERSION, WORKLOAD_GROUP};
use serde::Deserialize;
use serde_json::Value;
use wasmtime::component::Component;

use super::cache::Cache;
use super::call::{call, observed};
use super::contract::{self, Contract};
use super::digest::{Digest, Digester};
use super::engine::HookEngine;
use super::error::Failure;
use super::input::encode;
use super::inspect::inspect;
use super::quarantine::Quarantine;
use super::{Hook, PluginSource, Role, convert, text};

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
    subject: Subject,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Subject {
    group: String,
    version: String,
    kind: String,
}

/// What loading needs besides the file.
pub(super) struct Loader<'a> {
    pub(super) engine: &'a HookEngine,
    pub(super) cache: Option<&'a Cache>,
    pub(super) role: Role,
    pub(super) source: &'a PluginSource,
    /// Names of the other plugins.
    pub(super) taken: BTreeSet<Arc<str>>,
}

impl Loader<'_> {
    pub(super) fn load(&self, bytes: &[u8]) -> Result<Loaded, Failure> {
        inspect(bytes)?;
        let digest = Digest::of(bytes);
        let component = compile(self.engine, self.cache, bytes, &digest)?;
        // Until it has said its own name, the plugin goes by its file's.
        let file: Arc<str> = self.source.label().into();
        let linker = self.engine.linker();
        let exports = contract::find(&component, self.role, |component| linker.instantiate_pre(component))?;
        let about = describe(self.engine, &file, &*exports)?;
        let name: Arc<str> = self.source.name.as_deref().unwrap_or(&about.name).into();
        self.check(&name, &about)?;
        let config = check_config(self.engine, &name, &*exports, &self.source.config)?;
        let mut identity = Digester::default();
        identity.part(name.as_bytes()).part(digest.as_bytes()).part(&config);
        let identity = identity.finish();
        Ok(Loaded { name, about, digest, identity, config, exports, quarantine: Mutex::default() })
    }

    fn check(&self, name: &Arc<str>, about: &About) -> Result<(), Failure> {
        let bad = |why: String| Err(Failure::BadDescription { why });
        if !text::is_dns_label(name) {
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

/// The bytes of the file, if they are not too many.
pub(super) fn read(path: &Path, max: u64) -> Result<Vec<u8>, Failure> {
    let missing = |error: std::io::Error| Failure::Missing { why: error.kind().to_string() };
    let mut bytes = Vec::new();
    let read = fs::File::open(path).map_err(missing)?.take(max + 1).read_to_end(&mut bytes).map_err(missing)?;
    if read as u64 > max { Err(Failure::FileTooLarge { max }) } else { Ok(bytes) }
}

fn compile(engine: &HookEngine, cache: Option<&Cache>, bytes: &[u8], digest: &Digest) -> Result<Component, Failure> {
    if let Some(component) = cache.and_then(|cache| cache.get(engine.wasmtime(), digest)) {
        return Ok(component);
    }
    let component = Component::from_binary(engine.wasmtime(), bytes)
        .map_err(|error| Failure::NotAComponent { why: text::clean(&format!("{:#}", error.root_cause()), 256) })?;
    if let Some(cache) = cache {
        cache.put(engine.wasmtime(), digest, &component);
    }
    Ok(component)
}

fn describe(engine: &HookEngine, plugin: &Arc<str>, exports: &dyn Contract) -> Result<About, Failure> {
    let hook = Hook::Describe;
    let about = observed(engine, plugin, hook, || call(engine, plugin, hook, |store| exports.describe(store)))?;
    serde_json::from_slice(&about).map_err(|error| Failure::BadDescription { why: error.to_string() })
}

fn check_config(
    engine: &HookEngine,
    plugin: &Arc<str>,
    exports: &dyn Contract,
    config: &Value,
) -> Result<Vec<u8>, Failure> {
    let hook = Hook::CheckConfig;
    let config = match config {
        Value::Null => b"{}".to_vec(),
        Value::Object(_) => encode(config),
        _ => return Err(Failure::ConfigInvalid { problems: "it is not a JSON object".to_owned() }),
    };
    let checked =
        observed(engine, plugin, hook, || call(engine, plugin, hook, |store| exports.check_config(store, &config)))?;
    let config =
        checked.map_err(|problems| Failure::ConfigInvalid { problems: convert::message(&problems.join("; ")) })?;
    match serde_json::from_slice::<Value>(&config) {
        Ok(Value::Object(_)) => Ok(config),
        _ => Err(Failure::BadOutput { hook, why: "the configuration is not a JSON object".to_owned() }),
    }
}
