//! What is typed: the command line and its environment variables. Nothing is read or checked here beyond its form.

use std::net::SocketAddr;
use std::path::PathBuf;

use berthage_core::api::Duration;
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

/// Moors physical Kubernetes clusters to kcp workspaces.
///
/// A SyncTarget on the hub becomes a syncer in the physical cluster behind its clusterRef: deployed from templates, with a
/// credential of its own, reported in status, kept right on every change, and cleaned up on deletion.
#[derive(Debug, Parser)]
#[command(name = "berthage", version, max_term_width = 100)]
pub struct Args {
    /// What to log, as `level` or `target=level,…` (for instance `info,berthage=debug`). Without it: `info` for the
    /// controller, and `error` for commands that end with a message of their own.
    #[arg(long, global = true, env = "BERTHAGE_LOG")]
    pub log: Option<String>,
    /// How log lines look. Without it: text on a terminal, else json.
    #[arg(long, global = true, env = "BERTHAGE_LOG_FORMAT", value_enum)]
    pub log_format: Option<LogFormat>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs the controller.
    Controller(Box<Controller>),
    /// Registers a physical cluster: an account with the least rights there; Secret, ClusterRegistration and SyncTarget here.
    Register(Box<crate::cli::register::Register>),
    /// Prints the CustomResourceDefinitions, to be applied to the hub: `berthage crds | kubectl apply --server-side -f -`.
    Crds(crate::cli::crds::Crds),
    /// Prints the manifests for a SyncTarget from files, without any cluster, with the controller's own code.
    Render(Box<crate::cli::render::Render>),
    /// For authors of plugins: checks a component, calls it with cases from files, measures it.
    Plugin(crate::cli::plugin::PluginArgs),
    /// Makes the certificate authority that signs the syncers' client certificates.
    Ca(crate::cli::ca::Ca),
    /// Starts a kcp, physical clusters, a controller and syncers in this process, in memory, to try everything with.
    #[cfg(feature = "sandbox")]
    Sandbox(crate::cli::sandbox::SandboxArgs),
}

/// Where the hub is.
#[derive(Debug, Clone, ClapArgs)]
pub struct HubArgs {
    /// Kubeconfig of the hub. Without it: $KUBECONFIG, ~/.kube/config, or the pod's service account.
    #[arg(long, env = "BERTHAGE_KUBECONFIG", value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Context in that kubeconfig. Without it: the current one.
    #[arg(long, env = "BERTHAGE_CONTEXT", value_name = "NAME")]
    pub context: Option<String>,
}

/// What the hub is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum HubKind {
    /// A plain Kubernetes API server: one workspace.
    Kubernetes,
    /// kcp: every workspace that binds the APIExport.
    Kcp,
}

/// Where plugins and templates are.
#[derive(Debug, Clone, ClapArgs)]
pub struct ShareArgs {
    /// Folder with `plugins/` and `templates/`. Without it: `share` beside the program's folder.
    #[arg(long, env = "BERTHAGE_SHARE", value_name = "DIR")]
    pub share: Option<PathBuf>,
    /// The reconciler plugin. Without it: `plugins/synctarget.wasm` in the share folder.
    #[arg(long, env = "BERTHAGE_PLUGIN", value_name = "FILE")]
    pub plugin: Option<PathBuf>,
    /// Configuration of the reconciler plugin, as JSON.
    #[arg(long, env = "BERTHAGE_PLUGIN_CONFIG", value_name = "JSON", default_value = "{}")]
    pub plugin_config: String,
    /// A transformer plugin, with its configuration as JSON behind a `=`; may be given several times and runs in that order.
    #[arg(long = "transformer", env = "BERTHAGE_TRANSFORMERS", value_name = "FILE[=JSON]", value_delimiter = ';')]
    pub transformers: Vec<String>,
    /// Folder with the files that ReconcilePlugins of the platform name. Without it: `plugins` in the share folder.
    #[arg(long, env = "BERTHAGE_PLUGINS", value_name = "DIR")]
    pub plugins: Option<PathBuf>,
    /// Folder with the platform's own templates, and those of workspaces in `workspaces/<name>/`. See docs/templates.md.
    #[arg(long, env = "BERTHAGE_TEMPLATES", value_name = "DIR")]
    pub templates: Option<PathBuf>,
    /// Folder in which compiled plugins are kept between starts.
    #[arg(long, env = "BERTHAGE_PLUGIN_CACHE", value_name = "DIR")]
    pub plugin_cache: Option<PathBuf>,
    /// Makes every call of a plugin again, also as if it were later, and fails one that gives another answer. For trying out
    /// plugins: it is several times the work, and nothing is kept.
    #[arg(long, env = "BERTHAGE_VERIFY_DETERMINISM")]
    pub verify_determinism: bool,
    /// Image of the syncer where a SyncTarget names none.
    #[arg(long, env = "BERTHAGE_SYNCER_IMAGE", value_name = "IMAGE", default_value = concat!("ghcr.io/berthage/syncer:v", env!("CARGO_PKG_VERSION")))]
    pub syncer_image: String,
}

/// Flags of `berthage controller`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Controller {
    /// The hub.
    #[command(flatten)]
    pub hub: HubArgs,
    /// What the hub is. With `kcp`, --kubeconfig leads to the workspace of the APIExport, and every workspace that binds it is
    /// served.
    #[arg(long = "hub", env = "BERTHAGE_HUB", value_enum, default_value = "kubernetes")]
    pub hub_kind: HubKind,
    /// On kcp: name of the APIExport.
    #[arg(long, env = "BERTHAGE_EXPORT", value_name = "NAME", default_value = berthage_core::kcp::DEFAULT_EXPORT)]
    pub export: String,
    /// On kcp: name of the APIExportEndpointSlice to follow, where there is one for a Partition of the shards. Without it: that
    /// of the APIExport's name, which kcp makes by itself.
    #[arg(long, env = "BERTHAGE_ENDPOINT_SLICE", value_name = "NAME")]
    pub endpoint_slice: Option<String>,
    /// On kcp: how long a workspace that is being deleted is held up, at the most, by a physical cluster that cannot be cleaned
    /// up. It overrides a longer spec.deletionPolicy.
    #[arg(long, env = "BERTHAGE_WORKSPACE_PATIENCE", value_name = "DURATION", default_value = "10m")]
    pub workspace_patience: Duration,
    /// Plugins and templates.
    #[command(flatten)]
    pub share: ShareArgs,
    /// Certificate of the CA for the syncers' client certificates, PEM. Make one with `berthage ca init`.
    #[arg(long, env = "BERTHAGE_CA_CERT", value_name = "FILE", requires = "ca_key", conflicts_with = "ca_secret")]
    pub ca_cert: Option<PathBuf>,
    /// Private key of the CA, PEM.
    #[arg(long, env = "BERTHAGE_CA_KEY", value_name = "FILE", requires = "ca_cert")]
    pub ca_key: Option<PathBuf>,
    /// The CA in a Secret of the hub (keys tls.crt and tls.key) instead of files.
    #[arg(long, env = "BERTHAGE_CA_SECRET", value_name = "NAMESPACE/NAME")]
    pub ca_secret: Option<String>,
    /// URL under which the physical clusters reach the hub. Without it: the URL that the controller uses.
    #[arg(long, env = "BERTHAGE_HUB_URL", value_name = "URL")]
    pub hub_url: Option<String>,
    /// CA certificates that the syncers check the hub by, PEM. Without it: those of the controller's kubeconfig.
    #[arg(long, env = "BERTHAGE_HUB_CA", value_name = "FILE")]
    pub hub_ca: Option<PathBuf>,
    /// Report, and change nothing but status.
    #[arg(long, env = "BERTHAGE_OBSERVE_ONLY")]
    pub observe_only: bool,
    /// How many SyncTargets are reconciled at a time; four times as many registrations are probed at a time.
    #[arg(long, env = "BERTHAGE_WORKERS", value_name = "N", default_value_t = 16, value_parser = at_least_one)]
    pub workers: usize,
    /// How many physical clusters are watched at a time; those beyond wait for their turn, and are compared at their resync.
    #[arg(long, env = "BERTHAGE_MAX_LINKS", value_name = "N", default_value_t = 500)]
    pub max_links: usize,
    /// How often a ClusterRegistration is probed.
    #[arg(long, env = "BERTHAGE_PROBE_INTERVAL", value_name = "DURATION", default_value = "30s")]
    pub probe_interval: Duration,
    /// How long a connection may take to be made.
    #[arg(long, env = "BERTHAGE_CONNECT_TIMEOUT", value_name = "DURATION", default_value = "3s")]
    pub connect_timeout: Duration,
    /// How long a request may take in all.
    #[arg(long, env = "BERTHAGE_REQUEST_TIMEOUT", value_name = "DURATION", default_value = "5s")]
    pub request_timeout: Duration,
    /// Refuse kubeconfigs whose server is at a loopback or private address.
    #[arg(long, env = "BERTHAGE_DENY_PRIVATE_ADDRESSES")]
    pub deny_private_addresses: bool,
    /// Run without leader election. Two controllers without it may work against each other.
    #[arg(long, env = "BERTHAGE_NO_LEADER_ELECTION")]
    pub no_leader_election: bool,
    /// Namespace on the hub of the Lease that elects the active controller.
    #[arg(long, env = "BERTHAGE_LEASE_NAMESPACE", value_name = "NAMESPACE", default_value = "default")]
    pub lease_namespace: String,
    /// How long leadership lasts without being renewed.
    #[arg(long, env = "BERTHAGE_LEASE_DURATION", value_name = "DURATION", default_value = "15s")]
    pub lease_duration: Duration,
    /// Where /healthz, /readyz and /metrics are served. They are not authenticated: keep it on loopback or in the pod.
    #[arg(long, env = "BERTHAGE_ADMIN_ADDRESS", value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub admin_address: SocketAddr,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    let number: usize = text.parse().map_err(|error: std::num::ParseIntError| error.to_string())?;
    if number == 0 { Err("at least 1 is needed".to_owned()) } else { Ok(number) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_flag_has_an_environment_variable() {
        let command = Args::command();
        let controller = command.find_subcommand("controller").unwrap();
        for argument in
            controller.get_arguments().filter(|argument| !matches!(argument.get_id().as_str(), "help" | "version"))
        {
            assert!(argument.get_env().is_some(), "--{} has none", argument.get_id());
        }
    }
}
