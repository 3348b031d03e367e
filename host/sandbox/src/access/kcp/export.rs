//! Who may use the virtual workspace of an APIExport, and as whom its requests arrive in a workspace.
//!
//! Facts: `pkg/virtual/apiexport/authorizer/{binding,content,maximal_permission_policy}.go` and
//! `pkg/virtual/apiexport/builder/build.go` of kcp.

use super::users::{CLUSTER_NAME, SCOPES, WARRANT, is_service_account, prefixed, to_warrant};
use super::workspace::Workspace;
use super::{ADMIN, BINDING_PREFIX, DENIED};
use crate::access::attributes::{Attributes, ResourceAttributes};
use crate::access::user::{MASTERS, User};
use crate::access::view::{Grant, Verdict};

/// An APIExport, for somebody who wants to use its virtual workspace.
#[derive(Debug, Clone, Copy)]
pub struct Export<'a> {
    /// Name of the APIExport.
    pub name: &'a str,
    /// The workspace that the APIExport is in.
    pub provider: Workspace<'a>,
    /// What the APIExport claims.
    pub claims: &'a [Claim],
    /// Every APIExport whose identity is claimed here: the identity, and its workspace if it has a
    /// `maximalPermissionPolicy.local`.
    pub claimed: &'a [(&'a str, Option<Workspace<'a>>)],
}

/// A permission claim: in an APIExport what it wants, in an APIBinding what it gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// API group of the resource.
    pub group: String,
    /// Plural of the resource.
    pub resource: String,
    /// Identity of the APIExport that the resource is of; empty for the server's own.
    pub identity_hash: String,
    /// What may be done.
    pub verbs: Vec<String>,
}

/// What a request to a virtual workspace is about.
#[derive(Debug, Clone, Copy)]
pub enum Target<'a> {
    /// `/clusters/*`: every workspace that binds the APIExport.
    Every,
    /// A workspace, with its APIBinding if it has one.
    One(Option<Binding<'a>>),
}

/// An APIBinding of the APIExport.
#[derive(Debug, Clone, Copy)]
pub struct Binding<'a> {
    /// Group and resource of everything in `status.boundResources`.
    pub bound: &'a [(String, String)],
    /// The claims with the state `Accepted`.
    pub accepted: &'a [Claim],
}

impl Export<'_> {
    /// Whether somebody may send a request to the virtual workspace.
    pub fn authorize(&self, user: &User, attributes: &Attributes<'_>, target: Target<'_>) -> Verdict<'static> {
        if user.is_in(MASTERS) || matches!(attributes, Attributes::Path { path: "/healthz" | "/readyz" | "/livez", .. })
        {
            return Verdict::Allow(Grant::Because(""));
        }
        match self.bound(attributes, target) {
            Bound::Yes => {}
            Bound::No => return Verdict::Deny(DENIED.to_owned()),
            Bound::ReadOnly => return Verdict::NoOpinion(DENIED.to_owned()),
        }
        let content = ResourceAttributes {
            verb: attributes.verb(),
            group: "apis.kcp.io",
            resource: "apiexports",
            subresource: "content",
            namespace: "",
            name: self.name,
        };
        match self.provider.authorize(user, &Attributes::Resource(content)) {
            Verdict::Allow(_) => {}
            Verdict::Deny(_) => return Verdict::Deny(DENIED.to_owned()),
            Verdict::NoOpinion(_) => return Verdict::NoOpinion(DENIED.to_owned()),
        }
        match self.within_policies(user, attributes) {
            Some(true) => Verdict::Allow(Grant::Because("access granted")),
            Some(false) => Verdict::NoOpinion(DENIED.to_owned()),
            None => Verdict::Deny(DENIED.to_owned()),
        }
    }

    /// `boundAPIAuthorizer`.
    fn bound(&self, attributes: &Attributes<'_>, target: Target<'_>) -> Bound {
        let (Attributes::Resource(it), Target::One(binding)) = (attributes, target) else { return Bound::Yes };
        if it.resource.is_empty() {
            return Bound::Yes;
        }
        let Some(binding) = binding else { return Bound::No };
        if binding.bound.iter().any(|(group, resource)| group == it.group && resource == it.resource) {
            return Bound::Yes;
        }
        let (group, resource) = normalized(it.group, it.resource);
        for accepted in binding.accepted.iter().filter(|claim| claim.group == group && claim.resource == resource) {
            let same = |claim: &&Claim| {
                claim.group == accepted.group
                    && claim.resource == accepted.resource
                    && claim.identity_hash == accepted.identity_hash
            };
            let wanted = self.claims.iter().find(same).map(|claim| claim.verbs.as_slice()).unwrap_or_default();
            let allowed =
                |verb: &str| wanted.iter().any(|one| one == verb) && accepted.verbs.iter().any(|one| one == verb);
            if allowed(it.verb) || allowed("*") {
                return Bound::Yes;
            }
        }
        match (it.group, it.resource, it.verb) {
            ("apis.kcp.io", "apibindings", "get" | "list" | "watch") => Bound::Yes,
            ("apis.kcp.io", "apibindings", _) => Bound::ReadOnly,
            _ => Bound::No,
        }
    }

    /// Whether the policies of all APIExports that a claimed resource may come from allow it; `None` if there is no such
    /// APIExport.
    fn within_policies(&self, user: &User, attributes: &Attributes<'_>) -> Option<bool> {
        let Attributes::Resource(it) = attributes else { return Some(true) };
        let (group, resource) = normalized(it.group, it.resource);
        let claim = self.claims.iter().find(|claim| claim.group == group && claim.resource == resource);
        let Some(identity) = claim.map(|claim| claim.identity_hash.as_str()).filter(|hash| !hash.is_empty()) else {
            return Some(true);
        };
        let mut prefixed = prefixed(user, BINDING_PREFIX);
        if is_service_account(user) {
            // It is restricted to the cluster that it is of, which is not the one that is asked.
            prefixed.extra.remove(SCOPES);
            prefixed.extra.remove(CLUSTER_NAME);
        }
        let mut exports =
            self.claimed.iter().filter(|(hash, _)| *hash == identity).map(|(_, workspace)| workspace).peekable();
        exports.peek()?;
        Some(exports.flatten().all(|workspace| workspace.deep(&prefixed, attributes)))
    }
}

/// As whom a request that came through a virtual workspace arrives in a workspace: the user, with the warrant of an account of
/// that workspace that may do everything there.
///
/// The resource is asked for together with its identity, so no maximal permission policy applies to what arrives.
#[must_use]
pub fn through_virtual_workspace(user: &User, cluster: &str) -> User {
    let mut account = User::new("system:serviceaccount:default:rest", [ADMIN]);
    account.extra.insert(CLUSTER_NAME.to_owned(), vec![cluster.to_owned()]);
    let mut user = user.clone();
    user.extra.entry(WARRANT.to_owned()).or_default().push(to_warrant(&account));
    user
}

/// Events are claimed in the core group, whichever of their groups is asked for.
fn normalized<'a>(group: &'a str, resource: &'a str) -> (&'a str, &'a str) {
    if group == "events.k8s.io" && resource == "events" { ("", resource) } else { (group, resource) }
}

/// What the APIBinding says.
enum Bound {
    Yes,
    No,
    ReadOnly,
}
