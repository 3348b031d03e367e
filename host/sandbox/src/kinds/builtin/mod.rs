//! The built-in kinds: one table for each flavour, in the order of discovery.
//!
//! What a real server has and this one has not is in the tables, too, so that it is refused and not denied.

mod generic;
mod kcp;
mod kubernetes;
mod row;

use std::sync::Arc;

use self::row::GroupVersion;
use super::catalog::Kinds;
use super::flavour::Flavour;

/// The built-in kinds of a server. Of kcp's these are the ones of every workspace, whatever its type.
pub fn built_in(flavour: Flavour) -> Kinds {
    match flavour {
        Flavour::Kubernetes => kinds(kubernetes::TABLE, None),
        // Built-in kinds are in no logical cluster; its own definitions are in one.
        Flavour::Kcp => {
            let mut all = kinds(kcp::TABLE, Some(""));
            all.extend(&kinds(kcp::SYSTEM, Some("system:system-crds")));
            all
        }
    }
}

/// The kinds of one of kcp's own APIExports, which are in a workspace as far as its type binds them: `tenancy.kcp.io` and
/// `topology.kcp.io` in a workspace of the type `universal`, these and `shards.core.kcp.io` in `root`.
pub fn kcp_export(name: &str) -> Option<Kinds> {
    let table = kcp::EXPORTS.iter().find(|(export, _)| *export == name)?.1;
    // What is bound is in the logical cluster of all bound definitions.
    Some(kinds(table, Some("system:bound-crds")))
}

fn kinds(table: &'static [GroupVersion], cluster: Option<&str>) -> Kinds {
    let mut kinds = Kinds::default();
    for version in table {
        for row in version.rows {
            kinds.insert(Arc::new(row.served(version, cluster)));
        }
    }
    kinds
}

#[cfg(test)]
mod tests;
