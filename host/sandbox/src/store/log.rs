//! The last changes: what watches are told, and what lists undo to show an older revision.
//!
//! Each revision has exactly one change. The log has the changes of the newest revisions without a gap, as many as its bounds
//! let it. Beside it each topic knows its revisions, so that a watch of a quiet scope does not read what others do, and each
//! key its newest change, from which the older ones of this key are found.
//!
//! What is gone is known by topic, as each resource has its own watch cache in a real server (`cacher/watch_cache.go`): a
//! watch is too old only if something was forgotten which it would have been told.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::object::Object;
use super::resources::{ClusterId, ResourceId};
use super::topic::Topic;

/// What the log may hold.
#[derive(Debug, Clone, Copy)]
pub struct LogLimits {
    /// So many changes.
    pub changes: usize,
    /// So many bytes of objects which nobody but the log holds.
    pub bytes: usize,
}

impl Default for LogLimits {
    /// Kubernetes keeps 100 to 102400 changes for each resource (`watch_cache.go`).
    fn default() -> Self {
        Self { changes: 102_400, bytes: 256 << 20 }
    }
}

/// One write.
#[derive(Debug, Clone)]
pub(super) struct Change {
    /// The new state; of a deletion the last one, with the deletion's revision.
    pub(super) object: Object,
    /// The state before.
    pub(super) previous: Option<Object>,
    pub(super) deleted: bool,
    pub(super) cluster: ClusterId,
    /// The change of the same key before this one, 0 if the log had none.
    before: u64,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Log {
    limits: LogLimits,
    changes: VecDeque<Change>,
    /// The revision before the first change in `changes`.
    forgotten: u64,
    /// Up to here it was asked to forget.
    compacted: u64,
    bytes: usize,
    topics: BTreeMap<Topic, Told>,
    /// The revision at which a resource came to be.
    begun: BTreeMap<ResourceId, u64>,
    /// The newest change of each key that is in the log.
    newest: BTreeMap<(ResourceId, Arc<str>), u64>,
}

/// The changes of a topic.
#[derive(Debug, Clone, Default)]
struct Told {
    revisions: VecDeque<u64>,
    /// The newest one that is no longer in the log.
    forgotten: u64,
    newest: u64,
}

impl Log {
    pub(super) fn new(limits: LogLimits, revision: u64) -> Self {
        Self { limits, forgotten: revision, ..Self::default() }
    }

    /// Takes the change of the next revision.
    pub(super) fn push(&mut self, cluster: ClusterId, object: Object, previous: Option<Object>, deleted: bool) {
        let revision = object.revision();
        let key = (object.resource(), object.path().clone());
        let before = self.newest.insert(key, revision).unwrap_or_default();
        for topic in Topic::of(object.resource(), cluster) {
            let told = self.topics.entry(topic).or_default();
            told.revisions.push_back(revision);
            told.newest = revision;
        }
        let change = Change { object, previous, deleted, cluster, before };
        self.bytes += change.size();
        self.changes.push_back(change);
        while self.changes.len() > self.limits.changes || self.bytes > self.limits.bytes {
            if !self.forget() {
                break;
            }
        }
    }

    /// Forgets all up to a revision, and that it was.
    pub(super) fn compact(&mut self, revision: u64) {
        self.compacted = self.compacted.max(revision.min(self.revision()));
        while self.forgotten < self.compacted && self.forget() {}
    }

    fn forget(&mut self) -> bool {
        let Some(change) = self.changes.pop_front() else { return false };
        self.bytes -= change.size();
        self.forgotten += 1;
        let revision = change.object.revision();
        for topic in Topic::of(change.object.resource(), change.cluster) {
            if let Some(told) = self.topics.get_mut(&topic) {
                told.revisions.pop_front();
                told.forgotten = revision;
            }
        }
        let key = (change.object.resource(), change.object.path().clone());
        if self.newest.get(&key) == Some(&revision) {
            self.newest.remove(&key);
        }
        true
    }

    /// The revision of the newest change.
    pub(super) fn revision(&self) -> u64 {
        self.forgotten + self.changes.len() as u64
    }

    /// The oldest revision from which a topic's changes are all known.
    pub(super) fn floor(&self, topic: Topic) -> u64 {
        self.topics.get(&topic).map_or(0, |told| told.forgotten).max(self.compacted)
    }

    /// From now on a resource has changes.
    pub(super) fn begin(&mut self, resource: ResourceId) {
        self.begun.insert(resource, self.revision());
    }

    /// The oldest revision from which a resource can be watched. In a real server its watch cache begins with the resource,
    /// and knows of nothing before, though there was nothing (`listResourceVersion` of `cacher/watch_cache.go`).
    pub(super) fn watched_from(&self, resource: ResourceId) -> u64 {
        self.floor(Topic::all(resource)).max(self.begun.get(&resource).copied().unwrap_or_default())
    }

    /// The newest revision that is gone for a topic, whether or not somebody asked for that.
    pub(super) fn forgotten(&self, topic: Topic) -> u64 {
        self.topics.get(&topic).map_or(0, |told| told.forgotten)
    }

    /// The revision of a topic's newest change.
    pub(super) fn newest(&self, topic: Topic) -> u64 {
        self.topics.get(&topic).map_or(0, |told| told.newest)
    }

    /// The first change of a topic after a revision.
    pub(super) fn next(&self, topic: Topic, after: u64) -> Option<&Change> {
        let revisions = &self.topics.get(&topic)?.revisions;
        let &revision = revisions.get(revisions.partition_point(|&revision| revision <= after))?;
        self.get(revision)
    }

    /// Keys of a resource that begin with `prefix` and changed after a revision, from the first one on that is not less than
    /// `start`.
    pub(super) fn changed(
        &self,
        resource: ResourceId,
        start: Arc<str>,
        prefix: String,
        after: u64,
    ) -> impl Iterator<Item = (&Arc<str>, u64)> {
        self.newest
            .range((resource, start)..)
            .take_while(move |((other, path), _)| *other == resource && path.starts_with(&prefix))
            .filter(move |(_, newest)| **newest > after)
            .map(|((_, path), &newest)| (path, newest))
    }

    /// The newest change of a key, if the log has one after a revision.
    pub(super) fn changed_key(&self, resource: ResourceId, path: &Arc<str>, after: u64) -> Option<u64> {
        self.newest.get(&(resource, path.clone())).copied().filter(|&newest| newest > after)
    }

    /// What a key held at a revision, given its newest change, which is after it.
    pub(super) fn before(&self, newest: u64, revision: u64) -> Option<&Object> {
        let mut change = self.get(newest)?;
        while change.before > revision {
            change = self.get(change.before)?;
        }
        change.previous.as_ref()
    }

    fn get(&self, revision: u64) -> Option<&Change> {
        let index = revision.checked_sub(self.forgotten + 1)?;
        self.changes.get(usize::try_from(index).ok()?)
    }
}

impl Change {
    /// What the log alone holds because of it. The new state is the store's, until the next change of its key has it.
    fn size(&self) -> usize {
        let gone = if self.deleted { self.object.size() } else { 0 };
        size_of::<Self>() + 200 + gone + self.previous.as_ref().map_or(0, Object::size)
    }
}
