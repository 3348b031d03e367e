//! Elections against a hub in memory, under Tokio's paused clock.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use berthage_core::backoff::jitter;
use bytes::Bytes;
use futures::StreamExt as _;
use http::{Method, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio::time::{Instant, sleep, timeout};

use super::*;

const DURATION: Duration = Duration::from_secs(15);
const REQUEST: Duration = Duration::from_secs(10);

/// An API server that has one lease.
struct Hub {
    lease: Mutex<Option<Value>>,
    version: AtomicUsize,
    changes: broadcast::Sender<Value>,
}

impl Hub {
    fn new() -> Arc<Self> {
        Arc::new(Self { lease: Mutex::default(), version: AtomicUsize::new(1), changes: broadcast::channel(1024).0 })
    }

    fn holder(&self) -> Option<String> {
        Some(self.lease.lock().unwrap().as_ref()?["spec"]["holderIdentity"].as_str()?.to_owned())
    }

    /// Somebody with kubectl.
    fn edit(&self, edit: impl FnOnce(&mut Option<Value>)) {
        let mut lease = self.lease.lock().unwrap();
        let before = lease.clone();
        edit(&mut lease);
        let (kind, object) = match (&mut *lease, before) {
            (Some(lease), before) => {
                let version = self.version.fetch_add(1, Ordering::Relaxed) + 1;
                lease["metadata"]["resourceVersion"] = json!(version.to_string());
                (if before.is_some() { "MODIFIED" } else { "ADDED" }, lease.clone())
            }
            (None, Some(before)) => ("DELETED", before),
            (None, None) => return,
        };
        let _ = self.changes.send(json!({ "type": kind, "object": object }));
    }

    fn serve(&self, method: &Method, body: &Value) -> (u16, Value) {
        let present = self.lease.lock().unwrap().clone();
        match (method, present) {
            (&Method::GET, Some(lease)) => (200, lease),
            (&Method::POST, None) => {
                self.edit(|lease| *lease = Some(body.clone()));
                (201, self.lease.lock().unwrap().clone().unwrap())
            }
            (&Method::PUT, Some(lease))
                if lease["metadata"]["resourceVersion"] == body["metadata"]["resourceVersion"] =>
            {
                self.edit(|lease| *lease = Some(body.clone()));
                (200, self.lease.lock().unwrap().clone().unwrap())
            }
            (&Method::GET | &Method::PUT, None) => status(404, "NotFound"),
            _ => status(409, "Conflict"),
        }
    }
}

fn status(code: u16, reason: &str) -> (u16, Value) {
    (
        code,
        json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": "" }),
    )
}

/// How a replica's requests fare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Weather {
    Fine,
    /// Not sent, no answer.
    Mute,
    /// Served, no answer.
    Deaf,
    /// 503.
    Overloaded,
    /// 403.
    Forbidden,
    /// Creating says that there is no namespace.
    Homeless,
}

const WEATHERS: [Weather; 6] =
    [Weather::Fine, Weather::Mute, Weather::Deaf, Weather::Overloaded, Weather::Forbidden, Weather::Homeless];

/// A replica.
struct Replica {
    fence: Fence,
    weather: Arc<AtomicU8>,
    requests: Arc<AtomicUsize>,
    shutdown: Shutdown,
    metrics: Metrics,
    campaign: Campaign,
    identity: String,
}

impl Replica {
    fn new(hub: &Arc<Hub>) -> Self {
        let (weather, requests) = (Arc::new(AtomicU8::new(0)), Arc::new(AtomicUsize::new(0)));
        let service = tower::service_fn({
            let (hub, weather, requests) = (Arc::clone(hub), Arc::clone(&weather), Arc::clone(&requests));
            move |request| {
                requests.fetch_add(1, Ordering::Relaxed);
                answer(Arc::clone(&hub), WEATHERS[usize::from(weather.load(Ordering::Relaxed))], request)
            }
        });
        let config = Config::new("default", DURATION, REQUEST);
        let (fence, metrics, shutdown) = (Fence::closed(), Metrics::new(), Shutdown::new());
        let identity = config.identity.clone();
        let client = Client::new(service, "default");
        let campaign = campaign(client, config, fence.clone(), metrics.clone(), shutdown.clone());
        Self { fence, weather, requests, shutdown, metrics, campaign, identity }
    }

    fn now_is(&self, weather: Weather) {
        self.weather.store(weather as u8, Ordering::Relaxed);
    }

    fn may_work(&self) -> bool {
        self.fence.admit(Instant::now()).is_ok()
    }

    async fn becomes(&mut self, wanted: Leadership) -> Duration {
        let start = Instant::now();
        drop(
            timeout(Duration::from_hours(1), self.campaign.wait_for(|state| *state == wanted)).await.unwrap().unwrap(),
        );
        start.elapsed()
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

type Answer = UnsyncBoxBody<Bytes, Infallible>;

async fn answer(hub: Arc<Hub>, weather: Weather, request: Request<Body>) -> Result<Response<Answer>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    // The way there and back.
    sleep(Duration::from_millis(5)).await;
    let (code, value) = match weather {
        Weather::Mute => std::future::pending().await,
        Weather::Deaf => {
            hub.serve(&head.method, &body);
            std::future::pending().await
        }
        Weather::Overloaded => status(503, "ServiceUnavailable"),
        Weather::Forbidden => status(403, "Forbidden"),
        Weather::Homeless if head.method == Method::POST => status(404, "NotFound"),
        Weather::Fine | Weather::Homeless if head.uri.query().is_some_and(|query| query.contains("watch=true")) => {
            return Ok(Response::new(changes(&hub)));
        }
        Weather::Fine | Weather::Homeless => hub.serve(&head.method, &body),
    };
    let body = Full::from(serde_json::to_vec(&value).unwrap()).boxed_unsync();
    Ok(Response::builder().status(code).body(body).unwrap())
}

fn changes(hub: &Hub) -> Answer {
    let stream = futures::stream::unfold(hub.changes.subscribe(), |mut changes| async move {
        let line = format!("{}\n", changes.recv().await.ok()?);
        Some((Ok::<_, Infallible>(Frame::data(Bytes::from(line))), changes))
    });
    StreamBody::new(stream.boxed()).boxed_unsync()
}

#[tokio::test(start_paused = true)]
async fn the_only_replica_leads_at_once_and_renews_quietly() {
    let hub = Hub::new();
    let mut replica = Replica::new(&hub);
    assert!(!replica.may_work());
    assert!(replica.becomes(Leadership::Leading).await < Duration::from_secs(1));
    assert!(replica.may_work());
    assert_eq!(hub.holder(), Some(replica.identity.clone()));
    let before = replica.requests();
    for _ in 0..600 {
        sleep(Duration::from_millis(100)).await;
        assert!(replica.may_work());
    }
    // Every two seconds, one request.
    assert!((29..=31).contains(&(replica.requests() - before)), "{}", replica.requests() - before);
    let lease = hub.lease.lock().unwrap().clone().unwrap();
    assert_eq!(lease["spec"]["leaseDurationSeconds"], 15);
    assert_eq!(lease["spec"]["leaseTransitions"], 0);
    assert!(
        replica.metrics.encode().unwrap().contains("leader_election_master_status{name=\"berthage-controller\"} 1")
    );
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_ends_in_order_is_followed_within_a_second() {
    let hub = Hub::new();
    let mut first = Replica::new(&hub);
    first.becomes(Leadership::Leading).await;
    let mut second = Replica::new(&hub);
    sleep(Duration::from_mins(1)).await;
    assert_eq!(second.campaign.state(), Leadership::Standby);

    // Work goes on between the signal and the release.
    first.shutdown.begin();
    sleep(Duration::from_secs(30)).await;
    assert!(first.may_work() && !second.may_work());
    let (fence, metrics) = (first.fence.clone(), first.metrics.clone());
    first.campaign.released().await;
    assert!(fence.admit(Instant::now()).is_err());
    assert!(metrics.encode().unwrap().contains("leader_election_master_status{name=\"berthage-controller\"} 0"));
    assert!(second.becomes(Leadership::Leading).await < Duration::from_millis(100));
    let lease = hub.lease.lock().unwrap().clone().unwrap();
    assert_eq!((lease["spec"]["leaseTransitions"].clone(), hub.holder()), (json!(1), Some(second.identity.clone())));
}

/// Fault F27, seen from both sides.
#[tokio::test(start_paused = true)]
async fn a_leader_that_is_cut_off_stops_long_before_another_one_starts() {
    for weather in [Weather::Mute, Weather::Deaf, Weather::Overloaded] {
        let hub = Hub::new();
        let mut first = Replica::new(&hub);
        first.becomes(Leadership::Leading).await;
        let mut second = Replica::new(&hub);
        sleep(Duration::from_secs(20)).await;
        first.now_is(weather);
        let cut = Instant::now();
        let stopped = async {
            while first.fence.admit(Instant::now()).is_ok() {
                sleep(Duration::from_millis(10)).await;
            }
            Instant::now()
        };
        let started = async {
            second.becomes(Leadership::Leading).await;
            Instant::now()
        };
        let (stopped, started) = tokio::join!(stopped, started);
        assert!(first.campaign.lost(), "{weather:?}");
        assert!(stopped - cut <= Duration::from_secs(10), "{weather:?}: {:?}", stopped - cut);
        assert!(started - stopped >= REQUEST, "{weather:?}: {:?}", started - stopped);
        // A write that is served but not answered renews once more.
        assert!(started - cut <= Duration::from_secs(35), "{weather:?}: {:?}", started - cut);
        assert_eq!(hub.holder(), Some(second.identity.clone()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_is_away_for_a_moment_costs_nothing() {
    let hub = Hub::new();
    let mut replica = Replica::new(&hub);
    replica.becomes(Leadership::Leading).await;
    for weather in [Weather::Mute, Weather::Deaf, Weather::Overloaded, Weather::Forbidden] {
        replica.now_is(weather);
        sleep(Duration::from_secs(4)).await;
        replica.now_is(Weather::Fine);
        sleep(Duration::from_secs(30)).await;
        assert!(replica.may_work(), "{weather:?}");
        assert_eq!(replica.campaign.state(), Leadership::Leading, "{weather:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_in_other_hands_ends_leadership_at_the_next_renewal() {
    let hub = Hub::new();
    let mut replica = Replica::new(&hub);
    replica.becomes(Leadership::Leading).await;
    hub.edit(|lease| lease.as_mut().unwrap()["spec"]["holderIdentity"] = json!("thief"));
    assert!(replica.becomes(Leadership::Lost).await < Duration::from_secs(3));
    assert!(!replica.may_work());
    assert_eq!(hub.holder().as_deref(), Some("thief"));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_deleted_is_made_again_by_its_holder() {
    let hub = Hub::new();
    let mut first = Replica::new(&hub);
    first.becomes(Leadership::Leading).await;
    let second = Replica::new(&hub);
    sleep(Duration::from_secs(5)).await;
    hub.edit(|lease| *lease = None);
    for _ in 0..300 {
        sleep(Duration::from_millis(100)).await;
        assert!(first.may_work() && !second.may_work());
    }
    assert_eq!(hub.holder(), Some(first.identity.clone()));
}

#[tokio::test(start_paused = true)]
async fn a_lease_of_a_leader_that_is_no_more_is_taken_after_its_time() {
    let hub = Hub::new();
    hub.edit(|lease| {
        let spec =
            json!({ "holderIdentity": "gone", "leaseDurationSeconds": 15, "renewTime": "2020-01-01T00:00:00.000000Z" });
        *lease = Some(json!({ "metadata": { "name": LEADER_LEASE, "namespace": "default" }, "spec": spec }));
    });
    // The times in the lease are of another clock: only silence counts.
    let waited = Replica::new(&hub).becomes(Leadership::Leading).await;
    assert!((20..=22).contains(&waited.as_secs()), "{waited:?}");
}

/// Rights or a namespace that are missing are asked for patiently, and found when they come.
#[tokio::test(start_paused = true)]
async fn a_hub_that_refuses_is_not_flooded() {
    for weather in [Weather::Forbidden, Weather::Homeless, Weather::Overloaded] {
        let hub = Hub::new();
        let mut replica = Replica::new(&hub);
        replica.now_is(weather);
        sleep(Duration::from_mins(1)).await;
        assert!(replica.requests() <= 70, "{weather:?}: {}", replica.requests());
        assert_eq!(replica.campaign.state(), Leadership::Standby);
        replica.now_is(Weather::Fine);
        assert!(replica.becomes(Leadership::Leading).await < Duration::from_secs(5));
    }
}

#[tokio::test(start_paused = true)]
async fn a_standby_that_is_to_end_does_not_become_leader() {
    let hub = Hub::new();
    let mut first = Replica::new(&hub);
    first.becomes(Leadership::Leading).await;
    let second = Replica::new(&hub);
    sleep(Duration::from_secs(1)).await;
    second.shutdown.begin();
    first.campaign.released().await;
    sleep(Duration::from_mins(1)).await;
    assert_eq!(second.campaign.state(), Leadership::Standby);
    assert_eq!(hub.holder().as_deref(), Some(""));
    second.campaign.released().await;
}

/// The request that takes the lease is served, its answer is lost, and the replica ends then.
#[tokio::test(start_paused = true)]
async fn a_lease_that_was_taken_unknowingly_is_let_go() {
    let hub = Hub::new();
    let replica = Replica::new(&hub);
    replica.now_is(Weather::Homeless);
    sleep(Duration::from_secs(1)).await;
    replica.now_is(Weather::Deaf);
    while hub.holder().is_none() {
        replica.now_is(Weather::Fine);
        sleep(Duration::from_millis(100)).await;
    }
    replica.now_is(Weather::Fine);
    let identity = replica.identity.clone();
    assert_eq!(hub.holder(), Some(identity));
    replica.campaign.released().await;
    assert_eq!(hub.holder().as_deref(), Some(""));
}

#[tokio::test(start_paused = true)]
async fn without_an_election_there_is_leadership_for_ever() {
    let mut alone = always(&Metrics::new());
    assert_eq!(alone.state(), Leadership::Leading);
    let lost = timeout(Duration::from_hours(1), alone.wait_for(|state| *state == Leadership::Lost)).await;
    assert!(lost.is_err());
    drop(lost);
    alone.released().await;
}

#[test]
fn the_usual_proportions() {
    let config = Config::new("default", DURATION, REQUEST);
    assert_eq!(config.renew_deadline, Duration::from_secs(10));
    assert_eq!(config.renew_interval, Duration::from_secs(2));
    assert_eq!(config.request_timeout, Duration::from_secs(5));
    assert_eq!(config.takeover_wait, Duration::from_secs(5));
    let longer = Config::new("default", DURATION * 2, REQUEST);
    assert_eq!(longer.takeover_wait, Duration::ZERO);
    assert_ne!(config.identity, longer.identity);
}

/// The quiet after a leader that vanished is not lost when its successor ends before it began.
#[tokio::test(start_paused = true)]
async fn a_successor_that_ends_before_it_worked_passes_the_wait_on() {
    let hub = Hub::new();
    let mut first = Replica::new(&hub);
    first.becomes(Leadership::Leading).await;
    let second = Replica::new(&hub);
    sleep(Duration::from_secs(1)).await;
    first.now_is(Weather::Mute);
    while first.may_work() {
        sleep(Duration::from_millis(10)).await;
    }
    let stopped = Instant::now();
    while hub.holder() != Some(second.identity.clone()) {
        sleep(Duration::from_millis(10)).await;
    }
    let mut third = Replica::new(&hub);
    assert!(!second.may_work());
    second.campaign.released().await;
    third.becomes(Leadership::Leading).await;
    assert!(
        stopped.elapsed() >= REQUEST && stopped.elapsed() < REQUEST + Duration::from_secs(3),
        "{:?}",
        stopped.elapsed()
    );
}

/// The request that takes the lease over is served, and its answer lost: the wait counts all the same.
#[tokio::test(start_paused = true)]
async fn a_lease_that_was_taken_over_unknowingly_is_waited_for() {
    let hub = Hub::new();
    let mut first = Replica::new(&hub);
    first.becomes(Leadership::Leading).await;
    let mut second = Replica::new(&hub);
    sleep(Duration::from_secs(1)).await;
    first.now_is(Weather::Mute);
    while first.may_work() {
        sleep(Duration::from_millis(10)).await;
    }
    let stopped = Instant::now();
    second.now_is(Weather::Deaf);
    while hub.holder() != Some(second.identity.clone()) {
        sleep(Duration::from_millis(10)).await;
    }
    second.now_is(Weather::Fine);
    second.becomes(Leadership::Leading).await;
    assert!(stopped.elapsed() >= REQUEST, "{:?}", stopped.elapsed());
}

/// Three replicas, every one's network changing all the time, some ending and being started again. Never two may work, and
/// after one of them vanished none does for the time of a request.
#[tokio::test(start_paused = true)]
async fn never_two_may_work_whatever_happens() {
    let draw = |seed: u64, round: u64, of: u64| jitter(Duration::from_nanos(of), seed, round).subsec_nanos() as usize;
    let (mut terms, mut handed_over) = (0, 0);
    for seed in 0..30 {
        let hub = Hub::new();
        let mut replicas: Vec<Replica> = (0..3).map(|_| Replica::new(&hub)).collect();
        // Who worked last, until when, and whether it ended in order.
        let mut last: Option<(String, Instant, bool)> = None;
        for round in 0..3000 {
            sleep(Duration::from_millis(100)).await;
            let who = draw(seed, round * 4, 3);
            match draw(seed, round * 4 + 1, 300) {
                0..15 => replicas[who].now_is(WEATHERS[draw(seed, round * 4 + 2, 5)]),
                15..30 => replicas[who].now_is(Weather::Fine),
                30 => {
                    let ended = std::mem::replace(&mut replicas[who], Replica::new(&hub));
                    if let Some((identity, _, in_order)) = &mut last {
                        *in_order |= *identity == ended.identity;
                    }
                    ended.campaign.released().await;
                }
                31 => {
                    // Gone without a word.
                    let Replica { campaign, .. } = std::mem::replace(&mut replicas[who], Replica::new(&hub));
                    if let Role::Candidate { task, .. } = &campaign.role {
                        task.abort();
                    }
                }
                _ => {}
            }
            for replica in &mut replicas {
                if replica.campaign.lost() {
                    *replica = Replica::new(&hub);
                }
            }
            let working: Vec<&Replica> = replicas.iter().filter(|replica| replica.may_work()).collect();
            assert!(working.len() <= 1, "seed {seed}, round {round}");
            if let Some(replica) = working.first() {
                if let Some((identity, until, in_order)) = &last
                    && *identity != replica.identity
                {
                    terms += 1;
                    handed_over += usize::from(*in_order);
                    let gap = until.elapsed();
                    assert!(
                        *in_order || gap + Duration::from_millis(200) >= REQUEST,
                        "seed {seed}, round {round}: {gap:?}"
                    );
                }
                last = Some((replica.identity.clone(), Instant::now(), false));
            }
        }
    }
    assert!(terms > 60 && handed_over > 20 && terms - handed_over > 20, "{terms} terms, {handed_over} handed over");
}
