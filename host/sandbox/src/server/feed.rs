//! `watch`: a stream of events.
//!
//! Facts: `apiserver/pkg/endpoints/handlers/{get,watch}.go`, `storage/cacher/cacher.go`: a watch without `timeoutSeconds` ends
//! after half an hour to an hour, and one that wants bookmarks gets one about every minute and 2 seconds before its end.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::Server;
use super::answer::Answer;
use super::form::Shown;
use super::gate::Request;
use super::read;
use super::selection::Selection;
use super::site::Site;
use crate::kinds::options;
use crate::show;
use crate::store::{Event, Matches, Next, Object, Watch, WatchOptions};
use crate::world::{Serving, World};

/// How long a watch lasts at the least that does not say it.
const LASTS: u64 = 1800;
/// How long a watch lasts at the most, in seconds, whatever it says: a year.
const LONGEST: u64 = 365 * 24 * 60 * 60;
/// How often bookmarks come.
const BOOKMARKS: Duration = Duration::from_secs(60);
/// How long before its end a watch gets its last bookmark.
const LAST_BOOKMARK: Duration = Duration::from_secs(2);
/// How many bytes of events go out together.
const TOGETHER: usize = 64 * 1024;

/// One watch of one client.
#[derive(Debug)]
pub(super) struct Feed {
    server: Server,
    watch: Watch,
    waits: Arc<Notify>,
    selection: Selection,
    site: Site,
    serving: Arc<Serving>,
    shown: Shown,
    /// There is nothing of the kind, and nothing will be told.
    silent: bool,
    /// No event was sent yet.
    first: bool,
    ends: Instant,
    bookmark: Instant,
}

/// Begins a watch.
pub(super) fn watch(
    server: &Server,
    world: &mut World,
    request: &Request<'_>,
    serving: &Arc<Serving>,
) -> Result<Answer, Answer> {
    let options::Decoded { options, .. } = options::ListOptions::decode(&request.query)?.check()?;
    let shown = Shown::new(request, serving)?;
    let selection = Selection::new(options.label_selector, options.field_selector, Arc::clone(serving))?;
    let lasts = match options.timeout_seconds.and_then(|seconds| u64::try_from(seconds).ok()) {
        Some(seconds) if seconds > 0 => seconds.min(LONGEST),
        _ => LASTS + world.random.below(LASTS),
    };
    let asked = WatchOptions {
        resource_version: &options.resource_version,
        send_initial_events: options.send_initial_events,
        bookmarks: options.allow_watch_bookmarks,
    };
    let site = request.site.clone();
    let scope = read::scope(request, serving, &selection);
    let silent = !site.has(world, serving);
    let (store, kcp) = world.store_and_kcp();
    let takes = |object: &Object| selection.takes(object) && site.sees(kcp, serving, object);
    let watch = Watch::start(store, &scope, &asked, Some(&takes))?;
    let now = Instant::now();
    let ends = now + Duration::from_secs(lasts);
    Ok(Answer::feed(Feed {
        waits: server.0.wakes.of(watch.topic()),
        server: server.clone(),
        watch,
        selection,
        site,
        serving: Arc::clone(serving),
        shown,
        silent,
        first: true,
        bookmark: next_bookmark(now, ends),
        ends,
    }))
}

fn next_bookmark(now: Instant, ends: Instant) -> Instant {
    let last = ends.checked_sub(LAST_BOOKMARK).unwrap_or(ends);
    if now < last { (now + BOOKMARKS).min(last) } else { ends }
}

impl Feed {
    /// The next events, or nothing when the watch is over.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        loop {
            let waits = Arc::clone(&self.waits);
            let mut changed = std::pin::pin!(waits.notified());
            // From here on no change is missed.
            changed.as_mut().enable();
            if Instant::now() >= self.ends {
                return None;
            }
            let server = self.server.clone();
            let (events, over) = server.with(|world| self.take(world));
            if !events.is_empty() {
                return Some(events.into());
            }
            if over {
                return None;
            }
            tokio::select! {
                () = changed => {}
                () = sleep_until(self.bookmark.min(self.ends)) => {}
            }
        }
    }

    /// A watch through a virtual workspace ends when what it is of is another one: its schema or identity changed.
    fn is_of_another(&mut self, world: &World) -> bool {
        let Some(through) = &self.site.through else { return false };
        let served = &self.serving.served;
        let present = world.virtual_workspace(through.cluster(), through.name());
        let same = present.as_ref().is_some_and(|present| {
            let serving = present.serving(&served.group, &served.version, &served.plural);
            serving.is_some_and(|serving| Arc::ptr_eq(serving, &self.serving))
        });
        if same {
            self.site.through = present;
        }
        !same
    }

    /// What there is to tell, and whether that is all for ever.
    fn take(&mut self, world: &World) -> (Vec<u8>, bool) {
        let mut events = Vec::new();
        if self.is_of_another(world) {
            return (events, true);
        }
        if self.silent {
            return (events, false);
        }
        let (selection, site, serving) = (&self.selection, &self.site, &self.serving);
        let takes = |object: &Object| selection.takes(object) && site.sees(world.kcp(), serving, object);
        let matches: Matches<'_> = Some(&takes);
        while events.len() < TOGETHER {
            match self.watch.next(&world.store, matches) {
                Next::Event(event) => write(&self.shown, &mut self.first, &event, world, &mut events),
                Next::Nothing => break,
                Next::End => return (events, true),
            }
        }
        let now = Instant::now();
        if now >= self.bookmark {
            self.bookmark = next_bookmark(now, self.ends);
            if let Some(event) = self.watch.bookmark(&world.store) {
                write(&self.shown, &mut self.first, &event, world, &mut events);
            }
        }
        (events, false)
    }
}

fn write(shown: &Shown, first: &mut bool, event: &Event, world: &World, events: &mut Vec<u8>) {
    let (kind, object) = match event {
        Event::Added(object) => ("ADDED", shown.of_event(object, *first, world.now)),
        Event::Modified(object) => ("MODIFIED", shown.of_event(object, *first, world.now)),
        Event::Deleted(object) => ("DELETED", shown.of_event(object, *first, world.now)),
        Event::Bookmark { revision, initial_events_end } => {
            ("BOOKMARK", Ok(shown.bookmark(*revision, *initial_events_end, *first, world.now)))
        }
        Event::Error(failure) => ("ERROR", Ok(show::pretty(&failure.to_status(), false))),
    };
    *first = false;
    let (kind, object) = match object {
        Ok(object) => (kind, object),
        Err(failure) => ("ERROR", show::pretty(&failure.to_status(), false)),
    };
    events.extend(show::event(kind, &object));
}
