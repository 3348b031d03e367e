//! The watches on one physical cluster, under one credential.
//!
//! A cluster is a tenant's, and may say whatever it likes for as long as it likes. So a link holds only objects that are
//! labelled with the id of a target that uses its registration, and a bounded number of those for each target; a list that
//! takes too long or has too many objects is given up for a while; and no cluster can make us list again and again. How fast
//! a watch is read is bounded below, in `access::bounds`.

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use berthage_core::key::Key;
use berthage_core::names::LABEL_TARGET;
use berthage_core::object::{KindInfo, Marker, ObjectId};
use futures::{Stream, StreamExt};
use kube::Api;
use kube::api::{ApiResource, ObjectMeta};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event};
use serde::de::DeserializeOwned;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout_at};

use super::objects::Objects;
use super::seen::{Seen, object_id, selector};
use super::{News, Sink, Users, lock};
use crate::access::pace::Pace;
use crate::access::pool::Connection;
use crate::watch::retries::Retries;
use crate::wire::{Meta, Wire};

/// Objects with our label that one list may have: those of all who use the cluster, of one kind.
const LISTED: usize = 100_000;
/// Objects that are taken in before others get their turn.
const AT_A_TIME: usize = 64;
/// Objects asked for at a time.
const PAGE: u32 = 250;
/// Time for one list, all of its pages.
const LISTING: Duration = Duration::from_mins(1);
/// How long a kind is left alone whose list was given up.
const REST: Duration = Duration::from_mins(5);
/// Lists of a kind at once, after a rest, and the time in which there may be one more.
const RELISTS: (u32, Duration) = (10, Duration::from_secs(15));

/// See the module.
pub struct Link {
    registration: Key,
    /// Held, also so that the pool keeps it for the writes.
    connection: Connection,
    made: Instant,
    state: Mutex<State>,
    users: Users,
    sink: Sink,
}

#[derive(Default)]
struct State {
    tasks: HashMap<&'static str, AbortHandle>,
    synced: HashSet<&'static str>,
    objects: Objects,
}

impl Drop for State {
    fn drop(&mut self) {
        for task in self.tasks.values() {
            task.abort();
        }
    }
}

impl Link {
    pub(super) fn new(registration: &Key, connection: &Connection, users: Users, sink: Sink) -> Self {
        Self {
            registration: registration.clone(),
            connection: connection.clone(),
            made: Instant::now(),
            state: Mutex::default(),
            users,
            sink,
        }
    }

    /// Which credential it was made with.
    pub(super) fn fingerprint(&self) -> &str {
        &self.connection.fingerprint
    }

    /// Sees to it that a kind is watched.
    pub fn watch(self: &Arc<Self>, info: &'static KindInfo) {
        let mut state = lock(&self.state);
        if state.tasks.contains_key(info.plural) {
            return;
        }
        // The task holds the link weakly: dropping the link ends its watches.
        let link = Arc::downgrade(self);
        let client = self.connection.client.clone();
        let task = tokio::spawn(async move {
            let resource = api_resource(info);
            if info.kind == "Deployment" || info.marker == Marker::Content {
                let api = Api::<Wire>::all_with(client, &resource);
                follow(&link, info, api, |object| Seen::of_object(info, object)).await;
            } else {
                let api = Api::<Meta>::all_with(client, &resource);
                follow(&link, info, api, |object| Seen::of(info, &object.metadata)).await;
            }
        });
        state.tasks.insert(info.plural, task.abort_handle());
    }

    /// Whether a kind is completely known, so that absence means something.
    pub fn complete(&self, info: &KindInfo) -> bool {
        lock(&self.state).synced.contains(info.plural)
    }

    /// Whether every kind that is watched is completely known.
    pub fn all_complete(&self) -> bool {
        let state = lock(&self.state);
        state.synced.len() == state.tasks.len()
    }

    /// How long ago the link was made.
    pub fn age(&self) -> Duration {
        self.made.elapsed()
    }

    /// What is known of an object of the target with that id.
    pub fn seen(&self, target: &str, id: &ObjectId) -> Option<Seen> {
        lock(&self.state).objects.get(target, id)
    }

    /// Forgets an object that was looked for and is not there any more.
    pub fn forget(&self, id: &ObjectId, uid: &str) {
        lock(&self.state).objects.remove_only(id, Some(uid));
    }

    /// A number that changes when anything that is known of a target here does.
    pub fn digest(&self, target: &str) -> u64 {
        let state = lock(&self.state);
        state.objects.digest(target).wrapping_add(state.synced.len() as u64)
    }

    /// Takes in the answer to a request of ours, so that its echo on the watch is no news. Only for an object that is
    /// [`followed`](super::followed): of any other nothing is heard later, and what is noted would stay for ever.
    pub fn note(&self, target: &str, id: &ObjectId, seen: Seen) {
        let mut state = lock(&self.state);
        if state.objects.get(target, id).is_none_or(|known| !known.is_newer_than(&seen)) {
            state.objects.insert(target, id, seen);
        }
    }

    /// Takes in what a watch or a list tells of an object; `seen` is none if it is gone, or cannot be read. Returns whether the
    /// object is held.
    fn take(&self, info: &'static KindInfo, meta: &ObjectMeta, seen: Option<Seen>) -> Option<ObjectId> {
        let id = object_id(info, meta)?;
        let mut state = lock(&self.state);
        // The objects of a first list are told all at once, at its end.
        let first_list = !state.synced.contains(info.plural);
        let label = meta.labels.as_ref().and_then(|labels| labels.get(LABEL_TARGET));
        let ours = label.filter(|target| state.objects.knows(target) || (self.users)(&self.registration, target));
        let (told, held) = match (ours, seen) {
            (_, None) => (state.objects.remove_only(&id, meta.uid.as_deref()).into_iter().collect(), false),
            // Somebody may have changed the label that says whose it is: whose it was must hear of it.
            (None, Some(_)) => (state.objects.remove(&id).into_iter().collect(), false),
            (Some(target), Some(seen)) => match state.objects.get(target, &id) {
                Some(known) if known.is_newer_than(&seen) => (Vec::new(), true),
                // If it was another's before, that one hears of it.
                None if !state.objects.has_room(target) => (state.objects.remove(&id).into_iter().collect(), false),
                known => {
                    let news = known.is_none_or(|known| known.differs(&seen)).then(|| Arc::from(target.as_str()));
                    let before = state.objects.insert(target, &id, seen);
                    (before.into_iter().chain(news).collect(), true)
                }
            },
        };
        drop(state);
        if !first_list {
            self.tell(told);
        }
        held.then_some(id)
    }

    /// Ends the first or a later list of a kind: what it did not have is gone.
    fn listed(&self, info: &'static KindInfo, listed: &HashSet<ObjectId>) {
        let mut state = lock(&self.state);
        let lost = state.objects.keep_only(info, listed);
        let first = state.synced.insert(info.plural);
        let synced = first && state.synced.len() == state.tasks.len();
        drop(state);
        self.tell(lost);
        if synced {
            (self.sink)(News::Synced(self.registration.clone()));
        }
    }

    fn tell(&self, targets: impl IntoIterator<Item = Arc<str>>) {
        for target in targets {
            (self.sink)(News::Target(self.registration.clone(), target));
        }
    }

    fn failed(&self) {
        (self.sink)(News::Failed(self.registration.clone()));
    }
}

/// Follows a kind for as long as the link is there.
async fn follow<K>(link: &Weak<Link>, info: &'static KindInfo, api: Api<K>, seen: impl Fn(&K) -> Option<Seen>)
where
    K: kube::Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let mut relists = Pace::new(RELISTS.0, RELISTS.1);
    let Some((name, selector)) = link.upgrade().map(|link| {
        let registration = &link.registration;
        (registration.to_string(), selector(&registration.workspace))
    }) else {
        return;
    };
    loop {
        let ours = watcher::Config::default().labels(&selector).page_size(PAGE);
        let stream = watcher::watcher(api.clone(), ours).backoff(Retries::of([name.as_str(), info.kind]));
        let why = hear(link, info, stream, &seen, &mut relists).await;
        let (Some(why), Some(link)) = (why, link.upgrade()) else { return };
        tracing::warn!(
            registration = %link.registration,
            kind = info.kind,
            "a physical cluster's list is given up, and tried again in {} s: {why}",
            REST.as_secs()
        );
        link.failed();
        drop(link);
        sleep(REST).await;
    }
}

/// Hears what a watch tells; returns why it is not heard any longer, or nothing if the link is gone.
async fn hear<K: kube::Resource>(
    link: &Weak<Link>,
    info: &'static KindInfo,
    stream: impl Stream<Item = Result<Event<K>, watcher::Error>> + Send,
    seen: impl Fn(&K) -> Option<Seen>,
    relists: &mut Pace,
) -> Option<&'static str> {
    let mut stream = std::pin::pin!(stream);
    let mut listed = HashSet::new();
    // Of the list that is under way: when it must be complete, and how many objects it had.
    let mut listing: Option<(Instant, usize)> = None;
    loop {
        let event = match listing {
            Some((until, _)) => match timeout_at(until, stream.next()).await {
                Ok(event) => event?,
                Err(_) => return Some("it does not come to an end"),
            },
            None => stream.next().await?,
        };
        if matches!(event, Ok(Event::Init)) {
            // The list is asked for when the stream is asked again.
            sleep(relists.take(Instant::now(), 1)).await;
        }
        let link = link.upgrade()?;
        match event {
            Ok(Event::Init) => {
                listed.clear();
                listing = Some((Instant::now() + LISTING, 0));
            }
            Ok(Event::InitApply(object)) => {
                listed.extend(link.take(info, object.meta(), seen(&object)));
                if let Some((_, objects)) = &mut listing {
                    *objects += 1;
                    if *objects % AT_A_TIME == 0 {
                        // A page comes all at once.
                        tokio::task::yield_now().await;
                    }
                    if *objects > LISTED {
                        return Some("it has too many objects");
                    }
                }
            }
            Ok(Event::InitDone) => {
                listing = None;
                link.listed(info, &std::mem::take(&mut listed));
            }
            Ok(Event::Apply(object)) => drop(link.take(info, object.meta(), seen(&object))),
            Ok(Event::Delete(object)) => drop(link.take(info, object.meta(), None)),
            Err(error) => {
                listing = None;
                tracing::debug!(registration = %link.registration, kind = info.kind, %error, "a watch downstream failed; it is tried again");
                link.failed();
            }
        }
    }
}

/// The kind as kube's dynamic API wants it.
pub fn api_resource(info: &KindInfo) -> ApiResource {
    ApiResource {
        group: info.group().to_owned(),
        version: info.version().to_owned(),
        api_version: info.api_version.to_owned(),
        kind: info.kind.to_owned(),
        plural: info.plural.to_owned(),
    }
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
