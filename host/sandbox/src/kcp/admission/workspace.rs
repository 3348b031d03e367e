//! Workspaces: who owns one, of which type it is, and which types may be under which (`pkg/admission/{workspace,workspacetypeexists}`).

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::Request;
use crate::access::user::User;
use crate::kcp::json::{Object, annotation, at, items, meta, part, text};
use crate::kcp::workspace_types::{Reference, WorkspaceType, reference, resolve, transitive};
use crate::kcp::{OWNER, REQUIRED_GROUPS, TYPE};
use crate::quote::aggregate;
use crate::status::Failure;
use crate::world::World;

fn concerns(request: &Request<'_>) -> bool {
    request.is("tenancy.kcp.io", "workspaces")
}

fn type_of(object: &Object) -> Reference {
    at(object, &["spec", "type"]).map(reference).unwrap_or_default()
}

pub(super) fn complete(
    world: &World,
    request: &Request<'_>,
    new: &mut Object,
    old: Option<&Object>,
) -> Result<(), Failure> {
    if !concerns(request) || old.is_some() {
        return Ok(());
    }
    if at(new, &["spec", "mount"]).is_some() {
        return Err(Failure::not_in_sandbox("workspaces that are mounted from elsewhere"));
    }
    let cluster = request.place.cluster;
    let parent = world.kcp().logical_cluster(cluster);
    let missing = || Failure::not_found("core.kcp.io", "logicalclusters", "cluster");
    if !request.is_privileged() {
        meta(new, "annotations").insert(OWNER.to_owned(), json!(owner(request.user)));
    }
    if !request.is_privileged() || annotation(new, REQUIRED_GROUPS).is_empty() {
        let parent = parent.ok_or_else(|| request.forbidden(&missing().message))?;
        match &parent.required_groups {
            Some(groups) => drop(meta(new, "annotations").insert(REQUIRED_GROUPS.to_owned(), json!(groups))),
            None => drop(meta(new, "annotations").remove(REQUIRED_GROUPS)),
        }
    }
    if parent.is_none() {
        return Err(request.forbidden(&format!("workspace type cannot be resolved: {}", missing().message)));
    }
    let mut wanted = type_of(new);
    if wanted.1.is_empty() {
        let parent = parent_type(world, request)?;
        let child = at(&parent.object, &["spec", "defaultChildWorkspaceType"]);
        wanted = child.map(reference).ok_or_else(|| {
            // kcp forgets to fill this in.
            request.forbidden("spec.defaultChildWorkspaceType of workspace type %s:%s must be set")
        })?;
    }
    let found = resolve(world, &world.canonical_path(cluster), &wanted).map_err(|why| request.forbidden(&why))?;
    let path = if wanted.0.is_empty() { found.path.clone() } else { wanted.0 };
    part(new, "spec").insert("type".to_owned(), json!({"name": wanted.1, "path": path}));
    let more = at(&found.object, &["spec", "additionalWorkspaceLabels"]).and_then(Value::as_object);
    for (key, value) in more.into_iter().flatten() {
        meta(new, "labels").entry(key.clone()).or_insert_with(|| value.clone());
    }
    Ok(())
}

pub(super) fn check(world: &World, request: &Request<'_>, new: &Object, old: Option<&Object>) -> Result<(), Failure> {
    if !concerns(request) {
        return Ok(());
    }
    let spec = |object: &Object, field: &str| text(object, &["spec", field]).to_owned();
    let Some(old) = old else {
        for field in ["Cluster", "URL"] {
            let name = if field == "URL" { "URL" } else { "cluster" };
            if !request.is_privileged() && !spec(new, name).is_empty() {
                return Err(request.forbidden(&format!("spec.{field} can only be set by system privileged users")));
            }
        }
        return check_type(world, request, new);
    };
    if !spec(old, "cluster").is_empty() && spec(new, "cluster").is_empty() {
        return Err(request.forbidden("spec.cluster cannot be unset"));
    }
    for field in ["cluster", "URL"] {
        if !request.is_privileged() && spec(old, field) != spec(new, field) {
            return Err(request.forbidden(&format!("spec.{field} can only be changed by system privileged users")));
        }
    }
    if type_of(old) != type_of(new) {
        return Err(request.forbidden("spec.type is immutable"));
    }
    let becomes_ready = text(old, &["status", "phase"]) != "Ready" && text(new, &["status", "phase"]) == "Ready";
    for field in ["cluster", "URL"] {
        if becomes_ready && spec(new, field).is_empty() {
            return Err(request.forbidden(&format!("spec.{field} must be set for phase Ready")));
        }
    }
    Ok(())
}

/// Whether the user may use the type, and the parent may have such a child.
fn check_type(world: &World, request: &Request<'_>, new: &Object) -> Result<(), Failure> {
    let refused = |why: String| request.forbidden(&why);
    let wanted = type_of(new);
    let found = resolve(world, request.place.cluster, &wanted).map_err(refused)?;
    let all = transitive(world, &found).map_err(refused)?;
    for one in &all {
        if !request.may(world, &one.cluster, "use", ["tenancy.kcp.io", "workspacetypes", &one.name]) {
            let why = format!(
                "unable to use workspace type {}: missing verb='use' permission on workspacetype",
                one.qualified()
            );
            return Err(request.forbidden(&why));
        }
    }
    let parent = parent_type(world, request)?;
    let parents = transitive(world, &parent).map_err(refused)?;
    let own = world.kcp().logical_cluster(request.place.cluster).map(|one| one.workspace_type.clone());
    let (own, child) = (own.unwrap_or_default(), format!("{}:{}", wanted.0, wanted.1));
    let mut wrong = Vec::new();
    for one in &all {
        limited(one, "limitAllowedParents", &parents, [&child, &own], ["any parent", "parent"], &mut wrong);
    }
    if wrong.is_empty() {
        for one in &parents {
            limited(one, "limitAllowedChildren", &all, [&own, &child], ["any child", "child"], &mut wrong);
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(request.forbidden(&aggregate(&wrong))) }
}

/// Whether a type that is limited goes together with others.
fn limited(
    one: &WorkspaceType,
    limit: &str,
    others: &[WorkspaceType],
    [whole, other]: [&str; 2],
    [any, what]: [&str; 2],
    wrong: &mut Vec<String>,
) {
    let Some(limit) = one.limit(limit) else { return };
    if limit.get("none") == Some(&Value::Bool(true)) {
        wrong.push(format!("workspace type {whole} cannot have {any}"));
        return;
    }
    let limit = Map::from_iter([("types".to_owned(), limit.get("types").cloned().unwrap_or_default())]);
    let allowed: BTreeSet<String> =
        items(&limit, &["types"]).map(reference).map(|(path, name)| format!("{path}:{name}")).collect();
    let there: BTreeSet<String> = others.iter().map(WorkspaceType::qualified).collect();
    if allowed.is_empty() || !allowed.is_disjoint(&there) {
        return;
    }
    let list = |set: &BTreeSet<String>| format!("[{}]", set.iter().cloned().collect::<Vec<_>>().join(" "));
    let extending =
        if one.qualified() == whole { String::new() } else { format!(" extends {}, which", one.qualified()) };
    wrong.push(format!(
        "workspace type {whole}{extending} only allows {} {what} workspaces, but {what} type {other} only implements {}",
        list(&allowed),
        list(&there)
    ));
}

/// The type of the workspace that the new one is under.
fn parent_type(world: &World, request: &Request<'_>) -> Result<WorkspaceType, Failure> {
    let own = world.kcp().logical_cluster(request.place.cluster).map(|one| one.workspace_type.clone());
    let own = own.filter(|own| !own.is_empty());
    let own = own.ok_or_else(|| request.forbidden(&format!("annotation {TYPE} on LogicalCluster must be set")))?;
    let (path, name) = own.rsplit_once(':').ok_or_else(|| {
        request.forbidden(&format!("annotation {TYPE} on LogicalCluster must be in the form of cluster:name"))
    })?;
    let found = resolve(world, path, &(path.to_owned(), name.to_owned()));
    found.map_err(|why| request.forbidden(&format!("parent type cannot be resolved: {why}")))
}

/// `WorkspaceOwnerAnnotationValue`: a `UserInfo` as Go writes it.
fn owner(user: &User) -> String {
    let mut parts = Vec::new();
    let mut put = |name: &str, value: Value, empty: bool| {
        if !empty {
            parts.push(format!("\"{name}\":{value}"));
        }
    };
    put("username", json!(user.name), user.name.is_empty());
    put("uid", json!(user.uid), user.uid.is_empty());
    put("groups", json!(user.groups), user.groups.is_empty());
    put("extra", json!(user.extra), user.extra.is_empty());
    format!("{{{}}}", parts.join(","))
}
