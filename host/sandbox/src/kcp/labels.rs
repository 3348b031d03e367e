//! The labels of objects that APIExports have claimed: by them a virtual workspace finds what it may show.
//!
//! Facts: `LabelsFor` in `pkg/permissionclaim/permissionclaim_labeler.go` of kcp.

use std::collections::BTreeMap;

use super::claim::{is_kept, normalized};
use super::names;
use crate::selectors::label::Labels;
use crate::world::World;

/// The claim labels that an object should have, given the labels that it has.
pub fn claimed_labels<L: Labels + ?Sized>(
    world: &World,
    cluster: &str,
    (group, resource, name): (&str, &str, &str),
    labels: &L,
) -> BTreeMap<String, String> {
    let mut claimed = BTreeMap::new();
    if !is_kept(group, resource) {
        return claimed;
    }
    let (claimed_group, claimed_resource) = normalized(group, resource);
    for binding in world.kcp().bindings_in(cluster) {
        let mut answers = binding.answers.on(claimed_group, claimed_resource).peekable();
        if answers.peek().is_none() {
            continue;
        }
        let Some(export) = world.kcp().export_of(binding) else { continue };
        for (claim, _) in answers.filter(|(_, chosen)| chosen.matches(labels)) {
            let value = names::claim_value(&claim.group, &claim.resource, &claim.identity_hash);
            claimed.insert(names::claim_key(&export.cluster, &export.name), value);
        }
    }
    // The owner of an APIExport sees the bindings of it, whatever they accept.
    if (group, resource) == ("apis.kcp.io", "apibindings")
        && let Some(export) = world.kcp().binding(cluster, name).and_then(|binding| world.kcp().export_of(binding))
    {
        claimed.entry(names::claim_key(&export.cluster, &export.name)).or_insert_with(names::reflexive_value);
    }
    claimed
}
