//! The watches on one physical cluster, under one credential.
//!
//! A cluster is a tenant's, and may say whatever it likes for as long as it likes. So a link holds only objects that are
//! labelled with the id of a target that uses its registration, and a bounded number of those for each target. How it is
//! listed and watched is in `reflector`, which gives up what does not end; how fast a watch is read is bounded below, in
//! `access::bounds`.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use berthage_core::key::Key;
use berthage_core::names::LABEL_TARGET;
use berthage_core::object::{KindInfo, Marker, ObjectId};
use kube::api::{ApiResource, ObjectMeta};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::objects::Objects;
use super::reflector::Reflector;
use super::seen::{Seen, object_id, selector};
use super::{News, Sink, Users, lock};
use crate::access::pool::Connection;
use crate::wire::{Meta, Wire};

/// See the module.
pub struct Link {
    registration: Key,
    /// Held, also so that the pool keeps it for the writes.
    connection: Connection,
    made: Instant,
    state: Mutex<State>,
    users: Arc<dyn Users>,
    sink: Sink,
}

#[derive(Default)]
struct State {
    tasks: BTreeMap<&'static str, AbortHandle>,
    synced: BTreeSet<&'static str>,
    objects: Objects,
    /// uids of what was deleted lately.
    gone: VecDeque<Box<str>>,
}

/// How many objects that were deleted are remembered: as many as could be deleted while an answer is on its way.
const GONE: usize = 256;

impl State {
    /// An object is told to be gone.
    fn is_gone(&mut self, uid: Option<&str>) {
        self.gone.extend(uid.map(Box::from));
        if self.gone.len() > GONE {
            self.gone.pop_front();
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        for task in self.tasks.values() {
            task.abort();
        }
    }
}

impl Link {
    pub(super) fn new(registration: &Key, connection: &Connection, users: Arc<dyn Users>, sink: Sink) -> Self {
        Self {
            registration: registration.clone(),
            connection: connection.clone(),
            made: Instant::now(),
            state: Mutex::default(),
            users,
            sink,
        }
    }

    /// Whose cluster it leads to.
    pub(super) const fn registration(&self) -> &Key {
        &self.registration
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
        let client = self.connection.client.clone();
        let selector = selector(&self.registration.workspace);
        let task = if info.kind == "Deployment" || info.marker == Marker::Content {
            let seen = |object: &Wire| Seen::of_object(info, object);
            tokio::spawn(Reflector::new(self, info, client, selector, seen).run())
        } else {
            let seen = |object: &Meta| Seen::of(info, &object.metadata);
            tokio::spawn(Reflector::new(self, info, client, selector, seen).run())
        };
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
    ///
    /// Says whether the object is there, as far as is known: the watch may have told of its end before the answer came.
    pub fn note(&self, target: &str, id: &ObjectId, seen: Seen) -> bool {
        let mut state = lock(&self.state);
        if state.gone.iter().any(|uid| **uid == *seen.uid) {
            return false;
        }
        if state.objects.get(target, id).is_none_or(|known| !known.is_newer_than(&seen)) {
            state.objects.insert(target, id, seen);
        }
        true
    }

    /// Takes in what a watch or a list tells of an object; `seen` is none if it is gone, or cannot be read. Returns whether the
    /// object is held.
    pub(super) fn take(&self, info: &'static KindInfo, meta: &ObjectMeta, seen: Option<Seen>) -> Option<ObjectId> {
        let id = object_id(info, meta)?;
        let mut state = lock(&self.state);
        // The objects of a first list are told all at once, at its end.
        let first_list = !state.synced.contains(info.plural);
        let label = meta.labels.as_ref().and_then(|labels| labels.get(LABEL_TARGET));
        let ours = label.filter(|target| state.objects.knows(target) || self.users.has(&self.registration, target));
        let (told, held) = match (ours, seen) {
            (_, None) => {
                let lost = state.objects.remove_only(&id, meta.uid.as_deref());
                if ours.is_some() || lost.is_some() {
                    state.is_gone(meta.uid.as_deref());
                }
                (lost.into_iter().collect(), false)
            }
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
    pub(super) fn listed(&self, info: &'static KindInfo, listed: &HashSet<ObjectId>) {
        let mut state = lock(&self.state);
        let lost = state.objects.keep_only(info, listed);
        let first = state.synced.insert(info.plural);
        let synced = first && state.synced.len() == state.tasks.len();
        drop(state);
        self.tell(lost);
        if synced {
            (self.sink)(News::Synced(self.registration.clone(), BTreeSet::new()));
        }
    }

    fn tell(&self, targets: impl IntoIterator<Item = Arc<str>>) {
        for target in targets {
            (self.sink)(News::Target(self.registration.clone(), target));
        }
    }

    /// The cluster does not answer as it should.
    pub(super) fn failed(&self) {
        (self.sink)(News::Failed(self.registration.clone()));
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
