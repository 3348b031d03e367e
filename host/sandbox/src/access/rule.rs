//! One rule of a role, and whether it allows something.
//!
//! There can be hundreds of thousands of them (a role for every SyncTarget), so the strings of a rule are in one piece.
//!
//! Facts: `pkg/apis/rbac/v1/evaluation_helpers.go` and `RuleAllows` in `plugin/pkg/auth/authorizer/rbac/rbac.go` of Kubernetes.

use serde_json::{Map, Value};

use super::attributes::{Attributes, ResourceAttributes};
use crate::quote::quote_list;

/// The lists of a rule, in the order in which they are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    Verbs,
    ApiGroups,
    Resources,
    ResourceNames,
    NonResourceUrls,
}

const LISTS: [(List, &str); 5] = [
    (List::Verbs, "verbs"),
    (List::ApiGroups, "apiGroups"),
    (List::Resources, "resources"),
    (List::ResourceNames, "resourceNames"),
    (List::NonResourceUrls, "nonResourceURLs"),
];

/// A rule as it is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    /// All strings, one behind the other.
    text: Box<str>,
    /// Where each string ends.
    ends: Box<[u32]>,
    /// At which string each list ends.
    lists: [u32; 5],
}

impl Rule {
    /// Reads a rule of an object. Fields of another type count as absent; the server has refused such objects.
    pub(super) fn read(rule: &Value) -> Self {
        let mut text = String::new();
        let mut ends = Vec::new();
        let mut lists = [0; 5];
        for ((_, name), end) in LISTS.iter().zip(&mut lists) {
            for item in rule.get(*name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
                text.push_str(item);
                ends.push(position(text.len()));
            }
            *end = position(ends.len());
        }
        Self { text: text.into(), ends: ends.into(), lists }
    }

    /// The rules of a role or of anything else that has `rules`.
    pub(super) fn read_all(role: &Value) -> Box<[Self]> {
        role.get("rules").and_then(Value::as_array).into_iter().flatten().map(Self::read).collect()
    }

    fn list(&self, list: List) -> impl Iterator<Item = &str> {
        let from = (list as usize).checked_sub(1).and_then(|before| self.lists.get(before)).copied().unwrap_or(0);
        let to = self.lists.get(list as usize).copied().unwrap_or(from);
        (from..to).map(|index| {
            let end = |index: u32| self.ends.get(index as usize).map(|end| *end as usize);
            let start = index.checked_sub(1).and_then(end).unwrap_or(0);
            end(index).and_then(|end| self.text.get(start..end)).unwrap_or_default()
        })
    }

    /// Whether it allows something.
    pub(super) fn allows(&self, attributes: &Attributes<'_>) -> bool {
        let verb = attributes.verb();
        self.list(List::Verbs).any(|one| one == "*" || one == verb)
            && match attributes {
                Attributes::Resource(resource) => self.allows_resource(resource),
                Attributes::Path { path, .. } => self.list(List::NonResourceUrls).any(|one| url_covers(one, path)),
            }
    }

    fn allows_resource(&self, it: &ResourceAttributes<'_>) -> bool {
        let resource = |one: &str| {
            one == "*"
                || if it.subresource.is_empty() {
                    one == it.resource
                } else {
                    let behind = |resource| one.strip_prefix(resource).and_then(|rest: &str| rest.strip_prefix('/'));
                    behind(it.resource) == Some(it.subresource) || behind("*") == Some(it.subresource)
                }
        };
        self.list(List::ApiGroups).any(|one| one == "*" || one == it.group)
            && self.list(List::Resources).any(resource)
            && (self.list(List::ResourceNames).next().is_none()
                || self.list(List::ResourceNames).any(|one| one == it.name))
    }

    /// The rule with its lists apart.
    pub(super) fn lists(&self) -> RuleLists<'_> {
        RuleLists {
            verbs: self.list(List::Verbs).collect(),
            api_groups: self.list(List::ApiGroups).collect(),
            resources: self.list(List::Resources).collect(),
            resource_names: self.list(List::ResourceNames).collect(),
            non_resource_urls: self.list(List::NonResourceUrls).collect(),
        }
    }
}

/// Texts of four gigabytes and more do not come in a request; one that did would be cut short, which allows less.
fn position(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Whether a `nonResourceURLs` entry covers a path: itself, or up to its `*` at the end.
pub(super) fn url_covers(entry: &str, path: &str) -> bool {
    entry == path || (entry.ends_with('*') && path.starts_with(entry.trim_end_matches('*')))
}

/// A rule to compare and to show.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct RuleLists<'a> {
    pub(super) verbs: Vec<&'a str>,
    pub(super) api_groups: Vec<&'a str>,
    pub(super) resources: Vec<&'a str>,
    pub(super) resource_names: Vec<&'a str>,
    pub(super) non_resource_urls: Vec<&'a str>,
}

impl RuleLists<'_> {
    /// `{APIGroups:["apps"], Resources:["deployments"], Verbs:["get"]}`
    pub(super) fn compact(&self) -> String {
        let lists = [
            ("APIGroups", &self.api_groups),
            ("Resources", &self.resources),
            ("NonResourceURLs", &self.non_resource_urls),
            ("ResourceNames", &self.resource_names),
            ("Verbs", &self.verbs),
        ];
        let shown = lists.iter().filter(|(_, list)| !list.is_empty());
        let shown: Vec<String> = shown.map(|(name, list)| format!("{name}:{}", quote_list(*list))).collect();
        format!("{{{}}}", shown.join(", "))
    }

    /// As JSON with the fields that are asked for; empty lists are left out, `verbs` never.
    pub(super) fn to_value(&self, resources: bool) -> Value {
        let mut out = Map::from_iter([("verbs".to_owned(), Value::from(self.verbs.clone()))]);
        let lists = if resources {
            vec![
                ("apiGroups", &self.api_groups),
                ("resources", &self.resources),
                ("resourceNames", &self.resource_names),
            ]
        } else {
            vec![("nonResourceURLs", &self.non_resource_urls)]
        };
        for (name, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            out.insert(name.to_owned(), Value::from(list.clone()));
        }
        Value::Object(out)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn allows(rule: &Value, resource: ResourceAttributes<'_>) -> bool {
        Rule::read(rule).allows(&Attributes::Resource(resource))
    }

    /// From `TestRuleMatches` in plugin/pkg/auth/authorizer/rbac/rbac_test.go.
    #[test]
    fn resources() {
        let get = |resource, subresource, name| ResourceAttributes {
            verb: "get",
            group: "v1",
            resource,
            subresource,
            name,
            namespace: "",
        };
        let rule = |resources: &[&str], names: &[&str]| json!({"verbs": ["get"], "apiGroups": ["v1"], "resources": resources, "resourceNames": names});
        assert!(allows(&rule(&["pods"], &[]), get("pods", "", "x")));
        assert!(!allows(&rule(&["pods"], &[]), get("pods", "log", "x")));
        assert!(allows(&rule(&["pods/log"], &[]), get("pods", "log", "x")));
        assert!(!allows(&rule(&["pods/log"], &[]), get("pods", "", "x")));
        assert!(allows(&rule(&["*/scale"], &[]), get("pods", "scale", "x")));
        assert!(!allows(&rule(&["*/scale"], &[]), get("pods", "autoscale", "x")));
        assert!(!allows(&rule(&["scale"], &[]), get("pods", "scale", "x")));
        assert!(allows(&rule(&["*"], &[]), get("pods", "scale", "x")));
        assert!(allows(&rule(&["pods"], &["x", "y"]), get("pods", "", "y")));
        assert!(!allows(&rule(&["pods"], &["x"]), get("pods", "", "")));
        assert!(!allows(&rule(&["pods"], &[]), ResourceAttributes { verb: "list", ..get("pods", "", "") }));
        assert!(!allows(&rule(&["pods"], &[]), ResourceAttributes { group: "", ..get("pods", "", "") }));
        assert!(allows(&json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}), get("pods", "scale", "x")));
    }

    /// From `TestNonResourceURLCovers`.
    #[test]
    fn paths() {
        for (entry, path, expected) in [
            ("*", "", true),
            ("*", "/api", true),
            ("/*", "", false),
            ("/*", "/", true),
            ("/api", "/api", true),
            ("/apis", "/api", false),
            ("/api/v1", "/api", false),
            ("/api/*", "/api/v1", true),
            ("/api/*", "/api", false),
            ("/api/*/*", "/api/v1", false),
            ("/*/v1/*", "/api/v1", false),
        ] {
            assert_eq!(url_covers(entry, path), expected, "{entry} {path}");
        }
        let rule = Rule::read(&json!({"verbs": ["get"], "nonResourceURLs": ["/api/*"]}));
        assert!(rule.allows(&Attributes::Path { verb: "get", path: "/api/v1" }));
        assert!(!rule.allows(&Attributes::Path { verb: "post", path: "/api/v1" }));
        assert!(
            !rule.allows(&Attributes::Resource(ResourceAttributes { verb: "get", ..ResourceAttributes::default() }))
        );
    }

    #[test]
    fn a_rule_is_held_whole() {
        let rule = json!({"verbs": ["get", "", "é"], "apiGroups": [""], "resources": ["a"], "resourceNames": ["n"], "nonResourceURLs": ["/"]});
        let rule = Rule::read(&rule);
        let lists = rule.lists();
        assert_eq!(lists.verbs, ["get", "", "é"]);
        assert_eq!((lists.api_groups, lists.resources), (vec![""], vec!["a"]));
        assert_eq!((lists.resource_names, lists.non_resource_urls), (vec!["n"], vec!["/"]));
    }
}
