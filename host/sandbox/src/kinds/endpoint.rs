//! What a path leads to, if it is not one of objects: discovery, probes, the version.
//!
//! Facts: `pkg/endpoints/request/requestinfo.go`, `pkg/server/handler.go` and `pkg/server/routes` of `k8s.io/apiserver`.

use super::request::RequestInfo;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint<'p> {
    /// Objects: what [`route`](super::route()) is for.
    Resource,
    /// `/`: the paths that there are.
    Root,
    /// `/version`.
    Version,
    /// `/healthz`, `/livez`, `/readyz`.
    Health {
        /// Which of them.
        probe: &'p str,
        /// The one check after it; empty for all.
        check: &'p str,
    },
    /// `/api`: the versions of the core group.
    Api,
    /// `/apis`: all groups.
    Apis,
    /// `/apis/<group>`.
    Group(&'p str),
    /// `/api/<version>` or `/apis/<group>/<version>`.
    GroupVersion(&'p str, &'p str),
    /// `/openapi/v2`, `/openapi/v3` and below.
    OpenApi(&'p str),
    /// Nothing that is known here.
    Unknown(&'p str),
}

impl<'p> Endpoint<'p> {
    /// What a request is for.
    pub fn of(info: &RequestInfo<'p>) -> Self {
        if info.is_resource {
            return Self::Resource;
        }
        let path = info.path;
        let parts: Vec<&'p str> = path.trim_matches('/').split('/').collect();
        // Some paths may end with a slash, others may not.
        match parts.as_slice() {
            [""] => Self::Root,
            ["version"] => Self::Version,
            ["api"] => Self::Api,
            ["api", version] => Self::GroupVersion("", version),
            ["apis"] => Self::Apis,
            ["apis", group] => Self::Group(group),
            ["apis", group, version] => Self::GroupVersion(group, version),
            [probe @ ("healthz" | "livez" | "readyz"), rest @ ..] => match rest {
                [] if !path.ends_with('/') => Self::Health { probe, check: "" },
                [check] if !path.ends_with('/') => Self::Health { probe, check },
                _ => Self::Unknown(path),
            },
            ["openapi", "v2" | "v3", ..] => Self::OpenApi(path),
            _ => Self::Unknown(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::query::Query;
    use super::*;

    #[test]
    fn paths_that_are_no_resources_lead_somewhere() {
        for (path, endpoint) in [
            ("/", Endpoint::Root),
            ("/version", Endpoint::Version),
            ("/version/", Endpoint::Version),
            ("/healthz", Endpoint::Health { probe: "healthz", check: "" }),
            ("/readyz/etcd", Endpoint::Health { probe: "readyz", check: "etcd" }),
            ("/api", Endpoint::Api),
            ("/api/v1/", Endpoint::GroupVersion("", "v1")),
            ("/apis/", Endpoint::Apis),
            ("/apis/apps", Endpoint::Group("apps")),
            ("/apis/apps/v1", Endpoint::GroupVersion("apps", "v1")),
            ("/apis/apps/v1/deployments", Endpoint::Resource),
            ("/openapi/v3/apis/apps/v1", Endpoint::OpenApi("/openapi/v3/apis/apps/v1")),
            ("/metrics", Endpoint::Unknown("/metrics")),
            ("/healthz/", Endpoint::Unknown("/healthz/")),
        ] {
            let info = RequestInfo::new("GET", path, &Query::default()).unwrap();
            assert_eq!(Endpoint::of(&info), endpoint, "{path}");
        }
    }
}
