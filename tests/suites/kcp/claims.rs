//! What a tenant has to accept, and is told to; types that another provider has too.

use std::process::Stdio;

use berthage_core::api::{ConditionStatus, SyncTarget};
use berthage_core::status::target::kind;
use berthage_e2e::folder::RunFolder;
use berthage_e2e::home::Claims;
use berthage_e2e::wait::{self, PATIENCE};
use berthage_e2e::world::fresh_name;
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::Api;
use serde_json::{Value, json};

use super::{east, says};
use crate::stage::controller::Settings;
use crate::stage::kcp::{Platform, Tenant};
use crate::stage::target::{Target, condition, holds, status, target};
use crate::stage::{Hub, Result, problem};

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

    // Those that a target at rest has no other sign of.
    for resource in ["events", "leases"] {
        tenant.answer(resource, "Rejected").await?;
        let found = hub.has(&target, kind::CLAIMS_ACCEPTED, ConditionStatus::False, "ClaimNotAccepted").await?;
        assert!(says(&found, kind::CLAIMS_ACCEPTED).contains(resource));
        do_as_told(&tenant, &says(&found, kind::CLAIMS_ACCEPTED), "kubectl patch").await?;
        let accepted = |now: &SyncTarget| condition(now, kind::CLAIMS_ACCEPTED).is_none();
        hub.until(&target, "the claim being accepted again", accepted).await?;
    }
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
    let roles: Api<ClusterRole> = Api::all(hub.client.clone());
    let first = hub.create(target("edge", "east")).await?;
    granted_by_hand(&hub, &tenant, &first).await?;
    let _syncer = site.syncer(&first).await?;
    hub.has(&first, kind::SYNCER_HEALTHY, ConditionStatus::True, "AsExpected").await?;
    // The controller may not touch what it does not see: kcp takes it away, because the target owns it.
    hub.remove(&first).await?;
    site.clean(&first).await?;
    wait::until_gone(&roles, &first.names.hub, PATIENCE).await?;

    // Accepted later, what was granted by hand is seen: a renewal finds it, and a deletion takes it away.
    let second = hub.create(target("other", "east")).await?;
    granted_by_hand(&hub, &tenant, &second).await?;
    let serial = |target: &SyncTarget| Some(status(target).syncer?.credential?.serial);
    let before = serial(&hub.ready(&second).await?);
    for resource in ["clusterroles", "clusterrolebindings"] {
        tenant.answer(resource, "Accepted").await?;
    }
    hub.change(&second, json!({ "spec": { "credentials": { "duration": "48h" } } })).await?;
    let renewed = |now: &SyncTarget| serial(now) != before && holds(now, kind::CREDENTIALS_VALID);
    hub.until(&second, "a new credential", renewed).await?;
    hub.remove(&second).await?;
    wait::until_gone(&roles, &second.names.hub, PATIENCE).await?;
    site.clean(&second).await
}

/// Waits until a target's condition says what to grant, grants it, and waits until the target is ready.
async fn granted_by_hand(hub: &Hub<'_>, tenant: &Tenant, target: &Target) -> Result {
    let found = hub.has(target, kind::CREDENTIALS_VALID, ConditionStatus::False, "RightsMissing").await?;
    assert!(condition(&found, kind::CLAIMS_ACCEPTED).is_none(), "the second tier may be refused");
    do_as_told(tenant, &says(&found, kind::CREDENTIALS_VALID), "echo '").await?;
    hub.ready(target).await.map(drop)
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
