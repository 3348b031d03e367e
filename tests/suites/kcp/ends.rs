//! Ends of workspaces and of bindings.

use berthage_core::names::SECRET_FINALIZER;
use berthage_e2e::home::{Claims, bound};
use berthage_e2e::manifests;
use berthage_e2e::proxy::{Proxy, Request};
use berthage_e2e::wait::{self, PATIENCE};
use http::Method;
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::Api;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};

use super::east;
use crate::stage::controller::Settings;
use crate::stage::hold::Hold;
use crate::stage::kcp::{Platform, Tenant};
use crate::stage::registration::secret_name;
use crate::stage::remains::Found;
use crate::stage::target::{target, two_replicas};
use crate::stage::{Hub, Result};

async fn finalizers_of_secret(hub: &Hub<'_>, registration: &str) -> Result<Vec<String>> {
    Ok(hub.secrets().get(&secret_name(registration)).await?.metadata.finalizers.unwrap_or_default())
}

#[tokio::test]
#[ignore = "needs a kcp, which `cargo xtask test --kcp` is told by KCP_BIN"]
async fn a_workspace_that_is_deleted_leaves_nothing_in_its_clusters() -> Result {
    let platform = Platform::start("ending").await?;
    let site = east().await?;
    let (ending, staying) =
        (platform.tenant("ending", Claims::All).await?, platform.tenant("staying", Claims::All).await?);
    let controller = platform.controller("controller", Settings::default()).await?;
    let (hub, other) = (platform.hub(&ending).await?, platform.hub(&staying).await?);
    let spared = other.onboard("same", &site.kubeconfig()).await?;
    let first = hub.onboard("same", &site.kubeconfig()).await?;
    let second = hub.create(target("another", "same")).await?;
    hub.ready(&second).await?;
    assert_eq!(finalizers_of_secret(&hub, "same").await?, [SECRET_FINALIZER]);
    platform.kcp.delete_workspace(platform.kcp.root(), &ending.name).await?;
    platform.kcp.workspace_gone(platform.kcp.root(), &ending.name).await?;
    for target in [&first, &second] {
        site.clean(target).await?;
    }
    other.ready(&spared).await?;

    // Made again under the same name it is another workspace.
    let again = platform.home.tenant(platform.kcp, platform.kcp.root(), &ending.name, Claims::All).await?;
    let again = Tenant { access: again, name: ending.name.clone() };
    assert_ne!(again.workspace(), ending.workspace());
    let hub = platform.hub(&again).await?;
    let target = hub.onboard("same", &site.kubeconfig()).await?;
    hub.remove(&target).await?;
    site.clean(&target).await?;
    Ok(controller.stop().await?)
}

#[tokio::test]
#[ignore = "needs a kcp, which `cargo xtask test --kcp` is told by KCP_BIN"]
async fn a_workspace_that_is_deleted_in_the_middle_of_a_reconcile_is_cleaned_up() -> Result {
    let platform = Platform::start("middle").await?;
    let site = east().await?;
    let tenant = platform.tenant("middle", Claims::All).await?;
    let _controller = platform.controller("controller", Settings::default()).await?;
    let hub = platform.hub(&tenant).await?;
    let proxy = Proxy::start(site.cluster).await?;
    let deploys = |method: &Method, path: &str| *method == Method::PATCH && path.contains("/deployments/");
    let hold = Hold::on(&proxy, move |request: &Request| deploys(&request.method, &request.path));
    hub.register("same", &site.cluster.kubeconfig_at(&proxy.url())).await?;
    let target = hub.create(target("same", "same")).await?;
    proxy.exchange("a Deployment on its way", PATIENCE, |it| deploys(&it.method, &it.path)).await?;
    assert!(!site.belongings(&target).await?.is_empty(), "nothing was made before: the test shows nothing");
    platform.kcp.delete_workspace(platform.kcp.root(), &tenant.name).await?;
    hold.let_go();
    platform.kcp.workspace_gone(platform.kcp.root(), &tenant.name).await?;
    site.clean(&target).await
}

#[tokio::test]
#[ignore = "needs a kcp, which `cargo xtask test --kcp` is told by KCP_BIN"]
async fn a_workspace_with_a_dead_cluster_ends_within_the_platforms_patience() -> Result {
    let platform = Platform::start("dead").await?;
    let site = east().await?;
    let tenant = platform.tenant("dead", Claims::All).await?;
    let _controller = platform.controller("controller", Settings::default().with("--workspace-patience", "5s")).await?;
    let hub = platform.hub(&tenant).await?;
    let proxy = Proxy::start(site.cluster).await?;
    let target = hub.onboard("same", &site.cluster.kubeconfig_at(&proxy.url())).await?;
    drop(proxy);
    platform.kcp.delete_workspace(platform.kcp.root(), &tenant.name).await?;
    platform.kcp.workspace_gone(platform.kcp.root(), &tenant.name).await?;
    assert!(!site.belongings(&target).await?.is_empty(), "it was reached: the test shows nothing");
    site.namespaces().delete(&target.names.namespace, &kube::api::DeleteParams::default()).await?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs a kcp, which `cargo xtask test --kcp` is told by KCP_BIN"]
async fn a_workspace_with_a_cluster_that_never_ends_deleting_ends_within_the_platforms_patience() -> Result {
    let platform = Platform::start("endless").await?;
    let site = east().await?;
    let tenant = platform.tenant("endless", Claims::All).await?;
    let settings = Settings::default().with("--workspace-patience", "10s");
    let _controller = platform.controller("controller", settings).await?;
    let hub = platform.hub(&tenant).await?;
    let target = hub.onboard("same", &site.kubeconfig()).await?;
    let accounts: Api<ServiceAccount> = Api::namespaced(site.client.clone(), &target.names.namespace);
    let finalizers = |finalizers: Value| Patch::Merge(json!({ "metadata": { "finalizers": finalizers } }));
    let theirs = finalizers(json!(["example.com/theirs"]));
    accounts.patch(&target.names.syncer, &PatchParams::default(), &theirs).await?;
    platform.kcp.delete_workspace(platform.kcp.root(), &tenant.name).await?;
    platform.kcp.workspace_gone(platform.kcp.root(), &tenant.name).await?;
    accounts.patch(&target.names.syncer, &PatchParams::default(), &finalizers(Value::Null)).await?;
    site.clean(&target).await
}

#[tokio::test]
#[ignore = "needs a kcp, which `cargo xtask test --kcp` is told by KCP_BIN"]
async fn every_secret_of_a_workspace_that_unbinds_is_free_in_the_end() -> Result {
    let platform = Platform::start("secrets").await?;
    let site = east().await?;
    let tenant = platform.tenant("secrets", Claims::All).await?;
    let _controller = platform.controller("controller", Settings::default()).await?;
    let hub = platform.hub(&tenant).await?;
    let proxy = Proxy::start(site.cluster).await?;
    // Two targets share one Secret and leave at the same time; the third has its own, and a cluster that is slower.
    let shared = hub.onboard("shared", &site.kubeconfig()).await?;
    let sharing = hub.create(target("sharing", "shared")).await?;
    let slower = hub.onboard("slower", &site.cluster.kubeconfig_at(&proxy.url())).await?;
    hub.ready(&sharing).await?;
    let hold = Hold::on(&proxy, |request: &Request| request.method == Method::DELETE);
    let bindings = tenant.bindings().await?;
    bindings.delete("berthage", &DeleteParams::default()).await?;
    hold.caught().await?;
    for target in [&shared, &sharing] {
        site.clean(target).await?;
    }
    let free = |secret: &Secret| secret.metadata.finalizers.iter().flatten().next().is_none();
    let freed = async |name: &str| {
        let name = secret_name(name);
        wait::until(&hub.secrets(), &name, "a Secret without our finalizer", PATIENCE, free).await
    };
    freed("shared").await?;
    hold.let_go();
    // A cluster that let us wait is left alone for a minute.
    wait::until_gone(&bindings, "berthage", PATIENCE * 2).await?;
    site.clean(&slower).await?;
    freed("slower").await?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs a kcp, which `cargo xtask test --kcp` is told by KCP_BIN"]
async fn a_second_binding_that_goes_takes_nothing_along() -> Result {
    let platform = Platform::start("second").await?;
    let site = east().await?;
    let tenant = platform.tenant("second", Claims::All).await?;
    let _controller = platform.controller("controller", Settings::default()).await?;
    let hub = platform.hub(&tenant).await?;
    let target = hub.onboard("same", &site.kubeconfig()).await?;
    let before = site.belongings(&target).await?;
    let mut second = manifests::parse(&platform.home.binding(Claims::All).await?)?;
    for binding in &mut second {
        binding["metadata"]["name"] = json!("second");
    }
    tenant.access.apply(&second).await?;
    let bindings = tenant.bindings().await?;
    let clashes = |binding: &DynamicObject| binding.data.to_string().contains("NamingConflicts");
    wait::until(&bindings, "second", "a binding that clashes", PATIENCE, clashes).await?;
    bindings.delete("second", &DeleteParams::default()).await?;
    wait::until_gone(&bindings, "second", PATIENCE).await?;
    // What happens after it shows that it is over: a change is carried out, and nothing was made anew.
    hub.change(&target, two_replicas()).await?;
    hub.has_two_replicas(&target).await?;
    let after = site.belongings(&target).await?;
    let is_there = |it: &Found| after.iter().any(|now| now.uid == it.uid);
    assert!(before.iter().all(is_there), "{before:?}, and now {after:?}");
    hub.remove(&target).await?;
    site.clean(&target).await
}

#[tokio::test]
#[ignore = "needs a kcp, which `cargo xtask test --kcp` is told by KCP_BIN"]
async fn a_workspace_that_unbinds_is_cleaned_up_and_may_bind_again() -> Result {
    let platform = Platform::start("unbound").await?;
    let site = east().await?;
    let tenant = platform.tenant("unbound", Claims::All).await?;
    let _controller = platform.controller("controller", Settings::default()).await?;
    let hub = platform.hub(&tenant).await?;
    let target = hub.onboard("same", &site.kubeconfig()).await?;
    tenant.unbind().await?;
    site.clean(&target).await?;
    let free = |secret: &Secret| secret.metadata.finalizers.iter().flatten().next().is_none();
    wait::until(&hub.secrets(), &secret_name("same"), "a Secret without our finalizer", PATIENCE, free).await?;
    tenant.access.apply_text(&platform.home.binding(Claims::All).await?).await?;
    bound(&tenant.access).await?;
    let target = hub.onboard("same", &site.kubeconfig()).await?;
    hub.remove(&target).await?;
    site.clean(&target).await
}
