//! What is on both sides for one target, without what differs from one life to the next.

use berthage_e2e::wait::{self, PATIENCE};
use serde_json::{Value, json};

use crate::stage::registration::secret_name;
use crate::stage::remains::Kinds;
use crate::stage::requests::without_ids;
use crate::stage::site::Site;
use crate::stage::target::Target;
use crate::stage::{Hub, Result};

/// Looks at both sides.
pub(super) struct States {
    hub: kube::Client,
    site: kube::Client,
    hub_kinds: Kinds,
    site_kinds: Kinds,
}

impl States {
    pub(super) async fn of(hub: &Hub<'_>, site: &Site<'_>) -> Result<Self> {
        let (hub, site) = (hub.client.clone(), site.client.clone());
        Ok(Self { hub_kinds: Kinds::of(&hub).await?, site_kinds: Kinds::of(&site).await?, hub, site })
    }

    /// Waits until the state is `expected`, and gives it; without an expectation, gives it as it is.
    pub(super) async fn settled(&self, target: &Target, expected: Option<&Value>) -> Result<Value> {
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

/// A text with `{time}` in the place of points in time.
fn without_times(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_time =
            rest.len() >= 20 && rest.as_bytes()[4] == b'-' && rest.as_bytes()[10] == b'T' && first.is_ascii_digit();
        if let Some(end) = rest.find('Z').filter(|end| is_time && *end < 32) {
            out.push_str("{time}");
            rest = &rest[end + 1..];
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

/// Names the places where two values differ.
fn compare(path: &str, expected: &Value, found: &Value, differences: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            let keys: std::collections::BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
            for key in keys {
                let null = &Value::Null;
                let (expected, found) = (expected.get(key).unwrap_or(null), found.get(key).unwrap_or(null));
                compare(&format!("{path}/{key}"), expected, found, differences);
            }
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            for (index, (expected, found)) in expected.iter().zip(found).enumerate() {
                compare(&format!("{path}/{index}"), expected, found, differences);
            }
        }
        (expected, found) if expected == found => {}
        (expected, found) => differences.push(format!("{path}: expected {expected}, found {found}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_taken_out_and_nothing_else() {
        assert_eq!(without_times("valid until 2026-11-30T05:00:00Z."), "valid until {time}.");
        assert_eq!(without_times("2026-11-30T05:00:00.123456Z"), "{time}");
        assert_eq!(without_times("a-b-c Zebra 10.0.0.1"), "a-b-c Zebra 10.0.0.1");
    }

    #[test]
    fn differences_are_named_by_their_place() {
        let mut differences = Vec::new();
        compare("", &json!({"a": [1, {"b": 2}], "c": 1}), &json!({"a": [1, {"b": 3}]}), &mut differences);
        assert_eq!(differences, ["/a/1/b: expected 2, found 3", "/c: expected 1, found null"]);
    }
}
