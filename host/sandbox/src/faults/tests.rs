//! Each fault does what it says, to the client and to the server.

use std::time::Duration;

use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::time::Instant;
use tower::Service as _;

use super::*;
use crate::server::Server;
use crate::server::fixture::{ask, request, server};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const EVENTS: &str = "/api/v1/namespaces/default/configmaps?watch=true";

fn map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}})
}

/// A server of which the first request goes wrong.
async fn wrong(fault: Fault) -> (Server, Faulty) {
    let server = server().await;
    let faulty = Faulty::new(server.clone(), Box::new(Once { number: 0, fault }));
    (server, faulty)
}

async fn create(faulty: &mut Faulty) -> Result<u16, Broken> {
    Ok(faulty.call(request("POST", MAPS, Some(&map("a")))).await?.status().as_u16())
}

async fn is_there(server: &Server) -> bool {
    ask(server, "GET", "/api/v1/namespaces/default/configmaps/a", None).await.0 == 200
}

/// The kinds of the events of a watch, until it ends or says nothing for an hour.
async fn heard(faulty: &mut Faulty) -> (Vec<String>, Option<Broken>) {
    let mut body = faulty.call(request("GET", EVENTS, None)).await.unwrap().into_body();
    let (mut text, mut end) = (Vec::new(), None);
    while let Ok(Some(frame)) = tokio::time::timeout(Duration::from_secs(60), body.frame()).await {
        match frame {
            Ok(frame) => text.extend(frame.into_data().unwrap()),
            Err(error) => {
                end = Some(error.into());
                break;
            }
        }
    }
    let lines = String::from_utf8(text).unwrap();
    let kind = |line: &str| match serde_json::from_str::<Value>(line) {
        Ok(event) => event["type"].as_str().unwrap().to_owned(),
        Err(_) => "torn".to_owned(),
    };
    (lines.lines().map(kind).collect(), end)
}

async fn watched(fault: Fault) -> (Vec<String>, Option<Broken>) {
    let (server, mut faulty) = wrong(fault).await;
    for name in ["a", "b", "c"] {
        assert_eq!(ask(&server, "POST", MAPS, Some(&map(name))).await.0, 201);
    }
    heard(&mut faulty).await
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_lost_was_not_done() {
    let (server, mut faulty) = wrong(Fault::Refuse).await;
    assert_eq!(create(&mut faulty).await, Err(Broken::Refused));
    assert!(!is_there(&server).await);
    assert_eq!(create(&mut faulty).await, Ok(201));
    let entries = faulty.journal().entries();
    assert_eq!(entries[0].outcome, Outcome::Broken);
    assert_eq!((entries[0].served, entries[1].served), (None, Some(201)));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_was_done() {
    let (server, mut faulty) = wrong(Fault::LoseAnswer).await;
    assert_eq!(create(&mut faulty).await, Err(Broken::Reset));
    assert!(is_there(&server).await);
    assert_eq!(create(&mut faulty).await, Ok(409));
    assert_eq!(faulty.journal().entries()[0].served, Some(201));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_says_whether_the_namespace_is_going() {
    for terminating in [true, false] {
        let (server, mut faulty) = wrong(Fault::Deny { terminating }).await;
        let answer = faulty.call(request("POST", MAPS, Some(&map("a")))).await.unwrap();
        assert_eq!(answer.status(), 403);
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let status: Value = serde_json::from_slice(&body).unwrap();
        let cause = status.pointer("/details/causes/0/reason").and_then(Value::as_str);
        assert_eq!(cause, terminating.then_some("NamespaceTerminating"));
        assert!(!is_there(&server).await);
    }
}

#[test]
fn what_is_made_in_a_namespace_is_known() {
    let makes = |method: &str, path: &str| Exchange::of(0, &request(method, path, None)).makes_in_a_namespace();
    assert!(makes("POST", "/clusters/a/api/v1/namespaces/n/secrets"));
    assert!(makes("PATCH", "/clusters/a/apis/apps/v1/namespaces/n/deployments/d"));
    assert!(!makes("PATCH", "/clusters/a/apis/apps/v1/namespaces/n/deployments/d/status"));
    assert!(!makes("PATCH", "/clusters/a/api/v1/namespaces/n"));
    assert!(!makes("DELETE", "/clusters/a/api/v1/namespaces/n/secrets/s"));
}

#[tokio::test(start_paused = true)]
async fn nobody_answers_on_a_half_open_connection() {
    let (server, mut faulty) = wrong(Fault::Swallow).await;
    assert!(tokio::time::timeout(Duration::from_secs(3600), create(&mut faulty)).await.is_err());
    assert!(!is_there(&server).await);
    assert_eq!(faulty.journal().entries()[0].outcome, Outcome::Open);
}

#[tokio::test(start_paused = true)]
async fn somebody_else_answers() {
    let answer = Fault::Answer { code: 429, retry_after: Some(30), html: false };
    let (server, mut faulty) = wrong(answer).await;
    let response = faulty.call(request("POST", MAPS, Some(&map("a")))).await.unwrap();
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "30");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["reason"], "TooManyRequests");
    assert!(!is_there(&server).await);
}

#[tokio::test(start_paused = true)]
async fn requests_and_answers_are_late() {
    for fault in [Fault::Delay(Duration::from_secs(7)), Fault::DelayAnswer(Duration::from_secs(7))] {
        let (server, mut faulty) = wrong(fault).await;
        let start = Instant::now();
        assert_eq!(create(&mut faulty).await, Ok(201));
        assert_eq!(start.elapsed().as_secs(), 7);
        assert!(is_there(&server).await);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_breaks_off() {
    let (_, mut faulty) = wrong(Fault::Cut(10)).await;
    let mut body = faulty.call(request("GET", MAPS, None)).await.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap().len(), 10);
    assert!(body.frame().await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn watches_end_break_and_fall_silent() {
    let added = |count: usize| vec!["ADDED".to_owned(); count];
    let with = |count: usize, last: &str| [added(count), vec![last.to_owned()]].concat();
    assert_eq!(watched(Fault::End(2)).await, (added(2), None));
    assert_eq!(watched(Fault::Mute(1)).await, (added(1), None));
    assert_eq!(watched(Fault::Tear(1)).await, (with(1, "torn"), Some(Broken::Reset)));
    assert_eq!(watched(Fault::Expire(2)).await, (with(2, "ERROR"), None));
    assert_eq!(watched(Fault::Repeat).await, (added(6), None));
}

#[tokio::test(start_paused = true)]
async fn events_of_a_held_watch_come_late_and_in_order() {
    let (server, mut faulty) = wrong(Fault::Hold(Duration::from_secs(30))).await;
    let mut body = faulty.call(request("GET", EVENTS, None)).await.unwrap().into_body();
    let start = Instant::now();
    for name in ["a", "b"] {
        ask(&server, "POST", MAPS, Some(&map(name))).await;
    }
    for name in ["a", "b"] {
        let line = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&line).unwrap()["object"]["metadata"]["name"], name);
        assert_eq!(start.elapsed().as_secs(), 30);
    }
}

#[tokio::test(start_paused = true)]
async fn bookmarks_are_left_out() {
    let path = "/api/v1/namespaces/default/configmaps?watch=true&sendInitialEvents=true&allowWatchBookmarks=true\
                &resourceVersionMatch=NotOlderThan";
    for (fault, bookmarks) in [(Fault::Delay(Duration::ZERO), 1), (Fault::NoBookmarks, 0)] {
        let (_, mut faulty) = wrong(fault).await;
        let mut body = faulty.call(request("GET", path, None)).await.unwrap().into_body();
        let first = tokio::time::timeout(Duration::from_secs(10), body.frame()).await;
        assert_eq!(usize::from(first.is_ok()), bookmarks);
    }
}

#[test]
fn a_seed_decides_what_goes_wrong() {
    let run = |seed| {
        let mut plan = Seeded::new(seed, Kind::ALL, 3, 200);
        (0..300)
            .map(|number| {
                let path = if number % 2 == 0 { MAPS } else { EVENTS };
                plan.decide(&Exchange::of(number, &request("GET", path, None)))
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
    let faults = run(5);
    assert!(faults[..200].iter().flatten().count() > 40);
    assert_eq!(faults[200..].iter().flatten().count(), 0);
}

#[test]
fn requests_are_told_apart() {
    for (method, path, verb) in [
        ("GET", "/api/v1/namespaces/a", Verb::Get),
        ("GET", "/api/v1/namespaces", Verb::List),
        ("GET", "/api/v1/namespaces/a/secrets", Verb::List),
        ("GET", "/api/v1/namespaces/a/secrets/b", Verb::Get),
        ("GET", "/api/v1/namespaces/a/status", Verb::Get),
        ("GET", "/clusters/*/apis/workload.kcp.io/v1alpha1/synctargets?limit=500", Verb::List),
        ("GET", "/clusters/x/apis/apps/v1/namespaces/a/deployments?watch=true", Verb::Watch),
        ("GET", "/version", Verb::Get),
        ("PATCH", "/api/v1/namespaces/a", Verb::Patch),
    ] {
        assert_eq!(Exchange::of(0, &request(method, path, None)).verb, verb, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_behind_tells_what_was() {
    let (server, mut faulty) = wrong(Fault::Rewind(2)).await;
    for name in ["a", "b", "c"] {
        assert_eq!(ask(&server, "POST", MAPS, Some(&map(name))).await.0, 201);
    }
    let now = server.with(|world| world.revision());
    let mut listed = async || {
        let answer = faulty.call(request("GET", &format!("{MAPS}?limit=500"), None)).await.unwrap();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let list: Value = serde_json::from_slice(&body).unwrap();
        let names = list["items"].as_array().unwrap().iter().map(|item| item["metadata"]["name"].as_str().unwrap());
        (names.collect::<String>(), list["metadata"]["resourceVersion"].as_str().unwrap().parse::<u64>().unwrap())
    };
    assert_eq!(listed().await, ("a".to_owned(), now - 2));
    assert_eq!(listed().await, ("abc".to_owned(), now));
}
