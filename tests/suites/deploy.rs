//! What is in deploy/: the rights are enough, and an API server takes the manifests.

use berthage_e2e::program;
use berthage_e2e::world::{World, fresh_name, on_kcp};
use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;

use crate::stage::controller::Settings;
use crate::stage::site::Site;
use crate::stage::{OwnHub, Result, problem};

/// The account that the manifests give the controller.
const ACCOUNT: &str = "system:serviceaccount:berthage-system:berthage";

/// Onboards and removes a target with a controller that may do no more than deploy/ grants.
async fn lives_with_these_rights(own: &OwnHub) -> Result {
    let hub = own.hub().await?;
    let site = Site::new(&World::shared().await?.east).await?;
    let mut settings = Settings::default();
    if !on_kcp() {
        // On kcp it always has what `berthage crds --format apiexport` prints.
        hub.cluster.apply_text(&std::fs::read_to_string(program::repository().join("deploy/hub-rbac.yaml"))?).await?;
        let kubeconfig = hub.folder.join("account.kubeconfig");
        std::fs::write(&kubeconfig, hub.cluster.kubeconfig_of(ACCOUNT, None, hub.cluster.server())?)?;
        settings = settings.with("--kubeconfig", &kubeconfig);
    }
    let controller = hub.controller("controller", settings).await?;
    let target = hub.onboard(&fresh_name("bound"), &site.kubeconfig()).await?;
    hub.told(&target, "Ready", "").await?;
    hub.change(&target, serde_json::json!({ "spec": { "credentials": { "duration": "2h" } } })).await?;
    hub.told(&target, "CredentialRenewed", "").await?;
    hub.remove(&target).await?;
    hub.told(&target, "CleanedUp", "").await?;
    let left = hub.belongings(&target).await?;
    assert!(left.is_empty(), "{left:?}");
    let refused = controller.metric("rest_client_requests_total", &["code=\"403\"", "host=\"hub\""]).await?;
    assert!(refused < 0.5, "the hub has refused {refused} requests");
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn the_rights_in_deploy_are_enough_for_certificates() -> Result {
    lives_with_these_rights(&OwnHub::start("bound").await?).await
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn the_rights_in_deploy_are_enough_for_tokens() -> Result {
    if on_kcp() {
        // There are no tokens: see `credentials`.
        return lives_with_these_rights(&OwnHub::start("bound-again").await?).await;
    }
    lives_with_these_rights(&OwnHub::start_distrusting("bound-tokens").await?).await
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn the_manifests_in_deploy_are_taken() -> Result {
    let host = &World::shared().await?.west;
    let deployments: Api<Deployment> = Api::namespaced(host.client().await?, "berthage-system");
    // The last one is for a hub that is somewhere else, and takes the place of the one before.
    for (name, says) in
        [("hub-rbac.yaml", None), ("controller.yaml", Some("--hub-url=")), ("controller-kcp.yaml", Some("--hub=kcp"))]
    {
        host.apply_text(&std::fs::read_to_string(program::repository().join("deploy").join(name))?).await?;
        let Some(says) = says else { continue };
        let spec = deployments.get("berthage").await?.spec.ok_or_else(|| problem("a Deployment without spec"))?;
        let args = spec.template.spec.and_then(|pod| pod.containers.into_iter().next()?.args).unwrap_or_default();
        assert!(args.iter().any(|arg| arg.starts_with(says)), "{name}: {args:?}");
        assert_eq!(spec.replicas, Some(2));
    }
    Ok(())
}
