//! What an APIBinding accepts of the claims of its APIExport is put into force: objects get labels, and the status says so
//! (`permissionclaimlabel_reconcile.go` in `pkg/reconciler/apis/permissionclaimlabel`).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::place::{APIS, binding, is};
use super::{bindings, claimed};
use crate::access::kcp::export::Claim;
use crate::actors::Actor;
use crate::kcp::claim::{claim, is_kept, key};
use crate::kcp::conditions::{self, Said, Severity};
use crate::kcp::json::{at, items, of};
use crate::kcp::virtual_workspace::is_claimable;
use crate::kcp::write::put_status;
use crate::quote::{aggregate, quote};
use crate::status::Failure;
use crate::world::{Changed, World};

/// See the module.
#[derive(Debug)]
pub(super) struct Claims;

impl Actor for Claims {
    fn act(&mut self, world: &mut World, changed: &Changed) -> Option<Timestamp> {
        if is(changed, APIS, "apibindings") || is(changed, APIS, "apiexports") {
            for (cluster, name) in bindings::concerned(world, changed) {
                let _ = reconcile(world, &cluster, &name);
            }
        }
        None
    }
}

/// Claims by what tells them apart, in that order.
type ByKey<'a> = BTreeMap<String, &'a Value>;

fn by_key<'a>(claims: impl Iterator<Item = &'a Value>) -> ByKey<'a> {
    claims.map(|one| (key(&claim(one)), one)).collect()
}

fn reconcile(world: &mut World, cluster: &str, name: &str) -> Result<(), Failure> {
    let own = binding(cluster, name);
    let Some(object) = world.get(&own) else { return Ok(()) };
    let known = world.kcp().binding(cluster, name);
    let Some(export) = known.and_then(|known| world.kcp().export_of(known)).cloned() else { return Ok(()) };
    let now = world.now;
    let wanted = by_key(export.written_claims.as_array().into_iter().flatten());
    let answers = items(&object, &["spec", "permissionClaims"]);
    let accepted = by_key(answers.filter(|one| of(one, "state") == "Accepted"));
    let applied = by_key(items(&object, &["status", "appliedPermissionClaims"]));

    let mut failed = BTreeMap::new();
    let selector = |one: Option<&&Value>| one.and_then(|one| one.get("selector")).cloned();
    let keys = wanted.keys().chain(applied.keys()).collect::<std::collections::BTreeSet<_>>();
    for one in keys {
        let expected = wanted.contains_key(one) && accepted.contains_key(one);
        let new = expected && selector(accepted.get(one)) != selector(applied.get(one));
        let gone = applied.contains_key(one) && !accepted.contains_key(one);
        let Some(value) = accepted.get(one).or_else(|| applied.get(one)).filter(|_| new || gone) else { continue };
        let claim = claim(value);
        if !is_kept(&claim.group, &claim.resource) {
            continue;
        }
        if !is_known(world, &claim) {
            let (group, resource) = (&claim.group, &claim.resource);
            let why = format!(
                "error getting informer for group={}, resource={}: unable to find informer for {resource}.{group}",
                quote(group),
                quote(resource)
            );
            failed.insert(one.clone(), why);
            continue;
        }
        claimed::relabel_all(world, cluster, &claim.group, &claim.resource, Some(name));
    }

    let mut status = at(&object, &["status"]).and_then(Value::as_object).cloned().unwrap_or_default();
    conditions::set(&mut status, now, "PermissionClaimsValid", &validity(&wanted, &accepted));
    let applied: Vec<Value> = accepted
        .iter()
        .filter(|(one, _)| wanted.contains_key(*one) && !failed.contains_key(*one))
        .map(|(_, value)| without_state(value))
        .collect();
    if applied.is_empty() {
        status.remove("appliedPermissionClaims");
    } else {
        status.insert("appliedPermissionClaims".to_owned(), Value::Array(applied));
    }
    let said = if failed.is_empty() {
        Said::yes()
    } else {
        let told: Vec<&String> = failed.values().take(10).collect();
        let message = format!("Permission claims have not been fully applied: {}", aggregate(&told));
        Said::no("InternalError", Severity::Error, message)
    };
    conditions::set(&mut status, now, "PermissionClaimsApplied", &said);
    put_status(world, &own, &object, status)
}

/// Whether there is such a resource anywhere.
fn is_known(world: &World, claim: &Claim) -> bool {
    let has = |one: &crate::kcp::export::Exported| *one.group == *claim.group && *one.name == *claim.resource;
    is_claimable(&claim.group, &claim.resource)
        || claim.group == APIS
        || world.kcp().exports_of_identity(&claim.identity_hash).iter().any(|export| export.resources.iter().any(has))
}

fn without_state(value: &Value) -> Value {
    let mut claim = value.as_object().cloned().unwrap_or_default();
    claim.remove("state");
    Value::Object(claim)
}

/// What is accepted and not claimed, or accepted otherwise than it is claimed.
fn validity(wanted: &ByKey<'_>, accepted: &ByKey<'_>) -> Said {
    let mismatches: Vec<String> =
        accepted.iter().filter_map(|(one, accepted)| mismatch(wanted.get(one)?, accepted)).collect();
    if !mismatches.is_empty() {
        let shown = mismatches.len().min(5);
        let message = format!(
            "{} permission claim(s) have mismatched verbs or selectors (showing first {shown}): {}",
            mismatches.len(),
            mismatches.get(..shown).unwrap_or_default().join(", ")
        );
        return Said::no("PermissionClaimsMismatch", Severity::Warning, message);
    }
    let unexpected: Vec<String> = accepted
        .iter()
        .filter(|(one, _)| !wanted.contains_key(*one))
        .map(|(_, value)| {
            let claim = claim(value);
            let identity = quote(&claim.identity_hash);
            format!("unexpected/invalid claim for {}.{} (identity {identity})", claim.resource, claim.group)
        })
        .collect();
    if unexpected.is_empty() {
        return Said::yes();
    }
    let shown = unexpected.get(..unexpected.len().min(10)).unwrap_or_default();
    let message = format!(
        "{} unexpected and/or invalid permission claims (showing first {}): {}",
        unexpected.len(),
        shown.len(),
        aggregate(shown)
    );
    Said::no("InvalidPermissionClaims", Severity::Error, message)
}

fn mismatch(wanted: &Value, accepted: &Value) -> Option<String> {
    let (wanted_claim, accepted_claim) = (claim(wanted), claim(accepted));
    let any = |claim: &Claim| claim.verbs.iter().any(|verb| verb == "*");
    let sorted = |claim: &Claim| {
        let mut verbs = claim.verbs.clone();
        verbs.sort();
        verbs.dedup();
        verbs
    };
    let mut parts = Vec::new();
    if !any(&wanted_claim) && !any(&accepted_claim) && sorted(&wanted_claim) != sorted(&accepted_claim) {
        let list = |claim: &Claim| format!("[{}]", claim.verbs.join(" "));
        parts.push(format!("verbs: accepted {}, exported {}", list(&accepted_claim), list(&wanted_claim)));
    }
    let default = wanted.get("defaultSelector").filter(|default| !default.is_null());
    if default.is_some_and(|default| accepted.get("selector") != Some(default)) {
        parts.push("selector differs from defaultSelector".to_owned());
    }
    let parts = (!parts.is_empty()).then(|| parts.join("; "))?;
    Some(format!("{}.{} ({parts})", accepted_claim.resource, accepted_claim.group))
}
