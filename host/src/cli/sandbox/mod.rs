//! `berthage sandbox`: a kcp, physical clusters, a controller and syncers in this one process, to try everything with.
//!
//! ```text
//!  folder    where kubeconfigs and keys lie
//!  servers   the sandbox's own API servers, on two ports of 127.0.0.1
//!  tenants   what people would do by hand: workspaces, types, bindings, registrations, SyncTargets
//!  syncers   what a kubelet would do: runs the syncer of each pod
//!  guide     what to look at
//! ```

mod folder;
mod guide;
mod syncers;
mod tenants;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use berthage_sandbox::sandbox::{Options, PODS, Sandbox, SandboxError};
use clap::{Args as ClapArgs, Parser as _};
use tokio::time::Instant;

use self::folder::{Folder, FolderError};
use self::syncers::Syncers;
use self::tenants::{TENANTS, Tenant, TenantsError};
use crate::args::{Args, Command};
use crate::cli::ca;
use crate::controller::{self, ControllerError};
use crate::shutdown::{self, Shutdown};

/// How long everything may take to become ready.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long its parts may take to end.
const GRACE: Duration = Duration::from_secs(5);

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
    /// After `--`: more flags for its controller, such as `--templates DIR` or `--transformer FILE`.
    #[arg(last = true, value_name = "FLAGS")]
    pub controller: Vec<OsString>,
}

/// Why the sandbox does not work.
#[derive(Debug, thiserror::Error)]
pub enum SandboxCommandError {
    /// The folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The CA that lies in the folder.
    #[error("{} cannot be read; remove the folder that it is in", path.display())]
    Authority {
        /// Its certificate.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// What the controller cannot do without.
    #[error("{} is not there; --share names the folder with plugins/ and templates/, and `cargo xtask sandbox` makes one", path.display())]
    Missing {
        /// Which file or folder.
        path: PathBuf,
    },
    /// What was named for the controller.
    #[error("{} is not there; correct the flags after --", path.display())]
    Nowhere {
        /// Which file or folder.
        path: PathBuf,
    },
    /// The share folder.
    #[error(transparent)]
    Share(ControllerError),
    /// Signals.
    #[error("signals cannot be received")]
    Signals(#[source] std::io::Error),
    /// The CA of the syncers.
    #[error("the sandbox has no CA for its syncers")]
    Ca(#[from] ca::CaError),
    /// The servers.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// What is on the hub.
    #[error(transparent)]
    Tenants(#[from] TenantsError),
    /// The controller's command line, of which a part was given after `--`.
    #[error("the controller does not take these flags")]
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

/// Runs until Ctrl-C, or with `--exit` until everything is ready.
pub async fn run(args: SandboxArgs) -> Result<(), SandboxCommandError> {
    let folder = Folder::open(args.dir.as_deref())?;
    let temporary = folder.temporary();
    let shutdown = shutdown::on_signals_of_a_terminal(move || {
        if let Some(path) = temporary
            && let Err(error) = std::fs::remove_dir_all(&path)
        {
            tracing::warn!(%error, folder = %path.display(), "keys and tokens stay behind");
        }
    });
    let shutdown = shutdown.map_err(SandboxCommandError::Signals)?;
    let asked = shutdown.clone();
    tokio::select! {
        ended = run_in(&folder, &args, shutdown) => ended,
        // Whatever does not end by itself is left to itself.
        () = async { asked.wait().await; tokio::time::sleep(GRACE).await } => Ok(()),
    }
}

async fn run_in(files: &Folder, args: &SandboxArgs, shutdown: Shutdown) -> Result<(), SandboxCommandError> {
    let started = Instant::now();
    let folder = files.path();
    let authority = folder.join("ca");
    let command = controller_args(args, &folder.join(tenants::CONTROLLER), &authority)?;
    complete(&command)?;
    if !authority.join("ca.key").exists() {
        let init = ca::Init { dir: authority.clone(), common_name: "berthage-sandbox-syncers".to_owned(), days: 365 };
        ca::run(&ca::Ca { command: ca::Command::Init(init) }, jiff::Timestamp::now())?;
    }
    let certificate = authority.join("ca.crt");
    let trusted = std::fs::read_to_string(&certificate)
        .map_err(|source| SandboxCommandError::Authority { path: certificate.clone(), source })?;
    let (syncers, kubelet) = Syncers::new(files.mounts());
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

    tenants::platform(&sandbox, folder).await?;
    let mut running = tokio::spawn(controller::run_until(command, shutdown.clone()));
    let shown = async {
        for tenant in &TENANTS {
            tenants::onboard(&sandbox, tenant, folder).await?;
            guide::onboarded(tenant)?;
        }
        for tenant in &TENANTS {
            ready(&sandbox, tenant, started).await?;
        }
        guide::end(&sandbox, folder, started.elapsed(), args.exit)?;
        Ok::<_, SandboxCommandError>(())
    };
    tokio::select! {
        shown = shown => shown?,
        ended = &mut running => return finished(ended),
        // It may be compiling its plugin, and would hear of it much later.
        () = shutdown.wait() => return Ok(()),
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

/// What is missing would be told by every target's conditions, after a while.
fn complete(command: &crate::args::Controller) -> Result<(), SandboxCommandError> {
    let share = controller::share_folder(&command.share).map_err(SandboxCommandError::Share)?;
    let needed = [controller::reconciler_file(&command.share, &share), controller::templates_folder(&share)];
    if let Some(path) = needed.into_iter().find(|path| !path.exists()) {
        return Err(SandboxCommandError::Missing { path });
    }
    let transformers = command.share.transformers.iter().map(|text| controller::transformer(text).0);
    let mut named = transformers.map(Path::new).chain(command.share.templates.as_deref());
    match named.find(|path| !path.exists()) {
        Some(path) => Err(SandboxCommandError::Nowhere { path: path.to_owned() }),
        None => Ok(()),
    }
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
    let mut words: Vec<OsString> = ["berthage", "controller", "--hub", "kcp", "--kubeconfig"].map(Into::into).into();
    words.push(kubeconfig.into());
    words.extend(["--ca-cert".into(), authority.join("ca.crt").into()]);
    words.extend(["--ca-key".into(), authority.join("ca.key").into()]);
    words.extend(["--admin-address", "127.0.0.1:0", "--probe-interval", "5s"].map(Into::into));
    // Nobody stands against it, and whoever sends the process to sleep for a while finds it as it was.
    words.push("--no-leader-election".into());
    if let Some(share) = &args.share {
        words.extend(["--share".into(), share.into()]);
    }
    words.extend(args.controller.iter().cloned());
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
