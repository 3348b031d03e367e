//! What one logical cluster serves: layers of kinds, of which the upper ones hide the lower ones.
//!
//! A layer is shared by all who have it: the built-in kinds by every logical cluster of a server, what an APIExport serves by
//! every workspace that binds it. So a workspace costs a few pointers.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::flavour::Flavour;
use super::priority;
use super::route::Missing;
use super::served::{Served, Support};
use crate::status::Failure;

/// Resources by group, version and plural.
#[derive(Debug, Clone, Default)]
pub struct Kinds {
    groups: BTreeMap<Box<str>, Group>,
    /// How many groups ever came, for the order of those that are there.
    came: usize,
}

#[derive(Debug, Clone)]
struct Group {
    /// The place at which it came.
    place: usize,
    versions: BTreeMap<Box<str>, Resources>,
}

type Resources = BTreeMap<Box<str>, Arc<Served>>;

impl Kinds {
    /// Adds a resource in one version, in place of one of the same name.
    pub fn insert(&mut self, served: Arc<Served>) {
        let place = self.came;
        let group = self.groups.entry((*served.group).into()).or_insert_with(|| {
            self.came += 1;
            Group { place, versions: BTreeMap::new() }
        });
        let resources = group.versions.entry((*served.version).into()).or_default();
        resources.insert((*served.plural).into(), served);
    }

    /// Adds all of others.
    pub fn extend(&mut self, others: &Self) {
        let mut groups: Vec<&Group> = others.groups.values().collect();
        groups.sort_by_key(|group| group.place);
        for served in groups.into_iter().flat_map(|group| group.versions.values()).flat_map(BTreeMap::values) {
            self.insert(Arc::clone(served));
        }
    }

    /// Takes a resource away, in all of its versions.
    pub fn remove(&mut self, group: &str, plural: &str) {
        let Some(versions) = self.groups.get_mut(group).map(|group| &mut group.versions) else { return };
        for resources in versions.values_mut() {
            resources.remove(plural);
        }
        versions.retain(|_, resources| !resources.is_empty());
        if versions.is_empty() {
            self.groups.remove(group);
        }
    }

    /// A resource in one version.
    pub fn get(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Served>> {
        self.groups.get(group)?.versions.get(version)?.get(plural)
    }

    /// All of them, by group, version and plural.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Served>> {
        self.groups.values().flat_map(|group| group.versions.values()).flat_map(BTreeMap::values)
    }

    fn version(&self, group: &str, version: &str) -> Option<&Resources> {
        self.groups.get(group)?.versions.get(version)
    }
}

/// What one logical cluster serves.
#[derive(Debug, Clone)]
pub struct Catalog<'a> {
    /// Whose rules hold.
    pub flavour: Flavour,
    layers: Vec<&'a Kinds>,
}

/// A group, as discovery shows it.
#[derive(Debug)]
pub(super) struct ShownGroup<'a> {
    pub(super) name: &'a str,
    /// The preferred version first.
    pub(super) versions: Vec<ShownVersion<'a>>,
    /// The place at which kcp would show it.
    place: (usize, usize),
}

/// A version, as discovery shows it.
#[derive(Debug)]
pub(super) struct ShownVersion<'a> {
    pub(super) name: &'a str,
    /// By plural.
    pub(super) resources: Vec<&'a Served>,
}

impl<'a> Catalog<'a> {
    /// `layers` begins with the built-in kinds, which hide all that have the same name.
    pub fn new(flavour: Flavour, layers: Vec<&'a Kinds>) -> Self {
        Self { flavour, layers }
    }

    /// A resource in one version, also one that is only known.
    pub fn find(&self, group: &str, version: &str, plural: &str) -> Option<&'a Arc<Served>> {
        self.layers.iter().find_map(|layer| layer.get(group, version, plural))
    }

    /// Whether any of a group and version that is known is served.
    pub(super) fn version(&self, group: &str, version: &str) -> Option<bool> {
        let known = self.layers.iter().filter_map(|layer| layer.version(group, version)).flat_map(BTreeMap::values);
        known.map(|served| served.support == Support::Full).reduce(|one, other| one || other)
    }

    /// 404: nothing is known at a path that is no resource's, or of the resource there.
    pub(super) fn missing(&self, group: &str) -> Missing {
        let is_virtual = self.layers.iter().all(|layer| layer.iter().all(|served| served.custom));
        if self.is_built_in(group) || (group.is_empty() && !is_virtual) {
            Missing::Bare(Failure::no_such_path())
        } else {
            Missing::Page
        }
    }

    /// Whether anything is known of a group.
    pub(super) fn has_group(&self, group: &str) -> bool {
        self.layers.iter().any(|layer| layer.groups.contains_key(group))
    }

    /// Whether anything in a group is built in, so that the whole group has routes.
    pub(super) fn is_built_in(&self, group: &str) -> bool {
        let versions =
            self.layers.iter().filter_map(|layer| layer.groups.get(group)).flat_map(|group| group.versions.values());
        versions.flat_map(BTreeMap::values).any(|served| !served.custom)
    }

    /// All versions of a group that are served, the preferred one first; empty if there is none.
    pub(super) fn versions(&self, group: &str) -> Vec<&'a str> {
        let mut versions: Vec<&'a str> = Vec::new();
        for (version, resources) in
            self.layers.iter().filter_map(|layer| layer.groups.get(group)).flat_map(|group| &group.versions)
        {
            let is_served = resources.values().any(|served| served.support == Support::Full);
            if is_served && !versions.contains(&&**version) {
                versions.push(version);
            }
        }
        versions.sort_by(|one, other| priority::versions(group, one, other));
        versions
    }

    /// What is served in a version, by plural.
    pub(super) fn resources(&self, group: &str, version: &str) -> Vec<&'a Served> {
        let mut all: BTreeMap<&str, &'a Served> = BTreeMap::new();
        for (plural, served) in self.layers.iter().filter_map(|layer| layer.version(group, version)).flatten() {
            all.entry(plural).or_insert(served);
        }
        all.retain(|_, served| served.support == Support::Full);
        all.into_values().collect()
    }

    /// All groups but the core one, in no order that means anything.
    fn groups(&self) -> BTreeMap<&'a str, ShownGroup<'a>> {
        let mut groups = BTreeMap::new();
        for (depth, layer) in self.layers.iter().enumerate() {
            for (name, group) in layer.groups.iter().filter(|(name, _)| !name.is_empty()) {
                let name: &'a str = name;
                let custom = group.versions.values().flat_map(BTreeMap::values).all(|served| served.custom);
                // What is built in comes in its own order, all others by name.
                let place = if custom { (depth.max(1), 0) } else { (0, group.place) };
                let shown = || ShownGroup { name, versions: Vec::new(), place };
                groups.entry(name).or_insert_with(shown);
            }
        }
        groups.retain(|name, group: &mut ShownGroup<'a>| {
            group.versions = self
                .versions(name)
                .into_iter()
                .map(|version| ShownVersion { name: version, resources: self.resources(name, version) })
                .collect();
            !group.versions.is_empty()
        });
        groups
    }

    /// The groups in the order of `/apis`: by priority, then, as an aggregator does it, by the name of the `APIService` of the
    /// version that comes first. kcp has its built-in groups as they were installed, then the others.
    pub(super) fn groups_by_service(&self) -> Vec<ShownGroup<'a>> {
        let mut groups: Vec<ShownGroup<'a>> = self.groups().into_values().collect();
        match self.flavour {
            Flavour::Kubernetes => groups.sort_by_cached_key(|group| {
                let services = group.versions.iter().map(|version| format!("{}.{}", version.name, group.name)).min();
                (std::cmp::Reverse(group.priority()), services)
            }),
            Flavour::Kcp => groups.sort_by_key(|group| group.place),
        }
        groups
    }

    /// The groups in the order of aggregated discovery: by priority, then by name.
    pub(super) fn groups_by_name(&self) -> Vec<ShownGroup<'a>> {
        let mut groups: Vec<ShownGroup<'a>> = self.groups().into_values().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.priority()));
        groups
    }
}

impl ShownGroup<'_> {
    fn priority(&self) -> u16 {
        self.versions.iter().map(|version| priority::of(self.name, version.name).0).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::builtin::built_in;
    use super::*;
    use crate::kinds::served::Definition;
    use crate::schema::Names;

    fn custom(group: &str, version: &str, plural: &str) -> Arc<Served> {
        let names = serde_json::json!({"plural": plural, "singular": "x", "kind": "X", "listKind": "XList"});
        Arc::new(Served::custom(&Definition {
            group,
            version,
            names: &Names::read(names.as_object().unwrap()),
            namespaced: true,
            status: false,
            scale: false,
            storage_version: Some(version),
            terminating: false,
            cluster: None,
        }))
    }

    #[test]
    fn upper_layers_hide_lower_ones() {
        let base = built_in(Flavour::Kubernetes);
        let mut own = Kinds::default();
        own.insert(custom("apps", "v1", "deployments"));
        own.insert(custom("example.com", "v1", "xs"));
        let catalog = Catalog::new(Flavour::Kubernetes, vec![&base, &own]);
        assert!(!catalog.find("apps", "v1", "deployments").unwrap().custom);
        assert!(catalog.find("example.com", "v1", "xs").unwrap().custom);
        own.remove("example.com", "xs");
        assert!(own.get("example.com", "v1", "xs").is_none());
        assert_eq!(own.iter().count(), 1);
    }

    #[test]
    fn custom_groups_come_last_and_ties_differ_between_the_two_discoveries() {
        let base = built_in(Flavour::Kubernetes);
        let mut own = Kinds::default();
        own.insert(custom("a.example.com", "v1beta1", "xs"));
        own.insert(custom("b.example.com", "v1", "xs"));
        let catalog = Catalog::new(Flavour::Kubernetes, vec![&base, &own]);
        let names = |groups: Vec<ShownGroup<'_>>| -> Vec<String> {
            groups.iter().rev().take(2).map(|group| group.name.to_owned()).collect()
        };
        assert_eq!(names(catalog.groups_by_service()), ["a.example.com", "b.example.com"]);
        assert_eq!(names(catalog.groups_by_name()), ["b.example.com", "a.example.com"]);
    }

    #[test]
    fn versions_are_in_order_and_refused_ones_are_not_shown() {
        let base = built_in(Flavour::Kcp);
        let catalog = Catalog::new(Flavour::Kcp, vec![&base]);
        assert_eq!(catalog.versions("apis.kcp.io"), ["v1alpha2", "v1alpha1"]);
        assert_eq!(catalog.versions("cache.kcp.io"), [""; 0]);
        assert_eq!(catalog.version("cache.kcp.io", "v1alpha1"), Some(false));
        assert_eq!(catalog.version("none", "v1"), None);
        let groups: Vec<&str> = catalog.groups_by_service().iter().map(|group| group.name).collect();
        assert_eq!(
            groups,
            [
                "authentication.k8s.io",
                "authorization.k8s.io",
                "coordination.k8s.io",
                "rbac.authorization.k8s.io",
                "events.k8s.io",
                "apiextensions.k8s.io",
                "apis.kcp.io",
                "core.kcp.io"
            ]
        );
    }
}
