//! Nobody gives rights that they do not have.
//!
//! A server asks this for a role or binding that is created or changed, after the patch was applied and before the object is
//! validated.
//!
//! Facts: `pkg/registry/rbac/escalation_check.go`, `pkg/registry/rbac/*/policybased/storage.go`, `ConfirmNoEscalation` in
//! `pkg/registry/rbac/validation/rule.go` of Kubernetes.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::attributes::{Attributes, ResourceAttributes};
use super::authority::{Authority, Held};
use super::bindings::RbacKind;
use super::covers::{described, missing};
use super::rule::{Rule, RuleLists};
use super::user::{MASTERS, User};
use super::view::RBAC;
use crate::quote::{aggregate, quote, quote_list};
use crate::status::Failure;

/// A role or binding that somebody writes.
#[derive(Debug, Clone, Copy)]
pub struct Write<'a> {
    /// What it is.
    pub kind: RbacKind,
    /// The namespace of the request; empty for cluster-scoped kinds.
    pub namespace: &'a str,
    /// The name in the request's path; empty where it has none.
    pub name: &'a str,
    /// What it is to be, with defaults.
    pub new: &'a Value,
    /// What it was, if it was there.
    pub old: Option<&'a Value>,
}

/// The 403 for somebody who would give rights that they do not have, or the 404 for a binding of a role that is not there.
pub fn check(authority: &Authority<'_>, user: &User, write: &Write<'_>) -> Result<(), Failure> {
    if user.is_in(MASTERS) || matches!(authority, Authority::Nobody) {
        return Ok(());
    }
    match write.kind {
        RbacKind::Role | RbacKind::ClusterRole => role(authority, user, write),
        RbacKind::RoleBinding | RbacKind::ClusterRoleBinding => binding(authority, user, write),
    }
}

fn role(authority: &Authority<'_>, user: &User, write: &Write<'_>) -> Result<(), Failure> {
    let escalate = Attributes::Resource(ResourceAttributes {
        verb: "escalate",
        group: RBAC,
        resource: write.kind.resource(),
        subresource: "",
        namespace: write.namespace,
        name: write.name,
    });
    if authority.authorize(user, &escalate).is_allowed() || write.is_for_garbage_collection() {
        return Ok(());
    }
    let rules = Rule::read_all(write.new);
    let held = authority.held(user, write.namespace);
    confirm(user, &held, &rules, write).map_err(|why| write.forbidden(&why))?;
    let aggregates = |role: &Value| {
        role.pointer("/aggregationRule/clusterRoleSelectors")
            .and_then(Value::as_array)
            .is_some_and(|all| !all.is_empty())
    };
    // An aggregation rule can gather anything.
    if write.kind == RbacKind::ClusterRole && (aggregates(write.new) || write.old.is_some_and(aggregates)) {
        let everything = [
            Rule::read(&serde_json::json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]})),
            Rule::read(&serde_json::json!({"verbs": ["*"], "nonResourceURLs": ["*"]})),
        ];
        confirm(user, &held, &everything, write)
            .map_err(|_| write.forbidden("must have cluster-admin privileges to use the aggregationRule"))?;
    }
    Ok(())
}

fn binding(authority: &Authority<'_>, user: &User, write: &Write<'_>) -> Result<(), Failure> {
    if write.is_for_garbage_collection() {
        return Ok(());
    }
    let field =
        |name| write.new.get("roleRef").and_then(|role| role.get(name)).and_then(Value::as_str).unwrap_or_default();
    let (kind, name) = (field("kind"), field("name"));
    let resource = match kind {
        "Role" => Some("roles"),
        "ClusterRole" => Some("clusterroles"),
        _ => None,
    };
    if let Some(resource) = resource {
        let bind = Attributes::Resource(ResourceAttributes {
            verb: "bind",
            group: field("apiGroup"),
            resource,
            subresource: "",
            namespace: write.namespace,
            name,
        });
        if authority.authorize(user, &bind).is_allowed() {
            return Ok(());
        }
    }
    let rules = authority.role(kind, name, write.namespace).map_err(|role| role.into_failure(write.kind.resource()))?;
    confirm(user, &authority.held(user, write.namespace), rules, write).map_err(|why| write.forbidden(&why))
}

/// The text of `ConfirmNoEscalation` if somebody does not hold all rules.
fn confirm(user: &User, held: &Held<'_>, wanted: &[Rule], write: &Write<'_>) -> Result<(), String> {
    let lists: Vec<RuleLists<'_>> = held.0.iter().map(|rule| rule.lists()).collect();
    let wanted: Vec<RuleLists<'_>> = wanted.iter().map(Rule::lists).collect();
    let lacking = missing(&lists, &wanted);
    if lacking.is_empty() {
        return Ok(());
    }
    let mut message = format!(
        "user {} (groups={}) is attempting to grant RBAC permissions not currently held:\n{}",
        quote(&user.name),
        quote_list(&user.groups),
        described(lacking).join("\n")
    );
    if !held.1.is_empty() {
        let roles: Vec<String> = held.1.iter().map(|role| role.as_store(write.kind.resource())).collect();
        // Writing into a String cannot fail.
        let _ = write!(message, "; resolution errors: [{}]", aggregate(&roles));
    }
    Err(message)
}

impl Write<'_> {
    fn forbidden(&self, why: &str) -> Failure {
        let name = self.new.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        Failure::forbidden(RBAC, self.kind.resource(), name, why)
    }

    /// Whether nothing changes but what the garbage collector changes (`IsOnlyMutatingGCFields`).
    fn is_for_garbage_collection(&self) -> bool {
        let Some(old) = self.old.and_then(Value::as_object) else { return false };
        let Some(new) = self.new.as_object() else { return false };
        let content = |object: &Map<String, Value>| without(object, &["metadata"]);
        let metadata = |object: &Map<String, Value>| {
            let metadata = object.get("metadata").and_then(Value::as_object);
            metadata.map(|metadata| without(metadata, &["ownerReferences", "finalizers", "selfLink", "managedFields"]))
        };
        content(new) == content(old) && metadata(new) == metadata(old)
    }
}

/// An object without some fields and without empty ones, which Go does not tell from absent ones.
fn without(object: &Map<String, Value>, names: &[&str]) -> Map<String, Value> {
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    };
    let kept = object.iter().filter(|(name, value)| !names.contains(&name.as_str()) && !empty(value));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}
