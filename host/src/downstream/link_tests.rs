//! What a cluster may say, and what of it is heard.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use berthage_core::names::{LABEL_MANAGED_BY, MANAGED_BY};
use berthage_core::object::KINDS;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use kube::Client;
use serde_json::json;
use tower::BoxError;

use super::*;
use crate::access::{Limits, connect};

fn info() -> &'static KindInfo {
    KindInfo::find("v1", "ConfigMap").unwrap()
}

/// A link of a registration that the target `ours` uses, and what it tells.
fn link() -> (Arc<Link>, Arc<Mutex<Vec<News>>>) {
    let nowhere = tower::service_fn(|_: http::Request<kube::client::Body>| {
        std::future::ready(Err::<http::Response<kube::client::Body>, _>(tower::BoxError::from("nowhere")))
    });
    link_to(&Client::new(nowhere, "default"))
}

fn link_to(client: &Client) -> (Arc<Link>, Arc<Mutex<Vec<News>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink: Sink = {
        let told = Arc::clone(&told);
        Arc::new(move |news| told.lock().unwrap().push(news))
    };
    let users: Users = Arc::new(|_, target| target == "ours");
    let connection = Connection { client: client.clone(), fingerprint: Arc::from("f") };
    (Arc::new(Link::new(&registration(), &connection, users, sink)), told)
}

fn registration() -> Key {
    Key::registration(&berthage_core::key::Workspace::new("a"), "east")
}

fn object(name: &str, target: &str, version: u32) -> Meta {
    let metadata = json!({
        "name": name, "namespace": "n", "uid": format!("uid-{name}"), "resourceVersion": version.to_string(),
        "labels": { LABEL_MANAGED_BY: MANAGED_BY, LABEL_TARGET: target },
    });
    serde_json::from_value(json!({ "metadata": metadata })).unwrap()
}

fn id(name: &str) -> ObjectId {
    object_id(info(), &object(name, "ours", 1).metadata).unwrap()
}

async fn hear_all(link: &Arc<Link>, said: Vec<Event<Meta>>) -> Option<&'static str> {
    let said = futures::stream::iter(said.into_iter().map(Ok));
    let mut relists = Pace::new(10, Duration::ZERO);
    hear(&Arc::downgrade(link), info(), said, |object: &Meta| Seen::of(info(), &object.metadata), &mut relists).await
}

fn target(id: &str) -> News {
    News::Target(registration(), Arc::from(id))
}

#[tokio::test(start_paused = true)]
async fn only_of_its_own_targets_a_cluster_is_heard() {
    let (link, told) = link();
    let said = vec![
        Event::Init,
        Event::InitApply(object("a", "ours", 1)),
        Event::InitApply(object("b", "others", 1)),
        Event::InitDone,
        Event::Apply(object("c", "others", 2)),
        Event::Apply(object("a", "ours", 3)),
        Event::Apply(object("a", "others", 4)),
        Event::Delete(object("b", "others", 5)),
    ];
    assert_eq!(hear_all(&link, said).await, None);
    assert!(link.complete(info()));
    assert!(["a", "b", "c"].iter().all(|name| link.seen("others", &id(name)).is_none()));
    assert_eq!(link.seen("ours", &id("a")), None, "its label says that it is somebody else's");
    let told = told.lock().unwrap();
    assert_eq!(told.iter().filter(|news| **news == target("ours")).count(), 2, "it changed, and it went: {told:?}");
    assert!(!told.contains(&target("others")));
}

#[tokio::test(start_paused = true)]
async fn what_no_server_says_is_not_held() {
    let (link, _) = link();
    let long = "x".repeat(300);
    let mut huge = object("b", "ours", 1);
    huge.metadata.uid = Some(long.clone());
    let said = vec![Event::Init, Event::InitApply(object(&long, "ours", 1)), Event::InitApply(huge), Event::InitDone];
    assert_eq!(hear_all(&link, said).await, None);
    // No id is made of such a name, so what would be held is asked for by one that is put together by hand.
    let of_long = ObjectId { name: long, ..id("a") };
    assert_eq!((link.seen("ours", &of_long), link.seen("ours", &id("b"))), (None, None));
    assert_eq!(link.digest("ours"), link.digest("others"), "nothing is held of either");
}

#[tokio::test(start_paused = true)]
async fn a_list_without_end_is_given_up() {
    let (link, _) = link();
    let objects = (0..=LISTED).map(|at| Event::InitApply(object(&at.to_string(), "others", 1)));
    let said = std::iter::once(Event::Init).chain(objects).collect();
    assert_eq!(hear_all(&link, said).await, Some("it has too many objects"));

    let said = futures::stream::iter([Ok(Event::Init)]).chain(futures::stream::pending());
    let mut relists = Pace::new(10, Duration::ZERO);
    let seen = |object: &Meta| Seen::of(info(), &object.metadata);
    let why = hear(&Arc::downgrade(&link), info(), said, seen, &mut relists).await;
    assert_eq!(why, Some("it does not come to an end"));
    assert!(!link.complete(info()), "and absence means nothing");
}

#[tokio::test(start_paused = true)]
async fn lists_are_not_repeated_without_a_pause() {
    let (link, _) = link();
    let started = Instant::now();
    let said = (0..20).map(|_| Ok(Event::<Meta>::Init));
    let mut relists = Pace::new(RELISTS.0, RELISTS.1);
    let seen = |object: &Meta| Seen::of(info(), &object.metadata);
    hear(&Arc::downgrade(&link), info(), futures::stream::iter(said), seen, &mut relists).await;
    assert!(started.elapsed() >= RELISTS.1 * 10, "by the paused clock: ten at once, and ten more one by one");
}

/// A cluster that has nothing, and whose watches say this and end; and how many of them were asked for.
fn cluster_whose_watches_end(said: String, limits: Limits) -> (Client, Arc<AtomicUsize>) {
    let watches = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&watches);
    let server = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let watches = request.uri().query().unwrap_or_default().contains("watch=true");
        let body = if watches {
            count.fetch_add(1, Ordering::Relaxed);
            Bytes::from(said.clone())
        } else {
            Bytes::from_static(br#"{"metadata":{"resourceVersion":"7"},"items":[]}"#)
        };
        let body = Full::from(body).map_err(BoxError::from);
        std::future::ready(Ok::<_, BoxError>(http::Response::new(body)))
    });
    (connect::physical_of(server, &connect::Options { limits, ..connect::Options::default() }), watches)
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_ends_at_once_is_not_asked_for_again_without_a_pause() {
    let (client, watches) = cluster_whose_watches_end(String::new(), Limits::default());
    let (link, _) = link_to(&client);
    for info in KINDS {
        link.watch(info);
    }
    sleep(Duration::from_mins(1)).await;
    let asked = watches.load(Ordering::Relaxed);
    assert!((KINDS.len()..=64 + 60 + KINDS.len()).contains(&asked), "{asked} in a minute");
}

#[tokio::test(start_paused = true)]
async fn a_new_watch_is_not_read_any_faster_than_the_one_before() {
    let limits = Limits { watch_pace: (64 << 10, Duration::from_secs(1)), watch_start: 1 << 10, ..Limits::default() };
    let padding = "x".repeat(64 << 10);
    let event = json!({ "type": "BOOKMARK", "object": {
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "resourceVersion": "8", "annotations": { "a": padding } },
    } });
    let (client, watches) = cluster_whose_watches_end(format!("{event}\n"), limits);
    let (link, _) = link_to(&client);
    link.watch(info());
    sleep(Duration::from_mins(5)).await;
    let asked = watches.load(Ordering::Relaxed);
    assert!((2..=7).contains(&asked), "{asked} of 64 KiB each, at 1 KiB a second for 5 minutes");
}

#[tokio::test(start_paused = true)]
async fn a_page_of_more_than_was_asked_for_is_none() {
    let server = tower::service_fn(|_: http::Request<kube::client::Body>| {
        let items = vec!["{}"; 10_000].join(",");
        let body = format!(r#"{{"metadata":{{"resourceVersion":"7"}},"items":[{items}]}}"#);
        std::future::ready(Ok::<_, BoxError>(http::Response::new(Full::from(body).map_err(BoxError::from))))
    });
    let (link, told) = link_to(&connect::physical_of(server, &connect::Options::default()));
    link.watch(info());
    sleep(Duration::from_secs(1)).await;
    assert!(!link.complete(info()));
    assert_eq!(told.lock().unwrap().first(), Some(&News::Failed(registration())));
}
