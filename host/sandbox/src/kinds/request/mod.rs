//! What an API server reads from a method, a path and a query.
//!
//! Facts: `pkg/endpoints/request/requestinfo.go` of `k8s.io/apiserver`.

use std::borrow::Cow;

use super::options::{ListOptions, is_true};
use super::query::Query;
use crate::access::attributes::{Attributes, ResourceAttributes};
use crate::quote::quote;
use crate::status::Failure;

/// A request, in the words of Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestInfo<'p> {
    /// It is about objects.
    pub is_resource: bool,
    /// The path, without a part that names a logical cluster.
    pub path: &'p str,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; of a request that is not about
    /// objects the method in lower case; empty for a method that none of these is.
    pub verb: Cow<'static, str>,
    /// `api` or `apis`.
    pub prefix: &'p str,
    /// API group; empty for the core group.
    pub group: &'p str,
    /// Version of the group.
    pub version: &'p str,
    /// Empty for the cluster's own and for all namespaces.
    pub namespace: &'p str,
    /// Plural of the resource.
    pub resource: &'p str,
    /// Empty, or such as `status`.
    pub subresource: &'p str,
    /// Name of the object, from the path, or of a list from `fieldSelector=metadata.name=…`.
    pub name: Cow<'p, str>,
    /// How many parts the path has from the resource on.
    pub parts: usize,
    /// The verb is in the path: `/api/v1/watch/…`.
    pub verb_in_path: bool,
    /// The method is one that changes nothing, but that no handler has: `HEAD`.
    pub head: bool,
}

impl<'p> RequestInfo<'p> {
    /// Reads a request. `path` has no escapes.
    pub fn new(method: &str, path: &'p str, query: &Query<'_>) -> Result<Self, Failure> {
        let mut info =
            Self { path, verb: Cow::Owned(method.to_lowercase()), head: method == "HEAD", ..Self::default() };
        if path.contains("//") {
            // They are redirected to paths without.
            return Err(Failure::not_in_sandbox("paths with empty parts"));
        }
        let mut parts: Vec<&'p str> = path.trim_matches('/').split('/').collect();
        let mut next = || if parts.is_empty() { "" } else { parts.remove(0) };
        // The core group has no name in the path, so that is one part less.
        let prefix = next();
        match prefix {
            "api" if parts.len() >= 2 => {}
            "apis" => {
                info.prefix = prefix;
                if parts.len() < 3 {
                    return Ok(info);
                }
                info.group = parts.remove(0);
            }
            _ => return Ok(info),
        }
        info.prefix = prefix;
        info.is_resource = true;
        info.version = parts.remove(0);
        info.verb = Cow::Borrowed(match method {
            "POST" => "create",
            "GET" | "HEAD" => "get",
            "PUT" => "update",
            "PATCH" => "patch",
            "DELETE" => "delete",
            _ => "",
        });
        if let Some(special @ ("proxy" | "watch")) = parts.first().copied() {
            if parts.len() < 2 {
                return Err(Failure::not_in_sandbox("a path that ends with a verb"));
            }
            info.verb = Cow::Borrowed(if special == "proxy" { "proxy" } else { "watch" });
            info.verb_in_path = true;
            parts.remove(0);
        }
        if let ["namespaces", namespace, rest @ ..] = parts.as_slice() {
            info.namespace = namespace;
            if rest.first().is_some_and(|part| !matches!(*part, "status" | "finalize")) {
                parts.drain(..2);
            }
        }
        info.parts = parts.len();
        let at = |place: usize| parts.get(place).copied().unwrap_or_default();
        info.resource = at(0);
        info.name = Cow::Borrowed(at(1));
        if info.verb != "proxy" {
            info.subresource = at(2);
        }
        if info.name.is_empty() {
            match &*info.verb {
                "get" => info.of_many(query),
                "delete" => info.verb = Cow::Borrowed("deletecollection"),
                _ => {}
            }
        }
        Ok(info)
    }

    /// It is a list or a watch, perhaps of one object.
    fn of_many(&mut self, query: &Query<'_>) {
        let (watch, name) = match ListOptions::decode(query) {
            Ok(options) => (options.watch, options.field_selector.request_name().map(str::to_owned)),
            // Whatever else is wrong: a watch is a watch.
            Err(_) => (query.first("watch").is_some_and(is_true), None),
        };
        self.verb = Cow::Borrowed(if watch { "watch" } else { "list" });
        if let Some(name) = name {
            self.name = Cow::Owned(name);
        }
    }

    /// What has to be allowed.
    pub fn attributes(&self) -> Attributes<'_> {
        if !self.is_resource {
            return Attributes::Path { verb: &self.verb, path: self.path };
        }
        Attributes::Resource(ResourceAttributes {
            verb: &self.verb,
            group: self.group,
            resource: self.resource,
            subresource: self.subresource,
            namespace: self.namespace,
            name: &self.name,
        })
    }

    /// 405: no handler has this verb, as the servers of custom resources say it.
    pub fn verb_not_supported(&self) -> Failure {
        let resource =
            if self.group.is_empty() { self.resource.to_owned() } else { format!("{}.{}", self.resource, self.group) };
        let message = format!("{} is not supported on resources of kind {}", self.verb, quote(&resource));
        Failure::new(405, "MethodNotAllowed", message).about(self.group, self.resource, "")
    }
}

#[cfg(test)]
mod tests;
