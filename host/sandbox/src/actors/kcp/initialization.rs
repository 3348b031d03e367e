//! What a new workspace gets because of its type: bindings, and the namespaces of `universal`
//! (`pkg/reconciler/tenancy/{initialization,bootstrap}`, `config/universal`).

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::bindings::INITIAL;
use super::exports::object;
use super::place::{APIS, CORE, binding, is, logical_cluster, named};
use super::workspaces::status_of;
use crate::actors::Actor;
use crate::kcp::conditions::{self, Said, Severity};
use crate::kcp::json::{Object, annotation, items, of, text, texts};
use crate::kcp::workspace_types::{self, WorkspaceType};
use crate::kcp::write::{create, put_status};
use crate::kcp::{OWNER, names};
use crate::quote::aggregate;
use crate::status::Failure;
use crate::world::{Changed, Place, World};

/// The initializer that waits for bindings.
pub(super) const BINDINGS: &str = "system:apibindings";
/// The initializer of the type `universal`.
const UNIVERSAL: &str = "root:universal";

/// See the module.
#[derive(Debug)]
pub(super) struct Initialization;

impl Actor for Initialization {
    fn act(&mut self, world: &mut World, changed: &Changed) -> Option<Timestamp> {
        if !is(changed, CORE, "logicalclusters") && !is(changed, APIS, "apibindings") {
            return None;
        }
        let cluster = &*changed.cluster;
        let known = world.kcp().logical_cluster(cluster).filter(|known| &*known.phase == "Initializing")?;
        let left = known.initializers.clone();
        if left.iter().any(|one| one == BINDINGS) {
            let _ = bind(world, cluster);
        }
        if left.iter().any(|one| one == UNIVERSAL) {
            let _ = furnish(world, cluster);
        }
        None
    }
}

/// Takes an initializer away, with what else is to be said.
fn done(world: &mut World, cluster: &str, initializer: &str) -> Result<(), Failure> {
    let own = logical_cluster(cluster);
    let Some(object) = world.get(&own) else { return Ok(()) };
    let mut status = status_of(&object);
    let left: Vec<String> = texts(&status, &["initializers"]).into_iter().filter(|one| one != initializer).collect();
    if left.is_empty() {
        status.remove("initializers");
    } else {
        status.insert("initializers".to_owned(), json!(left));
    }
    put_status(world, &own, &object, status)
}

fn furnish(world: &mut World, cluster: &str) -> Result<(), Failure> {
    let Some(object) = world.get(&logical_cluster(cluster)) else { return Ok(()) };
    // kcp acts in the name of the owner, and does nothing where nobody is said to be it.
    if annotation(&object, OWNER).is_empty() {
        return Ok(());
    }
    for name in ["default", "kube-system"] {
        namespace(world, cluster, name)?;
    }
    done(world, cluster, UNIVERSAL)
}

/// Makes a namespace as kcp does when it begins, if it is not there.
pub(crate) fn namespace(world: &mut World, cluster: &str, name: &str) -> Result<(), Failure> {
    if world.get(&named(cluster, "", "namespaces", name)).is_some() {
        return Ok(());
    }
    let new = object(json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": name, "annotations": {"bootstrap.kcp.io/create-only": "true"}},
    }));
    create(world, Place { cluster, namespace: "" }, ["", "namespaces"], new).map(drop)
}

fn bind(world: &mut World, cluster: &str) -> Result<(), Failure> {
    let said = match wanted(world, cluster) {
        Err(why) => Said::no("WorkspaceTypesInvalid", Severity::Error, why),
        Ok(wanted) => {
            let present = world.list(cluster, APIS, "apibindings", None);
            let present: Vec<Arc<Object>> = present.iter().filter_map(|one| one.map().ok()).collect();
            let wrong = make(world, cluster, &wanted);
            if wrong.is_empty() {
                let incomplete = incomplete(&wanted, &present);
                if incomplete.is_empty() {
                    return done(world, cluster, BINDINGS);
                }
                let message = format!("APIBinding(s) not yet fully bound: {}", incomplete.join(", "));
                Said::no("WaitingOnAPIBindings", Severity::Info, message)
            } else {
                let message = format!("encountered errors: {}", aggregate(&wrong));
                Said::no("APIBindingErrors", Severity::Error, message)
            }
        }
    };
    let own = logical_cluster(cluster);
    let Some(object) = world.get(&own) else { return Ok(()) };
    let mut status = status_of(&object);
    conditions::set(&mut status, world.now, "APIBindingsInitialized", &said);
    put_status(world, &own, &object, status)
}

/// What a workspace binds because of its type: path and name of each APIExport, once.
fn wanted(world: &World, cluster: &str) -> Result<Vec<(String, String)>, String> {
    let of_type = world.kcp().logical_cluster(cluster).map(|known| known.workspace_type.to_string());
    let of_type = of_type.unwrap_or_default();
    let Some((path, name)) = of_type.rsplit_once(':') else { return Ok(Vec::new()) };
    let found = workspace_types::find(world, path, name);
    let missing = || Failure::not_found("tenancy.kcp.io", "workspacetypes", name).message.clone();
    let found = found.ok_or_else(|| format!("error getting WorkspaceType {path}|{name}: {}", missing()))?;
    let all = workspace_types::transitive(world, &found)
        .map_err(|why| format!("error resolving transitive set of workspace types: {why}"))?;
    let mut wanted = Vec::new();
    for (path, name) in all.iter().flat_map(WorkspaceType::default_bindings) {
        let one = (path.to_owned(), name.to_owned());
        if !wanted.contains(&one) {
            wanted.push(one);
        }
    }
    Ok(wanted)
}

fn make(world: &mut World, cluster: &str, wanted: &[(String, String)]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (path, name) in wanted {
        let Some(export) = world.kcp().export_at(path, name).cloned() else {
            let why = "unable to complete initialization: unable to find at least 1 APIExport".to_owned();
            if !wrong.contains(&why) {
                wrong.push(why);
            }
            continue;
        };
        let own = names::binding_name(cluster, path, name);
        if world.get(&binding(cluster, &own)).is_some() {
            continue;
        }
        let mut spec = json!({"reference": {"export": {"path": path, "name": name}}});
        let claims: Vec<Value> = export.written_claims.as_array().into_iter().flatten().map(answered).collect();
        if !claims.is_empty() {
            spec["permissionClaims"] = Value::Array(claims);
        }
        let new = object(json!({
            "apiVersion": "apis.kcp.io/v1alpha2", "kind": "APIBinding", "metadata": {"name": own}, "spec": spec,
        }));
        if let Err(failure) = create(world, Place { cluster, namespace: "" }, [APIS, "apibindings"], new) {
            wrong.push(failure.message.clone());
        }
    }
    wrong
}

/// A claim that is accepted because of the type.
fn answered(claim: &Value) -> Value {
    let mut claim = claim.clone();
    claim["selector"] = claim.get("defaultSelector").cloned().unwrap_or_else(|| json!({"matchAll": true}));
    claim["state"] = json!("Accepted");
    claim
}

/// What is not bound yet, in kcp's words.
fn incomplete(wanted: &[(String, String)], present: &[Arc<Object>]) -> Vec<String> {
    let mut incomplete = Vec::new();
    for (path, name) in wanted {
        let of_export = |binding: &&Arc<Object>| {
            text(binding, &["spec", "reference", "export", "path"]) == path
                && text(binding, &["spec", "reference", "export", "name"]) == name
        };
        let Some(binding) = present.iter().find(of_export) else {
            incomplete.push(format!("for APIExport {path}|{name}"));
            continue;
        };
        let (status, own) = (status_of(binding), text(binding, &["metadata", "name"]));
        let accepts = items(binding, &["spec", "permissionClaims"]).any(|one| of(one, "state") == "Accepted");
        if !conditions::is_true(&status, INITIAL) {
            incomplete.push(own.to_owned());
        } else if accepts && !conditions::is_true(&status, "PermissionClaimsApplied") {
            incomplete.push(format!("{own} waiting for permission claims to be applied"));
        }
    }
    incomplete.sort();
    incomplete
}
