//! How a line of the tables is written.

use std::borrow::Cow;

use crate::kinds::served::{CHANGED, SCALE, Served, Subresource, Support, kcp_definition_hash, storage_version_hash};

/// What a group serves in one of its versions.
pub(super) struct GroupVersion {
    pub(super) group: &'static str,
    pub(super) version: &'static str,
    pub(super) rows: &'static [Row],
}

/// A built-in kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    plural: &'static str,
    singular: &'static str,
    kind: &'static str,
    namespaced: bool,
    verbs: &'static [&'static str],
    short: &'static [&'static str],
    categories: &'static [&'static str],
    subresources: &'static [Subresource],
    stored: Stored,
    custom: bool,
    support: Support,
}

#[derive(Debug, Clone, Copy)]
enum Stored {
    /// In the version that is served.
    Here,
    /// In another group or version.
    In(&'static str, &'static str),
    /// Nowhere.
    Not,
}

pub(super) const CREATE: &[&str] = &["create"];

pub(super) const SCALED: Subresource =
    Subresource { name: "scale", kind: Some(SCALE), verbs: CHANGED, support: Support::Full };

/// What lets a namespace go.
pub(super) const FINALIZE: Subresource =
    Subresource { name: "finalize", kind: None, verbs: &["update"], support: Support::Full };

/// A subresource of another kind that is posted to.
pub(super) const fn posted(name: &'static str, kind: (&'static str, &'static str, &'static str)) -> Subresource {
    Subresource { name, kind: Some(kind), verbs: CREATE, support: Support::Full }
}

/// The same, but not done here.
pub(super) const fn not_done(subresource: Subresource) -> Subresource {
    Subresource { support: Support::None, ..subresource }
}

/// A subresource that is not done here.
pub(super) const fn refused(name: &'static str, verbs: &'static [&'static str]) -> Subresource {
    not_done(Subresource { name, kind: None, verbs, support: Support::Full })
}

/// A kind whose objects are in namespaces.
pub(super) const fn of_namespaces(
    plural: &'static str,
    singular: &'static str,
    kind: &'static str,
    verbs: &'static [&'static str],
) -> Row {
    Row {
        plural,
        singular,
        kind,
        namespaced: true,
        verbs,
        short: &[],
        categories: &[],
        subresources: &[],
        stored: if verbs.len() > 2 { Stored::Here } else { Stored::Not },
        custom: false,
        support: Support::Full,
    }
}

/// A kind whose objects are the cluster's.
pub(super) const fn of_cluster(
    plural: &'static str,
    singular: &'static str,
    kind: &'static str,
    verbs: &'static [&'static str],
) -> Row {
    Row { namespaced: false, ..of_namespaces(plural, singular, kind, verbs) }
}

impl Row {
    pub(super) const fn short(self, short: &'static [&'static str]) -> Self {
        Self { short, ..self }
    }

    pub(super) const fn in_categories(self, categories: &'static [&'static str]) -> Self {
        Self { categories, ..self }
    }

    pub(super) const fn with(self, subresources: &'static [Subresource]) -> Self {
        Self { subresources, ..self }
    }

    /// It is stored as another version.
    pub(super) const fn stored_in(self, group: &'static str, version: &'static str) -> Self {
        Self { stored: Stored::In(group, version), ..self }
    }

    /// It is served as a custom resource.
    pub(super) const fn custom(self) -> Self {
        Self { custom: true, ..self }
    }

    /// It is not done here.
    pub(super) const fn missing(self) -> Self {
        Self { support: Support::None, ..self }
    }

    pub(super) fn served(&self, of: &GroupVersion, cluster: Option<&str>) -> Served {
        let all = |texts: &'static [&'static str]| texts.iter().copied().map(Cow::Borrowed).collect();
        let hash = |group, version| match cluster.filter(|_| self.custom) {
            Some(cluster) => kcp_definition_hash(cluster, group, version, self.kind),
            None => storage_version_hash(cluster, group, version, self.kind),
        };
        Served {
            group: Cow::Borrowed(of.group),
            version: Cow::Borrowed(of.version),
            plural: Cow::Borrowed(self.plural),
            singular: Cow::Borrowed(self.singular),
            kind: Cow::Borrowed(self.kind),
            list_kind: Cow::Owned(format!("{}List", self.kind)),
            short_names: all(self.short),
            categories: all(self.categories),
            namespaced: self.namespaced,
            verbs: self.verbs,
            subresources: self.subresources.to_vec(),
            storage_version_hash: match self.stored {
                Stored::Here => hash(of.group, of.version),
                Stored::In(group, version) => hash(group, version),
                Stored::Not => String::new(),
            },
            custom: self.custom,
            support: self.support,
        }
    }
}
