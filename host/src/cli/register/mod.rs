//! `berthage register`: makes a physical cluster known to the hub.
//!
//! It works with its user's own kubeconfigs, so everything is allowed in them that kube can do. What it leaves behind is made
//! for the controller: an account with the least rights in the cluster, and on the hub a kubeconfig of that account in the
//! form that the controller accepts. All of it is applied server-side under a name of its own, so that it can be repeated.

mod endpoint;
mod objects;
pub(in crate::cli) mod requests;
mod resources;
mod run;

use std::path::PathBuf;

use berthage_core::api::Duration;
use berthage_core::names::HUB_NAMESPACE;
use clap::Args;

pub use endpoint::EndpointError;
pub use resources::{Asked, ResourcesError};
pub use run::{Tell, run};

use super::objects::is_subdomain;
use crate::access::KubeconfigError;

/// Flags of `berthage register`.
#[derive(Debug, Args)]
pub struct Register {
    /// Name of the ClusterRegistration, and of the SyncTarget, on the hub.
    #[arg(value_parser = name)]
    pub name: String,
    /// Kubeconfig of the physical cluster. Its user must be an administrator there, since nobody can give rights that he
    /// does not have; it is used now and not kept.
    #[arg(long, env = "BERTHAGE_CLUSTER_KUBECONFIG", value_name = "FILE")]
    pub kubeconfig: PathBuf,
    /// Context in that kubeconfig. Without it: the current one.
    #[arg(long, env = "BERTHAGE_CLUSTER_CONTEXT", value_name = "NAME")]
    pub context: Option<String>,
    /// Kubeconfig of the hub. Without it: $KUBECONFIG, ~/.kube/config, or the pod's service account.
    #[arg(long, env = "BERTHAGE_KUBECONFIG", value_name = "FILE")]
    pub hub_kubeconfig: Option<PathBuf>,
    /// Context in the hub's kubeconfig. Without it: the current one.
    #[arg(long, env = "BERTHAGE_CONTEXT", value_name = "NAME")]
    pub hub_context: Option<String>,
    /// Namespace on the hub for the Secret with the kubeconfig.
    #[arg(long, env = "BERTHAGE_REGISTER_NAMESPACE", value_name = "NAMESPACE", default_value = HUB_NAMESPACE, value_parser = name)]
    pub namespace: String,
    /// Namespace in the physical cluster for the account. It is made if it is not there.
    #[arg(long, env = "BERTHAGE_REGISTER_CLUSTER_NAMESPACE", value_name = "NAMESPACE", default_value = "berthage-system", value_parser = name)]
    pub cluster_namespace: String,
    /// Name of the account in the physical cluster: ServiceAccount, ClusterRole and ClusterRoleBinding. Without it:
    /// `berthage-` and the registration's name. Give each its own when one cluster is registered under the same name on
    /// several hubs or in several workspaces: registering again replaces the account's rights.
    #[arg(long, env = "BERTHAGE_REGISTER_ACCOUNT", value_name = "NAME", value_parser = name)]
    pub account: Option<String>,
    /// Where the cluster is, in your own words. Templates see it as `cluster.location`.
    #[arg(long, env = "BERTHAGE_REGISTER_LOCATION", value_name = "TEXT")]
    pub location: Option<String>,
    /// API resources that syncers may sync in the cluster, with commas between them, as kubectl names them: `services`,
    /// `deployments.apps` or `deployments.v1.apps`. Without a version: the one that the cluster prefers.
    #[arg(
        long,
        env = "BERTHAGE_REGISTER_RESOURCES",
        value_name = "RESOURCES",
        value_delimiter = ',',
        default_value = "configmaps,services,deployments.apps,ingresses.networking.k8s.io"
    )]
    pub resources: Vec<Asked>,
    /// Address under which the controller reaches the cluster. Without it: the one in the kubeconfig.
    #[arg(long, env = "BERTHAGE_REGISTER_SERVER", value_name = "URL")]
    pub server: Option<String>,
    /// How long the account's token is valid. The API server may grant less, and says so. Registering again gives a new one.
    #[arg(
        long,
        env = "BERTHAGE_REGISTER_TOKEN_DURATION",
        value_name = "DURATION",
        default_value = "8760h",
        value_parser = token_duration
    )]
    pub token_duration: Duration,
    /// Make no SyncTarget.
    #[arg(long, env = "BERTHAGE_REGISTER_NO_TARGET")]
    pub no_target: bool,
    /// Print what would be applied, as YAML with a place for the token, and change nothing.
    #[arg(long, env = "BERTHAGE_REGISTER_PRINT")]
    pub print: bool,
}

impl Register {
    /// The account's name.
    pub fn account(&self) -> String {
        self.account.clone().unwrap_or_else(|| format!("berthage-{}", self.name))
    }
}

/// Why a cluster was not registered, or only in part: everything can be repeated.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// The physical cluster's kubeconfig cannot be used.
    #[error("the kubeconfig {path} cannot be used; see whether the file and --context are right")]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: kube::config::KubeconfigError,
    },
    /// No client can be made of it.
    #[error("the kubeconfig {path} gives no connection")]
    Client {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
    /// The hub's kubeconfig cannot be used.
    #[error("the hub's kubeconfig cannot be used; see whether --hub-kubeconfig and --hub-context are right")]
    Hub(#[source] kube::config::KubeconfigError),
    /// There is no kubeconfig of a hub anywhere.
    #[error("no hub was found; give its kubeconfig with --hub-kubeconfig, or set KUBECONFIG")]
    NoHub(#[source] kube::config::InferConfigError),
    /// No client can be made of the hub's kubeconfig.
    #[error("the hub's kubeconfig gives no connection")]
    HubClient(#[source] Box<kube::Error>),
    /// See [`EndpointError`].
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// See [`ResourcesError`].
    #[error(transparent)]
    Resources(#[from] ResourcesError),
    /// The hub has no SyncTargets or ClusterRegistrations.
    #[error(
        "the hub does not serve {group}; install the types first: berthage crds | kubectl apply --server-side -f - \
         (kcp: bind the APIExport in the workspace), and see that --hub-kubeconfig is the hub's"
    )]
    NoTypes {
        /// The API group.
        group: &'static str,
    },
    /// A request failed. The message has the server's words and the next step.
    #[error("{what}: {message}")]
    Request {
        /// What was to be done.
        what: String,
        /// What happened.
        message: String,
    },
    /// The API server gave something else than a token.
    #[error("the cluster's answer to the request for a token is none; see whether it is a Kubernetes API server")]
    Token,
    /// The controller would not accept the kubeconfig that was made.
    #[error(
        "the controller would not accept the kubeconfig that was made for it; give another --server, or correct the kubeconfig"
    )]
    Unacceptable(#[source] KubeconfigError),
    /// It cannot be written down.
    #[error("the objects cannot be written as text")]
    Text(#[source] serde_saphyr::ser::Error),
    /// Standard output is gone.
    #[error("standard output cannot be written to")]
    Output(#[source] std::io::Error),
}

/// What an API server accepts.
fn token_duration(text: &str) -> Result<Duration, String> {
    let duration: Duration = text.parse().map_err(|error: berthage_core::api::DurationError| error.to_string())?;
    if duration >= Duration::from_secs(600) { Ok(duration) } else { Err("must be at least 10m".to_owned()) }
}

/// A name that can also stand in the name of a Secret and in a URL.
fn name(text: &str) -> Result<String, &'static str> {
    if text.len() <= 200 && is_subdomain(text) {
        Ok(text.to_owned())
    } else {
        Err("must be the name of an object: lower-case letters, digits, `-` and `.`, at most 200")
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        register: Register,
    }

    #[test]
    fn the_defaults_are_what_most_want() {
        let parsed = Program::try_parse_from(["register", "east", "--kubeconfig", "f"]).unwrap().register;
        assert_eq!((parsed.namespace.as_str(), parsed.cluster_namespace.as_str()), ("default", "berthage-system"));
        assert_eq!(parsed.token_duration, "8760h".parse().unwrap());
        assert_eq!(parsed.resources.len(), 4);
        assert!(!parsed.no_target && !parsed.print);
    }

    #[test]
    fn a_token_is_for_ten_minutes_at_least() {
        for (text, fits) in [("10m", true), ("9m59s", false), ("1000000h", true), ("year", false)] {
            assert_eq!(token_duration(text).is_ok(), fits, "{text}");
        }
    }

    #[test]
    fn names_that_cannot_be_are_refused_at_once() {
        for bad in ["", "-a", "A", "a..b", "a/b", "a_b", &"a".repeat(201)] {
            assert!(name(bad).is_err(), "{bad}");
        }
        assert_eq!(name("east.example-1").as_deref(), Ok("east.example-1"));
    }
}
