//! `berthage sandbox`: a kcp, physical clusters, a controller and syncers in this one process, to try everything with.
//!
//! ```text
//!  servers   the sandbox's own API servers, on two ports of 127.0.0.1
//!  tenants   what people would do by hand: workspaces, types, bindings, registrations, SyncTargets
//!  syncers   what a kubelet would do: runs the syncer of each pod
//!  guide     what to look at
//! ```

mod guide;
mod syncers;
mod tenants;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use berthage_sandbox::sandbox::{Options, PODS, Sandbox, SandboxError};
use clap::{Args as ClapArgs, Parser as _};

use self::syncers::Syncers;
use self::tenants::{TENANTS, Tenant, TenantsError};
use crate::args::{Args, Command};
use crate::cli::ca;
use crate::controller::{self, ControllerError};

/// How long everything may take to become ready.
const PATIENCE: Duration = Duration::from_secs(120);

/// Flags of `berthage sandbox`.
#[derive(Debug, ClapArgs)]
pub struct SandboxArgs {
    /// Folder for the kubeconfigs, the CA and the syncers' credentials; it is made if it is not there. Without it: a new one
    /// among the system's temporary files, which goes when the sandbox ends.
    #[arg(long, env = "BERTHAGE_SANDBOX_DIR", value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Folder with `plugins/` and `templates/`. Without it: `share` beside the program's folder.
    #[arg(long, env = "BERTHAGE_SHARE", value_name = "DIR")]
    pub share: Option<PathBuf>,
    /// Port of the hub on 127.0.0.1; 0 for any that is free.
    #[arg(long, env = "BERTHAGE_SANDBOX_HUB_PORT", value_name = "PORT", default_value_t = 0)]
    pub hub_port: u16,
    /// Port of the physical clusters on 127.0.0.1; 0 for any that is free.
    #[arg(long, env = "BERTHAGE_SANDBOX_CLUSTERS_PORT", value_name = "PORT", default_value_t = 0)]
    pub clusters_port: u16,
    /// End as soon as every target is Ready.
    #[arg(long, env = "BERTHAGE_SANDBOX_EXIT")]
    pub exit: bool,
}

/// Why the sandbox does not work.
#[derive(Debug, thiserror::Error)]
pub enum SandboxCommandError {
    /// The folder.
    #[error("{} cannot be written; choose another --dir", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The CA of the syncers.
    #[error("the sandbox has no CA for its syncers")]
    Ca(#[from] ca::CaError),
    /// The servers.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// What is on the hub.
    #[error(transparent)]
    Tenants(#[from] TenantsError),
    /// The controller's command line is composed here.
    #[error("the sandbox starts its controller wrongly")]
    Controller(#[from] clap::Error),
    /// The controller ended by itself.
    #[error("the sandbox's controller ended")]
    Ended(#[source] ControllerError),
    /// Not everything became ready.
    #[error(
        "not every target is Ready after {} s: {what}; `--log info` shows what the controller does",
        PATIENCE.as_secs()
    )]
    NotReady {
        /// What is not.
        what: String,
    },
    /// Standard output.
    #[error("the output cannot be written")]
    Output(#[from] std::io::Error),
}

/// A folder that goes when the sandbox ends, unless somebody chose it.
struct Folder {
    path: PathBuf,
    chosen: bool,
}

impl Folder {
    fn open(chosen: Option<&Path>) -> Result<Self, SandboxCommandError> {
        use std::os::unix::fs::DirBuilderExt as _;
        let own = || std::env::temp_dir().join(format!("berthage-sandbox-{}", std::process::id()));
        let path = chosen.map_or_else(own, Path::to_owned);
        // Admins' tokens are in it.
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&path);
        made.map_err(|source| SandboxCommandError::Folder { path: path.clone(), source })?;
        Ok(Self { path, chosen: chosen.is_some() })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.chosen {
            // What cannot be removed is the system's to clear, as all temporary files.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// Runs until Ctrl-C, or with `--exit` until everything is ready.
pub async fn run(args: SandboxArgs) -> Result<(), SandboxCommandError> {
    let started = Instant::now();
    let folder = Folder::open(args.dir.as_deref())?;
    let file = |name: &str| folder.path.join(name);
    let authority = file("ca");
    if !authority.join("ca.key").exists() {
        let init = ca::Init { dir: authority.clone(), common_name: "berthage-sandbox-syncers".to_owned(), days: 365 };
        ca::run(&ca::Ca { command: ca::Command::Init(init) }, jiff::Timestamp::now())?;
    }
    let certificate = authority.join("ca.crt");
    let trusted = std::fs::read_to_string(&certificate)
        .map_err(|source| SandboxCommandError::Folder { path: certificate.clone(), source })?;
    let (syncers, kubelet) = Syncers::new(file("syncers"));
    let options = Options {
        clusters: TENANTS
            .iter()
            .map(|tenant| tenant.cluster)
            .filter(|name| !name.is_empty())
            .fold(Vec::new(), distinct),
        pods: PODS,
        hub_port: args.hub_port,
        clusters_port: args.clusters_port,
        hub_clients: vec![trusted],
    };
    let sandbox = Sandbox::start(&options, kubelet).await?;
    syncers.serve(&sandbox.clusters.server);
    guide::begin(&sandbox)?;

    let controller = tenants::platform(&sandbox, &folder.path).await?;
    let command = controller_args(&args, &controller, &authority)?;
    let mut running = tokio::spawn(controller::run(command));
    let shown = async {
        for tenant in &TENANTS {
            tenants::onboard(&sandbox, tenant, &folder.path).await?;
            guide::onboarded(tenant)?;
        }
        for tenant in &TENANTS {
            ready(&sandbox, tenant, started).await?;
        }
        guide::end(&sandbox, &folder.path, started.elapsed(), args.exit)?;
        Ok::<_, SandboxCommandError>(())
    };
    tokio::select! {
        shown = shown => shown?,
        ended = &mut running => return finished(ended),
    }
    if args.exit {
        running.abort();
    } else {
        finished(running.await)?;
    }
    syncers.stop();
    sandbox.stop().await;
    Ok(())
}

fn distinct(mut names: Vec<String>, name: &str) -> Vec<String> {
    if !names.iter().any(|known| known == name) {
        names.push(name.to_owned());
    }
    names
}

/// The controller ends when it is told to, or because something is wrong. That it was cancelled is our own doing.
fn finished(ended: Result<Result<(), ControllerError>, tokio::task::JoinError>) -> Result<(), SandboxCommandError> {
    match ended {
        Ok(Err(error)) => Err(SandboxCommandError::Ended(error)),
        Ok(Ok(())) | Err(_) => Ok(()),
    }
}

/// The controller, as it would be started by hand.
fn controller_args(
    args: &SandboxArgs,
    kubeconfig: &Path,
    authority: &Path,
) -> Result<crate::args::Controller, clap::Error> {
    let mut words: Vec<std::ffi::OsString> =
        ["berthage", "controller", "--hub", "kcp", "--kubeconfig"].map(Into::into).into();
    words.push(kubeconfig.into());
    words.extend(["--ca-cert".into(), authority.join("ca.crt").into()]);
    words.extend(["--ca-key".into(), authority.join("ca.key").into()]);
    words.extend(["--admin-address", "127.0.0.1:0", "--probe-interval", "5s"].map(Into::into));
    if let Some(share) = &args.share {
        words.extend(["--share".into(), share.into()]);
    }
    match Args::try_parse_from(words)?.command {
        Command::Controller(controller) => Ok(*controller),
        _ => Err(clap::Error::new(clap::error::ErrorKind::InvalidSubcommand)),
    }
}

/// Waits until a tenant's target is ready, and tells.
async fn ready(sandbox: &Sandbox, tenant: &Tenant, started: Instant) -> Result<(), SandboxCommandError> {
    let found = tokio::time::timeout(PATIENCE, tenants::ready(sandbox, tenant)).await;
    match found {
        Ok(found) => {
            found?;
            Ok(guide::ready(tenant, started.elapsed())?)
        }
        Err(_) => {
            let what = tenants::state(sandbox, tenant).await.unwrap_or_else(|error| error.to_string());
            Err(SandboxCommandError::NotReady { what: format!("{} in {}: {what}", tenant.target, tenant.workspace) })
        }
    }
}
