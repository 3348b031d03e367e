//! A LogicalCluster that is deleted takes its content with it: namespaces and what is the server's own first, then the
//! bindings, each with the objects of what it bound, then roles, and itself last (`pkg/reconciler/core/logicalclusterdeletion`).

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::place::{CORE, is, logical_cluster, named};
use super::workspaces::status_of;
use crate::actors::Actor;
use crate::kcp::DELETION_FINALIZER;
use crate::kcp::conditions::{self, Said, Severity};
use crate::kcp::json::{drop_finalizer, has_finalizer, texts};
use crate::kcp::write::{delete, put, put_status};
use crate::lifecycle::Subresource;
use crate::status::Failure;
use crate::store::Scope;
use crate::world::{Changed, Serving, World};

/// See the module.
#[derive(Debug)]
pub(super) struct Deletion;

impl Actor for Deletion {
    fn act(&mut self, world: &mut World, changed: &Changed) -> Option<Timestamp> {
        let cluster = &*changed.cluster;
        match world.kcp().logical_cluster(cluster) {
            Some(known) if known.deleting => drop(reconcile(world, cluster)),
            None if is(changed, CORE, "logicalclusters") => forget(world, cluster),
            _ => {}
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

fn reconcile(world: &mut World, cluster: &str) -> Result<(), Failure> {
    let own = logical_cluster(cluster);
    let mut left = Left::default();
    let (mut bindings, mut others) = (Vec::new(), Vec::new());
    for serving in world.all_stored(cluster).into_iter().filter(|serving| is_content(world, cluster, serving)) {
        if serving.served.plural == "apibindings" { bindings.push(serving) } else { others.push(serving) }
    }
    for serving in &others {
        delete_all(world, cluster, serving, &mut left);
    }
    // As long as they are there, what they bind can be cleaned up.
    if left.resources.is_empty() {
        for serving in &bindings {
            delete_all(world, cluster, serving, &mut left);
        }
    }
    let Some(object) = world.get(&own).filter(|object| has_finalizer(object, DELETION_FINALIZER)) else {
        return Ok(());
    };
    let mut status = status_of(&object);
    let said = left.said();
    let done = said == Said::yes();
    if !done {
        conditions::set(&mut status, world.now, "WorkspaceContentDeleted", &said);
        return put_status(world, &own, &object, status);
    }
    for plural in ["clusterroles", "clusterrolebindings"] {
        for role in world.list(cluster, "rbac.authorization.k8s.io", plural, None) {
            let _ = delete(world, &named(cluster, "rbac.authorization.k8s.io", plural, role.name()));
        }
    }
    let Some(mut object) = world.get(&own) else { return Ok(()) };
    drop_finalizer(Arc::make_mut(&mut object), DELETION_FINALIZER);
    put(world, &own, Subresource::None, &object)
}

/// What has no namespace, is not bound, and does not begin or end the deletion itself.
fn is_content(world: &World, cluster: &str, serving: &Serving) -> bool {
    let (group, plural) = (&*serving.served.group, &*serving.served.plural);
    let spared = matches!(
        (group, plural),
        (CORE, "logicalclusters") | ("rbac.authorization.k8s.io", "clusterroles" | "clusterrolebindings")
    );
    !serving.served.namespaced
        && !spared
        && serving.served.verbs.contains(&"delete")
        && !world.kcp().bindings_in(cluster).any(|binding| binding.binds(group, plural))
}

fn delete_all(world: &mut World, cluster: &str, serving: &Arc<Serving>, left: &mut Left) {
    let (group, plural) = (&*serving.served.group, &*serving.served.plural);
    for object in world.list(cluster, group, plural, None) {
        // It may be gone already.
        let _ = delete(world, &named(cluster, group, plural, object.name()));
    }
    let remaining = world.list(cluster, group, plural, None);
    if remaining.is_empty() {
        return;
    }
    left.resources.insert(format!("{plural}.{group}"), remaining.len());
    for object in remaining {
        let finalizers = object.map().map(|object| texts(&object, &["metadata", "finalizers"])).unwrap_or_default();
        for finalizer in finalizers {
            *left.finalizers.entry(finalizer).or_default() += 1;
        }
    }
}

impl Left {
    fn said(&self) -> Said {
        let mut messages = Vec::new();
        if !self.resources.is_empty() {
            let all: Vec<String> =
                self.resources.iter().map(|(name, count)| format!("{name} has {count} resource instances")).collect();
            messages.push(format!("Some resources are remaining: {}", all.join(", ")));
        }
        if !self.finalizers.is_empty() {
            let all: Vec<String> =
                self.finalizers.iter().map(|(name, count)| format!("{name} in {count} resource instances")).collect();
            let all = all.join(", ");
            messages.push(format!("Some content in the logical cluster has finalizers remaining: {all}"));
        }
        if messages.is_empty() {
            return Said::yes();
        }
        Said::no("SomeResourcesRemain", Severity::Info, messages.join("; "))
    }
}

/// After the singleton is gone, whatever nobody deletes is gone with it.
fn forget(world: &mut World, cluster: &str) {
    if world.cluster(cluster).is_none() || cluster.starts_with("system:") || cluster == crate::kcp::ROOT {
        return;
    }
    for serving in world.all_stored(cluster) {
        let all = Scope::all(serving.resource).cluster(cluster);
        let objects = world.store.view_at(world.store.revision()).objects(&all).unwrap_or_default();
        for object in objects {
            let key = crate::store::Key {
                resource: serving.resource,
                cluster,
                namespace: object.namespace(),
                name: object.name(),
            };
            // It was listed a moment ago.
            let _ = world.remove(&key);
        }
    }
    world.remove_cluster(cluster);
}
