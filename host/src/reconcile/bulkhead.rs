//! What one physical cluster may hold up: `berthage_core::bulkhead` with a lock, and passes that are given back by themselves.
//!
//! The registration's status says whether a cluster is usable, but it is as old as the last probe. Until the next one, each
//! target that has something to do would find out by itself, for a request's whole time limit. So the first who gets no
//! answer trips the breaker and has the registration probed at once; the others wait for what comes of that.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use berthage_core::bulkhead::{Bulkheads as State, Entry};
use berthage_core::key::Key;
use berthage_core::queue::Priority;
use berthage_core::reason::Reason;
use berthage_core::status::target::Finding;
use tokio::time::Instant;

use super::{Context, Wake, resolve};

/// The bulkheads of all registrations. Its lock is never held across an await.
pub struct Bulkheads {
    inner: Mutex<Inner>,
    wake: Wake,
}

struct Inner {
    state: State<Key>,
    /// The clusters that nobody asks.
    silent: HashMap<Key, Silence>,
}

/// Why nobody asks a cluster.
struct Silence {
    since: Instant,
    /// It answers, and too slowly: a probe's few requests say nothing about that.
    slow: bool,
}

impl Silence {
    fn rest(&self) -> Option<Duration> {
        REST.checked_sub(self.since.elapsed()).filter(|rest| !rest.is_zero())
    }
}

/// How long a cluster is left alone that answers too slowly; and one that gave no answer, if its registration is gone: nothing
/// probes it then.
pub(super) const REST: Duration = Duration::from_mins(1);

/// Why a target may not ask a cluster now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TurnedAway {
    /// As many as may are there; or as many clusters are watched as may be.
    Full,
    /// Somebody got no answer there a moment ago.
    Silent,
}

/// The right to ask a cluster something, until it is dropped.
pub(crate) struct Pass {
    bulkheads: Arc<Bulkheads>,
    cluster: Key,
    target: Key,
}

impl Bulkheads {
    /// For that many workers: a quarter of them may be at one cluster at a time. Then one that hangs takes a quarter for the
    /// time limit of a request, and a target still finds a worker when three of them hang.
    pub fn for_workers(workers: usize, wake: Wake) -> Self {
        let inner = Inner { state: State::new(workers / 4), silent: HashMap::new() };
        Self { inner: Mutex::new(inner), wake }
    }

    /// The right to ask the cluster of a registration for a target. A target that is turned away is woken when there is room.
    pub(crate) fn enter(self: &Arc<Self>, cluster: &Key, target: &Key) -> Result<Pass, TurnedAway> {
        match self.lock().state.enter(cluster, target) {
            Entry::Inside => Ok(Pass { bulkheads: Arc::clone(self), cluster: cluster.clone(), target: target.clone() }),
            Entry::Full => Err(TurnedAway::Full),
            Entry::Silent => Err(TurnedAway::Silent),
        }
    }

    /// To be held during each run of a target: one that was called and does not come makes room when its run is over, however
    /// that ends.
    pub(crate) fn run_of<'a>(&'a self, target: &'a Key) -> Run<'a> {
        self.lock().state.run_begins(target);
        Run { bulkheads: self, target }
    }

    /// How much longer a cluster is left alone that gave no answer, if its registration is gone.
    pub(crate) fn rest_of(&self, cluster: &Key) -> Option<Duration> {
        self.lock().silent.get(cluster)?.rest()
    }

    /// The cluster of a registration gave no answer.
    fn trip(&self, cluster: &Key) {
        let tripped = {
            let mut inner = self.lock();
            inner.silent.entry(cluster.clone()).or_insert_with(|| Silence { since: Instant::now(), slow: false });
            inner.state.trip(cluster)
        };
        if tripped {
            tracing::info!(registration = %cluster, "it gives no answer: nobody else asks it before it is probed");
            (self.wake)(cluster.clone(), Priority::Report);
        }
    }

    /// A run took all the time of the cluster of a registration that a run may take: it is left alone for a while.
    pub(crate) fn exhausted(&self, cluster: &Key) {
        let tripped = {
            let mut inner = self.lock();
            inner.silent.insert(cluster.clone(), Silence { since: Instant::now(), slow: true });
            inner.state.trip(cluster)
        };
        if tripped {
            tracing::info!(registration = %cluster, "it answers too slowly: nobody asks it for {} s", REST.as_secs());
            (self.wake)(cluster.clone(), Priority::Report);
        }
    }

    /// What a probe found is on the hub, or there is nothing to probe any more. Of a cluster that is still left alone, because it
    /// answers too slowly: for how much longer; it is to be probed again then.
    pub(crate) fn probed(&self, cluster: &Key) -> Option<Duration> {
        let called = {
            let mut inner = self.lock();
            if let Some(rest) = inner.silent.get(cluster).filter(|silence| silence.slow).and_then(Silence::rest) {
                return Some(rest);
            }
            inner.silent.remove(cluster);
            inner.state.probed(cluster)
        };
        self.call(called);
        None
    }

    /// How many clusters nobody asks before they are probed, and how many targets wait, for metrics.
    pub fn size(&self) -> (usize, usize) {
        let inner = self.lock();
        (inner.state.open(), inner.state.waiting())
    }

    /// Who was turned away in a hurry still has the priority he came with.
    fn call(&self, targets: Vec<Key>) {
        for target in targets {
            (self.wake)(target, Priority::Report);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`Bulkheads::run_of`].
pub(crate) struct Run<'a> {
    bulkheads: &'a Bulkheads,
    target: &'a Key,
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        let called = self.bulkheads.lock().state.run_over(self.target);
        self.bulkheads.call(called);
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let called = self.bulkheads.lock().state.leave(&self.cluster, &self.target);
        self.bulkheads.call(called);
    }
}

/// Trips the breaker of a registration's cluster if a run got no answer there, and the registration does not say so yet.
pub(super) fn heed(ctx: &Context, cluster: &Key, unreachable: Option<&Finding>) {
    let silent = unreachable.is_some_and(|finding| is_silence(finding.reason));
    // Where the registration is gone nothing else would say so: a clean-up goes on without it.
    let thought_well = || match resolve::registration(ctx, cluster) {
        Ok(registration) => resolve::probed(&registration, &cluster.name).is_ok(),
        Err(problem) => problem.reason == Reason::RegistrationNotFound,
    };
    if silent && thought_well() {
        ctx.bulkheads.trip(cluster);
    }
}

/// Whether a reason says that a cluster gave no answer at all: whoever asks next would wait for nothing.
const fn is_silence(reason: Reason) -> bool {
    matches!(reason, Reason::ClusterUnreachable | Reason::ClusterTimeout | Reason::ClusterTlsFailed)
}
