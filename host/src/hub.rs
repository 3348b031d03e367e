//! Writes to the hub's own objects: finalizers and status.
//!
//! Every write is a merge patch that carries uid and resourceVersion, so that it changes the object that was looked at and
//! no later or other one. Server-side apply is not used on the hub: through kcp's virtual workspaces it does not remove
//! fields.

use berthage_core::api::{ClusterRegistration, SyncTarget};
use berthage_core::key::{Key, Kind};
use berthage_core::names::SECRET_FINALIZER;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ApiResource, DeleteParams, Patch, PatchParams, Preconditions};
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::store::SecretMeta;
use crate::wire::{Meta, Wire};

/// The hub, as one workspace sees it.
#[derive(Clone)]
pub struct Hub {
    client: Client,
}

impl Hub {
    /// A plain Kubernetes hub.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// The client for the workspace of `key`.
    pub fn client(&self, _: &berthage_core::key::Workspace) -> &Client {
        &self.client
    }

    fn objects(&self, key: &Key) -> Api<Wire> {
        let resource = match key.kind {
            Kind::Target => ApiResource::erase::<SyncTarget>(&()),
            Kind::Registration => ApiResource::erase::<ClusterRegistration>(&()),
        };
        Api::all_with(self.client(&key.workspace).clone(), &resource)
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
        workspace: &berthage_core::key::Workspace,
        namespace: &str,
        name: &str,
    ) -> Result<Option<SecretMeta>, kube::Error> {
        let resource = ApiResource::erase::<Secret>(&());
        let api = Api::<Meta>::namespaced_with(self.client(workspace).clone(), namespace, &resource);
        Ok(api.get_opt(name).await?.map(|found| SecretMeta::of(&found.metadata)))
    }

    /// Adds or removes our finalizer on a kubeconfig Secret.
    pub async fn set_secret_finalizer(
        &self,
        workspace: &berthage_core::key::Workspace,
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
        let api = Api::<Secret>::namespaced(self.client(workspace).clone(), namespace);
        api.patch_metadata(name, &PatchParams::default(), &Patch::Merge(&patch)).await.map(drop)
    }

    /// Deletes an object of the hub that is of this uid; one that is gone, or another of the same name, is no error.
    pub async fn delete<K>(&self, api: &Api<K>, name: &str, uid: &str) -> Result<(), kube::Error>
    where
        K: Clone + serde::de::DeserializeOwned + std::fmt::Debug,
    {
        let only_this =
            DeleteParams::default().preconditions(Preconditions { uid: Some(uid.to_owned()), resource_version: None });
        match api.delete(name, &only_this).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => Ok(()),
            Err(error) => Err(error),
        }
    }
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
