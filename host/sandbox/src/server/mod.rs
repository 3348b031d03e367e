//! Answers requests: a [`World`], its clock, its [`Actors`], and those who watch.
//!
//! A request is answered in one go while the world is locked, so that it happens at one moment, and requests that come one
//! after the other have answers that depend on nothing else. Only a watch lasts: its stream takes the lock for each event.
//!
//! ```text
//!  Request ─▶ request ─▶ gate ─┬─▶ discover, reviews                     ─▶ answer ─▶ Response
//!                              ├─▶ read      get, list      ─▶ form
//!                              ├─▶ feed      watch          ─▶ form
//!                              └─▶ write, remove   body ─▶ World
//! ```

mod answer;
mod body;
mod clock;
mod discover;
mod feed;
#[cfg(test)]
pub(crate) mod fixture;
mod form;
mod gate;
mod holders;
mod json;
mod read;
mod remove;
mod request;
mod reviews;
mod selection;
mod service;
mod site;
#[cfg(test)]
mod tests;
mod wakes;
mod write;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

pub use self::clock::Clock;
pub use self::request::ClientCertificate;
pub use self::service::ResponseBody;
use self::wakes::Wakes;
use crate::actors::{Actors, Next};
use crate::kinds::discovery::VersionInfo;
use crate::world::World;

/// How a server answers, beside what is in its world.
#[derive(Debug, Clone)]
pub struct Config {
    /// Clients without a credential are `system:anonymous`, and not refused.
    pub anonymous: bool,
    /// What it says of its build.
    pub version: VersionInfo,
    /// The address that clients use, such as `127.0.0.1:6443`, as discovery tells it.
    pub address: String,
    /// The cluster of requests that name none.
    pub default_cluster: String,
}

/// A server. Clones are the same server.
#[derive(Debug, Clone)]
pub struct Server(Arc<Inner>, Arc<str>);

#[derive(Debug)]
struct Inner {
    world: Mutex<World>,
    wakes: Wakes,
    changed: Notify,
    clock: Clock,
    config: Config,
}

impl Server {
    /// A server of a world.
    pub fn new(world: World, clock: Clock, config: Config) -> Self {
        let inner = Inner { world: Mutex::new(world), wakes: Wakes::default(), changed: Notify::new(), clock, config };
        Self(Arc::new(inner), crate::kcp::ROOT.into())
    }

    /// Does something with the world, at this moment, and wakes those whom it concerns.
    pub fn with<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.0.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.now = self.0.clock.now();
        let done = act(&mut world);
        let (topics, changes) = (world.take_topics(), world.has_changes());
        drop(world);
        self.0.wakes.wake(topics);
        if changes {
            self.0.changed.notify_one();
        }
        done
    }

    /// The same server, as another shard of kcp: through a virtual workspace, what is seen there of all workspaces at once is
    /// what is on that shard.
    #[must_use]
    pub fn shard(&self, name: &str) -> Self {
        Self(Arc::clone(&self.0), name.into())
    }

    /// The clock of this server.
    pub fn clock(&self) -> Clock {
        self.0.clock
    }

    /// Runs controllers, for ever.
    pub async fn run(&self, mut actors: Actors) {
        self.with(|world| actors.begin(world));
        loop {
            match self.with(|world| actors.act(world, actors.at_once())) {
                Next::Now => tokio::task::yield_now().await,
                Next::Idle => self.0.changed.notified().await,
                Next::At(time) => {
                    let due = tokio::time::sleep_until(self.0.clock.instant(time));
                    tokio::select! {
                        () = due => {}
                        () = self.0.changed.notified() => {}
                    }
                }
            }
        }
    }
}
