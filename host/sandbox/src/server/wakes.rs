//! Who waits for changes of what.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Notify;

use crate::store::Topic;

/// Those who wait, by topic. A topic is forgotten when nobody waits for it any more and it is waked.
#[derive(Debug, Default)]
pub(super) struct Wakes(Mutex<BTreeMap<Topic, Weak<Notify>>>);

impl Wakes {
    /// What to wait on for changes of a topic.
    pub(super) fn of(&self, topic: Topic) -> Arc<Notify> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(present) = waiting.get(&topic).and_then(Weak::upgrade) {
            return present;
        }
        let fresh = Arc::new(Notify::new());
        waiting.insert(topic, Arc::downgrade(&fresh));
        fresh
    }

    /// Wakes all who wait for these.
    pub(super) fn wake(&self, topics: Vec<Topic>) {
        if topics.is_empty() {
            return;
        }
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for topic in topics {
            match waiting.get(&topic).map(Weak::upgrade) {
                Some(Some(present)) => present.notify_waiters(),
                Some(None) => {
                    waiting.remove(&topic);
                }
                None => {}
            }
        }
    }
}
