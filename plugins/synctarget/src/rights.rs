//! The syncer's rights in the physical cluster.

use std::collections::{BTreeMap, BTreeSet};

use berthage_plugin_sdk::facts::Resource;
use serde::Serialize;

/// What a syncer does with the objects it syncs. No `deletecollection`: one request must not empty a namespace.
pub const VERBS: [&str; 7] = ["get", "list", "watch", "create", "update", "patch", "delete"];

/// One rule of a ClusterRole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule<'a> {
    /// One API group; empty for the core group.
    pub api_groups: [&'a str; 1],
    /// Plural names, sorted.
    pub resources: Vec<&'a str>,
    /// [`VERBS`].
    pub verbs: [&'a str; 7],
}

/// One rule for each API group, sorted; none when nothing is granted. Versions do not matter to RBAC.
pub fn rules(granted: &[Resource]) -> Vec<Rule<'_>> {
    let mut groups: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for resource in granted {
        groups.entry(&resource.group).or_default().insert(&resource.resource);
    }
    groups
        .into_iter()
        .map(|(group, resources)| Rule {
            api_groups: [group],
            resources: resources.into_iter().collect(),
            verbs: VERBS,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(group: &str, version: &str, resource: &str) -> Resource {
        Resource { group: group.to_owned(), version: version.to_owned(), resource: resource.to_owned() }
    }

    #[test]
    fn nothing_granted_is_no_rule() {
        assert_eq!(rules(&[]), []);
    }

    #[test]
    fn rules_are_sorted_grouped_and_free_of_doubles() {
        let granted = [
            resource("apps", "v1", "statefulsets"),
            resource("", "v1", "services"),
            resource("apps", "v1", "deployments"),
            resource("apps", "v1beta1", "deployments"),
            resource("", "v1", "configmaps"),
        ];
        let mut reversed = granted.clone();
        reversed.reverse();
        let rules = rules(&granted);
        assert_eq!(rules, super::rules(&reversed));
        let shape: Vec<_> = rules.iter().map(|rule| (rule.api_groups[0], rule.resources.clone())).collect();
        assert_eq!(shape, [("", vec!["configmaps", "services"]), ("apps", vec!["deployments", "statefulsets"])]);
    }

    #[test]
    fn no_wildcard_and_no_right_to_raise_rights() {
        let verbs: Vec<&str> = VERBS.to_vec();
        for forbidden in ["*", "escalate", "bind", "impersonate", "deletecollection"] {
            assert!(!verbs.contains(&forbidden));
        }
    }
}
