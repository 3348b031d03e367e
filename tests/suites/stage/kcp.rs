//! An APIExport of a test's own, with workspaces that the test makes and unmakes.

use std::sync::Arc;

use berthage_core::key::Workspace;
use berthage_e2e::authority::Authority;
use berthage_e2e::folder::RunFolder;
use berthage_e2e::home::{Claims, Home};
use berthage_e2e::servers::{Access, Kcp};
use berthage_e2e::wait::{self, PATIENCE};
use berthage_e2e::world::{World, fresh_name};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::core::DynamicObject;
use serde_json::{Value, json};

use super::controller::{Controller, Settings};
use super::{Hub, Result, problem};

/// See the module.
pub(crate) struct Platform<'a> {
    /// The kcp, most often the one that all tests share.
    pub kcp: &'a Kcp,
    /// The workspace of the export.
    pub home: Home,
    authority: Arc<Authority>,
    folder: RunFolder,
}

/// One of its workspaces.
pub(crate) struct Tenant {
    /// The way to it.
    pub access: Access,
    /// Its name under its parent.
    pub name: String,
}

impl Platform<'static> {
    /// Makes the workspace of an export on the kcp that tests share, and installs the export.
    pub(crate) async fn start(name: &str) -> Result<Self> {
        let shared = World::shared().await?.kcp.as_ref();
        Self::start_on(shared.ok_or_else(|| problem("this needs a kcp: cargo xtask test --kcp"))?, name).await
    }
}

impl<'k> Platform<'k> {
    /// Makes the workspace of an export on a kcp, and installs the export.
    pub(crate) async fn start_on(kcp: &'k Kcp, name: &str) -> Result<Self> {
        let world = World::shared().await?;
        let name = fresh_name(name);
        let home = Home::kcp(kcp, &format!("{name}-platform")).await?;
        let authority = Arc::clone(&world.client_authority);
        Ok(Self { kcp, home, authority, folder: RunFolder::new(&name)? })
    }

    /// Where files of its controllers go.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Makes a workspace that binds the export.
    pub(crate) async fn tenant(&self, name: &str, claims: Claims) -> Result<Tenant> {
        self.tenant_in(self.kcp.root(), name, claims).await
    }

    /// Makes a workspace in another one.
    pub(crate) async fn tenant_in(&self, parent: &Access, name: &str, claims: Claims) -> Result<Tenant> {
        let name = fresh_name(name);
        let access = self.home.tenant(self.kcp, parent, &name, claims).await?;
        Ok(Tenant { access, name })
    }

    /// The hub as a tenant sees it.
    pub(crate) async fn hub<'a>(&'a self, tenant: &'a Tenant) -> Result<Hub<'a>> {
        Hub::new(&tenant.access, &self.home, &self.authority, self.folder.path()).await
    }

    /// Starts a controller, and waits until it has listed everything.
    pub(crate) async fn controller(&self, name: &str, settings: Settings) -> Result<Controller> {
        let controller = Controller::launch(&self.home, Some(&self.authority), self.folder.path(), name, settings)?;
        controller.ready().await?;
        Ok(controller)
    }
}

impl Tenant {
    /// Its name in keys and hashes.
    pub(crate) fn workspace(&self) -> Workspace {
        Workspace::new(self.access.logical_cluster())
    }

    /// Its bindings.
    pub(crate) async fn bindings(&self) -> Result<Api<DynamicObject>> {
        Ok(self.access.kcp_objects("apis.kcp.io", "v1alpha2", "APIBinding").await?)
    }

    /// Answers a permission claim with `Accepted` or `Rejected`.
    pub(crate) async fn answer(&self, resource: &str, state: &str) -> Result {
        let bindings = self.bindings().await?;
        let binding = bindings.get("berthage").await?;
        let claims = binding.data.pointer("/spec/permissionClaims").and_then(Value::as_array).cloned();
        let at = claims.into_iter().flatten().position(|claim| claim["resource"] == resource);
        let at = at.ok_or_else(|| problem(format!("there is no claim on {resource}")))?;
        let patch = json!([{ "op": "replace", "path": format!("/spec/permissionClaims/{at}/state"), "value": state }]);
        let patch: json_patch::Patch = serde_json::from_value(patch)?;
        bindings.patch("berthage", &PatchParams::default(), &Patch::<()>::Json(patch)).await?;
        Ok(())
    }

    /// Takes the binding away, and waits until it is gone.
    pub(crate) async fn unbind(&self) -> Result {
        let bindings = self.bindings().await?;
        bindings.delete("berthage", &DeleteParams::default()).await?;
        Ok(wait::until_gone(&bindings, "berthage", PATIENCE * 2).await?)
    }
}
