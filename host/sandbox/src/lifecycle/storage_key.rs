//! The key of an object in etcd, which a few messages tell.

use super::kind::Kind;

/// What kind of server has the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin<'a> {
    /// kube-apiserver.
    Kubernetes,
    /// kcp, which puts the group, what serves it and the logical cluster in (`etcd3/store_kcp.go`).
    Kcp {
        /// The logical cluster.
        cluster: &'a str,
        /// The identity of the `APIExport` that serves a custom resource; empty if a `CustomResourceDefinition` does.
        identity: &'a str,
    },
}

/// The key, as told.
pub fn storage_key(kind: &Kind<'_>, origin: Origin<'_>, namespace: &str, name: &str) -> String {
    let Kind { group, plural, .. } = *kind;
    let mut key = match origin {
        Origin::Kubernetes => format!("/registry/{}", prefix(kind)),
        Origin::Kcp { cluster, identity } => {
            let group = if group.is_empty() { "core" } else { group };
            let server = match identity {
                _ if !kind.facts.custom => "",
                "" => "/customresources",
                _ => identity,
            };
            let slash = if server.is_empty() || server.starts_with('/') { "" } else { "/" };
            format!("/registry/{group}/{plural}{slash}{server}/{cluster}")
        }
    };
    for part in [namespace, name] {
        if !part.is_empty() {
            key.push('/');
            key.push_str(part);
        }
    }
    key
}

/// `SpecialDefaultResourcePrefixes` of `pkg/kubeapiserver`, and the servers of extensions that put their group in.
fn prefix(kind: &Kind<'_>) -> String {
    match (kind.group, kind.plural) {
        (group, plural) if kind.facts.custom => format!("{group}/{plural}"),
        (group @ ("apiextensions.k8s.io" | "apiregistration.k8s.io"), plural) => format!("{group}/{plural}"),
        ("", "replicationcontrollers") => "controllers".to_owned(),
        ("", "endpoints") => "services/endpoints".to_owned(),
        ("", "nodes") => "minions".to_owned(),
        ("", "services") => "services/specs".to_owned(),
        ("networking.k8s.io", "ingresses") => "ingress".to_owned(),
        (_, plural) => plural.to_owned(),
    }
}
