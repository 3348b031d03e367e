//! What people would do by hand, as docs/kcp.md says: the platform's workspace with the APIExport, and tenants who bind it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use berthage_core::api::{ConditionStatus, SyncTarget};
use berthage_core::kcp::DEFAULT_EXPORT;
use berthage_core::kcp::export::{self, NotADefinition};
use berthage_core::names::HUB_NAMESPACE;
use berthage_core::status::target::kind;
use berthage_sandbox::sandbox::{Sandbox, Site};
use clap::Parser as _;
use futures::StreamExt as _;
use kube::api::WatchEvent;
use kube::api::WatchParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client, Config};
use serde_json::{Value, json};

use super::folder::{self, FolderError};
use crate::access::Side;
use crate::args::{Args, Command};
use crate::cli::crds::definitions;
use crate::cli::register::{self, RegisterError, requests};

/// The workspace of the platform.
const PLATFORM: &str = "root:platform";
/// The controller's account in it.
const ACCOUNT: &str = "berthage-controller";
/// Whose account a workspace's kubeconfig is.
const ADMIN: &str = "admin";
/// How long tokens are valid: for longer than a sandbox lives.
const TOKEN: Duration = Duration::from_hours(24 * 365);
/// The kubeconfig of the controller, in the sandbox's folder.
pub(super) const CONTROLLER: &str = "controller.kubeconfig";

/// A workspace with a registered cluster and a SyncTarget.
#[derive(Debug)]
pub(super) struct Tenant {
    /// The path of the workspace.
    pub(super) workspace: &'static str,
    /// The physical cluster that it registers, which gives the registration its name.
    pub(super) cluster: &'static str,
    /// The name of the SyncTarget, which is that of the registration.
    pub(super) target: &'static str,
}

/// Two share a cluster, all have targets of the same name, and one workspace is in another.
pub(super) const TENANTS: [Tenant; 3] = [
    Tenant { workspace: "root:team-a", cluster: "east", target: "edge" },
    Tenant { workspace: "root:team-b", cluster: "west", target: "edge" },
    Tenant { workspace: "root:team-b:payments", cluster: "east", target: "edge" },
];

/// Why a tenant could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TenantsError {
    /// A file.
    #[error(transparent)]
    File(#[from] FolderError),
    /// A client.
    #[error("no client can be made for the sandbox")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A request.
    #[error("the sandbox refuses a request of its own set-up, in {workspace}")]
    Request {
        /// Where.
        workspace: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
    /// An object, or the registration of a cluster.
    #[error("the sandbox refuses a part of its own set-up")]
    Register(#[from] RegisterError),
    /// The types.
    #[error(transparent)]
    Definition(#[from] NotADefinition),
    /// The types.
    #[error("a type cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    /// A watch.
    #[error("the sandbox ended a watch of {0} too early")]
    Watch(String),
    /// A command line that is composed here.
    #[error("the sandbox registers a cluster wrongly")]
    Command(#[from] clap::Error),
}

/// The kubeconfig of somebody who may do everything in a workspace.
pub(super) fn kubeconfig_of_workspace(folder: &Path, workspace: &str) -> PathBuf {
    folder.join(format!("{}.kubeconfig", workspace.trim_start_matches("root:").replace(':', "-")))
}

/// The kubeconfig of somebody who may do everything in a physical cluster.
pub(super) fn kubeconfig_of_cluster(folder: &Path, cluster: &str) -> PathBuf {
    folder.join(format!("cluster-{cluster}.kubeconfig"))
}

/// Makes the platform's workspace, and the controller's kubeconfig.
pub(super) async fn platform(sandbox: &Sandbox, folder: &Path) -> Result<(), TenantsError> {
    make_workspace(sandbox, PLATFORM, folder).await?;
    let client = client(&sandbox.hub, PLATFORM).await?;
    let types = definitions().iter().map(serde_json::to_value).collect::<Result<Vec<Value>, _>>()?;
    let mut objects = export::provider(DEFAULT_EXPORT, &types)?;
    objects.push(json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": "berthage-bind"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "berthage-bind"},
        "subjects": [
            {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:authenticated"},
        ],
    }));
    for object in &objects {
        requests::apply(&client, Side::Hub, object).await?;
    }
    let token = requests::token(&client, Side::Hub, [HUB_NAMESPACE, ACCOUNT], TOKEN).await?;
    write(&folder.join(CONTROLLER), &sandbox.hub.kubeconfig(PLATFORM, &token.token))
}

/// Makes a tenant's workspace, binds the APIExport there, and registers the tenant's cluster.
pub(super) async fn onboard(sandbox: &Sandbox, tenant: &Tenant, folder: &Path) -> Result<(), TenantsError> {
    let hub = make_workspace(sandbox, tenant.workspace, folder).await?;
    let client = client(&sandbox.hub, tenant.workspace).await?;
    requests::apply(&client, Side::Hub, &export::tenant(DEFAULT_EXPORT, PLATFORM, true)).await?;
    let bindings = resource("apis.kcp.io", "v1alpha2", "APIBinding");
    until(&client, tenant.workspace, &bindings, DEFAULT_EXPORT, |binding| {
        binding.data.pointer("/status/phase").and_then(Value::as_str) == Some("Bound")
    })
    .await?;

    let cluster = kubeconfig_of_cluster(folder, tenant.cluster);
    write(&cluster, &sandbox.clusters.kubeconfig(tenant.cluster, &sandbox.clusters.token))?;
    // Two workspaces register the same cluster: each with an account of its own there.
    let account = format!("berthage-{}", tenant.workspace.replace(':', "-"));
    let mut words: Vec<std::ffi::OsString> = ["berthage", "register", tenant.target].map(Into::into).into();
    words.extend(["--kubeconfig".into(), cluster.into(), "--hub-kubeconfig".into(), hub.into()]);
    words.extend(["--account".into(), account.into(), "--location".into(), tenant.cluster.into()]);
    words.extend(["--resources", "configmaps,services,deployments.apps"].map(Into::into));
    if let Command::Register(args) = Args::try_parse_from(words)?.command {
        register::run(&args, |_| Ok(())).await?;
    }
    Ok(())
}

/// A file with a SyncTarget as the tenants have it, to make it again.
pub(super) fn manifest(folder: &Path, tenant: &Tenant) -> Result<PathBuf, TenantsError> {
    let file = folder.join(format!("{}.yaml", tenant.target));
    let resource = |group: &str, resource: &str| json!({"group": group, "version": "v1", "resource": resource});
    // JSON is YAML, too.
    let target = json!({
        "apiVersion": "workload.kcp.io/v1alpha1", "kind": "SyncTarget", "metadata": {"name": tenant.target},
        "spec": {
            "clusterRef": {"name": tenant.target},
            "supportedAPIResources": [
                resource("", "configmaps"), resource("", "services"), resource("apps", "deployments"),
            ],
        },
    });
    write(&file, &target).map(|()| file)
}

/// Waits until a tenant's target is ready.
pub(super) async fn ready(sandbox: &Sandbox, tenant: &Tenant) -> Result<(), TenantsError> {
    let client = client(&sandbox.hub, tenant.workspace).await?;
    let targets = ApiResource::erase::<SyncTarget>(&());
    until(&client, tenant.workspace, &targets, tenant.target, |target| {
        let conditions = target.data.pointer("/status/conditions").and_then(Value::as_array);
        let mut ready = conditions.into_iter().flatten().filter(|condition| condition["type"] == kind::READY);
        ready.any(|condition| condition["status"] == "True")
    })
    .await
}

/// What a target says of itself.
pub(super) async fn state(sandbox: &Sandbox, tenant: &Tenant) -> Result<String, TenantsError> {
    let client = client(&sandbox.hub, tenant.workspace).await?;
    let targets: Api<SyncTarget> = Api::all(client);
    let target = targets.get(tenant.target).await.map_err(refused(tenant.workspace))?;
    let conditions = target.status.map(|status| status.conditions).unwrap_or_default();
    let bad = conditions.iter().filter(|condition| condition.status != ConditionStatus::True);
    Ok(bad.map(|condition| format!("{}: {}", condition.type_, condition.message)).collect::<Vec<_>>().join("; "))
}

/// Makes a workspace, and a kubeconfig for it.
async fn make_workspace(sandbox: &Sandbox, path: &str, folder: &Path) -> Result<PathBuf, TenantsError> {
    let (parent, name) = path.rsplit_once(':').unwrap_or(("root", path));
    let client = client(&sandbox.hub, parent).await?;
    let workspace = json!({"apiVersion": "tenancy.kcp.io/v1alpha1", "kind": "Workspace", "metadata": {"name": name}});
    requests::apply(&client, Side::Hub, &workspace).await?;
    let workspaces = resource("tenancy.kcp.io", "v1alpha1", "Workspace");
    until(&client, parent, &workspaces, name, |workspace| {
        workspace.data.pointer("/status/phase").and_then(Value::as_str) == Some("Ready")
    })
    .await?;
    let token = admin(sandbox, path).await?;
    let file = kubeconfig_of_workspace(folder, path);
    write(&file, &sandbox.hub.kubeconfig(path, &token))?;
    Ok(file)
}

/// An account that may do everything in this workspace, and nothing in another: its token.
async fn admin(sandbox: &Sandbox, workspace: &str) -> Result<String, TenantsError> {
    let client = self::client(&sandbox.hub, workspace).await?;
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ADMIN, "namespace": "default"},
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": ADMIN},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": ADMIN, "namespace": "default"}],
    });
    for object in [&account, &binding] {
        requests::apply(&client, Side::Hub, object).await?;
    }
    Ok(requests::token(&client, Side::Hub, ["default", ADMIN], TOKEN).await?.token.to_string())
}

/// Waits until an object is as it should be.
async fn until(
    client: &Client,
    workspace: &str,
    resource: &ApiResource,
    name: &str,
    is: impl Fn(&DynamicObject) -> bool,
) -> Result<(), TenantsError> {
    let objects: Api<DynamicObject> = Api::all_with(client.clone(), resource);
    let params = WatchParams::default().fields(&format!("metadata.name={name}"));
    // From version 0: what is there is told first.
    let mut events = objects.watch(&params, "0").await.map_err(refused(workspace))?.boxed();
    while let Some(event) = events.next().await {
        match event.map_err(refused(workspace))? {
            WatchEvent::Added(object) | WatchEvent::Modified(object) if is(&object) => return Ok(()),
            _ => {}
        }
    }
    Err(TenantsError::Watch(format!("{name} in {workspace}")))
}

fn resource(group: &str, version: &str, kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
}

fn refused(workspace: &str) -> impl Fn(kube::Error) -> TenantsError + '_ {
    move |source| TenantsError::Request { workspace: workspace.to_owned(), source: Box::new(source) }
}

/// A client of somebody who may do everything.
async fn client(site: &Site, cluster: &str) -> Result<Client, TenantsError> {
    let kubeconfig: Kubeconfig = serde_json::from_value(site.kubeconfig(cluster, &site.token))?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    let mut config = config.map_err(|error| TenantsError::Client(Box::new(error)))?;
    // The sandbox is here: whatever proxy the environment names leads elsewhere.
    config.proxy_url = None;
    Client::try_from(config).map_err(|error| TenantsError::Client(Box::new(error)))
}

/// Writes a kubeconfig, or another object.
fn write(path: &Path, content: &Value) -> Result<(), TenantsError> {
    Ok(folder::write(path, format!("{content:#}\n").as_bytes())?)
}
