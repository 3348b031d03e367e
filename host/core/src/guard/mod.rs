//! The rules of the platform, over every object before it is applied, whoever wrote it: a template, a patch of a tenant, a
//! plugin.
//!
//! Escaping protects a template from its values; nothing protects the cluster from the author of a template but this. What
//! is not allowed is refused; nothing is corrected. A tenant's kubeconfig may well be a cluster administrator's, so the API
//! server of the physical cluster cannot be relied on to refuse anything.
//!
//! The rules come in families, a file each: whose object it is, what rights it gives, what its pods may do, and what it
//! opens to the outside. [`granted()`] is the other side of the second: which API resources a target's syncer may have.

mod at;
mod exposure;
mod granted;
mod ownership;
mod pod_security;
mod rbac;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;

pub use granted::{Refused, RefusedWhy, granted};

use crate::api::ApiResource;
use crate::canonical;
use crate::names::TargetNames;
use crate::object::{Desired, ObjectId};
use crate::reason::Reason;
use at::At;

/// How many violations are described; the others are counted.
const DESCRIBED: usize = 16;

/// What a target's objects are measured by.
#[derive(Debug, Clone)]
pub struct Policy<'a> {
    /// The target's names.
    pub names: &'a TargetNames,
    /// The target's namespace in the physical cluster.
    pub namespace: &'a str,
    /// The API resources that the syncer may have; from [`granted()`].
    pub granted: &'a [ApiResource],
    /// How much there may be.
    pub limits: Limits,
    /// What the platform allows beyond the rules.
    pub waivers: Waivers,
}

impl<'a> Policy<'a> {
    /// The rules without any waiver.
    pub fn new(names: &'a TargetNames, namespace: &'a str, granted: &'a [ApiResource]) -> Self {
        Self { names, namespace, granted, limits: Limits::default(), waivers: Waivers::default() }
    }
}

/// How much there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Number of objects.
    pub objects: usize,
    /// Bytes of one object, as compact JSON.
    pub object_bytes: usize,
    /// Bytes of all objects together.
    pub total_bytes: usize,
    /// Replicas of one Deployment.
    pub replicas: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { objects: 64, object_bytes: 256 << 10, total_bytes: 1 << 20, replicas: 16 }
    }
}

/// What the platform allows beyond the rules. Nothing, unless it says so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waivers {
    /// Rights beyond the resources that were granted, such as `get` on `pods/log`.
    pub rights: Vec<Right>,
    /// Services of the types NodePort and LoadBalancer.
    pub exposed_services: bool,
}

/// Verbs on one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Right {
    /// API group; empty for the core group.
    pub group: String,
    /// Plural name, with a subresource if one is meant: `pods/log`.
    pub resource: String,
    /// The verbs.
    pub verbs: Vec<String>,
}

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The object; `None` where the rule is about all of them.
    pub id: Option<ObjectId>,
    /// Where in the object, such as `spec.template.spec.hostNetwork`; empty for the whole object.
    pub path: String,
    /// Template file or plugin that the object came from; empty where the rule is about all objects.
    pub source: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(id) = &self.id {
            shown(f, &id.to_string(), 160)?;
            if !self.source.is_empty() {
                f.write_str(" (")?;
                shown(f, &self.source, 120)?;
                f.write_str(")")?;
            }
            f.write_str(": ")?;
        }
        if !self.path.is_empty() {
            shown(f, &self.path, 200)?;
            f.write_str(": ")?;
        }
        shown(f, &self.problem, 200)?;
        f.write_str("; ")?;
        shown(f, &self.remedy, 240)
    }
}

/// Writes text of a tenant's: bounded, and without anything that a terminal or a log would obey.
fn shown(f: &mut fmt::Formatter<'_>, text: &str, most: usize) -> fmt::Result {
    use fmt::Write;
    for (count, character) in text.chars().enumerate() {
        if count == most {
            return f.write_str("…");
        }
        let hidden = character.is_control()
            || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        f.write_char(if hidden { '\u{fffd}' } else { character })?;
    }
    Ok(())
}

/// Objects that may not be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text())]
pub struct Violations {
    list: Vec<Violation>,
    more: usize,
}

impl Violations {
    /// The first ones: by object in the order given, then by rule.
    pub fn iter(&self) -> impl Iterator<Item = &Violation> {
        self.list.iter()
    }

    /// How many there are, also of those that [`iter`](Self::iter) does not describe.
    #[expect(clippy::len_without_is_empty, reason = "violations that are none are no error")]
    pub const fn len(&self) -> usize {
        self.list.len() + self.more
    }

    /// The reason for a condition.
    pub const fn reason(&self) -> Reason {
        Reason::PolicyViolation
    }

    fn text(&self) -> String {
        let mut lines: Vec<_> = self.list.iter().map(ToString::to_string).collect();
        if self.more > 0 {
            lines.push(format!("and {} more", self.more));
        }
        lines.join("\n")
    }
}

/// What is found, while looking.
struct Findings<'a> {
    object: Option<&'a Desired>,
    found: Violations,
}

impl Findings<'_> {
    fn refuse(&mut self, at: &At<'_>, problem: impl fmt::Display, remedy: impl fmt::Display) {
        if self.found.list.len() == DESCRIBED {
            self.found.more += 1;
            return;
        }
        self.found.list.push(Violation {
            id: self.object.map(|object| object.id.clone()),
            path: at.path(),
            source: self.object.map(|object| object.source.clone()).unwrap_or_default(),
            problem: problem.to_string(),
            remedy: remedy.to_string(),
        });
    }

    /// Refuses a list with more than `most` items, or what is no list; the items otherwise.
    fn items<'a>(&mut self, at: &'a At<'a>, most: usize) -> impl Iterator<Item = At<'a>> + use<'a> {
        let items = match at.list() {
            Some(items) if items.len() <= most => items,
            Some(items) => {
                self.refuse(at, format_args!("has {} items", items.len()), format_args!("at most {most} are allowed"));
                &[]
            }
            None => {
                self.refuse(at, "is not a list", "make it a list");
                &[]
            }
        };
        items.iter().enumerate().map(|(index, value)| at.item(index, value))
    }

    fn is_full(&self) -> bool {
        self.found.list.len() == DESCRIBED
    }
}

/// Checks sealed objects against the rules. Finding nothing means that they may be applied.
///
/// # Errors
/// Every rule that is broken, as [`Violations`].
pub fn check(objects: &[Desired], policy: &Policy<'_>) -> Result<(), Violations> {
    let mut findings = Findings { object: None, found: Violations { list: Vec::new(), more: 0 } };
    let lengths: Vec<_> = objects.iter().map(|desired| canonical::length(&desired.object)).collect();
    check_amount(&lengths, policy, &mut findings);
    let rights = rbac::Ceiling::new(policy, objects);
    let mut ids = BTreeSet::new();
    // Beyond the limit nothing more is looked at: the work is bounded too.
    for (desired, length) in objects.iter().zip(lengths).take(policy.limits.objects) {
        findings.object = Some(desired);
        let root = At::root(&desired.object);
        if length > policy.limits.object_bytes {
            let problem = format_args!("has {length} bytes");
            findings.refuse(&root, problem, format_args!("at most {} are allowed", policy.limits.object_bytes));
            continue;
        }
        if !ids.insert(&desired.id) {
            findings.refuse(&root, "is there twice", "give one of the two another name");
            continue;
        }
        if !ownership::check(desired, &root, policy, &mut findings) {
            continue;
        }
        match desired.id.kind.as_str() {
            "ClusterRole" | "Role" => rights.check_role(&root, &mut findings),
            "ClusterRoleBinding" | "RoleBinding" => rights.check_binding(&root, &mut findings),
            "Deployment" => {
                let spec = root.field("spec");
                exposure::check_replicas(&spec, policy, &mut findings);
                pod_security::check(&spec.field("template"), policy, &mut findings);
            }
            "Namespace" => exposure::check_namespace(&root, &mut findings),
            "Service" => exposure::check_service(&root, policy, &mut findings),
            _ => {}
        }
    }
    if findings.found.list.is_empty() { Ok(()) } else { Err(findings.found) }
}

fn check_amount(lengths: &[usize], policy: &Policy<'_>, findings: &mut Findings<'_>) {
    let all = At::root(&serde_json::Value::Null);
    let Limits { objects: most, total_bytes, .. } = policy.limits;
    let (count, total) = (lengths.len(), lengths.iter().sum::<usize>());
    if count > most {
        findings.refuse(&all, format_args!("there are {count} objects"), format_args!("at most {most} are allowed"));
    }
    if total > total_bytes {
        let problem = format_args!("the objects have {total} bytes together");
        findings.refuse(&all, problem, format_args!("at most {total_bytes} are allowed"));
    }
}
