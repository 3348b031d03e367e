//! `kcp.io/path`: the path of the workspace, on objects that are referred to by it (`pkg/admission/pathannotation`).

use serde_json::json;

use super::Request;
use crate::kcp::PATH;
use crate::kcp::json::{Object, annotation, at, meta};
use crate::quote::quote;
use crate::status::Failure;
use crate::world::World;

/// Kinds that always have it.
fn always(request: &Request<'_>) -> bool {
    request.is("apis.kcp.io", "apiexports")
        || request.is("apis.kcp.io", "apibindings")
        || request.is("tenancy.kcp.io", "workspacetypes")
}

fn has(object: &Object) -> bool {
    at(object, &["metadata", "annotations", PATH]).is_some()
}

/// The path of the workspace; nothing if the object is to have none.
fn path(world: &World, request: &Request<'_>, object: &Object) -> Result<Option<String>, Failure> {
    if request.is("core.kcp.io", "logicalclusters") || !(always(request) || has(object)) {
        return Ok(None);
    }
    match world.kcp().logical_cluster(request.place.cluster) {
        Some(_) => Ok(Some(world.canonical_path(request.place.cluster))),
        None if request.is("apis.kcp.io", "apibindings") => Ok(None),
        None => {
            let missing = Failure::not_found("core.kcp.io", "logicalclusters", "cluster");
            Err(request.forbidden(&format!("cannot get this workspace: {}", missing.message)))
        }
    }
}

pub(super) fn complete(world: &World, request: &Request<'_>, new: &mut Object) -> Result<(), Failure> {
    if let Some(path) = path(world, request, new)?
        && annotation(new, PATH) != path
    {
        meta(new, "annotations").insert(PATH.to_owned(), json!(path));
    }
    Ok(())
}

pub(super) fn check(world: &World, request: &Request<'_>, new: &Object) -> Result<(), Failure> {
    let written = annotation(new, PATH);
    match path(world, request, new)? {
        Some(path) if written != path && !request.is("apis.kcp.io", "apibindings") => Err(request.forbidden(&format!(
            "annotation for {}, {} must match canonical path {}, but got {}",
            request.name,
            quote(PATH),
            quote(&path),
            quote(written)
        ))),
        _ => Ok(()),
    }
}
