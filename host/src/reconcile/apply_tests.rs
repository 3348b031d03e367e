//! Clusters that answer what no other does.

use std::sync::atomic::{AtomicUsize, Ordering};

use berthage_core::backoff::RetryClass;
use berthage_core::key::{Key, Kind, Workspace};
use berthage_core::names::{ANNOTATION_OWNER, LABEL_MANAGED_BY, LABEL_TARGET, LABEL_WORKSPACE, MANAGED_BY};
use jiff::Timestamp;
use kube::client::Body;
use tower::BoxError;

use super::*;
use crate::access::pool::Connection;
use crate::downstream::{Downstream, Same};
use crate::reconcile::{Stop, target};
use crate::store::Held;

#[tokio::test]
async fn an_object_that_is_never_as_it_was_seen_is_tried_again_with_a_growing_delay() {
    let (workspace, asked) = (Workspace::local(), Arc::new(AtomicUsize::new(0)));
    let key = Key::target(&workspace, "edge");
    let wire = json!({
        "apiVersion": "workload.kcp.io/v1alpha1", "kind": "SyncTarget",
        "metadata": { "name": "edge", "uid": "t", "resourceVersion": "1" },
        "spec": { "clusterRef": { "name": "east" } },
    });
    let held = Held::of(Kind::Target, &serde_json::from_str(&wire.to_string()).unwrap()).unwrap();
    let object = held.decode().unwrap();
    let mut work = target::start(&key, held, object, Timestamp::UNIX_EPOCH, 0);
    let metadata = json!({
        "name": "a", "namespace": work.names.namespace, "uid": "u", "resourceVersion": "7",
        "labels": { LABEL_MANAGED_BY: MANAGED_BY, LABEL_TARGET: work.names.id, LABEL_WORKSPACE: "a" },
        "annotations": { ANNOTATION_OWNER: observe::seal_context(&work).owner() },
    });
    // It says of every write that it conflicts, and of the object that it is there and ours.
    let client = {
        let (asked, found) = (Arc::clone(&asked), json!({ "metadata": metadata }).to_string());
        let server = tower::service_fn(move |request: http::Request<Body>| {
            asked.fetch_add(1, Ordering::Relaxed);
            let conflict =
                json!({ "kind": "Status", "status": "Failure", "reason": "Conflict", "code": 409 }).to_string();
            let (code, text) = if request.method() == "GET" { (200, found.clone()) } else { (409, conflict) };
            let answer = http::Response::builder().status(code).body(Body::from(text.into_bytes()));
            std::future::ready(answer.map_err(BoxError::from))
        });
        Client::new(server, "default")
    };
    let info = KindInfo::find("v1", "ConfigMap").unwrap();
    let downstream = Downstream::new(1, Arc::new(Same(true)), Arc::new(|_| {}));
    let connection = Connection { client: client.clone(), fingerprint: Arc::from("f") };
    let link = downstream.link(&work.registration("east"), &connection);
    let id = ObjectId {
        api_version: "v1".to_owned(),
        kind: "ConfigMap".to_owned(),
        namespace: Some(work.names.namespace.clone()),
        name: "a".to_owned(),
    };
    let meta: ObjectMeta = serde_json::from_value(metadata).unwrap();
    link.note(&work.names.id, &id, Seen::of(info, &meta).unwrap());

    let desired = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a" } });
    let objects = [Desired { id: id.clone(), object: desired, source: "a test".to_owned() }];
    let wave = [Apply { id: id.clone(), index: 0, uid: Some("u".to_owned()), why: Why::Changed }];
    let credential = Credential::kept(&work);
    let stop = send_wave(8, &mut work, &client, &link, &wave, &objects, &credential).await.unwrap_err();
    assert_eq!(stop, Stop::new(Reason::Progressing, Again::Backoff));
    assert_eq!(crate::workers::class(stop.reason), RetryClass::Conflict);
    assert_eq!(asked.load(Ordering::Relaxed), 2, "a write and a look");
    assert_eq!(link.seen(&work.names.id, &id), None, "the next run does not ask for the same uid again");
}
