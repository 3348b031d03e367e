//! What a new cluster holds before anybody uses it.
//!
//! Facts: `pkg/controlplane/{controller/{systemnamespaces,kubernetesservice}}`, `pkg/registry/{rbac,scheduling}/rest`,
//! `pkg/kubelet/kubelet_node_status.go` of Kubernetes 1.36.

use serde_json::{Value, json};

use crate::access::bootstrap;
use crate::status::Failure;
use crate::time;
use crate::world::{Named, World};

const SERVER: &str = "kube-apiserver";

/// What is to be in it.
#[derive(Debug, Clone, Default)]
pub struct Bootstrap {
    /// Its nodes.
    pub nodes: Vec<NodeSpec>,
    /// Nothing but its nodes and the namespaces `default` and `kube-system`, for many clusters at once. Nobody but members of
    /// `system:masters` may do anything there.
    pub light: bool,
}

/// A node.
#[derive(Debug, Clone)]
pub struct NodeSpec {
    /// Its name.
    pub name: String,
    /// Its processors, as a quantity: `4`.
    pub cpu: String,
    /// Its memory, as a quantity: `16Gi`.
    pub memory: String,
    /// How many pods it takes.
    pub pods: u32,
}

/// Adds a cluster with what a new one holds. What is there already stays, so that it may be done twice.
pub fn bootstrap_cluster(world: &mut World, cluster: &str, bootstrap: &Bootstrap) -> Result<(), Failure> {
    world.add_cluster(cluster);
    let namespaces: &[&str] = if bootstrap.light {
        &["default", "kube-system"]
    } else {
        &["default", "kube-node-lease", "kube-public", "kube-system"]
    };
    for name in namespaces {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        add(world, cluster, ("", "namespaces"), namespace, SERVER)?;
    }
    for (place, node) in (1_u32..).zip(&bootstrap.nodes) {
        let node = self::node(world, node, place);
        add(world, cluster, ("", "nodes"), node, "kubelet")?;
    }
    if bootstrap.light {
        return Ok(());
    }
    for (kind, object) in bootstrap::plain() {
        add(world, cluster, ("rbac.authorization.k8s.io", kind.resource()), object, SERVER)?;
    }
    for class in classes() {
        add(world, cluster, ("scheduling.k8s.io", "priorityclasses"), class, SERVER)?;
    }
    add(world, cluster, ("", "services"), service(), SERVER)
}

fn add(
    world: &mut World,
    cluster: &str,
    (group, plural): (&str, &str),
    object: Value,
    manager: &str,
) -> Result<(), Failure> {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
    let (namespace, name) = (text("namespace"), text("name"));
    if world.kept(&Named { cluster, group, plural, namespace: &namespace, name: &name }).is_some() {
        return Ok(());
    }
    world.make(cluster, group, plural, object, manager).map(drop)
}

fn classes() -> [Value; 2] {
    let class = |name: &str, value: i64, description: &str| {
        json!({
            "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name},
            "value": value, "description": description, "preemptionPolicy": "PreemptLowerPriority",
        })
    };
    [
        class(
            "system-node-critical",
            2_000_001_000,
            "Used for system critical pods that must not be moved from their current node.",
        ),
        class(
            "system-cluster-critical",
            2_000_000_000,
            "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
        ),
    ]
}

/// The address of the server within the cluster.
fn service() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "kubernetes",
            "namespace": "default",
            "labels": {"component": "apiserver", "provider": "kubernetes"},
        },
        "spec": {
            "clusterIP": "10.96.0.1",
            "clusterIPs": ["10.96.0.1"],
            "internalTrafficPolicy": "Cluster",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "ports": [{"name": "https", "protocol": "TCP", "port": 443, "targetPort": 6443}],
            "sessionAffinity": "None",
            "type": "ClusterIP",
        },
    })
}

/// A node as its kubelet registers it, and as it is when it is ready.
fn node(world: &mut World, node: &NodeSpec, place: u32) -> Value {
    let now = time::written(world.now);
    let condition = |kind: &str, status: &str, reason: &str, message: &str| {
        json!({
            "type": kind, "status": status, "lastHeartbeatTime": now, "lastTransitionTime": now, "reason": reason,
            "message": message,
        })
    };
    let conditions = json!([
        condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        condition("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
    ]);
    let resources = json!({
        "cpu": node.cpu, "memory": node.memory, "pods": node.pods.to_string(), "ephemeral-storage": "100Gi", "hugepages-2Mi": "0",
    });
    let [_, _, high, low] = place.to_be_bytes();
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": node.name,
            "labels": {
                "beta.kubernetes.io/arch": "amd64",
                "beta.kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/hostname": node.name,
                "kubernetes.io/os": "linux",
            },
            "annotations": {"volumes.kubernetes.io/controller-managed-attach-detach": "true"},
        },
        "spec": {},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": format!("172.18.{high}.{low}")},
                {"type": "Hostname", "address": node.name},
            ],
            "allocatable": resources,
            "capacity": resources,
            "conditions": conditions,
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "nodeInfo": {
                "architecture": "amd64",
                "bootID": world.random.uuid(),
                "containerRuntimeVersion": "containerd://2.2.0",
                "kernelVersion": "6.12.0",
                "kubeProxyVersion": "",
                "kubeletVersion": "v1.36.0",
                "machineID": world.random.uuid().replace('-', ""),
                "operatingSystem": "linux",
                "osImage": "Debian GNU/Linux 13 (trixie)",
                "systemUUID": world.random.uuid(),
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::testing::Fixture;

    #[test]
    fn a_new_cluster_holds_what_a_server_and_its_nodes_write() {
        let mut fixture = Fixture::kubernetes();
        let node = NodeSpec { name: "n".to_owned(), cpu: "4".to_owned(), memory: "8Gi".to_owned(), pods: 110 };
        let full = Bootstrap { nodes: vec![node.clone()], light: false };
        bootstrap_cluster(&mut fixture.world, "full", &full).unwrap();
        bootstrap_cluster(&mut fixture.world, "light", &Bootstrap { light: true, ..full.clone() }).unwrap();
        fixture.settle();
        let count = |cluster: &str, group: &str, plural: &str| fixture.world.list(cluster, group, plural, None).len();
        assert_eq!((count("full", "", "namespaces"), count("light", "", "namespaces")), (4, 2));
        assert_eq!((count("full", "", "nodes"), count("light", "", "nodes")), (1, 1));
        assert_eq!((count("full", "", "serviceaccounts"), count("light", "", "serviceaccounts")), (4, 2));
        assert_eq!((count("full", "scheduling.k8s.io", "priorityclasses"), count("full", "", "services")), (2, 1));
        let rbac = "rbac.authorization.k8s.io";
        assert_eq!(
            count("full", rbac, "clusterroles") + count("full", rbac, "clusterrolebindings"),
            bootstrap::plain().len()
        );
        assert_eq!(count("light", rbac, "clusterroles"), 0);
        let admin = Named { cluster: "full", group: rbac, plural: "clusterroles", namespace: "", name: "admin" };
        assert!(fixture.world.get(&admin).unwrap()["rules"].as_array().is_some_and(|rules| rules.len() > 5));
        let revision = fixture.world.store.revision();
        bootstrap_cluster(&mut fixture.world, "full", &full).unwrap();
        assert_eq!(fixture.world.store.revision(), revision);
        assert_eq!(
            fixture
                .world
                .get(&Named { cluster: "full", group: "", plural: "nodes", namespace: "", name: "n" })
                .unwrap()["status"]["allocatable"]["cpu"],
            "4"
        );
    }
}
