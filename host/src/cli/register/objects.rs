//! The objects that a registration consists of.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use berthage_core::api::{
    AcceptedWorkload, ApiResource, ClusterRef, ClusterRegistration, ClusterRegistrationSpec, KubeConfigSecretRef,
};
use berthage_core::names::{LABEL_KUBECONFIG, LABEL_MANAGED_BY, TMC_GROUP, VERSION, WORKLOAD_GROUP};
use berthage_core::rights;
use serde::Serialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::endpoint::json as secret_json;

/// Who writes the fields.
pub(super) const MANAGER: &str = "berthage-register";
/// Key of the Secret.
const KEY: &str = "kubeconfig";
const RBAC: &str = "rbac.authorization.k8s.io";

/// What is to be made.
#[derive(Debug, Clone)]
pub(super) struct Plan<'a> {
    /// Name of registration and target.
    pub(super) name: &'a str,
    /// Namespace of the Secret on the hub.
    pub(super) namespace: &'a str,
    /// Namespace of the account in the cluster.
    pub(super) cluster_namespace: &'a str,
    /// Name of the account.
    pub(super) account: &'a str,
    /// Where the cluster is.
    pub(super) location: Option<&'a str>,
    /// What may be synced, sorted.
    pub(super) resources: &'a [ApiResource],
    /// Whether there is to be a SyncTarget.
    pub(super) target: bool,
}

impl Plan<'_> {
    /// In the physical cluster, in the order of application.
    pub(super) fn in_cluster(&self) -> Vec<Value> {
        let labels = json!({ LABEL_MANAGED_BY: MANAGER });
        let account = json!({ "name": self.account, "labels": labels });
        vec![
            json!({
                "apiVersion": "v1", "kind": "Namespace",
                "metadata": { "name": self.cluster_namespace, "labels": labels },
            }),
            json!({
                "apiVersion": "v1", "kind": "ServiceAccount",
                "metadata": { "name": self.account, "namespace": self.cluster_namespace, "labels": labels },
                // Its token goes to the hub; no pod is to have one.
                "automountServiceAccountToken": false,
            }),
            json!({
                "apiVersion": format!("{RBAC}/v1"), "kind": "ClusterRole", "metadata": account,
                "rules": rights::controller(self.resources),
            }),
            json!({
                "apiVersion": format!("{RBAC}/v1"), "kind": "ClusterRoleBinding", "metadata": account,
                "roleRef": { "apiGroup": RBAC, "kind": "ClusterRole", "name": self.account },
                "subjects": [{ "kind": "ServiceAccount", "name": self.account, "namespace": self.cluster_namespace }],
            }),
        ]
    }

    /// On the hub, after the Secret.
    pub(super) fn on_hub(&self) -> Vec<Value> {
        let labels = json!({ LABEL_MANAGED_BY: MANAGER });
        let registration = ClusterRegistrationSpec {
            location: self.location.map(ToOwned::to_owned),
            kube_config_secret_ref: KubeConfigSecretRef {
                namespace: self.namespace.to_owned(),
                name: self.secret_name(),
                key: KEY.to_owned(),
            },
            accepted_workload_types: self.accepted(),
        };
        let kind = <ClusterRegistration as kube::Resource>::kind(&());
        let mut objects = vec![json!({
            "apiVersion": format!("{TMC_GROUP}/{VERSION}"), "kind": kind,
            "metadata": { "name": self.name, "labels": labels },
            "spec": registration,
        })];
        if self.target {
            // Only the fields that follow from the registration: whatever else the target has stays as it is.
            objects.push(json!({
                "apiVersion": format!("{WORKLOAD_GROUP}/{VERSION}"), "kind": "SyncTarget",
                "metadata": { "name": self.name, "labels": labels },
                "spec": {
                    "clusterRef": ClusterRef { name: self.name.to_owned() },
                    "supportedAPIResources": self.resources,
                },
            }));
        }
        objects
    }

    /// What targets of the cluster may ask for: what the account can give.
    fn accepted(&self) -> Vec<AcceptedWorkload> {
        let mut groups: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for resource in self.resources {
            groups.entry(&resource.group).or_default().push(resource.resource.clone());
        }
        let accepted =
            |(group, resources): (&str, Vec<String>)| AcceptedWorkload { group: group.to_owned(), resources };
        groups.into_iter().map(accepted).collect()
    }

    /// Name of the Secret on the hub.
    pub(super) fn secret_name(&self) -> String {
        format!("{}-kubeconfig", self.name)
    }

    /// The Secret on the hub as bytes: its content is put into no tree of values.
    pub(super) fn secret(&self, kubeconfig: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let encoded = Zeroizing::new(STANDARD.encode(kubeconfig));
        let name = self.secret_name();
        secret_json(&Secret {
            metadata: self.secret_metadata(&name),
            data: Some(Data { kubeconfig: &encoded }),
            ..Secret::default()
        })
    }

    /// The Secret for people to read and complete.
    pub(super) fn printed_secret(&self, kubeconfig: &str) -> Value {
        let name = self.secret_name();
        json!(Secret {
            metadata: self.secret_metadata(&name),
            string_data: Some(Data { kubeconfig }),
            ..Secret::default()
        })
    }

    fn secret_metadata<'b>(&'b self, name: &'b str) -> SecretMetadata<'b> {
        let labels = BTreeMap::from([(LABEL_KUBECONFIG, "true"), (LABEL_MANAGED_BY, MANAGER)]);
        SecretMetadata { name, namespace: self.namespace, labels }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Secret<'a> {
    api_version: &'static str,
    kind: &'static str,
    metadata: SecretMetadata<'a>,
    #[serde(rename = "type")]
    type_: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Data<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    string_data: Option<Data<'a>>,
}

impl Default for Secret<'_> {
    fn default() -> Self {
        Self {
            api_version: "v1",
            kind: "Secret",
            metadata: SecretMetadata::default(),
            type_: "Opaque",
            data: None,
            string_data: None,
        }
    }
}

#[derive(Default, Serialize)]
struct SecretMetadata<'a> {
    name: &'a str,
    namespace: &'a str,
    labels: BTreeMap<&'static str, &'static str>,
}

#[derive(Serialize)]
struct Data<'a> {
    kubeconfig: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::register::endpoint;

    fn resource(group: &str, resource: &str) -> ApiResource {
        ApiResource { group: group.to_owned(), version: "v1".to_owned(), resource: resource.to_owned() }
    }

    fn plan(resources: &[ApiResource]) -> Plan<'_> {
        Plan {
            name: "east",
            namespace: "default",
            cluster_namespace: "berthage-system",
            account: "berthage-controller",
            location: Some("Frankfurt"),
            resources,
            target: true,
        }
    }

    #[test]
    fn the_objects_as_a_whole() {
        let resources = [resource("", "configmaps"), resource("", "services"), resource("apps", "deployments")];
        let plan = plan(&resources);
        insta::assert_snapshot!("registration_in_cluster", crate::cli::documents(&plan.in_cluster()).unwrap());
        insta::assert_snapshot!("registration_on_hub", crate::cli::documents(&plan.on_hub()).unwrap());
        let endpoint = endpoint::tests::example();
        let kubeconfig = endpoint.kubeconfig("east", "berthage-controller", "TOKEN");
        let printed = plan.printed_secret(&serde_saphyr::to_string(&kubeconfig).unwrap());
        insta::assert_snapshot!("registration_secret", crate::cli::documents(&[printed]).unwrap());
    }

    #[test]
    fn without_a_target_and_a_location_there_is_none() {
        let plan = Plan { target: false, location: None, ..plan(&[]) };
        let objects = plan.on_hub();
        assert_eq!(objects.len(), 1);
        assert!(objects[0]["spec"].get("location").is_none());
    }

    #[test]
    fn the_applied_secret_is_what_kubernetes_reads() {
        let bytes = plan(&[]).secret(b"content").unwrap();
        let secret: k8s_openapi::api::core::v1::Secret = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(secret.metadata.name.as_deref(), Some("east-kubeconfig"));
        assert_eq!(secret.metadata.labels.unwrap()["berthage.dev/kubeconfig"], "true");
        assert_eq!(secret.data.unwrap()["kubeconfig"].0, b"content");
    }
}
