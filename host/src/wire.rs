//! Objects as they come from a server, parsed no further than somebody reads them: metadata typed and without managedFields,
//! the rest as the bytes it came in, or not at all.

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::api::rbac::v1::{AggregationRule, PolicyRule, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{OwnerReference, Time};
use kube::Resource;
use kube::api::{ApiResource, ObjectMeta};
use kube::core::DynamicResourceScope;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
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
    /// Name, uid, version, finalizers …; never managedFields.
    #[serde(default, deserialize_with = "without_managed_fields")]
    pub metadata: ObjectMeta,
    /// The wish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<Box<RawValue>>,
    /// What became of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Box<RawValue>>,
}

impl Wire {
    /// `spec` or `status` as a type; `null` where it is absent.
    pub fn part<T: DeserializeOwned>(part: Option<&RawValue>) -> Result<T, serde_json::Error> {
        serde_json::from_str(part.map_or("null", RawValue::get))
    }

    /// The object as JSON.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

/// [`ObjectMeta`] without managedFields: they are up to half of an object, nobody here reads them, and kube would make a
/// tree of values of them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Slim {
    annotations: Option<BTreeMap<String, String>>,
    creation_timestamp: Option<Time>,
    deletion_grace_period_seconds: Option<i64>,
    deletion_timestamp: Option<Time>,
    finalizers: Option<Vec<String>>,
    generation: Option<i64>,
    labels: Option<BTreeMap<String, String>>,
    name: Option<String>,
    namespace: Option<String>,
    owner_references: Option<Vec<OwnerReference>>,
    resource_version: Option<String>,
    uid: Option<String>,
}

fn without_managed_fields<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let slim = Slim::deserialize(deserializer)?;
    Ok(ObjectMeta {
        annotations: slim.annotations,
        creation_timestamp: slim.creation_timestamp,
        deletion_grace_period_seconds: slim.deletion_grace_period_seconds,
        deletion_timestamp: slim.deletion_timestamp,
        finalizers: slim.finalizers,
        generation: slim.generation,
        labels: slim.labels,
        name: slim.name,
        namespace: slim.namespace,
        owner_references: slim.owner_references,
        resource_version: slim.resource_version,
        uid: slim.uid,
        ..ObjectMeta::default()
    })
}

/// An object of which only the metadata is asked for: an API server sends nothing else of it (`PartialObjectMetadata`).
#[derive(Debug, Clone, Deserialize)]
pub struct Meta {
    /// Name, uid, version, finalizers …; never managedFields.
    #[serde(default, deserialize_with = "without_managed_fields")]
    pub metadata: ObjectMeta,
}

/// A ClusterRole or a ClusterRoleBinding.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// Name, uid, version, finalizers …; never managedFields.
    #[serde(default, deserialize_with = "without_managed_fields")]
    pub metadata: ObjectMeta,
    /// Of a role.
    pub rules: Option<Vec<PolicyRule>>,
    /// Of a role.
    pub aggregation_rule: Option<AggregationRule>,
    /// Of a binding.
    pub role_ref: Option<RoleRef>,
    /// Of a binding.
    pub subjects: Option<Vec<Subject>>,
}

/// A ConfigMap, without `binaryData`, which may be a mebibyte: who needs it asks for it.
#[derive(Debug, Clone, Deserialize)]
pub struct ConfigMapWire {
    /// Name, uid, version, labels …; never managedFields.
    #[serde(default, deserialize_with = "without_managed_fields")]
    pub metadata: ObjectMeta,
    /// Texts by key.
    #[serde(default)]
    pub data: Option<Box<RawValue>>,
}

/// The kind is known when the program runs.
macro_rules! of_any_kind {
    ($type:ty, metadata_only: $metadata_only:literal) => {
        impl Resource for $type {
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

            fn metadata_api() -> bool {
                $metadata_only
            }
        }
    };
}

of_any_kind!(Wire, metadata_only: false);
of_any_kind!(Meta, metadata_only: true);
of_any_kind!(Grant, metadata_only: false);
of_any_kind!(ConfigMapWire, metadata_only: false);

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use kube::api::{ListParams, WatchParams};
    use kube::{Api, Client};
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn an_object_crosses_whole_but_for_its_managed_fields() {
        let mut object = json!({
            "apiVersion": "a/v1", "kind": "A",
            "metadata": {
                "name": "n", "namespace": "ns", "uid": "u", "resourceVersion": "7", "generation": 2,
                "creationTimestamp": "2026-01-02T03:04:05Z", "deletionTimestamp": "2026-01-02T03:04:06Z",
                "deletionGracePeriodSeconds": 0, "finalizers": ["f"], "labels": { "a": "b" }, "annotations": { "c": "d" },
                "ownerReferences": [{ "apiVersion": "v1", "kind": "K", "name": "o", "uid": "ou" }],
                "managedFields": [{ "manager": "m", "fieldsV1": { "f:spec": {} } }],
            },
            "spec": { "x": [1, 2.50, "ä"] }, "status": { "y": null },
        });
        let wire: Wire = serde_json::from_value(object.clone()).unwrap();
        object["metadata"].as_object_mut().unwrap().remove("managedFields");
        assert_eq!(serde_json::from_slice::<Value>(&wire.to_json().unwrap()).unwrap(), object);
    }

    #[tokio::test]
    async fn of_secrets_the_metadata_is_asked_for_and_nothing_else() {
        let accepts = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&accepts);
        let server = tower::service_fn(move |request: http::Request<kube::client::Body>| {
            let accept = request.headers().get(http::header::ACCEPT).map(|accept| accept.to_str().unwrap().to_owned());
            seen.lock().unwrap().push(accept.unwrap_or_default());
            std::future::ready(Err::<http::Response<kube::client::Body>, _>(tower::BoxError::from("nowhere")))
        });
        let secrets = ApiResource::erase::<k8s_openapi::api::core::v1::Secret>(&());
        let api = Api::<Meta>::all_with(Client::new(server, "default"), &secrets);
        assert!(api.list(&ListParams::default()).await.is_err());
        assert!(api.watch(&WatchParams::default(), "0").await.is_err());
        assert!(api.get_opt("a").await.is_err());
        let accepts = accepts.lock().unwrap();
        assert_eq!(accepts.len(), 3);
        // An alternative would be taken as the permission to send the whole.
        assert!(
            accepts.iter().all(|accept| accept.contains("as=PartialObjectMetadata") && !accept.contains(',')),
            "{accepts:?}"
        );
    }
}
