//! What a controller takes as its own: what names it, as long as its selector matches, and what matches and is nobody's
//! (`pkg/controller/controller_ref_manager.go`).

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::actors::reading::{Object, at, controller, is_deleting, part, text, word};
use crate::lifecycle::Subresource;
use crate::selectors::LabelSelector;
use crate::store;
use crate::world::{Changed, Named, World};

const MANAGER: &str = "kube-controller-manager";

/// Who claims.
pub(super) struct Claimant<'a> {
    /// What it is one of, such as `Deployment`; of the group `apps`.
    pub(super) kind: &'a str,
    /// It.
    pub(super) object: &'a Object,
}

/// The reference by which a controller owns what it makes.
pub(super) fn reference(claimant: &Claimant<'_>) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": claimant.kind,
        "name": text(claimant.object, &["metadata", "name"]),
        "uid": text(claimant.object, &["metadata", "uid"]),
        "controller": true,
        "blockOwnerDeletion": true,
    })
}

/// The objects of a kind that a controller has, after it took those which are nobody's and let go those which are not meant.
/// `may_come` is what it takes.
pub(super) fn claim(
    world: &mut World,
    cluster: &str,
    claimant: &Claimant<'_>,
    (group, plural): (&str, &str),
    may_come: impl Fn(&Object) -> bool,
) -> Vec<Arc<Object>> {
    let (namespace, uid) =
        (text(claimant.object, &["metadata", "namespace"]), text(claimant.object, &["metadata", "uid"]));
    // Validation has seen to it that it can be read.
    let selector = LabelSelector::from_object(at(claimant.object, &["spec", "selector"])).unwrap_or_default();
    let mut claimed = Vec::new();
    for candidate in world.list(cluster, group, plural, Some(namespace)) {
        let matches = matches(&selector, &candidate);
        if !matches && candidate.owners().all(|owner| owner != uid) {
            continue;
        }
        let Ok(object) = candidate.map() else { continue };
        let named = Named { cluster, group, plural, namespace, name: candidate.name() };
        let owner = controller(&object).map(|owner| word(owner, "uid").to_owned());
        let is_leaving = is_deleting(claimant.object);
        match owner {
            Some(owner) if owner != uid => {}
            Some(_) if matches || is_leaving => claimed.push(object),
            Some(_) => {
                let _ = world.change(&named, Subresource::None, MANAGER, |object| release(object, uid));
            }
            None if matches && !is_leaving && !is_deleting(&object) && may_come(&object) => {
                let reference = reference(claimant);
                let adopted = world.change(&named, Subresource::None, MANAGER, |object| adopt(object, &reference));
                claimed.extend(adopted.and_then(crate::world::Written::into_map).ok());
            }
            None => {}
        }
    }
    claimed
}

fn adopt(object: &mut Object, reference: &Value) {
    let Some(metadata) = part(object, "metadata") else { return };
    let references = metadata.entry("ownerReferences").or_insert_with(|| json!([]));
    if let Some(references) = references.as_array_mut() {
        references.push(reference.clone());
    }
}

fn release(object: &mut Object, uid: &str) {
    let Some(metadata) = part(object, "metadata") else { return };
    if let Some(references) = metadata.get_mut("ownerReferences").and_then(Value::as_array_mut) {
        references.retain(|reference| word(reference, "uid") != uid);
    }
}

fn matches(selector: &LabelSelector, object: &store::Object) -> bool {
    let labels: Vec<(Cow<'_, str>, Cow<'_, str>)> = object.labels().collect();
    !selector.is_everything() && selector.matches(&labels[..])
}

/// The controllers of a kind whom a change of something that they own concerns: who controls it, who controlled it before it
/// changed or went, and who would take it, if it is nobody's.
pub(super) fn concerned(world: &World, changed: &Changed, (kind, plural): (&str, &str)) -> Vec<String> {
    let cluster = &*changed.cluster;
    let mut names = Vec::new();
    let now = world.kept(&changed.named());
    for state in [changed.before.as_ref(), now].into_iter().flatten() {
        if state.owners().next().is_none() {
            continue;
        }
        let Ok(object) = state.map() else { continue };
        if let Some(owner) = controller(&object).filter(|owner| word(owner, "kind") == kind) {
            names.push(word(owner, "name").to_owned());
        }
    }
    let is_orphan = |now: &&store::Object| now.owners().next().is_none() && now.labels().next().is_some();
    if let Some(now) = now.filter(is_orphan) {
        for candidate in world.list(cluster, "apps", plural, Some(&changed.namespace)) {
            let Ok(object) = candidate.map() else { continue };
            let selector = LabelSelector::from_object(at(&object, &["spec", "selector"])).unwrap_or_default();
            if matches(&selector, now) {
                names.push(candidate.name().to_owned());
            }
        }
    }
    names.sort();
    names.dedup();
    names
}
