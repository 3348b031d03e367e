//! render: templates and plugin objects become the desired objects; transformers, the seal and the guard have their say.
//! Nothing here writes or waits.

use std::time::Duration;

use berthage_core::api::{ConditionStatus, FailurePolicy};
use berthage_core::guard::{self, Policy};
use berthage_core::object::{Desired, ObjectId};
use berthage_core::plugin::{Next, PlanOutcome, PluginCondition};
use berthage_core::reason::Reason;
use berthage_core::seal;
use berthage_core::status::target::Finding;
use serde_json::Value;

use super::observe::{self, Snapshot};
use super::target::Work;
use super::{Again, Making, Stop, plan, serving};
use crate::hook::{Encoded, Failure, HookError, Transformer};

/// The kind of a transformer's condition that says that it refuses.
const ACCEPTED: &str = "Accepted";

/// When a transformer that was passed over is asked again.
const IGNORED: Duration = Duration::from_secs(60);

/// The template set that is served.
const SET: &str = "syncer";

/// The desired objects, sealed and checked, apart from the Secret with the credential.
pub(super) fn objects(
    making: &Making,
    work: &mut Work<'_>,
    snapshot: &Snapshot,
    plan: &PlanOutcome,
) -> Result<Vec<Desired>, Stop> {
    let mut objects = rendered(making, work, plan)?;
    work.found.template_rendered = Some(Finding::good("The templates give the syncer's manifests."));
    let reconciler = serving::of(making, work)?.reconciler;
    let made = of_plugin(work, reconciler.name(), &plan.objects, |_| None)?;
    let ids = made.iter().map(|desired| &desired.id);
    reconciler.terms().emits.allow(ids).map_err(|what| plan::exceeds(work, reconciler.name(), &what))?;
    objects.extend(made);
    let objects = transformed(making, work, snapshot, objects)?;
    let objects = seal::seal(objects, &observe::seal_context(work));
    let policy = Policy::new(&work.names, work.namespace(), &snapshot.granted);
    match guard::check(&objects, &policy) {
        Ok(()) => Ok(objects),
        Err(violations) => {
            let finding = Finding::bad(violations.reason(), violations.to_string());
            work.found.template_rendered = Some(finding.clone());
            Err(work.block(finding, Again::OnChange))
        }
    }
}

fn rendered(making: &Making, work: &mut Work<'_>, plan: &PlanOutcome) -> Result<Vec<Desired>, Stop> {
    let invalid = |work: &mut Work<'_>, message: String| {
        let finding = Finding::bad(Reason::TemplateInvalid, message);
        work.found.template_rendered = Some(finding.clone());
        work.block(finding, Again::OnChange)
    };
    let values = Value::Object(work.target.spec.values.clone().into_iter().collect());
    let mut objects = Vec::new();
    for request in &plan.renders {
        if request.set != SET {
            let message = format!("There is no template set `{}`; served is `{SET}`.", request.set);
            return Err(invalid(work, message));
        }
        let set = making.library.set(&work.key.workspace).map_err(|error| {
            work.excerpt = error.excerpt();
            invalid(work, error.to_string())
        })?;
        let made = set.render(&request.values, Some(&values)).map_err(|error| {
            work.excerpt = error.excerpt();
            invalid(work, error.to_string())
        })?;
        for one in made {
            let source = one.source.clone();
            match desired(one.object, one.source) {
                Some(object) => objects.push(object),
                None => {
                    return Err(invalid(work, format!("{source} gives an object without apiVersion, kind or name.")));
                }
            }
        }
    }
    Ok(objects)
}

fn desired(object: Value, source: String) -> Option<Desired> {
    Some(Desired { id: ObjectId::of(&object)?, object, source })
}

fn transformed(
    making: &Making,
    work: &mut Work<'_>,
    snapshot: &Snapshot,
    objects: Vec<Desired>,
) -> Result<Vec<Desired>, Stop> {
    // What is in a Secret is nobody's business but the physical cluster's.
    let (secrets, mut objects): (Vec<Desired>, Vec<Desired>) =
        objects.into_iter().partition(|desired| is_secret(&desired.id));
    for transformer in &serving::of(making, work)?.transformers {
        match transform(making, work, snapshot, transformer, &objects) {
            Ok(transformed) => objects = transformed,
            Err(Failed::Stop(stop)) => return Err(stop),
            Err(Failed::Plugin(error)) => {
                let stop = plan::failed(work, &error);
                let ignored = transformer.terms().failure_policy == FailurePolicy::Ignore;
                if !ignored || error.failure == Failure::Loading {
                    return Err(stop);
                }
                work.blocked = None;
                // It may be put right at any time.
                work.due_in(IGNORED);
            }
        }
    }
    Ok(objects.into_iter().chain(secrets).collect())
}

/// Why a transformer has made nothing.
enum Failed {
    /// The run ends.
    Stop(Stop),
    /// The plugin has failed.
    Plugin(HookError),
}

impl From<Stop> for Failed {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

fn transform(
    making: &Making,
    work: &mut Work<'_>,
    snapshot: &Snapshot,
    transformer: &Transformer,
    objects: &[Desired],
) -> Result<Vec<Desired>, Failed> {
    let (name, terms) = (transformer.name(), transformer.terms());
    let workspace = &work.key.workspace;
    let selections = transformer.select(workspace, &snapshot.input.subject).map_err(Failed::Plugin)?;
    let input = plan::with_reads(making, work, snapshot, transformer, &selections)?;
    let input = Encoded::new(workspace, &input);
    let values: Vec<Value> = objects.iter().map(|desired| desired.object.clone()).collect();
    let outcome = transformer.transform(&input, &values).map_err(Failed::Plugin)?;
    plan::say(work, &outcome.conditions, &outcome.notes);
    accepted(work, name, &outcome.after)?;
    let source = |id: &ObjectId| objects.iter().find(|desired| desired.id == *id).map(|desired| &*desired.source);
    let made = of_plugin(work, name, &outcome.objects, source)?;
    let allowed = match made.iter().find(|desired| is_secret(&desired.id)) {
        Some(secret) => Err(format!("makes {}, a kind that no plugin makes", secret.id)),
        None => terms.emits.allow_change(objects, &made),
    };
    allowed.map_err(|what| plan::exceeds(work, name, &what))?;
    Ok(made)
}

/// What a plugin has made, with where it comes from.
fn of_plugin<'a>(
    work: &mut Work<'_>,
    name: &str,
    objects: &[Value],
    before: impl Fn(&ObjectId) -> Option<&'a str>,
) -> Result<Vec<Desired>, Stop> {
    let whole = |object: &Value| {
        let id = ObjectId::of(object)?;
        let source = before(&id).map_or_else(|| format!("plugin {name}"), |source| format!("{source}, plugin {name}"));
        Some(Desired { id, object: object.clone(), source })
    };
    objects.iter().map(whole).collect::<Option<_>>().ok_or_else(|| {
        let message = format!("Plugin {name} gave an object without apiVersion, kind or name.");
        work.block(Finding::bad(Reason::PolicyViolation, message), Again::OnChange)
    })
}

fn is_secret(id: &ObjectId) -> bool {
    id.group().is_empty() && id.kind == "Secret"
}

/// Whether a transformer lets its subject go on; why not is a condition of its own too, besides what it means for the target.
fn accepted(work: &mut Work<'_>, name: &str, after: &Next) -> Result<(), Stop> {
    if let Next::Invalid { reason, message } = after {
        let refusal = PluginCondition {
            kind: format!("{name}/{ACCEPTED}"),
            status: ConditionStatus::False,
            reason: reason.clone(),
            message: message.clone(),
            lowers_ready: false,
        };
        plan::say(work, &[refusal], &[]);
    }
    plan::next(work, name, after)
}
