//! Expected values are from `pkg/printers/internalversion/printers_test.go`.

use super::*;

const NOW: &str = "2026-11-24T12:00:00Z";

/// The cells of a built-in kind, as many as there are columns.
fn cells(group: &str, plural: &str, object: &Value) -> Value {
    let Some(Printer::Kind { columns, cells, .. }) = printer(group, plural, "") else { panic!("{plural}") };
    let cells = cells(object.as_object().unwrap(), NOW.parse().unwrap());
    assert_eq!(cells.len(), columns.len(), "{plural}");
    Value::Array(cells)
}

fn pod(spec: &Value, status: &Value) -> Value {
    let object = json!({"metadata": {"name": "p"}, "spec": spec, "status": status});
    let Value::Array(cells) = cells("", "pods", &object) else { unreachable!() };
    Value::Array(cells.into_iter().skip(1).take(3).collect())
}

fn ran(restarts: i64, ago: &str) -> Value {
    json!({"restartCount": restarts, "state": {"running": {}}, "lastState": {"terminated": {"finishedAt": ago}}})
}

#[test]
fn every_stored_kind_that_is_served_has_a_table() {
    use crate::kinds::{Flavour, Support, built_in};
    for flavour in [Flavour::Kubernetes, Flavour::Kcp] {
        for served in built_in(flavour).iter().filter(|served| served.support == Support::Full && !served.custom) {
            let stored = !served.storage_version_hash.is_empty();
            assert_eq!(printer(&served.group, &served.plural, "").is_some(), stored, "{}", served.plural);
        }
    }
}

#[test]
fn a_pod_shows_what_its_containers_do() {
    let two = json!({"containers": [{}, {}]});
    let (one, running) = (json!({"containers": [{}]}), json!({"running": {}}));
    let completed = json!({"terminated": {"reason": "Completed", "exitCode": 0}});
    let status = |all: Value| json!({"phase": "podPhase", "containerStatuses": all});
    let up = json!({"ready": true, "restartCount": 3, "state": running});
    assert_eq!(pod(&two, &status(json!([up, {"restartCount": 3}]))), json!(["1/2", "podPhase", "6"]));
    let waiting = json!({"state": {"waiting": {"reason": "ContainerWaitingReason"}}, "restartCount": 3});
    assert_eq!(pod(&two, &status(json!([up, waiting]))), json!(["1/2", "ContainerWaitingReason", "6"]));
    let ended = json!({"state": {"terminated": {"reason": "ContainerTerminatedReason"}}, "restartCount": 3});
    assert_eq!(pod(&two, &status(json!([waiting, ended]))), json!(["0/2", "ContainerWaitingReason", "6"]));
    let mut done =
        json!({"phase": "Running", "containerStatuses": [{"ready": true, "restartCount": 3, "state": completed}, up]});
    assert_eq!(pod(&two, &done), json!(["1/2", "NotReady", "6"]));
    done["conditions"] = json!([{"type": "Ready", "status": "True"}]);
    assert_eq!(pod(&two, &done), json!(["1/2", "Running", "6"]));
    let gated = json!({"phase": "podPhase", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]});
    assert_eq!(pod(&two, &gated), json!(["0/2", "SchedulingGated", "0"]));
    let failed = json!({"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"reason": "Error", "exitCode": 1}}}]});
    assert_eq!(pod(&one, &failed), json!(["0/1", "Error", "0"]));
    let signal =
        json!({"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"signal": 9, "exitCode": 137}}}]});
    assert_eq!(pod(&one, &signal), json!(["0/1", "Signal:9", "0"]));
}

#[test]
fn restarts_say_when_the_last_one_was() {
    let (seconds, minutes, days) = ("2026-11-24T11:59:50Z", "2026-11-24T11:58:00Z", "2026-11-19T12:00:00Z");
    let spec = |inits: usize| json!({"initContainers": vec![json!({}); inits], "containers": [{}]});
    let status = |inits: Value, main: Value| json!({"phase": "podPhase", "initContainerStatuses": inits, "containerStatuses": [main]});
    let (waiting, done) = (json!({"state": {"waiting": {}}}), json!({"state": {"terminated": {"exitCode": 0}}}));
    assert_eq!(
        pod(&spec(1), &status(json!([ran(3, seconds)]), waiting.clone())),
        json!(["0/1", "Init:0/1", "3 (10s ago)"])
    );
    assert_eq!(
        pod(&spec(2), &status(json!([done, ran(3, seconds)]), waiting.clone())),
        json!(["0/1", "Init:1/2", "3 (10s ago)"])
    );
    let restarted = json!({
        "restartCount": 2, "state": {"terminated": {"exitCode": 0}}, "lastState": {"terminated": {"finishedAt": minutes}},
    });
    assert_eq!(
        pod(&spec(2), &status(json!([restarted, ran(3, seconds)]), waiting)),
        json!(["0/1", "Init:1/2", "5 (10s ago)"])
    );
    assert_eq!(pod(&spec(1), &status(json!([restarted]), ran(4, seconds))), json!(["0/1", "podPhase", "4 (10s ago)"]));
    assert_eq!(pod(&spec(0), &status(json!([]), ran(3, days))), json!(["0/1", "podPhase", "3 (5d ago)"]));
}

/// From `TestPrintPodWithRestartableInitContainer`.
#[test]
fn an_init_container_that_goes_on_counts_as_a_container() {
    let spec = json!({
        "initContainers": [{"name": "a", "restartPolicy": "Always"}, {"name": "b"}], "containers": [{"name": "c"}],
    });
    let status = json!({
        "phase": "Running",
        "initContainerStatuses": [
            {"name": "a", "ready": true, "started": true, "restartCount": 1, "state": {"running": {}}},
            {"name": "b", "restartCount": 5, "state": {"terminated": {"exitCode": 0}}},
        ],
        "containerStatuses": [{"name": "c", "ready": true, "restartCount": 2, "state": {"running": {}}}],
    });
    assert_eq!(pod(&spec, &status), json!(["2/2", "Running", "3"]));
}

#[test]
fn a_pod_that_is_deleted_is_terminating_and_its_place_is_shown() {
    let mut object = json!({
        "metadata": {"name": "p", "creationTimestamp": "2026-11-24T11:00:00Z", "deletionTimestamp": NOW},
        "spec": {
            "containers": [{}], "nodeName": "n",
            "readinessGates": [{"conditionType": "a"}, {"conditionType": "b"}],
        },
        "status": {
            "phase": "Running", "podIPs": [{"ip": "1.1.1.1"}, {"ip": "2001:db8::"}],
            "conditions": [{"type": "a", "status": "True"}],
        },
    });
    assert_eq!(
        cells("", "pods", &object),
        json!(["p", "0/1", "Terminating", "0", "60m", "1.1.1.1", "n", "<none>", "1/2"])
    );
    object["status"]["reason"] = json!("NodeLost");
    assert_eq!(cells("", "pods", &object)[2], "Unknown");
    object["status"] = json!({"phase": "Succeeded"});
    assert_eq!(
        cells("", "pods", &object),
        json!(["p", "0/1", "Succeeded", "0", "60m", "<none>", "n", "<none>", "0/2"])
    );
}

#[test]
fn workloads_count_their_pods() {
    let spec = json!({
        "replicas": 5, "selector": {"matchLabels": {"foo": "bar"}},
        "template": {"spec": {"containers": [
            {"name": "fake-container1", "image": "fake-image1"}, {"name": "fake-container2", "image": "fake-image2"},
        ]}},
    });
    let object = |status: Value| json!({"metadata": {"name": "test1", "creationTimestamp": "2026-11-24T12:00:01Z"}, "spec": spec, "status": status});
    let (names, images) = ("fake-container1,fake-container2", "fake-image1,fake-image2");
    let deployment = object(json!({"updatedReplicas": 2, "availableReplicas": 1}));
    assert_eq!(
        cells("apps", "deployments", &deployment),
        json!(["test1", "0/5", 2, 1, "0s", names, images, "foo=bar"])
    );
    let set = object(json!({"replicas": 5, "readyReplicas": 2}));
    assert_eq!(cells("apps", "replicasets", &set), json!(["test1", 5, 5, 2, "0s", names, images, "foo=bar"]));
    assert_eq!(cells("apps", "statefulsets", &set), json!(["test1", "2/5", "0s", names, images]));
    let daemons = object(json!({
        "currentNumberScheduled": 2, "desiredNumberScheduled": 3, "numberReady": 1, "updatedNumberScheduled": 2,
    }));
    assert_eq!(
        cells("apps", "daemonsets", &daemons),
        json!(["test1", 3, 2, 1, 2, 0, "<none>", "0s", names, images, "foo=bar"])
    );
    // A bookmark has nothing but a revision.
    assert_eq!(
        cells("apps", "deployments", &json!({"metadata": {}})),
        json!(["", "0/0", 0, 0, "<unknown>", "", "", ""])
    );
    let budget =
        json!({"metadata": {"name": "pdb1"}, "spec": {"minAvailable": 22}, "status": {"disruptionsAllowed": 5}});
    assert_eq!(cells("policy", "poddisruptionbudgets", &budget), json!(["pdb1", "22", "N/A", 5, "<unknown>"]));
}

#[test]
fn services_show_where_they_are_reached() {
    let service = |spec: Value, ingress: Value| {
        let object = json!({"metadata": {"name": "s"}, "spec": spec, "status": {"loadBalancer": {"ingress": ingress}}});
        let Value::Array(cells) = cells("", "services", &object) else { unreachable!() };
        Value::Array(cells.into_iter().skip(1).collect())
    };
    let balanced = json!({"clusterIPs": ["1.2.3.4"], "type": "LoadBalancer", "ports": [{"port": 80, "protocol": "TCP"}], "selector": {"foo": "bar"}});
    let ingress = json!([{"ip": "2.3.4.5"}, {"ip": "3.4.5.6"}, {"ip": "5.6.7.8", "hostname": "host5678"}]);
    assert_eq!(
        service(balanced.clone(), ingress),
        json!(["LoadBalancer", "1.2.3.4", "2.3.4.5,3.4.5.6,5.6.7.8", "80/TCP", "<unknown>", "foo=bar"])
    );
    assert_eq!(service(balanced, json!([]))[2], "<pending>");
    let node = json!({"type": "NodePort", "clusterIPs": ["None"], "ports": [{"port": 1, "nodePort": 30000, "protocol": "UDP"}]});
    assert_eq!(service(node, json!([])), json!(["NodePort", "None", "<none>", "1:30000/UDP", "<unknown>", "<none>"]));
    let external = json!({"type": "ExternalName", "externalName": "example.com"});
    assert_eq!(
        service(external, json!([])),
        json!(["ExternalName", "<none>", "example.com", "<none>", "<unknown>", "<none>"])
    );
}

#[test]
fn endpoints_are_three_and_some_more() {
    let subsets = |subsets: Value| cells("", "endpoints", &json!({"metadata": {}, "subsets": subsets}))[1].clone();
    let addresses = |all: &[&str]| all.iter().map(|ip| json!({"ip": ip})).collect::<Value>();
    assert_eq!(subsets(json!([])), "<none>");
    assert_eq!(subsets(json!([{"addresses": addresses(&["1.2.3.4", "5.6.7.8"])}])), "1.2.3.4,5.6.7.8");
    let many = addresses(&["1.2.3.4", "5.6.7.8", "9.8.7.6", "6.6.6.6"]);
    assert_eq!(
        subsets(json!([{"addresses": many, "ports": [{"port": 8001}]}])),
        "1.2.3.4:8001,5.6.7.8:8001,9.8.7.6:8001 + 1 more..."
    );
    assert_eq!(subsets(json!([{"addresses": addresses(&["::1"]), "ports": [{"port": 1}]}])), "[::1]:1");
    let slice = json!({
        "metadata": {"name": "multiportslice.123"}, "addressType": "IPv4",
        "ports": [{"port": 80}, {"port": 443}, {"name": "extra1", "port": 3000}, {"port": 3001}],
        "endpoints": [{"addresses": ["10.1.2.3", "2001:db8::1234:5678"]}, {"addresses": ["10.2.3.4", "2001:db8::2345:6789"]}],
    });
    assert_eq!(
        cells("discovery.k8s.io", "endpointslices", &slice),
        json!([
            "multiportslice.123",
            "IPv4",
            "80,443,3000 + 1 more...",
            "10.1.2.3,2001:db8::1234:5678,10.2.3.4 + 1 more...",
            "<unknown>"
        ])
    );
    let empty = cells("discovery.k8s.io", "endpointslices", &json!({"metadata": {}, "ports": [{"name": "x"}, {}]}));
    assert_eq!((&empty[2], &empty[3]), (&json!("x,*"), &json!("<unset>")));
}

#[test]
fn nodes_show_whether_they_are_ready() {
    let node = |spec: Value, conditions: Value| {
        cells("", "nodes", &json!({"metadata": {}, "spec": spec, "status": {"conditions": conditions}}))[1].clone()
    };
    assert_eq!(node(json!({}), json!([{"type": "Ready", "status": "True"}])), "Ready");
    assert_eq!(
        node(json!({"unschedulable": true}), json!([{"type": "Ready", "status": "False"}])),
        "NotReady,SchedulingDisabled"
    );
    assert_eq!(node(json!({}), json!([{"type": "InvalidValue", "status": "True"}])), "Unknown");
    let object = json!({
        "metadata": {"name": "foo", "labels": {
            "node-role.kubernetes.io/worker": "", "kubernetes.io/role": "node", "node-role.kubernetes.io/": "x",
        }},
        "status": {
            "nodeInfo": {"kubeletVersion": "v1.36.0", "kernelVersion": "6.1", "architecture": "amd64"},
            "addresses": [{"type": "ExternalIP", "address": "8.8.8.8"}, {"type": "InternalIP", "address": "1.1.1.1"}],
        },
    });
    assert_eq!(
        cells("", "nodes", &object),
        json!([
            "foo",
            "Unknown",
            "node,worker",
            "<unknown>",
            "v1.36.0",
            "1.1.1.1",
            "8.8.8.8",
            "<unknown>",
            "6.1 (amd64)",
            "<unknown>"
        ])
    );
}

#[test]
fn events_are_shown_in_either_form() {
    let old = json!({
        "metadata": {"name": "event2"}, "source": {"component": "kubelet", "host": "Node1"},
        "involvedObject": {"kind": "Deployment", "name": "Deployment Name", "fieldPath": "spec.containers{foo}"},
        "reason": "Event Reason", "message": "Message Data\n", "type": "Warning", "count": 6,
        "firstTimestamp": "2026-11-21T12:00:00Z", "lastTimestamp": "2026-11-22T12:00:00Z", "eventTime": null,
    });
    let expected = json!([
        "2d",
        "Warning",
        "Event Reason",
        "deployment/Deployment Name",
        "spec.containers{foo}",
        "kubelet, Node1",
        "Message Data",
        "3d",
        6,
        "event2"
    ]);
    assert_eq!(cells("", "events", &old), expected);
    let mut new = json!({
        "metadata": {"name": "event2"}, "deprecatedSource": {"component": "kubelet", "host": "Node1"},
        "regarding": old["involvedObject"], "reason": "Event Reason", "note": "Message Data", "type": "Warning",
        "deprecatedCount": 6, "deprecatedFirstTimestamp": old["firstTimestamp"],
        "deprecatedLastTimestamp": old["lastTimestamp"], "eventTime": null,
    });
    assert_eq!(cells("events.k8s.io", "events", &new), expected);
    for field in ["deprecatedFirstTimestamp", "deprecatedLastTimestamp", "deprecatedCount", "deprecatedSource"] {
        new[field] = Value::Null;
    }
    new["eventTime"] = json!("2026-11-21T12:00:00.000000Z");
    new["reportingController"] = json!("c");
    let shown = cells("events.k8s.io", "events", &new);
    assert_eq!((&shown[0], &shown[5], &shown[8]), (&json!("3d"), &json!("c"), &json!(1)));
    new["series"] = json!({"count": 2, "lastObservedTime": "2026-11-22T12:00:00.000000Z"});
    let shown = cells("events.k8s.io", "events", &new);
    assert_eq!((&shown[0], &shown[7], &shown[8]), (&json!("2d"), &json!("3d"), &json!(2)));
}

#[test]
fn the_others_show_a_little() {
    let of = |rest: Value| {
        let mut object = json!({"metadata": {"name": "a", "creationTimestamp": "2026-11-24T11:55:00Z"}});
        object.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        object
    };
    for (group, plural, object, expected) in [
        ("", "namespaces", of(json!({"status": {"phase": "FooStatus"}})), json!(["a", "FooStatus", "5m"])),
        ("", "secrets", of(json!({"type": "Opaque", "data": {"x": "", "y": ""}})), json!(["a", "Opaque", 2, "5m"])),
        ("", "configmaps", of(json!({"data": {"x": ""}, "binaryData": {"y": ""}})), json!(["a", 2, "5m"])),
        ("", "serviceaccounts", of(json!({"secrets": [{"name": "s"}]})), json!(["a", "5m"])),
        (
            "coordination.k8s.io",
            "leases",
            of(json!({"spec": {"holderIdentity": "holder1"}})),
            json!(["a", "holder1", "5m"]),
        ),
        (
            "networking.k8s.io",
            "networkpolicies",
            of(json!({"spec": {"podSelector": {"matchLabels": {"foo": "bar"}}}})),
            json!(["a", "foo=bar", "5m"]),
        ),
        (
            "networking.k8s.io",
            "networkpolicies",
            of(json!({"spec": {"podSelector": {}}})),
            json!(["a", "<none>", "5m"]),
        ),
        (
            "scheduling.k8s.io",
            "priorityclasses",
            of(json!({"value": 1, "globalDefault": true, "preemptionPolicy": "Never"})),
            json!(["a", 1, true, "5m", "Never"]),
        ),
        (
            "",
            "resourcequotas",
            of(json!({"status": {
                "used": {"cpu": "1", "memory": "1Gi", "limits.cpu": "2"},
                "hard": {"cpu": "100", "memory": "4Gi", "pods": "10", "limits.cpu": "200"},
            }})),
            json!(["a", "cpu: 1/100, memory: 1Gi/4Gi, pods: 0/10", "limits.cpu: 2/200", "5m"]),
        ),
        (
            "rbac.authorization.k8s.io",
            "clusterrolebindings",
            of(json!({
                "roleRef": {"kind": "Role", "name": "role-name"},
                "subjects": [
                    {"kind": "User", "name": "user-name"}, {"kind": "Group", "name": "group-name"},
                    {"kind": "ServiceAccount", "name": "service-account-name", "namespace": "service-account-namespace"},
                ],
            })),
            json!([
                "a",
                "Role/role-name",
                "5m",
                "user-name",
                "group-name",
                "service-account-namespace/service-account-name"
            ]),
        ),
    ] {
        assert_eq!(cells(group, plural, &object), expected, "{plural}");
    }
    let Some(Printer::Kind { cells, .. }) = printer("apps", "deployments", "scale") else { panic!() };
    let scale = of(json!({"spec": {"replicas": 2}, "status": {"replicas": 1}}));
    assert_eq!(cells(scale.as_object().unwrap(), NOW.parse().unwrap()), [json!("a"), json!(2), json!(1), json!("5m")]);
}
