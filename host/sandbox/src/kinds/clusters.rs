//! The part of a path of kcp that names a logical cluster, and a virtual workspace.
//!
//! Facts: `pkg/server/localproxy.go`, `pkg/server/filters/{filters,wildcard}.go` and `pkg/virtual/apiexport/builder/build.go`
//! (`digestUrl`) of kcp; `path.go` of `github.com/kcp-dev/logicalcluster`.

use crate::quote::quote;
use crate::status::Failure;

use super::request::RequestInfo;

/// Which logical clusters a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cluster<'p> {
    /// None is named: what is the server's own.
    None,
    /// One, by the name of the logical cluster. It may be that there is none of this name.
    Name(&'p str),
    /// One, by the path of its workspace, such as `root:org:team`, which somebody has to look up.
    Path(&'p str),
    /// All of them.
    All,
}

/// Through what a request comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workspace<'p> {
    /// The workspace itself.
    Own,
    /// The virtual workspace of an APIExport.
    ApiExport {
        /// The logical cluster that the APIExport is in, as written.
        cluster: &'p str,
        /// The name of the APIExport.
        name: &'p str,
    },
}

/// Where a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target<'p> {
    /// Through what.
    pub workspace: Workspace<'p>,
    /// To which logical clusters.
    pub cluster: Cluster<'p>,
    /// The path in there, which begins with a slash.
    pub path: &'p str,
}

impl<'p> Target<'p> {
    /// A plain cluster has no such part.
    pub fn kubernetes(path: &'p str) -> Self {
        Self { workspace: Workspace::Own, cluster: Cluster::None, path }
    }

    /// Takes a path of kcp apart; nothing if it is one of virtual workspaces that leads nowhere, which is forbidden with the
    /// reason [`UNRESOLVED`].
    pub fn kcp(path: &'p str) -> Result<Option<Self>, Failure> {
        if let Some(rest) = path.strip_prefix("/services/") {
            return match rest.split_once('/') {
                Some(("apiexport", rest)) => Ok(api_export(rest)),
                Some((name, _)) if OTHERS.contains(&name) => {
                    Err(Failure::not_in_sandbox("virtual workspaces of kcp other than those of APIExports"))
                }
                _ => Ok(None),
            };
        }
        let Some(rest) = path.strip_prefix("/clusters/") else { return Ok(Some(Self::kubernetes(path))) };
        let (cluster, path) = split(rest);
        let cluster = match cluster {
            "" => Cluster::None,
            "*" => Cluster::All,
            _ if !is_valid(cluster) => {
                let message = format!("invalid cluster: {} does not match the regex", quote(cluster));
                return Err(Failure::bad_request(message));
            }
            _ if is_name(cluster) => Cluster::Name(cluster),
            _ => Cluster::Path(cluster),
        };
        Ok(Some(Self { workspace: Workspace::Own, cluster, path }))
    }

    /// In all logical clusters at once there are only lists and watches.
    pub fn check(&self, info: &RequestInfo<'_>) -> Result<(), Failure> {
        if self.cluster != Cluster::All || !info.is_resource || matches!(&*info.verb, "list" | "watch") {
            return Ok(());
        }
        let refusal = info.verb_not_supported();
        let message = format!("{} in the `*` logical cluster", refusal.message);
        Err(Failure::new(refusal.code, refusal.reason, message).about(&refusal.group, &refusal.kind, &refusal.name))
    }
}

/// Why nobody may go to a virtual workspace that there is not. The answer's `details` are there and empty.
pub const UNRESOLVED: &str = "Path not resolved to a valid virtual workspace";

/// What else has virtual workspaces.
const OTHERS: &[&str] =
    &["apiresourceschema", "initializingworkspaces", "migratingworkspaces", "replication", "terminatingworkspaces"];

/// `<cluster>/<name>/clusters/<cluster>/…`
fn api_export(rest: &str) -> Option<Target<'_>> {
    let (cluster, rest) = rest.split_once('/')?;
    let (name, rest) = rest.split_once('/')?;
    if cluster.is_empty() || name.is_empty() {
        return None;
    }
    let workspace = Workspace::ApiExport { cluster, name };
    let (cluster, path) = split(rest.strip_prefix("clusters/")?);
    let cluster = match cluster {
        "*" => Cluster::All,
        name if is_name(name) => Cluster::Name(name),
        _ => return None,
    };
    Some(Target { workspace, cluster, path })
}

/// The first part, and the path after it.
fn split(rest: &str) -> (&str, &str) {
    let (first, path) = rest.find('/').and_then(|end| rest.split_at_checked(end)).unwrap_or((rest, "/"));
    (first, path)
}

/// A path of one part is the name of a logical cluster.
fn is_name(path: &str) -> bool {
    path.starts_with("system:") || path.rsplit_once(':').is_none_or(|(parent, _)| parent.is_empty())
}

/// `^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(:[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`
fn is_valid(path: &str) -> bool {
    path.split(':').all(|part| {
        let inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
        !part.is_empty()
            && part.len() <= 63
            && part.bytes().all(|byte| inner(&byte))
            && !part.starts_with('-')
            && !part.ends_with('-')
    })
}

#[cfg(test)]
mod tests {
    use super::super::query::Query;
    use super::*;

    fn own<'p>(cluster: Cluster<'p>, path: &'p str) -> Target<'p> {
        Target { workspace: Workspace::Own, cluster, path }
    }

    #[test]
    fn a_cluster_is_named_or_found_by_its_path() {
        for (path, target) in [
            ("/api/v1/pods", own(Cluster::None, "/api/v1/pods")),
            ("/clusters/root/api/v1", own(Cluster::Name("root"), "/api/v1")),
            ("/clusters/root:a/apis", own(Cluster::Path("root:a"), "/apis")),
            ("/clusters/system:admin/apis", own(Cluster::Name("system:admin"), "/apis")),
            ("/clusters/*/apis/g/v/r", own(Cluster::All, "/apis/g/v/r")),
            ("/clusters/root", own(Cluster::Name("root"), "/")),
            ("/clusters//api", own(Cluster::None, "/api")),
            ("/clustersx/api", own(Cluster::None, "/clustersx/api")),
        ] {
            assert_eq!(Target::kcp(path), Ok(Some(target)), "{path}");
        }
        for cluster in ["Root", "a..b", "-a", "a:", "a:-b", "_"] {
            let failure = Target::kcp(&format!("/clusters/{cluster}/api")).map(|_| ()).unwrap_err();
            assert_eq!(failure.message, format!("invalid cluster: \"{cluster}\" does not match the regex"));
        }
    }

    /// From `TestDigestUrl` of kcp's pkg/virtual/apiexport/builder.
    #[test]
    fn an_api_export_has_a_virtual_workspace() {
        let through = |path| Target::kcp(path).unwrap();
        let workspace = Workspace::ApiExport { cluster: "2x7k", name: "e" };
        let target = Target { workspace, cluster: Cluster::All, path: "/api/v1/configmaps" };
        assert_eq!(through("/services/apiexport/2x7k/e/clusters/*/api/v1/configmaps"), Some(target));
        let target = Target { workspace, cluster: Cluster::Name("c"), path: "/" };
        assert_eq!(through("/services/apiexport/2x7k/e/clusters/c"), Some(target));
        for path in ["2x7k/e", "2x7k/e/api", "2x7k//clusters/c", "/e/clusters/c", "2x7k/e/clusters/root:a/api"] {
            let path = format!("/services/apiexport/{path}");
            assert_eq!(Target::kcp(&path), Ok(None), "{path}");
        }
        assert_eq!(Target::kcp("/services/initializingworkspaces/x").unwrap_err().code, 501);
        assert_eq!(Target::kcp("/services/foo/x"), Ok(None));
    }

    #[test]
    fn all_clusters_are_only_listed() {
        let target = Target::kcp("/clusters/*/api/v1/namespaces/n/pods/p").unwrap().unwrap();
        let info = RequestInfo::new("GET", target.path, &Query::default()).unwrap();
        let failure = target.check(&info).unwrap_err();
        assert_eq!(failure.message, "get is not supported on resources of kind \"pods\" in the `*` logical cluster");
        assert_eq!((failure.code, failure.kind.as_str()), (405, "pods"));
        let info = RequestInfo::new("GET", "/api/v1/pods", &Query::default()).unwrap();
        assert_eq!(target.check(&info), Ok(()));
    }
}
