//! Whether somebody's rules include other rules, and what is missing.
//!
//! Facts: `k8s.io/component-helpers/auth/rbac/validation/policy_comparator.go` and
//! `pkg/registry/rbac/validation/policy_compact.go` of Kubernetes.

use std::collections::{BTreeMap, BTreeSet};

use super::rule::{RuleLists, url_covers};

/// The smallest parts of `wanted` that no rule of `held` covers.
pub(super) fn missing<'a>(held: &[RuleLists<'_>], wanted: &[RuleLists<'a>]) -> Vec<RuleLists<'a>> {
    let parts = wanted.iter().flat_map(parts);
    parts.filter(|part| !held.iter().any(|rule| covers(rule, part))).collect()
}

/// Missing rules as the lines of a refusal: verbs of the same resource together, sorted, each once.
pub(super) fn described(missing: Vec<RuleLists<'_>>) -> Vec<String> {
    let mut lines = BTreeSet::new();
    let mut simple: BTreeMap<_, RuleLists<'_>> = BTreeMap::new();
    for rule in missing {
        if rule.non_resource_urls.is_empty() {
            let key = (rule.api_groups.clone(), rule.resources.clone(), rule.resource_names.clone());
            match simple.get_mut(&key) {
                Some(first) => first.verbs.extend(rule.verbs),
                None => {
                    simple.insert(key, rule);
                }
            }
        } else {
            lines.insert(rule.compact());
        }
    }
    lines.extend(simple.values().map(RuleLists::compact));
    lines.into_iter().collect()
}

/// A rule cut into rules with one verb, one resource and one name each.
fn parts<'a>(rule: &RuleLists<'a>) -> Vec<RuleLists<'a>> {
    let mut parts = Vec::new();
    for group in &rule.api_groups {
        for resource in &rule.resources {
            for verb in &rule.verbs {
                let part = RuleLists {
                    verbs: vec![*verb],
                    api_groups: vec![*group],
                    resources: vec![*resource],
                    ..RuleLists::default()
                };
                if rule.resource_names.is_empty() {
                    parts.push(part);
                } else {
                    let named = |name: &&'a str| RuleLists { resource_names: vec![*name], ..part.clone() };
                    parts.extend(rule.resource_names.iter().map(named));
                }
            }
        }
    }
    for url in &rule.non_resource_urls {
        for verb in &rule.verbs {
            parts.push(RuleLists { verbs: vec![*verb], non_resource_urls: vec![*url], ..RuleLists::default() });
        }
    }
    parts
}

/// Whether a rule covers a part.
fn covers(rule: &RuleLists<'_>, part: &RuleLists<'_>) -> bool {
    let all = |held: &[&str], wanted: &[&str]| held.contains(&"*") || wanted.iter().all(|one| held.contains(one));
    let resource = |wanted: &&str| {
        rule.resources.contains(wanted)
            || wanted.split_once('/').is_some_and(|(_, subresource)| {
                rule.resources.iter().any(|one| one.strip_prefix("*/") == Some(subresource))
            })
    };
    let url = |wanted: &&str| rule.non_resource_urls.iter().any(|held| url_covers(held, wanted));
    let names = rule.resource_names.is_empty()
        || (!part.resource_names.is_empty() && part.resource_names.iter().all(|one| rule.resource_names.contains(one)));
    all(&rule.verbs, &part.verbs)
        && all(&rule.api_groups, &part.api_groups)
        && (rule.resources.contains(&"*") || part.resources.iter().all(resource))
        && names
        && part.non_resource_urls.iter().all(url)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::access::rule::Rule;

    /// What of `wanted` is missing, as lines.
    fn missing_of(held: &Value, wanted: &Value) -> Vec<String> {
        let (held, wanted) = (Rule::read(held), Rule::read(wanted));
        described(missing(&[held.lists()], &[wanted.lists()]))
    }

    fn resource(groups: &[&str], resources: &[&str], verbs: &[&str], names: &[&str]) -> Value {
        json!({"apiGroups": groups, "resources": resources, "verbs": verbs, "resourceNames": names})
    }

    fn urls(urls: &[&str], verbs: &[&str]) -> Value {
        json!({"nonResourceURLs": urls, "verbs": verbs})
    }

    /// From policy_comparator_test.go.
    #[test]
    fn what_covers_what() {
        let none: [&str; 0] = [];
        let held = resource(&["v1"], &["a", "b"], &["get", "list"], &[]);
        assert_eq!(missing_of(&held, &resource(&["v1"], &["a"], &["get"], &["x"])), none);
        assert_eq!(
            missing_of(&held, &resource(&["v1", "v2"], &["a", "c"], &["get", "watch", "create"], &[])),
            [
                r#"{APIGroups:["v1"], Resources:["a"], Verbs:["watch" "create"]}"#,
                r#"{APIGroups:["v1"], Resources:["c"], Verbs:["get" "watch" "create"]}"#,
                r#"{APIGroups:["v2"], Resources:["a"], Verbs:["get" "watch" "create"]}"#,
                r#"{APIGroups:["v2"], Resources:["c"], Verbs:["get" "watch" "create"]}"#,
            ]
        );
        assert_eq!(
            missing_of(&resource(&["*"], &["*"], &["*"], &[]), &resource(&["v1"], &["a/b"], &["get"], &["x"])),
            none
        );
        assert_eq!(missing_of(&held, &resource(&["*"], &["a"], &["get"], &[])).len(), 1);
        assert_eq!(
            missing_of(
                &resource(&["v1"], &["*/scale"], &["get"], &[]),
                &resource(&["v1"], &["a/scale"], &["get"], &[])
            ),
            none
        );
        assert_eq!(
            missing_of(&resource(&["v1"], &["*/scale"], &["get"], &[]), &resource(&["v1"], &["scale"], &["get"], &[]))
                .len(),
            1
        );
        let named = resource(&["v1"], &["a"], &["get"], &["x", "y"]);
        assert_eq!(missing_of(&named, &resource(&["v1"], &["a"], &["get"], &["y"])), none);
        assert_eq!(
            missing_of(&named, &resource(&["v1"], &["a"], &["get"], &[])),
            [r#"{APIGroups:["v1"], Resources:["a"], Verbs:["get"]}"#]
        );
        assert_eq!(
            missing_of(&named, &resource(&["v1"], &["a"], &["get"], &["z"])),
            [r#"{APIGroups:["v1"], Resources:["a"], ResourceNames:["z"], Verbs:["get"]}"#]
        );
        assert_eq!(missing_of(&urls(&["*"], &["*"]), &urls(&["/apis", "/"], &["get"])), none);
        assert_eq!(
            missing_of(&urls(&["/apis/*"], &["*"]), &urls(&["/apis", "/apis/v1"], &["get"])),
            [r#"{NonResourceURLs:["/apis"], Verbs:["get"]}"#]
        );
    }
}
