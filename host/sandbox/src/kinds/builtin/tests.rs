use std::collections::BTreeSet;

use super::*;
use crate::kinds::Support;
use crate::lifecycle::builtin;

/// There is one table of how metadata is taken care of; here is one of what is served. They have to agree.
#[test]
fn whatever_is_stored_has_facts() {
    for flavour in [Flavour::Kubernetes, Flavour::Kcp] {
        for served in built_in(flavour).iter().filter(|served| served.support == Support::Full && !served.custom) {
            let stored = !served.storage_version_hash.is_empty();
            assert_eq!(builtin(&served.group, &served.plural).is_some(), stored, "{served:?}");
        }
    }
}

#[test]
fn short_names_are_unique_but_for_events() {
    for flavour in [Flavour::Kubernetes, Flavour::Kcp] {
        let mut seen = BTreeSet::new();
        for served in built_in(flavour).iter().filter(|served| !served.custom && served.plural != "events") {
            for name in &served.short_names {
                assert!(seen.insert((served.group.clone(), name.clone())) || served.group == "autoscaling", "{name}");
            }
        }
    }
}

/// From `config/crds` of kcp.
#[test]
fn kcp_s_own_kinds_are_custom() {
    let kcp = built_in(Flavour::Kcp);
    let binding = kcp.get("apis.kcp.io", "v1alpha1", "apibindings").unwrap();
    let newer = kcp.get("apis.kcp.io", "v1alpha2", "apibindings").unwrap();
    assert_eq!(binding.storage_version_hash, newer.storage_version_hash);
    assert!(binding.custom && binding.subresource("status").is_some());
    assert_eq!(binding.verbs.first(), Some(&"delete"));
    assert!(kcp.get("", "v1", "pods").is_none());
}
