//! Where a controller's kubeconfig leads: a plain hub, or the workspace of an APIExport on kcp.

use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::PostParams;
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::program::{self, Invocation};
use crate::servers::{Access, Kcp};
use crate::{client, kubeconfig, wait};

/// See the module.
#[derive(Clone)]
pub struct Home {
    access: Access,
    /// On kcp: the token of the controller's own account.
    token: Option<String>,
}

/// What of the permission claims a tenant accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claims {
    /// All of them.
    All,
    /// Not those on ClusterRoles and ClusterRoleBindings.
    WithoutRbac,
}

impl Home {
    /// A plain hub; the controller is its administrator.
    pub fn kubernetes(access: &Access) -> Self {
        Self { access: access.clone(), token: None }
    }

    /// A new workspace of kcp, with all that `berthage crds --format apiexport` prints; the controller has what that gives it.
    pub async fn kcp(kcp: &Kcp, name: &str) -> Result<Self> {
        let access = kcp.workspace(kcp.root(), name).await?;
        access.apply_text(&crds(&["--format", "apiexport"]).await?).await?;
        let everybody = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": { "name": "berthage-bind" },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "berthage-bind" },
            "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:authenticated" }],
        });
        access.apply(&[everybody]).await?;
        let token = token(&access, "berthage-controller").await?;
        Ok(Self { access, token: Some(token) })
    }

    /// Where it is.
    pub const fn access(&self) -> &Access {
        &self.access
    }

    /// Whether it is kcp.
    pub const fn is_kcp(&self) -> bool {
        self.token.is_some()
    }

    /// The controller's kubeconfig, for this address of the server or of a proxy.
    pub fn controller_kubeconfig(&self, server: &str) -> String {
        match &self.token {
            Some(token) => self.access.kubeconfig_with_token(token, server),
            None => self.access.kubeconfig_at(server),
        }
    }

    /// On kcp: the URL that the APIExportEndpointSlice lists.
    pub fn endpoint(&self) -> String {
        format!("{}/services/apiexport/{}/berthage", self.access.server(), self.access.logical_cluster())
    }

    /// On kcp: a client of the controller's, for one tenant's workspace.
    pub async fn virtual_workspace(&self, tenant: &Access) -> Result<Option<Client>> {
        let Some(token) = &self.token else { return Ok(None) };
        let url = format!("{}/clusters/{}", self.endpoint(), tenant.logical_cluster());
        let text = kubeconfig::with_token(&url, &self.access.authority().certificate(), token);
        client::from_kubeconfig(tenant.name(), &text).await.map(Some)
    }

    /// A new workspace under `parent` that binds the export, and serves its types.
    pub async fn tenant(&self, kcp: &Kcp, parent: &Access, name: &str, claims: Claims) -> Result<Access> {
        let access = kcp.workspace(parent, name).await?;
        access.apply_text(&self.binding(claims).await?).await?;
        bound(&access).await?;
        Ok(access)
    }

    /// The APIBinding that a tenant applies.
    pub async fn binding(&self, claims: Claims) -> Result<String> {
        let path = self.access.workspace_path();
        let mut arguments = vec!["--format", "apibinding", "--export-path", &path];
        arguments.extend((claims == Claims::WithoutRbac).then_some("--without-rbac"));
        crds(&arguments).await
    }
}

/// Waits until a workspace's binding is in force.
pub async fn bound(access: &Access) -> Result<()> {
    let bindings = access.kcp_objects("apis.kcp.io", "v1alpha2", "APIBinding").await?;
    let what = format!("the binding of {} being in force", access.name());
    let in_force = |binding: &kube::core::DynamicObject| {
        let conditions = binding.data.pointer("/status/conditions").and_then(Value::as_array);
        let holds = |wanted: &str| {
            conditions.is_some_and(|all| all.iter().any(|one| one["type"] == wanted && one["status"] == "True"))
        };
        binding.data.pointer("/status/phase") == Some(&json!("Bound")) && holds("PermissionClaimsApplied")
    };
    wait::until(&bindings, "berthage", &what, wait::PATIENCE, in_force).await.map(drop)
}

async fn crds(arguments: &[&str]) -> Result<String> {
    let printed = Invocation::new(["crds"].iter().chain(arguments)).output(&program::berthage()?).await?;
    if printed.status.success() {
        return Ok(String::from_utf8_lossy(&printed.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&printed.stderr);
    Err(Error::Manifests { problem: format!("berthage crds {} failed: {said}", arguments.join(" ")) })
}

async fn token(access: &Access, account: &str) -> Result<String> {
    let accounts: Api<ServiceAccount> = Api::namespaced(access.client().await?, "default");
    let request = TokenRequest::default();
    let what = || format!("make a token for {account}");
    let answer = accounts
        .create_token_request(account, &PostParams::default(), &request)
        .await
        .map_err(Error::request(what()))?;
    answer.status.and_then(|status| status.token).ok_or_else(|| Error::Manifests { problem: what() })
}
