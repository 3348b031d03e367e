//! A target's life: it comes, changes, moves, is repaired, and goes.

use std::collections::{BTreeMap, BTreeSet};

use berthage_core::api::{ClusterRegistration, ConditionStatus, SyncTarget};
use berthage_core::names::{ANNOTATION_OWNER, SECRET_FINALIZER, TARGET_FINALIZER};
use berthage_core::status::target::kind;
use berthage_e2e::program::{self, Invocation};
use berthage_e2e::proxy::Proxy;
use berthage_e2e::servers::NodeSize;
use berthage_e2e::wait::{self, PATIENCE};
use berthage_e2e::world::fresh_name;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, Node, Pod, Secret, ServiceAccount};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::runtime::watcher;
use serde_json::json;

use crate::stage::registration::{NAMESPACE, registration, secret, secret_name};
use crate::stage::site::{Site, kubeconfig_in};
use crate::stage::target::{Target, condition, is, is_ready, merged, status, target, two_replicas};
use crate::stage::{Hub, Result, Shared, problem, shared};

/// What one syncer consists of downstream, save for its name.
fn expected_downstream(target: &Target, replicas: i32) -> BTreeSet<String> {
    let names = &target.names;
    let (namespace, syncer, role) = (&names.namespace, &names.syncer, &names.downstream_role);
    let mut all = BTreeSet::from([
        format!("Namespace {namespace}"),
        format!("ClusterRole {role}"),
        format!("ClusterRoleBinding {role}"),
        format!("ServiceAccount {namespace}/{syncer}"),
        format!("Secret {namespace}/{}", names.kubeconfig_secret),
        format!("NetworkPolicy {namespace}/{syncer}"),
        format!("Deployment {namespace}/{syncer}"),
    ]);
    if replicas > 1 {
        all.insert(format!("PodDisruptionBudget {namespace}/{syncer}"));
    }
    all
}

/// What belongs to a target downstream, as text.
async fn downstream(site: &Site<'_>, target: &Target) -> Result<BTreeSet<String>> {
    Ok(site.belongings(target).await?.iter().map(|found| format!("{found:?}")).collect())
}

/// The finalizers of a registration's Secret.
async fn finalizers_of_secret(hub: &Hub<'_>, registration: &str) -> Result<Vec<String>> {
    Ok(hub.secrets().get_metadata(&secret_name(registration)).await?.metadata.finalizers.unwrap_or_default())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_target_becomes_ready_and_its_objects_are_exactly_these() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let name = fresh_name("ready");
    let target = hub.onboard(&name, &east.kubeconfig()).await?;
    let found = hub.get(&target).await?;

    for kind in [kind::READY, kind::CLUSTER_CONNECTED, kind::SYNCER_DEPLOYED, kind::CREDENTIALS_VALID] {
        assert!(is(&found, kind, ConditionStatus::True, "AsExpected"), "{kind}: {:?}", condition(&found, kind));
    }
    assert!(is(&found, kind::SYNCER_HEALTHY, ConditionStatus::Unknown, "NeverSeen"));
    assert!(is(&found, kind::TEMPLATE_RENDERED, ConditionStatus::True, "AsExpected"));
    assert!(is(&found, kind::PLUGINS_HEALTHY, ConditionStatus::True, "AsExpected"));
    assert!(is(&found, kind::DRIFTED, ConditionStatus::False, "AsExpected"));
    assert!(condition(&found, kind::STALLED).is_none() && condition(&found, kind::RECONCILING).is_none());
    let status = status(&found);
    assert_eq!(status.observed_generation, found.metadata.generation);
    assert!(status.last_sync_time.is_some(), "no lastSyncTime");
    let syncer = status.syncer.ok_or("no status.syncer")?;
    assert_eq!((syncer.replicas, syncer.ready_replicas), (Some(1), Some(1)));
    assert!(syncer.revision.is_some() && syncer.credential.is_some(), "{syncer:?}");
    let cluster = status.cluster.ok_or("no status.cluster")?;
    let system = east.namespaces().get("kube-system").await?.metadata.uid;
    assert_eq!((cluster.name.as_deref(), cluster.uid), (Some(name.as_str()), system));

    assert_eq!(downstream(&east, &target).await?, expected_downstream(&target, 1));
    let inventory: BTreeSet<(String, Option<String>)> =
        status.inventory.iter().map(|entry| (entry.name.clone(), entry.uid.clone())).collect();
    for object in east.belongings(&target).await? {
        assert!(inventory.contains(&(object.name.clone(), Some(object.uid.clone()))), "{object:?} is in no inventory");
    }
    assert!(status.inventory.iter().all(|entry| entry.hash.is_some()), "{:?}", status.inventory);

    let finalizers = found.metadata.finalizers.unwrap_or_default();
    assert_eq!(finalizers, [TARGET_FINALIZER]);
    assert_eq!(finalizers_of_secret(&hub, &name).await?, [SECRET_FINALIZER]);
    let reasons: Vec<String> = hub.news(&target).await?.into_iter().filter_map(|event| event.reason).collect();
    assert!(reasons.len() <= 2 && reasons.contains(&"Ready".to_owned()), "{reasons:?}");
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn the_syncers_pod_runs_where_only_restricted_pods_may() -> Result {
    let Shared { hub, west, .. } = shared().await?;
    let target = hub.onboard(&fresh_name("restricted"), &west.kubeconfig()).await?;
    let namespace: Namespace = west.namespaces().get(&target.names.namespace).await?;
    let labels = namespace.metadata.labels.unwrap_or_default();
    assert_eq!(labels.get("pod-security.kubernetes.io/enforce").map(String::as_str), Some("restricted"));
    let pods: Api<Pod> = Api::namespaced(west.client.clone(), &target.names.namespace);
    let running = |pods: &[Pod]| {
        pods.len() == 1
            && pods.iter().all(|pod| pod.status.as_ref().is_some_and(|it| it.phase.as_deref() == Some("Running")))
    };
    wait::until_all(&pods, watcher::Config::default(), "one running pod", PATIENCE, running).await?;
    // The admission is at work: an ordinary pod is refused.
    let ordinary = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "ordinary" },
        "spec": { "containers": [{ "name": "main", "image": "example.invalid/none" }] },
    });
    let refused = pods.create(&kube::api::PostParams::default(), &serde_json::from_value(ordinary)?).await;
    assert!(matches!(&refused, Err(kube::Error::Api(status)) if status.code == 403), "{refused:?}");
    Ok(())
}

/// The sum of a resource over nodes, in whole units.
fn sum(nodes: &[Node], resource: &str) -> i64 {
    let quantity = |node: &Node| node.status.as_ref()?.capacity.as_ref()?.get(resource)?.0.parse::<i64>().ok();
    nodes.iter().filter_map(quantity).sum()
}

/// Whether a target's capacity is the sum over these nodes.
fn has_capacity_of(target: &SyncTarget, nodes: &[Node]) -> bool {
    let status = status(target);
    let number = |resource: &str| status.capacity.get(resource).and_then(|text| text.parse::<i64>().ok());
    let cluster = status.cluster.as_ref().and_then(|cluster| cluster.nodes);
    cluster == i64::try_from(nodes.len()).ok()
        && number("cpu") == Some(sum(nodes, "cpu"))
        && number("pods") == Some(sum(nodes, "pods"))
        && status.allocatable.get("pods") == status.capacity.get("pods")
        && status.capacity.contains_key("memory")
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn capacity_follows_nodes_that_come_and_go() -> Result {
    let Shared { hub, west, .. } = shared().await?;
    let name = fresh_name("capacity");
    let target = hub.onboard(&name, &west.kubeconfig()).await?;
    let nodes: Api<Node> = Api::all(west.client.clone());
    let before = nodes.list(&ListParams::default()).await?.items;
    let found = hub.until(&target, "the capacity of all nodes", |target| has_capacity_of(target, &before)).await?;
    let generation = found.metadata.generation;

    let node = fresh_name("extra");
    west.cluster.add_node(&node, NodeSize { cpu: "3", memory: "5Gi", pods: "17" }).await?;
    let more = nodes.list(&ListParams::default()).await?.items;
    assert_eq!(more.len(), before.len() + 1);
    hub.until(&target, "the capacity with one node more", |target| has_capacity_of(target, &more)).await?;

    // A node that takes no pods still has its capacity, and offers nothing.
    let cordon = json!({ "spec": { "unschedulable": true } });
    nodes.patch(&node, &PatchParams::default(), &Patch::Merge(cordon)).await?;
    let offered = |target: &SyncTarget| {
        let status = status(target);
        let number = |of: &BTreeMap<String, String>| of.get("cpu").and_then(|text| text.parse::<i64>().ok());
        number(&status.capacity) == Some(sum(&more, "cpu")) && number(&status.allocatable) == Some(sum(&before, "cpu"))
    };
    hub.until(&target, "allocatable without the cordoned node", offered).await?;

    west.cluster.remove_node(&node).await?;
    let found = hub.until(&target, "the capacity as before", |target| has_capacity_of(target, &before)).await?;
    assert!(is_ready(&found) && found.metadata.generation == generation);
    let registration = hub.registrations().get(&name).await?;
    let summary = registration.status.and_then(|status| status.resource_summary).ok_or("no resourceSummary")?;
    assert_eq!(summary.capacity, status(&found).capacity);
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn many_targets_share_one_probe_of_their_cluster() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let name = fresh_name("probe");
    let proxy = Proxy::start(east.cluster).await?;
    hub.register(&name, &east.cluster.kubeconfig_at(&proxy.url())).await?;
    let mut targets = Vec::new();
    for _ in 0..3 {
        targets.push(hub.create(target(&fresh_name("probed"), &name)).await?);
    }
    for target in &targets {
        hub.ready(target).await?;
    }
    let start = proxy.count();
    let probe = |path: &str| proxy.exchanges_since(start).iter().filter(|it| it.path == path).count();
    // Three rounds, and as many requests of each kind.
    let awaited = |exchange: &berthage_e2e::proxy::Exchange| {
        exchange.number >= start && exchange.path == "/api/v1/nodes" && probe("/api/v1/nodes") >= 3
    };
    proxy.exchange("three probes", PATIENCE, awaited).await?;
    assert!(probe("/version") <= 4, "{} requests of /version for 3 probes", probe("/version"));
    assert_eq!(proxy.exchanges_since(start).iter().filter(|exchange| !exchange.reads()).count(), 0);
    Ok(())
}

/// The container of a syncer's Deployment, as JSON.
fn container(deployment: &Deployment) -> serde_json::Value {
    let deployment = serde_json::to_value(deployment).unwrap_or_default();
    deployment.pointer("/spec/template/spec/containers/0").cloned().unwrap_or_default()
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_change_of_the_spec_reaches_the_deployment() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let target = hub.onboard(&fresh_name("changed"), &east.kubeconfig()).await?;
    let before = hub.get(&target).await?;
    let namespace = east.namespaces().get(&target.names.namespace).await?.metadata.uid;

    let resources = json!({ "requests": { "cpu": "30m" }, "limits": { "memory": "300Mi" } });
    let values = json!({ "logLevel": "debug", "labels": { "team": "harbour" }, "nodeSelector": null });
    hub.change(
        &target,
        json!({ "spec": {
            "syncerConfig": {
                "image": "example.invalid/syncer:2", "replicas": 2, "resources": resources,
                "heartbeatInterval": "20s", "resyncPeriod": "5m",
            },
            "values": values,
        }}),
    )
    .await?;
    let after = hub.ready(&target).await?;

    let deployment = east.deployment(&target.names).await?;
    let container = container(&deployment);
    assert_eq!(deployment.spec.as_ref().and_then(|spec| spec.replicas), Some(2));
    assert_eq!(container["image"], "example.invalid/syncer:2");
    assert_eq!(container["resources"], resources);
    assert!(container["args"].to_string().contains(r#""--heartbeat-interval","20s""#), "{container}");
    assert!(
        container["env"].as_array().is_some_and(|env| env.contains(&json!({ "name": "RUST_LOG", "value": "debug" })))
    );
    for object in ["Namespace", "ClusterRole", "Deployment"] {
        assert_eq!(label(&east, &target, object, "team").await?.as_deref(), Some("harbour"), "{object}");
    }
    assert_eq!(downstream(&east, &target).await?, expected_downstream(&target, 2));
    let status_of = |target: &SyncTarget| status(target).syncer.unwrap_or_default();
    assert_eq!(status_of(&after).image.as_deref(), Some("example.invalid/syncer:2"));
    assert_eq!((status_of(&after).replicas, status_of(&after).ready_replicas), (Some(2), Some(2)));
    assert_ne!(status_of(&after).revision, status_of(&before).revision);
    // Changed, not made anew; and the credential is no matter of the spec.
    assert_eq!(east.namespaces().get(&target.names.namespace).await?.metadata.uid, namespace);
    assert_eq!(status_of(&after).credential, status_of(&before).credential);

    // And back: what two replicas had besides is gone.
    hub.change(&target, json!({ "spec": { "syncerConfig": { "replicas": 1 } } })).await?;
    hub.ready(&target).await?;
    let budgets: Api<PodDisruptionBudget> = Api::namespaced(east.client.clone(), &target.names.namespace);
    wait::until_gone(&budgets, &target.names.syncer, PATIENCE).await?;
    assert_eq!(downstream(&east, &target).await?, expected_downstream(&target, 1));
    Ok(())
}

/// The value of a label on an object of a target.
async fn label(site: &Site<'_>, target: &Target, kind: &str, key: &str) -> Result<Option<String>> {
    let labels = match kind {
        "Namespace" => site.namespaces().get(&target.names.namespace).await?.metadata.labels,
        "ClusterRole" => site.roles().get(&target.names.downstream_role).await?.metadata.labels,
        "Deployment" => site.deployment(&target.names).await?.metadata.labels,
        other => return Err(problem(format!("no case for {other}"))),
    };
    Ok(labels.unwrap_or_default().get(key).cloned())
}

/// The resources that a ClusterRole lets somebody write, as `group/resource`.
fn writable(role: &ClusterRole) -> BTreeSet<String> {
    let rules =
        role.rules.iter().flatten().filter(|rule| rule.verbs.iter().any(|verb| verb == "create" || verb == "patch"));
    rules
        .flat_map(|rule| {
            let groups = rule.api_groups.clone().unwrap_or_default();
            let resources = rule.resources.clone().unwrap_or_default();
            groups
                .into_iter()
                .flat_map(move |group| resources.clone().into_iter().map(move |resource| format!("{group}/{resource}")))
        })
        .filter(|resource| !resource.contains("/events") && !resource.ends_with("/status"))
        .collect()
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn rights_follow_what_is_asked_for_and_what_the_cluster_accepts() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let name = fresh_name("rights");
    let target = hub.onboard(&name, &east.kubeconfig()).await?;
    let role = |wanted: &'static str| {
        let (api, name) = (east.roles(), target.names.downstream_role.clone());
        let holds = move |role: &ClusterRole| writable(role).iter().any(|found| found == wanted);
        async move { wait::until(&api, &name, &format!("a ClusterRole with {wanted}"), PATIENCE, holds).await }
    };
    let first = role("apps/deployments").await?;
    assert!(!writable(&first).contains("/configmaps"), "{:?}", first.rules);

    let asked = json!([
        { "group": "", "version": "v1", "resource": "configmaps" },
        { "group": "batch", "version": "v1", "resource": "jobs" },
    ]);
    hub.change(&target, json!({ "spec": { "supportedAPIResources": asked } })).await?;
    let second = role("/configmaps").await?;
    hub.ready(&target).await?;
    assert!(writable(&second).contains("batch/jobs") && !writable(&second).contains("apps/deployments"));

    // The registration accepts less from now on: no word from the target is needed.
    let accepted = json!({ "spec": { "acceptedWorkloadTypes": [{ "group": "batch", "resources": ["jobs"] }] } });
    hub.registrations().patch(&name, &PatchParams::default(), &Patch::Merge(accepted)).await?;
    let less = |role: &ClusterRole| !writable(role).contains("/configmaps") && writable(role).contains("batch/jobs");
    wait::until(&east.roles(), &target.names.downstream_role, "a ClusterRole without configmaps", PATIENCE, less)
        .await?;
    for rule in east.roles().get(&target.names.downstream_role).await?.rules.unwrap_or_default() {
        let text = format!("{rule:?}");
        for forbidden in ["\"*\"", "escalate", "bind", "impersonate", "secrets"] {
            assert!(!text.contains(forbidden), "{text} has {forbidden}");
        }
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_target_moves_to_another_cluster() -> Result {
    let Shared { hub, east, west, .. } = shared().await?;
    let (from, to) = (fresh_name("from"), fresh_name("to"));
    let target = hub.onboard(&from, &east.kubeconfig()).await?;
    let before = status(&hub.get(&target).await?);
    hub.register(&to, &west.kubeconfig()).await?;
    hub.probed(&to, "AsExpected").await?;

    hub.change(&target, json!({ "spec": { "clusterRef": { "name": to } } })).await?;
    let moved = hub.ready(&target).await?;
    east.clean(&target).await?;
    assert_eq!(downstream(&west, &target).await?, expected_downstream(&target, 1));
    let after = status(&moved);
    let serial = |status: &berthage_core::api::SyncTargetStatus| {
        Some(status.syncer.as_ref()?.credential.as_ref()?.serial.clone())
    };
    assert_ne!(serial(&after), serial(&before), "the credential of the old cluster came along");
    assert_eq!(after.cluster.and_then(|cluster| cluster.name), Some(to.clone()));
    assert_eq!(finalizers_of_secret(&hub, &to).await?, [SECRET_FINALIZER]);
    // Nobody needs the old one's Secret any more.
    let free = |secret: &Secret| secret.metadata.finalizers.as_ref().is_none_or(Vec::is_empty);
    wait::until(&hub.secrets(), &secret_name(&from), "the old Secret being free", PATIENCE, free).await?;
    Ok(())
}

/// What is done to an object behind the controller's back.
#[derive(Clone, Copy, Debug)]
enum Meddling {
    DeploymentDeleted,
    DeploymentScaled,
    RoleEdited,
    SecretDeleted,
    SecretEmptied,
    NamespaceRelabelled,
    OwnerRemoved,
}

impl Meddling {
    const ALL: [Self; 7] = [
        Self::DeploymentDeleted,
        Self::DeploymentScaled,
        Self::RoleEdited,
        Self::SecretDeleted,
        Self::SecretEmptied,
        Self::NamespaceRelabelled,
        Self::OwnerRemoved,
    ];

    /// The kind of the object, which the Event names.
    fn kind(self) -> &'static str {
        match self {
            Self::DeploymentDeleted | Self::DeploymentScaled => "Deployment",
            Self::RoleEdited => "ClusterRole ",
            Self::SecretDeleted | Self::SecretEmptied => "Secret",
            Self::NamespaceRelabelled => "Namespace",
            Self::OwnerRemoved => "ServiceAccount",
        }
    }

    /// Does it, and waits until it is put right.
    async fn do_and_await_repair(self, site: &Site<'_>, target: &Target) -> Result {
        let names = &target.names;
        let (now, default) = (DeleteParams::default(), PatchParams::default());
        let merge = Patch::Merge;
        let awaited = format!("the repair of {self:?}");
        match self {
            Self::DeploymentDeleted => {
                let (api, name) = (site.deployments(names), &names.syncer);
                let before = api.get(name).await?.metadata.uid;
                api.delete(name, &now).await?;
                wait::until(&api, name, &awaited, PATIENCE, |it: &Deployment| it.metadata.uid != before).await?;
            }
            Self::DeploymentScaled => {
                let (api, name) = (site.deployments(names), &names.syncer);
                api.patch(name, &default, &merge(json!({ "spec": { "replicas": 0 } }))).await?;
                let replicas = |it: &Deployment| it.spec.as_ref().and_then(|spec| spec.replicas) == Some(1);
                wait::until(&api, name, &awaited, PATIENCE, replicas).await?;
            }
            Self::RoleEdited => {
                let (api, name) = (site.roles(), &names.downstream_role);
                let before = api.get(name).await?.rules;
                let all = json!({ "rules": [{ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] }] });
                api.patch(name, &default, &merge(all)).await?;
                wait::until(&api, name, &awaited, PATIENCE, |it: &ClusterRole| it.rules == before).await?;
            }
            Self::SecretDeleted => {
                let (api, name) = (site.secrets(names), &names.kubeconfig_secret);
                let before = api.get(name).await?.metadata.uid;
                api.delete(name, &now).await?;
                wait::until(&api, name, &awaited, PATIENCE, |it: &Secret| it.metadata.uid != before).await?;
            }
            Self::SecretEmptied => {
                let (api, name) = (site.secrets(names), &names.kubeconfig_secret);
                api.patch(name, &default, &merge(json!({ "data": { "kubeconfig": "" } }))).await?;
                let filled = |it: &Secret| kubeconfig_in(it).is_ok_and(|text| text.contains("client-key-data"));
                wait::until(&api, name, &awaited, PATIENCE, filled).await?;
            }
            Self::NamespaceRelabelled => {
                const ENFORCE: &str = "pod-security.kubernetes.io/enforce";
                let (api, name) = (site.namespaces(), &names.namespace);
                let label = json!({ "metadata": { "labels": { ENFORCE: "privileged" } } });
                api.patch(name, &default, &merge(label)).await?;
                let restricted = |it: &Namespace| {
                    let labels = it.metadata.labels.as_ref();
                    labels.and_then(|labels| labels.get(ENFORCE)).is_some_and(|level| level == "restricted")
                };
                wait::until(&api, name, &awaited, PATIENCE, restricted).await?;
            }
            Self::OwnerRemoved => {
                let api: Api<ServiceAccount> = Api::namespaced(site.client.clone(), &names.namespace);
                let none = json!({ "metadata": { "annotations": { ANNOTATION_OWNER: null } } });
                api.patch(&names.syncer, &default, &merge(none)).await?;
                let owned = |it: &ServiceAccount| {
                    it.metadata.annotations.as_ref().is_some_and(|all| all.contains_key(ANNOTATION_OWNER))
                };
                wait::until(&api, &names.syncer, &awaited, PATIENCE, owned).await?;
            }
        }
        Ok(())
    }
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn what_is_changed_behind_its_back_is_repaired_and_told() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    for meddling in Meddling::ALL {
        let target = hub.onboard(&fresh_name("drift"), &east.kubeconfig()).await?;
        meddling.do_and_await_repair(&east, &target).await?;
        hub.told(&target, "DriftRepaired", meddling.kind()).await?;
        hub.ready(&target).await?;
        assert_eq!(downstream(&east, &target).await?, expected_downstream(&target, 1), "{meddling:?}");
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_fight_over_an_object_is_told_and_fought_slowly() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    for meddling in [Meddling::DeploymentScaled, Meddling::SecretEmptied] {
        let target = hub.onboard(&fresh_name("fight"), &east.kubeconfig()).await?;
        let mut told = std::pin::pin!(hub.has(&target, kind::DRIFTED, ConditionStatus::True, "DriftFight"));
        let mut meddled = 0;
        loop {
            tokio::select! {
                found = &mut told => { found?; break; }
                repaired = meddling.do_and_await_repair(&east, &target) => repaired?,
            }
            meddled += 1;
            // A repair is two requests, and what is done between them is undone with it: not each one is a repair more.
            if meddled > 15 {
                return Err(problem(format!("{meddling:?} is repaired again and again, and nothing is said")));
            }
        }
        assert!(meddled >= 5, "a fight after {meddled} repairs of {meddling:?}");
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_namespace_deleted_behind_its_back_is_made_again_with_all_it_held() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let target = hub.onboard(&fresh_name("razed"), &east.kubeconfig()).await?;
    let before = east.namespaces().get(&target.names.namespace).await?.metadata.uid;
    east.namespaces().delete(&target.names.namespace, &DeleteParams::default()).await?;
    let anew =
        |namespace: &Namespace| namespace.metadata.uid != before && namespace.metadata.deletion_timestamp.is_none();
    wait::until(&east.namespaces(), &target.names.namespace, "another namespace", PATIENCE, anew).await?;
    let runs = |deployment: &Deployment| deployment.status.as_ref().and_then(|it| it.ready_replicas) == Some(1);
    wait::until(&east.deployments(&target.names), &target.names.syncer, "a ready Deployment", PATIENCE, runs).await?;
    hub.ready(&target).await?;
    assert_eq!(downstream(&east, &target).await?, expected_downstream(&target, 1));
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_paused_target_is_left_alone_until_it_is_unpaused() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let name = fresh_name("paused");
    let proxy = Proxy::start(east.cluster).await?;
    let target = hub.onboard(&name, &east.cluster.kubeconfig_at(&proxy.url())).await?;
    hub.change(&target, json!({ "spec": { "paused": true } })).await?;
    let observed = |now: &SyncTarget| status(now).observed_generation == now.metadata.generation;
    hub.until(&target, "the pause being observed", observed).await?;

    let start = proxy.count();
    let emptied = Patch::Merge(json!({ "data": { "kubeconfig": "" } }));
    east.secrets(&target.names).patch(&target.names.kubeconfig_secret, &PatchParams::default(), &emptied).await?;
    east.deployments(&target.names).delete(&target.names.syncer, &DeleteParams::default()).await?;
    hub.change(&target, two_replicas()).await?;
    // It is seen and told, and nothing is done about it.
    let seen = |now: &SyncTarget| observed(now) && !is_ready(now);
    hub.until(&target, "the missing Deployment being reported", seen).await?;
    let written: Vec<String> =
        proxy.exchanges_since(start).iter().filter(|it| !it.reads()).map(ToString::to_string).collect();
    assert!(written.is_empty(), "{written:?}");
    assert!(east.deployments(&target.names).get_opt(&target.names.syncer).await?.is_none());

    hub.change(&target, json!({ "spec": { "paused": false } })).await?;
    hub.ready(&target).await?;
    assert_eq!(downstream(&east, &target).await?, expected_downstream(&target, 2));
    let secret = east.secrets(&target.names).get(&target.names.kubeconfig_secret).await?;
    assert!(kubeconfig_in(&secret)?.contains("client-key-data"), "the emptied Secret was not made again");
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_deleted_target_leaves_nothing_on_either_side() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let name = fresh_name("deleted");
    let target = hub.onboard(&name, &east.kubeconfig()).await?;
    assert!(!hub.belongings(&target).await?.is_empty(), "the search on the hub finds nothing at all");
    hub.remove(&target).await?;
    east.clean(&target).await?;
    let left = hub.belongings(&target).await?;
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(finalizers_of_secret(&hub, &name).await?, Vec::<String>::new());
    hub.told(&target, "CleanedUp", "").await?;
    // Registration and Secret can go, and come again for another target of the same name.
    hub.registrations().delete(&name, &DeleteParams::default()).await?;
    hub.secrets().delete(&secret_name(&name), &DeleteParams::default()).await?;
    wait::until_gone(&hub.secrets(), &secret_name(&name), PATIENCE).await?;
    let again = hub.onboard(&name, &east.kubeconfig()).await?;
    assert_ne!(again.names.id, target.names.id);
    hub.remove(&again).await?;
    east.clean(&again).await?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_secret_that_two_targets_need_is_released_with_the_last_of_them() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let name = fresh_name("shared");
    let first = hub.onboard(&name, &east.kubeconfig()).await?;
    let second = hub.create(target(&fresh_name("second"), &name)).await?;
    hub.ready(&second).await?;
    hub.remove(&first).await?;
    assert_eq!(finalizers_of_secret(&hub, &name).await?, [SECRET_FINALIZER]);
    assert_eq!(downstream(&east, &second).await?, expected_downstream(&second, 1));
    hub.remove(&second).await?;
    assert_eq!(finalizers_of_secret(&hub, &name).await?, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_cluster_that_is_gone_is_abandoned_where_the_policy_says_so() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let name = fresh_name("abandoned");
    let proxy = Proxy::start(east.cluster).await?;
    hub.register(&name, &east.cluster.kubeconfig_at(&proxy.url())).await?;
    let policy = json!({ "spec": { "deletionPolicy": { "whenUnreachable": "Abandon" } } });
    let target = hub.create(merged(target(&name, &name), &policy)).await?;
    hub.ready(&target).await?;
    drop(proxy);
    hub.remove(&target).await?;
    let event = hub.told(&target, "Abandoned", &target.names.namespace).await?;
    assert_eq!(event.type_.as_deref(), Some("Warning"));
    // It is the last word, and not that nothing was left.
    let news = hub.news(&target).await?;
    assert!(news.iter().all(|event| event.reason.as_deref() != Some("CleanedUp")), "{news:?}");
    assert!(hub.belongings(&target).await?.is_empty());
    // What was said is true: everything is still there.
    assert_eq!(downstream(&east, &target).await?, expected_downstream(&target, 1));
    east.namespaces().delete(&target.names.namespace, &DeleteParams::default()).await?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_cluster_that_is_gone_is_waited_for_as_long_as_the_policy_says() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let name = fresh_name("waited");
    let proxy = Proxy::start(east.cluster).await?;
    let target = hub.onboard(&name, &east.cluster.kubeconfig_at(&proxy.url())).await?;
    drop(proxy);
    hub.delete(&target).await?;
    let waiting = |now: &SyncTarget| {
        condition(now, kind::READY).is_some_and(|ready| {
            ready.reason == "Terminating" && ready.message.contains(&name) && ready.message.contains("deletionPolicy")
        })
    };
    let found = hub.until(&target, "the wait being told", waiting).await?;
    assert_eq!(found.metadata.finalizers.as_deref(), Some(&[TARGET_FINALIZER.to_owned()][..]));
    assert_eq!(finalizers_of_secret(&hub, &name).await?, [SECRET_FINALIZER]);
    // The syncer's rights on the hub do not wait.
    let rights: Vec<_> = hub.belongings(&target).await?.into_iter().filter(|it| it.kind.contains("Role")).collect();
    assert!(rights.is_empty(), "{rights:?}");

    // Patience may be shortened at any time. Its end is in the future here, in what would be the middle of a backoff.
    let asked = found.metadata.deletion_timestamp.ok_or_else(|| problem("it is not being deleted"))?;
    let waited = jiff::Timestamp::now().duration_since(asked.0);
    let after = format!("{}s", waited.as_secs() + 4);
    hub.change(&target, json!({ "spec": { "deletionPolicy": { "after": after } } })).await?;
    hub.gone(&target).await?;
    hub.told(&target, "Abandoned", &target.names.namespace).await?;
    east.namespaces().delete(&target.names.namespace, &DeleteParams::default()).await?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_cluster_that_comes_back_in_time_is_cleaned_up() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let name = fresh_name("back");
    let proxy = Proxy::start(east.cluster).await?;
    let target = hub.onboard(&name, &east.cluster.kubeconfig_at(&proxy.url())).await?;
    proxy.intercept(|_: &berthage_e2e::proxy::Request| berthage_e2e::proxy::Before::Drop);
    hub.probed(&name, "ClusterUnreachable").await?;
    hub.delete(&target).await?;
    let waiting =
        |now: &SyncTarget| condition(now, kind::READY).is_some_and(|ready| ready.message.contains("deletionPolicy"));
    hub.until(&target, "the wait being told", waiting).await?;
    proxy.pass_all();
    hub.gone(&target).await?;
    east.clean(&target).await?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_cluster_that_is_away_for_a_while_is_reported_and_nothing_is_touched() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let name = fresh_name("away");
    let proxy = Proxy::start(east.cluster).await?;
    let target = hub.onboard(&name, &east.cluster.kubeconfig_at(&proxy.url())).await?;
    let before = east.belongings(&target).await?;
    proxy.intercept(|_: &berthage_e2e::proxy::Request| berthage_e2e::proxy::Before::Drop);
    let away = hub.has(&target, kind::CLUSTER_CONNECTED, ConditionStatus::False, "ClusterUnreachable").await?;
    assert!(is(&away, kind::SYNCER_DEPLOYED, ConditionStatus::Unknown, "ClusterUnreachable"));
    assert!(!status(&away).capacity.is_empty(), "capacity was unlearnt");
    hub.told(&target, "ClusterUnreachable", "").await?;
    proxy.pass_all();
    hub.ready(&target).await?;
    assert_eq!(east.belongings(&target).await?, before);
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_kubeconfig_secret_deleted_while_in_use_detaches_first() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let name = fresh_name("unplugged");
    let target = hub.onboard(&name, &east.kubeconfig()).await?;
    hub.secrets().delete(&secret_name(&name), &DeleteParams::default()).await?;
    wait::until_gone(&hub.secrets(), &secret_name(&name), PATIENCE).await?;
    east.clean(&target).await?;
    let found = hub.has(&target, kind::CLUSTER_CONNECTED, ConditionStatus::False, "SecretNotFound").await?;
    assert!(!is_ready(&found));
    // A new Secret brings everything back, and the target can go.
    hub.cluster.apply(&[secret(&name, &east.kubeconfig())]).await?;
    hub.ready(&target).await?;
    assert_eq!(downstream(&east, &target).await?, expected_downstream(&target, 1));
    hub.remove(&target).await?;
    east.clean(&target).await?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn another_cluster_at_the_address_is_noticed_and_left_alone() -> Result {
    let Shared { hub, east, west, .. } = shared().await?;
    let name = fresh_name("replaced");
    let target = hub.onboard(&name, &east.kubeconfig()).await?;
    hub.replace_kubeconfig(&name, &west.kubeconfig()).await?;
    let found = hub.has(&target, kind::CLUSTER_CONNECTED, ConditionStatus::False, "ClusterReplaced").await?;
    let message = condition(&found, kind::CLUSTER_CONNECTED).map(|condition| condition.message.clone());
    assert!(message.is_some_and(|text| text.contains(&name) && text.contains("kubeconfig")));
    hub.delete(&target).await?;
    let waiting =
        |now: &SyncTarget| condition(now, kind::READY).is_some_and(|ready| ready.message.contains("deletionPolicy"));
    hub.until(&target, "the wait being told", waiting).await?;
    assert!(downstream(&west, &target).await?.is_empty());
    assert_eq!(downstream(&east, &target).await?, expected_downstream(&target, 1));
    hub.replace_kubeconfig(&name, &east.kubeconfig()).await?;
    hub.gone(&target).await?;
    east.clean(&target).await?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_chosen_namespace_is_used_and_goes_with_the_target() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let (name, namespace) = (fresh_name("chosen"), fresh_name("harbour"));
    hub.register(&name, &east.kubeconfig()).await?;
    let chosen = json!({ "spec": { "syncerConfig": { "downstreamNamespace": namespace } } });
    let mut target = hub.create(merged(target(&name, &name), &chosen)).await?;
    target.names.namespace = namespace;
    hub.ready(&target).await?;
    assert_eq!(downstream(&east, &target).await?, expected_downstream(&target, 1));
    hub.remove(&target).await?;
    east.clean(&target).await?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn register_brings_a_cluster_with_the_least_rights_and_a_target_with_it() -> Result {
    let Shared { hub, west, .. } = shared().await?;
    let name = fresh_name("registered");
    let folder = berthage_e2e::folder::RunFolder::new("register")?;
    let of_hub = folder.write("hub.kubeconfig", hub.cluster.kubeconfig())?;
    let of_west = folder.write("west.kubeconfig", west.kubeconfig())?;
    let register = Invocation::new(["register", name.as_str()])
        .argument("--kubeconfig")
        .argument(&of_west)
        .variable("BERTHAGE_KUBECONFIG", &of_hub);

    let printed = register.clone().argument("--print").output(&program::berthage()?).await?;
    let text = String::from_utf8(printed.stdout)?;
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    for kind in ["ServiceAccount", "ClusterRole", "ClusterRegistration", "SyncTarget"] {
        assert!(text.contains(&format!("kind: {kind}")), "{kind} is missing in:\n{text}");
    }
    assert!(hub.targets().get_opt(&name).await?.is_none(), "--print has applied something");

    let done = register.output(&program::berthage()?).await?;
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let found = wait::until(&hub.targets(), &name, "the registered target being Ready", PATIENCE, is_ready).await?;
    let target = Target {
        name: name.clone(),
        uid: found.metadata.uid.clone().unwrap_or_default(),
        names: berthage_core::names::TargetNames::new(&hub.workspace, &found.metadata.uid.unwrap_or_default()),
    };
    // With the rights of the account that was made, no administrator's.
    let registration: ClusterRegistration = hub.registrations().get(&name).await?;
    let at = registration.spec.kube_config_secret_ref;
    let secrets: Api<Secret> = Api::namespaced(hub.client.clone(), &at.namespace);
    let kubeconfig =
        secrets.get(&at.name).await?.data.and_then(|mut data| data.remove(&at.key)).ok_or("no kubeconfig")?;
    assert!(!String::from_utf8(kubeconfig.0)?.contains("administrator-token"));
    hub.remove(&target).await?;
    west.clean(&target).await?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_registration_that_comes_last_wakes_its_target() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let name = fresh_name("late");
    let target = hub.create(target(&name, &name)).await?;
    let found = hub.has(&target, kind::CLUSTER_CONNECTED, ConditionStatus::False, "RegistrationNotFound").await?;
    assert!(
        found.metadata.finalizers.unwrap_or_default().is_empty(),
        "a finalizer before there is anything to clean up"
    );
    hub.cluster.apply(&[registration(&name)]).await?;
    hub.has(&target, kind::CLUSTER_CONNECTED, ConditionStatus::False, "SecretNotFound").await?;
    let mut unlabelled = secret(&name, &east.kubeconfig());
    unlabelled["metadata"]["labels"] = json!({});
    hub.cluster.apply(&[unlabelled]).await?;
    let label = json!({ "metadata": { "namespace": NAMESPACE, "labels": { "berthage.dev/kubeconfig": "true" } } });
    hub.secrets().patch(&secret_name(&name), &PatchParams::default(), &Patch::Merge(label)).await?;
    hub.ready(&target).await?;
    Ok(())
}
