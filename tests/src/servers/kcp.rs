//! A real kcp: one process with etcd, a shard, its controllers and its virtual workspaces.
//!
//! It is not built here: KCP_BIN names the program. See docs/kcp.md.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::api::{ApiResource, DynamicObject, GroupVersionKind, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use super::access::Access;
use super::api_server::{self, ADMINISTRATOR};
use crate::authority::Authority;
use crate::error::{Error, Result};
use crate::folder::write;
use crate::process::Process;
use crate::{client, kubeconfig, port, wait};

/// The variable that names the program.
pub const KCP_BIN: &str = "KCP_BIN";

/// Time until it serves: it makes keys and bootstraps its own workspaces first.
const START: Duration = Duration::from_mins(3);

/// The program, if it is named.
pub fn program() -> Option<PathBuf> {
    std::env::var_os(KCP_BIN).map(PathBuf::from)
}

/// A running kcp; dropping it kills it.
pub struct Kcp {
    root: Access,
    ports: [u16; 3],
    /// `None` while it is killed.
    process: Mutex<Option<Process>>,
}

impl Kcp {
    /// Starts a kcp in `folder`; ready when this returns. `client_authorities` (PEM) sign further client certificates.
    pub async fn start(folder: &Path, client_authorities: &str) -> Result<Self> {
        let folder = folder.join("kcp");
        std::fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
        let authority = Arc::new(Authority::new("kcp")?);
        let front_proxy = Arc::new(Authority::new("kcp front proxy")?);
        let server = authority.issue_server("kcp", &[])?;
        let accepted = format!("{}{client_authorities}", authority.certificate());
        write(&folder, "server.crt", &server.certificate)?;
        write(&folder, "server.key", &server.key)?;
        write(&folder, "authority.crt", authority.certificate())?;
        write(&folder, "client-authorities.crt", &accepted)?;
        write(&folder, "front-proxy-authority.crt", front_proxy.certificate())?;
        // Not of system:masters: kcp records no owner of a workspace that one of those makes, and never initializes it.
        write(&folder, "tokens.csv", format!("{ADMINISTRATOR},kcp-admin,kcp-admin,\"system:kcp:admin\"\n"))?;
        let ports = [port::reserve()?, port::reserve()?, port::reserve()?];
        let root = Access {
            name: "kcp".to_owned(),
            server: format!("https://127.0.0.1:{}", ports[0]),
            path: "/clusters/root".to_owned(),
            authority,
            front_proxy,
            client_authorities: accepted.into(),
            folder,
        };
        let process = run(&root, ports).await?;
        Ok(Self { root, ports, process: Mutex::new(Some(process)) })
    }

    /// Kills it; what it has stored stays.
    pub fn kill(&self) {
        self.process.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Starts it again where it was, with what it has stored.
    pub async fn start_again(&self) -> Result<()> {
        let process = run(&self.root, self.ports).await?;
        self.process.lock().unwrap_or_else(PoisonError::into_inner).replace(process);
        Ok(())
    }

    /// The workspace that all others are under.
    pub const fn root(&self) -> &Access {
        &self.root
    }

    /// Makes a workspace under another one, and waits until it is ready. The way to it goes by its logical cluster's name.
    pub async fn workspace(&self, parent: &Access, name: &str) -> Result<Access> {
        let workspaces = workspaces(parent.client().await?);
        let manifest = json!({
            "apiVersion": "tenancy.kcp.io/v1alpha1", "kind": "Workspace",
            "metadata": { "name": name },
            "spec": { "type": { "name": "universal", "path": "root" } },
        });
        let manifest: DynamicObject = serde_json::from_value(manifest)
            .map_err(|error| Error::Manifests { problem: format!("workspace {name}: {error}") })?;
        let what = || format!("make workspace {name} under {}", parent.name);
        workspaces.create(&PostParams::default(), &manifest).await.map_err(Error::request(what()))?;
        let ready = |workspace: &DynamicObject| workspace.data.pointer("/status/phase") == Some(&json!("Ready"));
        let awaited = format!("workspace {name} being Ready");
        let workspace = wait::until(&workspaces, name, &awaited, wait::PATIENCE, ready).await?;
        let cluster = workspace.data.pointer("/spec/cluster").and_then(Value::as_str).unwrap_or_default();
        let access =
            Access { name: format!("{}:{name}", parent.name), path: format!("/clusters/{cluster}"), ..parent.clone() };
        // It is Ready a moment before the authorization of its users knows it.
        let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(access.client().await?);
        wait::until(&namespaces, "default", "namespace default of the new workspace", wait::PATIENCE, |_| true).await?;
        Ok(access)
    }

    /// Asks for the deletion of a workspace, and waits for nothing.
    pub async fn delete_workspace(&self, parent: &Access, name: &str) -> Result<()> {
        let workspaces = workspaces(parent.client().await?);
        let what = format!("delete workspace {name}");
        workspaces.delete(name, &kube::api::DeleteParams::default()).await.map(drop).map_err(Error::request(what))
    }

    /// Waits until a workspace is gone.
    pub async fn workspace_gone(&self, parent: &Access, name: &str) -> Result<()> {
        wait::until_gone(&workspaces(parent.client().await?), name, wait::PATIENCE * 2).await
    }
}

impl Access {
    /// The name of the logical cluster that this way leads to.
    pub fn logical_cluster(&self) -> &str {
        self.path.strip_prefix("/clusters/").unwrap_or_default()
    }

    /// The path that people know a workspace by, such as `root:alpha:inner`.
    pub fn workspace_path(&self) -> String {
        self.name.replacen("kcp", "root", 1)
    }

    /// An object of kcp's own, of any kind.
    pub async fn kcp_objects(&self, group: &str, version: &str, kind: &str) -> Result<Api<DynamicObject>> {
        let kind = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        Ok(Api::all_with(self.client().await?, &kind))
    }
}

fn workspaces(client: Client) -> Api<DynamicObject> {
    Api::all_with(client, &ApiResource::from_gvk(&GroupVersionKind::gvk("tenancy.kcp.io", "v1alpha1", "Workspace")))
}

async fn run(root: &Access, [port, etcd, peers]: [u16; 3]) -> Result<Process> {
    let folder = &root.folder;
    let program = program().ok_or(Error::NoKcp)?;
    let file = |flag: &str, name: &str| {
        let mut argument = OsString::from(format!("--{flag}="));
        argument.push(folder.join(name));
        argument
    };
    let mut command = Command::new(program);
    command
        .arg("start")
        .arg(file("root-directory", ""))
        .args(["--bind-address=127.0.0.1", "--batteries-included=workspace-types", "--profiling=false"])
        .arg(format!("--secure-port={port}"))
        .arg(format!("--embedded-etcd-client-port={etcd}"))
        .arg(format!("--embedded-etcd-peer-port={peers}"))
        .arg("--embedded-etcd-wal-size-bytes=5000000")
        .arg(file("tls-cert-file", "server.crt"))
        .arg(file("tls-private-key-file", "server.key"))
        .arg(file("shard-virtual-workspace-ca-file", "authority.crt"))
        .arg(file("client-ca-file", "client-authorities.crt"))
        .arg(file("token-auth-file", "tokens.csv"))
        .args(api_server::front_proxy_flags(folder))
        // What is lost with the machine is lost with the test.
        .env("UNSAFE_E2E_HACK_DISABLE_ETCD_FSYNC", "true")
        .current_dir(folder);
    let process = Process::start("kcp", command, &folder.join("kcp.log"))?;
    let text = kubeconfig::with_token(&root.server, &root.authority.certificate(), ADMINISTRATOR);
    let ready = wait::answers(client::from_kubeconfig("kcp", &text).await?, "/readyz");
    process.needed_for("a ready kcp", START, ready).await?;
    Ok(process)
}
