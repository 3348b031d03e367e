//! What a user may do in a logical cluster: the walk over bindings and the rules that they give.
//!
//! Facts: `VisitRulesFor` in `pkg/registry/rbac/validation/rule.go` and `plugin/pkg/auth/authorizer/rbac/rbac.go` of
//! Kubernetes. Where several bindings allow something, Kubernetes names the one that a map gives first; here it is a user's
//! before a group's, and the first by name.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::ControlFlow;

use super::attributes::Attributes;
use super::bindings::{Binding, Bindings, Subject};
use super::rule::Rule;
use super::user::{MASTERS, User};
use crate::quote::{aggregate, quote};
use crate::status::Failure;

/// The API group of roles and bindings.
pub(super) const RBAC: &str = "rbac.authorization.k8s.io";

/// The bindings that count, and where the roles that they name are.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    all: &'a Bindings,
    bindings: [Option<u32>; 2],
    roles: [Option<u32>; 2],
}

/// What an authorizer says. An answer that is no [`Verdict::Allow`] is a refusal; `Deny` keeps others from being asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// It may be done.
    Allow(Grant<'a>),
    /// It may not be done, whatever others say.
    Deny(String),
    /// Nothing allows it; the reason is often empty.
    NoOpinion(String),
}

/// Why something is allowed; shown only where somebody asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant<'a> {
    /// A reason of its own, or none.
    Because(&'static str),
    /// A binding of a role.
    Binding(BindingGrant<'a>),
}

/// The binding that allows something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindingGrant<'a> {
    namespace: String,
    name: &'a str,
    role_kind: &'a str,
    role: &'a str,
    subject: &'a str,
}

impl Verdict<'_> {
    /// Whether it may be done.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allow(_))
    }

    /// The reason as a review tells it.
    pub fn reason(&self) -> String {
        match self {
            Self::Allow(grant) => grant.to_string(),
            Self::Deny(reason) | Self::NoOpinion(reason) => reason.clone(),
        }
    }
}

impl fmt::Display for Grant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Because(reason) => f.write_str(reason),
            Self::Binding(it) => {
                let (kind, name) = if it.namespace.is_empty() {
                    ("ClusterRoleBinding", quote(it.name))
                } else {
                    ("RoleBinding", quote(&format!("{}/{}", it.name, it.namespace)))
                };
                write!(f, "RBAC: allowed by {kind} {name} of {} {} to {}", it.role_kind, quote(it.role), it.subject)
            }
        }
    }
}

/// One step of the walk: a binding that applies, and its rules or why there are none.
struct Step<'a> {
    name: &'a str,
    binding: &'a Binding,
    rules: Result<&'a [Rule], MissingRole<'a>>,
}

/// A role that a binding names and that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MissingRole<'a> {
    kind: &'a str,
    name: &'a str,
}

impl MissingRole<'_> {
    /// As the lister of the authorizer says it, which names the kind in the singular.
    pub(super) fn as_lister(self) -> String {
        let kind = match self.kind {
            "Role" => "role",
            "ClusterRole" => "clusterrole",
            _ => return self.unsupported(),
        };
        format!("{kind}.{RBAC} {} not found", quote(self.name))
    }

    /// As the store says it, which takes every object for one of the resource that the request is about.
    pub(super) fn as_store(self, resource: &str) -> String {
        match self.kind {
            "Role" | "ClusterRole" => format!("{resource}.{RBAC} {} not found", quote(self.name)),
            _ => self.unsupported(),
        }
    }

    /// The 404 of the store, or the bare 500 for a kind that cannot be bound.
    pub(super) fn into_failure(self, resource: &str) -> Failure {
        match self.kind {
            "Role" | "ClusterRole" => Failure::not_found(RBAC, resource, self.name),
            _ => Failure::new(500, "", self.unsupported()),
        }
    }

    fn unsupported(self) -> String {
        format!("unsupported role reference kind: {}", quote(self.kind))
    }
}

impl<'a> View<'a> {
    pub(super) fn new(all: &'a Bindings, bindings: [Option<u32>; 2], roles: [Option<u32>; 2]) -> Self {
        Self { all, bindings, roles }
    }

    /// What a plain server says: `system:masters` may do everything, others what RBAC allows.
    pub fn authorize(&self, user: &User, attributes: &Attributes<'_>) -> Verdict<'a> {
        if user.is_in(MASTERS) { Verdict::Allow(Grant::Because("")) } else { self.rbac([user], attributes) }
    }

    /// What RBAC says for somebody who counts as any of `users`.
    pub(super) fn rbac<'u>(
        &self,
        users: impl IntoIterator<Item = &'u User>,
        attributes: &Attributes<'_>,
    ) -> Verdict<'a> {
        let namespace = match attributes {
            Attributes::Resource(resource) => resource.namespace,
            Attributes::Path { .. } => "",
        };
        let mut missing = BTreeSet::new();
        for user in users {
            let found = self.walk(user, namespace, &mut |namespace, step| {
                match step.rules {
                    Ok(rules) if rules.iter().any(|rule| rule.allows(attributes)) => {
                        if let Some(subject) = step.binding.subject_of(&user.name, &user.groups) {
                            return ControlFlow::Break(grant(namespace, step.name, step.binding, subject));
                        }
                    }
                    Ok(_) => {}
                    Err(role) => {
                        missing.insert((!namespace.is_empty(), step.name, role.as_lister()));
                    }
                }
                ControlFlow::Continue(())
            });
            if let ControlFlow::Break(grant) = found {
                return Verdict::Allow(grant);
            }
        }
        if missing.is_empty() {
            return Verdict::NoOpinion(String::new());
        }
        let missing: Vec<String> = missing.into_iter().map(|(_, _, message)| message).collect();
        Verdict::NoOpinion(format!("RBAC: {}", aggregate(&missing)))
    }

    /// The rules that a user has in a namespace (or in the cluster, without one), binding by binding in the order of their
    /// names, and the roles that are missing.
    pub(super) fn rules_of<'u>(
        &self,
        users: impl IntoIterator<Item = &'u User>,
        namespace: &str,
    ) -> (Vec<&'a Rule>, Vec<MissingRole<'a>>) {
        let mut steps = std::collections::BTreeMap::new();
        for user in users {
            let _: ControlFlow<()> = self.walk(user, namespace, &mut |namespace, step| {
                if step.binding.subject_of(&user.name, &user.groups).is_some() {
                    steps.insert((!namespace.is_empty(), step.name), step.rules);
                }
                ControlFlow::Continue(())
            });
        }
        let (mut rules, mut missing) = (Vec::new(), Vec::new());
        for step in steps.into_values() {
            match step {
                Ok(found) => rules.extend(found),
                Err(role) => missing.push(role),
            }
        }
        (rules, missing)
    }

    /// The rules of a role that a binding in `namespace` names.
    pub(super) fn role<'n>(
        &self,
        kind: &'n str,
        name: &'n str,
        namespace: &str,
    ) -> Result<&'a [Rule], MissingRole<'n>> {
        let namespace = match kind {
            "Role" if !namespace.is_empty() => namespace,
            "ClusterRole" => "",
            _ => return Err(MissingRole { kind, name }),
        };
        let found = self.roles.iter().flatten().find_map(|cluster| self.all.rules(*cluster, namespace, name));
        found.ok_or(MissingRole { kind, name })
    }

    /// Every binding that may apply to a user: those of the cluster, then those of the namespace.
    fn walk<B>(
        &self,
        user: &User,
        namespace: &str,
        visit: &mut dyn FnMut(&str, Step<'a>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let namespaces = [Some(""), Some(namespace).filter(|namespace| !namespace.is_empty())];
        for namespace in namespaces.into_iter().flatten() {
            for cluster in self.bindings.iter().flatten() {
                let subjects = user.groups.iter().map(|group| (true, group.as_str()));
                for (group, who) in std::iter::once((false, user.name.as_str())).chain(subjects) {
                    for (name, binding) in self.all.bound(*cluster, namespace, group, who) {
                        let rules = self.role(&binding.role.kind, &binding.role.name, namespace);
                        visit(namespace, Step { name, binding, rules })?;
                    }
                }
            }
        }
        ControlFlow::Continue(())
    }
}

fn grant<'a>(namespace: &str, name: &'a str, binding: &'a Binding, subject: &'a Subject) -> Grant<'a> {
    Grant::Binding(BindingGrant {
        namespace: namespace.to_owned(),
        name,
        role_kind: &binding.role.kind,
        role: &binding.role.name,
        subject: subject.shown(),
    })
}
