//! The singleton of a logical cluster is kcp's, but for a few fields (`pkg/admission/logicalcluster`).

use std::collections::BTreeSet;

use serde_json::Value;

use super::Request;
use crate::access::kcp::{EXTERNAL_LOGICAL_CLUSTER_ADMIN, LOGICAL_CLUSTER_ADMIN, WORKSPACE_BOOTSTRAPPER};
use crate::access::user::MASTERS;
use crate::causes;
use crate::kcp::json::{Object, annotation, at, part, text, texts};
use crate::quote::quote;
use crate::status::Failure;

const INITIALIZING: &str = "Initializing";
/// Annotations by which others find a workspace. kcp lets its owner change them, so that it takes the place of another one; not here.
const FIXED: [&str; 2] = ["kcp.io/path", "core.kcp.io/shard"];
/// Annotation: nobody gets in.
const INACTIVE: &str = "core.kcp.io/inactive";

fn phase(object: &Object) -> &str {
    text(object, &["status", "phase"])
}

fn begins(new: &Object, old: &Object) -> bool {
    phase(old) != INITIALIZING && phase(new) == INITIALIZING
}

/// What is to be done first is taken over when it begins.
pub(super) fn complete(request: &Request<'_>, new: &mut Object, old: Option<&Object>) {
    if !request.is("core.kcp.io", "logicalclusters") || !old.is_some_and(|old| begins(new, old)) {
        return;
    }
    for field in ["initializers", "terminators"] {
        let wanted = at(new, &["spec", field]).cloned();
        let status = part(new, "status");
        match wanted {
            Some(wanted) => drop(status.insert(field.to_owned(), wanted)),
            None => drop(status.remove(field)),
        }
    }
}

fn is_trusted(request: &Request<'_>) -> bool {
    let trusted = [MASTERS, LOGICAL_CLUSTER_ADMIN, EXTERNAL_LOGICAL_CLUSTER_ADMIN, WORKSPACE_BOOTSTRAPPER];
    trusted.iter().any(|group| request.user.is_in(group))
}

pub(super) fn check(request: &Request<'_>, new: &Object, old: Option<&Object>) -> Result<(), Failure> {
    if !request.is("core.kcp.io", "logicalclusters") || is_trusted(request) {
        return Ok(());
    }
    let Some(old) = old else { return Err(request.forbidden("LogicalCluster cannot be created")) };
    if at(old, &["spec", "createdBy"]) != at(new, &["spec", "createdBy"]) {
        let value = at(new, &["spec", "createdBy"]).unwrap_or(&Value::Null);
        let cause = causes::invalid_value("spec.createdBy", value, "field is immutable");
        return Err(request.forbidden(&causes::text(&cause)));
    }
    if let Some(name) = FIXED.into_iter().find(|name| annotation(old, name) != annotation(new, name)) {
        let cause =
            causes::invalid(format!("metadata.annotations[{name}]"), annotation(new, name), "field is immutable");
        return Err(request.forbidden(&causes::text(&cause)));
    }
    let set = |object: &Object, part: &str| -> BTreeSet<String> {
        texts(object, &[part, "initializers"]).into_iter().collect()
    };
    let (old_spec, new_spec) = (set(old, "spec"), set(new, "spec"));
    let (old_status, new_status) = (set(old, "status"), set(new, "status"));
    let why = if old_spec != new_spec {
        "spec.initializers is immutable"
    } else if begins(new, old) && new_spec != new_status {
        "status.initializers do not equal spec.initializers"
    } else if !begins(new, old) && phase(new) == INITIALIZING && !old_status.is_superset(&new_status) {
        "status.initializers must not grow"
    } else if phase(new) != INITIALIZING && old_status != new_status {
        "status.initializers is immutable after initialization"
    } else if phase(old) == INITIALIZING && phase(new) != INITIALIZING && !new_status.is_empty() {
        "status.initializers is not empty"
    } else {
        ""
    };
    if !why.is_empty() {
        return Err(request.forbidden(why));
    }
    if place(phase(old)) > place(phase(new)) {
        let why = format!("cannot transition from {} to {}", quote(phase(old)), quote(phase(new)));
        return Err(request.forbidden(&why));
    }
    let inactive = |object| annotation(object, INACTIVE) == "true";
    if phase(new) != "Ready" && !inactive(old) && inactive(new) {
        let why = format!(
            "LogicalCluster can only be marked inactive in phase \"Ready\", but is in phase {}",
            quote(phase(new))
        );
        return Err(request.forbidden(&why));
    }
    Ok(())
}

/// What is not known counts as the first.
fn place(phase: &str) -> u8 {
    match phase {
        "" => 1,
        "Scheduling" => 2,
        INITIALIZING => 3,
        "Ready" => 4,
        _ => 0,
    }
}

pub(super) fn check_deletion(request: &Request<'_>, old: &Object) -> Result<(), Failure> {
    let mine = request.is("core.kcp.io", "logicalclusters") && !is_trusted(request);
    if mine && at(old, &["spec", "directlyDeletable"]) != Some(&Value::Bool(true)) {
        return Err(request.forbidden("LogicalCluster cannot be deleted"));
    }
    Ok(())
}
