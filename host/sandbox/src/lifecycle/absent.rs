//! A PUT or PATCH of what is not there (`Store.Update` of `registry/store.go`, `patch.go`).

use super::kind::Kind;
use super::metadata::{Metadata, Object};
use super::update::{Subresource, Update, precondition};
use crate::status::Failure;

/// Whether the object is to be [created](super::create()) then. An apply patch always creates, others never do.
pub fn absent(request: &Update<'_>, object: &Object, apply: bool) -> Result<(), Failure> {
    let Kind { group, plural, facts, .. } = *request.kind;
    let uid = Metadata::of(object).text("uid");
    let creates = request.subresource == Subresource::None && (apply || (request.put && facts.create_on_update));
    if !creates {
        return Err(Failure::not_found(group, plural, request.name));
    }
    if request.put {
        precondition(request, uid, "")?;
    } else if !uid.is_empty() {
        let why = format!("uid mismatch: the provided object specified uid {uid}, and no existing object was found");
        return Err(Failure::conflict(group, plural, request.name, &why));
    }
    Ok(())
}
