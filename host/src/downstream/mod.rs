//! What is there of ours in the physical clusters: a metadata watch per kind on objects that carry our label; whole only
//! Deployments, because their status says whether the syncer runs, and kinds that are told by their content.
//!
//! A link belongs to one registration and is shared by all targets that use it. Only a slim record of each object is
//! held. The number of links is bounded: of the workspace that has most, the least recently used one is dropped, and its targets
//! are compared again when their resync brings the link back.
//!
//! A cluster belongs to a tenant, and may say whatever it likes for as long as it likes: `link` says what of it is heard.

mod deployment;
mod link;
mod objects;
mod packed;
mod seen;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use berthage_core::key::Key;
use kube::Client;

use crate::shares;

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

/// All links.
pub struct Downstream {
    links: Mutex<Links>,
    limit: usize,
    users: Users,
    sink: Sink,
}

#[derive(Default)]
struct Links {
    by_registration: HashMap<Key, Arc<Link>>,
    /// Least recently used first.
    order: Vec<Key>,
}

impl Downstream {
    /// At most `limit` links at a time.
    pub fn new(limit: usize, users: Users, sink: Sink) -> Self {
        Self { links: Mutex::default(), limit: limit.max(1), users, sink }
    }

    /// The link of a registration, made with `client` when there is none or when the credential changed.
    pub fn link(&self, registration: &Key, fingerprint: &str, client: &Client) -> Arc<Link> {
        let mut links = lock(&self.links);
        links.order.retain(|key| key != registration);
        links.order.push(registration.clone());
        if let Some(link) = links.by_registration.get(registration)
            && link.fingerprint() == fingerprint
        {
            return Arc::clone(link);
        }
        let link = Link::new(registration, fingerprint, client, Arc::clone(&self.users), Arc::clone(&self.sink));
        let link = Arc::new(link);
        links.by_registration.insert(registration.clone(), Arc::clone(&link));
        while links.order.len() > self.limit {
            let used = (0..).zip(&links.order);
            let Some(first) = shares::first_to_go(used.map(|(used, key)| (&key.workspace, used, key.clone()))) else {
                break;
            };
            links.order.retain(|key| *key != first);
            links.by_registration.remove(&first);
        }
        link
    }

    /// The link of a registration, if there is one.
    pub fn existing(&self, registration: &Key) -> Option<Arc<Link>> {
        lock(&self.links).by_registration.get(registration).cloned()
    }

    /// Drops the link of a registration, with its watches.
    pub fn forget(&self, registration: &Key) {
        let mut links = lock(&self.links);
        links.order.retain(|key| key != registration);
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

    use super::*;

    #[tokio::test]
    async fn one_workspace_with_many_clusters_takes_no_link_from_another() {
        let nowhere = tower::service_fn(|_: http::Request<kube::client::Body>| {
            std::future::ready(Err::<http::Response<kube::client::Body>, _>(tower::BoxError::from("nowhere")))
        });
        let client = Client::new(nowhere, "default");
        let downstream = Downstream::new(4, Arc::new(|_, _| false), Arc::new(|_| {}));
        let (a, b) = (Workspace::new("a"), Workspace::new("b"));
        downstream.link(&Key::registration(&b, "only"), "f", &client);
        for at in 0..10 {
            downstream.link(&Key::registration(&a, &at.to_string()), "f", &client);
        }
        assert_eq!(downstream.len(), 4);
        assert!(downstream.existing(&Key::registration(&b, "only")).is_some());
        assert!((7..10).all(|at| downstream.existing(&Key::registration(&a, &at.to_string())).is_some()));
    }
}
