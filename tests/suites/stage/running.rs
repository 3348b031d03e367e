//! Syncers of a test's targets, with what the physical cluster holds for them.

pub(crate) use berthage_e2e::syncer::Syncer;
use k8s_openapi::api::core::v1::Secret;

use super::Result;
use super::site::Site;
use super::target::Target;

impl Site<'_> {
    /// The Secret that the syncer's pods mount.
    pub(crate) async fn hub_secret(&self, target: &Target) -> Result<Secret> {
        Ok(self.secrets(&target.names).get(&target.names.kubeconfig_secret).await?)
    }

    /// Starts the syncer of a target.
    pub(crate) async fn syncer(&self, target: &Target) -> Result<Syncer> {
        self.syncer_as(target, "only").await
    }

    /// Starts the syncer of a target as the pod of this name.
    pub(crate) async fn syncer_as(&self, target: &Target, pod: &str) -> Result<Syncer> {
        Ok(Syncer::start(&self.deployment(&target.names).await?, &self.hub_secret(target).await?, pod)?)
    }

    /// Brings the Secret of a running syncer up to date, as the kubelet does after a while.
    pub(crate) async fn remount(&self, syncer: &Syncer, target: &Target) -> Result {
        Ok(syncer.mount.update(&self.hub_secret(target).await?)?)
    }
}
