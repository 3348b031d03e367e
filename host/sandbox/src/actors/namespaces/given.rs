//! What every namespace has: the certificate that clients in the cluster trust, and an account for pods that name none.

use serde_json::{Value, json};

use crate::actors::manager;
use crate::lifecycle::Subresource;
use crate::world::{Changed, Named, World, annotation};

const ROOT_CA: &str = "kube-root-ca.crt";
const DESCRIPTION: &str = "kubernetes.io/description";
const DESCRIBED: &str = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints \
                         such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across \
                         distributions of Kubernetes clusters.";

/// What is given.
#[derive(Debug)]
pub(super) struct Given {
    root_ca: Box<str>,
}

/// Whether it may have to be given again.
pub(super) fn concerns(changed: &Changed) -> bool {
    (changed.is("", "configmaps") && *changed.name == *ROOT_CA)
        || (changed.is("", "serviceaccounts") && &*changed.name == "default")
}

impl Given {
    pub(super) fn new(root_ca: &str) -> Self {
        Self { root_ca: root_ca.into() }
    }

    /// Gives a namespace what it lacks. Whoever deletes it, or changes the certificate, gets it back as it was.
    pub(super) fn give(&self, world: &mut World, cluster: &str, namespace: &str) {
        let manager = manager(world.flavour);
        let of = |plural, name| Named { cluster, group: "", plural, namespace, name };
        // What cannot be given now is when the namespace changes the next time.
        let account = of("serviceaccounts", "default");
        if world.kept(&account).is_none() {
            let metadata = json!({"name": "default", "namespace": namespace});
            let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata});
            let _ = world.make(cluster, "", "serviceaccounts", account, manager);
        }
        let root_ca = of("configmaps", ROOT_CA);
        let data = json!({"ca.crt": &*self.root_ca});
        let Some(present) = world.get(&root_ca) else {
            let metadata = json!({"name": ROOT_CA, "namespace": namespace, "annotations": {DESCRIPTION: DESCRIBED}});
            let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data});
            let _ = world.make(cluster, "", "configmaps", map, manager);
            return;
        };
        let description = present.get("metadata").and_then(|metadata| metadata.get("annotations")?.get(DESCRIPTION));
        let is_described = description.and_then(Value::as_str).is_some_and(|text| !text.is_empty());
        if present.get("data") != Some(&data) || !is_described {
            let _ = world.change(&root_ca, Subresource::None, manager, |map| {
                map.insert("data".to_owned(), data.clone());
                annotation(map, DESCRIPTION, DESCRIBED);
            });
        }
    }
}
