//! What people do by hand on a kcp of the sandbox, as docs/kcp.md says: the platform's workspace with the APIExport, and
//! tenants who bind it and register clusters.

use std::time::Duration;

use berthage::cli::crds::definitions;
use berthage_core::kcp::DEFAULT_EXPORT;
use berthage_core::kcp::export;
use berthage_core::names::{HUB_NAMESPACE, LABEL_KUBECONFIG};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{DynamicObject, GroupVersionKind, PostParams};
use kube::core::ApiResource;
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::manifests;

/// The workspace of the platform.
pub const PLATFORM: &str = "root:platform";
/// How long the controller's token is valid, in seconds.
const TOKEN: i64 = 86_400;
/// How long set-up may take. In a simulation that is virtual time.
const PATIENCE: Duration = Duration::from_mins(30);
/// How often it is asked whether something has come true.
const ASK: Duration = Duration::from_millis(100);

/// Makes the platform's workspace with all that `berthage crds --format apiexport` prints, which everybody may bind; gives a
/// token of the controller's account. `client` makes clients of somebody who may do everything in a workspace.
pub async fn platform(client: impl Fn(&str) -> Result<Client>) -> Result<String> {
    workspace(&client, PLATFORM).await?;
    let client = client(PLATFORM)?;
    let problem = |error: String| Error::Manifests { problem: error };
    let types: Result<Vec<Value>, _> = definitions().iter().map(serde_json::to_value).collect();
    let types = types.map_err(|error| problem(error.to_string()))?;
    let mut objects = export::provider(DEFAULT_EXPORT, &types).map_err(|error| problem(error.to_string()))?;
    objects.push(json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": "berthage-bind"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "berthage-bind"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:authenticated"}],
    }));
    manifests::apply(&client, &objects).await?;
    let accounts: Api<ServiceAccount> = Api::namespaced(client, HUB_NAMESPACE);
    let request = TokenRequest {
        spec: Some(TokenRequestSpec { expiration_seconds: Some(TOKEN), ..TokenRequestSpec::default() }),
        ..TokenRequest::default()
    };
    let what = || "make a token for the controller".to_owned();
    let made = accounts.create_token_request("berthage-controller", &PostParams::default(), &request).await;
    let token = made.map_err(Error::request(what()))?.status.and_then(|status| status.token);
    token.ok_or_else(|| problem(what()))
}

/// Makes a tenant's workspace, binds the APIExport there, and registers clusters: their names and kubeconfigs.
pub async fn tenant(client: impl Fn(&str) -> Result<Client>, path: &str, clusters: &[(&str, String)]) -> Result<()> {
    workspace(&client, path).await?;
    let client = client(path)?;
    create(&client, &export::tenant(DEFAULT_EXPORT, PLATFORM, true)).await?;
    let bindings = resource("apis.kcp.io", "v1alpha2", "APIBinding");
    until(&client, &bindings, DEFAULT_EXPORT, "/status/phase", "Bound").await?;
    for (cluster, kubeconfig) in clusters {
        let secret = format!("{cluster}-kubeconfig");
        let registration = json!({
            "apiVersion": "tmc.kcp.io/v1alpha1", "kind": "ClusterRegistration", "metadata": {"name": cluster},
            "spec": {"kubeConfigSecretRef": {"namespace": HUB_NAMESPACE, "name": secret}},
        });
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": secret, "namespace": HUB_NAMESPACE, "labels": {LABEL_KUBECONFIG: "true"}},
            "stringData": {"kubeconfig": kubeconfig},
        });
        create(&client, &secret).await?;
        create(&client, &registration).await?;
    }
    Ok(())
}

async fn workspace(client: &impl Fn(&str) -> Result<Client>, path: &str) -> Result<()> {
    let (parent, name) = path.rsplit_once(':').ok_or_else(|| Error::Address(path.to_owned()))?;
    let client = client(parent)?;
    let object = json!({"apiVersion": "tenancy.kcp.io/v1alpha1", "kind": "Workspace", "metadata": {"name": name}});
    create(&client, &object).await?;
    until(&client, &resource("tenancy.kcp.io", "v1alpha1", "Workspace"), name, "/status/phase", "Ready").await
}

/// Creates an object of one of the kinds above.
async fn create(client: &Client, object: &Value) -> Result<()> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind) = (text("/apiVersion"), text("/kind"));
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let what = format!("create {kind} {}", text("/metadata/name"));
    let read: DynamicObject = serde_json::from_value(object.clone())
        .map_err(|error| Error::Manifests { problem: format!("{what}: {error}") })?;
    let resource = resource(group, version, kind);
    let objects: Api<DynamicObject> = match read.metadata.namespace.as_deref() {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    objects.create(&PostParams::default(), &read).await.map(drop).map_err(Error::request(what))
}

/// Waits until a field of an object says this.
async fn until(client: &Client, resource: &ApiResource, name: &str, field: &str, value: &str) -> Result<()> {
    let objects: Api<DynamicObject> = Api::all_with(client.clone(), resource);
    let reached = async {
        loop {
            let object = objects.get(name).await.map_err(Error::request(format!("get {} {name}", resource.kind)))?;
            if object.data.pointer(field).and_then(Value::as_str) == Some(value) {
                return Ok(());
            }
            tokio::time::sleep(ASK).await;
        }
    };
    let awaited = || format!("{} {name}: {field} being {value}", resource.kind);
    let late = |_| Error::Unmet { awaited: awaited(), waited: PATIENCE, last_seen: String::new() };
    tokio::time::timeout(PATIENCE, reached).await.map_err(late)?
}

/// A kind.
pub fn resource(group: &str, version: &str, kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
}
