//! A ReconcilePlugin: from what is declared to what runs, or to the reason why it does not.
//!
//! ```text
//!   declared ─▶ fit? ─▶ offered? (of a workspace) ─▶ bytes ─▶ digest ─▶ compiled ─▶ linked ─▶ its place in the registry
//! ```
//! The targets that it serves wait meanwhile, and are looked at when there is something else in its place. Its status is looked
//! at once a minute, and written when something of it is different.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use berthage_core::api::{
    ComponentSource, ConditionStatus, Grants, PluginAbout, PluginUsage, ReconcilePlugin, ReconcilePluginSpec,
};
use berthage_core::key::{Key, Workspace};
use berthage_core::lineup::{Declared, Emits, Owner, Reads, Subject, admitted};
use berthage_core::queue::Priority;
use berthage_core::reason::Reason;
use berthage_core::status::conditions;
use berthage_core::status::plugin::{self as status, Found, READY};
use berthage_core::status::target::Finding;
use berthage_core::status::transitions::Notice;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use serde_json::Value;

use super::{After, Context, writing};
use crate::access::{Failure as RequestFailure, Side};
use crate::hook::{Failure, Health, HookError, Origin, Plugin, Terms, Wanted};
use crate::hub::Version;
use crate::store::{Held, owner};

/// How often its status is looked at.
const LOOK: Duration = Duration::from_secs(60);

pub(super) async fn reconcile(ctx: &Context, key: &Key) -> After {
    let (store, registry) = (&ctx.making.store, &ctx.making.declared);
    let owner = owner(&key.workspace);
    let (Some(held), Some(declared)) = (store.get(key), store.declared(key)) else {
        if registry.forget(key) {
            wake_served(ctx, key, owner);
        }
        return After::Forget;
    };
    let wanted = wanted(ctx, key, owner, &declared);
    let changed = match &wanted {
        Err(failure) => registry.refuse(key, owner, &declared, failure.clone()),
        // Its component is the workspaces'.
        Ok(None) => registry.forget(key),
        Ok(Some(wanted)) if registry.is_stale(key, &declared, wanted) => load(ctx, key, owner, &declared, wanted).await,
        Ok(Some(_)) => false,
    };
    if changed {
        wake_served(ctx, key, owner);
    }
    let plugin = registry.plugin(key);
    let found = found(plugin.as_deref(), &wanted);
    if let Err(after) = publish(ctx, key, &held, &declared, found).await {
        return after;
    }
    match plugin.as_deref().map(Plugin::health) {
        Some(Health::Failed(error) | Health::Outdated(error)) if passing(&error) => {
            After::Retry { reason: error.reason(), delay: None, due: Some(LOOK) }
        }
        Some(Health::Failed(error)) => After::Blocked { reason: error.reason(), resync: LOOK },
        _ => After::Settled(Some(LOOK)),
    }
}

/// Whether looking again may help although nothing is declared in another way.
const fn passing(error: &HookError) -> bool {
    matches!(error.failure, Failure::Missing { .. } | Failure::NotCompiled { .. } | Failure::Deadline { .. })
}

/// Has everybody looked at whom the plugin concerns.
fn wake_served(ctx: &Context, key: &Key, owner: Owner) {
    for target in ctx.making.store.served_by_plugins_of(&key.workspace) {
        (ctx.wake)(target, Priority::Background);
    }
    if owner == Owner::Platform {
        for plugin in ctx.making.store.offered() {
            (ctx.wake)(plugin, Priority::Background);
        }
    }
}

/// What is to be loaded; nothing for an offer that only names a digest.
fn wanted(ctx: &Context, key: &Key, owner: Owner, declared: &Declared) -> Result<Option<Wanted>, Failure> {
    let spec = declared.fit(owner).map_err(|unfit| Failure::Unfit { why: unfit.to_string() })?;
    let config = Value::Object(spec.config.clone().into_iter().collect());
    match owner {
        Owner::Platform => {
            let Some(source) = &spec.source else { return Ok(None) };
            Ok(Some(Wanted {
                origin: origin(ctx, &key.workspace, source)?,
                digest: spec.digest.clone(),
                world: spec.world,
                config,
                limits: spec.limits,
                terms: terms(spec, spec.grants.clone().unwrap_or_default(), None),
                offer: None,
            }))
        }
        Owner::Workspace => {
            let store = &ctx.making.store;
            let platform = store.declarations(&key.workspace).platform;
            let tenancy = store.tenancy(&key.workspace);
            let subject = Subject {
                workspace: key.workspace.as_str(),
                path: tenancy.as_ref().and_then(|tenancy| tenancy.path.as_deref()),
                labels: &BTreeMap::new(),
            };
            let not_offered = |why: String| Failure::NotOffered { why };
            let admitted =
                admitted(declared, &platform, &subject).map_err(|refused| not_offered(refused.to_string()))?;
            let offered = admitted.offer.spec.as_ref().ok().and_then(|offer| offer.source.as_ref());
            let of_offer = spec.source.as_ref().is_some_and(|source| source.offer.is_some());
            let origin = match (of_offer, offered, &spec.source) {
                (true, Some(source), _) => origin(ctx, &Workspace::platform(), source)?,
                (false, _, Some(source)) => origin(ctx, &key.workspace, source)?,
                _ => {
                    let offer = &admitted.offer.name;
                    return Err(not_offered(format!(
                        "The offer {offer} allows a component by its digest and has none itself; put it in a ConfigMap."
                    )));
                }
            };
            let label = Arc::clone(&admitted.offer.name);
            Ok(Some(Wanted {
                origin,
                digest: admitted.digest,
                world: spec.world,
                config,
                limits: admitted.limits,
                terms: terms(spec, admitted.grants, Some(label)),
                offer: Some((Arc::clone(&admitted.offer.name), admitted.offer.generation)),
            }))
        }
    }
}

fn terms(spec: &ReconcilePluginSpec, grants: Grants, label: Option<Arc<str>>) -> Terms {
    Terms {
        reads: Reads::Granted(grants.read),
        emits: Emits::Granted(grants.emit.into_iter().collect()),
        failure_policy: spec.failure_policy,
        label,
    }
}

/// Where the component is, in which version.
fn origin(ctx: &Context, workspace: &Workspace, source: &ComponentSource) -> Result<Origin, Failure> {
    if let Some(file) = &source.file {
        return Ok(Origin::File(file.clone()));
    }
    let Some(config_map) = &source.config_map else {
        return Err(Failure::Unfit { why: "spec.source names no component.".to_owned() });
    };
    let at = Key::config_map(workspace, &format!("{}/{}", config_map.namespace, config_map.name));
    // One that is not seen has no version: it is looked for again when it comes.
    let version = ctx.making.store.get(&at).map(|held| held.resource_version().to_owned()).unwrap_or_default();
    Ok(Origin::ConfigMap { at, key: config_map.key.clone(), version })
}

/// Loads it, away from the reconcilers' threads. Returns whether anything is different now.
async fn load(ctx: &Context, key: &Key, owner: Owner, declared: &Arc<Declared>, wanted: &Wanted) -> bool {
    let bytes = match &wanted.origin {
        Origin::File(_) => None,
        Origin::ConfigMap { at, key, version } => Some(binary_data(ctx, at, key, version).await),
    };
    let registry = Arc::clone(&ctx.making.declared);
    let (key, declared, wanted) = (key.clone(), Arc::clone(declared), wanted.clone());
    let loaded = tokio::task::spawn_blocking(move || registry.load(&key, owner, &declared, &wanted, bytes));
    match loaded.await {
        Ok(changed) => changed,
        Err(error) => {
            tracing::error!(%error, "a plugin could not be loaded: the task that loads it failed; it is tried again");
            false
        }
    }
}

/// The component in a ConfigMap: asked for when it is needed, and not held.
async fn binary_data(ctx: &Context, at: &Key, data_key: &str, version: &str) -> Result<Vec<u8>, Failure> {
    use berthage_core::names::LABEL_PLUGINS;
    let missing = |why: String| Failure::Missing { why };
    if version.is_empty() {
        return Err(missing(format!("there is no ConfigMap {} with the label {LABEL_PLUGINS}=true", at.name)));
    }
    let Some((namespace, name)) = at.name.split_once('/') else { return Err(missing("it has no name".to_owned())) };
    let api = Api::<ConfigMap>::namespaced(ctx.hub.client(&at.workspace), namespace);
    let found = api.get(name).await.map_err(|error| missing(RequestFailure::of(Side::Hub, &error).message))?;
    let Some(bytes) = found.binary_data.unwrap_or_default().remove(data_key) else {
        return Err(missing(format!("the ConfigMap {} has no key {data_key} in binaryData", at.name)));
    };
    Ok(bytes.0)
}

/// What is to be said of it.
fn found(plugin: Option<&Plugin>, wanted: &Result<Option<Wanted>, Failure>) -> Found {
    let wanted = match wanted {
        Ok(wanted) => wanted.as_ref(),
        Err(failure) => {
            let why = match failure {
                Failure::NotOffered { why } | Failure::Unfit { why } => why.clone(),
                other => other.to_string(),
            };
            return status::refused(failure.reason(), why);
        }
    };
    let offer = wanted.and_then(|wanted| wanted.offer.as_ref()).map(|(name, _)| name.to_string());
    let accepted = Finding::good(match &offer {
        Some(offer) => format!("The platform offers it, as {offer}."),
        None => "It can stand as it is declared.".to_owned(),
    });
    let Some(plugin) = plugin else {
        let message = "It allows a component by its digest, and is loaded where workspaces declare it.";
        let good = || Finding::good(message);
        return Found { accepted, loaded: good(), healthy: good(), digest: None, about: None, offer, usage: None };
    };
    let bad = |error: &HookError| Finding::bad(error.reason(), error.to_string());
    let (loaded, healthy) = match plugin.health() {
        Health::Healthy => (Finding::good("What is declared is what runs."), Finding::good("It answers.")),
        Health::Failed(error) => (bad(&error), Finding::unknown(error.reason(), "It is not loaded.")),
        Health::Outdated(error) => {
            let mut finding = bad(&error);
            finding.message.push_str(" What was loaded before goes on.");
            (finding, Finding::good("It answers."))
        }
        Health::Quarantined(error) => (Finding::good("What is declared is what runs."), bad(&error)),
    };
    let about = plugin.about().zip(plugin.contract()).map(|(about, contract)| PluginAbout {
        name: conditions::bounded(&about.name),
        version: conditions::bounded(&about.version),
        description: conditions::bounded(&about.description),
        contract: contract.to_owned(),
    });
    // As `32µs`, `4.096ms`.
    let shown = |time: Duration| format!("{time:?}");
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let usage = plugin.used().map(|used| PluginUsage {
        calls: count(used.calls),
        kept: count(used.kept),
        failures: count(used.failures),
        refusals: count(used.refusals),
        p50: used.p50.map(shown),
        p99: used.p99.map(shown),
    });
    let digest = plugin.digest().map(|digest| format!("sha256:{digest}"));
    Found { accepted, loaded, healthy, digest, about, offer, usage }
}

async fn publish(ctx: &Context, key: &Key, held: &Held, declared: &Declared, found: Found) -> Result<(), After> {
    // A status that cannot be read is written anew.
    let old = held.decode::<ReconcilePlugin>().ok().and_then(|object| object.status).unwrap_or_default();
    let new = status::compute(&old, declared.generation, found, ctx.clock.now());
    if new == old {
        return Ok(());
    }
    let at = Version { uid: held.uid(), resource_version: held.resource_version() };
    writing::status(ctx, key, &at, &old, &new).await?;
    let ready = |status: &berthage_core::api::ReconcilePluginStatus| {
        conditions::find(&status.conditions, READY).map(|ready| (ready.status, ready.reason.clone()))
    };
    if ready(&old) != ready(&new)
        && let Some(now) = conditions::find(&new.conditions, READY)
        && now.reason != Reason::PluginLoading.as_str()
    {
        let warning = now.status != ConditionStatus::True;
        let reason = if warning { now.reason.clone() } else { READY.to_owned() };
        let notice = Notice { warning, reason, message: now.message.clone() };
        ctx.events.tell(&ctx.hub, &ctx.metrics, key, held.uid(), &notice).await;
    }
    Ok(())
}
