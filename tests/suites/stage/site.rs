//! A physical cluster, as its administrator sees it.

use berthage_core::names::TargetNames;
use berthage_e2e::servers::Cluster;
use berthage_e2e::wait::{self, PATIENCE};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::api::PostParams;
use kube::{Api, Client};
use serde_json::json;

use super::remains::{Found, labelled};
use super::target::Target;
use super::{Result, problem};

/// A physical cluster.
#[derive(Clone)]
pub(crate) struct Site<'a> {
    /// The cluster.
    pub cluster: &'a Cluster,
    /// The administrator's client.
    pub client: Client,
}

impl<'a> Site<'a> {
    /// Looks at a cluster.
    pub(crate) async fn new(cluster: &'a Cluster) -> Result<Self> {
        Ok(Self { cluster, client: cluster.client().await? })
    }

    /// The administrator's kubeconfig.
    pub(crate) fn kubeconfig(&self) -> String {
        self.cluster.kubeconfig()
    }

    /// The syncer's Deployment.
    pub(crate) async fn deployment(&self, names: &TargetNames) -> Result<Deployment> {
        Ok(self.deployments(names).get(&names.syncer).await?)
    }

    /// Deployments beside the syncer's.
    pub(crate) fn deployments(&self, names: &TargetNames) -> Api<Deployment> {
        Api::namespaced(self.client.clone(), &names.namespace)
    }

    /// Namespaces.
    pub(crate) fn namespaces(&self) -> Api<Namespace> {
        Api::all(self.client.clone())
    }

    /// ClusterRoles.
    pub(crate) fn roles(&self) -> Api<ClusterRole> {
        Api::all(self.client.clone())
    }

    /// Secrets beside the syncer's.
    pub(crate) fn secrets(&self, names: &TargetNames) -> Api<Secret> {
        Api::namespaced(self.client.clone(), &names.namespace)
    }

    /// The syncer's kubeconfig for the hub, as its Secret holds it.
    pub(crate) async fn hub_kubeconfig(&self, names: &TargetNames) -> Result<String> {
        let secret = self.secrets(names).get(&names.kubeconfig_secret).await?;
        kubeconfig_in(&secret)
    }

    /// A fresh token of a ServiceAccount.
    pub(crate) async fn token(&self, namespace: &str, account: &str) -> Result<String> {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client.clone(), namespace);
        let asked = serde_json::from_value(json!({ "spec": { "audiences": [] } }))?;
        let answer = accounts.create_token_request(account, &PostParams::default(), &asked).await?;
        answer.status.and_then(|status| status.token).ok_or_else(|| problem("the server gave no token"))
    }

    /// Everything of a target, of whatever kind.
    pub(crate) async fn belongings(&self, target: &Target) -> Result<Vec<Found>> {
        labelled(&self.client, &target.names.id).await
    }

    /// Waits until the cluster holds nothing of a target, of whatever kind.
    pub(crate) async fn clean(&self, target: &Target) -> Result {
        wait::until_gone(&self.namespaces(), &target.names.namespace, PATIENCE).await?;
        let left = self.belongings(target).await?;
        if left.is_empty() {
            return Ok(());
        }
        Err(problem(format!("{} still has {left:?} of {}", self.cluster.name(), target.name)))
    }
}

/// The kubeconfig in a Secret of ours.
pub(crate) fn kubeconfig_in(secret: &Secret) -> Result<String> {
    let bytes = secret.data.as_ref().and_then(|data| data.get("kubeconfig"));
    let bytes = bytes.ok_or_else(|| problem("the syncer's Secret has no key kubeconfig"))?;
    Ok(String::from_utf8(bytes.0.clone())?)
}
