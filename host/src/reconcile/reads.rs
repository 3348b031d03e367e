//! reads: what a plugin selects, out of the store.
//!
//! The grant is fixed: the kinds that the host watches anyway, in the subject's own workspace. Everything that was selected is
//! noted before it is read, so that no change of it is missed.

use std::sync::Arc;

use berthage_core::key::{Key, Kind, Workspace};
use berthage_core::names::{TMC_GROUP, VERSION, WORKLOAD_GROUP};
use berthage_core::plugin::{Group, Selection};
use berthage_core::selection;
use serde_json::Value;

use super::Making;
use super::target::Work;
use crate::store::{Held, Read, readable};

/// Objects of one selection.
const OBJECTS: usize = 256;
/// Bytes of their JSON.
const BYTES: usize = 1 << 20;

/// Notes what is selected as read by the target, and reads it. What cannot be read is the plugin's fault: the message goes on
/// where "Plugin NAME: " ends.
pub(super) fn read(making: &Making, work: &mut Work<'_>, selections: &[Selection]) -> Result<Vec<Group>, String> {
    let mut kinds = Vec::with_capacity(selections.len());
    for selection in selections {
        let kind = granted(selection)?;
        work.reads.extend(noted(work, kind, selection));
        kinds.push(kind);
    }
    let noted: Vec<Read> = work.reads.iter().cloned().collect();
    making.store.reads_too(work.key, &noted);
    let workspace = &work.key.workspace;
    selections.iter().zip(kinds).map(|(selection, kind)| group(making, workspace, kind, selection)).collect()
}

/// Whether a plugin may read that, and which kind it is to the host.
fn granted(selection: &Selection) -> Result<Kind, String> {
    let kind = match (selection.group.as_str(), selection.version.as_str(), selection.kind.as_str()) {
        (TMC_GROUP, VERSION, "ClusterRegistration") => Kind::Registration,
        (WORKLOAD_GROUP, VERSION, "SyncTarget") => Kind::Target,
        (group, _, kind) => return Err(format!("it asks to read {kind}.{group}, which it has no grant for")),
    };
    if selection.site != "hub" {
        return Err(format!("it asks to read from `{}`; only `hub` is served", selection.site));
    }
    Ok(kind)
}

/// What has to be noted of a selection: a change of what the target itself names has it looked at in any case.
fn noted(work: &Work<'_>, kind: Kind, selection: &Selection) -> Vec<Read> {
    if selection.names.is_empty() {
        return vec![Read { kind, name: None }];
    }
    let named = |name: &str| match kind {
        Kind::Registration => work.held.registrations().any(|own| own == name),
        Kind::Target => *name == *work.key.name,
    };
    let others = selection.names.iter().filter(|name| !named(name));
    others.map(|name| Read { kind, name: Some(Arc::from(name.as_str())) }).collect()
}

fn group(making: &Making, workspace: &Workspace, kind: Kind, selection: &Selection) -> Result<Group, String> {
    let selector = selection::selector(&selection.labels)
        .map_err(|operator| format!("it asks for a label with the operator `{operator}`, which there is not"))?;
    let found: Vec<Held> = if selection.names.is_empty() {
        making.store.of_kind(workspace, kind)
    } else {
        let key = |name: &String| Key { workspace: workspace.clone(), kind, name: name.as_str().into() };
        selection.names.iter().filter_map(|name| making.store.get(&key(name))).collect()
    };
    let (mut items, mut bytes) = (Vec::new(), 0);
    for held in found {
        // An object that cannot be read is as good as absent, and its own reconcile says so.
        let Ok(object) = held.decode::<Value>() else { continue };
        if !selection::has_labels(&object, &selector) {
            continue;
        }
        let object = selection::shown(readable(kind, object), selection);
        bytes += object.to_string().len();
        if items.len() == OBJECTS || bytes > BYTES {
            return Err(format!(
                "its selection {} finds more than {OBJECTS} objects or {BYTES} bytes; it may ask for names, labels or fields",
                selection.id
            ));
        }
        items.push(object);
    }
    Ok(Group { id: selection.id.clone(), complete: making.store.knows(workspace), items })
}
