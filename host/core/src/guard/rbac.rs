//! What rights an object gives: no more than the API resources that were granted to the target, and to nobody but the
//! target's own ServiceAccounts.
//!
//! The kubeconfig that applies these objects may belong to an administrator, for whom the API server's own protection
//! against giving more rights than one has does not work.

use std::collections::{BTreeMap, BTreeSet};

use super::at::At;
use super::ownership::is_own_account;
use super::{Findings, Policy};
use crate::object::{Desired, ObjectId};

const GROUP: &str = "rbac.authorization.k8s.io";

/// What a syncer may do with a resource that was granted. No `deletecollection`: one request must not empty a namespace.
const SYNC: &[&str] = &["get", "list", "watch", "create", "update", "patch", "delete"];

/// Verbs that lead to rights beyond those in the rules, whatever the resource.
const ESCALATING: [&str; 3] = ["escalate", "bind", "impersonate"];

/// What any syncer may have in the whole cluster: it must find and make the namespaces of what it syncs, and see which
/// types there are.
const CLUSTER_BASE: &[(&str, &str, &[&str])] = &[
    ("", "namespaces", &["get", "list", "watch", "create"]),
    ("apiextensions.k8s.io", "customresourcedefinitions", &["get", "list", "watch"]),
];

/// What any syncer may have in its own namespace. Its kubeconfig Secret comes besides, by name.
const NAMESPACE_BASE: &[(&str, &str, &[&str])] = &[
    ("", "configmaps", &["get", "list", "watch", "create", "update", "patch"]),
    ("", "events", &["create", "patch"]),
    ("", "pods", &["get", "list", "watch"]),
    ("coordination.k8s.io", "leases", &["get", "list", "watch", "create", "update", "patch", "delete"]),
    ("events.k8s.io", "events", &["create", "patch"]),
];

/// Lists of a rule that are longer are refused unread. Groups and resources multiply, so the former may be few.
const MOST_GROUPS: usize = 16;
const MOST: usize = 256;

/// The most that the objects of a target may give.
pub(super) struct Ceiling<'a> {
    policy: &'a Policy<'a>,
    granted: BTreeSet<(&'a str, &'a str)>,
    waived: BTreeMap<(&'a str, &'a str), Vec<&'a str>>,
    roles: BTreeSet<&'a ObjectId>,
}

impl<'a> Ceiling<'a> {
    /// `objects`: all of the target's, since a binding may refer to a role among them only.
    pub(super) fn new(policy: &'a Policy<'a>, objects: &'a [Desired]) -> Self {
        let granted = policy.granted.iter().map(|api| (api.group.as_str(), api.resource.as_str())).collect();
        let mut waived: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for right in &policy.waivers.rights {
            let verbs = waived.entry((right.group.as_str(), right.resource.as_str())).or_default();
            verbs.extend(right.verbs.iter().map(String::as_str));
        }
        let is_role = |id: &&ObjectId| matches!(id.kind.as_str(), "Role" | "ClusterRole");
        Self { policy, granted, waived, roles: objects.iter().map(|desired| &desired.id).filter(is_role).collect() }
    }

    /// Checks a Role or ClusterRole.
    pub(super) fn check_role(&self, root: &At<'_>, findings: &mut Findings<'_>) {
        let aggregation = root.field("aggregationRule");
        if !aggregation.is_absent() {
            findings.refuse(&aggregation, "would take in the rules of other roles", "remove it");
        }
        let cluster_wide = root.field("kind").text() == Some("ClusterRole");
        let rules = root.field("rules");
        for rule in findings.items(&rules, MOST) {
            if findings.is_full() {
                return;
            }
            self.check_rule(&rule, cluster_wide, findings);
        }
    }

    fn check_rule(&self, rule: &At<'_>, cluster_wide: bool, findings: &mut Findings<'_>) {
        let urls = rule.field("nonResourceURLs");
        if !urls.is_empty() {
            findings.refuse(&urls, "rights on URLs are not given", "remove it");
        }
        let (groups, resources) = (rule.field("apiGroups"), rule.field("resources"));
        let (verbs, names) = (rule.field("verbs"), rule.field("resourceNames"));
        let read = (
            texts(&groups, MOST_GROUPS, findings),
            texts(&resources, MOST, findings),
            texts(&verbs, MOST, findings),
            texts(&names, MOST, findings),
        );
        let (Some(groups), Some(resources), Some(verbs), Some(names)) = read else { return };
        for (at, verb) in verbs.iter().filter(|(_, verb)| ESCALATING.contains(verb)) {
            findings.refuse(at, format_args!("{verb} leads to other rights"), "remove it");
        }
        let own_secret =
            !names.is_empty() && names.iter().all(|(_, name)| *name == self.policy.names.kubeconfig_secret);
        for (at, resource) in &resources {
            for (_, group) in &groups {
                let allowed = |verb| self.allows(group, resource, verb, cluster_wide, own_secret);
                let beyond: Vec<_> = verbs
                    .iter()
                    .map(|(_, verb)| *verb)
                    .filter(|verb| !ESCALATING.contains(verb) && !allowed(verb))
                    .collect();
                if !beyond.is_empty() {
                    let dot = if group.is_empty() { "" } else { "." };
                    findings.refuse(
                        at,
                        format_args!("{} on {resource}{dot}{group} is more than this target may have", beyond.join(", ")),
                        "remove it; what the syncer needs is listed in spec.supportedAPIResources, and accepted by the ClusterRegistration",
                    );
                }
            }
        }
    }

    fn allows(&self, group: &str, resource: &str, verb: &str, cluster_wide: bool, own_secret: bool) -> bool {
        let base = if cluster_wide { CLUSTER_BASE } else { NAMESPACE_BASE };
        let in_base = base.iter().any(|(g, r, verbs)| *g == group && *r == resource && verbs.contains(&verb));
        let is_granted = self.granted.contains(&(group, resource)) && SYNC.contains(&verb);
        let is_waived = self.waived.get(&(group, resource)).is_some_and(|verbs| verbs.contains(&verb));
        let is_own_secret = !cluster_wide && own_secret && group.is_empty() && resource == "secrets" && verb == "get";
        in_base || is_granted || is_waived || is_own_secret
    }

    /// Checks a RoleBinding or ClusterRoleBinding.
    pub(super) fn check_binding(&self, root: &At<'_>, findings: &mut Findings<'_>) {
        let metadata = root.field("metadata");
        let role = root.field("roleRef");
        let kind = role.field("kind").text().unwrap_or_default();
        let namespace = metadata.field("namespace").text().filter(|_| kind == "Role").map(ToOwned::to_owned);
        let id = ObjectId {
            api_version: format!("{GROUP}/v1"),
            kind: kind.to_owned(),
            namespace,
            name: role.field("name").text().unwrap_or_default().to_owned(),
        };
        let group = role.field("apiGroup");
        if !self.roles.contains(&id) || !(group.is_empty() || group.text() == Some(GROUP)) {
            findings.refuse(
                &role,
                "does not name a role among this target's objects",
                "refer to a Role or ClusterRole that is rendered with it",
            );
        }
        let subjects = root.field("subjects");
        for subject in findings.items(&subjects, MOST) {
            let own = subject.field("kind").text() == Some("ServiceAccount")
                && subject.field("apiGroup").is_empty()
                && subject.field("namespace").text() == Some(self.policy.namespace)
                && subject.field("name").text().is_some_and(|name| is_own_account(name, self.policy.names));
            if !own {
                findings.refuse(
                    &subject,
                    "is not a ServiceAccount of this target's",
                    format_args!(
                        "use ServiceAccount {} in namespace {}",
                        self.policy.names.syncer, self.policy.namespace
                    ),
                );
            }
        }
    }
}

/// The texts of a list. `None` if something in it is a wildcard, or no text: then nothing more can be said about it.
fn texts<'v>(list: &'v At<'v>, most: usize, findings: &mut Findings<'_>) -> Option<Vec<(At<'v>, &'v str)>> {
    let mut plain = list.list().is_some_and(|items| items.len() <= most);
    let mut texts = Vec::new();
    for item in findings.items(list, most) {
        match item.text() {
            Some(text) if !text.contains('*') => texts.push((item, text)),
            _ => {
                plain = false;
                findings.refuse(&item, "is a wildcard, or no text", "name what is meant");
            }
        }
    }
    plain.then_some(texts)
}
