//! What is on both sides for one target, without what differs from one life to the next.

use berthage_e2e::state::{compare, without_times};
use berthage_e2e::wait::{self, PATIENCE};
use serde_json::{Value, json};

use super::registration::secret_name;
use super::remains::Kinds;
use super::requests::without_ids;
use super::site::Site;
use super::target::Target;
use super::{Hub, Result};

/// Looks at both sides.
pub(crate) struct States {
    hub: kube::Client,
    site: kube::Client,
    hub_kinds: Kinds,
    site_kinds: Kinds,
}

impl States {
    pub(crate) async fn of(hub: &Hub<'_>, site: &Site<'_>) -> Result<Self> {
        let (hub, site) = (hub.client.clone(), site.client.clone());
        Ok(Self { hub_kinds: Kinds::of(&hub).await?, site_kinds: Kinds::of(&site).await?, hub, site })
    }

    /// Waits until the state is `expected`, and gives it; without an expectation, gives it as it is.
    pub(crate) async fn settled(&self, target: &Target, expected: Option<&Value>) -> Result<Value> {
        let Some(expected) = expected else { return self.now(target).await };
        let settled = wait::until_some("the state of an undisturbed run", PATIENCE, || async {
            let now = self.now(target).await.map_err(|error| format!("{error:?}"))?;
            let mut differences = Vec::new();
            compare("", expected, &now, &mut differences);
            if differences.is_empty() { Ok(now) } else { Err(differences.join("\n")) }
        });
        Ok(settled.await?)
    }

    async fn now(&self, target: &Target) -> Result<Value> {
        let get = async |path: String| -> Result<Value> {
            let request = http::Request::get(path).body(Vec::new())?;
            Ok(self.hub.request::<Value>(request).await?)
        };
        let name = &target.name;
        let mut state = json!({
            "target": get(format!("/apis/workload.kcp.io/v1alpha1/synctargets/{name}")).await?,
            "registration": get(format!("/apis/tmc.kcp.io/v1alpha1/clusterregistrations/{name}")).await?,
            "secret": get(format!("/api/v1/namespaces/default/secrets/{}", secret_name(name))).await?,
            "hub": self.hub_kinds.labelled(&self.hub, &target.names.id).await?,
            "cluster": self.site_kinds.labelled(&self.site, &target.names.id).await?,
        });
        normalize(&mut state, target);
        Ok(state)
    }
}

/// Takes out what an API server, a clock or chance has put in.
fn normalize(value: &mut Value, target: &Target) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::Object(metadata)) = fields.get_mut("metadata") {
                for field in ["uid", "resourceVersion", "creationTimestamp", "managedFields"] {
                    metadata.remove(field);
                }
            }
            // Pods, ReplicaSets and Deployments tell how far they are: that is the cluster's business.
            if fields.get("kind").is_some_and(|kind| kind == "Deployment") {
                fields.remove("status");
            }
            let is_secret = fields.get("kind").is_some_and(|kind| kind == "Secret");
            for (key, value) in fields.iter_mut() {
                match key.as_str() {
                    "data" if is_secret => blank(value),
                    // What was rendered holds names with the target's uid in them.
                    "berthage.dev/hash" | "hash" | "revision" | "uid" => *value = Value::from("{set}"),
                    "seen" => *value = Value::from(value.as_str().map_or("", |seen| &seen[..1])),
                    _ => normalize(value, target),
                }
            }
        }
        Value::Array(items) => {
            // Pods and what stands between them and their Deployment carry random names.
            items.retain(|item| !["Pod", "ReplicaSet", "Event"].contains(&item["kind"].as_str().unwrap_or_default()));
            for item in items {
                normalize(item, target);
            }
        }
        Value::String(text) => {
            let plain = text.replace(&target.uid, "{uid}").replace(&target.name, "{name}");
            *text = without_times(&without_ids(&plain));
        }
        _ => {}
    }
}

/// Keeps the keys of a Secret's data.
fn blank(data: &mut Value) {
    for value in data.as_object_mut().into_iter().flatten().map(|(_, value)| value) {
        *value = Value::from(if value.as_str().is_some_and(str::is_empty) { "{empty}" } else { "{set}" });
    }
}
