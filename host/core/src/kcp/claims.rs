//! The permission claims: what of a workspace's own objects Berthage may touch, and why.
//!
//! A tenant accepts each of them in its APIBinding, or does not. The table is the only place that knows them: the export,
//! the binding that is printed for tenants, the judgement of a binding and the README's table come from it.

use serde_json::{Value, json};

use super::CORE_GROUP;
use crate::names::{LABEL_KUBECONFIG, LABEL_MANAGED_BY, LABEL_PLUGINS, MANAGED_BY};

/// How much hangs on a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// Nothing works without it.
    Base,
    /// May be refused: the tenant then grants the syncers' rights himself, as a condition says.
    Rbac,
    /// May be refused: plugins then see nothing of it, and wait for it where they ask.
    Plugins,
}

/// A kind of object that is claimed.
#[derive(Debug, PartialEq, Eq)]
pub struct Claim {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// Plural name.
    pub resource: &'static str,
    /// What may be done. Both sides name the same verbs: `*` counts only if both do.
    pub verbs: &'static [&'static str],
    /// How much hangs on it.
    pub tier: Tier,
    /// The label that an object must carry to be seen at all; `None`: every object of the kind.
    ///
    /// kcp adds the label to what is written through the virtual workspace, and hides what has it not.
    pub label: Option<(&'static str, &'static str)>,
    /// What it is for.
    pub why: &'static str,
}

/// All claims, in the order in which the export names them.
pub const CLAIMS: [Claim; 7] = [
    Claim {
        group: "",
        resource: "secrets",
        // Not `create` and not `delete`: the finalizer of a Secret in use is all that is ever written.
        verbs: &["get", "list", "watch", "update", "patch"],
        tier: Tier::Base,
        label: Some((LABEL_KUBECONFIG, "true")),
        why: "reads the kubeconfigs of the physical clusters, and keeps one that is in use until the syncer is gone",
    },
    Claim {
        group: "",
        // `events.k8s.io` would be listed and then refused: kcp compares with the core group.
        resource: "events",
        verbs: &["get", "create", "patch"],
        tier: Tier::Base,
        label: None,
        why: "tells of important changes",
    },
    Claim {
        group: CORE_GROUP,
        resource: "logicalclusters",
        verbs: &["get", "list", "watch"],
        tier: Tier::Base,
        label: None,
        why: "sees that a workspace is being deleted while its clusters can still be reached, and the workspace's path",
    },
    Claim {
        group: "coordination.k8s.io",
        resource: "leases",
        verbs: &["get", "list", "watch", "create", "delete"],
        tier: Tier::Base,
        label: Some((LABEL_MANAGED_BY, MANAGED_BY)),
        why: "makes the Lease that a syncer renews as its heartbeat",
    },
    rbac("clusterroles"),
    rbac("clusterrolebindings"),
    Claim {
        group: "",
        resource: "configmaps",
        verbs: &["get", "list", "watch"],
        tier: Tier::Plugins,
        label: Some((LABEL_PLUGINS, "true")),
        why: "shows plugins what they are granted to read, and loads the workspace's own plugins",
    },
];

const fn rbac(resource: &'static str) -> Claim {
    Claim {
        group: "rbac.authorization.k8s.io",
        resource,
        verbs: &["get", "list", "watch", "create", "patch", "delete"],
        tier: Tier::Rbac,
        label: Some((LABEL_MANAGED_BY, MANAGED_BY)),
        why: "gives each syncer the right to read its own SyncTarget and to renew its own Lease",
    }
}

impl Claim {
    /// `resource` or `resource.group`, as kubectl names it.
    pub fn name(&self) -> String {
        if self.group.is_empty() { self.resource.to_owned() } else { format!("{}.{}", self.resource, self.group) }
    }

    /// As an APIExport has it (`apis.kcp.io/v1alpha2`).
    pub fn exported(&self) -> Value {
        json!({ "group": self.group, "resource": self.resource, "verbs": self.verbs })
    }

    /// As an APIBinding has it, accepted or rejected.
    pub fn bound(&self, accepted: bool) -> Value {
        let selector = match self.label {
            Some((key, value)) => json!({ "matchLabels": { key: value } }),
            None => json!({ "matchAll": true }),
        };
        json!({
            "group": self.group,
            "resource": self.resource,
            "verbs": self.verbs,
            "selector": selector,
            "state": if accepted { "Accepted" } else { "Rejected" },
        })
    }

    /// The claim for a resource.
    pub fn find(group: &str, resource: &str) -> Option<&'static Self> {
        CLAIMS.iter().find(|claim| claim.group == group && claim.resource == resource)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The manual's table has a row for each claim, with its verbs and its label; the second tier shares one.
    #[test]
    fn the_manual_names_every_claim_as_it_is() {
        let manual = include_str!("../../../../README.md");
        for claim in &CLAIMS {
            let has = |row: &&str| row.starts_with('|') && row.contains(claim.resource) && row.contains(claim.group);
            let row = manual.lines().find(has).unwrap_or_else(|| panic!("no row for {}", claim.name()));
            assert!(row.contains(&format!("| {} |", claim.verbs.join(" "))), "{row}");
            let label = claim.label.map(|(key, _)| key);
            assert!(label.is_none_or(|label| row.contains(label) || row.contains("the same label")), "{row}");
        }
    }

    #[test]
    fn no_claim_lets_a_stolen_token_do_what_no_code_does() {
        for claim in &CLAIMS {
            assert!(!claim.verbs.iter().any(|verb| *verb == "*" || *verb == "deletecollection"), "{}", claim.name());
        }
        let secrets = Claim::find("", "secrets").unwrap();
        assert!(secrets.label.is_some() && !secrets.verbs.contains(&"create") && !secrets.verbs.contains(&"delete"));
    }
}
