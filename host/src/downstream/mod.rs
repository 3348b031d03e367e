//! What is there of ours in the physical clusters: a metadata watch per kind on objects that carry our label; whole only
//! Deployments, because their status says whether the syncer runs, and kinds that are told by their content.
//!
//! A link belongs to one registration and is shared by all targets that use it. Only a slim record of each object is
//! held. The number of links is bounded: `places` says who has one and who waits for one. One that is dropped, because another's
//! turn has come, is brought back by the resync of its targets, which are compared again then.
//!
//! A cluster belongs to a tenant, and may say whatever it likes for as long as it likes: `link` says what of it is heard.

mod deployment;
mod link;
mod objects;
mod packed;
mod places;
mod seen;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use berthage_core::key::Key;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use self::places::{Answer, Places};
use crate::access::pool::Connection;

pub use link::{Link, api_resource};
pub use seen::{Seen, followed};

/// What happened downstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Something changed of the target with that id, says the cluster of that registration.
    Target(Key, Arc<str>),
    /// Everything is listed: the registration's targets can be compared.
    Synced(Key),
    /// The cluster does not answer the watch of that registration.
    Failed(Key),
}

/// Where news goes. Must not block.
pub type Sink = Arc<dyn Fn(News) + Send + Sync>;

/// Whether the target with that id uses that registration. Called under a link's lock.
pub type Users = Arc<dyn Fn(&Key, &str) -> bool + Send + Sync>;

/// How often it is looked whether a place has become free, while somebody waits for one.
const TURN: Duration = Duration::from_millis(200);

/// All links.
pub struct Downstream {
    links: Mutex<Links>,
    users: Users,
    sink: Sink,
    /// Somebody has begun to wait for a place.
    waits: Notify,
}

struct Links {
    by_registration: HashMap<Key, Arc<Link>>,
    places: Places,
}

impl Downstream {
    /// At most `limit` links at a time.
    pub fn new(limit: usize, users: Users, sink: Sink) -> Self {
        let links = Links { by_registration: HashMap::new(), places: Places::new(limit) };
        Self { links: Mutex::new(links), users, sink, waits: Notify::new() }
    }

    /// Whether a registration has a place for a link, or gets one now. Who has to wait is called: see [`Self::next_called`]. Who is
    /// in a hurry waits before those who are not.
    pub fn admits(&self, registration: &Key, hurry: bool) -> bool {
        let mut links = lock(&self.links);
        match links.places.ask(registration, hurry, Instant::now()) {
            Answer::Has => true,
            Answer::Gets(gone) => {
                gone.and_then(|gone| links.by_registration.remove(&gone));
                true
            }
            Answer::Waits => {
                self.waits.notify_one();
                false
            }
        }
    }

    /// Waits until it is somebody's turn to have a place; gives those registrations.
    pub async fn next_called(&self) -> Vec<Key> {
        loop {
            let (called, waited_for) = {
                let mut links = lock(&self.links);
                let (gone, called) = links.places.call(Instant::now());
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
        let until = within.map(|within| Instant::now() + within);
        lock(&self.links).places.expect(registration, target, until);
    }

    /// The link of a registration, made with `connection` when there is none or when the credential changed.
    pub fn link(&self, registration: &Key, connection: &Connection) -> Arc<Link> {
        let mut links = lock(&self.links);
        if let Some(gone) = links.places.take(registration, Instant::now()) {
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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

    fn of_two() -> (Downstream, Key, Key) {
        let downstream = Downstream::new(1, Arc::new(|_, _| false), Arc::new(|_| {}));
        let key = |workspace| Key::registration(&Workspace::new(workspace), "east");
        (downstream, key("a"), key("b"))
    }

    #[tokio::test]
    async fn one_workspace_with_many_clusters_takes_no_link_from_another() {
        let connection = nowhere();
        let downstream = Downstream::new(4, Arc::new(|_, _| false), Arc::new(|_| {}));
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
        assert!(downstream.admits(&a, false));
        downstream.link(&a, &nowhere());
        assert!(!downstream.admits(&b, false));
        let begin = Instant::now();
        assert_eq!(downstream.next_called().await, std::slice::from_ref(&b));
        assert!(begin.elapsed() >= Duration::from_secs(2), "{:?}", begin.elapsed());
        assert!(downstream.existing(&a).is_none() && downstream.admits(&b, false) && !downstream.admits(&a, false));
    }

    #[tokio::test(start_paused = true)]
    async fn who_begins_to_wait_while_nobody_waited_is_called_too() {
        let (downstream, a, b) = of_two();
        let downstream = Arc::new(downstream);
        assert!(downstream.admits(&a, false));
        let calling = tokio::spawn({
            let downstream = Arc::clone(&downstream);
            async move { downstream.next_called().await }
        });
        tokio::task::yield_now().await;
        assert!(!downstream.admits(&b, false));
        assert_eq!(calling.await.unwrap(), [b]);
    }
}
