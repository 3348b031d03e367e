//! Watches: cursors in the log.
//!
//! What a watch is told is said in `storage/cacher/cacher.go` (`Watch`), `cache_watcher.go` (`convertToWatchEvent`) and
//! `watch_cache.go` (`getAllEventsSinceLocked`). A watch does not hold the store: whoever has it asks for the next event until
//! there is none, and then waits until its [`Topic`] changes.

use std::vec;

use super::Store;
use super::key::{Scope, Within};
use super::list::Matches;
use super::log::Change;
use super::object::Object;
use super::topic::Topic;
use super::version;
use super::view;
use crate::status::Failure;

/// What a client asks of a watch, as in the query.
#[derive(Debug, Clone, Copy, Default)]
pub struct WatchOptions<'a> {
    /// `resourceVersion`.
    pub resource_version: &'a str,
    /// `sendInitialEvents`.
    pub send_initial_events: Option<bool>,
    /// `allowWatchBookmarks`.
    pub bookmarks: bool,
}

/// What a watch tells.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// An object came, or is selected from now on, or was there in the beginning.
    Added(Object),
    /// It changed.
    Modified(Object),
    /// It went, or is no longer selected: its last state that was, with the revision of the change.
    Deleted(Object),
    /// Everything up to a revision was told.
    Bookmark {
        /// That revision.
        revision: u64,
        /// All initial events were sent: to be annotated with `k8s.io/initial-events-end`.
        initial_events_end: bool,
    },
    /// The watch is over: the body of its last event.
    Error(Failure),
}

/// What comes next.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// This event.
    Event(Event),
    /// Nothing yet.
    Nothing,
    /// No event will come any more. After an error, and when the watch was so slow that the log forgot what it should be told:
    /// a real server closes the stream then, and says 410 only to the watch that begins where this one ended.
    End,
}

/// One watch.
#[derive(Debug)]
pub struct Watch {
    topic: Topic,
    within: Within,
    /// Everything up to this revision was told.
    told: u64,
    initial: vec::IntoIter<Object>,
    /// The bookmark that ends the initial events is still to come.
    marks_end: bool,
    /// Bookmarks may be sent.
    bookmarks: bool,
    /// What the watch ends with.
    failed: Option<Failure>,
    ended: bool,
}

impl Watch {
    /// Begins a watch. What is wrong with its resource version is no failure of the request, but the only event of the watch,
    /// as a real server does it, unless it is no number. A watch of a revision that has not come yet waits for it, but one
    /// that wants the initial events, too, fails with 504 after 3 seconds: here it fails at once.
    pub fn start(
        store: &mut Store,
        scope: &Scope<'_>,
        options: &WatchOptions<'_>,
        matches: Matches<'_>,
    ) -> Result<Self, Failure> {
        let wanted = version::parse(options.resource_version).map_err(|error| error.elsewhere())?;
        // `SetListOptionsDefaults`: a watch that says nothing of where to begin is one with initial events.
        let initial = options.send_initial_events.unwrap_or(wanted == 0);
        let topic = Topic { resource: scope.resource, cluster: scope.cluster.map(|cluster| store.number(cluster)) };
        let mut watch = Self {
            topic,
            within: Within::new(scope),
            told: if wanted == 0 { store.revision() } else { wanted },
            initial: Vec::new().into_iter(),
            marks_end: initial && options.bookmarks,
            bookmarks: options.bookmarks,
            failed: None,
            ended: false,
        };
        let floor = store.log.watched_from(scope.resource);
        if initial {
            match store.reached(wanted, 1) {
                Ok(()) => {
                    watch.told = store.revision();
                    watch.initial = store.present(scope, matches).into_iter();
                }
                Err(failure) => watch.failed = Some(failure),
            }
        } else if watch.told < floor {
            watch.failed = Some(version::too_old(watch.told, floor));
        }
        Ok(watch)
    }

    /// What has to change before there can be another event.
    pub fn topic(&self) -> Topic {
        self.topic
    }

    /// The next event. `matches` is to be the same that the watch began with.
    pub fn next(&mut self, store: &Store, matches: Matches<'_>) -> Next {
        if self.ended {
            return Next::End;
        }
        if let Some(failure) = self.failed.take() {
            self.ended = true;
            return Next::Event(Event::Error(failure));
        }
        if let Some(object) = self.initial.next() {
            return Next::Event(Event::Added(object));
        }
        if self.marks_end {
            self.marks_end = false;
            return Next::Event(Event::Bookmark { revision: self.told, initial_events_end: true });
        }
        if store.log.forgotten(self.topic) > self.told {
            self.ended = true;
            return Next::End;
        }
        while let Some(change) = store.log.next(self.topic, self.told) {
            self.told = change.object.revision();
            if let Some(event) = self.event(change, matches) {
                return Next::Event(event);
            }
        }
        self.told = self.told.max(store.revision());
        Next::Nothing
    }

    /// A bookmark of now, if the client wants them and was told everything: else there is one later. A real server sends one
    /// about every minute and 2 seconds before the watch times out.
    pub fn bookmark(&self, store: &Store) -> Option<Event> {
        let behind = self.initial.len() > 0 || self.marks_end || self.failed.is_some() || self.ended;
        if !self.bookmarks || behind || store.log.newest(self.topic) > self.told {
            return None;
        }
        let revision = store.revision();
        (revision >= self.told).then_some(Event::Bookmark { revision, initial_events_end: false })
    }

    fn event(&self, change: &Change, matches: Matches<'_>) -> Option<Event> {
        if !self.within.contains(change.object.path()) {
            return None;
        }
        let passes = |object: &Object| matches.is_none_or(|matches| matches(object));
        let previous = change.previous.as_ref().filter(|previous| passes(previous));
        let current = Some(&change.object).filter(|current| !change.deleted && passes(current));
        match (current, previous) {
            (Some(current), None) => Some(Event::Added(current.clone())),
            (Some(current), Some(_)) => Some(Event::Modified(current.clone())),
            (None, Some(_)) if change.deleted => Some(Event::Deleted(change.object.clone())),
            (None, Some(previous)) => Some(Event::Deleted(previous.at(change.object.revision()))),
            (None, None) => None,
        }
    }
}

impl Store {
    /// The objects of a scope.
    fn present(&self, scope: &Scope<'_>, matches: Matches<'_>) -> Vec<Object> {
        let Some(shelf) = self.shelf(scope.resource) else { return Vec::new() };
        let objects = view::walk(shelf, &self.log, scope, "", self.revision());
        objects.filter(|object| matches.is_none_or(|matches| matches(object))).cloned().collect()
    }
}
