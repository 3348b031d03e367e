//! What only kcp has: workspaces that cannot see, touch or delay each other, claims, and ends of workspaces.
//!
//! Run by `cargo xtask test --kcp`.

use std::process::Stdio;

use berthage_core::api::{ConditionStatus, SyncTarget};
use berthage_core::names::SECRET_FINALIZER;
use berthage_core::status::target::kind;
use berthage_e2e::folder::RunFolder;
use berthage_e2e::home::{Claims, bound};
use berthage_e2e::proxy::Proxy;
use berthage_e2e::wait::{self, PATIENCE};
use berthage_e2e::world::{World, fresh_name};
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};

use crate::stage::controller::Settings;
use crate::stage::kcp::{Platform, Tenant};
use crate::stage::registration::{registration, secret_name};
use crate::stage::site::Site;
use crate::stage::target::{condition, target};
use crate::stage::{Hub, Result, problem};

async fn east() -> Result<Site<'static>> {
    Site::new(&World::shared().await?.east).await
}

/// Runs what a condition tells a tenant to run, in the tenant's workspace.
async fn do_as_told(tenant: &Tenant, message: &str, from: &str) -> Result {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let command = quoted.find(|quoted| quoted.starts_with(from));
    let command = command.ok_or_else(|| problem(format!("no `{from}` in: {message}")))?;
    let folder = RunFolder::new("told")?;
    let kubeconfig = folder.write("kubeconfig", tenant.access.kubeconfig())?;
    let output = tokio::process::Command::new("sh")
        .args(["-c", command])
        .env("KUBECONFIG", kubeconfig)
        .env("HOME", folder.path())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await?;
    if output.status.success() {
        return Ok(());
    }
    Err(problem(format!("{command}\n{}", String::from_utf8_lossy(&output.stderr))))
}

fn says(found: &SyncTarget, kind: &str) -> String {
    condition(found, kind).map(|it| it.message.clone()).unwrap_or_default()
}

async fn finalizers_of_secret(hub: &Hub<'_>, registration: &str) -> Result<Vec<String>> {
    Ok(hub.secrets().get(&secret_name(registration)).await?.metadata.finalizers.unwrap_or_default())
}

#[tokio::test]
#[ignore = "needs a kcp, which `cargo xtask test --kcp` is told by KCP_BIN"]
async fn equal_names_in_three_workspaces_never_meet() -> Result {
    let platform = Platform::start("equal").await?;
    let site = east().await?;
    let a = platform.tenant("equal-a", Claims::All).await?;
    let b = platform.tenant("equal-b", Claims::All).await?;
    let inner = platform.tenant_in(&a.access, "equal-inner", Claims::All).await?;
    let controller = platform.controller("controller", Settings::default()).await?;
    let (mut hubs, mut targets) = (Vec::new(), Vec::new());
    for tenant in [&a, &b, &inner] {
        let hub = platform.hub(tenant).await?;
        hub.register("same", &site.kubeconfig()).await?;
        targets.push(hub.create(target("same", "same")).await?);
        hubs.push(hub);
    }
    for (hub, target) in hubs.iter().zip(&targets) {
        hub.ready(target).await?;
        assert!(!site.belongings(target).await?.is_empty());
        assert!(!hub.belongings(target).await?.is_empty());
    }
    // What happens in one is no news to the others.
    let versions = |target| site.belongings(target);
    let (before_a, before_inner) = (versions(&targets[0]).await?, versions(&targets[2]).await?);
    hubs[1].change(&targets[1], json!({ "spec": { "syncerConfig": { "replicas": 2 } } })).await?;
    hubs[1]
        .until(&targets[1], "two replicas", |now| {
            let syncer = now.status.as_ref().and_then(|status| status.syncer.as_ref());
            syncer.and_then(|syncer| syncer.ready_replicas) == Some(2)
        })
        .await?;
    assert_eq!(site.deployment(&targets[0].names).await?.metadata.generation, Some(1));
    hubs[1].remove(&targets[1]).await?;
    site.clean(&targets[1]).await?;
    assert_eq!((before_a, before_inner), (versions(&targets[0]).await?, versions(&targets[2]).await?));
    for at in [0, 2] {
        hubs[at].ready(&targets[at]).await?;
        hubs[at].remove(&targets[at]).await?;
        site.clean(&targets[at]).await?;
        assert!(hubs[at].belongings(&targets[at]).await?.is_empty());
    }
    Ok(controller.stop().await?)
}

#[tokio::test]
#[ignore = "needs a kcp, which `cargo xtask test --kcp` is told by KCP_BIN"]
async fn a_secret_of_another_workspace_leads_nowhere() -> Result {
    let platform = Platform::start("foreign").await?;
    let site = east().await?;
    let (a, b) = (platform.tenant("foreign-a", Claims::All).await?, platform.tenant("foreign-b", Claims::All).await?);
    let _controller = platform.controller("controller", Settings::default()).await?;
    let (rich, poor) = (platform.hub(&a).await?, platform.hub(&b).await?);
    rich.onboard("same", &site.kubeconfig()).await?;
    // By its name, and with every annotation that might say that it is of the other workspace.
    let mut forged = registration("same");
    forged["metadata"]["annotations"] = json!({
        "berthage.dev/owner": format!("{}/same/0", rich.workspace),
        "berthage.dev/workspace": rich.workspace.as_str(),
    });
    poor.cluster.apply(&[forged]).await?;
    let target = poor.create(target("same", "same")).await?;
    let found = poor.has(&target, kind::CLUSTER_CONNECTED, ConditionStatus::False, "SecretNotFound").await?;
    assert!(!says(&found, kind::CLUSTER_CONNECTED).contains(rich.workspace.as_str()));
    assert!(site.belongings(&target).await?.is_empty());
    // A tenant cannot say that an object is somebody else's: kcp overwrites where it is.
    let forged = json!({ "metadata": { "annotations": { "kcp.io/cluster": rich.workspace.as_str() } } });
    let after = poor.change(&target, forged).await?;
    let cluster = after.metadata.annotations.as_ref().and_then(|all| all.get("kcp.io/cluster")).cloned();
    assert_eq!(cluster.as_deref(), Some(poor.workspace.as_str()));
    Ok(())
}

#[tokio::test]
#[ignore = "needs a kcp, which `cargo xtask test --kcp` is told by KCP_BIN"]
async fn a_claim_that_is_not_accepted_is_told_with_the_patch_that_accepts_it() -> Result {
    let platform = Platform::start("claims").await?;
    let site = east().await?;
    let tenant = platform.tenant("claims", Claims::All).await?;
    tenant.answer("secrets", "Rejected").await?;
    let _controller = platform.controller("controller", Settings::default()).await?;
    let hub = platform.hub(&tenant).await?;
    hub.register("east", &site.kubeconfig()).await?;
    let target = hub.create(target("edge", "east")).await?;
    let found = hub.has(&target, kind::CLUSTER_CONNECTED, ConditionStatus::False, "ClaimNotAccepted").await?;
    assert!(condition(&found, kind::CLAIMS_ACCEPTED).is_some());
    do_as_told(&tenant, &says(&found, kind::CLAIMS_ACCEPTED), "kubectl patch").await?;
    let found = hub.ready(&target).await?;
    assert!(condition(&found, kind::CLAIMS_ACCEPTED).is_none());

    // Withdrawn: what is not seen is not gone.
    let before = site.belongings(&target).await?;
    tenant.answer("secrets", "Rejected").await?;
    let found = hub.has(&target, kind::CLUSTER_CONNECTED, ConditionStatus::False, "ClaimNotAccepted").await?;
    assert_eq!(site.belongings(&target).await?, before);
    do_as_told(&tenant, &says(&found, kind::CLUSTER_CONNECTED), "kubectl patch").await?;
    hub.ready(&target).await?;
    assert_eq!(site.belongings(&target).await?, before);

    // One that a target at rest has no other sign of.
    tenant.answer("events", "Rejected").await?;
    let found = hub.has(&target, kind::CLAIMS_ACCEPTED, ConditionStatus::False, "ClaimNotAccepted").await?;
    do_as_told(&tenant, &says(&found, kind::CLAIMS_ACCEPTED), "kubectl patch").await?;
    let accepted = |now: &SyncTarget| condition(now, kind::CLAIMS_ACCEPTED).is_none();
    hub.until(&target, "the claim being accepted again", accepted).await?;
    hub.remove(&target).await?;
    site.clean(&target).await
}

#[tokio::test]
#[ignore = "needs a kcp, which `cargo xtask test --kcp` is told by KCP_BIN"]
async fn a_tenant_may_grant_the_rights_of_syncers_himself() -> Result {
    let platform = Platform::start("rights").await?;
    let site = east().await?;
    let tenant = platform.tenant("rights", Claims::WithoutRbac).await?;
    let _controller = platform.controller("controller", Settings::default()).await?;
    let hub = platform.hub(&tenant).await?;
    hub.register("east", &site.kubeconfig()).await?;
    let target = hub.create(target("edge", "east")).await?;
    let found = hub.has(&target, kind::CREDENTIALS_VALID, ConditionStatus::False, "RightsMissing").await?;
    assert!(condition(&found, kind::CLAIMS_ACCEPTED).is_none(), "the second tier may be refused");
    do_as_told(&tenant, &says(&found, kind::CREDENTIALS_VALID), "echo '").await?;
    hub.ready(&target).await?;
    let _syncer = site.syncer(&target).await?;
    hub.has(&target, kind::SYNCER_HEALTHY, ConditionStatus::True, "AsExpected").await?;
    hub.remove(&target).await?;
    site.clean(&target).await
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

#[tokio::test]
#[ignore = "needs a kcp, which `cargo xtask test --kcp` is told by KCP_BIN"]
async fn a_workspace_whose_types_clash_with_another_provider_is_told_and_left_in_peace() -> Result {
    let platform = Platform::start("clash").await?;
    let rival = Platform::start("rival").await?;
    let site = east().await?;
    let tenant = rival.tenant("clash", Claims::All).await?;
    // The rival's binding has the same name: ours gets another one.
    let mut ours: Value = serde_json::from_str(&json_of(&platform.home.binding(Claims::All).await?)?)?;
    ours["metadata"]["name"] = json!("berthage-too");
    tenant.access.apply(&[ours]).await?;
    let bindings = tenant.bindings().await?;
    let clashes = |binding: &kube::core::DynamicObject| {
        let conditions = binding.data.pointer("/status/conditions").and_then(Value::as_array);
        conditions.is_some_and(|all| all.iter().any(|one| one["reason"] == "NamingConflicts"))
    };
    wait::until(&bindings, "berthage-too", "a naming conflict", PATIENCE, clashes).await?;
    let other = platform.tenant("peaceful", Claims::All).await?;
    let controller = platform.controller("controller", Settings::default()).await?;
    let hub = platform.hub(&other).await?;
    let target = hub.onboard(&fresh_name("fine"), &site.kubeconfig()).await?;
    hub.remove(&target).await?;
    wait::until_some("the clash being told", PATIENCE, || async {
        let log = controller.process.output();
        if log.contains("NamingConflicts") && log.contains(tenant.access.logical_cluster()) { Ok(()) } else { Err(log) }
    })
    .await?;
    Ok(controller.stop().await?)
}

fn json_of(yaml: &str) -> Result<String> {
    let all = berthage_e2e::manifests::parse(yaml)?;
    Ok(all.first().ok_or_else(|| problem("no manifest"))?.to_string())
}
