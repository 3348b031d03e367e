//! Finalizers that some of kcp's own kinds always have (`pkg/admission/finalizer` and those who use it).

use super::Request;
use crate::kcp::json::{Object, add_finalizer, has_finalizer, is_deleting};
use crate::kcp::{BINDING_FINALIZER, DELETION_FINALIZER};
use crate::status::Failure;

fn required(request: &Request<'_>) -> Option<&'static str> {
    if request.is("apis.kcp.io", "apibindings") {
        Some(BINDING_FINALIZER)
    } else if request.is("core.kcp.io", "logicalclusters") {
        Some(DELETION_FINALIZER)
    } else {
        None
    }
}

pub(super) fn complete(request: &Request<'_>, new: &mut Object) {
    if let Some(name) = required(request)
        && !is_deleting(new)
    {
        add_finalizer(new, name);
    }
}

pub(super) fn check(request: &Request<'_>, new: &Object, old: Option<&Object>) -> Result<(), Failure> {
    let Some(name) = required(request) else { return Ok(()) };
    let has = has_finalizer(new, name);
    let removes = !has && old.is_some_and(|old| has_finalizer(old, name));
    if !is_deleting(new) && !has {
        return Err(request.forbidden(&format!("finalizer {name} is required")));
    }
    if is_deleting(new) && removes && !request.is_privileged() {
        return Err(request.forbidden(&format!("removing the finalizer {name} is forbidden")));
    }
    Ok(())
}
