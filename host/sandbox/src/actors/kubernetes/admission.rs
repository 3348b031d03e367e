//! What admission gives to every pod that comes: an account with its token, time to leave a node that is lost, a priority; and
//! the status that it begins with.
//!
//! A server admits the pods of clients in the same way. Facts: `plugin/pkg/admission/{serviceaccount,defaulttolerationseconds,
//! priority}`, `PrepareForCreate` of `pkg/registry/core/pod/strategy.go`, `pkg/apis/core/helper/qos`. Not here: that Secrets which
//! an account does not list are refused (`enforce-mountable-secrets`), and classes of priority that are the default of a cluster.

use serde_json::{Value, json};

use crate::actors::reading::{Object, at, list, part, text, word};
use crate::content::first_pod_status;
use crate::status::Failure;

use crate::world::{Named, World};

const TOKEN_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Admits a pod that has its defaults, or says why it may not come.
pub fn admit(world: &mut World, cluster: &str, namespace: &str, pod: &mut Object) -> Result<(), Failure> {
    account(world, cluster, namespace, pod)?;
    tolerations(pod);
    priority(world, cluster, pod)?;
    let status = first_pod_status(pod, world.now);
    pod.insert("status".to_owned(), status);
    Ok(())
}

fn forbidden(pod: &Object, why: &str) -> Failure {
    let name = match text(pod, &["metadata", "name"]) {
        "" => text(pod, &["metadata", "generateName"]),
        name => name,
    };
    Failure::forbidden("", "pods", name, why)
}

fn account(world: &mut World, cluster: &str, namespace: &str, pod: &mut Object) -> Result<(), Failure> {
    let name = match text(pod, &["spec", "serviceAccountName"]) {
        "" => "default".to_owned(),
        name => name.to_owned(),
    };
    let named = Named { cluster, group: "", plural: "serviceaccounts", namespace, name: &name };
    let Some(account) = world.get(&named) else {
        let missing = Failure::not_found("", "serviceaccount", &name);
        let why = format!("error looking up service account {namespace}/{name}: {}", missing.message);
        return Err(forbidden(pod, &why));
    };
    let said =
        at(pod, &["spec", "automountServiceAccountToken"]).or_else(|| account.get("automountServiceAccountToken"));
    let mounts = said != Some(&Value::Bool(false));
    let volume = list(pod, &["spec", "volumes"]).map(|volume| word(volume, "name"));
    let present = volume.into_iter().find(|name| name.starts_with("kube-api-access-")).map(str::to_owned);
    let volume = present.clone().unwrap_or_else(|| format!("kube-api-access-{}", world.random.letters(5)));
    let Some(spec) = part(pod, "spec") else { return Ok(()) };
    spec.insert("serviceAccountName".to_owned(), json!(name));
    spec.insert("serviceAccount".to_owned(), json!(name));
    if mounts && mount(spec, &volume) && present.is_none() {
        let volumes = spec.entry("volumes").or_insert_with(|| json!([]));
        if let Some(volumes) = volumes.as_array_mut() {
            volumes.push(token_volume(&volume));
        }
    }
    let secrets =
        account.get("imagePullSecrets").filter(|secrets| secrets.as_array().is_some_and(|all| !all.is_empty()));
    if let Some(secrets) = secrets {
        spec.entry("imagePullSecrets").or_insert_with(|| secrets.clone());
    }
    Ok(())
}

/// Mounts the token where nothing else is mounted; whether any container needs it.
fn mount(spec: &mut Object, volume: &str) -> bool {
    let mut needed = false;
    for containers in ["initContainers", "containers"] {
        let containers = spec.get_mut(containers).and_then(Value::as_array_mut).into_iter().flatten();
        for container in containers.filter_map(Value::as_object_mut) {
            let mounts = container.entry("volumeMounts").or_insert_with(|| json!([]));
            let Some(mounts) = mounts.as_array_mut() else { continue };
            if mounts.iter().all(|mount| mount["mountPath"] != TOKEN_PATH) {
                mounts.push(json!({"name": volume, "readOnly": true, "mountPath": TOKEN_PATH}));
                needed = true;
            }
        }
    }
    needed
}

fn token_volume(name: &str) -> Value {
    let namespace = json!({"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}});
    json!({
        "name": name,
        "projected": {
            "defaultMode": 420,
            "sources": [
                {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                {"downwardAPI": {"items": [namespace]}},
            ],
        },
    })
}

fn tolerations(pod: &mut Object) {
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let tolerates = |toleration: &Value| {
            ["", key].contains(&word(toleration, "key")) && ["", "NoExecute"].contains(&word(toleration, "effect"))
        };
        if list(pod, &["spec", "tolerations"]).any(tolerates) {
            continue;
        }
        let Some(spec) = part(pod, "spec") else { return };
        let tolerations = spec.entry("tolerations").or_insert_with(|| json!([]));
        if let Some(tolerations) = tolerations.as_array_mut() {
            let toleration = json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300});
            tolerations.push(toleration);
        }
    }
}

fn priority(world: &World, cluster: &str, pod: &mut Object) -> Result<(), Failure> {
    let class = text(pod, &["spec", "priorityClassName"]);
    let (mut value, mut policy) = (json!(0), json!("PreemptLowerPriority"));
    if !class.is_empty() {
        let named =
            Named { cluster, group: "scheduling.k8s.io", plural: "priorityclasses", namespace: "", name: class };
        let Some(class) = world.get(&named) else {
            return Err(forbidden(pod, &format!("no PriorityClass with name {class} was found")));
        };
        value = class.get("value").cloned().unwrap_or(value);
        policy = class.get("preemptionPolicy").cloned().unwrap_or(policy);
    }
    if let Some(spec) = part(pod, "spec") {
        spec.insert("priority".to_owned(), value);
        spec.entry("preemptionPolicy").or_insert(policy);
    }
    Ok(())
}
