//! Somebody with rights meddles with what berthage goes by: labels and owners downstream, the inventory, heartbeats, rights.

use berthage_core::names::{LABEL_MANAGED_BY, LABEL_TARGET, LABEL_WORKSPACE, workspace_label};
use berthage_e2e::wait::{self, PATIENCE};
use berthage_e2e::world::{World, fresh_name, on_kcp};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::stage::controller::Settings;
use crate::stage::registration::{NAMESPACE, secret_name};
use crate::stage::site::Site;
use crate::stage::target::{merged, status, target};
use crate::stage::{OwnHub, Result, Shared, problem, shared};

fn merge(patch: Value) -> (PatchParams, Patch<Value>) {
    (PatchParams::default(), Patch::Merge(patch))
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_heartbeat_that_cannot_be_read_stops_nobody_else() -> Result {
    let own = OwnHub::start("beats").await?;
    let hub = own.hub().await?;
    let site = Site::new(&World::shared().await?.east).await?;
    let controller = hub.controller("controller", Settings::default()).await?;
    let name = fresh_name("beats");
    let victim = hub.onboard(&name, &site.kubeconfig()).await?;
    // A time that an API server accepts, and writes with a year of five digits.
    let leases: Api<Lease> = Api::namespaced(hub.client.clone(), NAMESPACE);
    let path = format!("/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/{}", victim.names.hub);
    let body = json!({ "spec": { "renewTime": "9999-12-31T23:59:59.999999-23:00" } });
    let request = http::Request::patch(path)
        .header("content-type", "application/merge-patch+json")
        .body(body.to_string().into_bytes())?;
    let written: Value = hub.client.request(request).await?;
    assert!(written["spec"]["renewTime"].as_str().is_some_and(|time| time.starts_with("1000")), "{written}");
    assert!(leases.get(&victim.names.hub).await.is_err(), "this client can read it: the test shows nothing");

    let before = hub.create(target(&fresh_name("beats"), &name)).await?;
    hub.ready(&before).await?;
    controller.stop().await?;
    let _controller = hub.controller("again", Settings::default()).await?;
    let after = hub.create(target(&fresh_name("beats"), &name)).await?;
    hub.ready(&after).await?;
    hub.remove(&victim).await?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn an_object_that_loses_its_label_is_seen_and_repaired() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let registration = fresh_name("unlabelled");
    let target = hub.onboard(&registration, &east.kubeconfig()).await?;
    let (roles, name) = (east.roles(), target.names.downstream_role.clone());
    let before = roles.get(&name).await?.rules;
    let all = json!([{ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] }]);
    let moved = |label: &str, value: Value| json!({ label: value });
    let of_another = json!("another");
    for labels in [
        moved(LABEL_TARGET, Value::Null),
        moved(LABEL_TARGET, of_another.clone()),
        moved(LABEL_WORKSPACE, Value::Null),
        moved(LABEL_WORKSPACE, of_another),
    ] {
        let (params, patch) = merge(json!({ "metadata": { "labels": labels }, "rules": all }));
        roles.patch(&name, &params, &patch).await?;
        let repaired = |role: &ClusterRole| {
            let label = |name: &str| role.metadata.labels.as_ref()?.get(name).map(String::as_str);
            role.rules == before
                && label(LABEL_TARGET) == Some(&target.names.id)
                && label(LABEL_WORKSPACE) == Some(&workspace_label(&hub.workspace))
        };
        wait::until(&roles, &name, "a ClusterRole as it was, with its label", PATIENCE, repaired).await?;
    }
    hub.ready(&target).await?;

    // A Namespace that is somebody else's, or nobody's, by its labels is still deleted with its target, and waited for.
    let other = hub.create(self::target(&fresh_name("unlabelled"), &registration)).await?;
    hub.ready(&other).await?;
    for (target, label) in [(target, json!({ LABEL_TARGET: "another" })), (other, json!({ LABEL_MANAGED_BY: null }))] {
        let (params, patch) = merge(json!({ "metadata": { "labels": label } }));
        east.namespaces().patch(&target.names.namespace, &params, &patch).await?;
        hub.remove(&target).await?;
        east.clean(&target).await?;
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn what_somebody_adds_to_a_deployment_is_taken_out_again() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let target = hub.onboard(&fresh_name("added"), &east.kubeconfig()).await?;
    let (api, name) = (east.deployments(&target.names), &target.names.syncer);
    let before = api.get(name).await?.spec.map(|spec| spec.template);
    let intruder = json!({ "spec": { "template": { "spec": {
        "hostNetwork": true, "containers": [{ "name": "intruder", "image": "example.com/intruder:v1" }],
    } } } });
    api.patch(name, &PatchParams::default(), &Patch::Strategic(intruder)).await?;
    let as_before = |now: &Deployment| now.spec.as_ref().map(|spec| &spec.template) == before.as_ref();
    wait::until(&api, name, "the pods' template as it was", PATIENCE, as_before).await?;
    hub.told(&target, "DriftRepaired", "Deployment").await?;
    hub.ready(&target).await?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn of_targets_that_choose_the_same_namespace_one_gets_it() -> Result {
    let Shared { hub, west, .. } = shared().await?;
    let (cluster, namespace) = (fresh_name("crowd"), fresh_name("crowded"));
    hub.register(&cluster, &west.kubeconfig()).await?;
    hub.probed(&cluster, "AsExpected").await?;
    let chosen = json!({ "spec": { "syncerConfig": { "downstreamNamespace": namespace } } });
    let creations = (0..4).map(async |_| hub.create(merged(target(&fresh_name("crowd"), &cluster), &chosen)).await);
    let targets = futures::future::try_join_all(creations).await?;
    let settled = targets.iter().map(async |target| {
        hub.until(target, "a target that has the namespace, or is told that another has it", |now| {
            let conditions = status(now).conditions;
            let deployed = conditions.iter().find(|condition| condition.type_ == "SyncerDeployed");
            deployed.is_some_and(|it| it.reason == "OwnedByOthers" || it.status.as_str() == "True")
        })
        .await
    });
    let settled = futures::future::try_join_all(settled).await?;
    let winners: Vec<&str> = settled
        .iter()
        .filter(|now| status(now).inventory.iter().any(|entry| entry.kind == "Deployment" && entry.hash.is_some()))
        .filter_map(|now| now.metadata.uid.as_deref())
        .collect();
    let [winner] = winners[..] else { return Err(problem(format!("{winners:?} have the namespace"))) };
    let accounts: Api<ServiceAccount> = Api::namespaced(west.client.clone(), &namespace);
    let account = accounts.get("berthage-syncer").await?;
    let owner = account.metadata.annotations.unwrap_or_default().remove("berthage.dev/owner").unwrap_or_default();
    assert!(owner.ends_with(winner), "{owner} is not of {winner}");
    // The others go without taking anything of it along.
    for loser in targets.iter().filter(|target| target.uid != winner) {
        hub.remove(loser).await?;
    }
    assert!(accounts.get_opt("berthage-syncer").await?.is_some());
    for target in targets.iter().filter(|target| target.uid == winner) {
        hub.remove(target).await?;
    }
    wait::until_gone(&west.namespaces(), &namespace, PATIENCE).await?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn what_is_put_into_the_inventory_is_not_deleted() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let target = hub.onboard(&fresh_name("forged"), &east.kubeconfig()).await?;
    let accounts: Api<ServiceAccount> = Api::namespaced(east.client.clone(), "kube-system");
    let name = fresh_name("victim");
    let victim: ServiceAccount = serde_json::from_value(json!({ "metadata": { "name": name } }))?;
    let uid = accounts.create(&PostParams::default(), &victim).await?.metadata.uid;
    let mut inventory = serde_json::to_value(status(&hub.get(&target).await?).inventory)?;
    let forged = json!({
        "apiVersion": "v1", "kind": "ServiceAccount", "namespace": "kube-system", "name": name, "uid": uid,
        "hash": "x", "seen": "r1",
    });
    inventory.as_array_mut().ok_or("no inventory")?.push(forged);
    hub.change_status(&target, json!({ "inventory": inventory })).await?;
    let forgotten = |now: &berthage_core::api::SyncTarget| {
        status(now).inventory.iter().all(|entry| entry.namespace.as_deref() != Some("kube-system"))
    };
    hub.until(&target, "an inventory without what was put into it", forgotten).await?;
    assert_eq!(accounts.get(&name).await?.metadata.uid, uid);
    accounts.delete(&name, &DeleteParams::default()).await?;
    hub.remove(&target).await
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_cluster_that_refuses_to_delete_is_named_and_let_go_of() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    // An account that may do everything but delete.
    let (name, user) = (fresh_name("undeletable"), fresh_name("keeper"));
    let verbs = ["get", "list", "watch", "create", "update", "patch", "escalate", "bind"];
    east.cluster
        .apply(&[
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": { "name": user },
                "rules": [{ "apiGroups": ["*"], "resources": ["*"], "verbs": verbs }],
            }),
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": { "name": user },
                "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": user },
                "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user }],
            }),
        ])
        .await?;
    let kubeconfig = east.cluster.kubeconfig_of(&user, None, &east.cluster.url())?;
    let target = hub.onboard(&name, &kubeconfig).await?;
    hub.delete(&target).await?;
    let told = |now: &berthage_core::api::SyncTarget| {
        let conditions = status(now).conditions;
        conditions.iter().any(|it| it.type_ == "Ready" && it.message.contains("could not be deleted"))
    };
    hub.until(&target, "the reason why it is not cleaned up", told).await?;
    hub.change(&target, json!({ "spec": { "deletionPolicy": { "whenUnreachable": "Abandon" } } })).await?;
    hub.gone(&target).await?;
    hub.told(&target, "Abandoned", "Namespace").await?;
    east.namespaces().delete(&target.names.namespace, &DeleteParams::default()).await?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_secret_that_two_targets_share_can_be_deleted_and_made_again() -> Result {
    let Shared { hub, west, .. } = shared().await?;
    let name = fresh_name("shared");
    let first = hub.onboard(&name, &west.kubeconfig()).await?;
    let second = hub.create(target(&fresh_name("shared"), &name)).await?;
    hub.ready(&second).await?;
    let secrets: Api<Secret> = hub.secrets();
    secrets.delete(&secret_name(&name), &DeleteParams::default()).await?;
    // The sweep, once a minute, is the last to notice.
    wait::until_gone(&secrets, &secret_name(&name), PATIENCE * 2).await?;
    west.clean(&first).await?;
    west.clean(&second).await?;
    hub.register(&name, &west.kubeconfig()).await?;
    hub.ready(&first).await?;
    hub.ready(&second).await?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn a_secret_that_loses_its_label_is_let_go_of_with_the_target() -> Result {
    let Shared { hub, west, .. } = shared().await?;
    let name = fresh_name("unlabelled-secret");
    let target = hub.onboard(&name, &west.kubeconfig()).await?;
    let (params, patch) = merge(json!({ "metadata": { "labels": { "berthage.dev/kubeconfig": null } } }));
    let unlabelled = hub.secrets().patch(&secret_name(&name), &params, &patch).await?;
    assert!(
        !unlabelled.metadata.finalizers.unwrap_or_default().is_empty(),
        "it has no finalizer: the test shows nothing"
    );
    let told = |now: &berthage_core::api::SyncTarget| {
        status(now).conditions.iter().any(|it| it.type_ == "ClusterConnected" && it.status.as_str() == "False")
    };
    hub.until(&target, "the missing label being told", told).await?;
    hub.change(&target, json!({ "spec": { "deletionPolicy": { "whenUnreachable": "Abandon" } } })).await?;
    hub.remove(&target).await?;
    if on_kcp() {
        // What has not the label of the claim is hidden from us, and so is our own finalizer until it has it again.
        let (params, patch) = merge(json!({ "metadata": { "labels": { "berthage.dev/kubeconfig": "true" } } }));
        hub.secrets().patch(&secret_name(&name), &params, &patch).await?;
    }
    let free = |secret: &Secret| secret.metadata.finalizers.iter().flatten().next().is_none();
    wait::until(&hub.secrets(), &secret_name(&name), "a Secret without our finalizer", PATIENCE * 2, free).await?;
    west.namespaces().delete(&target.names.namespace, &DeleteParams::default()).await?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn values_that_nobody_can_read_do_not_keep_a_target() -> Result {
    let Shared { hub, east, .. } = shared().await?;
    let target = hub.onboard(&fresh_name("deep"), &east.kubeconfig()).await?;
    let deep = format!("{}1{}", r#"{"a":"#.repeat(130), "}".repeat(130));
    let request = http::Request::patch(format!("/apis/workload.kcp.io/v1alpha1/synctargets/{}", target.name))
        .header("content-type", "application/merge-patch+json")
        .body(format!(r#"{{"spec":{{"values":{deep}}}}}"#).into_bytes())?;
    hub.client.request_text(request).await?;
    // This client cannot read the object either, as long as it is so deep: what is awaited is what is left of it.
    let delete =
        http::Request::delete(format!("/apis/workload.kcp.io/v1alpha1/synctargets/{}", target.name)).body(vec![])?;
    hub.client.request_text(delete).await?;
    east.clean(&target).await
}

#[tokio::test]
#[ignore = "needs the servers and programs that `cargo xtask test` builds"]
async fn large_objects_of_one_keep_nobody_from_being_listed() -> Result {
    let own = OwnHub::start("large").await?;
    let hub = own.hub().await?;
    let site = Site::new(&World::shared().await?.east).await?;
    // Together they are more than any answer may have, and less than a page of objects.
    let padding = "x".repeat(1_000_000);
    let name = fresh_name("large");
    for at in 0..40 {
        let large = json!({ "spec": { "values": { "padding": padding } } });
        hub.create(merged(target(&format!("bulky-{at}"), "nowhere"), &large)).await?;
    }
    let _controller = hub.controller("controller", Settings::default()).await?;
    let small = hub.onboard(&name, &site.kubeconfig()).await?;
    hub.ready(&small).await?;
    hub.remove(&small).await?;
    site.clean(&small).await
}
