//! How a Deployment's rollout stands, read without making anything of what is not asked for: a container that says nothing is
//! three bytes of an answer, and would be the better part of a kilobyte here.

use std::fmt;
use std::marker::PhantomData;

use berthage_core::status::conditions;
use berthage_core::status::deployed::Rollout;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::wire::Wire;

/// How it stands; `None` if it is no Deployment.
pub(super) fn rollout(object: &Wire) -> Option<Rollout> {
    let spec: Spec = Wire::part(object.spec.as_deref()).ok()?;
    let status: Option<Status> = Wire::part(object.status.as_deref()).ok()?;
    let status = status.unwrap_or_default();
    let (stuck, failure) = status.conditions.map_or((None, None), |troubles| (troubles.stuck, troubles.failure));
    let container = spec.template.spec.and_then(|pod| pod.containers?.0);
    Some(Rollout {
        current: status.observed_generation >= object.metadata.generation,
        replicas: spec.replicas.unwrap_or(1),
        updated: status.updated_replicas.unwrap_or(0),
        ready: status.ready_replicas.unwrap_or(0),
        present: status.replicas.unwrap_or(0),
        image: container.and_then(|container| container.image).map(|image| conditions::bounded(&image)),
        stuck,
        failure,
    })
}

#[derive(Deserialize)]
struct Spec {
    replicas: Option<i32>,
    #[serde(default)]
    template: Template,
}

#[derive(Default, Deserialize)]
struct Template {
    spec: Option<Pod>,
}

#[derive(Deserialize)]
struct Pod {
    containers: Option<First<Container>>,
}

#[derive(Deserialize)]
struct Container {
    image: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    observed_generation: Option<i64>,
    replicas: Option<i32>,
    updated_replicas: Option<i32>,
    ready_replicas: Option<i32>,
    conditions: Option<Troubles>,
}

/// The first of a list.
struct First<T>(Option<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for First<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reading<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Reading<T> {
            type Value = First<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<First<T>, A::Error> {
                let first = list.next_element()?;
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(First(first))
            }
        }
        deserializer.deserialize_seq(Reading(PhantomData))
    }
}

/// Of the conditions, what those say that mean trouble.
#[derive(Default)]
struct Troubles {
    stuck: Option<String>,
    failure: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    reason: Option<String>,
    message: Option<String>,
}

impl<'de> Deserialize<'de> for Troubles {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reading;
        impl<'de> Visitor<'de> for Reading {
            type Value = Troubles;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list of conditions")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Troubles, A::Error> {
                let mut found = Troubles::default();
                while let Some(Condition { kind, status, reason, message }) = list.next_element()? {
                    let place = match (kind.as_str(), status.as_str()) {
                        ("Progressing", "False") => &mut found.stuck,
                        ("ReplicaFailure", "True") => &mut found.failure,
                        _ => continue,
                    };
                    if place.is_none() {
                        *place = message.or(reason).map(|text| conditions::bounded(&text));
                    }
                }
                Ok(found)
            }
        }
        deserializer.deserialize_seq(Reading)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(object: &Value) -> Option<Rollout> {
        rollout(&serde_json::from_str(&object.to_string()).unwrap())
    }

    #[test]
    fn a_rollout_is_read_as_the_api_server_writes_it() {
        let found = read(&json!({
            "metadata": { "generation": 3 },
            "spec": { "replicas": 2, "template": { "metadata": {}, "spec": { "containers": [
                { "name": "syncer", "image": "example.com/syncer:v1" }, { "name": "another", "image": 7 },
            ] } } },
            "status": {
                "observedGeneration": 3, "replicas": 3, "updatedReplicas": 1, "readyReplicas": 2,
                "conditions": [
                    { "type": "Available", "status": "True", "message": "fine" },
                    { "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded" },
                    { "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "quota" },
                    { "type": "ReplicaFailure", "status": "True", "message": "later" },
                ],
            },
        }));
        let expected = Rollout {
            current: true,
            replicas: 2,
            updated: 1,
            ready: 2,
            present: 3,
            image: Some("example.com/syncer:v1".to_owned()),
            stuck: Some("ProgressDeadlineExceeded".to_owned()),
            failure: Some("quota".to_owned()),
        };
        assert_eq!(found, Some(expected));
    }

    #[test]
    fn one_that_has_nothing_yet_is_one_and_what_is_none_is_none() {
        let new = read(&json!({ "metadata": { "generation": 1 }, "spec": {} })).unwrap();
        assert_eq!((new.current, new.replicas, new.image), (false, 1, None));
        assert_eq!(read(&json!({ "metadata": {} })), None);
        assert_eq!(read(&json!({ "metadata": {}, "spec": { "replicas": "two" } })), None);
        assert_eq!(read(&json!({ "metadata": {}, "spec": {}, "status": { "conditions": 7 } })), None);
    }
}
