//! Which API resources a target's syncer may have: what the target asks for, cut down to what the cluster's registration
//! accepts, without what leads from a syncer's rights to the whole cluster.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::api::{AcceptedWorkload, ApiResource};

/// A resource that a syncer does not get.
///
/// It is serialised as the resource with its reason in words, `why`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Refused {
    /// The resource.
    #[serde(flatten)]
    pub resource: ApiResource,
    /// Why not.
    pub why: RefusedWhy,
}

/// Why a syncer does not get a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RefusedWhy {
    /// The ClusterRegistration does not list it in `spec.acceptedWorkloadTypes`.
    NotAccepted,
    /// It is never given, because whoever may write it may do more: the text says what.
    Never(&'static str),
    /// It is not the plural name of a resource.
    Malformed,
}

impl fmt::Display for RefusedWhy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAccepted => f.write_str("not listed in the ClusterRegistration's spec.acceptedWorkloadTypes"),
            Self::Never(effect) => write!(f, "never given to a syncer, since it {effect}"),
            Self::Malformed => f.write_str("not the plural name of a resource"),
        }
    }
}

impl Serialize for RefusedWhy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Whole groups that no syncer gets.
const NEVER_GROUPS: &[(&str, &str)] = &[
    ("admissionregistration.k8s.io", "intercepts every request to the cluster"),
    ("apiextensions.k8s.io", "changes the cluster's API"),
    ("apiregistration.k8s.io", "takes over groups of the cluster's API"),
    ("authentication.k8s.io", "checks other people's credentials"),
    ("authorization.k8s.io", "asks for other people's rights"),
    ("certificates.k8s.io", "makes identities"),
    ("flowcontrol.apiserver.k8s.io", "starves others of the API server"),
    ("internal.apiserver.k8s.io", "belongs to the API servers"),
    ("node.k8s.io", "decides how containers run on the nodes"),
    ("rbac.authorization.k8s.io", "widens the syncer's own rights"),
    ("scheduling.k8s.io", "evicts other people's pods"),
    ("storagemigration.k8s.io", "belongs to the API servers"),
];

/// Groups with these endings hold what a syncer is driven by, in clusters that are hubs too.
const NEVER_ENDINGS: &[(&str, &str)] = &[("kcp.io", "belongs to a hub"), ("berthage.dev", "belongs to a hub")];

/// Single resources that no syncer gets: (group, resource, what it does).
const NEVER_RESOURCES: &[(&str, &str, &str)] = &[
    ("", "bindings", "places pods past the scheduler"),
    ("", "componentstatuses", "belongs to the control plane"),
    ("", "endpoints", "sends the traffic of Services elsewhere"),
    ("", "namespaces", "deletes everything in a namespace; syncers make the namespaces that they need"),
    ("", "nodes", "belongs to the cluster"),
    ("", "persistentvolumes", "reaches the file systems of the nodes"),
    ("coordination.k8s.io", "leases", "takes the lead from controllers, and keeps dead nodes alive"),
    ("discovery.k8s.io", "endpointslices", "sends the traffic of Services elsewhere"),
    ("networking.k8s.io", "ingressclasses", "belongs to the cluster"),
    ("networking.k8s.io", "ipaddresses", "belongs to the cluster"),
    ("networking.k8s.io", "servicecidrs", "belongs to the cluster"),
    ("policy", "podsecuritypolicies", "lifts the limits on pods"),
    ("resource.k8s.io", "deviceclasses", "belongs to the cluster"),
    ("resource.k8s.io", "devicetaintrules", "belongs to the cluster"),
    ("resource.k8s.io", "resourceslices", "belongs to the nodes"),
    ("storage.k8s.io", "csidrivers", "belongs to the nodes"),
    ("storage.k8s.io", "csinodes", "belongs to the nodes"),
    ("storage.k8s.io", "storageclasses", "belongs to the cluster"),
    ("storage.k8s.io", "volumeattachments", "attaches other people's volumes"),
    ("storage.k8s.io", "volumeattributesclasses", "belongs to the cluster"),
];

/// Sorts out what a target asks for: what its syncer may have, and the rest. Both are sorted and free of doubles. An
/// empty `accepted` accepts everything.
///
/// Secrets are given when they are asked for by name, like any other resource. Who may write pods or what makes pods can
/// use every Secret and ServiceAccount of the namespaces that it may write them in: that is what syncing workloads means.
pub fn granted(supported: &[ApiResource], accepted: &[AcceptedWorkload]) -> (Vec<ApiResource>, Vec<Refused>) {
    let (mut given, mut refused) = (Vec::new(), Vec::new());
    for resource in supported.iter().collect::<BTreeSet<_>>() {
        let why = if is_malformed(resource) {
            Some(RefusedWhy::Malformed)
        } else if let Some(effect) = never(resource) {
            Some(RefusedWhy::Never(effect))
        } else if !accepts(accepted, resource) {
            Some(RefusedWhy::NotAccepted)
        } else {
            None
        };
        match why {
            None => given.push(resource.clone()),
            Some(why) => refused.push(Refused { resource: resource.clone(), why }),
        }
    }
    (given, refused)
}

/// The schema refuses these too. A wildcard or a subresource in a rule would be too much to leave to a schema alone.
fn is_malformed(resource: &ApiResource) -> bool {
    let plain =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    resource.resource.is_empty()
        || !plain(&resource.resource)
        || !resource.group.is_empty() && !resource.group.split('.').all(|part| !part.is_empty() && plain(part))
}

fn never(ApiResource { group, resource, .. }: &ApiResource) -> Option<&'static str> {
    let by_group = NEVER_GROUPS.iter().find(|(name, _)| name == group).map(|(_, effect)| *effect);
    let ends = |ending: &str| group.strip_suffix(ending).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    let by_ending = || NEVER_ENDINGS.iter().find(|(ending, _)| ends(ending)).map(|(_, effect)| *effect);
    let by_name =
        || NEVER_RESOURCES.iter().find(|(of, name, _)| of == group && name == resource).map(|(_, _, effect)| *effect);
    by_group.or_else(by_ending).or_else(by_name)
}

fn accepts(accepted: &[AcceptedWorkload], resource: &ApiResource) -> bool {
    accepted.is_empty()
        || accepted
            .iter()
            .filter(|workload| workload.group == resource.group)
            .any(|workload| workload.resources.is_empty() || workload.resources.contains(&resource.resource))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn api(group: &str, resource: &str) -> ApiResource {
        ApiResource { group: group.to_owned(), version: "v1".to_owned(), resource: resource.to_owned() }
    }

    fn accepted(group: &str, resources: &[&str]) -> AcceptedWorkload {
        let resources = resources.iter().map(|&resource| resource.to_owned()).collect();
        AcceptedWorkload { group: group.to_owned(), resources }
    }

    #[test]
    fn a_registration_without_a_list_accepts_everything() {
        let asked = [api("apps", "deployments"), api("", "secrets"), api("apps", "deployments")];
        let (given, refused) = granted(&asked, &[]);
        assert_eq!(given, [api("", "secrets"), api("apps", "deployments")]);
        assert_eq!(refused, []);
    }

    #[test]
    fn a_list_accepts_whole_groups_or_single_resources() {
        let asked = [api("", "configmaps"), api("", "secrets"), api("apps", "deployments"), api("batch", "jobs")];
        let (given, refused) = granted(&asked, &[accepted("apps", &[]), accepted("", &["configmaps"])]);
        assert_eq!(given, [api("", "configmaps"), api("apps", "deployments")]);
        let why = |resource| Refused { resource, why: RefusedWhy::NotAccepted };
        assert_eq!(refused, [why(api("", "secrets")), why(api("batch", "jobs"))]);
        assert_eq!(
            serde_json::to_value(&refused[1]).unwrap(),
            serde_json::json!({
                "group": "batch", "version": "v1", "resource": "jobs",
                "why": "not listed in the ClusterRegistration's spec.acceptedWorkloadTypes",
            })
        );
    }

    #[test]
    fn some_are_never_given_even_when_accepted() {
        for (group, resource) in [
            ("rbac.authorization.k8s.io", "roles"),
            ("certificates.k8s.io", "certificatesigningrequests"),
            ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
            ("apiextensions.k8s.io", "customresourcedefinitions"),
            ("apiregistration.k8s.io", "apiservices"),
            ("authentication.k8s.io", "tokenreviews"),
            ("authorization.k8s.io", "subjectaccessreviews"),
            ("", "nodes"),
            ("", "namespaces"),
            ("", "persistentvolumes"),
            ("coordination.k8s.io", "leases"),
            ("workload.kcp.io", "synctargets"),
            ("kcp.io", "x"),
            ("berthage.dev", "x"),
        ] {
            let (given, refused) = granted(&[api(group, resource)], &[accepted(group, &[resource])]);
            assert!(given.is_empty(), "{group} {resource}");
            assert!(matches!(refused[0].why, RefusedWhy::Never(_)));
        }
        let text = granted(&[api("", "nodes")], &[]).1[0].why.to_string();
        assert_eq!(text, "never given to a syncer, since it belongs to the cluster");
        // An ending counts at a dot only.
        assert_eq!(granted(&[api("notkcp.io", "x")], &[]).0.len(), 1);
    }

    #[test]
    fn wildcards_and_subresources_are_malformed() {
        for (group, resource) in
            [("*", "pods"), ("", "*"), ("", "pods/exec"), ("", ""), ("", "Pods"), ("a..b", "x"), ("a/b", "x")]
        {
            let (_, refused) = granted(&[api(group, resource)], &[]);
            assert_eq!(refused[0].why, RefusedWhy::Malformed, "{group} {resource}");
        }
        assert_eq!(RefusedWhy::Malformed.to_string(), "not the plural name of a resource");
    }

    proptest! {
        #[test]
        fn everything_asked_for_is_answered_once(
            names in prop::collection::vec(("(|apps|batch|rbac.authorization.k8s.io)", "(pods|jobs|roles|nodes)"), 0..8),
            lists in prop::collection::vec(("(|apps|batch)", prop::collection::vec("(pods|jobs|nodes)", 0..3)), 0..3),
        ) {
            let asked: Vec<_> = names.iter().map(|(group, resource)| api(group, resource)).collect();
            let lists: Vec<_> = lists.iter().map(|(group, resources)| AcceptedWorkload { group: group.clone(), resources: resources.clone() }).collect();
            let (given, refused) = granted(&asked, &lists);
            let mut answered: Vec<_> = given.iter().cloned().chain(refused.into_iter().map(|refused| refused.resource)).collect();
            answered.sort();
            let unique: BTreeSet<_> = asked.into_iter().collect();
            prop_assert_eq!(answered, unique.into_iter().collect::<Vec<_>>());
            prop_assert!(given.is_sorted());
        }
    }
}
