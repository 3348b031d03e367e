//! Namespaces: what each of them has, and how it is emptied before it goes.
//!
//! Facts: `pkg/controller/{namespace,serviceaccount}` and `pkg/controller/certificates/rootcacertpublisher` of Kubernetes, which
//! kcp runs in each workspace as well.

mod conditions;
mod emptying;
mod given;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use jiff::Timestamp;

use self::given::Given;
use super::Actor;
use super::reading::is_deleting;
use crate::world::{Changed, Named, World};

/// The controllers of namespaces.
#[derive(Debug)]
pub struct Namespaces {
    given: Given,
    /// Those that are being emptied, by cluster and name, so that other changes need not look at their namespace.
    terminating: BTreeSet<(Box<str>, Box<str>)>,
}

impl Namespaces {
    /// `root_ca` is what clients in a cluster trust, in PEM.
    pub fn new(root_ca: &str) -> Self {
        Self { given: Given::new(root_ca), terminating: BTreeSet::new() }
    }

    fn look(&mut self, world: &mut World, cluster: &str, name: &str) -> Option<Timestamp> {
        let named = Named { cluster, group: "", plural: "namespaces", namespace: "", name };
        let place = (Box::from(cluster), Box::from(name));
        match world.get(&named) {
            None => {
                self.terminating.remove(&place);
                None
            }
            Some(namespace) if is_deleting(&namespace) => {
                self.terminating.insert(place);
                emptying::empty(world, &named, &namespace)
            }
            Some(_) => {
                self.terminating.remove(&place);
                self.given.give(world, cluster, name);
                None
            }
        }
    }
}

impl Actor for Namespaces {
    fn act(&mut self, world: &mut World, changed: &Changed) -> Option<Timestamp> {
        let (cluster, namespace) = (&*changed.cluster, &*changed.namespace);
        if changed.is("", "namespaces") {
            return self.look(world, cluster, &changed.name);
        }
        if namespace.is_empty() {
            return None;
        }
        if !self.terminating.is_empty() && self.terminating.contains(&(cluster.into(), namespace.into())) {
            // All of it was asked to go. As long as there are pods, nothing else is looked at, nor said.
            let waits = changed.is("", "pods") && world.count(cluster, "", "pods", namespace) > 0;
            return if waits { None } else { self.look(world, cluster, namespace) };
        }
        if given::concerns(changed) {
            return self.look(world, cluster, namespace);
        }
        None
    }
}
