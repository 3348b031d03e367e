//! reads: what a plugin selects, out of the store.
//!
//! Served are the kinds that the host watches, in the subject's own workspace; what of them a plugin may read is in its grants.
//! Everything that was selected is noted before it is read, so that no change of it is missed.

use std::sync::Arc;

use berthage_core::key::{Key, Kind, Workspace};
use berthage_core::lineup::Reads;
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
/// where "Plugin NAME " ends.
pub(super) fn read(
    making: &Making,
    work: &mut Work<'_>,
    granted: &Reads,
    selections: &[Selection],
) -> Result<Vec<Group>, String> {
    let mut kinds = Vec::with_capacity(selections.len());
    for selection in selections {
        let kind = served(selection)?;
        granted.cover(selection)?;
        work.reads.extend(noted(work, kind, selection));
        kinds.push(kind);
    }
    let noted: Vec<Read> = work.reads.iter().cloned().collect();
    making.store.reads_too(work.key, &noted);
    let workspace = &work.key.workspace;
    selections.iter().zip(kinds).map(|(selection, kind)| group(making, workspace, kind, selection)).collect()
}

/// Whether that can be read, and which kind it is to the host.
fn served(selection: &Selection) -> Result<Kind, String> {
    let kind = match (selection.group.as_str(), selection.version.as_str(), selection.kind.as_str()) {
        (TMC_GROUP, VERSION, "ClusterRegistration") => Kind::Registration,
        (WORKLOAD_GROUP, VERSION, "SyncTarget") => Kind::Target,
        ("", "v1", "ConfigMap") => Kind::ConfigMap,
        (group, version, kind) => {
            let name = format!("{kind}.{version}.{group}");
            return Err(format!("asks to read {}, which is not served to plugins", name.trim_end_matches('.')));
        }
    };
    if selection.site != "hub" {
        return Err(format!("asks to read from `{}`; only `hub` is served", selection.site));
    }
    if kind == Kind::ConfigMap && selection.namespace.is_empty() && !selection.names.is_empty() {
        return Err(format!("asks for ConfigMaps by name without a namespace, in its selection {}", selection.id));
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
        Kind::Plugin | Kind::ConfigMap => false,
    };
    let others = selection.names.iter().filter(|name| !named(name));
    others.map(|name| Read { kind, name: Some(held_name(kind, selection, name)) }).collect()
}

/// The name under which the store holds an object.
fn held_name(kind: Kind, selection: &Selection, name: &str) -> Arc<str> {
    match kind {
        Kind::ConfigMap => format!("{}/{name}", selection.namespace).into(),
        Kind::Registration | Kind::Target | Kind::Plugin => Arc::from(name),
    }
}

/// Whether what is not held of a kind is not there.
fn all_are_held(making: &Making, workspace: &Workspace, kind: Kind) -> bool {
    let claimed = || {
        let tenancy = making.store.tenancy(workspace);
        let home = tenancy.as_ref().is_none_or(|tenancy| tenancy.endpoint.home().is_some());
        home || tenancy
            .is_some_and(|tenancy| tenancy.binding().is_some_and(|binding| binding.accepts("", "configmaps")))
    };
    making.store.knows(workspace) && (kind != Kind::ConfigMap || claimed())
}

fn group(making: &Making, workspace: &Workspace, kind: Kind, selection: &Selection) -> Result<Group, String> {
    let selector = selection::selector(&selection.labels)
        .map_err(|operator| format!("asks for a label with the operator `{operator}`, which there is not"))?;
    let found: Vec<Held> = if selection.names.is_empty() {
        making.store.of_kind(workspace, kind)
    } else {
        let key = |name: &String| Key { workspace: workspace.clone(), kind, name: held_name(kind, selection, name) };
        selection.names.iter().filter_map(|name| making.store.get(&key(name))).collect()
    };
    let (mut items, mut bytes) = (Vec::new(), 0);
    let mut complete = all_are_held(making, workspace, kind);
    for held in found {
        // An object that cannot be read is as good as absent, and its own reconcile says so.
        let Ok(object) = held.decode::<Value>() else { continue };
        let namespace = object.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default();
        if kind == Kind::ConfigMap && !selection.namespace.is_empty() && namespace != selection.namespace {
            continue;
        }
        // One that is too large to be held may well be one of those that are asked for.
        complete &= held.is_whole();
        if !held.is_whole() || !selection::has_labels(&object, &selector) {
            continue;
        }
        let object = selection::shown(readable(kind, object), selection);
        bytes += object.to_string().len();
        if items.len() == OBJECTS || bytes > BYTES {
            return Err(format!(
                "finds more than {OBJECTS} objects or {BYTES} bytes with its selection {}; it may ask for names, labels or fields",
                selection.id
            ));
        }
        items.push(object);
    }
    Ok(Group { id: selection.id.clone(), complete, items })
}
