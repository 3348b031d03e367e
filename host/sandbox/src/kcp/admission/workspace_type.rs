//! What a WorkspaceType may say (`pkg/admission/workspacetype`, `reservednames`).

use serde_json::Value;

use super::Request;
use crate::causes;
use crate::kcp::ROOT;
use crate::kcp::json::{Object, at, items, of};
use crate::status::Failure;
use crate::world::World;

pub(super) fn check(world: &World, request: &Request<'_>, new: &Object, old: Option<&Object>) -> Result<(), Failure> {
    if !request.is("tenancy.kcp.io", "workspacetypes") {
        return Ok(());
    }
    if matches!(request.name, "any" | "system") && old.is_none() {
        let cause = causes::invalid("metadata.name", request.name, "name is reserved");
        return Err(request.forbidden(&causes::text(&cause)));
    }
    if request.name == ROOT && request.place.cluster != ROOT {
        return Err(request.forbidden("root workspace type can only be created in root cluster"));
    }
    let child = at(new, &["spec", "defaultChildWorkspaceType"]);
    if child.is_some_and(|child| of(child, "path").is_empty()) {
        return Err(request.forbidden(".spec.defaultChildWorkspaceType.path must be set"));
    }
    for limit in ["limitAllowedChildren", "limitAllowedParents"] {
        if let Some(index) = items(new, &["spec", limit, "types"]).position(|one| of(one, "path").is_empty()) {
            return Err(request.forbidden(&format!(".spec.{limit}.types[{index}].path must be set")));
        }
    }
    let before: Vec<&Value> = old.into_iter().flat_map(|old| items(old, &["spec", "defaultAPIBindings"])).collect();
    let added = items(new, &["spec", "defaultAPIBindings"]).filter(|one| !before.contains(one));
    for one in added {
        let (path, name) = (of(one, "path"), of(one, "export"));
        let cluster = if path.is_empty() { Some(request.place.cluster.to_owned()) } else { world.resolve(path) };
        let may = |cluster: String| request.may(world, &cluster, "bind", ["apis.kcp.io", "apiexports", name]);
        if !cluster.is_some_and(may) {
            return Err(Failure::not_in_sandbox(
                "the words in which kcp refuses a WorkspaceType with a default binding that its author may not bind",
            ));
        }
    }
    Ok(())
}
