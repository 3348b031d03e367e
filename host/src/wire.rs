//! An object as it comes from the hub: metadata typed, the rest as the bytes it came in.

use std::borrow::Cow;

use kube::Resource;
use kube::api::{ApiResource, ObjectMeta};
use kube::core::DynamicResourceScope;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// See the module. Decoding it parses `metadata` and copies `spec` and `status` without building a tree.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Wire {
    /// Such as `workload.kcp.io/v1alpha1`; absent on the items of a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Such as `SyncTarget`; absent on the items of a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Name, uid, version, finalizers …
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// The wish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<Box<RawValue>>,
    /// What became of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Box<RawValue>>,
}

impl Wire {
    /// The object as JSON, without managedFields: they are up to half of an object and nobody here reads them.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let metadata = ObjectMeta { managed_fields: None, ..self.metadata.clone() };
        let slim = Self {
            api_version: self.api_version.clone(),
            kind: self.kind.clone(),
            metadata,
            spec: self.spec.clone(),
            status: self.status.clone(),
        };
        serde_json::to_vec(&slim)
    }
}

impl Resource for Wire {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(resource: &ApiResource) -> Cow<'_, str> {
        resource.kind.as_str().into()
    }

    fn group(resource: &ApiResource) -> Cow<'_, str> {
        resource.group.as_str().into()
    }

    fn version(resource: &ApiResource) -> Cow<'_, str> {
        resource.version.as_str().into()
    }

    fn plural(resource: &ApiResource) -> Cow<'_, str> {
        resource.plural.as_str().into()
    }

    fn api_version(resource: &ApiResource) -> Cow<'_, str> {
        resource.api_version.as_str().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
