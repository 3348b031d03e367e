//! The plugins of a controller, and what becomes of them when their files change.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use serde_json::Value;

use super::Role;
use super::cache::Cache;
use super::compile::Compiler;
use super::digest::Digest;
use super::engine::HookEngine;
use super::error::{Failure, HookError};
use super::load::{Loaded, Loader, Stamp, read};
use super::plugin::{Plugin, Reconciler, Transformer};

/// Where a plugin comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginSource {
    /// A name in the place of the plugin's own, for one that is used twice. A DNS label.
    pub name: Option<String>,
    /// The component's file.
    pub path: PathBuf,
    /// The configuration: a JSON object, or null for an empty one.
    pub config: Value,
}

impl PluginSource {
    /// What to call the plugin while its own name is not known.
    pub(super) fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned())
    }

    pub(super) fn loader<'a>(
        &'a self,
        engine: &'a HookEngine,
        role: Role,
        label: &'a str,
        taken: BTreeSet<Arc<str>>,
    ) -> Loader<'a> {
        let (name, config, limits) = (self.name.as_deref(), &self.config, engine.limits().clone());
        Loader { engine, role, file: label, name, config, limits, label: None, taken }
    }

    pub(super) fn file(&self) -> Arc<str> {
        self.path.file_name().unwrap_or_default().to_string_lossy().into()
    }
}

/// Which plugins a controller has.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginsSpec {
    /// The one that decides.
    pub reconciler: PluginSource,
    /// Those that change what it decided, in order.
    pub transformers: Vec<PluginSource>,
    /// Where compiled plugins are kept. None: they are compiled at every start.
    pub cache_dir: Option<PathBuf>,
    /// This program, which compiles what others declare in a process of its own. None: everything is compiled in this one.
    pub compiler: Option<PathBuf>,
}

/// The plugins of a controller.
pub struct Plugins {
    engine: HookEngine,
    compiler: Arc<Compiler>,
    /// The reconciler first.
    slots: Vec<Slot>,
}

impl std::fmt::Debug for Plugins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.slots.iter().map(Slot::current)).finish()
    }
}

/// One configured plugin and the file that was last looked at.
struct Slot {
    role: Role,
    source: PluginSource,
    plugin: RwLock<Arc<Plugin>>,
    seen: Mutex<Seen>,
}

/// The file as it was when it was last read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Seen {
    /// None when it was not there.
    stamp: Option<Stamp>,
    digest: Option<Digest>,
}

impl Slot {
    fn current(&self) -> Arc<Plugin> {
        Arc::clone(&self.plugin.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn stamp(&self) -> Option<Stamp> {
        Stamp::of(&self.source.path)
    }
}

impl Plugins {
    /// Loads all plugins. One that cannot be loaded is there too, with the reason.
    pub fn load(spec: PluginsSpec, engine: &HookEngine) -> Self {
        let compiler = Arc::new(Compiler::new(engine.clone(), spec.cache_dir.and_then(Cache::open), spec.compiler));
        let roles = std::iter::once(Role::Reconciler).chain(std::iter::repeat(Role::Transformer));
        let sources = std::iter::once(spec.reconciler).chain(spec.transformers);
        let mut plugins = Self { engine: engine.clone(), compiler, slots: Vec::new() };
        for (role, source) in roles.zip(sources) {
            let (name, file): (Arc<str>, _) = (source.label().into(), source.file());
            // Replaced at once by what is found; kept only if that is just this.
            let failure = Failure::Missing { why: "not found".to_owned() };
            let state = Err(HookError { plugin: Arc::clone(&name), file: Arc::clone(&file), failure });
            let terms = Arc::default();
            let plugin = Plugin { engine: engine.clone(), name, file, state, update: None, terms };
            plugins.slots.push(Slot { role, source, plugin: RwLock::new(Arc::new(plugin)), seen: Mutex::default() });
            plugins.look_at(plugins.slots.len() - 1);
        }
        plugins
    }

    /// Compiles plugins for this engine, once for all who load the same file.
    pub(super) const fn compiler(&self) -> &Arc<Compiler> {
        &self.compiler
    }

    pub(super) const fn engine(&self) -> &HookEngine {
        &self.engine
    }

    /// The plugin that decides. What is returned stays the same when the file changes: ask once for each reconcile.
    pub fn reconciler(&self) -> Reconciler {
        Reconciler(self.slots[0].current())
    }

    /// The plugins that change what was decided, in order. See [`Self::reconciler`].
    pub fn transformers(&self) -> Vec<Transformer> {
        self.slots[1..].iter().map(|slot| Transformer(slot.current())).collect()
    }

    /// All plugins.
    pub fn all(&self) -> Vec<Arc<Plugin>> {
        self.slots.iter().map(Slot::current).collect()
    }

    /// Looks at the files again and loads those that changed. A plugin whose new file cannot be used goes on as it was, and
    /// says so. Returns whether any plugin is another one now, or fares differently.
    pub fn reload_if_changed(&self) -> bool {
        let mut changed = false;
        for index in 0..self.slots.len() {
            let slot = &self.slots[index];
            let before = slot.current();
            let untouched = slot.seen.lock().unwrap_or_else(PoisonError::into_inner).stamp == slot.stamp();
            if untouched && before.trouble().is_none_or(|error| error.failure.is_in_the_file()) {
                continue;
            }
            self.look_at(index);
            changed |= !Arc::ptr_eq(&before, &slot.current());
        }
        changed
    }

    /// Reads the file of one slot and loads it, if it is not the one that was read before.
    fn look_at(&self, index: usize) {
        let slot = &self.slots[index];
        let before = slot.current();
        let mut seen = slot.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // The stamp before the content: a change in between is seen the next time.
        let stamp = slot.stamp();
        let bytes = read(&slot.source.path, self.engine.limits().file);
        let digest = bytes.as_ref().ok().map(|bytes| Digest::of(bytes));
        let known = digest.is_some() && digest == seen.digest;
        *seen = Seen { stamp, digest };
        let trouble = before.trouble();
        if known && trouble.is_none_or(|error| error.failure.is_in_the_file()) {
            return;
        }
        let label = slot.source.label();
        let loader = slot.source.loader(&self.engine, slot.role, &label, self.names_besides(index));
        let error = match bytes.and_then(|bytes| loader.load(self.compiler.here(&bytes)?)) {
            Ok(loaded) => {
                let name = Arc::clone(&loaded.name);
                tracing::info!(plugin = &*name, digest = %loaded.digest, contract = loaded.exports.version(), path = %slot.source.path.display(), "plugin loaded");
                self.replace(index, name, Ok(Arc::new(loaded)), None);
                return;
            }
            Err(failure) => HookError { plugin: Arc::clone(&before.name), file: slot.source.file(), failure },
        };
        if trouble == Some(&error) {
            return;
        }
        tracing::warn!(error = %error, path = %slot.source.path.display(), "plugin not loaded");
        match &before.state {
            Ok(loaded) => {
                self.replace(index, Arc::clone(&before.name), Ok(Arc::clone(loaded)), Some(error));
            }
            Err(_) => self.replace(index, Arc::clone(&before.name), Err(error), None),
        }
    }

    fn names_besides(&self, index: usize) -> BTreeSet<Arc<str>> {
        let others = self.slots.iter().enumerate().filter(|(other, _)| *other != index);
        others
            .map(|(_, slot)| slot.current())
            .filter(|plugin| plugin.state.is_ok())
            .map(|plugin| Arc::clone(&plugin.name))
            .collect()
    }

    fn replace(&self, index: usize, name: Arc<str>, state: Result<Arc<Loaded>, HookError>, update: Option<HookError>) {
        let (slot, engine) = (&self.slots[index], self.engine.clone());
        let plugin = Plugin { engine, name, file: slot.source.file(), state, update, terms: Arc::default() };
        *slot.plugin.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(plugin);
    }
}
