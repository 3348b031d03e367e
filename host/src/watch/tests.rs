//! The informers on scripted streams: what cannot be had from a server at will.

use std::sync::Mutex;
use std::time::Duration;

use futures::StreamExt as _;
use kube::core::Status;
use serde_json::json;

use super::*;

const URL: &str = "https://one";

fn watches(store: &Arc<Store>) -> (Watches, Arc<Mutex<Vec<Change>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = {
        let told = Arc::clone(&told);
        Arc::new(move |change| told.lock().unwrap().push(change))
    };
    let nowhere = tower::service_fn(|_: http::Request<kube::client::Body>| {
        std::future::ready(Err::<http::Response<kube::client::Body>, _>(tower::BoxError::from("nowhere")))
    });
    let client = Client::new(nowhere, "default");
    (Watches { endpoint: Endpoint::new(URL), client, store: Arc::clone(store), sink }, told)
}

/// An endpoint that is complete and holds this Secret.
fn with_a_secret() -> Arc<Store> {
    let store = Arc::new(Store::default());
    let endpoint = Endpoint::new(URL);
    store.open(&endpoint, Source::KCP);
    for source in Source::KCP {
        store.set_synced(&endpoint, *source);
        store.set_served(&endpoint, *source);
    }
    store.admit(&endpoint, "a", Source::Bindings);
    store.upsert_secret(&Workspace::new("a"), &secret("a").metadata);
    store
}

fn secret(workspace: &str) -> Meta {
    let annotations = json!({ ANNOTATION_CLUSTER: workspace });
    let labels = json!({ LABEL_KUBECONFIG: "true" });
    let metadata = json!({
        "name": "east", "namespace": "default", "uid": "u", "resourceVersion": "1", "labels": labels, "annotations": annotations,
    });
    serde_json::from_value(json!({ "metadata": metadata })).unwrap()
}

type Said = Result<Event<Meta>, watcher::Error>;

async fn follow(store: &Arc<Store>, source: Source, said: Vec<(Duration, Said)>) -> Vec<Change> {
    let (watches, told) = watches(store);
    let said = futures::stream::iter(said).then(|(after, event)| async move {
        tokio::time::sleep(after).await;
        event
    });
    watches.follow(source, said).await;
    let told = told.lock().unwrap();
    told.clone()
}

const fn now(said: Said) -> (Duration, Said) {
    (Duration::ZERO, said)
}

fn holds(store: &Store) -> bool {
    store.secret(&Workspace::new("a"), "default", "east").is_some()
}

#[tokio::test(start_paused = true)]
async fn an_empty_list_without_a_version_takes_nothing_from_who_has_served_before() {
    let empty = || vec![now(Ok(Event::Init)), now(Err(watcher::Error::NoResourceVersion))];
    let store = with_a_secret();
    follow(&store, Source::Secrets, empty()).await;
    assert!(holds(&store), "a kcp that starts says so");

    let later = |said| (Duration::from_secs(700), said);
    let mut stubborn = empty();
    stubborn.extend([later(Ok(Event::Init)), now(Err(watcher::Error::NoResourceVersion))]);
    follow(&store, Source::Secrets, stubborn).await;
    assert!(!holds(&store), "what is said for ten minutes, and nothing else, is so");
}

#[tokio::test(start_paused = true)]
async fn an_event_without_a_version_says_nothing_of_what_there_is() {
    let store = with_a_secret();
    let said = vec![
        now(Ok(Event::Init)),
        now(Ok(Event::InitApply(secret("a")))),
        now(Ok(Event::InitDone)),
        (Duration::from_secs(700), Err(watcher::Error::NoResourceVersion)),
        (Duration::from_secs(700), Err(watcher::Error::NoResourceVersion)),
    ];
    follow(&store, Source::Secrets, said).await;
    assert!(holds(&store));
}

#[tokio::test(start_paused = true)]
async fn an_optional_claim_that_was_served_is_not_gone_because_of_a_404() {
    let missing = || {
        let status = Status::failure("no", "NotFound").with_code(404);
        vec![now(Ok(Event::Init)), now(Err(watcher::Error::InitialListFailed(kube::Error::Api(Box::new(status)))))]
    };
    for served in [true, false] {
        let store = Arc::new(Store::default());
        let endpoint = Endpoint::new(URL);
        store.open(&endpoint, Source::KCP);
        if served {
            store.set_served(&endpoint, Source::ClusterRoles);
        }
        for source in Source::KCP.iter().filter(|source| **source != Source::ClusterRoles) {
            store.set_synced(&endpoint, *source);
        }
        follow(&store, Source::ClusterRoles, missing()).await;
        assert_eq!(store.is_synced(&endpoint), !served);
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_end_takes_in_no_workspace_and_moves_none() {
    let store = with_a_secret();
    let elsewhere = Endpoint::new("https://two");
    store.open(&elsewhere, Source::KCP);
    assert!(matches!(store.admit(&elsewhere, "a", Source::Bindings), Admission::Moved { .. }));
    let told = follow(
        &store,
        Source::Bindings,
        vec![now(Ok(Event::Delete(secret("a")))), now(Ok(Event::Delete(secret("b"))))],
    )
    .await;
    assert_eq!(told, []);
    assert_eq!((store.tenancy(&Workspace::new("a")).unwrap().endpoint, store.size().workspaces), (elsewhere, 1));
}

/// A binding of the workspace `a`, as kcp shows it.
fn binding<K: serde::de::DeserializeOwned>(phase: &str) -> K {
    let metadata = json!({
        "name": "berthage", "uid": "b", "resourceVersion": "1", "annotations": { ANNOTATION_CLUSTER: "a" },
    });
    let object = json!({ "metadata": metadata, "spec": {}, "status": { "phase": phase } });
    serde_json::from_str(&object.to_string()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn at_start_an_empty_list_without_a_version_is_believed_only_where_nobody_is_bound() {
    let empty = || vec![now(Ok(Event::Init)), now(Err(watcher::Error::NoResourceVersion))];
    for (bindings, believed) in [(None, false), (Some("Bound"), false), (Some("Binding"), true)] {
        let store = Arc::new(Store::default());
        let endpoint = Endpoint::new(URL);
        store.open(&endpoint, Source::KCP);
        let last = Source::Targets;
        for source in Source::KCP.iter().filter(|source| **source != last && **source != Source::Bindings) {
            store.set_synced(&endpoint, *source);
        }
        match bindings {
            None => drop(store.set_synced(&endpoint, Source::Bindings)),
            Some(phase) => {
                let said = [Event::Init, Event::InitApply(binding::<Wire>(phase)), Event::InitDone];
                watches(&store).0.follow(Source::Bindings, futures::stream::iter(said.map(Ok))).await;
            }
        }
        follow(&store, last, empty()).await;
        assert_eq!(store.is_synced(&endpoint), believed, "{bindings:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_workspace_that_comes_back_to_where_it_was_is_found_when_both_are_listed_anew() {
    let (one, two) = (Endpoint::new(URL), Endpoint::new("https://two"));
    let store = Arc::new(Store::default());
    for endpoint in [&one, &two] {
        store.open(endpoint, Source::KCP);
    }
    let says = async |endpoint: &Endpoint, said: Vec<Event<Wire>>| {
        let (mut watches, told) = watches(&store);
        watches.endpoint = endpoint.clone();
        watches.follow(Source::Bindings, futures::stream::iter(said.into_iter().map(Ok))).await;
        let told = told.lock().unwrap();
        told.iter().filter(|change| matches!(change, Change::Moved { .. })).cloned().collect::<Vec<_>>()
    };
    let there = || vec![Event::Init, Event::InitApply(binding("Bound")), Event::InitDone];
    let gone = || vec![Event::Init, Event::InitDone];
    let moved = |from: &Endpoint, to: &Endpoint| [Change::Moved { from: from.clone(), to: to.clone() }];
    assert_eq!(says(&one, there()).await, []);
    assert_eq!(says(&two, there()).await, moved(&one, &two));
    // The first is late, and has no more to say of it than that; what it lists then has it no longer.
    assert_eq!(says(&one, vec![Event::Apply(binding("Bound"))]).await, moved(&two, &one));
    assert_eq!(says(&one, gone()).await, []);
    assert!(store.tenancy(&Workspace::new("a")).is_none());
    assert_eq!(says(&two, there()).await, [], "it is listed anew, because it is told of a move from there");
    assert_eq!(store.tenancy(&Workspace::new("a")).unwrap().endpoint, two);
}

#[tokio::test(start_paused = true)]
async fn a_watch_of_kcp_that_tells_nothing_does_not_hide_a_change_for_long() {
    let target = json!({
        "apiVersion": "workload.kcp.io/v1alpha1", "kind": "SyncTarget", "spec": { "clusterRef": { "name": "east" } },
        "metadata": { "name": "edge", "uid": "u", "resourceVersion": "8", "annotations": { ANNOTATION_CLUSTER: "a" } },
    });
    // The type comes first, as API servers have it: an object is not read before it is known what it is.
    let event = format!(r#"{{"type":"ADDED","object":{target}}}"#) + "\n";
    let asked = Arc::new(Mutex::new(Vec::new()));
    let server = {
        let asked = Arc::clone(&asked);
        tower::service_fn(move |request: http::Request<kube::client::Body>| {
            let query = request.uri().query().unwrap_or_default().to_owned();
            let watch = query.contains("watch=true");
            let number = if watch {
                asked.lock().unwrap().push(query);
                asked.lock().unwrap().len()
            } else {
                0
            };
            let said: Vec<Result<_, tower::BoxError>> = match number {
                0 => vec![Ok(r#"{"metadata":{"resourceVersion":"7"},"items":[]}"#.to_owned())],
                3 => vec![Ok(event.clone())],
                _ => Vec::new(),
            };
            // The first fails, because the server starts; the second tells nothing and does not end.
            let frames =
                said.into_iter().map(|text| text.map(|text| hyper::body::Frame::data(bytes::Bytes::from(text))));
            let frames = futures::stream::iter(frames);
            let body = if watch { frames.chain(futures::stream::pending()).boxed() } else { frames.boxed() };
            let mut answer = http::Response::new(http_body_util::StreamBody::new(body));
            if number == 1 {
                *answer.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
                *answer.body_mut() = http_body_util::StreamBody::new(futures::stream::empty().boxed());
            }
            std::future::ready(Ok::<_, tower::BoxError>(answer))
        })
    };
    let store = Arc::new(Store::default());
    let (mut watches, _) = watches(&store);
    store.open(&watches.endpoint, Source::KCP);
    watches.client = Client::new(server, "default");
    let task = tokio::spawn(watches.run(Source::Targets));
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert!(store.get(&Key::target(&Workspace::new("a"), "edge")).is_some(), "{:?}", asked.lock().unwrap());
    task.abort();
}
