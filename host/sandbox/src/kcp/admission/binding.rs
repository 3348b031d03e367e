//! Who may bind an APIExport, and the label by which its bindings are found (`pkg/admission/apibinding`).

use serde_json::json;

use super::Request;
use super::export::joined;
use crate::causes;
use crate::kcp::json::{Object, at, items, meta, text};
use crate::kcp::names::{EXPORT_LABEL, export_hash};
use crate::kcp::{ROOT, claim};
use crate::quote::quote;
use crate::status::{Cause, Failure};
use crate::world::World;

const REFERENCE: [&str; 2] = ["spec", "reference"];
const LABEL: [&str; 3] = ["metadata", "labels", EXPORT_LABEL];

/// A write that has to be looked at: of a new binding, or of what it refers to.
fn concerns(request: &Request<'_>, new: &Object, old: Option<&Object>) -> bool {
    request.is("apis.kcp.io", "apibindings")
        && old.is_none_or(|old| at(old, &REFERENCE) != at(new, &REFERENCE) || text(old, &LABEL) != text(new, &LABEL))
}

fn export_of(new: &Object) -> (&str, &str) {
    (text(new, &["spec", "reference", "export", "path"]), text(new, &["spec", "reference", "export", "name"]))
}

/// The logical cluster of the APIExport. The refusal does not say whether there is one.
fn cluster<'a>(
    world: &'a World,
    request: &'a Request<'_>,
    new: &Object,
    old: Option<&Object>,
) -> Result<&'a str, Failure> {
    let (path, name) = export_of(new);
    let found = match path {
        "" => Some(request.place.cluster),
        ROOT => Some(ROOT),
        path => world.kcp().export_at(path, name).map(|export| &*export.cluster),
    };
    found.ok_or_else(|| refused(request, new, old))
}

fn refused(request: &Request<'_>, new: &Object, old: Option<&Object>) -> Failure {
    let (path, name) = export_of(new);
    let action = if old.is_some() { "update" } else { "create" };
    let why = format!("unable to {action} APIBinding: no permission to bind to export {}", joined(path, name));
    request.forbidden(&why)
}

pub(super) fn complete(
    world: &World,
    request: &Request<'_>,
    new: &mut Object,
    old: Option<&Object>,
) -> Result<(), Failure> {
    if !concerns(request, new, old) || export_of(new).1.is_empty() {
        return Ok(());
    }
    let hash = export_hash(cluster(world, request, new, old)?, export_of(new).1);
    meta(new, "labels").insert(EXPORT_LABEL.to_owned(), json!(hash));
    Ok(())
}

pub(super) fn check(world: &World, request: &Request<'_>, new: &Object, old: Option<&Object>) -> Result<(), Failure> {
    if !request.is("apis.kcp.io", "apibindings") {
        return Ok(());
    }
    let wrong = wrong(new, old);
    if !wrong.is_empty() {
        let told: Vec<String> = wrong.iter().map(causes::text).collect();
        return Err(request.forbidden(&format!("[{}]", told.join(" "))));
    }
    if !concerns(request, new, old) {
        return Ok(());
    }
    let (cluster, name) = (cluster(world, request, new, old)?, export_of(new).1);
    if !request.may(world, cluster, "bind", ["apis.kcp.io", "apiexports", name]) {
        return Err(refused(request, new, old));
    }
    let (value, expected) = (text(new, &LABEL), export_hash(cluster, name));
    if value != expected {
        let field = format!("metadata.labels[{EXPORT_LABEL}]");
        let cause = causes::invalid(field, value, &format!("must be set to {}", quote(&expected)));
        return Err(request.forbidden(&causes::text(&cause)));
    }
    Ok(())
}

/// `ValidateAPIBinding`.
fn wrong(new: &Object, old: Option<&Object>) -> Vec<Cause> {
    let mut causes = Vec::new();
    if at(new, &["spec", "reference", "export"]).is_none() {
        causes.push(causes::required("spec.reference.export", ""));
    } else if export_of(new).1.is_empty() {
        causes.push(causes::required("spec.reference.export.name", ""));
    }
    for (index, one) in items(new, &["spec", "permissionClaims"]).enumerate() {
        let field = format!("spec.permissionClaims[{index}].selector");
        let selector = one.get("selector").cloned().unwrap_or_default();
        let has = |part: &str| {
            let part = selector.get(part);
            part.is_some_and(|part| {
                part.as_object().is_some_and(|map| !map.is_empty())
                    || part.as_array().is_some_and(|list| !list.is_empty())
            })
        };
        let parts = ["matchLabels", "matchExpressions"];
        if claim::Chosen::read(Some(&selector)) == claim::Chosen::All {
            for part in parts.into_iter().filter(|part| has(part)) {
                let why = format!("{part} cannot be used with matchAll");
                causes.push(causes::invalid_value(format!("{field}.{part}"), &selector, &why));
            }
        } else if !parts.into_iter().any(has) {
            let why = "either one of matchAll, matchLabels, or matchExpressions must be set";
            causes.push(causes::required(field, why));
        }
    }
    let phase = |object: &Object| text(object, &["status", "phase"]).to_owned();
    if let Some(old) = old.map(phase).filter(|old| !old.is_empty())
        && phase(new).is_empty()
    {
        causes.push(causes::forbidden("status.phase", &format!("cannot transition from {} to \"\"", quote(&old))));
    }
    causes
}
