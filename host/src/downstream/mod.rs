//! What is there of ours in the physical clusters: a metadata watch per kind on objects that carry our label; whole only
//! Deployments, because their status says whether the syncer runs, and kinds that are told by their content.
//!
//! A link belongs to one registration and is shared by all targets that use it. Only a slim record of each object is
//! held. The number of links is bounded: `berthage_core::places` says who has one and who waits for one. One that is dropped,
//! because another's turn has come, is brought back by the resync of its targets, which are compared again then.
//!
//! A cluster belongs to a tenant, and may say whatever it likes for as long as it likes: `link` says what of it is heard.

mod deployment;
mod link;
mod objects;
mod packed;
mod reflector;
mod seen;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use berthage_core::key::Key;
use berthage_core::places::{Answer, Called, Places};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::access::pool::Connection;

pub use link::{Link, api_resource};
pub use seen::{Seen, followed};

/// What happened downstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Something changed of the target with that id, says the cluster of that registration.
    Target(Key, Arc<str>),
    /// Everything is listed: the registration's targets can be compared. For these of them somebody waits.
    Synced(Key, BTreeSet<Key>),
    /// The cluster does not answer the watch of that registration.
    Failed(Key),
}

/// Where news goes. Must not block.
pub type Sink = Arc<dyn Fn(News) + Send + Sync>;

/// Which targets use a registration. Called under locks of this module.
pub trait Users: Send + Sync {
    /// Whether the target with that id does.
    fn has(&self, registration: &Key, id: &str) -> bool;

    /// All of them.
    fn of(&self, registration: &Key) -> Vec<Key>;
}

/// How often it is looked whether a place has become free, while somebody waits for one.
const TURN: Duration = Duration::from_millis(200);

/// All links.
pub struct Downstream {
    links: Arc<Mutex<Links>>,
    users: Arc<dyn Users>,
    sink: Sink,
    /// Somebody has begun to wait for a place.
    waits: Notify,
}

struct Links {
    by_registration: HashMap<Key, Arc<Link>>,
    places: Places,
    started: Instant,
}

impl Links {
    /// The time as places count it.
    fn now(&self) -> Duration {
        self.started.elapsed()
    }
}

impl Downstream {
    /// At most `limit` links at a time.
    pub fn new(limit: usize, users: Arc<dyn Users>, sink: Sink) -> Self {
        let links = Links { by_registration: HashMap::new(), places: Places::new(limit), started: Instant::now() };
        let links = Arc::new(Mutex::new(links));
        let sink = with_places(&links, Arc::clone(&users), sink);
        Self { links, users, sink, waits: Notify::new() }
    }

    /// Whether the registration that a target uses has a place for a link, or gets one now. Who has to wait is called: see
    /// [`Self::next_called`]. Who is in a hurry waits before those who are not.
    pub fn admits(&self, registration: &Key, target: &Key, hurry: bool) -> bool {
        let mut links = lock(&self.links);
        let now = links.now();
        match links.places.ask(registration, target, hurry, now) {
            Answer::Has => true,
            Answer::Gets(gone) => {
                for gone in gone {
                    links.by_registration.remove(&gone);
                }
                // Others of the registration may have waited.
                self.waits.notify_one();
                true
            }
            Answer::Waits => {
                self.waits.notify_one();
                false
            }
        }
    }

    /// Waits until it is somebody's turn to have a place.
    pub async fn next_called(&self) -> Vec<Called> {
        loop {
            let (called, waited_for) = {
                let mut links = lock(&self.links);
                let now = links.now();
                let (gone, called) = links.places.call(|registration| self.users.of(registration), now);
                for gone in gone {
                    links.by_registration.remove(&gone);
                }
                (called, links.places.is_waited_for())
            };
            if !called.is_empty() {
                return called;
            }
            if waited_for {
                sleep(TURN).await;
            } else {
                self.waits.notified().await;
            }
        }
    }

    /// News of a target are expected within that time, or none any more: while some are, the link of its registration is not
    /// dropped for another's.
    pub fn expect_news(&self, registration: &Key, target: &Key, within: Option<Duration>) {
        let mut links = lock(&self.links);
        let until = within.map(|within| links.now() + within);
        links.places.expect(registration, target, until);
    }

    /// A target was run. While a list of its cluster is under way, that run was not the one that is waited for.
    pub fn ran(&self, registration: &Key, target: &Key) {
        let mut links = lock(&self.links);
        if links.by_registration.get(registration).is_none_or(|link| link.all_complete()) {
            let now = links.now();
            links.places.ran(registration, target, now);
        }
    }

    /// A target waits for the place of another registration than that.
    pub fn passes_by(&self, registration: &Key, target: &Key) {
        let mut links = lock(&self.links);
        let now = links.now();
        links.places.ran(registration, target, now);
    }

    /// A target is gone.
    pub fn gone(&self, target: &Key) {
        let mut links = lock(&self.links);
        let now = links.now();
        links.places.gone(target, now);
    }

    /// The link of a registration, made with `connection` when there is none or when the credential changed.
    pub fn link(&self, registration: &Key, connection: &Connection) -> Arc<Link> {
        let mut links = lock(&self.links);
        let now = links.now();
        if let Some(gone) = links.places.take(registration, now) {
            links.by_registration.remove(&gone);
        }
        if let Some(link) = links.by_registration.get(registration)
            && *link.fingerprint() == *connection.fingerprint
        {
            return Arc::clone(link);
        }
        let link = Link::new(registration, connection, Arc::clone(&self.users), Arc::clone(&self.sink));
        let link = Arc::new(link);
        links.by_registration.insert(registration.clone(), Arc::clone(&link));
        link
    }

    /// The link of a registration, if there is one.
    pub fn existing(&self, registration: &Key) -> Option<Arc<Link>> {
        lock(&self.links).by_registration.get(registration).cloned()
    }

    /// Drops the link of a registration, with its watches.
    pub fn forget(&self, registration: &Key) {
        let mut links = lock(&self.links);
        links.places.leave(registration);
        links.by_registration.remove(registration);
    }

    /// How many links there are.
    pub fn len(&self) -> usize {
        lock(&self.links).by_registration.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Tells places what links say, before others hear it.
fn with_places(links: &Arc<Mutex<Links>>, users: Arc<dyn Users>, sink: Sink) -> Sink {
    let links = Arc::downgrade(links);
    Arc::new(move |news| {
        let Some(links) = links.upgrade() else { return };
        let news = match news {
            News::Synced(registration, _) => {
                let users = users.of(&registration);
                let hurried = lock(&links).places.synced(&registration, users);
                News::Synced(registration, hurried)
            }
            News::Failed(registration) => {
                let mut links = lock(&links);
                let now = links.now();
                links.places.failed(&registration, now);
                News::Failed(registration)
            }
            News::Target(..) => news,
        };
        sink(news);
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// For tests: the same of every target and every registration.
#[cfg(test)]
pub(crate) struct Same(pub(crate) bool);

#[cfg(test)]
impl Users for Same {
    fn has(&self, _: &Key, _: &str) -> bool {
        self.0
    }

    fn of(&self, _: &Key) -> Vec<Key> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use berthage_core::key::Workspace;
    use kube::Client;

    use super::*;

    fn nowhere() -> Connection {
        let nowhere = tower::service_fn(|_: http::Request<kube::client::Body>| {
            std::future::ready(Err::<http::Response<kube::client::Body>, _>(tower::BoxError::from("nowhere")))
        });
        Connection { client: Client::new(nowhere, "default"), fingerprint: Arc::from("f") }
    }

    fn admits(downstream: &Downstream, registration: &Key) -> bool {
        downstream.admits(registration, &Key::target(&registration.workspace, "one"), false)
    }

    async fn called(downstream: &Downstream) -> Vec<Key> {
        downstream.next_called().await.into_iter().map(|called| called.registration).collect()
    }

    fn of_two() -> (Downstream, Key, Key) {
        let downstream = Downstream::new(1, Arc::new(Same(false)), Arc::new(|_| {}));
        let key = |workspace| Key::registration(&Workspace::new(workspace), "east");
        (downstream, key("a"), key("b"))
    }

    #[tokio::test]
    async fn one_workspace_with_many_clusters_takes_no_link_from_another() {
        let connection = nowhere();
        let downstream = Downstream::new(4, Arc::new(Same(false)), Arc::new(|_| {}));
        let (a, b) = (Workspace::new("a"), Workspace::new("b"));
        downstream.link(&Key::registration(&b, "only"), &connection);
        for at in 0..10 {
            downstream.link(&Key::registration(&a, &at.to_string()), &connection);
        }
        assert_eq!(downstream.len(), 4);
        assert!(downstream.existing(&Key::registration(&b, "only")).is_some());
        assert!((7..10).all(|at| downstream.existing(&Key::registration(&a, &at.to_string())).is_some()));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_called_when_another_is_done() {
        let (downstream, a, b) = of_two();
        assert!(admits(&downstream, &a));
        downstream.link(&a, &nowhere());
        assert!(!admits(&downstream, &b));
        let begin = Instant::now();
        assert_eq!(called(&downstream).await, std::slice::from_ref(&b));
        assert!(begin.elapsed() >= Duration::from_secs(2), "{:?}", begin.elapsed());
        assert!(downstream.existing(&a).is_none() && admits(&downstream, &b) && !admits(&downstream, &a));
    }

    #[tokio::test(start_paused = true)]
    async fn who_begins_to_wait_while_nobody_waited_is_called_too() {
        let (downstream, a, b) = of_two();
        let downstream = Arc::new(downstream);
        assert!(admits(&downstream, &a));
        let calling = tokio::spawn({
            let downstream = Arc::clone(&downstream);
            async move { called(&downstream).await }
        });
        tokio::task::yield_now().await;
        assert!(!admits(&downstream, &b));
        assert_eq!(calling.await.unwrap(), [b]);
    }
}
