//! Names of kcp's own objects, and changes of them.

use crate::world::{Changed, Named};

pub(super) const APIS: &str = "apis.kcp.io";
pub(super) const CORE: &str = "core.kcp.io";
pub(super) const TENANCY: &str = "tenancy.kcp.io";

/// An object without a namespace.
pub(super) const fn named<'a>(cluster: &'a str, group: &'a str, plural: &'a str, name: &'a str) -> Named<'a> {
    Named { cluster, group, plural, namespace: "", name }
}

pub(super) const fn binding<'a>(cluster: &'a str, name: &'a str) -> Named<'a> {
    named(cluster, APIS, "apibindings", name)
}

pub(super) const fn logical_cluster(cluster: &str) -> Named<'_> {
    named(cluster, CORE, "logicalclusters", "cluster")
}

/// Whether a change is of a kind.
pub(super) fn is(changed: &Changed, group: &str, plural: &str) -> bool {
    *changed.group == *group && *changed.plural == *plural
}
