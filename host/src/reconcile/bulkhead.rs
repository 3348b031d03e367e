//! What one physical cluster may hold up: `berthage_core::bulkhead` with a lock, and passes that are given back by themselves.
//!
//! The registration's status says whether a cluster is usable, but it is as old as the last probe. Until the next one, each
//! target that has something to do would find out by itself, for a request's whole time limit. So the first who gets no
//! answer trips the breaker and has the registration probed at once; the others wait for what comes of that.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use berthage_core::bulkhead::Bulkheads as State;
use berthage_core::key::Key;
use berthage_core::reason::Reason;
use berthage_core::status::target::Finding;

use super::{Context, Wake, resolve};

/// The bulkheads of all registrations. Its lock is never held across an await.
pub struct Bulkheads {
    state: Mutex<State<Key>>,
    wake: Wake,
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
        Self { state: Mutex::new(State::new(workers / 4)), wake }
    }

    /// The right to ask the cluster of a registration for a target; `None` if there is no room now. The target is woken when
    /// there is.
    pub(crate) fn enter(self: &Arc<Self>, cluster: &Key, target: &Key) -> Option<Pass> {
        let pass = || Pass { bulkheads: Arc::clone(self), cluster: cluster.clone(), target: target.clone() };
        self.lock().enter(cluster, target).then(pass)
    }

    /// To be held during each run of a target: one that was called and does not come makes room when its run is over, however
    /// that ends.
    pub(crate) const fn run_of<'a>(&'a self, target: &'a Key) -> Run<'a> {
        Run { bulkheads: self, target }
    }

    /// The cluster of a registration gave no answer.
    fn trip(&self, cluster: &Key) {
        let tripped = self.lock().trip(cluster);
        if tripped {
            tracing::info!(registration = %cluster, "it gives no answer: nobody else asks it before it is probed");
            (self.wake)(cluster.clone());
        }
    }

    /// What a probe found is on the hub, or there is nothing to probe any more.
    pub(crate) fn probed(&self, cluster: &Key) {
        let called = self.lock().probed(cluster);
        self.call(called);
    }

    /// How many clusters nobody asks before they are probed, and how many targets wait, for metrics.
    pub fn size(&self) -> (usize, usize) {
        let state = self.lock();
        (state.open(), state.waiting())
    }

    fn call(&self, targets: Vec<Key>) {
        targets.into_iter().for_each(&self.wake);
    }

    fn lock(&self) -> MutexGuard<'_, State<Key>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`Bulkheads::run_of`].
pub(crate) struct Run<'a> {
    bulkheads: &'a Bulkheads,
    target: &'a Key,
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        let called = self.bulkheads.lock().run_over(self.target);
        self.bulkheads.call(called);
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let called = self.bulkheads.lock().leave(&self.cluster, &self.target);
        self.bulkheads.call(called);
    }
}

/// Trips the breaker of a registration's cluster if a run got no answer there, and the registration does not say so yet.
pub(super) fn heed(ctx: &Context, cluster: &Key, unreachable: Option<&Finding>) {
    let silent = unreachable.is_some_and(|finding| is_silence(finding.reason));
    let thought_well =
        || resolve::registration(ctx, cluster).is_ok_and(|it| resolve::probed(&it, &cluster.name).is_ok());
    if silent && thought_well() {
        ctx.bulkheads.trip(cluster);
    }
}

/// Whether a reason says that a cluster gave no answer at all: whoever asks next would wait for nothing.
const fn is_silence(reason: Reason) -> bool {
    matches!(reason, Reason::ClusterUnreachable | Reason::ClusterTimeout | Reason::ClusterTlsFailed)
}
