//! The plugins that ReconcilePlugins declare, loaded.
//!
//! Who is declared is known from the store; here is what became of it. A plugin is found by its key together with the
//! generation that it was loaded from: one that is declared and not found, or found in an older generation, is still being
//! loaded, and holds its targets. Each has its place for as long as it is declared, whether it could be loaded or not.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use berthage_core::api::{CallLimits, World};
use berthage_core::key::Key;
use berthage_core::lineup::{Declared, Owner, Seat};
use serde_json::Value;

use super::Role;
use super::engine::HookEngine;
use super::error::{Failure, HookError};
use super::load::{Loader, OF_WORKSPACE, Stamp, read};
use super::plugin::{Plugin, Reconciler, Transformer};
use super::plugins::Plugins;
use super::terms::Terms;

/// Where the bytes of a component come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A file in the plugin folder.
    File(String),
    /// A ConfigMap, in that version: workspace's key, key within `binaryData`.
    ConfigMap {
        /// Key of the ConfigMap.
        at: Key,
        /// Key within it.
        key: String,
        /// Its `metadata.resourceVersion`.
        version: String,
    },
}

/// What is to be loaded.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Where the component is.
    pub origin: Origin,
    /// The digest that it has to have.
    pub digest: Option<String>,
    /// What it is used for.
    pub world: World,
    /// Its configuration.
    pub config: Value,
    /// What a call may use.
    pub limits: CallLimits,
    /// On which terms it runs.
    pub terms: Terms,
    /// The offer that it stands on, and that one's generation.
    pub offer: Option<(Arc<str>, i64)>,
}

/// What is in a plugin's place.
#[derive(Clone)]
struct Entry {
    uid: Arc<str>,
    generation: i64,
    plugin: Arc<Plugin>,
    /// What it was loaded from, to know when to look again; nothing, when it has to be looked at again in any case.
    from: Option<From>,
    offer: Option<(Arc<str>, i64)>,
    /// Counts what was put into any place: another number, another plugin.
    version: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum From {
    File(String, Option<Stamp>),
    ConfigMap(Key, String),
}

/// See the module.
pub struct Registry {
    plugins: Arc<Plugins>,
    folder: PathBuf,
    entries: RwLock<HashMap<Key, Entry>>,
    versions: AtomicU64,
}

impl Registry {
    /// None is there yet. `folder` has the files that may be named.
    pub fn new(plugins: Arc<Plugins>, folder: PathBuf) -> Self {
        Self { plugins, folder, entries: RwLock::default(), versions: AtomicU64::new(1) }
    }

    fn engine(&self) -> &HookEngine {
        self.plugins.engine()
    }

    /// The table is whole after every statement: a panic elsewhere does not spoil it.
    fn get(&self, key: &Key) -> Option<Entry> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// The plugin in that place, if it was loaded from what is declared now; else one that is being loaded.
    fn seated(&self, key: &Key, seat: &Seat) -> Arc<Plugin> {
        let declared = &seat.declared;
        let entry = self.get(key).filter(|entry| entry.uid == declared.uid && entry.generation == declared.generation);
        entry.map_or_else(
            || Arc::new(self.without(&name(seat.owner, declared), declared, Failure::Loading)),
            |entry| entry.plugin,
        )
    }

    /// The reconciler in a seat.
    pub fn reconciler(&self, key: &Key, seat: &Seat) -> Reconciler {
        Reconciler(self.seated(key, seat))
    }

    /// The transformer in a seat.
    pub fn transformer(&self, key: &Key, seat: &Seat) -> Transformer {
        Transformer(self.seated(key, seat))
    }

    /// What was loaded in a place, and how it fares; nothing, if nothing was looked at yet.
    pub fn plugin(&self, key: &Key) -> Option<Arc<Plugin>> {
        self.get(key).map(|entry| entry.plugin)
    }

    /// A number that is another one when something else is in the place; 0 while nothing is.
    pub fn version(&self, key: &Key) -> u64 {
        self.get(key).map_or(0, |entry| entry.version)
    }

    /// Where a plugin's offer is another one now, or its file has changed, as far as that can be told without reading it; or
    /// where it could not be loaded for a reason that may pass.
    pub fn is_stale(&self, key: &Key, declared: &Declared, wanted: &Wanted) -> bool {
        let Some(entry) = self.get(key) else { return true };
        let passing = entry.plugin.trouble().is_some_and(|error| !error.failure.is_in_the_file());
        entry.uid != declared.uid
            || entry.generation != declared.generation
            || entry.offer != wanted.offer
            || entry.from.as_ref() != Some(&self.from(&wanted.origin))
            || passing
    }

    /// Those whose files have changed since they were loaded.
    pub fn with_changed_files(&self) -> Vec<Key> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let known: Vec<(Key, From)> =
            entries.iter().filter_map(|(key, entry)| Some((key.clone(), entry.from.clone()?))).collect();
        // A disk that is slow must not hold up those who look for their plugins.
        drop(entries);
        let changed = known.into_iter().filter(|(_, from)| match from {
            From::File(name, stamp) => self.stamp(name) != *stamp,
            From::ConfigMap(..) => false,
        });
        changed.map(|(key, _)| key).collect()
    }

    fn stamp(&self, file: &str) -> Option<Stamp> {
        Stamp::of(&self.folder.join(file))
    }

    fn from(&self, origin: &Origin) -> From {
        match origin {
            Origin::File(name) => From::File(name.clone(), self.stamp(name)),
            Origin::ConfigMap { at, version, .. } => From::ConfigMap(at.clone(), version.clone()),
        }
    }

    /// Puts what is declared in its place without loading it: it may not run. Returns whether anything is different now.
    pub fn refuse(&self, key: &Key, owner: Owner, declared: &Declared, failure: Failure) -> bool {
        let plugin = Arc::new(self.without(&name(owner, declared), declared, failure));
        self.put(
            key,
            Entry {
                uid: Arc::clone(&declared.uid),
                generation: declared.generation,
                plugin,
                from: None,
                offer: None,
                version: 0,
            },
        )
    }

    /// Loads what is wanted from `bytes`, or from its file, and puts it in its place; what was there goes on, if the new one
    /// cannot be used. Blocks for as long as compiling takes. Returns whether anything is different now.
    pub fn load(
        &self,
        key: &Key,
        owner: Owner,
        declared: &Declared,
        wanted: &Wanted,
        bytes: Option<Result<Vec<u8>, Failure>>,
    ) -> bool {
        // The stamp before the content: a change in between is seen the next time.
        let from = Some(self.from(&wanted.origin));
        let max = self.engine().limits().file;
        let bytes = match (&wanted.origin, bytes) {
            (_, Some(bytes)) => bytes,
            (Origin::File(name), None) => read(&self.folder.join(name), max),
            (Origin::ConfigMap { .. }, None) => Err(Failure::Missing { why: "it was not asked for".to_owned() }),
        };
        let name = name(owner, declared);
        let terms = Arc::new(wanted.terms.clone());
        let mut plugin = self.without(&name, declared, Failure::Loading);
        plugin.terms = terms;
        plugin.file = match &wanted.origin {
            Origin::File(file) => file.as_str().into(),
            Origin::ConfigMap { at, key, .. } => format!("{key} of ConfigMap {}", at.name).into(),
        };
        let loaded = bytes.and_then(|bytes| {
            let compiled = self.plugins.compiler().apart(&bytes)?;
            let found = format!("sha256:{}", compiled.digest);
            if let Some(wanted) = wanted.digest.as_ref().filter(|wanted| **wanted != found) {
                return Err(Failure::OtherDigest { found, wanted: wanted.clone() });
            }
            let loader = Loader {
                engine: self.engine(),
                role: match wanted.world {
                    World::Reconciler => Role::Reconciler,
                    World::Transformer => Role::Transformer,
                },
                file: &name,
                name: Some(&name),
                config: &wanted.config,
                limits: self.engine().limits().below(&wanted.limits),
                label: wanted.terms.label.as_ref(),
                taken: self.names_on_the_command_line(),
            };
            loader.load(compiled)
        });
        let before = self.get(key).filter(|entry| entry.uid == declared.uid).map(|entry| entry.plugin);
        match loaded {
            Ok(loaded) => {
                tracing::info!(plugin = &*name, %key, digest = %loaded.digest, contract = loaded.exports.version(), "plugin loaded");
                plugin.state = Ok(Arc::new(loaded));
            }
            Err(failure) => {
                let error = plugin.error(failure);
                tracing::warn!(%key, error = %error, "plugin not loaded");
                // What was allowed before, and is still, goes on as it was.
                match before.as_ref().and_then(|before| before.state.as_ref().ok()) {
                    Some(loaded) if !matches!(error.failure, Failure::OtherDigest { .. }) => {
                        plugin.state = Ok(Arc::clone(loaded));
                        plugin.update = Some(error);
                    }
                    _ => plugin.state = Err(error),
                }
            }
        }
        let entry = Entry {
            uid: Arc::clone(&declared.uid),
            generation: declared.generation,
            plugin: Arc::new(plugin),
            from,
            offer: wanted.offer.clone(),
            version: 0,
        };
        self.put(key, entry)
    }

    fn names_on_the_command_line(&self) -> BTreeSet<Arc<str>> {
        self.plugins.all().iter().filter(|plugin| plugin.state.is_ok()).map(|plugin| Arc::clone(&plugin.name)).collect()
    }

    /// Takes a plugin out of its place; whether there was one.
    pub fn forget(&self, key: &Key) -> bool {
        self.entries.write().unwrap_or_else(PoisonError::into_inner).remove(key).is_some()
    }

    fn put(&self, key: &Key, mut entry: Entry) -> bool {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        let before = entries.get(key);
        let same = before.is_some_and(|before| {
            before.generation == entry.generation
                && before.uid == entry.uid
                && before.plugin.digest() == entry.plugin.digest()
                && before.plugin.trouble() == entry.plugin.trouble()
                && before.offer == entry.offer
        });
        entry.version = match before {
            Some(before) if same => before.version,
            _ => self.versions.fetch_add(1, Ordering::Relaxed),
        };
        entries.insert(key.clone(), entry);
        !same
    }

    /// A plugin that cannot be called, and why.
    fn without(&self, name: &Arc<str>, declared: &Declared, failure: Failure) -> Plugin {
        let file = Arc::from(format!("ReconcilePlugin {}", declared.name));
        let failure_policy = declared.spec.as_ref().map(|spec| spec.failure_policy).unwrap_or_default();
        Plugin {
            engine: self.engine().clone(),
            name: Arc::clone(name),
            file: Arc::clone(&file),
            state: Err(HookError { plugin: Arc::clone(name), file, failure }),
            update: None,
            terms: Arc::new(Terms { failure_policy, ..Terms::default() }),
        }
    }
}

/// What a declared plugin is called in conditions: a workspace's never as one of the platform's.
fn name(owner: Owner, declared: &Declared) -> Arc<str> {
    match owner {
        Owner::Platform => Arc::clone(&declared.name),
        Owner::Workspace => format!("{OF_WORKSPACE}{}", declared.name).into(),
    }
}
