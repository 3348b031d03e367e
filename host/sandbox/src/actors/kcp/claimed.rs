//! Objects have the labels of those who claimed them, whoever wrote them
//! (`permissionclaimlabel_resource_reconcile.go` in `pkg/reconciler/apis/permissionclaimlabel`).

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::actors::Actor;
use crate::kcp::admission::label;
use crate::kcp::claimed_labels;
use crate::kcp::names::CLAIMED;
use crate::kcp::write::put;
use crate::lifecycle::Subresource;
use crate::world::{Changed, Named, World};

/// See the module.
#[derive(Debug)]
pub(super) struct Claimed;

impl Actor for Claimed {
    fn act(&mut self, world: &mut World, changed: &Changed) -> Option<Timestamp> {
        if world.kcp().bindings_in(&changed.cluster).next().is_some() {
            relabel(
                world,
                &Named {
                    cluster: &changed.cluster,
                    group: &changed.group,
                    plural: &changed.plural,
                    namespace: &changed.namespace,
                    name: &changed.name,
                },
            );
        }
        None
    }
}

/// Labels all objects of a kind in a workspace, but the binding that is being looked at.
pub(super) fn relabel_all(world: &mut World, cluster: &str, group: &str, plural: &str, but: Option<&str>) {
    for object in world.list(cluster, group, plural, None) {
        let itself = group == "apis.kcp.io" && plural == "apibindings" && but == Some(object.name());
        if !itself {
            relabel(world, &Named { cluster, group, plural, namespace: object.namespace(), name: object.name() });
        }
    }
}

fn relabel(world: &mut World, named: &Named<'_>) {
    let Some(serving) = world.stored(named.cluster, named.group, named.plural) else { return };
    let Some(object) = world.store.get(&named.key(serving.resource)) else { return };
    let labels: Vec<(String, String)> =
        object.labels().map(|(key, value)| (key.into_owned(), value.into_owned())).collect();
    let wanted = claimed_labels(world, named.cluster, (named.group, named.plural, named.name), labels.as_slice());
    let present: BTreeMap<String, String> = labels.into_iter().filter(|(key, _)| key.starts_with(CLAIMED)).collect();
    if wanted == present {
        return;
    }
    let Some(mut new) = world.get(named) else { return };
    label(Arc::make_mut(&mut new), &wanted);
    // What is refused is tried again with the next change.
    let _ = put(world, named, Subresource::None, &new);
}
