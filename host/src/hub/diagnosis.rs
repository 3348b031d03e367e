//! What went wrong with the hub, in words that say what to do.

use kube::runtime::watcher;

use crate::store::{Endpoint, Source};
use crate::telemetry::Causes;

/// Why a watch failed, of a source that the endpoint has `served` before or not.
pub fn watch(source: Source, endpoint: &Endpoint, error: &watcher::Error, served: bool) -> String {
    let said = Causes(error).to_string();
    if endpoint.is_plain() {
        return plain(said, code(error));
    }
    if endpoint.is_platform() {
        return platform(said, source, code(error));
    }
    match (error, code(error)) {
        (watcher::Error::NoResourceVersion, _) => {
            format!("no workspace of this shard has {} now", resource(source))
        }
        (_, Some(404)) => match source {
            Source::ConfigMaps if !served => {
                "the APIExport makes no claim on configmaps: plugins see none, and wait for them where they ask"
                    .to_owned()
            }
            Source::ClusterRoles | Source::ClusterRoleBindings if !served => format!(
                "the APIExport makes no claim on {}: tenants grant the syncers' rights themselves",
                resource(source)
            ),
            _ => format!(
                "{said}. Either the endpoint does not serve yet, as while kcp starts, which passes, or the APIExport does not name {}: \
                 compare it with what `berthage crds --format apiexport` prints",
                resource(source)
            ),
        },
        (_, Some(403)) => format!(
            "{said}. The controller's account needs ClusterRole berthage-controller in the workspace of the APIExport, which \
             `berthage crds --format apiexport` prints: get, list and watch (and more) on apiexports/content"
        ),
        (_, Some(401)) => {
            format!("{said}. The hub does not know the controller's credential any more: renew --kubeconfig")
        }
        _ => said,
    }
}

/// The same of the platform's own workspace on kcp.
fn platform(said: String, source: Source, code: Option<u16>) -> String {
    match code {
        Some(403 | 404) => format!(
            "{said}. Without {} of the workspace of the APIExport it is not known which plugins the platform declares, and nothing is              done: apply what `berthage crds --format apiexport` prints",
            resource(source)
        ),
        Some(401) => format!("{said}. The hub does not know the controller's credential any more: renew --kubeconfig"),
        _ => said,
    }
}

/// The same of a plain hub.
fn plain(said: String, code: Option<u16>) -> String {
    match code {
        Some(404) => format!(
            "{said}. Install the types with `berthage crds | kubectl apply --server-side -f -`, or, if this hub is kcp, start \
             the controller with --hub kcp"
        ),
        Some(403) => format!(
            "{said}. The controller's account needs the rights in deploy/hub-rbac.yaml; if this hub is kcp, start the controller with \
             --hub kcp"
        ),
        Some(401) => format!("{said}. The hub does not know the controller's credential: renew --kubeconfig"),
        _ => said,
    }
}

/// Why the APIExportEndpointSlice could not be read.
pub fn slice(name: &str, error: &watcher::Error) -> String {
    let said = Causes(error).to_string();
    match code(error) {
        Some(404) => format!(
            "{said}. This hub serves no APIExportEndpointSlices: is it kcp? For a plain Kubernetes hub leave --hub at kubernetes"
        ),
        Some(403) => format!(
            "{said}. The controller's account may not read APIExportEndpointSlice {name} in this workspace: --kubeconfig must \
             lead to the workspace of the APIExport, with the rights that `berthage crds --format apiexport` prints"
        ),
        Some(401) => format!("{said}. The hub does not know the controller's credential: renew --kubeconfig"),
        _ => said,
    }
}

/// There is no APIExportEndpointSlice.
pub fn no_slice(name: &str) -> String {
    format!(
        "there is no APIExportEndpointSlice {name} in the workspace that --kubeconfig leads to. kcp makes one with each \
         APIExport: install it with `berthage crds --format apiexport | kubectl apply -f -`, or name another slice with --endpoint-slice"
    )
}

/// The slice has no endpoints.
pub fn no_endpoints(name: &str) -> String {
    format!(
        "APIExportEndpointSlice {name} has no endpoints: no workspace has bound the APIExport yet. A tenant binds it with what \
         `berthage crds --format apibinding` prints"
    )
}

fn code(error: &watcher::Error) -> Option<u16> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => Some(status.code),
        _ => None,
    }
}

const fn resource(source: Source) -> &'static str {
    match source {
        Source::Bindings => "apibindings",
        Source::LogicalClusters => "logicalclusters",
        Source::Targets => "synctargets",
        Source::Registrations => "clusterregistrations",
        Source::Secrets => "secrets",
        Source::Leases => "leases",
        Source::ClusterRoles => "clusterroles",
        Source::ClusterRoleBindings => "clusterrolebindings",
        Source::Plugins => "reconcileplugins",
        Source::ConfigMaps => "configmaps",
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn refused(code: u16) -> watcher::Error {
        watcher::Error::InitialListFailed(kube::Error::Api(Box::new(
            Status::failure("no", "Forbidden").with_code(code),
        )))
    }

    #[test]
    fn each_failure_says_what_to_do() {
        let kcp = Endpoint::new("https://kcp/services/apiexport/x/berthage");
        for (source, error, says) in [
            (Source::Targets, refused(403), "apiexports/content"),
            (Source::Targets, refused(404), "crds --format apiexport"),
            (Source::ClusterRoles, refused(404), "tenants grant"),
            (Source::Targets, refused(401), "--kubeconfig"),
            (Source::Targets, watcher::Error::NoResourceVersion, "no workspace of this shard has synctargets"),
        ] {
            let text = watch(source, &kcp, &error, false);
            assert!(text.contains(says), "{text}");
        }
        let text = watch(Source::ClusterRoles, &kcp, &refused(404), true);
        assert!(text.contains("while kcp starts"), "{text}");
        assert!(slice("berthage", &refused(404)).contains("is it kcp?"));
        assert!(slice("berthage", &refused(403)).contains("workspace of the APIExport"));
        for code in [403, 404] {
            let text = watch(Source::Targets, &Endpoint::plain(), &refused(code), true);
            assert!(text.contains("--hub kcp") && !text.contains("apiexports"), "{text}");
        }
    }
}
