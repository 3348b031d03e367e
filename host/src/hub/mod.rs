//! The hub: where a workspace is reached, and writes to the hub's own objects: finalizers and status.
//!
//! On kcp every workspace is served under a path of its own by the endpoint that its objects came from. All share one pool of
//! connections: a workspace's client is made for a few requests, and costs nothing when it is gone.
//!
//! Every write is a merge patch that carries uid and resourceVersion, so that it changes the object that was looked at and
//! no later or other one. Server-side apply is not used on the hub: through kcp's virtual workspaces it does not remove
//! fields.

pub mod diagnosis;
pub mod endpoints;

use std::sync::Arc;

use berthage_core::api::{ClusterRegistration, ReconcilePlugin, SyncTarget};
use berthage_core::key::{Key, Kind, Workspace};
use berthage_core::names::SECRET_FINALIZER;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{ApiResource, Patch, PatchParams};
use kube::client::Body;
use kube::{Api, Client};
use serde_json::{Value, json};
use tower::BoxError;

use crate::access::connect::HubTransport;
use crate::store::{SecretMeta, Store};
use crate::wire::{Meta, Wire};

/// The hub.
pub struct Hub {
    transport: HubTransport,
    home: Client,
    store: Arc<Store>,
}

/// A workspace was left, or taken from us, while something was done for it.
#[derive(Debug, thiserror::Error)]
#[error("workspace {0} is not served any more")]
struct NotServed(Workspace);

impl Hub {
    /// `home` is a client of the place that the controller's own kubeconfig leads to: the plain hub, or on kcp the workspace of
    /// the export. `store` knows where each workspace is served.
    pub const fn new(transport: HubTransport, home: Client, store: Arc<Store>) -> Self {
        Self { transport, home, store }
    }

    /// A client for one workspace. Where the workspace is not served any more, it refuses every request.
    pub fn client(&self, workspace: &Workspace) -> Client {
        match self.store.tenancy(workspace).map(|tenancy| tenancy.endpoint) {
            Some(endpoint) if endpoint.home().is_some() => self.home.clone(),
            Some(endpoint) => match format!("{}/clusters/{workspace}", endpoint.url()).parse() {
                Ok(base) => self.transport.at(&base),
                Err(_) => refusing(workspace),
            },
            None => refusing(workspace),
        }
    }

    fn objects(&self, key: &Key) -> Api<Wire> {
        let resource = match key.kind {
            Kind::Target => ApiResource::erase::<SyncTarget>(&()),
            Kind::Registration => ApiResource::erase::<ClusterRegistration>(&()),
            Kind::Plugin => ApiResource::erase::<ReconcilePlugin>(&()),
            // Nothing is ever written to one, nor is one looked at by its key.
            Kind::ConfigMap => ApiResource::erase::<ConfigMap>(&()),
        };
        Api::all_with(self.client(&key.workspace), &resource)
    }

    /// The object as it is now.
    pub async fn get(&self, key: &Key) -> Result<Option<Wire>, kube::Error> {
        self.objects(key).get_opt(&key.name).await
    }

    /// Replaces the finalizers of an object.
    pub async fn set_finalizers(
        &self,
        key: &Key,
        at: &Version<'_>,
        finalizers: &[String],
    ) -> Result<Wire, kube::Error> {
        let patch = json!({ "metadata": at.with(json!({ "finalizers": finalizers })) });
        self.objects(key).patch(&key.name, &PatchParams::default(), &Patch::Merge(&patch)).await
    }

    /// Patches the status of an object.
    pub async fn patch_status(&self, key: &Key, at: &Version<'_>, status: &Value) -> Result<Wire, kube::Error> {
        let patch = json!({ "metadata": at.with(json!({})), "status": status });
        self.objects(key).patch_status(&key.name, &PatchParams::default(), &Patch::Merge(&patch)).await
    }

    /// A Secret as it is now, without its content.
    pub async fn secret(
        &self,
        workspace: &Workspace,
        namespace: &str,
        name: &str,
    ) -> Result<Option<SecretMeta>, kube::Error> {
        let resource = ApiResource::erase::<Secret>(&());
        let api = Api::<Meta>::namespaced_with(self.client(workspace), namespace, &resource);
        Ok(api.get_opt(name).await?.map(|found| SecretMeta::of(&found.metadata)))
    }

    /// Adds or removes our finalizer on a kubeconfig Secret.
    pub async fn set_secret_finalizer(
        &self,
        workspace: &Workspace,
        namespace: &str,
        name: &str,
        secret: &SecretMeta,
        wanted: bool,
    ) -> Result<(), kube::Error> {
        let mut finalizers: Vec<&str> =
            secret.finalizers.iter().map(String::as_str).filter(|finalizer| *finalizer != SECRET_FINALIZER).collect();
        if wanted {
            finalizers.push(SECRET_FINALIZER);
        }
        let at = Version { uid: &secret.uid, resource_version: &secret.resource_version };
        let patch = json!({ "metadata": at.with(json!({ "finalizers": finalizers })) });
        let api = Api::<Secret>::namespaced(self.client(workspace), namespace);
        api.patch_metadata(name, &PatchParams::default(), &Patch::Merge(&patch)).await.map(drop)
    }
}

fn refusing(workspace: &Workspace) -> Client {
    let workspace = workspace.clone();
    let service = tower::service_fn(move |_: http::Request<Body>| {
        std::future::ready(Err::<http::Response<Body>, BoxError>(NotServed(workspace.clone()).into()))
    });
    Client::new(service, "default")
}

/// Which object, in which version, a write is meant for.
pub struct Version<'a> {
    /// `metadata.uid`.
    pub uid: &'a str,
    /// `metadata.resourceVersion`.
    pub resource_version: &'a str,
}

impl Version<'_> {
    /// `metadata` of a patch that applies to this version only.
    fn with(&self, mut metadata: Value) -> Value {
        if let Value::Object(fields) = &mut metadata {
            fields.insert("uid".to_owned(), Value::from(self.uid));
            fields.insert("resourceVersion".to_owned(), Value::from(self.resource_version));
        }
        metadata
    }
}
