//! Where an object is kept: the key that etcd would have, without the part before the resource.
//!
//! A key is `<cluster>/<namespace>/<name>`, or `<cluster>/<name>` for kinds without namespaces, and keys are compared as
//! bytes. So lists come in the order of a real server, for kcp's lists of all clusters too (`etcd3/store_kcp.go` of kcp's
//! Kubernetes: `<group>/<resource>/<cluster>/<namespace>/<name>`): `a-b/x` is before `a/x`, because `-` is less than `/`.

use std::sync::Arc;

use super::resources::ResourceId;

/// The name of one object in the whole store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key<'a> {
    /// What it is one of.
    pub resource: ResourceId,
    /// The logical cluster; empty in a store with one cluster only.
    pub cluster: &'a str,
    /// The namespace; empty for kinds without namespaces.
    pub namespace: &'a str,
    /// Its `metadata.name`.
    pub name: &'a str,
}

impl Key<'_> {
    /// The key as one string, or nothing if a part could be mistaken for another.
    pub(super) fn path(&self) -> Option<Arc<str>> {
        let parts = [self.cluster, self.namespace, self.name];
        if self.name.is_empty() || parts.iter().any(|part| part.contains('/')) {
            return None;
        }
        let mut path = prefix(self.cluster, self.namespace);
        path.push_str(self.name);
        Some(path.into())
    }
}

/// What a list or a watch is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope<'a> {
    /// Objects of what.
    pub resource: ResourceId,
    /// In which logical cluster; in all of them if there is none (kcp's `/clusters/*`).
    pub cluster: Option<&'a str>,
    /// In which namespace; in all of them if there is none.
    pub namespace: Option<&'a str>,
    /// The only object, where a request names one: by a field selector for `metadata.name`, with a namespace if the kind has
    /// namespaces and with a cluster. A real server then asks for that key alone, with other rules for pages.
    pub name: Option<&'a str>,
}

impl<'a> Scope<'a> {
    /// All objects of a resource, everywhere.
    pub fn all(resource: ResourceId) -> Self {
        Self { resource, cluster: None, namespace: None, name: None }
    }

    /// Only those of one logical cluster.
    #[must_use]
    pub fn cluster(self, cluster: &'a str) -> Self {
        Self { cluster: Some(cluster), ..self }
    }

    /// Only those of one namespace.
    #[must_use]
    pub fn namespace(self, namespace: &'a str) -> Self {
        Self { namespace: Some(namespace), ..self }
    }

    /// Only the one of this name.
    #[must_use]
    pub fn name(self, name: &'a str) -> Self {
        Self { name: Some(name), ..self }
    }

    /// What the keys of all objects in it begin with. In a scope of one namespace in all clusters, others' keys do, too.
    pub(super) fn prefix(&self) -> String {
        match self.cluster {
            Some(cluster) => prefix(cluster, self.namespace.unwrap_or("")),
            None => String::new(),
        }
    }

    /// Every object of the resource is in it.
    pub(super) fn is_all(&self) -> bool {
        self.cluster.is_none() && self.namespace.is_none_or(str::is_empty) && self.name.is_none()
    }

    /// The key of the only object, if the scope is one object's.
    pub(super) fn single(&self) -> Option<Key<'a>> {
        Some(Key {
            resource: self.resource,
            cluster: self.cluster?,
            namespace: self.namespace.unwrap_or(""),
            name: self.name?,
        })
    }
}

/// A scope that keeps its names, for a watch.
#[derive(Debug, Clone)]
pub(super) struct Within {
    prefix: String,
    namespace: Option<Box<str>>,
    name: Option<Box<str>>,
}

impl Within {
    pub(super) fn new(scope: &Scope<'_>) -> Self {
        Self {
            prefix: scope.prefix(),
            // The prefix says it already, unless it is about all clusters.
            namespace: scope
                .namespace
                .filter(|namespace| scope.cluster.is_none() && !namespace.is_empty())
                .map(Into::into),
            name: scope.name.map(Into::into),
        }
    }

    pub(super) fn contains(&self, path: &str) -> bool {
        path.starts_with(&self.prefix)
            && self.namespace.as_deref().is_none_or(|namespace| split(path).1 == namespace)
            && self.name.as_deref().is_none_or(|name| split(path).2 == name)
    }
}

/// The cluster, the namespace (empty for kinds without) and the name in a key.
pub(super) fn split(path: &str) -> (&str, &str, &str) {
    let (cluster, rest) = path.split_once('/').unwrap_or(("", path));
    let (namespace, name) = rest.rsplit_once('/').unwrap_or(("", rest));
    (cluster, namespace, name)
}

fn prefix(cluster: &str, namespace: &str) -> String {
    let mut prefix = String::with_capacity(cluster.len() + namespace.len() + 66);
    prefix.push_str(cluster);
    prefix.push('/');
    if !namespace.is_empty() {
        prefix.push_str(namespace);
        prefix.push('/');
    }
    prefix
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key<'a>(cluster: &'a str, namespace: &'a str, name: &'a str) -> Key<'a> {
        Key { resource: ResourceId::default(), cluster, namespace, name }
    }

    #[test]
    fn keys_are_ordered_as_in_etcd() {
        let mut paths: Vec<_> = [
            key("c", "a", "x"),
            key("c", "a-b", "x"),
            key("c-d", "a", "x"),
            key("c", "a", "x-y"),
            key("c", "a", "x.y"),
        ]
        .iter()
        .map(|key| key.path().unwrap())
        .collect();
        paths.sort();
        let paths: Vec<&str> = paths.iter().map(AsRef::as_ref).collect();
        assert_eq!(paths, ["c-d/a/x", "c/a-b/x", "c/a/x", "c/a/x-y", "c/a/x.y"]);
    }

    #[test]
    fn a_key_is_taken_apart_again() {
        for (cluster, namespace, name) in [("c", "n", "o"), ("c", "", "o"), ("", "n", "o"), ("", "", "o")] {
            let path = key(cluster, namespace, name).path().unwrap();
            assert_eq!(split(&path), (cluster, namespace, name));
        }
    }

    #[test]
    fn what_would_be_another_key_is_none() {
        assert_eq!(key("c", "n/o", "p").path(), None);
        assert_eq!(key("c", "n", "o/p").path(), None);
        assert_eq!(key("c", "n", "").path(), None);
    }
}
