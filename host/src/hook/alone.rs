//! One plugin by itself, whichever it is: for its author's tools.

use std::collections::BTreeSet;
use std::sync::Arc;

use berthage_core::key::Workspace;
use berthage_core::plugin::Input;
use serde_json::Value;

use super::compile;
use super::engine::HookEngine;
use super::error::{Failure, HookError};
use super::input::Encoded;
use super::load::read;
use super::plugin::{Plugin, Reconciler, Transformer};
use super::plugins::PluginSource;
use super::{Hook, Role};

/// A plugin by itself.
#[derive(Debug, Clone)]
pub enum Alone {
    /// One that decides.
    Reconciler(Reconciler),
    /// One that changes what was decided.
    Transformer(Transformer),
}

/// Loads a plugin from its file, as what it is.
///
/// # Errors
/// It is neither, or cannot be loaded.
pub fn alone(source: &PluginSource, engine: &HookEngine) -> Result<Alone, HookError> {
    match load(source, engine, Role::Reconciler) {
        Ok(plugin) => Ok(Alone::Reconciler(Reconciler(plugin.into()))),
        Err(HookError { failure: Failure::WrongWorld { .. }, .. }) => {
            let plugin = load(source, engine, Role::Transformer)?;
            Ok(Alone::Transformer(Transformer(plugin.into())))
        }
        Err(error) => Err(error),
    }
}

fn load(source: &PluginSource, engine: &HookEngine, role: Role) -> Result<Plugin, HookError> {
    let label = source.label();
    let loader = source.loader(engine, role, &label, BTreeSet::new());
    let bytes = read(&source.path, engine.limits().file);
    let loaded = bytes.and_then(|bytes| loader.load(compile::here(engine, &bytes)?));
    let file = source.file();
    match loaded {
        Ok(loaded) => {
            let name = Arc::clone(&loaded.name);
            Ok(Plugin {
                engine: engine.clone(),
                name,
                file,
                state: Ok(Arc::new(loaded)),
                update: None,
                terms: Arc::default(),
            })
        }
        Err(failure) => Err(HookError { plugin: source.label().into(), file, failure }),
    }
}

impl Alone {
    /// The plugin.
    pub fn plugin(&self) -> &Plugin {
        match self {
            Self::Reconciler(plugin) => plugin,
            Self::Transformer(plugin) => plugin,
        }
    }

    /// The world of the contract that it is of.
    pub const fn world(&self) -> &'static str {
        match self {
            Self::Reconciler(_) => Role::Reconciler.as_str(),
            Self::Transformer(_) => Role::Transformer.as_str(),
        }
    }

    /// The hooks that are about a subject.
    pub const fn hooks(&self) -> &'static [Hook] {
        match self {
            Self::Reconciler(_) => &[Hook::Select, Hook::Plan, Hook::Report, Hook::Finalize],
            Self::Transformer(_) => &[Hook::Select, Hook::Transform],
        }
    }

    /// Calls one of [`Self::hooks`]; its outcome as JSON.
    ///
    /// # Errors
    /// The call failed, or the plugin has no such hook.
    pub fn ask(&self, hook: Hook, input: &Input, objects: &[Value]) -> Result<Value, HookError> {
        let workspace = Workspace::local();
        let encoded = Encoded::new(&workspace, input);
        match (self, hook) {
            (_, Hook::Select) => self.plugin().select(&workspace, &input.subject).map(|outcome| json(&*outcome)),
            (Self::Reconciler(plugin), Hook::Plan) => plugin.plan(&encoded).map(|outcome| json(&*outcome)),
            (Self::Reconciler(plugin), Hook::Report) => plugin.report(&encoded).map(|outcome| json(&*outcome)),
            (Self::Reconciler(plugin), Hook::Finalize) => plugin.finalize(&encoded).map(|outcome| json(&*outcome)),
            (Self::Transformer(plugin), Hook::Transform) => {
                plugin.transform(&encoded, objects).map(|outcome| json(&*outcome))
            }
            _ => Err(self.plugin().error(Failure::BadOutput { hook, why: "there is no such hook".to_owned() })),
        }
    }
}

/// Outcomes are texts, numbers and trees of JSON, which always serialise.
fn json(outcome: &impl serde::Serialize) -> Value {
    serde_json::to_value(outcome).unwrap_or_default()
}
