//! The labels of claimed objects are kcp's to set (`pkg/admission/permissionclaims`).

use serde_json::json;

use super::Request;
use crate::kcp::claim::labels;
use crate::kcp::json::{Object, meta, part};
use crate::kcp::labels::claimed_labels;
use crate::kcp::names::CLAIMED;
use crate::lifecycle::Subresource;
use crate::world::World;

pub(super) fn complete(world: &World, request: &Request<'_>, new: &mut Object) {
    if request.subresource != Subresource::None {
        return;
    }
    let (group, plural) = (&request.serving.served.group, &request.serving.served.plural);
    let written = labels(new);
    let claimed = claimed_labels(world, request.place.cluster, (group, plural, request.name), &written);
    label(new, &claimed);
}

/// Gives an object these labels of claims, and no others.
pub(crate) fn label(object: &mut Object, claimed: &std::collections::BTreeMap<String, String>) {
    let has_others = labels(object).keys().any(|key| key.starts_with(CLAIMED) && !claimed.contains_key(key));
    if claimed.is_empty() && !has_others {
        return;
    }
    let all = meta(object, "labels");
    all.retain(|key, _| !key.starts_with(CLAIMED) || claimed.contains_key(key));
    all.extend(claimed.iter().map(|(key, value)| (key.clone(), json!(value))));
    if all.is_empty() {
        part(object, "metadata").remove("labels");
    }
}
