//! Puts the parts together; signals and the exit code.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use berthage_core::clock::Clock;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

use crate::args::{Args, LogFormat};
use crate::beat::{Heart, Subject};
use crate::connection::Connector;
use crate::heartbeat::{self, End};
use crate::mount::{self, Mount};
use crate::probes::{self, Readiness};

/// Longest time for one request, unless the interval asks for less.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time until a connection stands, unless the interval asks for less.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the syncer could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The filter for log lines cannot be read.
    #[error("--log is not a filter; write a level such as `info`, or `berthage_syncer=debug`")]
    Log(#[source] tracing_subscriber::filter::ParseError),
    /// No runtime.
    #[error("the system gives no runtime for asynchronous work")]
    Runtime(#[source] std::io::Error),
    /// No signals.
    #[error("the system gives no signals to wait for")]
    Signals(#[source] std::io::Error),
    /// The host's name cannot be read.
    #[error("this replica has no name; give one with --identity")]
    Identity(#[source] std::io::Error),
    /// Nothing can listen there.
    #[error("the probes cannot be served at {address}; give another --probe-address")]
    Probes {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// Runs the program to its end.
pub fn main(args: &Args) -> ExitCode {
    match start(args) {
        Ok(end) => {
            match end {
                End::Stopped => tracing::info!("ends as asked"),
                End::TargetGone(gone) => tracing::info!(%gone, "ends, because the SyncTarget is gone"),
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            tracing::error!(%error, cause, "cannot start");
            ExitCode::FAILURE
        }
    }
}

fn start(args: &Args) -> Result<End, StartError> {
    // The client's own lines tell every failed try; ours tell every change. Asked for by name, they are there.
    match EnvFilter::try_new(format!("kube_client=off,{}", args.log)) {
        Ok(filter) => log(args.log_format, filter),
        Err(error) => {
            log(args.log_format, EnvFilter::new("info"));
            return Err(StartError::Log(error));
        }
    }
    install_crypto_provider();
    // One thread: there is one request at a time, and a small memory limit is more use than parallelism.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::Runtime)?;
    runtime.block_on(async { run(args, &Readiness::default(), stop_signal()?).await })
}

/// Everything at once; ends with the heartbeats, or when `stop` does. `readiness` is told as to the probes.
pub async fn run(args: &Args, readiness: &Readiness, stop: impl Future<Output = ()>) -> Result<End, StartError> {
    let interval = args.heartbeat_interval.get();
    // The Lease lasts three intervals: after two without an answer there is still time for another try.
    let request_timeout = REQUEST_TIMEOUT.min(interval * 2);
    let connector = Connector {
        target: args.target.clone(),
        target_uid: args.target_uid.clone(),
        connect_timeout: CONNECT_TIMEOUT.min(request_timeout),
        proxy: args.https_proxy.clone(),
        bypass: args.no_proxy.clone(),
    };
    let subject = Subject {
        target: args.target.clone(),
        target_uid: args.target_uid.clone(),
        lease_namespace: args.lease_namespace.clone(),
        lease_name: args.lease_name.clone(),
        identity: args.identity().map_err(StartError::Identity)?,
        interval,
        request_timeout,
    };
    let heart = Heart::new(subject, Clock::showing(Timestamp::now));
    let address = args.probe_address;
    let probes_error = |source| StartError::Probes { address, source };
    let listener = TcpListener::bind(address).await.map_err(probes_error)?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        address = %listener.local_addr().map_err(probes_error)?,
        sync_target = %args.target,
        sync_target_uid = %args.target_uid,
        identity = %heart.subject().identity,
        interval = %args.heartbeat_interval,
        "started; probes are served"
    );

    let (sender, connections) = watch::channel(None);
    // It ends when the heartbeats do, since nobody listens to it then.
    tokio::spawn(mount::follow(Mount::new(&args.kubeconfig_dir), connector, sender));
    tokio::select! {
        end = heartbeat::run(heart, connections, readiness, stop) => Ok(end),
        ended = probes::serve(listener, readiness.clone()) => match ended {
            Ok(()) => Ok(End::Stopped),
            Err(error) => Err(probes_error(error)),
        },
    }
}

/// Done at the first SIGTERM or SIGINT.
fn stop_signal() -> Result<impl Future<Output = ()>, StartError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(StartError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::Signals)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

fn log(format: LogFormat, filter: EnvFilter) {
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Json => builder.json().flatten_event(true).init(),
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).init(),
    }
}

/// Decides which cryptography TLS uses, for the whole process.
pub(crate) fn install_crypto_provider() {
    // The error only says that one is decided on already.
    let _ = tokio_rustls::rustls::crypto::aws_lc_rs::default_provider().install_default();
}
