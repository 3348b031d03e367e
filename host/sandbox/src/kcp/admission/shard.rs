//! Defaults of a Shard (`pkg/admission/shard`).

use super::Request;
use crate::kcp::json::{Object, part};
use crate::status::Failure;

pub(super) fn complete(request: &Request<'_>, new: &mut Object) -> Result<(), Failure> {
    if !request.is("core.kcp.io", "shards") {
        return Ok(());
    }
    let spec = part(new, "spec");
    let Some(base) = spec.get("baseURL").cloned() else {
        return Err(Failure::new(500, "InternalError", "Internal error occurred: spec.baseURL is required"));
    };
    for field in ["externalURL", "virtualWorkspaceURL"] {
        spec.entry(field).or_insert_with(|| base.clone());
    }
    Ok(())
}
