//! The command line. Every flag has an environment variable; only this module reads the environment.

use std::net::SocketAddr;
use std::path::PathBuf;

use berthage_core::api::Duration;
use berthage_core::names::HUB_NAMESPACE;
use clap::{Parser, ValueEnum};

use crate::proxy::{Bypass, Proxy};

/// Where Linux keeps the host's name, which in a Pod is the Pod's.
const HOST_NAME: &str = "/proc/sys/kernel/hostname";

/// Shows the hub that the physical cluster of a SyncTarget is alive.
///
/// It reads its kubeconfig for the hub from a mounted Secret, and reads it again when it changes. It renews the Lease
/// that the berthage controller made for the SyncTarget, with its version, the serial of the credential that it uses and
/// the SyncTarget's uid. Of several replicas one is active; the others stand by and take over after three intervals
/// without a heartbeat, or at once when the active one leaves.
#[derive(Debug, Clone, Parser)]
#[command(name = "berthage-syncer", version, max_term_width = 100, after_long_help = EXIT)]
pub struct Args {
    /// Directory of the mounted Secret; its file `kubeconfig` says where the hub is and proves who the syncer is.
    ///
    /// Accepted are: one cluster with server (https), certificate-authority-data and tls-server-name, and one user with
    /// client-certificate-data and client-key-data, or token. The file may change at any time: a good one is taken into
    /// use within two seconds, and while a broken one is there the last good one stays in use.
    #[arg(long, env = "BERTHAGE_KUBECONFIG_DIR", value_name = "DIR", default_value = "/etc/berthage/hub")]
    pub kubeconfig_dir: PathBuf,
    /// Name of the SyncTarget on the hub.
    #[arg(long, env = "BERTHAGE_TARGET", value_name = "NAME", value_parser = object_name)]
    pub target: String,
    /// uid of the SyncTarget. When the hub has no SyncTarget of that name and uid any more, the syncer ends.
    #[arg(long, env = "BERTHAGE_TARGET_UID", value_name = "UID", value_parser = not_empty)]
    pub target_uid: String,
    /// Name of the Lease on the hub.
    #[arg(long, env = "BERTHAGE_LEASE_NAME", value_name = "NAME", value_parser = object_name)]
    pub lease_name: String,
    /// Namespace of the Lease on the hub.
    #[arg(long, env = "BERTHAGE_LEASE_NAMESPACE", value_name = "NAME", default_value = HUB_NAMESPACE, value_parser = object_name)]
    pub lease_namespace: String,
    /// How often the Lease is renewed, give or take a tenth.
    #[arg(long, env = "BERTHAGE_HEARTBEAT_INTERVAL", value_name = "DURATION", default_value = "30s", value_parser = interval)]
    pub heartbeat_interval: Duration,
    /// Where to serve /healthz (the process lives, whatever the hub does) and /readyz (it has reached the hub since it was
    /// started). With port 0 the system chooses one; the log says which, in the field `address`.
    #[arg(long, env = "BERTHAGE_PROBE_ADDRESS", value_name = "IP:PORT", default_value = "0.0.0.0:8081")]
    pub probe_address: SocketAddr,
    /// Name of this replica, different from that of every other [default: the name of the host]
    #[arg(long, env = "POD_NAME", value_name = "NAME", value_parser = not_empty)]
    pub identity: Option<String>,
    /// Proxy to reach the hub through, as `http://user:password@host:port`; empty for none.
    #[arg(long, env = "HTTPS_PROXY", value_name = "URL", hide_env_values = true)]
    pub https_proxy: Option<Proxy>,
    /// Hosts that are reached without the proxy: names, `.domain` for all names below, addresses or `*`, with commas between
    /// them.
    #[arg(long, env = "NO_PROXY", value_name = "HOSTS", default_value = "")]
    pub no_proxy: Bypass,
    /// How log lines on standard error look.
    #[arg(long, env = "BERTHAGE_LOG_FORMAT", value_name = "FORMAT", default_value = "json")]
    pub log_format: LogFormat,
    /// What to log: a level (error, warn, info, debug, trace), also as `module=level`, with commas between them.
    #[arg(long, env = "RUST_LOG", value_name = "FILTER", default_value = "info")]
    pub log: String,
}

const EXIT: &str = "\
Exit codes:

0: it was asked to end (SIGTERM, SIGINT), or its SyncTarget is gone and there is nothing left to do; the last line of the \
log says which. The hub denying it both SyncTarget and Lease (403) for 30 seconds, or three intervals if that is longer, \
counts as gone: a deletion begins with taking these rights away. A Deployment starts it again in either case. When the \
SyncTarget is gone it then ends again, and is started less and less often, until the Deployment is deleted as well.

1: it could not start; the probes' address is taken, say. A hub that is away or does not accept the credential never ends \
it: it keeps trying.

2: the command line is wrong.";

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

impl Args {
    /// The name of this replica: as given, or the host's.
    pub fn identity(&self) -> std::io::Result<String> {
        if let Some(identity) = &self.identity {
            return Ok(identity.clone());
        }
        let name = std::fs::read_to_string(HOST_NAME)?.trim().to_owned();
        if name.is_empty() { Err(std::io::Error::other("the host has no name")) } else { Ok(name) }
    }
}

fn not_empty(text: &str) -> Result<String, &'static str> {
    if text.trim().is_empty() { Err("must not be empty") } else { Ok(text.to_owned()) }
}

/// A name that can stand in a URL as it is.
fn object_name(text: &str) -> Result<String, &'static str> {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    let edge = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let bytes = text.as_bytes();
    if bytes.len() <= 253 && edge(bytes.first()) && edge(bytes.last()) && text.bytes().all(inner) {
        Ok(text.to_owned())
    } else {
        Err("must be the name of an object: lower-case letters, digits, `-` and `.`, at most 253")
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval: Duration = text.parse().map_err(|error: berthage_core::api::DurationError| error.to_string())?;
    if (Duration::from_secs(1)..=Duration::from_secs(3600)).contains(&interval) {
        Ok(interval)
    } else {
        Err("must be between 1s and 1h".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    const REQUIRED: [&str; 7] =
        ["berthage-syncer", "--target", "east.1", "--target-uid", "u-1", "--lease-name", "berthage-syncer-0f"];

    fn parse(more: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from(REQUIRED.iter().chain(more))
    }

    #[test]
    fn the_command_line_is_consistent_and_every_flag_has_an_environment_variable() {
        let command = Args::command();
        for argument in command.get_arguments() {
            assert!(argument.get_env().is_some(), "--{} has no environment variable", argument.get_id());
        }
        command.debug_assert();
    }

    #[test]
    fn only_what_has_no_sensible_default_is_required() {
        let args = parse(&["--identity", "pod-1"]).unwrap();
        assert_eq!(args.heartbeat_interval, Duration::from_secs(30));
        assert_eq!(args.lease_namespace, "default");
        assert_eq!(args.identity().unwrap(), "pod-1");
        for missing in [1, 3, 5] {
            let (before, after) = REQUIRED.split_at(missing);
            assert!(Args::try_parse_from(before.iter().chain(&after[2..])).is_err());
        }
    }

    #[test]
    fn a_name_cannot_become_another_path() {
        for name in ["../secrets/x", "a/b", "", "-a", "a.", "A", "a%2fb", &"a".repeat(254)] {
            assert!(object_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn the_interval_is_bounded_as_in_the_api() {
        for (text, fits) in [("999ms", false), ("1s", true), ("1h", true), ("1h1s", false), ("soon", false)] {
            assert_eq!(parse(&["--heartbeat-interval", text]).is_ok(), fits, "{text}");
        }
    }
}
