//! Workspaces that cannot see, touch or delay each other.

use std::time::Duration;

use berthage_core::api::{ClusterRegistration, ConditionStatus, SyncTarget};
use berthage_core::names::{ANNOTATION_OWNER, LABEL_MANAGED_BY, LABEL_TARGET, MANAGED_BY};
use berthage_core::status::target::kind;
use berthage_e2e::client;
use berthage_e2e::home::Claims;
use berthage_e2e::proxy::{Proxy, Request};
use berthage_e2e::wait::{self, PATIENCE};
use http::Method;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::{east, says};
use crate::stage::controller::Settings;
use crate::stage::hold::{Hold, Late};
use crate::stage::kcp::Platform;
use crate::stage::registration::{NAMESPACE, registration};
use crate::stage::target::{holds, target, two_replicas};
use crate::stage::{Result, problem};

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
    hubs[1].change(&targets[1], two_replicas()).await?;
    hubs[1].has_two_replicas(&targets[1]).await?;
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
async fn what_a_neighbour_forges_is_not_taken_for_ours() -> Result {
    let platform = Platform::start("forged").await?;
    let site = east().await?;
    let (a, b) = (platform.tenant("victim", Claims::All).await?, platform.tenant("forger", Claims::All).await?);
    let _controller = platform.controller("controller", Settings::default()).await?;
    let (victims, forgers) = (platform.hub(&a).await?, platform.hub(&b).await?);
    let victim = victims.onboard("same", &site.kubeconfig()).await?;
    let forger = forgers.onboard("same", &site.kubeconfig()).await?;
    let metadata = json!({
        "name": victim.names.hub, "namespace": NAMESPACE,
        "labels": { LABEL_MANAGED_BY: MANAGED_BY, LABEL_TARGET: victim.names.id },
        "annotations": {
            ANNOTATION_OWNER: format!("{}/same/{}", victims.workspace, victim.uid),
            "kcp.io/cluster": victims.workspace.as_str(),
        },
    });
    let heartbeat = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata,
        "spec": { "renewTime": "2999-01-01T00:00:00.000000Z", "holderIdentity": "nobody" },
    });
    let treasure = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": { "mine": "yes" },
    });
    // A heartbeat in the forger's own workspace, and an object of his in the cluster that both use.
    forgers.cluster.apply(&[heartbeat]).await?;
    site.cluster.apply(&[treasure]).await?;
    victims.change(&victim, two_replicas()).await?;
    let found = victims.has_two_replicas(&victim).await?;
    assert!(!holds(&found, kind::SYNCER_HEALTHY), "a neighbour's Lease counts as a heartbeat");
    victims.remove(&victim).await?;
    let maps: Api<ConfigMap> = Api::namespaced(site.client.clone(), NAMESPACE);
    maps.get(&victim.names.hub).await?;
    wait::until_gone(&site.namespaces(), &victim.names.namespace, PATIENCE).await?;
    forgers.ready(&forger).await?;
    let leases: Api<Lease> = Api::namespaced(forgers.client.clone(), NAMESPACE);
    leases.get(&victim.names.hub).await?;
    maps.delete(&victim.names.hub, &kube::api::DeleteParams::default()).await?;
    forgers.remove(&forger).await?;
    site.clean(&forger).await
}

#[tokio::test]
#[ignore = "needs a kcp, which `cargo xtask test --kcp` is told by KCP_BIN"]
async fn templates_of_one_workspace_change_nothing_in_another() -> Result {
    let platform = Platform::start("templates").await?;
    let site = east().await?;
    let (a, b) = (platform.tenant("custom", Claims::All).await?, platform.tenant("plain", Claims::All).await?);
    let templates = platform.folder().join("templates");
    let layer = templates.join("workspaces").join(a.access.logical_cluster());
    std::fs::create_dir_all(&layer)?;
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ names.syncer ~ '-custom' }}\n  namespace: {{ names.namespace }}\n";
    std::fs::write(layer.join("70-custom.yaml.j2"), map)?;
    let _controller = platform.controller("controller", Settings::default().with("--templates", &templates)).await?;
    let (custom, plain) = (platform.hub(&a).await?, platform.hub(&b).await?);
    let one = custom.onboard("same", &site.kubeconfig()).await?;
    // By a name, and by every value, that might lead to the files of the other workspace.
    let mut other = target("same", "same");
    other["metadata"]["annotations"] = json!({
        "kcp.io/cluster": custom.workspace.as_str(),
        "berthage.dev/workspace": custom.workspace.as_str(),
        ANNOTATION_OWNER: format!("{}/same/{}", custom.workspace, one.uid),
    });
    plain.register("same", &site.kubeconfig()).await?;
    let other = plain.create(other).await?;
    plain.ready(&other).await?;
    let maps = async |target| -> Result<usize> {
        Ok(site.belongings(target).await?.iter().filter(|found| found.kind == "ConfigMap").count())
    };
    assert_eq!((maps(&one).await?, maps(&other).await?), (1, 0));
    for (hub, target) in [(&custom, &one), (&plain, &other)] {
        hub.remove(target).await?;
        site.clean(target).await?;
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs a kcp, which `cargo xtask test --kcp` is told by KCP_BIN"]
async fn an_admin_of_a_workspace_cannot_write_what_we_report() -> Result {
    let platform = Platform::start("admins").await?;
    let site = east().await?;
    let tenant = platform.tenant("admins", Claims::All).await?;
    let _controller = platform.controller("controller", Settings::default()).await?;
    let hub = platform.hub(&tenant).await?;
    let target = hub.onboard("same", &site.kubeconfig()).await?;
    let everything = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": { "name": "the-admin" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin" },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "the-admin" }],
    });
    tenant.access.apply(&[everything]).await?;
    let kubeconfig = tenant.access.kubeconfig_of("the-admin", None, tenant.access.server())?;
    let admin = client::from_kubeconfig("the-admin", &kubeconfig).await?;
    let targets: Api<SyncTarget> = Api::all(admin.clone());
    let params = PatchParams::default();
    let pause = |paused: bool| Patch::Merge(json!({ "spec": { "paused": paused } }));
    wait::until_some("the admin being let in", PATIENCE, || async {
        targets.patch("same", &params, &pause(true)).await.map_err(|error| error.to_string())
    })
    .await?;
    targets.patch("same", &params, &pause(false)).await?;
    let forged = Patch::Merge(json!({ "status": { "phase": "Ready", "lastSyncTime": "2999-01-01T00:00:00Z" } }));
    let registrations: Api<ClusterRegistration> = Api::all(admin);
    let refused = |error: &kube::Error| matches!(error, kube::Error::Api(status) if status.code == 403);
    assert!(targets.patch_status("same", &params, &forged).await.is_err_and(|error| refused(&error)));
    assert!(registrations.patch_status("same", &params, &forged).await.is_err_and(|error| refused(&error)));
    hub.remove(&target).await?;
    site.clean(&target).await
}

#[tokio::test]
#[ignore = "needs a kcp, which `cargo xtask test --kcp` is told by KCP_BIN"]
async fn a_workspace_whose_clusters_all_hang_holds_up_nobody_else() -> Result {
    const CLUSTERS: usize = 4;
    const TARGETS: usize = 3;
    let platform = Platform::start("stuck").await?;
    let site = east().await?;
    let (a, b) = (platform.tenant("stuck", Claims::All).await?, platform.tenant("free", Claims::All).await?);
    let settings = Settings::default().with("--workers", "8").with("--probe-interval", "1h");
    let controller = platform.controller("controller", settings).await?;
    let (stuck, free) = (platform.hub(&a).await?, platform.hub(&b).await?);
    let proxy = Proxy::start(site.cluster).await?;
    let mut targets = Vec::new();
    for cluster in 0..CLUSTERS {
        let cluster = format!("cluster-{cluster}");
        stuck.register(&cluster, &site.cluster.kubeconfig_at(&proxy.url())).await?;
        for number in 0..TARGETS {
            targets.push(stuck.create(target(&format!("{cluster}-{number}"), &cluster)).await?);
        }
    }
    for target in &targets {
        stuck.ready(target).await?;
    }
    let before = proxy.count();
    let hold = Hold::on(&proxy, |request: &Request| !request.watches());
    for target in &targets {
        stuck.change(target, two_replicas()).await?;
    }
    proxy.exchange("a request that hangs", PATIENCE, |it| it.number >= before && !it.watches()).await?;
    let other = free.onboard("same", &site.kubeconfig()).await?;
    free.change(&other, two_replicas()).await?;
    free.has_two_replicas(&other).await?;
    for target in &targets {
        stuck.has(target, kind::CLUSTER_CONNECTED, ConditionStatus::False, "ClusterTimeout").await?;
    }
    let answered = proxy.exchanges_since(before).into_iter().find(|it| !it.watches() && it.status().is_some());
    if let Some(answered) = answered {
        return Err(problem(format!("{answered} was answered: the test shows nothing")));
    }
    hold.let_go();
    for target in &targets {
        stuck.has_two_replicas(target).await?;
    }
    free.remove(&other).await?;
    for target in &targets {
        stuck.delete(target).await?;
    }
    for target in &targets {
        stuck.gone(target).await?;
        site.clean(target).await?;
    }
    Ok(controller.stop().await?)
}

#[tokio::test]
#[ignore = "needs a kcp, which `cargo xtask test --kcp` is told by KCP_BIN"]
async fn two_workspaces_whose_clusters_answer_just_in_time_hold_up_nobody_else() -> Result {
    const CLUSTERS: usize = 3;
    const TARGETS: usize = 4;
    let platform = Platform::start("slow").await?;
    let site = east().await?;
    let settings = Settings::default().with("--workers", "8").with("--request-timeout", "5s");
    let controller = platform.controller("controller", settings).await?;
    let proxy = Proxy::start(site.cluster).await?;
    let tenants = [platform.tenant("slow-a", Claims::All).await?, platform.tenant("slow-b", Claims::All).await?];
    let mut slow = Vec::new();
    for tenant in &tenants {
        let hub = platform.hub(tenant).await?;
        for cluster in 0..CLUSTERS {
            let cluster = format!("cluster-{cluster}");
            hub.register(&cluster, &site.cluster.kubeconfig_at(&proxy.url())).await?;
            for number in 0..TARGETS {
                let target = hub.create(target(&format!("{cluster}-{number}"), &cluster)).await?;
                slow.push((hub.clone(), target));
            }
        }
    }
    for (hub, target) in &slow {
        hub.ready(target).await?;
    }
    // A probe is answered at once: it says that all is well.
    let probes = |path: &str| ["/version", "/kube-system", "/nodes"].iter().any(|end| path.ends_with(end));
    let which = move |request: &Request| !request.watches() && !probes(&request.path);
    proxy.intercept(Late { which, after: Duration::from_millis(4500) });
    let before = proxy.count();
    for (hub, target) in &slow {
        hub.delete(target).await?;
    }
    proxy.exchange("a request that is late", PATIENCE, |it| it.number >= before && it.method == Method::DELETE).await?;
    let free = platform.tenant("quick", Claims::All).await?;
    let free = platform.hub(&free).await?;
    let other = free.onboard("same", &site.kubeconfig()).await?;
    free.remove(&other).await?;
    proxy.pass_all();
    for (hub, target) in &slow {
        wait::until_gone(&hub.targets(), &target.name, PATIENCE * 3).await?;
        site.clean(target).await?;
    }
    Ok(controller.stop().await?)
}
