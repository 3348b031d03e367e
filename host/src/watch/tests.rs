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
    assert!(matches!(store.admit(&elsewhere, "a", Source::Bindings), Admission::Moved(..)));
    let told = follow(
        &store,
        Source::Bindings,
        vec![now(Ok(Event::Delete(secret("a")))), now(Ok(Event::Delete(secret("b"))))],
    )
    .await;
    assert_eq!(told, []);
    assert_eq!((store.tenancy(&Workspace::new("a")).unwrap().endpoint, store.size().workspaces), (elsewhere, 1));
}
