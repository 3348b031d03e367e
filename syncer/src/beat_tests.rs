use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use berthage_core::heartbeat::Heartbeat;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use serde_json::json;

use super::*;

/// A hub with one SyncTarget and one Lease, in memory.
#[derive(Default)]
pub(crate) struct Hub {
    /// uid of the SyncTarget, if it is there.
    pub target: Option<String>,
    /// The Lease, if it is there.
    pub lease: Option<Value>,
    /// Answers instead of the next requests, by status code; 0 never answers.
    pub faults: VecDeque<u16>,
    /// Whether every request is answered with 403.
    pub denies: bool,
    /// All requests: method and last part of the path.
    pub requests: Vec<String>,
}

impl Hub {
    pub(crate) fn new() -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self {
            target: Some("u-1".to_owned()),
            lease: Some(json!({
                "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                "metadata": { "name": "l", "namespace": "default", "resourceVersion": "1", "annotations": { "kept": "1" } },
            })),
            ..Self::default()
        }))
    }

    pub(crate) fn heartbeat(&self) -> Option<Heartbeat> {
        Heartbeat::read(&serde_json::from_value(self.lease.clone()?).unwrap())
    }

    fn answer(&mut self, method: &http::Method, path: &str, body: &[u8]) -> (StatusCode, Value) {
        let name = path.rsplit('/').next().unwrap();
        let fail = |code: u16, reason: &str, name: &str| {
            let status = json!({
                "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
                "message": format!("{reason} {name}"), "details": { "name": name },
            });
            (StatusCode::from_u16(code).unwrap(), status)
        };
        if self.denies {
            return fail(403, "Forbidden", name);
        }
        if path == "/apis/workload.kcp.io/v1alpha1/synctargets/east" {
            return match &self.target {
                Some(uid) => (StatusCode::OK, json!({ "metadata": { "name": "east", "uid": uid }, "spec": {} })),
                None => fail(404, "NotFound", name),
            };
        }
        assert_eq!(path, "/apis/coordination.k8s.io/v1/namespaces/default/leases/l");
        let Some(lease) = &mut self.lease else { return fail(404, "NotFound", name) };
        if *method == http::Method::PATCH {
            let patch: Value = serde_json::from_slice(body).unwrap();
            if patch["metadata"]["resourceVersion"] != lease["metadata"]["resourceVersion"] {
                return fail(409, "Conflict", name);
            }
            merge(lease, &patch);
            let version: u64 = lease["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
            lease["metadata"]["resourceVersion"] = json!((version + 1).to_string());
        }
        (StatusCode::OK, lease.clone())
    }
}

fn merge(into: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else { return *into = patch.clone() };
    for (key, value) in fields {
        if value.is_null() {
            into.as_object_mut().unwrap().remove(key);
        } else if value.is_object() && into.get(key).is_some_and(Value::is_object) {
            merge(&mut into[key], value);
        } else {
            into[key] = value.clone();
        }
    }
}

/// A connection to it, with a credential of that serial.
pub(crate) fn connection(hub: &Arc<Mutex<Hub>>, serial: &str) -> Connection {
    let hub = hub.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let hub = hub.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let fault = {
                let mut hub = hub.lock().unwrap();
                let last = head.uri.path().rsplit('/').next().unwrap();
                hub.requests.push(format!("{} {last}", head.method));
                hub.faults.pop_front()
            };
            let (code, answer) = match fault {
                None | Some(200) => hub.lock().unwrap().answer(&head.method, head.uri.path(), &body),
                Some(0) => std::future::pending().await,
                Some(code) => (StatusCode::from_u16(code).unwrap(), json!("a proxy's page")),
            };
            let body = Body::from(answer.to_string().into_bytes());
            Ok::<_, kube::Error>(Response::builder().status(code).body(body).unwrap())
        }
    });
    Connection { client: Client::new(service, "default"), serial: serial.to_owned() }
}

pub(crate) fn heart(identity: &str) -> Heart {
    let subject = Subject {
        target: "east".to_owned(),
        target_uid: "u-1".to_owned(),
        lease_namespace: "default".to_owned(),
        lease_name: "l".to_owned(),
        identity: identity.to_owned(),
        interval: Duration::from_secs(10),
        request_timeout: Duration::from_secs(10),
    };
    Heart::new(subject, Clock::showing(jiff::Timestamp::now))
}

#[tokio::test]
async fn the_lease_is_taken_and_renewed_with_two_requests_a_beat() {
    let hub = Hub::new();
    let mut heart = heart("a");
    assert_eq!(heart.beat(&connection(&hub, "0f")).await.unwrap(), Beat::Active);
    assert_eq!(heart.beat(&connection(&hub, "10")).await.unwrap(), Beat::Active);
    let hub = hub.lock().unwrap();
    assert_eq!(hub.requests, ["GET east", "GET l", "PATCH l", "GET east", "PATCH l"]);
    let heartbeat = hub.heartbeat().unwrap();
    assert_eq!((heartbeat.holder.as_str(), heartbeat.credential_serial.as_str()), ("a", "10"));
    assert_eq!((heartbeat.target_uid.as_str(), heartbeat.version.as_str()), ("u-1", env!("CARGO_PKG_VERSION")));
    assert_eq!(hub.lease.as_ref().unwrap()["metadata"]["annotations"]["kept"], "1");
}

#[tokio::test]
async fn another_replica_stands_by_and_takes_over_when_the_active_one_leaves() {
    let hub = Hub::new();
    let connection = connection(&hub, "0f");
    let (mut a, mut b) = (heart("a"), heart("b"));
    a.beat(&connection).await.unwrap();
    assert!(matches!(b.beat(&connection).await.unwrap(), Beat::StandBy { holder, .. } if holder == "a"));
    b.leave(&connection).await.unwrap();
    assert_eq!(hub.lock().unwrap().heartbeat().unwrap().holder, "a");
    a.leave(&connection).await.unwrap();
    assert_eq!(hub.lock().unwrap().heartbeat().unwrap().holder, "");
    assert_eq!(b.beat(&connection).await.unwrap(), Beat::Active);
    // What a still holds of the Lease is out of date by now.
    assert!(matches!(a.beat(&connection).await.unwrap(), Beat::StandBy { .. }));
}

#[tokio::test]
async fn a_renewal_made_from_an_outdated_lease_is_refused_and_then_made_again() {
    let hub = Hub::new();
    let connection = connection(&hub, "0f");
    let mut heart = heart("a");
    heart.beat(&connection).await.unwrap();
    hub.lock().unwrap().lease.as_mut().unwrap()["metadata"]["resourceVersion"] = json!("77");
    assert!(matches!(heart.beat(&connection).await, Err(Failure::Conflict)));
    assert_eq!(heart.beat(&connection).await.unwrap(), Beat::Active);
}

#[tokio::test]
async fn a_target_that_is_gone_leaves_the_lease_alone() {
    let hub = Hub::new();
    let connection = connection(&hub, "0f");
    hub.lock().unwrap().target = None;
    assert_eq!(heart("a").beat(&connection).await.unwrap(), Beat::Gone(Gone::Deleted));
    hub.lock().unwrap().target = Some("u-2".to_owned());
    assert_eq!(heart("a").beat(&connection).await.unwrap(), Beat::Gone(Gone::Replaced));
    assert_eq!(hub.lock().unwrap().requests, ["GET east", "GET east"]);
    assert_eq!(Gone::Deleted.to_string(), "it was deleted");
}

#[tokio::test]
async fn a_bare_404_does_not_mean_that_the_target_is_gone() {
    let hub = Hub::new();
    hub.lock().unwrap().faults.push_back(404);
    let failure = heart("a").beat(&connection(&hub, "0f")).await.unwrap_err();
    assert!(matches!(failure, Failure::NotFound { what: "the SyncTarget", .. }), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn what_the_hub_answers_is_told_apart() {
    let hub = Hub::new();
    let connection = connection(&hub, "0f");
    for (faults, expected) in [
        (vec![401], "does not accept the credential"),
        (vec![500], "cannot serve the SyncTarget now (500)"),
        (vec![0], "did not answer within 10s"),
        (vec![200, 403], "denies access to the Lease"),
        (vec![200, 200, 429], "cannot serve the Lease now (429)"),
    ] {
        hub.lock().unwrap().faults = faults.into();
        let failure = heart("a").beat(&connection).await.unwrap_err();
        assert!(failure.to_string().contains(expected), "{failure}");
    }
    hub.lock().unwrap().lease = None;
    assert!(matches!(heart("a").beat(&connection).await, Err(Failure::NotFound { what: "the Lease", .. })));
}

#[tokio::test]
async fn without_the_right_to_read_the_target_it_still_lives() {
    let hub = Hub::new();
    hub.lock().unwrap().faults.push_back(403);
    assert_eq!(heart("a").beat(&connection(&hub, "0f")).await.unwrap(), Beat::Active);
}

#[tokio::test]
async fn without_any_right_its_rights_are_revoked() {
    let hub = Hub::new();
    let connection = connection(&hub, "0f");
    let mut heart = heart("a");
    heart.beat(&connection).await.unwrap();
    hub.lock().unwrap().denies = true;
    // Once with the Lease in hand, once without.
    for request in ["PATCH l", "GET l"] {
        let failure = heart.beat(&connection).await.unwrap_err();
        assert!(matches!(&failure, Failure::Revoked { message } if message == "Forbidden l"), "{failure}");
        assert_eq!(hub.lock().unwrap().requests.last().unwrap(), request);
    }
}
