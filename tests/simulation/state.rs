//! What is in the tenants' workspaces and in the physical clusters, without what differs from one run to the next.

use std::collections::BTreeMap;

use berthage_e2e::state::{compare, without_times};
use berthage_sandbox::server::Server;
use serde_json::{Map, Value, json};

use crate::act::{self, OURS};
use crate::stage::Stage;

/// Everything that counts, by where it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct State(BTreeMap<String, Value>);

/// Kinds that say how far a cluster is, under names that it makes up; and those that nobody rests on.
const PASSING: [&str; 4] = ["pods", "replicasets", "events", "endpointslices"];

impl State {
    /// As it is now.
    ///
    /// Id and uid of our target become words: those of one that is made again hang on how many objects were made before it.
    pub(crate) async fn of(stage: &Stage) -> Self {
        let mut all = BTreeMap::new();
        gather(&stage.hub.server, "hub", &mut all);
        gather(&stage.clusters.server, "clusters", &mut all);
        if let Some([id, uid]) = act::id(stage, OURS).await {
            let named = |(place, object): (String, Value)| {
                let text = object.to_string().replace(&id, "{ours}").replace(&uid, "{uid}");
                (place.replace(&id, "{ours}"), serde_json::from_str(&text).unwrap())
            };
            all = all.into_iter().map(named).collect();
        }
        Self(all)
    }

    /// What is otherwise than expected, a line each.
    pub(crate) fn differences(&self, expected: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        for (place, object) in &expected.0 {
            match self.0.get(place) {
                None => differences.push(format!("{place} is not there")),
                Some(found) => compare(place, object, found, &mut differences),
            }
        }
        let unexpected = self.0.keys().filter(|place| !expected.0.contains_key(*place));
        differences.extend(unexpected.map(|place| format!("{place} should not be there")));
        differences
    }
}

fn gather(server: &Server, side: &str, all: &mut BTreeMap<String, Value>) {
    server.with(|world| {
        let clusters: Vec<String> = world.clusters().filter(|name| is_of_interest(name)).map(str::to_owned).collect();
        for cluster in clusters {
            for serving in world.all_stored(&cluster) {
                let (group, plural) = (serving.served.group.clone(), serving.served.plural.clone());
                if PASSING.contains(&&*plural) {
                    continue;
                }
                for object in world.list(&cluster, &group, &plural, None) {
                    let mut value = (*object.map().unwrap()).clone();
                    let place = format!("{side}/{cluster}/{plural}.{group}/{}/{}", object.namespace(), object.name());
                    normalize_object(&plural, &mut value);
                    all.insert(place, Value::Object(value));
                }
            }
        }
    });
}

/// What kcp has for itself is its own business.
fn is_of_interest(cluster: &str) -> bool {
    cluster != "root" && !cluster.starts_with("system:")
}

fn normalize_object(plural: &str, object: &mut Map<String, Value>) {
    if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
        for field in ["uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"] {
            metadata.remove(field);
        }
    }
    match plural {
        // How far it is, and which revision it is at: two changes may come in one.
        "deployments" => drop(object.remove("status")),
        "secrets" => blank(object.get_mut("data")),
        // Syncers take turns.
        "leases" => {
            if let Some(Value::Object(spec)) = object.get_mut("spec") {
                spec.retain(|field, _| field == "leaseDurationSeconds");
            }
        }
        _ => {}
    }
    for value in object.values_mut() {
        normalize(value);
    }
}

fn normalize(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match key.as_str() {
                    // What was rendered has random numbers in it, or what was counted.
                    "berthage.dev/hash"
                    | "berthage.dev/credential-serial"
                    | "hash"
                    | "revision"
                    | "uid"
                    | "serial"
                    | "credentialSerial"
                    | "previousSerial"
                    | "deployment.kubernetes.io/revision"
                    | "resourceVersion"
                    | "observedGeneration" => *value = json!("{set}"),
                    // By its content or by its version.
                    "seen" => *value = json!(value.as_str().map_or("", |seen| seen.get(..1).unwrap_or_default())),
                    _ => normalize(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(normalize),
        Value::String(text) => *text = without_times(text),
        _ => {}
    }
}

/// Keeps the keys of a Secret's data.
fn blank(data: Option<&mut Value>) {
    for value in data.and_then(Value::as_object_mut).into_iter().flatten().map(|(_, value)| value) {
        *value = json!(if value.as_str().is_some_and(str::is_empty) { "{empty}" } else { "{set}" });
    }
}
