//! `CustomResourceDefinition`s: their names are accepted, what they define is served, and their objects go before them.
//!
//! Facts: `apiextensions-apiserver/pkg/controller/{status,establish,finalizer}`, where kcp looks at each workspace by itself. A
//! server that may be one of several waits 5 seconds before it serves a definition; here there is one, and it does not.
//!
//! Not here: the conditions `NonStructuralSchema` (such definitions are refused) and `KubernetesAPIApprovalPolicyConformant`
//! (groups of Kubernetes).

mod cleanup;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::reading::{Object, is_deleting};
use super::{Actor, server};
use crate::lifecycle::Subresource;
use crate::schema::definition::{accept_names, establish};
use crate::store;
use crate::world::{Changed, Named, World};

const GROUP: &str = "apiextensions.k8s.io";
const PLURAL: &str = "customresourcedefinitions";

/// The controllers of definitions.
#[derive(Debug, Default)]
pub struct Definitions {
    /// Those whose objects are being deleted, by cluster and name, so that others' objects need not be looked at.
    terminating: BTreeSet<(Box<str>, Box<str>)>,
}

impl Actor for Definitions {
    fn act(&mut self, world: &mut World, changed: &Changed) -> Option<Timestamp> {
        let cluster = &*changed.cluster;
        if changed.is(GROUP, PLURAL) {
            // What one definition has, others of its group may have to do without; what it gives up they may take.
            let again = self.look(world, cluster, &changed.name);
            for other in of_group(world, cluster, &changed.name) {
                if other.name() != &*changed.name {
                    name(world, cluster, other.name());
                }
            }
            return again;
        }
        if self.terminating.is_empty() || changed.group.is_empty() {
            return None;
        }
        let definition = format!("{}.{}", changed.plural, changed.group);
        if self.terminating.contains(&(cluster.into(), definition.as_str().into())) {
            return self.look(world, cluster, &definition);
        }
        None
    }
}

impl Definitions {
    fn look(&mut self, world: &mut World, cluster: &str, name: &str) -> Option<Timestamp> {
        let place = (Box::from(cluster), Box::from(name));
        let named = named(cluster, name);
        self::name(world, cluster, name);
        match world.get(&named) {
            Some(definition) if is_deleting(&definition) => {
                self.terminating.insert(place);
                cleanup::clean(world, &named, &definition)
            }
            Some(definition) => {
                self.terminating.remove(&place);
                let status = establish(&definition, world.now);
                write(world, &named, status);
                None
            }
            None => {
                self.terminating.remove(&place);
                None
            }
        }
    }
}

/// Accepts the names of a definition, or says which ones are taken.
fn name(world: &mut World, cluster: &str, name: &str) {
    let named = named(cluster, name);
    let Some(definition) = world.get(&named) else { return };
    let part = |outer: &str, inner: &str| definition.get(outer).and_then(|outer| outer.get(inner));
    // Most have theirs, and then nobody else needs to be read.
    if part("spec", "names") == part("status", "acceptedNames") {
        return;
    }
    let others: Vec<Arc<Object>> = of_group(world, cluster, name).iter().filter_map(|other| other.map().ok()).collect();
    let status = accept_names(&definition, others.iter().map(AsRef::as_ref), world.now);
    write(world, &named, status);
}

/// The definitions of a group, by the name of one of them: that is its plural and its group.
fn of_group(world: &World, cluster: &str, name: &str) -> Vec<store::Object> {
    let group = |name: &str| name.split_once('.').map(|(_, group)| group.to_owned());
    let wanted = group(name);
    let mut all = world.list(cluster, GROUP, PLURAL, None);
    all.retain(|other| group(other.name()) == wanted);
    all
}

fn named<'n>(cluster: &'n str, name: &'n str) -> Named<'n> {
    Named { cluster, group: GROUP, plural: PLURAL, namespace: "", name }
}

/// Writes a status, if there is one to write.
fn write(world: &mut World, named: &Named<'_>, status: Option<Value>) {
    let Some(status) = status else { return };
    let manager = server(world.flavour);
    let _ = world.change(named, Subresource::Status, manager, |definition| {
        definition.insert("status".to_owned(), status.clone());
    });
}
