//! Physical clusters as the hub knows them: a labelled Secret and a ClusterRegistration.

use berthage_core::api::ClusterRegistration;
use berthage_core::names::LABEL_KUBECONFIG;
use berthage_core::status::conditions;
use berthage_core::status::registration::READY;
use berthage_e2e::wait::{self, PATIENCE};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::{Hub, Result};

/// The namespace of the Secrets with kubeconfigs.
pub(crate) const NAMESPACE: &str = "default";

/// The name of a registration's Secret.
pub(crate) fn secret_name(registration: &str) -> String {
    format!("{registration}-kubeconfig")
}

/// A ClusterRegistration that refers to its Secret.
pub(crate) fn registration(name: &str) -> Value {
    json!({
        "apiVersion": "tmc.kcp.io/v1alpha1", "kind": "ClusterRegistration",
        "metadata": { "name": name },
        "spec": { "kubeConfigSecretRef": { "namespace": NAMESPACE, "name": secret_name(name) } },
    })
}

/// The labelled Secret of a registration.
pub(crate) fn secret(registration: &str, kubeconfig: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {
            "name": secret_name(registration), "namespace": NAMESPACE, "labels": { LABEL_KUBECONFIG: "true" },
        },
        "stringData": { "kubeconfig": kubeconfig },
    })
}

impl Hub<'_> {
    /// Registers a cluster by hand, and waits for nothing.
    pub(crate) async fn register(&self, name: &str, kubeconfig: &str) -> Result {
        if let Some(stay) = &self.stay {
            stay.registered(name);
        }
        self.cluster.apply(&[secret(name, kubeconfig), registration(name)]).await?;
        Ok(())
    }

    /// Replaces the kubeconfig of a registration.
    pub(crate) async fn replace_kubeconfig(&self, registration: &str, kubeconfig: &str) -> Result<Secret> {
        let patch = json!({ "stringData": { "kubeconfig": kubeconfig } });
        let name = secret_name(registration);
        Ok(self.secrets().patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await?)
    }

    /// Waits until a registration's probe has this outcome: `AsExpected`, or the reason why it is not ready.
    pub(crate) async fn probed(&self, name: &str, reason: &str) -> Result<ClusterRegistration> {
        let awaited = format!("ClusterRegistration {name} with {reason}");
        let has =
            |registration: &ClusterRegistration| ready_reason(registration).is_some_and(|(found, _)| found == reason);
        Ok(wait::until(&self.registrations(), name, &awaited, PATIENCE, has).await?)
    }
}

/// Reason and message of a registration's condition.
pub(crate) fn ready_reason(registration: &ClusterRegistration) -> Option<(&str, &str)> {
    let ready = conditions::find(&registration.status.as_ref()?.conditions, READY)?;
    Some((&ready.reason, &ready.message))
}
