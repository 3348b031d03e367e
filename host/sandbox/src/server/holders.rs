//! The objects that tokens are of and bound to.

use serde_json::Value;

use crate::access::tokens::{Holder, HolderKind, Holders};
use crate::time;
use crate::world::{Named, World};

/// The objects of tokens that do not say in which cluster they are: those of the cluster that is asked.
pub(super) struct Here<'w> {
    pub(super) world: &'w World,
    pub(super) cluster: &'w str,
}

impl Holders for Here<'_> {
    fn find(&self, cluster: &str, kind: HolderKind, namespace: &str, name: &str) -> Option<Holder> {
        let cluster = if cluster.is_empty() { self.cluster } else { cluster };
        self.world.find(cluster, kind, namespace, name)
    }
}

impl Holders for World {
    fn find(&self, cluster: &str, kind: HolderKind, namespace: &str, name: &str) -> Option<Holder> {
        let plural = match kind {
            HolderKind::ServiceAccount => "serviceaccounts",
            HolderKind::Secret => "secrets",
            HolderKind::Pod => "pods",
            HolderKind::Node => "nodes",
        };
        let namespace = if kind == HolderKind::Node { "" } else { namespace };
        let object = self.get(&Named { cluster, group: "", plural, namespace, name })?;
        let text = |part: &str, field: &str| {
            object.get(part).and_then(|part| part.get(field)).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        Some(Holder {
            uid: text("metadata", "uid"),
            deleted: time::read(&text("metadata", "deletionTimestamp")),
            service_account: text("spec", "serviceAccountName"),
            node: text("spec", "nodeName"),
        })
    }
}
