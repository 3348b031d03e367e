//! Pods get a node, run, wait and end.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{AtOnce, Kubelet, Pace, report};
use crate::actors::Next;
use crate::actors::testing::{BEGIN, Fixture, conditions};

fn pod(name: &str, spec: &Value) -> Value {
    let mut all = json!({"containers": [{"name": "c", "image": "i:1"}], "terminationGracePeriodSeconds": 30});
    all.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"}, "spec": all,
        "status": {"phase": "Pending", "qosClass": "BestEffort"},
    })
}

fn with_node() -> Fixture {
    let mut fixture = Fixture::kubernetes();
    fixture.node("node", 2);
    fixture
}

fn read(fixture: &Fixture, name: &str) -> Value {
    fixture.get("pods", "default", name)
}

#[test]
fn a_pod_runs() {
    let mut fixture = with_node();
    fixture.make(pod("p", &json!({})));
    assert_eq!(fixture.settle(), Next::Idle);
    let pod = read(&fixture, "p");
    assert_eq!(pod["spec"]["nodeName"], "node");
    let condition = |kind: &str| {
        json!({
            "type": kind, "status": "True", "lastProbeTime": null, "lastTransitionTime": BEGIN, "observedGeneration": 1,
        })
    };
    let ip = pod["status"]["podIP"].clone();
    let (id, image) =
        (&pod["status"]["containerStatuses"][0]["containerID"], &pod["status"]["containerStatuses"][0]["imageID"]);
    assert!(ip.as_str().unwrap().starts_with("10."));
    assert!(id.as_str().unwrap().starts_with("containerd://"));
    assert!(image.as_str().unwrap().starts_with("docker.io/library/i@sha256:"));
    assert_eq!(
        pod["status"],
        json!({
            "phase": "Running", "qosClass": "BestEffort", "startTime": BEGIN, "observedGeneration": 1,
            "hostIP": "172.18.0.1", "hostIPs": [{"ip": "172.18.0.1"}], "podIP": ip, "podIPs": [{"ip": ip}],
            "conditions": [
                condition("PodReadyToStartContainers"), condition("Initialized"), condition("Ready"),
                condition("ContainersReady"), condition("PodScheduled"),
            ],
            "containerStatuses": [{
                "name": "c", "image": "i:1", "imageID": image, "containerID": id, "ready": true, "started": true,
                "restartCount": 0, "lastState": {}, "resources": {}, "state": {"running": {"startedAt": BEGIN}},
            }],
        })
    );
    let fields = pod["metadata"]["managedFields"].as_array().unwrap();
    assert_eq!(
        fields.last().map(|entry| (&entry["manager"], &entry["subresource"])),
        Some((&json!("kubelet"), &json!("status")))
    );
}

#[test]
fn a_pod_without_a_node_says_why_until_there_is_one() {
    let mut fixture = Fixture::kubernetes();
    fixture.make(pod("p", &json!({"nodeSelector": {"kubernetes.io/hostname": "two"}})));
    fixture.settle();
    let message = |fixture: &Fixture| {
        let pod = read(fixture, "p");
        assert_eq!(pod["status"]["phase"], "Pending");
        assert_eq!(conditions(&pod), [("PodScheduled", "False", "Unschedulable")]);
        pod["status"]["conditions"][0]["message"].as_str().unwrap().to_owned()
    };
    assert_eq!(message(&fixture), "no nodes available to schedule pods");
    fixture.node("one", 1);
    assert_eq!(
        message(&fixture),
        "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. no new claims to deallocate, \
         preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
    );
    fixture.node("two", 1);
    assert_eq!(read(&fixture, "p")["spec"]["nodeName"], "two");
    assert_eq!(read(&fixture, "p")["status"]["phase"], "Running");
}

#[test]
fn pods_spread_and_wait_for_room() {
    let mut fixture = with_node();
    fixture.node("other", 1);
    for name in ["a", "b", "c", "d"] {
        fixture.make(pod(name, &json!({})));
    }
    fixture.settle();
    let nodes: Vec<Value> =
        ["a", "b", "c"].iter().map(|name| read(&fixture, name)["spec"]["nodeName"].clone()).collect();
    assert_eq!(nodes, ["node", "other", "node"]);
    assert_eq!(
        read(&fixture, "d")["status"]["conditions"][0]["message"],
        "0/2 nodes are available: 2 Too many pods. no new claims to deallocate, preemption: 0/2 nodes are available: 2 No \
         preemption victims found for incoming pod."
    );
    fixture.delete("pods", "default", "b");
    fixture.settle();
    assert_eq!(read(&fixture, "d")["spec"]["nodeName"], "other");
}

#[test]
fn a_pod_waits_for_what_it_mounts() {
    let mut fixture = with_node();
    let volumes = json!([{"name": "s", "secret": {"secretName": "s"}}, {"name": "o", "configMap": {"name": "o", "optional": true}}]);
    fixture.make(pod("p", &json!({"volumes": volumes})));
    fixture.settle();
    let waiting = read(&fixture, "p");
    assert_eq!(waiting["status"]["phase"], "Pending");
    assert_eq!(
        conditions(&waiting),
        [
            ("PodReadyToStartContainers", "False", ""),
            ("Initialized", "True", ""),
            ("Ready", "False", "ContainersNotReady"),
            ("ContainersReady", "False", "ContainersNotReady"),
            ("PodScheduled", "True", ""),
        ]
    );
    assert_eq!(waiting["status"]["conditions"][2]["message"], "containers with unready status: [c]");
    let container = &waiting["status"]["containerStatuses"][0];
    assert_eq!(container["state"], json!({"waiting": {"reason": "ContainerCreating"}}));
    assert_eq!(waiting["status"].get("podIP"), None);
    fixture.make(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "default"}, "type": "Opaque"}));
    fixture.settle();
    assert_eq!(read(&fixture, "p")["status"]["phase"], "Running");
    // What it has mounted may go.
    fixture.delete("secrets", "default", "s");
    fixture.settle();
    assert_eq!(read(&fixture, "p")["status"]["phase"], "Running");
}

#[test]
fn a_container_waits_for_its_environment() {
    let mut fixture = with_node();
    let from = json!({"secretKeyRef": {"name": "s", "key": "k"}});
    let containers = json!([{"name": "c", "image": "i", "env": [{"name": "E", "valueFrom": from}]}]);
    fixture.make(pod("p", &json!({"containers": containers})));
    fixture.settle();
    let state = |fixture: &Fixture| read(fixture, "p")["status"]["containerStatuses"][0]["state"].clone();
    let waits = |message: &str| json!({"waiting": {"reason": "CreateContainerConfigError", "message": message}});
    assert_eq!(state(&fixture), waits("secret \"s\" not found"));
    let secret =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "default"}, "data": {}});
    fixture.make(secret);
    fixture.settle();
    assert_eq!(state(&fixture), waits("couldn't find key k in Secret default/s"));
    fixture.change("secrets", "default", "s", |secret| secret["data"] = json!({"k": "dg=="}));
    fixture.settle();
    assert_eq!(state(&fixture), json!({"running": {"startedAt": BEGIN}}));
}

#[test]
fn an_image_that_does_not_exist_is_not_pulled() {
    let mut fixture = with_node();
    let containers = json!([{"name": "c", "image": "i:does-not-exist"}, {"name": "d", "image": "i"}]);
    fixture.make(pod("p", &json!({"containers": containers})));
    assert_eq!(fixture.settle(), Next::At(Fixture::after(10)));
    let state = |fixture: &Fixture| read(fixture, "p")["status"]["containerStatuses"][0]["state"]["waiting"].clone();
    let image = "docker.io/library/i:does-not-exist";
    let error = format!(
        "rpc error: code = NotFound desc = failed to pull and unpack image \"{image}\": failed to resolve reference \
         \"{image}\": {image}: not found"
    );
    assert_eq!(state(&fixture), json!({"reason": "ErrImagePull", "message": error}));
    fixture.pass(10);
    let message = format!("Back-off pulling image \"i:does-not-exist\": ErrImagePull: {error}");
    assert_eq!(state(&fixture), json!({"reason": "ImagePullBackOff", "message": message}));
    let pod = read(&fixture, "p");
    assert_eq!(
        (&pod["status"]["phase"], &pod["status"]["containerStatuses"][1]["started"]),
        (&json!("Pending"), &json!(true))
    );
    assert_eq!(pod["status"]["conditions"][2]["message"], "containers with unready status: [c d]");
    fixture.delete("pods", "default", "p");
    fixture.settle();
    assert_eq!(read(&fixture, "p"), Value::Null);
}

#[test]
fn containers_that_run_before_the_others_end_or_run_beside_them() {
    let mut fixture = with_node();
    let init = json!([{"name": "a", "image": "i"}, {"name": "b", "image": "i", "restartPolicy": "Always"}]);
    fixture.make(pod("p", &json!({"initContainers": init})));
    fixture.make(pod(
        "q",
        &json!({"initContainers": [{"name": "a", "image": "i"}, {"name": "b", "image": "does-not-exist"}]}),
    ));
    fixture.settle();
    let states = |name: &str| -> Vec<Value> {
        let status = read(&fixture, name)["status"].clone();
        let all = ["initContainerStatuses", "containerStatuses"].map(|field| status[field].as_array().unwrap().clone());
        all.concat()
            .into_iter()
            .map(|status| status["state"].as_object().unwrap().keys().next().unwrap().clone().into())
            .collect()
    };
    assert_eq!(states("p"), ["terminated", "running", "running"]);
    assert_eq!(read(&fixture, "p")["status"]["phase"], "Running");
    assert_eq!(states("q"), ["terminated", "waiting", "waiting"]);
    let waiting = read(&fixture, "q");
    assert_eq!(waiting["status"]["containerStatuses"][0]["state"]["waiting"]["reason"], "PodInitializing");
    assert_eq!(waiting["status"]["conditions"][1]["message"], "containers with incomplete status: [b]");
}

#[test]
fn a_pod_starts_and_stops_at_its_pace() {
    let pace = Pace { start: Duration::from_secs(3), stop: Duration::from_secs(4) };
    let mut fixture = Fixture::with(pace, Box::new(AtOnce));
    fixture.node("node", 2);
    fixture.make(pod("p", &json!({})));
    assert_eq!(fixture.settle(), Next::At(Fixture::after(3)));
    assert_eq!(
        read(&fixture, "p")["status"]["containerStatuses"][0]["state"]["waiting"]["reason"],
        "ContainerCreating"
    );
    fixture.pass(3);
    assert_eq!(read(&fixture, "p")["status"]["phase"], "Running");
    fixture.delete("pods", "default", "p");
    assert_eq!(fixture.settle(), Next::At(Fixture::after(7)));
    assert_eq!(read(&fixture, "p")["metadata"]["deletionGracePeriodSeconds"], 30);
    fixture.pass(4);
    assert_eq!(read(&fixture, "p"), Value::Null);
}

#[test]
fn a_pod_that_a_finalizer_holds_has_ended() {
    let mut fixture = with_node();
    let mut held = pod("p", &json!({}));
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    fixture.make(held);
    fixture.settle();
    fixture.delete("pods", "default", "p");
    assert_eq!(fixture.settle(), Next::Idle);
    let ended = read(&fixture, "p");
    assert_eq!(ended["status"]["phase"], "Succeeded");
    assert_eq!(ended["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"], 0);
    assert_eq!(
        conditions(&ended),
        [
            ("PodReadyToStartContainers", "False", ""),
            ("Initialized", "True", "PodCompleted"),
            ("Ready", "False", "PodCompleted"),
            ("ContainersReady", "False", "PodCompleted"),
            ("PodScheduled", "True", ""),
        ]
    );
    fixture.change("pods", "default", "p", |pod| pod["metadata"]["finalizers"] = json!([]));
    fixture.settle();
    assert_eq!(read(&fixture, "p"), Value::Null);
}

/// Writes down what it is told.
#[derive(Debug, Default)]
struct Written(Arc<Mutex<Vec<String>>>);

impl Written {
    fn write(&self, what: &str, cluster: &str, pod: &Map<String, Value>) {
        let name = pod["metadata"]["name"].as_str().unwrap();
        self.0.lock().unwrap().push(format!("{what} {cluster}/{name}"));
    }
}

impl Kubelet for Written {
    fn started(&mut self, cluster: &str, pod: &Map<String, Value>) -> bool {
        self.write("started", cluster, pod);
        false
    }

    fn stopped(&mut self, cluster: &str, pod: &Map<String, Value>) {
        self.write("stopped", cluster, pod);
    }
}

#[test]
fn a_kubelet_starts_a_pod_once_and_says_when_it_is_ready() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let mut fixture = Fixture::with(Pace::default(), Box::new(Written(Arc::clone(&told))));
    fixture.node("node", 2);
    fixture.make(pod("p", &json!({})));
    fixture.settle();
    let pod = read(&fixture, "p");
    let ready = |fixture: &Fixture| {
        let pod = read(fixture, "p");
        (pod["status"]["containerStatuses"][0]["ready"] == true, conditions(&pod)[2].1 == "True")
    };
    assert_eq!((pod["status"]["phase"].as_str(), ready(&fixture)), (Some("Running"), (false, false)));
    let uid = pod["metadata"]["uid"].as_str().unwrap();
    for is_ready in [true, false, true] {
        fixture.world.now = Fixture::after(1);
        assert!(report(&mut fixture.world, "one", "default", "p", uid, is_ready));
        fixture.settle();
        assert_eq!(ready(&fixture), (is_ready, is_ready));
    }
    assert!(!report(&mut fixture.world, "one", "default", "p", "another", true));
    assert_eq!(
        read(&fixture, "p")["status"]["containerStatuses"][0]["state"],
        json!({"running": {"startedAt": BEGIN}})
    );
    fixture.delete("pods", "default", "p");
    fixture.settle();
    assert_eq!(*told.lock().unwrap(), ["started one/p", "stopped one/p"]);
    assert!(!report(&mut fixture.world, "one", "default", "p", uid, true));
}
