//! Virtual workspaces follow their APIExports, and the schemas of these and of what they claim
//! (`pkg/virtual/apiexport/controllers/apireconciler`).

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::place::{APIS, is};
use crate::actors::Actor;
use crate::kcp::export::Export;
use crate::kcp::virtual_workspace::build;
use crate::world::{Changed, World};

/// See the module.
#[derive(Debug)]
pub(super) struct VirtualWorkspaces;

impl Actor for VirtualWorkspaces {
    fn act(&mut self, world: &mut World, changed: &Changed) -> Option<Timestamp> {
        let mut due: BTreeSet<(Box<str>, Box<str>)> = BTreeSet::new();
        if is(changed, APIS, "apiexports") {
            due.insert((changed.cluster.clone(), changed.name.clone()));
            if let Some(export) = world.kcp().export(&changed.cluster, &changed.name) {
                due.extend(claimants(world, export));
            }
        } else if is(changed, APIS, "apiresourceschemas") {
            for export in world.kcp().exports_in(&changed.cluster) {
                if export.resources.iter().any(|one| one.schema == changed.name) {
                    due.insert((export.cluster.clone(), export.name.clone()));
                    due.extend(claimants(world, export));
                }
            }
        }
        for key in due {
            let export: Option<Arc<Export>> = world.kcp().export(&key.0, &key.1).cloned();
            let before = world.kcp.virtual_workspaces.remove(&key);
            if let Some(export) = export.filter(|export| !export.identity.is_empty()) {
                let made = build(world, &export, before.as_deref());
                world.kcp.virtual_workspaces.insert(key, Arc::new(made));
            }
        }
        None
    }
}

/// Those who claim something of an APIExport.
fn claimants(world: &World, export: &Export) -> Vec<(Box<str>, Box<str>)> {
    let all = world.kcp().claimants(&export.identity);
    all.into_iter().map(|export| (export.cluster.clone(), export.name.clone())).collect()
}
