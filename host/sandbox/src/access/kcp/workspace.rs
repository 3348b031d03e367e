//! What may be done in a workspace.
//!
//! The order of kcp: the groups that a workspace requires, the right to enter it, the objects that nobody but kcp writes, the
//! maximal permission policy of an APIExport, and then RBAC: kcp's own, and that of the workspace.
//!
//! Facts: `pkg/server/options/authorization.go` and the authorizers that it names. Roles that the cache server replicates are
//! those of the workspace here: there is one store.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::users::{effective_users, is_in_scope, is_service_account, prefixed};
use super::{
    ADMIN, BINDING_PREFIX, DENIED, EXTERNAL_LOGICAL_CLUSTER_ADMIN, LOGICAL_CLUSTER_ADMIN, SYSTEM_ADMIN,
    WORKSPACE_BOOTSTRAPPER,
};
use crate::access::attributes::Attributes;
use crate::access::bindings::Bindings;
use crate::access::user::{MASTERS, User};
use crate::access::view::{Grant, Verdict, View};

/// A workspace, for somebody who wants to do something in it.
#[derive(Debug, Clone, Copy)]
pub struct Workspace<'a> {
    /// Name of its logical cluster.
    pub cluster: &'a str,
    /// The roles and bindings of every logical cluster.
    pub bindings: &'a Bindings,
    /// Its `LogicalCluster`, if there is one.
    pub logical_cluster: Option<LogicalCluster<'a>>,
    /// What is bound here from APIExports that have a `maximalPermissionPolicy.local`.
    pub policies: &'a [Policy],
}

/// What a `LogicalCluster` says about who may enter.
#[derive(Debug, Clone, Copy)]
pub struct LogicalCluster<'a> {
    /// `status.phase`.
    pub phase: &'a str,
    /// The annotation `authorization.kcp.io/required-groups`.
    pub required_groups: Option<&'a str>,
}

/// A bound resource whose APIExport says what tenants may do at the most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// API group of the resource.
    pub group: String,
    /// Plural of the resource.
    pub resource: String,
    /// The logical cluster of the APIExport, where the roles of the policy are.
    pub provider: String,
}

impl<'a> Workspace<'a> {
    /// Whether somebody may do something in it.
    pub fn authorize(&self, user: &User, attributes: &Attributes<'_>) -> Verdict<'a> {
        if user.is_in(MASTERS) {
            return Verdict::Allow(Grant::Because(""));
        }
        if let Attributes::Path { path: "/healthz" | "/readyz" | "/livez", .. } = attributes {
            return Verdict::Allow(Grant::Because(""));
        }
        match self.chain(user, attributes) {
            Step::Allow => Verdict::Allow(Grant::Because("access granted")),
            Step::Deny => Verdict::Deny(DENIED.to_owned()),
            Step::NoOpinion => Verdict::NoOpinion(DENIED.to_owned()),
        }
    }

    /// What RBAC says without the checks before it: what kcp calls a deep review.
    pub fn deep(&self, user: &User, attributes: &Attributes<'_>) -> bool {
        let users = effective_users(self.cluster, user);
        self.rbac(&users, attributes)
    }

    /// The roles and bindings of the workspace alone: what its store shows.
    pub(in crate::access) fn own(&self) -> View<'a> {
        self.bindings.of(self.cluster)
    }

    /// The views whose rules a review of one's own rules tells.
    pub(in crate::access) fn told(&self) -> [View<'a>; 2] {
        [self.bindings.of(SYSTEM_ADMIN), self.bindings.with_roles_of(self.cluster, SYSTEM_ADMIN)]
    }

    fn chain(&self, user: &User, attributes: &Attributes<'_>) -> Step {
        let users = effective_users(self.cluster, user);
        let groups: BTreeSet<&str> = users.iter().flat_map(|user| &user.groups).map(String::as_str).collect();
        let entered = self.required_groups(user, &groups).or_else(|| self.content(user, &users, &groups, attributes));
        if let Some(decided) = entered {
            return decided;
        }
        if writes_for_kcp(attributes) {
            return Step::Deny;
        }
        if !self.within_policy(user, attributes) {
            return Step::NoOpinion;
        }
        if self.rbac(&users, attributes) { Step::Allow } else { Step::NoOpinion }
    }

    /// `requiredgroups_authorizer.go`.
    fn required_groups(&self, user: &User, groups: &BTreeSet<&str>) -> Option<Step> {
        if groups.contains(LOGICAL_CLUSTER_ADMIN) || is_service_account(user) {
            return None;
        }
        let Some(logical_cluster) = self.logical_cluster else { return Some(Step::NoOpinion) };
        if groups.contains(EXTERNAL_LOGICAL_CLUSTER_ADMIN) {
            return None;
        }
        let required = logical_cluster.required_groups?;
        let mut sets = required.split(';').chain([ADMIN, WORKSPACE_BOOTSTRAPPER]);
        let met = sets.any(|set| set.split(',').all(|group| groups.contains(group)));
        (!met).then_some(Step::Deny)
    }

    /// `workspace_content_authorizer.go`.
    fn content(
        &self,
        user: &User,
        users: &[Cow<'_, User>],
        groups: &BTreeSet<&str>,
        attributes: &Attributes<'_>,
    ) -> Option<Step> {
        if matches!(attributes, Attributes::Path { path: "/metrics", .. }) {
            return None;
        }
        if self.cluster.is_empty() || self.cluster.starts_with("system:") {
            return Some(Step::NoOpinion);
        }
        if groups.contains(LOGICAL_CLUSTER_ADMIN) {
            return None;
        }
        let Some(logical_cluster) = self.logical_cluster else { return Some(Step::Deny) };
        let lifecycle = matches!(logical_cluster.phase, "Initializing" | "Terminating" | "Deleting");
        if !lifecycle && !matches!(logical_cluster.phase, "Ready" | "Inactive") {
            return Some(Step::NoOpinion);
        }
        let marked = |group: &String| {
            group.starts_with("system:kcp:initializer:") || group.starts_with("system:kcp:terminator:")
        };
        if lifecycle && user.groups.iter().any(marked) {
            return Some(Step::Allow);
        }
        if is_service_account(user) && is_in_scope(user, self.cluster) {
            return None;
        }
        let enter = Attributes::Path { verb: "access", path: "/" };
        let view = self.bindings.with(self.cluster, SYSTEM_ADMIN);
        let users = users.iter().map(AsRef::as_ref);
        (!view.rbac(users, &enter).is_allowed()).then_some(Step::NoOpinion)
    }

    /// `maximal_permission_policy_authorizer.go`.
    fn within_policy(&self, user: &User, attributes: &Attributes<'_>) -> bool {
        let Attributes::Resource(resource) = attributes else { return true };
        let bound = |policy: &&Policy| policy.group == resource.group && policy.resource == resource.resource;
        let Some(policy) = self.policies.iter().find(bound) else { return true };
        let prefixed = prefixed(user, BINDING_PREFIX);
        let users = effective_users(self.cluster, &prefixed);
        let view = self.bindings.with(&policy.provider, SYSTEM_ADMIN);
        view.rbac(users.iter().map(AsRef::as_ref), attributes).is_allowed()
    }

    /// `bootstrap_policy_authorizer.go`, `local_authorizer.go`.
    fn rbac(&self, users: &[Cow<'_, User>], attributes: &Attributes<'_>) -> bool {
        let views = [self.bindings.of(SYSTEM_ADMIN), self.bindings.with_roles_of(self.cluster, SYSTEM_ADMIN)];
        views.iter().any(|view| view.rbac(users.iter().map(AsRef::as_ref), attributes).is_allowed())
    }
}

/// What a part of the chain decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Allow,
    Deny,
    NoOpinion,
}

/// `system_crd_authorizer.go`: states that only kcp writes. It refuses every verb, as kcp does.
fn writes_for_kcp(attributes: &Attributes<'_>) -> bool {
    matches!(attributes, Attributes::Resource(resource)
        if resource.group == "apis.kcp.io"
            && resource.subresource == "status"
            && matches!(resource.resource, "apibindings" | "apiexports"))
}
