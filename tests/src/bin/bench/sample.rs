//! Objects as a hub keeps them.

use serde_json::{Value, json};

/// A SyncTarget of that name, Ready, with all that its status says of the cluster and of what was deployed there.
pub(crate) fn target(name: &str) -> Value {
    let resource = |group: &str, resource: &str| json!({ "group": group, "version": "v1", "resource": resource });
    let amount = json!({ "cpu": "16", "memory": "64Gi", "pods": "220" });
    json!({
        "apiVersion": "workload.kcp.io/v1alpha1", "kind": "SyncTarget",
        "metadata": {
            "name": name, "uid": uid(name, 0), "resourceVersion": "123456", "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["berthage.dev/syncer"],
        },
        "spec": {
            "clusterRef": { "name": name },
            "supportedAPIResources": [
                resource("apps", "deployments"), resource("", "configmaps"), resource("", "services"),
            ],
            "syncerConfig": { "replicas": 2, "image": "ghcr.io/berthage/syncer:v0.1.0" },
        },
        "status": {
            "observedGeneration": 1, "phase": "Ready", "lastSyncTime": "2026-01-01T00:00:10Z",
            "allocatable": amount, "capacity": amount,
            "cluster": {
                "name": name, "nodes": 2, "uid": uid(name, 1), "version": "v1.36.0",
                "secretRef": { "key": "kubeconfig", "name": format!("{name}-kubeconfig"), "namespace": "default" },
            },
            "conditions": conditions(name),
            "inventory": inventory(name),
            "syncer": {
                "credential": {
                    "expiresAt": "2026-01-08T00:00:00Z", "issuedAt": "2026-01-01T00:00:00Z", "profile": hash(name, 1, 16),
                    "serial": hash(name, 2, 32), "type": "ClientCertificate",
                },
                "image": "ghcr.io/berthage/syncer:v0.1.0", "readyReplicas": 2, "replicas": 2, "revision": hash(name, 3, 32),
            },
        },
    })
}

/// The ClusterRegistration of the same name.
pub(crate) fn registration(name: &str) -> Value {
    json!({
        "apiVersion": "tmc.kcp.io/v1alpha1", "kind": "ClusterRegistration",
        "metadata": { "name": name, "uid": "1", "resourceVersion": "1" },
        "spec": { "kubeConfigSecretRef": { "namespace": "default", "name": name } },
        "status": { "clusterInfo": { "version": "v1.36.0", "uid": uid(name, 1) } },
    })
}

fn conditions(name: &str) -> Value {
    let conditions = [
        ("Ready", "True", "The syncer is deployed and in contact with the hub.".to_owned()),
        ("ClusterConnected", "True", format!("ClusterRegistration {name} answers.")),
        ("SyncerDeployed", "True", "Deployment berthage-syncer has 2 of 2 replicas ready.".to_owned()),
        ("CredentialsValid", "True", "The syncer's credential is valid until 2026-01-08T00:00:00Z.".to_owned()),
        ("SyncerHealthy", "True", "The syncer renews its Lease.".to_owned()),
        ("TemplateRendered", "True", "The templates give the syncer's manifests.".to_owned()),
        ("PluginsHealthy", "True", "All plugins answer.".to_owned()),
        ("Drifted", "False", "Everything is as it was applied.".to_owned()),
    ];
    let condition = |(kind, status, message): (&str, &str, String)| {
        json!({
            "type": kind, "status": status, "reason": "AsExpected", "observedGeneration": 1,
            "lastTransitionTime": "2026-01-01T00:00:00Z", "message": message,
        })
    };
    conditions.into_iter().map(condition).collect()
}

fn inventory(name: &str) -> Value {
    let namespace = format!("kcp-syncer-{}", hash(name, 4, 32));
    let kinds = [
        ("v1", "Namespace"),
        ("v1", "ServiceAccount"),
        ("v1", "Secret"),
        ("rbac.authorization.k8s.io/v1", "ClusterRole"),
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
        ("networking.k8s.io/v1", "NetworkPolicy"),
        ("apps/v1", "Deployment"),
        ("policy/v1", "PodDisruptionBudget"),
    ];
    let entry = |(number, (api_version, kind)): (u64, &(&str, &str))| {
        let scoped = kind.starts_with("Cluster") || *kind == "Namespace";
        let mut entry = json!({
            "apiVersion": api_version, "kind": kind, "hash": hash(name, 10 + number, 32), "seen": format!("r{}", 7000 + number),
            "name": if scoped { namespace.clone() } else { "berthage-syncer".to_owned() }, "uid": uid(name, 10 + number),
        });
        if !scoped {
            entry["namespace"] = json!(namespace);
        }
        entry
    };
    (0..).zip(&kinds).map(entry).collect()
}

/// Text that looks like a hash, and is another one for another name.
fn hash(name: &str, salt: u64, length: usize) -> String {
    let seed = berthage_core::backoff::stable_hash([name, &salt.to_string()]);
    let more = berthage_core::backoff::stable_hash([&salt.to_string(), name]);
    format!("{seed:016x}{more:016x}")[..length].to_owned()
}

fn uid(name: &str, salt: u64) -> String {
    let text = hash(name, salt, 32);
    [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-")
}
