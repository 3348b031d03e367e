//! Deployments become pods, and change them.

use serde_json::{Value, json};

use crate::actors::Next;
use crate::actors::kubernetes::{AtOnce, Pace, report};
use crate::actors::testing::{BEGIN, CLUSTER, Fixture, conditions};

/// A Deployment `d`, with the defaults that a server fills in.
fn deployment(replicas: i64, image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d", "namespace": "default", "labels": {"app": "d"}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "d"}},
            "template": {
                "metadata": {"labels": {"app": "d"}},
                "spec": {
                    "containers": [{"name": "c", "image": image, "resources": {}}],
                    "restartPolicy": "Always",
                    "terminationGracePeriodSeconds": 30,
                },
            },
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}},
            "revisionHistoryLimit": 10,
            "progressDeadlineSeconds": 600,
        },
    })
}

fn with_deployment(replicas: i64, image: &str) -> Fixture {
    let mut fixture = Fixture::kubernetes();
    fixture.node("node", 110);
    fixture.make(deployment(replicas, image));
    fixture.settle();
    fixture
}

fn read(fixture: &Fixture) -> Value {
    fixture.get("deployments", "default", "d")
}

fn set_image(fixture: &mut Fixture, image: &str) {
    fixture.change("deployments", "default", "d", |deployment| {
        deployment["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
    });
    fixture.settle();
}

/// However much there is to do, what was begun first is done first.
#[test]
fn one_rollout_does_not_wait_for_the_others() {
    let mut fixture = Fixture::kubernetes();
    fixture.node("node", 110);
    fixture.make(deployment(1, "i:1"));
    let mut other = deployment(1, "i:1");
    other["metadata"]["name"] = json!("other");
    fixture.make(other);
    while read(&fixture)["status"]["availableReplicas"] != 1 {
        assert_eq!(fixture.actors.act(&mut fixture.world, 1), Next::Now);
    }
    assert_eq!(fixture.get("deployments", "default", "other")["status"]["observedGeneration"], Value::Null);
    fixture.settle();
    assert_eq!(fixture.get("deployments", "default", "other")["status"]["availableReplicas"], 1);
}

/// Anybody may write annotations.
#[test]
fn a_revision_may_be_any_number() {
    let mut fixture = with_deployment(1, "i:1");
    let name = fixture.list("replicasets", "default")[0]["metadata"]["name"].as_str().unwrap().to_owned();
    fixture.change("replicasets", "default", &name, |set| {
        set["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = json!(i64::MAX.to_string());
    });
    fixture.settle();
    set_image(&mut fixture, "i:2");
    assert_eq!(images(&fixture), ["i:2"]);
}

fn images(fixture: &Fixture) -> Vec<String> {
    let pods = fixture.list("pods", "default");
    let mut images: Vec<String> =
        pods.iter().map(|pod| pod["spec"]["containers"][0]["image"].as_str().unwrap().to_owned()).collect();
    images.sort();
    images
}

#[test]
fn a_deployment_becomes_available() {
    let fixture = with_deployment(3, "i:1");
    let deployment = read(&fixture);
    let sets = fixture.list("replicasets", "default");
    let [set] = &sets[..] else { panic!("{sets:?}") };
    let name = set["metadata"]["name"].as_str().unwrap();
    let condition = |kind: &str, reason: &str, message: &str| {
        json!({
            "type": kind, "status": "True", "lastUpdateTime": BEGIN, "lastTransitionTime": BEGIN, "reason": reason,
            "message": message,
        })
    };
    let progressed = format!("ReplicaSet \"{name}\" has successfully progressed.");
    assert_eq!(
        deployment["status"],
        json!({
            "observedGeneration": 1, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3,
            "terminatingReplicas": 0,
            "conditions": [
                condition("Available", "MinimumReplicasAvailable", "Deployment has minimum availability."),
                condition("Progressing", "NewReplicaSetAvailable", &progressed),
            ],
        })
    );
    assert_eq!(deployment["metadata"]["annotations"], json!({"deployment.kubernetes.io/revision": "1"}));
    assert_eq!(deployment["metadata"]["generation"], 1);

    let hash = set["metadata"]["labels"]["pod-template-hash"].clone();
    assert_eq!(name, format!("d-{}", hash.as_str().unwrap()));
    let owner = json!([{
        "apiVersion": "apps/v1", "kind": "Deployment", "name": "d", "uid": deployment["metadata"]["uid"],
        "controller": true, "blockOwnerDeletion": true,
    }]);
    assert_eq!(set["metadata"]["ownerReferences"], owner);
    assert_eq!(
        set["metadata"]["annotations"],
        json!({
            "deployment.kubernetes.io/desired-replicas": "3", "deployment.kubernetes.io/max-replicas": "4",
            "deployment.kubernetes.io/revision": "1",
        })
    );
    assert_eq!(set["spec"]["selector"], json!({"matchLabels": {"app": "d", "pod-template-hash": hash}}));
    assert_eq!(set["spec"]["template"]["metadata"]["labels"], json!({"app": "d", "pod-template-hash": hash}));
    assert_eq!(
        set["status"],
        json!({
            "replicas": 3, "fullyLabeledReplicas": 3, "readyReplicas": 3, "availableReplicas": 3,
            "terminatingReplicas": 0, "observedGeneration": 1,
        })
    );
    let pods = fixture.list("pods", "default");
    assert_eq!(pods.len(), 3);
    for pod in pods {
        assert_eq!(pod["metadata"]["generateName"], format!("{name}-"));
        assert_eq!(pod["metadata"]["labels"], json!({"app": "d", "pod-template-hash": hash}));
        assert_eq!(pod["metadata"]["ownerReferences"][0]["uid"], set["metadata"]["uid"]);
        assert_eq!(pod["status"]["phase"], "Running");
    }
}

#[test]
fn a_deployment_scales() {
    let mut fixture = with_deployment(1, "i:1");
    for (replicas, is) in [(4, json!(4)), (2, json!(2)), (0, Value::Null)] {
        fixture.change("deployments", "default", "d", |deployment| deployment["spec"]["replicas"] = json!(replicas));
        fixture.settle();
        assert_eq!(fixture.list("pods", "default").len(), replicas);
        let deployment = read(&fixture);
        assert_eq!(deployment["status"]["availableReplicas"], is);
        assert_eq!(deployment["status"]["observedGeneration"], deployment["metadata"]["generation"]);
        let set = &fixture.list("replicasets", "default")[0];
        let said = &set["metadata"]["annotations"]["deployment.kubernetes.io/desired-replicas"];
        assert_eq!(said, &json!(replicas.to_string()));
    }
}

#[test]
fn another_image_rolls_and_going_back_is_a_new_revision() {
    let mut fixture = with_deployment(4, "i:1");
    set_image(&mut fixture, "i:2");
    assert_eq!(images(&fixture), ["i:2"; 4]);
    let sets = fixture.list("replicasets", "default");
    assert_eq!(sets.len(), 2);
    assert_eq!(read(&fixture)["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "2");
    set_image(&mut fixture, "i:1");
    assert_eq!(images(&fixture), ["i:1"; 4]);
    assert_eq!(fixture.list("replicasets", "default").len(), 2);
    assert_eq!(read(&fixture)["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "3");
    let sets = fixture.list("replicasets", "default");
    let first = sets.iter().find(|set| set["spec"]["replicas"] == 4).unwrap();
    let annotations = &first["metadata"]["annotations"];
    assert_eq!(annotations["deployment.kubernetes.io/revision"], "3");
    assert_eq!(annotations["deployment.kubernetes.io/revision-history"], "1");
}

#[test]
fn an_image_that_does_not_exist_never_becomes_available() {
    let mut fixture = with_deployment(4, "i:1");
    set_image(&mut fixture, "i:does-not-exist");
    // One more than wanted, and one less available.
    assert_eq!(images(&fixture), ["i:1", "i:1", "i:1", "i:does-not-exist", "i:does-not-exist"]);
    let deployment = read(&fixture);
    assert_eq!(
        conditions(&deployment),
        [("Available", "True", "MinimumReplicasAvailable"), ("Progressing", "True", "ReplicaSetUpdated")]
    );
    assert_eq!(deployment["status"]["unavailableReplicas"], 2);
    assert_eq!(fixture.settle(), Next::At(Fixture::after(10)));
    fixture.pass(10);
    assert_eq!(fixture.settle(), Next::At(Fixture::after(601)));
    fixture.pass(590);
    assert_eq!(conditions(&read(&fixture))[1], ("Progressing", "True", "ReplicaSetUpdated"));
    fixture.pass(1);
    let deployment = read(&fixture);
    assert_eq!(conditions(&deployment)[1], ("Progressing", "False", "ProgressDeadlineExceeded"));
    let message = deployment["status"]["conditions"][1]["message"].as_str().unwrap();
    assert!(message.starts_with("ReplicaSet \"d-") && message.ends_with("\" has timed out progressing."), "{message}");
    // What is not available goes first.
    set_image(&mut fixture, "i:3");
    assert_eq!(images(&fixture), ["i:3"; 4]);
    assert_eq!(conditions(&read(&fixture))[1], ("Progressing", "True", "NewReplicaSetAvailable"));
}

#[test]
fn a_first_image_that_does_not_exist_makes_it_unavailable() {
    let mut fixture = with_deployment(1, "does-not-exist");
    fixture.pass(601);
    let mut all = conditions(&read(&fixture))
        .into_iter()
        .map(|(kind, status, reason)| (kind.to_owned(), status.to_owned(), reason.to_owned()))
        .collect::<Vec<_>>();
    all.sort();
    let expected =
        [("Available", "False", "MinimumReplicasUnavailable"), ("Progressing", "False", "ProgressDeadlineExceeded")];
    assert_eq!(all, expected.map(|(kind, status, reason)| (kind.to_owned(), status.to_owned(), reason.to_owned())));
}

/// It was looked at again and again within one moment, for ever.
#[test]
fn a_deployment_whose_pod_is_no_longer_ready_is_unavailable_and_never_late() {
    let mut fixture = with_deployment(1, "i:1");
    let pod = fixture.list("pods", "default").remove(0);
    let (name, uid) = (pod["metadata"]["name"].as_str().unwrap(), pod["metadata"]["uid"].as_str().unwrap());
    assert!(report(&mut fixture.world, CLUSTER, "default", name, uid, false));
    fixture.settle();
    fixture.pass(601);
    assert_eq!(fixture.settle(), Next::Idle);
    let deployment = read(&fixture);
    let mut found = conditions(&deployment);
    found.sort_unstable();
    assert_eq!(
        found,
        [("Available", "False", "MinimumReplicasUnavailable"), ("Progressing", "True", "NewReplicaSetAvailable")]
    );
}

#[test]
fn recreate_waits_for_the_last_old_pod() {
    let pace = Pace { stop: std::time::Duration::from_secs(5), ..Pace::default() };
    let mut fixture = Fixture::with(pace, Box::new(AtOnce));
    fixture.node("node", 110);
    let mut recreated = deployment(2, "i:1");
    recreated["spec"]["strategy"] = json!({"type": "Recreate"});
    fixture.make(recreated);
    fixture.settle();
    set_image(&mut fixture, "i:2");
    assert_eq!(images(&fixture), ["i:1"; 2]);
    assert_eq!(fixture.list("replicasets", "default").len(), 1);
    let status = &read(&fixture)["status"];
    assert_eq!(status["terminatingReplicas"], 2);
    assert_eq!(status.get("availableReplicas"), None);
    fixture.pass(5);
    assert_eq!(images(&fixture), ["i:2"; 2]);
    assert_eq!(conditions(&read(&fixture)).len(), 2);
    assert_eq!(read(&fixture)["status"]["terminatingReplicas"], 0);
}

#[test]
fn old_replica_sets_go_beyond_the_limit() {
    let mut fixture = with_deployment(1, "i:1");
    fixture.change("deployments", "default", "d", |deployment| deployment["spec"]["revisionHistoryLimit"] = json!(1));
    for image in ["i:2", "i:3", "i:4"] {
        set_image(&mut fixture, image);
    }
    let mut revisions: Vec<String> = fixture
        .list("replicasets", "default")
        .iter()
        .map(|set| set["metadata"]["annotations"]["deployment.kubernetes.io/revision"].as_str().unwrap().to_owned())
        .collect();
    revisions.sort();
    assert_eq!(revisions, ["3", "4"]);
}

#[test]
fn a_paused_deployment_scales_and_does_not_roll() {
    let mut fixture = with_deployment(2, "i:1");
    fixture.change("deployments", "default", "d", |deployment| deployment["spec"]["paused"] = json!(true));
    set_image(&mut fixture, "i:2");
    fixture.change("deployments", "default", "d", |deployment| deployment["spec"]["replicas"] = json!(3));
    fixture.settle();
    assert_eq!(images(&fixture), ["i:1"; 3]);
    assert!(conditions(&read(&fixture)).contains(&("Progressing", "Unknown", "DeploymentPaused")));
    fixture.change("deployments", "default", "d", |deployment| deployment["spec"]["paused"] = json!(false));
    fixture.settle();
    assert_eq!(images(&fixture), ["i:2"; 3]);
}

#[test]
fn a_deployment_that_is_scaled_while_it_rolls_is_scaled_in_proportion() {
    let mut fixture = with_deployment(8, "i:1");
    set_image(&mut fixture, "i:does-not-exist");
    let sizes = |fixture: &Fixture| {
        let mut sizes: Vec<i64> = fixture
            .list("replicasets", "default")
            .iter()
            .map(|set| set["spec"]["replicas"].as_i64().unwrap())
            .collect();
        sizes.sort_unstable();
        sizes
    };
    assert_eq!(sizes(&fixture), [4, 6]);
    fixture.change("deployments", "default", "d", |deployment| deployment["spec"]["replicas"] = json!(16));
    fixture.settle();
    assert_eq!(sizes(&fixture), [8, 12]);
}

#[test]
fn annotations_of_a_deployment_are_its_replica_set_s_too() {
    let mut fixture = with_deployment(1, "i:1");
    fixture.change("deployments", "default", "d", |deployment| {
        deployment["metadata"]["annotations"]["example.com/a"] = json!("b");
        deployment["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] = json!("{}");
        deployment["spec"]["minReadySeconds"] = json!(3);
    });
    fixture.settle();
    let set = &fixture.list("replicasets", "default")[0];
    assert_eq!(set["metadata"]["annotations"]["example.com/a"], "b");
    assert_eq!(set["metadata"]["annotations"].get("kubectl.kubernetes.io/last-applied-configuration"), None);
    assert_eq!(set["spec"]["minReadySeconds"], 3);
}

#[test]
fn a_deployment_takes_its_pods_with_it_or_leaves_them() {
    let mut fixture = with_deployment(2, "i:1");
    fixture.delete_with("deployments", "default", "d", Some("Orphan"));
    fixture.settle();
    assert_eq!((fixture.list("replicasets", "default").len(), images(&fixture).len()), (1, 2));
    // A Deployment of the same template adopts what was left.
    fixture.make(deployment(2, "i:1"));
    fixture.settle();
    let sets = fixture.list("replicasets", "default");
    assert_eq!((sets.len(), images(&fixture).len()), (1, 2));
    assert_eq!(sets[0]["metadata"]["ownerReferences"][0]["uid"], read(&fixture)["metadata"]["uid"]);
    fixture.delete_with("deployments", "default", "d", Some("Foreground"));
    fixture.settle();
    assert_eq!(fixture.list("replicasets", "default").len() + images(&fixture).len(), 0);
    assert_eq!(read(&fixture), Value::Null);
}

#[test]
fn a_name_that_another_replica_set_has_is_a_collision() {
    let mut fixture = with_deployment(1, "i:1");
    let mut set = fixture.list("replicasets", "default")[0].clone();
    fixture.delete("deployments", "default", "d");
    fixture.settle();
    set["apiVersion"] = json!("apps/v1");
    set["kind"] = json!("ReplicaSet");
    let metadata = set["metadata"].as_object_mut().unwrap();
    metadata.retain(|field, _| field == "name" || field == "namespace");
    for labels in ["/spec/selector/matchLabels", "/spec/template/metadata/labels"] {
        *set.pointer_mut(labels).unwrap() = json!({"app": "another"});
    }
    fixture.make(set);
    fixture.make(deployment(1, "i:1"));
    fixture.settle();
    assert_eq!(read(&fixture)["status"]["collisionCount"], 1);
    assert_eq!(read(&fixture)["status"]["availableReplicas"], 1);
}

#[test]
fn controllers_that_start_again_find_everything_as_it_should_be() {
    let mut fixture = with_deployment(3, "i:1");
    set_image(&mut fixture, "i:does-not-exist");
    let revision = fixture.world.store.revision();
    fixture.restart();
    fixture.settle();
    assert_eq!(fixture.world.store.revision(), revision);
    set_image(&mut fixture, "i:2");
    assert_eq!(images(&fixture), ["i:2"; 3]);
}

#[test]
fn clusters_do_not_see_each_other() {
    use crate::actors::kubernetes::{Bootstrap, NodeSpec, bootstrap_cluster};
    use crate::world::Named;
    let mut fixture = Fixture::kubernetes();
    let node = NodeSpec { name: "n".to_owned(), cpu: "4".to_owned(), memory: "8Gi".to_owned(), pods: 2 };
    for (cluster, nodes) in [("a", vec![node.clone()]), ("b", vec![node]), ("c", Vec::new())] {
        bootstrap_cluster(&mut fixture.world, cluster, &Bootstrap { nodes, light: true }).unwrap();
        fixture.settle();
        let mut deployment = deployment(2, "i:1");
        crate::content::default("apps", "deployments", &mut deployment);
        fixture.world.make(cluster, "apps", "deployments", deployment, "client").unwrap();
    }
    fixture.settle();
    let available = |fixture: &Fixture, cluster: &str| {
        let named = Named { cluster, group: "apps", plural: "deployments", namespace: "default", name: "d" };
        fixture
            .world
            .get(&named)
            .map(|deployment| deployment["status"]["availableReplicas"].as_i64().unwrap_or_default())
    };
    assert_eq!(["a", "b", "c"].map(|cluster| available(&fixture, cluster)), [Some(2), Some(2), Some(0)]);
    let named = Named { cluster: "a", group: "apps", plural: "deployments", namespace: "default", name: "d" };
    fixture.world.discard(&named, &crate::lifecycle::DeleteOptions::default()).unwrap();
    fixture.settle();
    assert_eq!(["a", "b", "c"].map(|cluster| available(&fixture, cluster)), [None, Some(2), Some(0)]);
    assert_eq!(["a", "b"].map(|cluster| fixture.world.list(cluster, "", "pods", None).len()), [0, 2]);
}
