//! What a request was, for metrics and for tests that count requests.

use std::sync::Arc;
use std::time::Duration;

use http::Method;

/// Which of the two kinds of API server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// The API server that holds the SyncTargets.
    Hub,
    /// A physical cluster.
    Physical,
}

impl Side {
    /// The value of the metrics' `host` label. Never the server's address: tenants choose it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hub => "hub",
            Self::Physical => "physical",
        }
    }
}

/// One request that was answered or failed. A watch is recorded when its response begins.
#[derive(Debug)]
pub struct RequestRecord<'a> {
    /// Where it went.
    pub side: Side,
    /// Its method.
    pub method: &'a Method,
    /// Its path without the query, relative to the base URL. Holds tenants' names: not for labels.
    pub path: &'a str,
    /// Whether it is a watch.
    pub watch: bool,
    /// Status of the response; `None` when there was none.
    pub code: Option<u16>,
    /// From the request to the response's head.
    pub elapsed: Duration,
}

/// Called once for each request, on the task that made it: must be quick and must not block.
pub type RequestObserver = Arc<dyn Fn(&RequestRecord<'_>) + Send + Sync>;

/// What a path of the Kubernetes API speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiPath<'a> {
    /// API group; empty for the core group.
    pub group: &'a str,
    /// Plural, such as `deployments`.
    pub resource: &'a str,
    /// Name of the object; `None` for a collection.
    pub name: Option<&'a str>,
    /// Such as `status`.
    pub subresource: Option<&'a str>,
}

impl<'a> ApiPath<'a> {
    /// Reads a path without its query. What stands before `/api/` or `/apis/` (a workspace, a proxy) is skipped. `None`
    /// for everything that is no resource, such as `/version`.
    pub fn parse(path: &'a str) -> Option<Self> {
        let mut segments = path.split('/').skip(1);
        let group = loop {
            match segments.next()? {
                "api" => break "",
                "apis" => break segments.next()?,
                _ => {}
            }
        };
        let _version = segments.next()?;
        let mut resource = segments.next()?;
        let mut name = segments.next();
        if resource == "namespaces"
            && let Some(inner) = segments.clone().next()
            // `/namespaces/x/status` and `/finalize` are of the namespace itself.
            && !matches!(inner, "status" | "finalize")
        {
            segments.next();
            resource = inner;
            name = segments.next();
        }
        Some(Self { group, resource, name: name.filter(|name| !name.is_empty()), subresource: segments.next() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_with_any_prefix() {
        let cases = [
            ("/api/v1/namespaces/kube-system", ("", "namespaces", Some("kube-system"), None)),
            ("/api/v1/namespaces/a/status", ("", "namespaces", Some("a"), Some("status"))),
            ("/api/v1/namespaces/a/secrets", ("", "secrets", None, None)),
            ("/clusters/x/api/v1/namespaces/a/secrets/b", ("", "secrets", Some("b"), None)),
            (
                "/services/apiexport/r/e/clusters/*/apis/workload.kcp.io/v1alpha1/synctargets/t/status",
                ("workload.kcp.io", "synctargets", Some("t"), Some("status")),
            ),
            ("/apis/apps/v1/namespaces/a/deployments/", ("apps", "deployments", None, None)),
        ];
        for (path, (group, resource, name, subresource)) in cases {
            assert_eq!(ApiPath::parse(path), Some(ApiPath { group, resource, name, subresource }), "{path}");
        }
        for path in ["/version", "/readyz", "/", "", "/api", "/apis/apps/v1"] {
            assert_eq!(ApiPath::parse(path), None, "{path}");
        }
    }
}
