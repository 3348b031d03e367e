//! What a cluster may say, and what of it is heard.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use berthage_core::names::{LABEL_MANAGED_BY, MANAGED_BY};
use berthage_core::object::KINDS;
use bytes::Bytes;
use futures::StreamExt as _;
use http_body_util::{BodyExt as _, Full};
use kube::Client;
use serde_json::json;
use tokio::time::sleep;
use tower::BoxError;

use super::*;
use crate::access::{Limits, connect};
use crate::downstream::reflector::{LINE, LISTED, LISTING, PAGE, RELISTS, REST};

fn info() -> &'static KindInfo {
    KindInfo::find("v1", "ConfigMap").unwrap()
}

/// The target `ours` uses the registration.
struct Ours;

impl Users for Ours {
    fn has(&self, _: &Key, target: &str) -> bool {
        target == "ours"
    }

    fn of(&self, _: &Key) -> Vec<Key> {
        Vec::new()
    }
}

/// A link of that registration, and what it tells.
fn link_to(client: &Client) -> (Arc<Link>, Arc<Mutex<Vec<News>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink: Sink = {
        let told = Arc::clone(&told);
        Arc::new(move |news| told.lock().unwrap().push(news))
    };
    let connection = Connection { client: client.clone(), fingerprint: Arc::from("f") };
    (Arc::new(Link::new(&registration(), &connection, Arc::new(Ours), sink)), told)
}

fn registration() -> Key {
    Key::registration(&berthage_core::key::Workspace::new("a"), "east")
}

fn object(name: &str, target: &str, version: u32) -> serde_json::Value {
    let metadata = json!({
        "name": name, "namespace": "n", "uid": format!("uid-{name}"), "resourceVersion": version.to_string(),
        "labels": { LABEL_MANAGED_BY: MANAGED_BY, LABEL_TARGET: target },
    });
    json!({ "metadata": metadata })
}

fn id(name: &str) -> ObjectId {
    let object: Meta = serde_json::from_value(object(name, "ours", 1)).unwrap();
    object_id(info(), &object.metadata).unwrap()
}

#[tokio::test]
async fn a_link_asks_for_the_objects_of_its_workspace_alone() {
    let (asked, mut asks) = tokio::sync::mpsc::unbounded_channel();
    let server = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let watches = query.contains("watch=true");
        asked.send(query).unwrap();
        let list = json!({ "metadata": { "resourceVersion": "7" }, "items": [] }).to_string();
        let body = if watches { silence_after(Vec::new()) } else { Full::from(list).map_err(BoxError::from).boxed() };
        std::future::ready(Ok::<_, BoxError>(http::Response::new(body)))
    });
    let client = connect::physical_of(server, &connect::Options::default());
    let (link, _) = link_to(&client);
    link.watch(info());
    let expected = "labelSelector=app.kubernetes.io%2Fmanaged-by%3Dberthage%2Cberthage.dev%2Fworkspace%3Da";
    for what in ["the list", "the watch"] {
        let query = asks.recv().await.unwrap();
        assert!(query.split('&').any(|part| part == expected), "{what}: {query}");
    }
}

/// An answer that says this, and nothing more for ever.
fn silence_after(said: Vec<Bytes>) -> http_body_util::combinators::BoxBody<Bytes, BoxError> {
    let said = futures::stream::iter(said.into_iter().map(|said| Ok(hyper::body::Frame::data(said))));
    http_body_util::BodyExt::boxed(http_body_util::StreamBody::new(said.chain(futures::stream::pending())))
}

/// A cluster that has these objects, and whose first watch then says this; its later ones say nothing.
fn cluster_that_says(has: &[serde_json::Value], says: &[serde_json::Value]) -> Client {
    let list = json!({ "metadata": { "resourceVersion": "7" }, "items": has }).to_string();
    let lines = says.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let said = Arc::new(AtomicUsize::new(0));
    let server = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let body = if !request.uri().query().unwrap_or_default().contains("watch=true") {
            Full::from(list.clone()).map_err(BoxError::from).boxed()
        } else if said.fetch_add(1, Ordering::Relaxed) == 0 {
            Full::from(lines.clone()).map_err(BoxError::from).boxed()
        } else {
            silence_after(Vec::new())
        };
        std::future::ready(Ok::<_, BoxError>(http::Response::new(body)))
    });
    connect::physical_of(server, &connect::Options::default())
}

fn event(kind: &str, object: &serde_json::Value) -> serde_json::Value {
    json!({ "type": kind, "object": object })
}

fn target(id: &str) -> News {
    News::Target(registration(), Arc::from(id))
}

#[tokio::test(start_paused = true)]
async fn only_of_its_own_targets_a_cluster_is_heard() {
    let has = [object("a", "ours", 1), object("b", "others", 1)];
    let says = [
        event("ADDED", &object("c", "others", 2)),
        event("MODIFIED", &object("a", "ours", 3)),
        event("MODIFIED", &object("a", "others", 4)),
        event("DELETED", &object("b", "others", 5)),
    ];
    let (link, told) = link_to(&cluster_that_says(&has, &says));
    link.watch(info());
    sleep(Duration::from_secs(1)).await;
    assert!(link.complete(info()));
    assert!(["a", "b", "c"].iter().all(|name| link.seen("others", &id(name)).is_none()));
    assert_eq!(link.seen("ours", &id("a")), None, "its label says that it is somebody else's");
    let told = told.lock().unwrap();
    assert_eq!(told.iter().filter(|news| **news == target("ours")).count(), 2, "it changed, and it went: {told:?}");
    assert!(!told.contains(&target("others")));
}

#[tokio::test(start_paused = true)]
async fn what_no_server_says_is_not_held() {
    let long = "x".repeat(300);
    let mut huge = object("b", "ours", 1);
    huge["metadata"]["uid"] = json!(long);
    let (link, _) = link_to(&cluster_that_says(&[object(&long, "ours", 1), huge], &[]));
    link.watch(info());
    sleep(Duration::from_secs(1)).await;
    assert!(link.complete(info()));
    // No id is made of such a name, so what would be held is asked for by one that is put together by hand.
    let of_long = ObjectId { name: long, ..id("a") };
    assert_eq!((link.seen("ours", &of_long), link.seen("ours", &id("b"))), (None, None));
    assert_eq!(link.digest("ours"), link.digest("others"), "nothing is held of either");
}

/// A cluster that answers every list with that page, and how often it was asked.
fn cluster_that_lists(page: String) -> (Client, Arc<AtomicUsize>) {
    let lists = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&lists);
    let server = tower::service_fn(move |_: http::Request<kube::client::Body>| {
        count.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Ok::<_, BoxError>(http::Response::new(Full::from(page.clone()).map_err(BoxError::from))))
    });
    (connect::physical_of(server, &connect::Options::default()), lists)
}

#[tokio::test(start_paused = true)]
async fn a_list_without_end_is_given_up() {
    let items: Vec<_> = (0..PAGE).map(|at| object(&at.to_string(), "others", 1)).collect();
    let page = json!({ "metadata": { "resourceVersion": "7", "continue": "more" }, "items": items });
    let (client, lists) = cluster_that_lists(page.to_string());
    let (link, told) = link_to(&client);
    link.watch(info());
    sleep(REST / 2).await;
    let pages = LISTED / PAGE as usize + 1;
    assert_eq!(lists.load(Ordering::Relaxed), pages, "and then it is left alone");
    assert!(!link.complete(info()), "and absence means nothing");
    assert_eq!(*told.lock().unwrap(), [News::Failed(registration())]);
    sleep(REST).await;
    assert_eq!(lists.load(Ordering::Relaxed), pages * 2, "until it is tried again");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_takes_too_long_is_given_up() {
    let lists = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&lists);
    let server = tower::service_fn(move |_: http::Request<kube::client::Body>| {
        count.fetch_add(1, Ordering::Relaxed);
        async {
            sleep(Duration::from_secs(9)).await;
            let page = r#"{"metadata":{"resourceVersion":"7","continue":"more"},"items":[]}"#;
            Ok::<_, BoxError>(http::Response::new(Full::from(page).map_err(BoxError::from)))
        }
    });
    let (link, told) = link_to(&connect::physical_of(server, &connect::Options::default()));
    link.watch(info());
    sleep(LISTING + REST / 2).await;
    assert_eq!(lists.load(Ordering::Relaxed), 7, "of nine seconds each, in a minute");
    assert!(!link.complete(info()), "and absence means nothing");
    assert_eq!(*told.lock().unwrap(), [News::Failed(registration())]);
}

#[tokio::test(start_paused = true)]
async fn lists_are_not_repeated_without_a_pause() {
    let gone = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "reason": "Expired", "message": "too old", "code": 410 });
    let (client, asked) = cluster_whose_watches_end(format!("{}\n", event("ERROR", &gone)), Limits::default());
    let (link, told) = link_to(&client);
    let started = Instant::now();
    link.watch(info());
    while asked.load(Ordering::Relaxed) <= RELISTS.0 as usize * 2 {
        sleep(Duration::from_secs(1)).await;
    }
    assert!(started.elapsed() >= RELISTS.1 * RELISTS.0, "by the paused clock: ten at once, and ten more one by one");
    assert!(!told.lock().unwrap().contains(&News::Failed(registration())), "who forgets does answer");
}

#[tokio::test(start_paused = true)]
async fn a_watch_goes_on_from_where_it_was() {
    let versions = Arc::new(Mutex::new(Vec::new()));
    let asked = Arc::clone(&versions);
    let server = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let from = query.split('&').find_map(|pair| pair.strip_prefix("resourceVersion="));
        let watch = query.contains("watch=true");
        asked.lock().unwrap().extend(from.filter(|_| watch).map(str::to_owned));
        let object = |version| object("a", "ours", version);
        let bookmark = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "resourceVersion": "9" } });
        let says: String = match from.filter(|_| watch) {
            None => json!({ "metadata": { "resourceVersion": "7" }, "items": [] }).to_string(),
            Some("7") => format!("{}\n{}\n", event("ADDED", &object(8)), event("BOOKMARK", &bookmark)),
            // The end of the answer is in the middle of a line.
            Some("9") => {
                format!("{}\n{}", event("MODIFIED", &object(10)), &event("MODIFIED", &object(11)).to_string()[..40])
            }
            Some(_) => format!("{}\n", event("MODIFIED", &json!({ "metadata": { "name": "a", "namespace": "n" } }))),
        };
        std::future::ready(Ok::<_, BoxError>(http::Response::new(Full::from(says).map_err(BoxError::from))))
    });
    let (link, told) = link_to(&connect::physical_of(server, &connect::Options::default()));
    link.watch(info());
    while versions.lock().unwrap().len() < 4 {
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(versions.lock().unwrap()[..4], ["7", "9", "10", "7"], "what has no version is listed again");
    assert!(told.lock().unwrap().contains(&News::Failed(registration())));
}

#[tokio::test(start_paused = true)]
async fn a_version_that_no_server_has_is_not_kept() {
    let page = json!({ "metadata": { "resourceVersion": "7".repeat(1 << 20) }, "items": [] });
    let (client, lists) = cluster_that_lists(page.to_string());
    let (link, told) = link_to(&client);
    link.watch(info());
    sleep(Duration::from_mins(1)).await;
    assert!(!link.complete(info()));
    assert!(lists.load(Ordering::Relaxed) > 1, "it is listed again, and watched from nowhere");
    assert!(told.lock().unwrap().contains(&News::Failed(registration())));
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_always_too_old_is_a_failure() {
    let gone = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "reason": "Expired", "message": "too old", "code": 410 });
    let server = tower::service_fn(move |_: http::Request<kube::client::Body>| {
        let body = Full::from(gone.to_string()).map_err(BoxError::from);
        std::future::ready(http::Response::builder().status(410).body(body).map_err(BoxError::from))
    });
    let (link, told) = link_to(&connect::physical_of(server, &connect::Options::default()));
    link.watch(info());
    sleep(Duration::from_secs(1)).await;
    assert!(!link.complete(info()));
    assert_eq!(told.lock().unwrap().first(), Some(&News::Failed(registration())));
}

#[tokio::test(start_paused = true)]
async fn an_event_that_cannot_be_read_is_not_asked_for_for_ever() {
    let says = [event("MODIFIED", &json!({ "metadata": 7 })), event("ADDED", &object("a", "ours", 9))];
    let (link, told) = link_to(&cluster_that_says(&[], &says));
    link.watch(info());
    sleep(Duration::from_mins(1)).await;
    // The second watch says nothing: only a new list can have made it known that there is nothing.
    assert!(link.complete(info()) && told.lock().unwrap().contains(&News::Failed(registration())));
}

#[tokio::test(start_paused = true)]
async fn a_line_that_does_not_come_to_an_end_is_given_up_and_a_blank_one_is_none() {
    let line = event("ADDED", &object("a", "ours", 8)).to_string();
    let (whole, begun) = (format!("\n \r\n{line}\n"), line[..40].to_owned());
    let watches = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&watches);
    let server = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let body = if request.uri().query().unwrap_or_default().contains("watch=true") {
            count.fetch_add(1, Ordering::Relaxed);
            silence_after(vec![Bytes::from(whole.clone()), Bytes::from(begun.clone())])
        } else {
            Full::from(r#"{"metadata":{"resourceVersion":"7"},"items":[]}"#).map_err(BoxError::from).boxed()
        };
        std::future::ready(Ok::<_, BoxError>(http::Response::new(body)))
    });
    let (link, told) = link_to(&connect::physical_of(server, &connect::Options::default()));
    link.watch(info());
    sleep(LINE.mul_f64(0.9)).await;
    assert_eq!((watches.load(Ordering::Relaxed), link.seen("ours", &id("a")).is_some()), (1, true));
    assert!(!told.lock().unwrap().contains(&News::Failed(registration())));
    sleep(Duration::from_secs(10)).await;
    assert_eq!(watches.load(Ordering::Relaxed), 2);
    assert!(told.lock().unwrap().contains(&News::Failed(registration())));
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

/// What is waited for with a paused clock must be heard of by the same one: a look at what nothing was heard of for ten
/// seconds never came in a simulation of three hours.
#[tokio::test(start_paused = true)]
async fn what_was_heard_is_as_old_as_the_clock_says() {
    let (link, _) = link_to(&cluster_that_says(&[], &[]));
    let of: Meta = serde_json::from_value(object("a", "ours", 1)).unwrap();
    link.note("ours", &id("a"), Seen::of(info(), &of.metadata).unwrap());
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(link.seen("ours", &id("a")).unwrap().heard.elapsed(), Duration::from_secs(10));
}

/// A cluster may be quick to delete, and its watch quicker than its answer.
#[tokio::test]
async fn an_answer_that_comes_after_its_object_s_end_brings_nothing_back() {
    let (link, told) = link_to(&cluster_that_says(&[], &[]));
    link.listed(info(), &HashSet::new());
    let of = |name: &str, version| {
        let object: Meta = serde_json::from_value(object(name, "ours", version)).unwrap();
        let seen = Seen::of(info(), &object.metadata).unwrap();
        (object.metadata, seen)
    };
    let (meta, seen) = of("a", 1);
    assert!(link.note("ours", &id("a"), seen.clone()));
    link.take(info(), &meta, None);
    assert_eq!(link.seen("ours", &id("a")), None);
    assert!(!link.note("ours", &id("a"), of("a", 2).1));
    assert_eq!(link.seen("ours", &id("a")), None);
    let target = News::Target(registration(), Arc::from("ours"));
    assert!(told.lock().unwrap().contains(&target));
    let again = Seen { uid: "another".into(), ..seen };
    assert!(link.note("ours", &id("a"), again), "an object that was made again is another one");
    // It is remembered for a while only.
    for at in 0..=GONE {
        let (meta, seen) = of(&format!("b{at}"), 1);
        link.note("ours", &id(&format!("b{at}")), seen);
        link.take(info(), &meta, None);
    }
    assert_eq!(lock(&link.state).gone.len(), GONE);
}
