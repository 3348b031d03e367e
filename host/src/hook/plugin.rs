//! A plugin that is configured, whether it can be called or not, and its hooks.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use berthage_core::key::Workspace;
use berthage_core::plugin::{Next, PlanOutcome, ReportOutcome, Selection, TransformOutcome};
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;
use wasmtime::Store;

use super::call::{call, observed};
use super::contract::{Contract, newest};
use super::digest::{Digest, Digester};
use super::engine::HookEngine;
use super::error::{Failure, HookError};
use super::guest::Guest;
use super::input::{Encoded, encode, encode_object};
use super::kept::Outcome;
use super::load::{About, Loaded};
use super::quarantine::Quarantine;
use super::steady::{self, Shift};
use super::terms::Terms;
use super::usage::Used;
use super::{Hook, convert};

/// One configured plugin.
pub struct Plugin {
    pub(super) engine: HookEngine,
    /// The plugin's name, or what it is called while that is not known.
    pub(super) name: Arc<str>,
    /// Name of the file.
    pub(super) file: Arc<str>,
    pub(super) state: Result<Arc<Loaded>, HookError>,
    /// Why the file that is there now does not take the place of the plugin that runs.
    pub(super) update: Option<HookError>,
    pub(super) terms: Arc<Terms>,
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin").field("name", &self.name).field("digest", &self.digest()).finish_non_exhaustive()
    }
}

/// How a plugin fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It can be called.
    Healthy,
    /// It can be called; the file that was put in its place cannot be used.
    Outdated(HookError),
    /// It is left alone for all workspaces after repeated failures.
    Quarantined(HookError),
    /// It cannot be called.
    Failed(HookError),
}

impl Health {
    /// What is wrong, if something is.
    pub const fn error(&self) -> Option<&HookError> {
        match self {
            Self::Healthy => None,
            Self::Outdated(error) | Self::Quarantined(error) | Self::Failed(error) => Some(error),
        }
    }
}

impl Plugin {
    /// The plugin's name; its file's, while it cannot be loaded.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Name of the file, without the folder.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Digest of the component that runs; none while it cannot be loaded.
    pub fn digest(&self) -> Option<Digest> {
        self.state.as_ref().ok().map(|loaded| loaded.digest)
    }

    /// The version of the contract that the component was built against; none while it cannot be loaded.
    pub fn contract(&self) -> Option<&'static str> {
        self.state.as_ref().ok().map(|loaded| loaded.exports.version())
    }

    /// The configuration as a JSON text, with the plugin's defaults filled in; none while it cannot be loaded.
    pub fn config(&self) -> Option<&[u8]> {
        self.state.as_ref().ok().map(|loaded| &*loaded.config)
    }

    /// What the plugin says about itself; nothing while it cannot be loaded.
    pub fn about(&self) -> Option<&About> {
        self.state.as_ref().ok().map(|loaded| &loaded.about)
    }

    /// On which terms it runs.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// How it was used since it was loaded; none while it cannot be loaded.
    pub fn used(&self) -> Option<Used> {
        self.state.as_ref().ok().map(|loaded| loaded.callee.usage.now())
    }

    /// How the plugin fares.
    pub fn health(&self) -> Health {
        match (&self.state, &self.update) {
            (Err(error), _) => Health::Failed(error.clone()),
            (Ok(loaded), _) if locked(&loaded.quarantine).everywhere() => {
                Health::Quarantined(self.error(Failure::Quarantined { wait: std::time::Duration::ZERO }))
            }
            (Ok(_), Some(error)) => Health::Outdated(error.clone()),
            (Ok(_), None) => Health::Healthy,
        }
    }

    /// What is wrong with the file, if something is.
    pub(super) fn trouble(&self) -> Option<&HookError> {
        self.state.as_ref().err().or(self.update.as_ref())
    }

    pub(super) fn error(&self, failure: Failure) -> HookError {
        HookError { plugin: Arc::clone(&self.name), file: Arc::clone(&self.file), failure }
    }

    /// Admission, call, judgement: what all hooks have in common.
    fn run<R>(
        loaded: &Loaded,
        workspace: &Workspace,
        hook: Hook,
        work: impl FnOnce() -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        observed(&loaded.callee, hook, || {
            locked(&loaded.quarantine)
                .admit(workspace.as_str(), Instant::now())
                .map_err(|wait| Failure::Quarantined { wait })?;
            let outcome = work();
            let mut quarantine = locked(&loaded.quarantine);
            match &outcome {
                Err(failure) if failure.is_waste() => quarantine.failed(workspace.as_str(), Instant::now()),
                // It was not called at all: that says nothing about it.
                Err(Failure::Busy) => {}
                _ => quarantine.succeeded(workspace.as_str()),
            }
            outcome
        })
    }

    /// One call of `hook`, whose `err` is something unexpected.
    fn call<R>(
        loaded: &Loaded,
        hook: Hook,
        body: impl FnOnce(&dyn Contract, &mut Store<Guest>) -> wasmtime::Result<Result<R, String>>,
    ) -> Result<R, Failure> {
        let answered = call(&loaded.callee, hook, |store| body(&*loaded.exports, store))?;
        answered.map_err(|said| Failure::Failed { hook, message: convert::message(&said) })
    }

    /// The outcome of `hook` for what has that digest: one that was made before and still holds, or a new one.
    fn outcome<T: Outcome>(
        &self,
        question: &Question<'_>,
        ask: impl Fn(&Loaded, Shift) -> Result<T, Failure>,
    ) -> Result<Arc<T>, HookError> {
        let Question { workspace, hook, input, now } = *question;
        let loaded = self.state.as_ref().map_err(Clone::clone)?;
        let mut digester = Digester::default();
        digester.part(hook.as_str().as_bytes()).part(loaded.identity.as_bytes()).part(input.as_bytes());
        let digest = digester.finish();
        // Without a time nobody knows whether an outcome still holds.
        let kept = self.engine.kept().zip(now);
        if let Some(outcome) = kept.and_then(|(kept, now)| kept.get(&digest, now)) {
            loaded.callee.kept(hook);
            return Ok(outcome);
        }
        let call = |shift| Self::run(loaded, workspace, hook, || ask(loaded, shift));
        let verified = |outcome: T| {
            if self.engine.verifies_determinism() {
                steady::verify(hook, &outcome, call)?;
            }
            Ok(outcome)
        };
        let outcome = call(Shift::default()).and_then(verified).map_err(|failure| self.error(failure))?;
        let outcome = Arc::new(outcome);
        if let Next::Invalid { .. } = outcome.after() {
            loaded.callee.usage.refused();
        }
        if let Some((kept, now)) = kept {
            kept.put(digest, now, &outcome);
        }
        Ok(outcome)
    }

    /// What the plugin wants to read. A function of subject and configuration: good until one of them changes.
    pub fn select(&self, workspace: &Workspace, subject: &Value) -> Result<Arc<Vec<Selection>>, HookError> {
        let (hook, subject) = (Hook::Select, encode_object(subject));
        // There is no time in its input.
        let question = Question { workspace, hook, input: Digest::of(&subject), now: Some(Timestamp::UNIX_EPOCH) };
        self.outcome(&question, |loaded, _| {
            let selected =
                Plugin::call(loaded, hook, |exports, store| exports.select(store, &subject, &loaded.config))?;
            convert::selections(selected).map_err(unusable(hook))
        })
    }
}

/// What a hook is asked.
struct Question<'a> {
    workspace: &'a Workspace,
    hook: Hook,
    /// Of all that the outcome may depend on, besides the plugin.
    input: Digest,
    now: Option<Timestamp>,
}

impl<'a> Question<'a> {
    fn new(hook: Hook, input: &'a Encoded) -> Self {
        Self { workspace: input.workspace(), hook, input: input.digest(), now: input.now() }
    }
}

/// A quarantine's state is whole after every statement: a panic elsewhere while it was locked does not spoil it.
fn locked(quarantine: &Mutex<Quarantine>) -> MutexGuard<'_, Quarantine> {
    quarantine.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unusable(hook: Hook) -> impl Fn(String) -> Failure {
    move |why| Failure::BadOutput { hook, why }
}

/// The plugin that decides what should be there.
#[derive(Debug, Clone)]
pub struct Reconciler(pub(super) Arc<Plugin>);

/// A plugin that changes what should be there.
#[derive(Debug, Clone)]
pub struct Transformer(pub(super) Arc<Plugin>);

impl Deref for Reconciler {
    type Target = Plugin;

    fn deref(&self) -> &Plugin {
        &self.0
    }
}

impl Deref for Transformer {
    type Target = Plugin;

    fn deref(&self) -> &Plugin {
        &self.0
    }
}

impl Reconciler {
    /// What should be there.
    pub fn plan(&self, input: &Encoded) -> Result<Arc<PlanOutcome>, HookError> {
        let hook = Hook::Plan;
        self.outcome(&Question::new(hook, input), |loaded, shift| {
            let input = input.with_config(&loaded.config, shift);
            let planned = Plugin::call(loaded, hook, |exports, store| exports.plan(store, input))?;
            convert::plan(&self.name, planned).map_err(unusable(hook))
        })
    }

    /// What the plugin has to say after an apply.
    pub fn report(&self, input: &Encoded) -> Result<Arc<ReportOutcome>, HookError> {
        self.said(Hook::Report, input, |exports, store, input| exports.report(store, input))
    }

    /// Whether the clean-up may begin: `settled` says so.
    pub fn finalize(&self, input: &Encoded) -> Result<Arc<ReportOutcome>, HookError> {
        self.said(Hook::Finalize, input, |exports, store, input| exports.finalize(store, input))
    }

    fn said(
        &self,
        hook: Hook,
        input: &Encoded,
        body: impl Fn(
            &dyn Contract,
            &mut Store<Guest>,
            newest::Input,
        ) -> wasmtime::Result<Result<newest::ReportOutcome, String>>,
    ) -> Result<Arc<ReportOutcome>, HookError> {
        self.outcome(&Question::new(hook, input), |loaded, shift| {
            let input = input.with_config(&loaded.config, shift);
            let said = Plugin::call(loaded, hook, |exports, store| body(exports, store, input))?;
            convert::report(&self.name, said).map_err(unusable(hook))
        })
    }
}

impl Transformer {
    /// The desired objects in, the desired objects out.
    pub fn transform(&self, input: &Encoded, objects: &[Value]) -> Result<Arc<TransformOutcome>, HookError> {
        let hook = Hook::Transform;
        let objects: Vec<Vec<u8>> = objects.iter().map(encode).collect();
        let mut question = Question::new(hook, input);
        let mut digester = Digester::default();
        digester.part(question.input.as_bytes()).count(objects.len());
        for object in &objects {
            digester.part(object);
        }
        question.input = digester.finish();
        self.outcome(&question, |loaded, shift| {
            let input = input.with_config(&loaded.config, shift);
            let transformed = Plugin::call(loaded, hook, |exports, store| exports.transform(store, input, &objects))?;
            let outcome = convert::transform(&self.name, transformed).map_err(unusable(hook))?;
            if outcome.objects.is_empty() && !objects.is_empty() && outcome.after.goes_on() {
                return Err(unusable(hook)("it made nothing of the objects that it was given".to_owned()));
            }
            Ok(outcome)
        })
    }
}
