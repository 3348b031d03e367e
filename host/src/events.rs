//! Events on the hub: core/v1, one per important change, none for what lasts.
//!
//! core/v1 rather than events.k8s.io/v1, because that is what kcp's permission claims let through. What is told again soon
//! after is counted in the Event that is already there, and at most once in five minutes.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use berthage_core::key::{Key, Kind};
use berthage_core::names::{BERTHAGE_GROUP, HUB_NAMESPACE, TMC_GROUP, VERSION, WORKLOAD_GROUP, hex};
use berthage_core::status::conditions::bounded;
use berthage_core::status::transitions::Notice;
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Api;
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::access::{Failure, Side};
use crate::hub::Hub;
use crate::metrics::Metrics;
use berthage_core::clock::Clock;

/// How long a repetition is counted silently before the Event on the hub is brought up to date.
const SERIES_PERIOD: Duration = Duration::from_secs(300);
/// How long an Event is remembered.
const SERIES_MEMORY: Duration = Duration::from_secs(3600);
/// How many are remembered at most; older ones are forgotten, and a repetition is then a new Event.
const SERIES_LIMIT: usize = 4096;

struct Series {
    name: String,
    count: i32,
    /// When the Event on the hub was last written.
    told: Instant,
}

/// See the module.
pub struct Events {
    clock: Clock,
    series: Mutex<HashMap<String, Series>>,
}

enum Write {
    Create { name: String },
    Count { name: String, count: i32 },
    Nothing,
}

impl Events {
    /// None was told yet. `clock` says when they are.
    pub fn new(clock: Clock) -> Self {
        Self { clock, series: Mutex::default() }
    }

    /// Tells a notice about an object. A failure is logged and never holds up a reconcile: the conditions have the facts.
    pub async fn tell(&self, hub: &Hub, metrics: &Metrics, key: &Key, uid: &str, notice: &Notice) {
        let identity =
            hex(&Sha256::digest(format!("{}\0{key}\0{uid}\0{}\0{}", notice.warning, notice.reason, notice.message))
                [..8]);
        let api = Api::<Event>::namespaced(hub.client(&key.workspace), HUB_NAMESPACE);
        let now = self.clock.now();
        let result = match self.next(&identity, &key.name, now, Instant::now()) {
            Write::Nothing => return,
            Write::Create { name } => {
                api.create(&PostParams::default(), &event(key, uid, notice, name, now)).await.map(drop)
            }
            Write::Count { name, count } => {
                let patch = json!({ "count": count, "lastTimestamp": Time(now) });
                api.patch(&name, &PatchParams::default(), &Patch::Merge(&patch)).await.map(drop)
            }
        };
        metrics.event(notice.warning, result.is_ok());
        if let Err(error) = result {
            let error = Failure::of(Side::Hub, &error).message;
            // A workspace that is going takes no Events any more: what was left behind in a cluster is said here then.
            tracing::warn!(%key, reason = notice.reason, message = notice.message, error, "an Event could not be written");
        }
    }

    fn next(&self, identity: &str, object: &str, now: jiff::Timestamp, at: Instant) -> Write {
        let mut series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        if series.len() >= SERIES_LIMIT {
            series.retain(|_, known| at.duration_since(known.told) < SERIES_MEMORY);
            if series.len() >= SERIES_LIMIT {
                series.clear();
            }
        }
        if let Some(known) = series.get_mut(identity)
            && at.duration_since(known.told) < SERIES_MEMORY
        {
            known.count = known.count.saturating_add(1);
            if at.duration_since(known.told) < SERIES_PERIOD {
                return Write::Nothing;
            }
            known.told = at;
            return Write::Count { name: known.name.clone(), count: known.count };
        }
        // As client-go names them; the object's name may be too long for a suffix.
        let stem: String = object.chars().take(200).collect();
        let name = format!("{stem}.{identity}{:08x}", now.as_millisecond() & 0xffff_ffff);
        series.insert(identity.to_owned(), Series { name: name.clone(), count: 1, told: at });
        Write::Create { name }
    }
}

fn event(key: &Key, uid: &str, notice: &Notice, name: String, now: jiff::Timestamp) -> Event {
    let group = match key.kind {
        Kind::Target => WORKLOAD_GROUP,
        Kind::Registration => TMC_GROUP,
        Kind::Plugin | Kind::ConfigMap => BERTHAGE_GROUP,
    };
    Event {
        metadata: ObjectMeta { name: Some(name), namespace: Some(HUB_NAMESPACE.to_owned()), ..ObjectMeta::default() },
        involved_object: ObjectReference {
            api_version: Some(format!("{group}/{VERSION}")),
            kind: Some(key.kind.as_str().to_owned()),
            name: Some(key.name.to_string()),
            uid: Some(uid.to_owned()),
            ..ObjectReference::default()
        },
        reason: Some(notice.reason.clone()),
        message: Some(bounded(&notice.message)),
        type_: Some(if notice.warning { "Warning" } else { "Normal" }.to_owned()),
        count: Some(1),
        first_timestamp: Some(Time(now)),
        last_timestamp: Some(Time(now)),
        source: Some(EventSource { component: Some("berthage".to_owned()), host: None }),
        reporting_component: Some("berthage".to_owned()),
        ..Event::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repetition_is_counted_and_told_rarely() {
        let events = Events::new(Clock::showing(jiff::Timestamp::now));
        let (now, start) = (jiff::Timestamp::from_second(1).unwrap(), Instant::now());
        assert!(matches!(events.next("x", "edge", now, start), Write::Create { .. }));
        assert!(matches!(events.next("x", "edge", now, start + Duration::from_secs(1)), Write::Nothing));
        assert!(matches!(events.next("x", "edge", now, start + SERIES_PERIOD), Write::Count { count: 3, .. }));
        assert!(matches!(events.next("y", "edge", now, start), Write::Create { .. }));
        assert!(matches!(events.next("x", "edge", now, start + SERIES_PERIOD + SERIES_MEMORY), Write::Create { .. }));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let events = Events::new(Clock::showing(jiff::Timestamp::now));
        let (now, start) = (jiff::Timestamp::from_second(1).unwrap(), Instant::now());
        for number in 0..SERIES_LIMIT * 2 {
            events.next(&number.to_string(), "edge", now, start);
        }
        assert!(events.series.lock().unwrap().len() <= SERIES_LIMIT);
    }
}
