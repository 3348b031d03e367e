//! The list and watch of one kind in one cluster: what client-go calls a reflector.
//!
//! kube's `watcher` is not used here. There are eight kinds for each cluster and hundreds of clusters, and all but a few of these
//! watches are silent; each of kube's keeps a buffer of 8 KiB for lines and room for the largest of its futures, 7 KiB more. Here
//! a watch that is silent keeps neither: a line has no room before it comes, and what lists is in a box of its own while it lists.
//!
//! A list is tried again when it fails, and given up for a while when it takes too long or has too many objects.

use std::collections::HashSet;
use std::fmt::Debug;
use std::io::ErrorKind;
use std::sync::{Arc, Weak};
use std::time::Duration;

use berthage_core::object::{KindInfo, ObjectId};
use futures::{AsyncBufRead, AsyncBufReadExt as _};
use kube::api::{ApiResource, ListParams, WatchEvent, WatchParams};
use kube::core::request;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout};

use super::link::Link;
use super::seen::Seen;
use crate::access::pace::Pace;
use crate::watch::retries::Retries;

/// Objects with our label that one list may have: those of all who use the cluster, of one kind.
pub(super) const LISTED: usize = 100_000;
/// Objects that are taken in before others get their turn.
const AT_A_TIME: usize = 64;
/// Objects asked for at a time.
pub(super) const PAGE: u32 = 250;
/// Time for one list, all of its pages.
pub(super) const LISTING: Duration = Duration::from_mins(1);
/// How long a kind is left alone whose list was given up.
pub(super) const REST: Duration = Duration::from_mins(5);
/// Lists of a kind at once, after a rest, and the time in which there may be one more.
pub(super) const RELISTS: (u32, Duration) = (10, Duration::from_secs(15));
/// Longest resourceVersion in bytes: an API server's is a number.
const VERSION: usize = 64;
/// Time for a line, once it has begun.
pub(super) const LINE: Duration = Duration::from_mins(1);
/// The code of a watch's error, or of its answer, that says that what it was to begin with is forgotten.
const EXPIRED: u16 = 410;
/// The code of an answer to a version that is none.
const INVALID: u16 = 400;

/// See the module.
pub(super) struct Reflector<K, S> {
    /// Held weakly: dropping the link ends its watches.
    link: Weak<Link>,
    info: &'static KindInfo,
    api: Api<K>,
    client: Client,
    /// Labels of what is asked for.
    selector: String,
    seen: S,
    relists: Pace,
    retries: Retries,
}

/// Why a list or a watch is over before its time.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("the link is gone")]
    Unlinked,
    #[error("the version to go on from is forgotten")]
    Expired,
    #[error("a list's own version is forgotten")]
    Forgotten,
    #[error("a line does not come to an end")]
    Line,
    #[error("{0}")]
    GivenUp(&'static str),
    #[error("an object or a list has no version")]
    Unversioned,
    #[error("an event cannot be read")]
    Event(#[source] serde_json::Error),
    #[error("the answer broke off")]
    Broken(#[source] std::io::Error),
    #[error("no such request can be made")]
    Request(#[source] request::Error),
    #[error(transparent)]
    Refused(kube::Error),
    #[error("the watch tells of an error ({code}): {message}")]
    Told { code: u16, message: String },
}

impl End {
    /// Whether going on from the same version would come to the same end.
    fn loses_its_place(&self) -> bool {
        match self {
            Self::Expired | Self::Forgotten | Self::Unversioned | Self::Event(_) | Self::Request(_) => true,
            Self::Refused(kube::Error::Api(status)) => status.code == INVALID,
            _ => false,
        }
    }
}

impl<K, S> Reflector<K, S>
where
    K: Resource<DynamicType = ApiResource> + Clone + DeserializeOwned + Debug + Send + 'static,
    S: Fn(&K) -> Option<Seen> + Send + Sync,
{
    /// Of the objects that `selector` selects; `seen` is what is held of one.
    pub(super) fn new(link: &Arc<Link>, info: &'static KindInfo, client: Client, selector: String, seen: S) -> Self {
        Self {
            link: Arc::downgrade(link),
            info,
            api: Api::all_with(client.clone(), &super::api_resource(info)),
            client,
            selector,
            seen,
            relists: Pace::new(RELISTS.0, RELISTS.1),
            retries: Retries::of([link.registration().to_string().as_str(), info.kind]),
        }
    }

    /// Follows the kind for as long as the link is there.
    pub(super) async fn run(mut self) {
        // Where to go on; nothing before a list is complete.
        let mut version = None;
        loop {
            let end = match &mut version {
                None => match Box::pin(self.list()).await {
                    Ok(listed) => {
                        version = Some(listed);
                        continue;
                    }
                    Err(end) => end,
                },
                Some(version) => match self.watch(version).await {
                    Ok(()) => continue,
                    Err(end) => end,
                },
            };
            if end.loses_its_place() {
                version = None;
            }
            let Some(pause) = self.pause(end) else { return };
            sleep(pause).await;
        }
    }

    /// How long to wait before it is tried again; nothing if the link is gone.
    fn pause(&mut self, end: End) -> Option<Duration> {
        let link = self.link.upgrade()?;
        let (registration, kind) = (link.registration(), self.info.kind);
        match end {
            End::Unlinked => None,
            // It happens to who heard nothing for long. What follows has a pace of its own.
            End::Expired => Some(Duration::ZERO),
            End::GivenUp(why) => {
                let rest = REST.as_secs();
                tracing::warn!(%registration, kind, "a physical cluster's list is given up, and tried again in {rest} s: {why}");
                link.failed();
                Some(REST)
            }
            error => {
                let error: &dyn std::error::Error = &error;
                tracing::debug!(%registration, kind, error, "a watch downstream failed; it is tried again");
                link.failed();
                Some(self.retries.next().unwrap_or(REST))
            }
        }
    }

    /// Lists everything; gives the version to watch from.
    async fn list(&mut self) -> Result<String, End> {
        sleep(self.relists.take(Instant::now(), 1)).await;
        timeout(LISTING, self.pages()).await.unwrap_or(Err(End::GivenUp("it does not come to an end")))
    }

    async fn pages(&self) -> Result<String, End> {
        let mut wanted = ListParams::default().labels(&self.selector).limit(PAGE);
        let mut listed = HashSet::new();
        let mut objects = 0;
        loop {
            let page = self.api.list(&wanted).await.map_err(|error| match refused(error) {
                // A list begins anew; one that can never end is a failure, and no watch that heard nothing for long.
                End::Expired => End::Forgotten,
                end => end,
            })?;
            for object in page.items {
                listed.extend(self.take(&object, (self.seen)(&object))?);
                objects += 1;
                if objects > LISTED {
                    return Err(End::GivenUp("it has too many objects"));
                }
                if objects % AT_A_TIME == 0 {
                    // A page comes all at once.
                    tokio::task::yield_now().await;
                }
            }
            wanted.continue_token = page.metadata.continue_.filter(|token| !token.is_empty());
            if wanted.continue_token.is_none() {
                let version = usable(page.metadata.resource_version)?;
                self.link.upgrade().ok_or(End::Unlinked)?.listed(self.info, &listed);
                return Ok(version);
            }
        }
    }

    /// Hears what one watch tells until it ends, and moves `version` on.
    async fn watch(&self, version: &mut String) -> Result<(), End> {
        let mut answer = Box::pin(self.open(version)).await?;
        loop {
            // Made anew for each: between two events, which may be an hour, it takes no room.
            let mut line = Vec::new();
            match next_line(&mut answer, &mut line).await {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                // Most servers end a watch so, by the way they close their connections.
                Err(End::Broken(error)) if is_an_end(&error) => return Ok(()),
                Err(end) => return Err(end),
            }
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            match serde_json::from_slice(&line) {
                Ok(event) => self.hear(event, version)?,
                // The answer ended within the line. What it was about comes again with the next watch.
                Err(error) if error.is_eof() && !line.ends_with(b"\n") => return Ok(()),
                Err(error) => return Err(End::Event(error)),
            }
        }
    }

    async fn open(&self, version: &str) -> Result<Box<dyn AsyncBufRead + Send + Unpin>, End> {
        let wanted = WatchParams::default().labels(&self.selector);
        let request = request::Request::new(self.api.resource_url());
        let made =
            if K::metadata_api() { request.watch_metadata(&wanted, version) } else { request.watch(&wanted, version) };
        let answer = self.client.request_stream(made.map_err(End::Request)?).await.map_err(refused)?;
        Ok(Box::new(answer))
    }

    fn hear(&self, event: WatchEvent<K>, version: &mut String) -> Result<(), End> {
        let told = match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                self.take(&object, (self.seen)(&object))?;
                object.meta().resource_version.clone()
            }
            WatchEvent::Deleted(object) => {
                self.take(&object, None)?;
                object.meta().resource_version.clone()
            }
            WatchEvent::Bookmark(bookmark) => Some(bookmark.metadata.resource_version),
            WatchEvent::Error(status) if status.code == EXPIRED => return Err(End::Expired),
            WatchEvent::Error(status) => return Err(End::Told { code: status.code, message: status.message }),
        };
        *version = usable(told)?;
        Ok(())
    }

    fn take(&self, object: &K, seen: Option<Seen>) -> Result<Option<ObjectId>, End> {
        Ok(self.link.upgrade().ok_or(End::Unlinked)?.take(self.info, object.meta(), seen))
    }
}

/// A version to go on from.
fn usable(version: Option<String>) -> Result<String, End> {
    version.filter(|version| !version.is_empty() && version.len() <= VERSION).ok_or(End::Unversioned)
}

/// Waits for a line as long as nothing of it comes, and not for long for the rest; false at the end.
async fn next_line(answer: &mut (impl AsyncBufRead + Send + Unpin), line: &mut Vec<u8>) -> Result<bool, End> {
    if answer.fill_buf().await.map_err(End::Broken)?.is_empty() {
        return Ok(false);
    }
    match timeout(LINE, answer.read_until(b'\n', line)).await {
        Ok(read) => read.map(|read| read > 0).map_err(End::Broken),
        Err(_) => Err(End::Line),
    }
}

/// Whether the connection was closed without the words that are meant for it.
fn is_an_end(error: &std::io::Error) -> bool {
    let mut next = error.get_ref().map(|inner| inner as &(dyn std::error::Error + 'static));
    while let Some(error) = next {
        next = match error.downcast_ref::<std::io::Error>() {
            Some(error) if error.kind() == ErrorKind::UnexpectedEof => return true,
            Some(error) => error.get_ref().map(|inner| inner as _),
            None => error.source(),
        };
    }
    false
}

fn refused(error: kube::Error) -> End {
    match error {
        kube::Error::Api(status) if status.code == EXPIRED => End::Expired,
        error => End::Refused(error),
    }
}
