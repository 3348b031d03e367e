//! Who decides: a plain server, a workspace, or nobody because everything is allowed.

use std::borrow::Cow;

use super::attributes::Attributes;
use super::kcp::users::effective_users;
use super::kcp::workspace::Workspace;
use super::rule::Rule;
use super::user::User;
use super::view::{Grant, MissingRole, Verdict, View};

/// Decides what somebody may do in one logical cluster.
#[derive(Debug, Clone, Copy)]
pub enum Authority<'a> {
    /// RBAC of a plain server.
    Plain(View<'a>),
    /// A workspace of kcp.
    Workspace(Workspace<'a>),
    /// Everything is allowed, as with `--authorization-mode=AlwaysAllow`.
    Nobody,
}

/// The rules that somebody has, and the roles that are missing.
pub(super) type Held<'a> = (Vec<&'a Rule>, Vec<MissingRole<'a>>);

impl<'a> Authority<'a> {
    /// Whether somebody may do something.
    pub fn authorize(&self, user: &User, attributes: &Attributes<'_>) -> Verdict<'a> {
        match self {
            Self::Plain(view) => view.authorize(user, attributes),
            Self::Workspace(workspace) => workspace.authorize(user, attributes),
            Self::Nobody => Verdict::Allow(Grant::Because("")),
        }
    }

    /// The rules that somebody may hand on in a namespace. In a workspace these are those of its own roles.
    pub(super) fn held(&self, user: &User, namespace: &str) -> Held<'a> {
        match self {
            Self::Plain(view) => view.rules_of([user], namespace),
            Self::Workspace(workspace) => {
                let users = effective_users(workspace.cluster, user);
                workspace.own().rules_of(users.iter().map(Cow::as_ref), namespace)
            }
            Self::Nobody => (Vec::new(), Vec::new()),
        }
    }

    /// The rules that a review of one's own rules tells, source by source.
    pub(super) fn told(&self, user: &User, namespace: &str) -> Vec<Held<'a>> {
        match self {
            Self::Plain(view) => vec![view.rules_of([user], namespace)],
            Self::Workspace(workspace) => {
                let users = effective_users(workspace.cluster, user);
                let held = |view: View<'a>| view.rules_of(users.iter().map(Cow::as_ref), namespace);
                workspace.told().map(held).into()
            }
            Self::Nobody => Vec::new(),
        }
    }

    /// The rules of a role that a binding in `namespace` names, as the store has it.
    pub(super) fn role<'n>(
        &self,
        kind: &'n str,
        name: &'n str,
        namespace: &str,
    ) -> Result<&'a [Rule], MissingRole<'n>> {
        match self {
            Self::Plain(view) => view.role(kind, name, namespace),
            Self::Workspace(workspace) => workspace.own().role(kind, name, namespace),
            Self::Nobody => Ok(&[]),
        }
    }
}
