//! A pod in which one program runs with a Secret mounted, as whoever runs it sees it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::report;
use crate::actors::reading::text;
use crate::server::Server;
use crate::world::Named;

/// See the module.
#[derive(Debug, Clone)]
pub struct Program {
    /// The physical cluster.
    pub cluster: String,
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// The pod's uid.
    pub uid: String,
    /// The arguments of its container.
    pub arguments: Vec<String>,
    /// The first Secret that is mounted.
    secret: String,
}

impl Program {
    /// What runs in the container of that name. Nothing for a pod without such a container, or in which no Secret is mounted.
    pub fn read(cluster: &str, pod: &Map<String, Value>, container: &str) -> Option<Self> {
        let spec = pod.get("spec")?;
        let mut containers = spec.get("containers")?.as_array()?.iter();
        let container = containers.find(|each| each.get("name").and_then(Value::as_str) == Some(container))?;
        let mut volumes = spec.get("volumes")?.as_array()?.iter();
        let secret = volumes.find_map(|volume| volume.pointer("/secret/secretName")?.as_str())?.to_owned();
        let arguments = container.get("args")?.as_array()?.iter().filter_map(Value::as_str);
        Some(Self {
            cluster: cluster.to_owned(),
            namespace: text(pod, &["metadata", "namespace"]).to_owned(),
            pod: text(pod, &["metadata", "name"]).to_owned(),
            uid: text(pod, &["metadata", "uid"]).to_owned(),
            arguments: arguments.map(str::to_owned).collect(),
            secret,
        })
    }

    /// A key of the mounted Secret, with the Secret's resourceVersion.
    pub fn mounted(&self, server: &Server, key: &str) -> Option<(String, Vec<u8>)> {
        let (cluster, namespace, name) = (&*self.cluster, &*self.namespace, &*self.secret);
        let named = Named { cluster, group: "", plural: "secrets", namespace, name };
        let secret = server.with(|world| world.get(&named))?;
        let data = secret.get("data")?.get(key)?.as_str()?;
        Some((text(&secret, &["metadata", "resourceVersion"]).to_owned(), STANDARD.decode(data).ok()?))
    }

    /// Says that the pod is ready, or no longer; see [`report()`].
    pub fn tell(&self, server: &Server, ready: bool) {
        server.with(|world| report(world, &self.cluster, &self.namespace, &self.pod, &self.uid, ready));
    }
}
