//! One kube-apiserver with RBAC, client certificates, tokens for the harness's own users and a front proxy's authority.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::authority::Authority;
use crate::error::Result;
use crate::folder::write;
use crate::process::Process;
use crate::{client, kubeconfig, port, program, wait};

/// Users that the token file knows, with their groups: the administrator and the control plane's own programs.
const USERS: [(&str, &str, &str); 4] = [
    (ADMINISTRATOR, "admin", "system:masters"),
    ("controller-manager-token", "system:kube-controller-manager", ""),
    ("scheduler-token", "system:kube-scheduler", ""),
    ("kwok-token", "kwok", "system:masters"),
];

/// The administrator's bearer token. Every server of a run is new and listens on 127.0.0.1 only.
pub(super) const ADMINISTRATOR: &str = "administrator-token";

/// The common name that the API server accepts from a front proxy.
pub(crate) const FRONT_PROXY: &str = "front-proxy";

/// A running kube-apiserver.
pub(super) struct ApiServer {
    folder: PathBuf,
    /// Flags that are this server's own.
    own: Vec<String>,
    port: u16,
    pub(super) process: Process,
}

/// What an API server is made of.
pub(super) struct Foundation<'a> {
    /// Signs the server's certificate; client certificates that it signed are accepted.
    pub(super) authority: &'a Authority,
    /// Signs certificates of front proxies, which may speak for any user.
    pub(super) front_proxy: &'a Authority,
    /// Further authorities whose client certificates are accepted, PEM.
    pub(super) client_authorities: &'a [String],
    /// `--goaway-chance`.
    pub(super) goaway_chance: Option<f64>,
    /// etcd's address.
    pub(super) etcd: String,
    /// The prefix of all keys in etcd.
    pub(super) prefix: String,
}

impl ApiServer {
    /// Writes the server's files to `folder` and starts it; ready when this returns.
    pub(super) async fn start(folder: PathBuf, foundation: &Foundation<'_>) -> Result<Self> {
        let server = foundation.authority.issue_server("kube-apiserver", &["kubernetes.default.svc"])?;
        write(&folder, "server.crt", &server.certificate)?;
        write(&folder, "server.key", &server.key)?;
        let mut authorities = foundation.authority.certificate();
        for authority in foundation.client_authorities {
            authorities.push_str(authority);
        }
        write(&folder, "client-authorities.crt", authorities)?;
        write(&folder, "front-proxy-authority.crt", foundation.front_proxy.certificate())?;
        write(&folder, "authority.crt", foundation.authority.certificate())?;
        let service_accounts = rcgen::KeyPair::generate()?;
        write(&folder, "service-accounts.key", service_accounts.serialize_pem())?;
        write(&folder, "service-accounts.pub", service_accounts.public_key_pem())?;
        write(&folder, "tokens.csv", tokens())?;

        let mut own =
            vec![format!("--etcd-servers={}", foundation.etcd), format!("--etcd-prefix={}", foundation.prefix)];
        own.extend(foundation.goaway_chance.map(|chance| format!("--goaway-chance={chance}")));
        let port = port::reserve()?;
        let process = run(&folder, &own, port).await?;
        Ok(Self { folder, own, port, process })
    }

    /// Where clients reach it.
    pub(super) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// The folder of its files.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts it again, on the same port, after it was stopped.
    pub(super) async fn start_again(&mut self) -> Result<()> {
        self.process = run(&self.folder, &self.own, self.port).await?;
        Ok(())
    }
}

/// The token file of [`USERS`].
pub(super) fn tokens() -> String {
    let lines = USERS.iter().map(|(token, user, groups)| format!("{token},{user},{user},\"{groups}\"\n"));
    lines.collect()
}

/// The token of one of [`USERS`].
pub(super) fn token_of(user: &str) -> &'static str {
    USERS.iter().find(|(_, name, _)| *name == user).map_or(ADMINISTRATOR, |(token, ..)| token)
}

/// What makes an API server believe a front proxy whose authority's certificate is in `folder`.
pub(super) fn front_proxy_flags(folder: &Path) -> [String; 4] {
    [
        format!("--requestheader-client-ca-file={}", folder.join("front-proxy-authority.crt").display()),
        format!("--requestheader-allowed-names={FRONT_PROXY}"),
        "--requestheader-username-headers=X-Remote-User".to_owned(),
        "--requestheader-group-headers=X-Remote-Group".to_owned(),
    ]
}

async fn run(folder: &Path, own: &[String], port: u16) -> Result<Process> {
    let file = |flag: &str, name: &str| format!("--{flag}={}", folder.join(name).display());
    let mut command = Command::new(program::server("kube-apiserver")?);
    command
        .args(own)
        .args(["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1"])
        .arg(format!("--secure-port={port}"))
        .arg(file("tls-cert-file", "server.crt"))
        .arg(file("tls-private-key-file", "server.key"))
        .arg(file("client-ca-file", "client-authorities.crt"))
        .arg(file("token-auth-file", "tokens.csv"))
        .arg(file("service-account-key-file", "service-accounts.pub"))
        .arg(file("service-account-signing-key-file", "service-accounts.key"))
        .arg("--service-account-issuer=https://kubernetes.default.svc")
        .args(front_proxy_flags(folder))
        .args(["--authorization-mode=RBAC", "--service-cluster-ip-range=10.0.0.0/24"])
        // No controller here takes the not-ready taint off again: kwok's nodes are to be ready at once.
        .arg("--disable-admission-plugins=TaintNodesByCondition")
        .args(["--endpoint-reconciler-type=none", "--profiling=false"]);
    let process = Process::start("kube-apiserver", command, &folder.join("kube-apiserver.log"))?;
    let authority = folder.join("authority.crt");
    let authority = std::fs::read_to_string(&authority).map_err(crate::Error::file(authority))?;
    let text = kubeconfig::with_token(&format!("https://127.0.0.1:{port}"), &authority, ADMINISTRATOR);
    let ready = wait::answers(client::from_kubeconfig("kube-apiserver", &text).await?, "/readyz");
    process.needed_for("a ready API server", Duration::from_mins(3), ready).await?;
    Ok(process)
}
