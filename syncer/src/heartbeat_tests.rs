use std::sync::Mutex;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::beat::tests::{Hub, connection, heart};

struct Running {
    connections: watch::Sender<Option<Arc<Connection>>>,
    stop: oneshot::Sender<()>,
    end: JoinHandle<End>,
}

fn start(identity: &str, connection: Option<Connection>) -> Running {
    let (connections, receiver) = watch::channel(connection.map(Arc::new));
    let (stop, stopped) = oneshot::channel();
    let heart = heart(identity);
    let end = tokio::spawn(async move {
        let readiness = Readiness::default();
        run(heart, receiver, &readiness, async { stopped.await.unwrap() }).await
    });
    Running { connections, stop, end }
}

/// Waits, on the paused clock, until the hub looks like that.
async fn until(hub: &Arc<Mutex<Hub>>, what: impl Fn(&Hub) -> bool) {
    let patience = Instant::now() + Duration::from_hours(1);
    while !what(&hub.lock().unwrap()) {
        assert!(Instant::now() < patience, "it did not come to that");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn holder(hub: &Hub) -> String {
    hub.heartbeat().map(|heartbeat| heartbeat.holder).unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn the_other_replica_takes_over_when_the_active_one_stops() {
    let hub = Hub::new();
    let a = start("a", Some(connection(&hub, "0f")));
    until(&hub, |hub| holder(hub) == "a").await;
    let b = start("b", Some(connection(&hub, "0f")));
    until(&hub, |hub| hub.requests.iter().filter(|request| *request == "GET l").count() >= 3).await;
    assert_eq!(holder(&hub.lock().unwrap()), "a");
    a.stop.send(()).unwrap();
    assert_eq!(a.end.await.unwrap(), End::Stopped);
    assert_eq!(holder(&hub.lock().unwrap()), "");
    until(&hub, |hub| holder(hub) == "b").await;
    b.stop.send(()).unwrap();
    b.end.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_other_replica_takes_over_when_the_active_one_is_silent_for_three_intervals() {
    let hub = Hub::new();
    let a = start("a", Some(connection(&hub, "0f")));
    until(&hub, |hub| holder(hub) == "a").await;
    a.end.abort();
    let began = Instant::now();
    let _b = start("b", Some(connection(&hub, "0f")));
    until(&hub, |hub| holder(hub) == "b").await;
    let waited = began.elapsed();
    assert!(waited >= Duration::from_secs(30) && waited < Duration::from_secs(33), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_new_credential_is_reported_at_once() {
    let hub = Hub::new();
    let a = start("a", None);
    a.connections.send_replace(Some(Arc::new(connection(&hub, "01"))));
    let serial = |hub: &Hub| hub.heartbeat().map(|heartbeat| heartbeat.credential_serial).unwrap_or_default();
    until(&hub, |hub| serial(hub) == "01").await;
    let began = Instant::now();
    a.connections.send_replace(Some(Arc::new(connection(&hub, "02"))));
    until(&hub, |hub| serial(hub) == "02").await;
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn it_ends_when_the_target_is_gone_and_only_after_a_second_look() {
    let hub = Hub::new();
    let a = start("a", Some(connection(&hub, "0f")));
    until(&hub, |hub| holder(hub) == "a").await;
    hub.lock().unwrap().target = Some("u-2".to_owned());
    hub.lock().unwrap().requests.clear();
    assert_eq!(a.end.await.unwrap(), End::TargetGone(Gone::Replaced));
    let hub = hub.lock().unwrap();
    assert_eq!(hub.requests, ["GET east", "GET east", "GET l", "PATCH l"]);
    assert_eq!(holder(&hub), "");
}

#[tokio::test(start_paused = true)]
async fn a_target_that_seemed_gone_once_is_served_on() {
    let hub = Hub::new();
    hub.lock().unwrap().target = None;
    let a = start("a", Some(connection(&hub, "0f")));
    until(&hub, |hub| hub.requests.len() == 1).await;
    hub.lock().unwrap().target = Some("u-1".to_owned());
    until(&hub, |hub| holder(hub) == "a").await;
    a.stop.send(()).unwrap();
    assert_eq!(a.end.await.unwrap(), End::Stopped);
}

#[tokio::test(start_paused = true)]
async fn it_ends_when_everything_is_denied_for_long_and_not_before() {
    let hub = Hub::new();
    let a = start("a", Some(connection(&hub, "0f")));
    until(&hub, |hub| holder(hub) == "a").await;
    hub.lock().unwrap().denies = true;
    tokio::time::sleep(Duration::from_secs(20)).await;
    hub.lock().unwrap().denies = false;
    let renewed = hub.lock().unwrap().heartbeat().unwrap().renewed_at;
    until(&hub, |hub| hub.heartbeat().unwrap().renewed_at > renewed).await;
    hub.lock().unwrap().denies = true;
    let began = Instant::now();
    assert_eq!(a.end.await.unwrap(), End::TargetGone(Gone::Revoked));
    let waited = began.elapsed();
    assert!(waited >= REVOKED && waited < 2 * REVOKED, "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn nothing_else_that_the_hub_answers_ends_it() {
    let hub = Hub::new();
    hub.lock().unwrap().faults = [401, 403, 403, 500, 0, 404, 429, 401, 401].into();
    let a = start("a", Some(connection(&hub, "0f")));
    until(&hub, |hub| holder(hub) == "a").await;
    a.stop.send(()).unwrap();
    assert_eq!(a.end.await.unwrap(), End::Stopped);
}

#[test]
fn pauses_are_about_an_interval_and_grow_to_it_after_failures() {
    let interval = Duration::from_secs(30);
    let mut rhythm = Rhythm::new("a", interval);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..200 {
        let pause = rhythm.pause(&Ok(Beat::Active));
        assert!(pause >= interval * 9 / 10 && pause <= interval * 11 / 10, "{pause:?}");
        seen.insert(pause);
    }
    assert!(seen.len() > 100);
    let standing_by = Ok(Beat::StandBy { holder: String::new(), wait: Duration::from_secs(2) });
    let pause = rhythm.pause(&standing_by);
    assert!(pause >= Duration::from_secs(2) && pause <= Duration::from_secs(5), "{pause:?}");
    assert_eq!(rhythm.pause(&Ok(Beat::Gone(Gone::Deleted))), SECOND_LOOK);

    assert!(rhythm.pause(&Err(Failure::Conflict)) <= FIRST_RETRY);
    let failures: Vec<_> = (0..50).map(|_| rhythm.pause(&Err(Failure::Conflict))).collect();
    assert!(failures.iter().all(|pause| *pause <= interval && *pause >= FIRST_RETRY / 4));
    assert!(failures.iter().any(|pause| *pause > interval / 2));
}

#[test]
fn each_state_is_logged_once() {
    let mut told = Told::default();
    told.tell(&Ok(Beat::Active));
    assert_eq!(told.0.as_deref(), Some("active"));
    told.tell(&Err(Failure::Conflict));
    assert_eq!(told.0.as_deref(), Some("active"));
    told.tell(&Err(Failure::Unauthorized));
    assert!(told.0.as_deref().unwrap().contains("401"));
}
