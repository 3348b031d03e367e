//! The least rights with which berthage can work in a physical cluster: what `berthage register` gives to the account
//! that it makes there.
//!
//! They follow from what the code does: it watches, applies and deletes the kinds of [`KINDS`], reads the cluster's version and
//! the uid of its kube-system namespace, and adds up its nodes. One more thing follows from RBAC itself, which lets nobody
//! give more than he has: to give a syncer its rights on the API resources that it syncs, the account must have them too.
//! The ways around that (`escalate`, `bind`) would be rights without limit, and are not used.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::rbac::v1::PolicyRule;

use crate::api::ApiResource;
use crate::object::KINDS;

/// What a syncer does with the objects that it syncs. No `deletecollection`: one request must not empty a namespace.
pub const SYNC_VERBS: [&str; 7] = ["get", "list", "watch", "create", "update", "patch", "delete"];

/// What the controller does with the objects that it makes. Server-side apply is `patch`, and `create` for a new object.
const APPLY_VERBS: [&str; 6] = ["get", "list", "watch", "create", "patch", "delete"];

/// The rules of the controller's account in a cluster whose syncers may be given `granted`: one rule for all resources of
/// one group with the same verbs, in a fixed order.
pub fn controller(granted: &[ApiResource]) -> Vec<PolicyRule> {
    let mut rights: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for info in KINDS {
        rights.entry((info.group(), info.plural)).or_default().extend(APPLY_VERBS);
    }
    rights.entry(("", "nodes")).or_default().insert("list");
    for resource in granted {
        rights.entry((&resource.group, &resource.resource)).or_default().extend(SYNC_VERBS);
    }
    let mut rules: BTreeMap<(&str, BTreeSet<&str>), Vec<String>> = BTreeMap::new();
    for ((group, resource), verbs) in rights {
        rules.entry((group, verbs)).or_default().push(resource.to_owned());
    }
    let of_resources = rules.into_iter().map(|((group, verbs), resources)| PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(resources),
        verbs: in_order(&verbs),
        ..PolicyRule::default()
    });
    let of_version = PolicyRule {
        non_resource_urls: Some(vec!["/version".to_owned()]),
        verbs: vec!["get".to_owned()],
        ..PolicyRule::default()
    };
    of_resources.chain([of_version]).collect()
}

/// Verbs in the order in which people write them.
fn in_order(verbs: &BTreeSet<&str>) -> Vec<String> {
    SYNC_VERBS.iter().filter(|verb| verbs.contains(*verb)).map(|verb| (*verb).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn resource(group: &str, resource: &str) -> ApiResource {
        ApiResource { group: group.to_owned(), version: "v1".to_owned(), resource: resource.to_owned() }
    }

    fn allows(rules: &[PolicyRule], group: &str, resource: &str, verb: &str) -> bool {
        let has = |list: &Option<Vec<String>>, text: &str| list.iter().flatten().any(|entry| entry == text);
        rules.iter().any(|rule| {
            has(&rule.api_groups, group)
                && has(&rule.resources, resource)
                && rule.resource_names.is_none()
                && rule.verbs.iter().any(|entry| entry == verb)
        })
    }

    #[test]
    fn the_rules_as_a_whole() {
        let granted = [resource("apps", "deployments"), resource("", "services"), resource("batch", "jobs")];
        insta::assert_json_snapshot!("rights_of_the_controller", controller(&granted));
    }

    #[test]
    fn everything_that_is_done_in_a_cluster_is_allowed() {
        let rules = controller(&[]);
        for info in KINDS {
            for verb in APPLY_VERBS {
                assert!(allows(&rules, info.group(), info.plural, verb), "{verb} {}", info.plural);
            }
        }
        // The uid of kube-system, which says which cluster it is.
        assert!(allows(&rules, "", "namespaces", "get"));
        assert!(allows(&rules, "", "nodes", "list"));
    }

    proptest! {
        #[test]
        fn what_may_be_given_is_held_and_nothing_without_limit(
            names in prop::collection::vec(("(|apps|batch|example\\.org)", "(deployments|services|pods|jobs|widgets)"), 0..8),
        ) {
            let granted: Vec<_> = names.iter().map(|(group, name)| resource(group, name)).collect();
            let rules = controller(&granted);
            for resource in &granted {
                for verb in SYNC_VERBS {
                    prop_assert!(allows(&rules, &resource.group, &resource.resource, verb));
                }
            }
            for rule in &rules {
                let texts = [&rule.api_groups, &rule.resources, &rule.non_resource_urls].into_iter().flatten().flatten();
                prop_assert!(texts.chain(&rule.verbs).all(|text| !text.contains('*')));
                let unlimited = ["escalate", "bind", "impersonate", "deletecollection"];
                prop_assert!(rule.verbs.iter().all(|verb| !unlimited.contains(&verb.as_str())));
            }
            // Nothing is held besides.
            let kinds: BTreeSet<_> = KINDS.iter().map(|info| (info.group(), info.plural)).collect();
            for rule in &rules {
                for (group, name) in rule.api_groups.iter().flatten().zip(std::iter::repeat(&rule.resources)).flat_map(
                    |(group, names)| names.iter().flatten().map(move |name| (group.as_str(), name.as_str())),
                ) {
                    let asked = granted.iter().any(|it| it.group == group && it.resource == name);
                    prop_assert!(asked || kinds.contains(&(group, name)) || (group, name) == ("", "nodes"));
                }
            }
            let mut again = granted.clone();
            again.reverse();
            again.extend(granted);
            prop_assert_eq!(controller(&again), rules);
        }
    }
}
