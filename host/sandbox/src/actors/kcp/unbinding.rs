//! An APIBinding that is deleted takes the objects of what it bound with it, and waits for their finalizers
//! (`pkg/reconciler/apis/apibindingdeletion`).

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::place::binding;
use crate::actors::Actor;
use crate::kcp::BINDING_FINALIZER;
use crate::kcp::binding::{Binding, BoundSchema};
use crate::kcp::conditions::{self, Said, Severity};
use crate::kcp::json::{at, drop_finalizer, texts};
use crate::kcp::write::{delete, put, put_status};
use crate::lifecycle::Subresource;
use crate::status::Failure;
use crate::world::{Changed, Named, World};

/// See the module.
#[derive(Debug)]
pub(super) struct Unbinding;

impl Actor for Unbinding {
    fn act(&mut self, world: &mut World, changed: &Changed) -> Option<Timestamp> {
        let ends = |one: &&Arc<Binding>| {
            let own = *changed.group == *"apis.kcp.io" && *changed.plural == *"apibindings";
            one.deleting && (own || one.binds(&changed.group, &changed.plural))
        };
        let due: Vec<Arc<Binding>> = world.kcp().bindings_in(&changed.cluster).filter(ends).cloned().collect();
        for binding in due {
            let _ = reconcile(world, &binding);
        }
        None
    }
}

/// What is left: resources, and finalizers, each with the number of objects.
#[derive(Debug, Default)]
struct Left {
    resources: BTreeMap<String, usize>,
    finalizers: BTreeMap<String, usize>,
}

fn reconcile(world: &mut World, known: &Binding) -> Result<(), Failure> {
    let own = binding(&known.cluster, &known.name);
    let mut left = Left::default();
    for (group, resource, schema) in known.resources() {
        if !is_adopted(world, known, group, resource, schema) {
            delete_all(world, known, group, resource, &mut left);
        }
    }
    let Some(object) = world.get(&own) else { return Ok(()) };
    let mut status = at(&object, &["status"]).and_then(Value::as_object).cloned().unwrap_or_default();
    let list = |counts: &BTreeMap<String, usize>, what: &dyn Fn(&str, usize) -> String| {
        counts.iter().map(|(name, count)| what(name, *count)).collect::<Vec<_>>().join(", ")
    };
    let said = if !left.finalizers.is_empty() {
        let told = list(&left.finalizers, &|name, count| format!("{name} in {count} resource instances"));
        let message = format!("Some content in the workspace has finalizers remaining: {told}");
        Said::no("ResourceFinalizersRemain", Severity::Error, message)
    } else if !left.resources.is_empty() {
        let told = list(&left.resources, &|name, count| format!("{name} has {count} resource instances"));
        Said::no("ResourceRemaining", Severity::Error, format!("Some resources are remaining: {told}"))
    } else {
        Said::yes()
    };
    conditions::set(&mut status, world.now, "BindingResourceDeleteSuccess", &said);
    put_status(world, &own, &object, status)?;
    let Some(mut object) = world.get(&own).filter(|_| said == Said::yes()) else { return Ok(()) };
    if drop_finalizer(Arc::make_mut(&mut object), BINDING_FINALIZER) {
        put(world, &own, Subresource::None, &object)?;
    }
    Ok(())
}

/// What is counted is what was there before it was deleted, as kcp does: it looks again.
fn delete_all(world: &mut World, known: &Binding, group: &str, plural: &str, left: &mut Left) {
    let served = world.stored(&known.cluster, group, plural);
    if !served.is_some_and(|served| served.served.custom) {
        return;
    }
    let objects = world.list(&known.cluster, group, plural, None);
    if objects.is_empty() {
        return;
    }
    left.resources.insert(format!("{plural}.{group}"), objects.len());
    for object in objects {
        let finalizers = object.map().map(|object| texts(&object, &["metadata", "finalizers"])).unwrap_or_default();
        for finalizer in finalizers {
            *left.finalizers.entry(finalizer).or_default() += 1;
        }
        let (namespace, name) = (object.namespace(), object.name());
        // It may be gone already.
        let _ = delete(world, &Named { cluster: &known.cluster, group, plural, namespace, name });
    }
}

/// Whether another binding of the workspace goes on with a resource: with the same schema and identity.
fn is_adopted(world: &World, known: &Binding, group: &str, resource: &str, schema: &BoundSchema) -> bool {
    let kcp = world.kcp();
    kcp.bindings_in(&known.cluster).filter(|other| other.name != known.name && !other.deleting).any(|other| {
        let Some(export) = kcp.export_of(other).filter(|export| export.identity == schema.identity) else {
            return false;
        };
        export
            .resources
            .iter()
            .filter(|one| *one.group == *group && *one.name == *resource)
            .any(|one| kcp.schema(&export.cluster, &one.schema).is_some_and(|found| found.uid == schema.uid))
    })
}
