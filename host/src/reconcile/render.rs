//! render: templates and plugin objects become the desired objects; transformers, the seal and the guard have their say.
//! Nothing here writes or waits.

use std::collections::HashMap;

use berthage_core::api::ConditionStatus;
use berthage_core::guard::{self, Policy};
use berthage_core::object::{Desired, ObjectId};
use berthage_core::plugin::{Next, PlanOutcome, PluginCondition};
use berthage_core::reason::Reason;
use berthage_core::seal;
use berthage_core::status::target::Finding;
use serde_json::Value;

use super::observe::{self, Snapshot};
use super::target::Work;
use super::{Again, Making, Stop, plan};

/// The kind of a transformer's condition that says that it refuses.
const ACCEPTED: &str = "Accepted";

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
    let reconciler = making.plugins.reconciler();
    let name = reconciler.name();
    for object in &plan.objects {
        objects.push(desired(object.clone(), format!("plugin {name}")).ok_or_else(|| {
            let message = format!("Plugin {name} gave an object without apiVersion, kind or name.");
            work.block(Finding::bad(Reason::PolicyViolation, message), Again::OnChange)
        })?);
    }
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
    let mut objects = objects;
    for transformer in making.plugins.transformers() {
        let mut sources: HashMap<ObjectId, String> = HashMap::new();
        let mut values = Vec::with_capacity(objects.len());
        for object in objects {
            sources.insert(object.id, object.source);
            values.push(object.object);
        }
        let name = transformer.name().to_owned();
        let input = plan::input_for(making, work, snapshot, &name, |subject| transformer.select(subject.0, subject.1))?;
        let outcome = transformer.transform(&input, &values).map_err(|error| plan::failed(work, &error))?;
        plan::say(work, &outcome.conditions, &outcome.notes);
        accepted(work, &name, &outcome.after)?;
        objects = Vec::with_capacity(outcome.objects.len());
        for value in outcome.objects.iter().cloned() {
            let before = ObjectId::of(&value).and_then(|id| sources.get(&id).cloned());
            let source = before.map_or_else(|| format!("plugin {name}"), |source| format!("{source}, plugin {name}"));
            match desired(value, source) {
                Some(object) => objects.push(object),
                None => {
                    let message = format!("Plugin {name} gave an object without apiVersion, kind or name.");
                    return Err(work.block(Finding::bad(Reason::PolicyViolation, message), Again::OnChange));
                }
            }
        }
    }
    Ok(objects)
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
