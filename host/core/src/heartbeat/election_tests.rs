use proptest::prelude::*;

use super::*;
use crate::heartbeat::{Health, Heartbeat};

const INTERVAL: Duration = Duration::from_secs(10);
const GRANTED: Duration = Duration::from_secs(30);

fn facts() -> Facts {
    Facts { version: "1.2.3".to_owned(), credential_serial: "0f".to_owned(), target_uid: "u".to_owned() }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).unwrap()
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What the hub does with a merge patch that carries a resourceVersion: true if it took it.
fn apply(hub: &mut Lease, patch: &Value) -> bool {
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
    let version = hub.metadata.resource_version.clone().unwrap();
    if patch["metadata"]["resourceVersion"] != version.as_str() {
        return false;
    }
    let mut value = serde_json::to_value(&*hub).unwrap();
    merge(&mut value, patch);
    value["metadata"]["resourceVersion"] = json!((version.parse::<u64>().unwrap() + 1).to_string());
    *hub = serde_json::from_value(value).unwrap();
    true
}

fn fresh() -> Lease {
    serde_json::from_value(json!({ "metadata": { "name": "l", "resourceVersion": "7" } })).unwrap()
}

fn replica(name: &str) -> Replica {
    Replica::new(name.to_owned(), INTERVAL)
}

fn take(hub: &mut Lease, replica: &mut Replica, seconds: u64) -> Step {
    let step = replica.step(hub, &facts(), at(i64::try_from(seconds).unwrap()), secs(seconds)).unwrap();
    if let Step::Acquire(patch) | Step::Renew(patch) = &step {
        assert!(apply(hub, patch));
    }
    step
}

#[test]
fn a_new_lease_is_taken_with_everything_that_the_controller_reads() {
    let mut hub = fresh();
    let step = take(&mut hub, &mut replica("a"), 0);
    let patch = json!({
        "metadata": {
            "resourceVersion": "7",
            "annotations": {
                "berthage.dev/syncer-version": "1.2.3",
                "berthage.dev/credential-serial": "0f",
                "berthage.dev/target-uid": "u",
            },
        },
        "spec": {
            "holderIdentity": "a",
            "leaseDurationSeconds": 30,
            "renewTime": "2023-11-14T22:13:20.000000Z",
            "acquireTime": "2023-11-14T22:13:20.000000Z",
            "leaseTransitions": 0,
        },
    });
    assert_eq!(step, Step::Acquire(patch));
    assert_eq!(Heartbeat::read(&hub).unwrap().holder, "a");
}

#[test]
fn the_holder_renews_and_keeps_its_time_of_taking() {
    let mut hub = fresh();
    let mut a = replica("a");
    take(&mut hub, &mut a, 0);
    assert!(matches!(take(&mut hub, &mut a, 10), Step::Renew(_)));
    let spec = hub.spec.unwrap();
    assert_eq!((spec.acquire_time, spec.renew_time), (Some(MicroTime(at(0))), Some(MicroTime(at(10)))));
}

#[test]
fn another_replica_waits_until_it_has_itself_seen_nothing_for_the_whole_duration() {
    let mut hub = fresh();
    let (mut a, mut b) = (replica("a"), replica("b"));
    take(&mut hub, &mut a, 0);
    // b comes late and cannot know how old the record is, whatever the time in it says.
    let waits = |step, wait| assert_eq!(step, Step::StandBy { holder: "a".to_owned(), wait: secs(wait) });
    waits(take(&mut hub, &mut b, 1_000), 30);
    waits(take(&mut hub, &mut b, 1_029), 1);
    take(&mut hub, &mut a, 1_029);
    waits(take(&mut hub, &mut b, 1_030), 30);
    assert!(matches!(take(&mut hub, &mut b, 1_060), Step::Acquire(_)));
    assert_eq!(hub.spec.as_ref().unwrap().lease_transitions, Some(1));
    assert_eq!(take(&mut hub, &mut a, 1_060), Step::StandBy { holder: "b".to_owned(), wait: GRANTED });
}

#[test]
fn of_two_that_decide_at_once_the_hub_takes_one() {
    let mut hub = fresh();
    let step = |name| replica(name).step(&hub, &facts(), at(0), secs(0)).unwrap();
    let (Step::Acquire(first), Step::Acquire(second)) = (step("a"), step("b")) else { panic!() };
    assert!(apply(&mut hub, &first));
    assert!(!apply(&mut hub, &second));
}

#[test]
fn a_released_lease_is_taken_at_once_and_keeps_its_last_heartbeat() {
    let mut hub = fresh();
    let (mut a, mut b) = (replica("a"), replica("b"));
    take(&mut hub, &mut a, 0);
    assert_eq!(b.release(&hub), None);
    let patch = a.release(&hub).unwrap();
    assert!(apply(&mut hub, &patch));
    let heartbeat = Heartbeat::read(&hub).unwrap();
    assert_eq!((heartbeat.holder.as_str(), heartbeat.renewed_at), ("", at(0)));
    assert!(matches!(take(&mut hub, &mut b, 1), Step::Acquire(_)));
    assert_eq!(hub.spec.unwrap().lease_transitions, Some(1));
}

#[test]
fn without_a_resource_version_nothing_is_written() {
    for version in [None, Some(""), Some("0")] {
        let mut lease = fresh();
        lease.metadata.resource_version = version.map(ToOwned::to_owned);
        assert_eq!(replica("a").step(&lease, &facts(), at(0), secs(0)), Err(NotFenced));
        assert!(NotFenced.to_string().contains("resourceVersion"));
    }
}

#[test]
fn the_duration_is_in_whole_seconds_and_at_least_one() {
    for (millis, expected) in [(0, 1), (1, 1), (333, 1), (334, 2), (1_000, 3), (30_000, 90), (u64::MAX, 10_800)] {
        assert_eq!(lease_seconds(Duration::from_millis(millis)), expected, "{millis} ms");
    }
}

/// One thing that happens: a replica reads, or writes what it last decided; or time passes.
#[derive(Debug, Clone)]
enum Event {
    Read(usize),
    Write(usize),
    Pass(u64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        (0..3_usize).prop_map(Event::Read),
        (0..3_usize).prop_map(Event::Write),
        (0..40_u64).prop_map(Event::Pass),
    ];
    prop::collection::vec(event, 0..120)
}

proptest! {
    /// Three replicas whose wall clocks differ by anything, requests delayed by anything: nobody loses the Lease within
    /// the duration that was granted with its last renewal.
    #[test]
    fn nobody_is_displaced_before_its_time(events in events(), skews in prop::array::uniform3(-100_000_i64..100_000)) {
        let mut hub = fresh();
        let mut replicas = [replica("0"), replica("1"), replica("2")];
        let mut decided: [Option<Step>; 3] = [None, None, None];
        let mut clock = 0_u64;
        let mut renewed: Option<(usize, u64)> = None;
        for (count, event) in events.into_iter().enumerate() {
            match event {
                Event::Pass(seconds) => clock += seconds,
                Event::Read(who) => {
                    // Steady clocks start anywhere, too.
                    let uptime = secs(clock + 1_000 * who as u64);
                    // No clock shows the same microsecond twice.
                    let tick = jiff::SignedDuration::from_micros(i64::try_from(count).unwrap());
                    let wall = at(i64::try_from(clock).unwrap() + skews[who]) + tick;
                    decided[who] = Some(replicas[who].step(&hub, &facts(), wall, uptime).unwrap());
                }
                Event::Write(who) => {
                    let Some(Step::Acquire(patch) | Step::Renew(patch)) = decided[who].take() else { continue };
                    if !apply(&mut hub, &patch) {
                        continue;
                    }
                    if let Some((holder, at)) = renewed && holder != who {
                        prop_assert!(clock - at >= GRANTED.as_secs(), "{who} displaced {holder} after {} s", clock - at);
                    }
                    renewed = Some((who, clock));
                }
            }
        }
    }

    /// A syncer that beats with jitter, on a clock that is right to a second, is healthy whenever it is looked at.
    #[test]
    fn one_that_beats_is_never_lost(jitters in prop::collection::vec(-10_i64..=10, 1..50), look in 0_u64..1_000) {
        let mut hub = fresh();
        let mut a = replica("a");
        let mut clock = 0;
        for jitter in jitters {
            take(&mut hub, &mut a, clock);
            let wait = u64::try_from(100 + jitter).unwrap() / 10;
            let seen = Heartbeat::read(&hub);
            let now = at(i64::try_from(clock + look % (wait + 1)).unwrap());
            let health = Health::assess(seen.as_ref(), "u", INTERVAL, now);
            prop_assert!(matches!(health, Health::Healthy { .. }), "{health:?}");
            clock += wait;
        }
    }
}
