//! An APIBinding gets what its APIExport exports now (`pkg/reconciler/apis/apibinding`).
//!
//! Once bound it stays bound; what goes wrong later is told by other conditions. A schema that is new to the server takes kcp a
//! moment to establish, which is left out.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::place::{APIS, CORE, binding, is};
use super::{conflicts, locks};
use crate::actors::Actor;
use crate::kcp::Schema;
use crate::kcp::conditions::{self, Said, Severity};
use crate::kcp::export::{Export, Exported};
use crate::kcp::json::{Object, at, of, text};
use crate::kcp::schemas::Compiled;
use crate::kcp::write::put_status;
use crate::quote::quote;
use crate::status::Failure;
use crate::world::{Changed, World};

pub(super) const INITIAL: &str = "InitialBindingCompleted";
const UP_TO_DATE: &str = "BindingUpToDate";
const VALID: &str = "APIExportValid";

/// See the module.
#[derive(Debug)]
pub(super) struct Bindings;

impl Actor for Bindings {
    fn act(&mut self, world: &mut World, changed: &Changed) -> Option<Timestamp> {
        for (cluster, name) in concerned(world, changed) {
            // What is refused is tried again with the next change.
            let _ = reconcile(world, &cluster, &name);
        }
        None
    }
}

/// The bindings that a change is about.
pub(super) fn concerned(world: &World, changed: &Changed) -> BTreeSet<(Box<str>, Box<str>)> {
    let mut due = BTreeSet::new();
    let kcp = world.kcp();
    let cluster = &changed.cluster;
    if is(changed, APIS, "apibindings") {
        due.insert((cluster.clone(), changed.name.clone()));
    } else if is(changed, APIS, "apiexports") {
        let path = world.canonical_path(cluster);
        due.extend(
            kcp.bindings_to(&path, cluster, &changed.name).iter().map(|one| (one.cluster.clone(), one.name.clone())),
        );
    } else if is(changed, APIS, "apiresourceschemas") {
        for export in kcp.exports_in(cluster).filter(|one| one.resources.iter().any(|one| one.schema == changed.name)) {
            due.extend(kcp.bindings_of(export).iter().map(|one| (one.cluster.clone(), one.name.clone())));
        }
    } else if is(changed, CORE, "logicalclusters") || is(changed, "apiextensions.k8s.io", "customresourcedefinitions") {
        due.extend(kcp.bindings_in(cluster).map(|one| (one.cluster.clone(), one.name.clone())));
    }
    due
}

fn reconcile(world: &mut World, cluster: &str, name: &str) -> Result<(), Failure> {
    let own = binding(cluster, name);
    let Some(object) = world.get(&own) else { return Ok(()) };
    let mut status = at(&object, &["status"]).and_then(Value::as_object).cloned().unwrap_or_default();
    let now = world.now;
    if text(&object, &["status", "phase"]).is_empty() {
        status.insert("phase".to_owned(), json!("Binding"));
        let waiting = "Waiting for API(s) to be established";
        conditions::set(&mut status, now, INITIAL, &Said::no("WaitingForEstablished", Severity::Info, waiting));
        return put_status(world, &own, &object, status);
    }
    if bind(world, cluster, name, &mut status) == Summary::Yes {
        conditions::summarize(&mut status, now, INITIAL);
    }
    put_status(world, &own, &object, status)
}

/// Whether `Ready` is to follow. After a clash of names kcp leaves it as it is, and tries again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Summary {
    Yes,
    No,
}

/// A resource that is to be bound.
struct Wanted<'a> {
    exported: &'a Exported,
    schema: Arc<Schema>,
}

fn bind(world: &mut World, cluster: &str, name: &str, status: &mut Object) -> Summary {
    let now = world.now;
    let Some(known) = world.kcp().binding(cluster, name).cloned() else { return Summary::Yes };
    let invalid = |status: &mut Object, reason: &str, severity: Severity, message: String| {
        conditions::set(status, now, VALID, &Said::no(reason, severity, message));
        Summary::Yes
    };
    if known.export.is_empty() {
        let message = "Missing APIExport reference".to_owned();
        return invalid(status, "APIExportInvalidReference", Severity::Error, message);
    }
    let whole = format!("{}|{}", known.path, known.export);
    let Some(export) = world.kcp().export_of(&known).cloned() else {
        return invalid(status, "APIExportNotFound", Severity::Error, format!("APIExport {whole} not found"));
    };
    match &export.written_claims {
        Value::Array(claims) if !claims.is_empty() => {
            status.insert("exportPermissionClaims".to_owned(), export.written_claims.clone());
        }
        _ => drop(status.remove("exportPermissionClaims")),
    }
    if export.identity.is_empty() {
        let message = format!("APIExport {whole} is missing status.identityHash");
        return invalid(status, "MissingIdentityHash", Severity::Warning, message);
    }
    status.insert("apiExportClusterName".to_owned(), json!(export.cluster));

    let mut wanted = Vec::new();
    for exported in &export.resources {
        let Some(schema) = world.kcp().schema(&export.cluster, &exported.schema).cloned() else {
            let message = format!(
                "Invalid APIExport. Please contact the APIExport owner to resolve: APIResourceSchema {} not found",
                quote(&exported.schema)
            );
            return invalid(status, "InternalError", Severity::Error, message);
        };
        wanted.push(Wanted { exported, schema });
    }
    let resources: Vec<(&str, &str)> =
        wanted.iter().map(|one| (&*one.schema.group, one.schema.names.plural.as_str())).collect();
    let held = match locks::lock(world, cluster, name, &resources) {
        Ok(held) => held,
        Err(locks::NoLock::Missing(message)) => {
            // It is waited for.
            fails(status, now, "LogicalClusterNotFound", &format!("Unable to bind APIs: {message}"));
            return Summary::Yes;
        }
        Err(locks::NoLock::Unusable(message)) => {
            fails(status, now, "NamingConflicts", &format!("Unable to bind APIs: {message}"));
            return Summary::Yes;
        }
    };
    for one in &wanted {
        if held.contains_key(&(one.schema.group.clone(), one.schema.names.plural.as_str().into())) {
            continue;
        }
        if let Some(conflict) = conflicts::find(world, cluster, name, &one.schema) {
            fails(status, now, "NamingConflicts", &format!("Unable to bind APIs: {conflict}"));
            return Summary::No;
        }
        match world.compiled(&export.cluster, &one.exported.schema, &one.schema.uid, &export.identity) {
            Ok(Some(compiled)) => upsert(status, one, &export, &compiled),
            Ok(None) => {}
            Err(failure) => {
                fails(status, now, "InternalError", &failure.message);
                return Summary::Yes;
            }
        }
    }
    conditions::set(status, now, VALID, &Said::yes());
    if held.is_empty() {
        conditions::set(status, now, INITIAL, &Said::yes());
        conditions::set(status, now, UP_TO_DATE, &Said::yes());
        status.insert("phase".to_owned(), json!("Bound"));
    } else {
        let told = locks::told(&held);
        let message = format!("Unable to bind APIs because they are bound by other APIBindings or CRDs: {told}");
        fails(status, now, "NamingConflicts", &message);
    }
    Summary::Yes
}

/// The binding is not as it should be, and if it never was, it is not complete either.
fn fails(status: &mut Object, now: Timestamp, reason: &str, message: &str) {
    let said = Said::no(reason, Severity::Error, message);
    conditions::set(status, now, UP_TO_DATE, &said);
    if conditions::is_false(status, INITIAL) {
        conditions::set(status, now, INITIAL, &said);
    }
}

/// Notes what is bound, in the place of what was of the same name.
fn upsert(status: &mut Object, wanted: &Wanted<'_>, export: &Export, compiled: &Compiled) {
    let all = status.entry("boundResources").or_insert_with(|| json!([]));
    let Value::Array(all) = all else { return };
    let (group, plural) = (&*wanted.schema.group, wanted.schema.names.plural.as_str());
    let old = all.iter().position(|one| of(one, "group") == group && of(one, "resource") == plural);
    let mut versions: BTreeSet<String> = BTreeSet::new();
    if !wanted.exported.is_virtual {
        versions.extend(compiled.stored_versions());
        let before = old.and_then(|at| all.get(at)?.get("storageVersions")?.as_array().cloned());
        versions.extend(before.into_iter().flatten().filter_map(|one| one.as_str().map(str::to_owned)));
    }
    let mut new = json!({
        "group": group, "resource": plural,
        "schema": {"name": wanted.exported.schema, "UID": wanted.schema.uid, "identityHash": export.identity},
    });
    if !versions.is_empty() {
        new["storageVersions"] = json!(versions);
    }
    match old.and_then(|at| all.get_mut(at)) {
        Some(old) => *old = new,
        None => all.push(new),
    }
}
