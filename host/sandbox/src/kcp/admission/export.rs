//! What an APIExport, its schemas and its endpoints may say (`pkg/admission/{apiexport,apiresourceschema,apiexportendpointslice}`).

use super::Request;
use crate::causes;
use crate::kcp::claim;
use crate::kcp::json::{Object, at, items, of, text};
use crate::kcp::virtual_workspace::is_claimable;
use crate::schema::admit_api_resource_schema;
use crate::status::Failure;
use crate::world::World;

pub(super) fn check(request: &Request<'_>, new: &Object) -> Result<(), Failure> {
    if !request.is("apis.kcp.io", "apiexports") {
        return Ok(());
    }
    for (index, claim) in claim::claims(new).iter().enumerate() {
        let own = is_claimable(&claim.group, &claim.resource) || claim.group == "apis.kcp.io";
        if claim.identity_hash.is_empty() && !own {
            let field = format!("spec.permissionClaims[{index}].identityHash");
            let why = "identityHash is required for API types that are not built-in";
            return Err(request.forbidden(&causes::text(&causes::invalid(field, "", why))));
        }
    }
    for (index, resource) in items(new, &["spec", "resources"]).enumerate() {
        let group = if of(resource, "group").is_empty() { "core" } else { of(resource, "group") };
        let (schema, end) = (of(resource, "schema"), format!(".{}.{group}", of(resource, "name")));
        if !schema.ends_with(&end) {
            let field = format!("spec.resources[{index}].schema");
            let cause = causes::invalid(field, schema, &format!("must end in {end}"));
            return Err(request.forbidden(&causes::text(&cause)));
        }
    }
    Ok(())
}

pub(super) fn check_schema(request: &Request<'_>, new: &Object, old: Option<&Object>) -> Result<(), Failure> {
    if request.is("apis.kcp.io", "apiresourceschemas") { admit_api_resource_schema(new, old) } else { Ok(()) }
}

pub(super) fn check_slice(
    world: &World,
    request: &Request<'_>,
    new: &Object,
    old: Option<&Object>,
) -> Result<(), Failure> {
    let export = ["spec", "export"];
    if !request.is("apis.kcp.io", "apiexportendpointslices")
        || old.is_some_and(|old| at(old, &export) == at(new, &export))
    {
        return Ok(());
    }
    let (path, name) = (text(new, &["spec", "export", "path"]), text(new, &["spec", "export", "name"]));
    if name.is_empty() {
        return Err(request.forbidden(&format!("[{}]", causes::text(&causes::required("spec.export.name", "")))));
    }
    let cluster = if path.is_empty() {
        Some(request.place.cluster)
    } else {
        world.kcp().export_at(path, name).map(|export| &*export.cluster)
    };
    if cluster.is_some_and(|cluster| request.may(world, cluster, "bind", ["apis.kcp.io", "apiexports", name])) {
        return Ok(());
    }
    let whole = joined(path, name);
    Err(request.forbidden(&format!("unable to create APIExportEndpointSlice: no permission to bind to export {whole}")))
}

/// A path with a name at its end.
pub(super) fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}:{name}") }
}
