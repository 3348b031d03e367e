//! The queue between the watches and the reconciles: `berthage_core::queue` with a clock, waiting workers and metrics.
//!
//! Workers wait in [`WorkQueue::take`]. One task per queue keeps time for all of them: it sleeps until the next key is due
//! and wakes one worker; a worker that leaves more behind wakes the next. So neither a deadline nor an added key wakes
//! more tasks than have work.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use berthage_core::backoff::RetryClass;
use berthage_core::queue::{Added, Keyed, Limits, Outcome, Priority, Queue, Taken};
use futures::FutureExt as _;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::metrics::{Metrics, QueueMetrics, Tenants};

/// A queue of keys. Clones are handles to the same queue.
pub struct WorkQueue<K: Keyed>(Arc<Shared<K>>);

impl<K: Keyed> Clone for WorkQueue<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Shared<K: Keyed> {
    state: Mutex<State<K>>,
    started: Instant,
    metrics: QueueMetrics,
    /// A key is ready, or the queue is shut down. For workers.
    ready: Notify,
    /// The next deadline is earlier than it was, or there is no more work. For the timekeeper.
    sooner: Arc<Notify>,
    /// No key is being worked on.
    idle: Notify,
}

struct State<K: Keyed> {
    queue: Queue<K>,
    shut_down: bool,
    /// When each of the present works began, by a number that counts up.
    running: BTreeMap<u64, Instant>,
    next_number: u64,
}

impl<K: Keyed + Send + 'static> WorkQueue<K>
where
    K::Tenant: Send,
{
    /// An empty queue, whose metrics carry `name`; each tenant has `limits`. To be called within a Tokio runtime.
    pub fn new(name: &'static str, metrics: &Metrics, limits: Limits) -> Self {
        let state = State { queue: Queue::new(limits), shut_down: false, running: BTreeMap::new(), next_number: 0 };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            started: Instant::now(),
            metrics: metrics.queue(name),
            ready: Notify::new(),
            sooner: Arc::new(Notify::new()),
            idle: Notify::new(),
        });
        let sampled = Arc::downgrade(&shared);
        metrics.before_scrape(move |_| {
            if let Some(shared) = sampled.upgrade() {
                shared.sample();
            }
        });
        tokio::spawn(keep_time(Arc::downgrade(&shared), Arc::clone(&shared.sooner)));
        Self(shared)
    }

    /// Asks for `key` to be worked on as soon as its turn comes.
    pub fn add(&self, key: K, priority: Priority) {
        self.add_after(key, Duration::ZERO, priority);
    }

    /// Asks for `key` to be worked on after `delay`, or as it is scheduled already if that is earlier.
    pub fn add_after(&self, key: K, delay: Duration, priority: Priority) {
        let now = self.0.now();
        let wake = {
            let mut state = self.0.lock();
            let before = state.wake_up();
            self.0.count(state.queue.add_after(key, delay, priority, now));
            Wake::between(before, state.wake_up())
        };
        self.0.wake(wake);
    }

    /// Waits for the key whose turn it is. [`None`] once the queue is shut down.
    ///
    /// Can be dropped at any time: no key is lost by that.
    pub async fn take(&self) -> Option<Job<K>> {
        loop {
            // Made before the look, so that what happens between the look and the waiting is not missed.
            let notified = self.0.ready.notified();
            match self.try_take() {
                Some(Ok(job)) => return Some(job),
                Some(Err(ShutDown)) => return None,
                None => notified.await,
            }
        }
    }

    fn try_take(&self) -> Option<Result<Job<K>, ShutDown>> {
        let now = self.0.now();
        let (taken, number, more) = {
            let mut state = self.0.lock();
            if state.shut_down {
                return Some(Err(ShutDown));
            }
            let taken = state.queue.take(now)?;
            let number = state.next_number;
            state.next_number += 1;
            state.running.insert(number, Instant::now());
            (taken, number, state.queue.takeable() > 0)
        };
        if more {
            self.0.ready.notify_one();
        }
        self.0.metrics.taken(taken.waited);
        Some(Ok(Job { taken: Some(taken), number, shared: Arc::clone(&self.0) }))
    }

    /// Hands out nothing more. Keys that are being worked on can be given back as usual.
    pub fn shut_down(&self) {
        self.0.lock().shut_down = true;
        self.0.ready.notify_waiters();
        self.0.sooner.notify_one();
    }

    /// Waits until no key is being worked on. Meant for after [`Self::shut_down`]; before it, this is a moment only.
    pub async fn drained(&self) {
        loop {
            let notified = self.0.idle.notified();
            if self.0.lock().queue.running() == 0 {
                return;
            }
            notified.await;
        }
    }

    /// How many keys are ready and wait for a worker.
    pub fn depth(&self) -> usize {
        self.0.lock().queue.ready()
    }

    /// Works on keys, `workers` at a time, until the queue is shut down and the last of them is done. `work` gets the key
    /// and how many runs of it failed in a row.
    ///
    /// A run that panics has failed; it takes down neither its worker nor the process.
    pub async fn run<F, R>(&self, workers: usize, work: F)
    where
        F: Fn(K, u32) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Outcome> + Send,
    {
        let mut tasks = JoinSet::new();
        for _ in 0..workers {
            let (queue, work) = (self.clone(), work.clone());
            tasks.spawn(async move {
                while let Some(job) = queue.take().await {
                    let (key, failures) = (job.key().clone(), job.failures());
                    let run = AssertUnwindSafe(async { work(key, failures).await });
                    match run.catch_unwind().await {
                        Ok(outcome) => drop(job.finish(outcome)),
                        // The panic hook has told of it; the job, given back by its drop, is tried again.
                        Err(_) => drop(job),
                    }
                }
            });
        }
        while tasks.join_next().await.is_some() {}
    }
}

struct ShutDown;

/// Keeps time until the queue is shut down or gone.
async fn keep_time<K: Keyed>(queue: Weak<Shared<K>>, sooner: Arc<Notify>) {
    loop {
        let deadline = {
            let Some(shared) = queue.upgrade() else { return };
            let now = shared.now();
            let mut state = shared.lock();
            if state.shut_down {
                return;
            }
            if state.queue.advance(now) > 0 {
                shared.ready.notify_one();
            }
            // A deadline that no clock reaches is none.
            state.queue.next_deadline().and_then(|deadline| shared.started.checked_add(deadline))
        };
        match deadline {
            None => sooner.notified().await,
            Some(deadline) => tokio::select! {
                biased;
                () = sooner.notified() => {}
                () = sleep_until(deadline) => {}
            },
        }
    }
}

/// Who has something to do after a change.
#[derive(Debug, Clone, Copy)]
struct Wake {
    worker: bool,
    timekeeper: bool,
}

impl Wake {
    /// From what [`State::wake_up`] said before and after the change.
    fn between(before: (usize, Option<Duration>), after: (usize, Option<Duration>)) -> Self {
        let timekeeper = match (before.1, after.1) {
            (None, Some(_)) => true,
            (Some(before), Some(after)) => after < before,
            (_, None) => false,
        };
        Self { worker: after.0 > before.0, timekeeper }
    }
}

impl<K: Keyed> State<K> {
    fn wake_up(&self) -> (usize, Option<Duration>) {
        (self.queue.takeable(), self.queue.next_deadline())
    }
}

impl<K: Keyed> Shared<K> {
    /// A panic elsewhere leaves the state whole: no code of others runs under the lock.
    fn lock(&self) -> MutexGuard<'_, State<K>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn count(&self, added: Added) {
        if added == Added::New {
            self.metrics.added();
        }
    }

    fn wake(&self, wake: Wake) {
        if wake.worker {
            self.ready.notify_one();
        }
        if wake.timekeeper {
            self.sooner.notify_one();
        }
    }

    fn done(&self, taken: Taken<K>, number: u64, outcome: Outcome) -> Option<Duration> {
        let now = self.now();
        let (delay, began, wake, idle) = {
            let mut state = self.lock();
            let began = state.running.remove(&number);
            let before = state.wake_up();
            let delay = state.queue.done(taken, outcome, now);
            (delay, began, Wake::between(before, state.wake_up()), state.queue.running() == 0)
        };
        let worked = began.map_or(Duration::ZERO, |began| began.elapsed());
        self.metrics.done(worked, matches!(outcome, Outcome::Retry { .. }));
        self.wake(wake);
        if idle {
            self.idle.notify_waiters();
        }
        delay
    }

    fn sample(&self) {
        let state = self.lock();
        let running = state.running.values().map(Instant::elapsed);
        let tenants = Tenants {
            all: state.queue.tenants(),
            held: state.queue.held_tenants(),
            retries_put_off: state.queue.retries_put_off(),
        };
        self.metrics.sample(|priority| state.queue.depth(priority), tenants, running);
    }
}

impl<K: Keyed> Drop for Shared<K> {
    fn drop(&mut self) {
        self.sooner.notify_one();
    }
}

/// A key in work: nobody else gets it before this is finished or dropped.
///
/// Dropped without [`Self::finish`], which a panic or a cancelled task does, it counts as failed and is tried again.
pub struct Job<K: Keyed> {
    /// [`None`] only after `finish`.
    taken: Option<Taken<K>>,
    number: u64,
    shared: Arc<Shared<K>>,
}

impl<K: Keyed> Job<K> {
    #[expect(clippy::expect_used, reason = "only `finish` takes it out, and that consumes the job")]
    fn taken(&self) -> &Taken<K> {
        self.taken.as_ref().expect("a job that is not finished")
    }

    /// What to work on.
    pub fn key(&self) -> &K {
        &self.taken().key
    }

    /// How many runs of the key failed in a row before this one.
    pub fn failures(&self) -> u32 {
        self.taken().failures
    }

    /// The priority it came with.
    pub fn priority(&self) -> Priority {
        self.taken().priority
    }

    /// How long it was ready before it was taken.
    pub fn waited(&self) -> Duration {
        self.taken().waited
    }

    /// The work has ended. Says after what delay the key's turn comes again; [`None`] if only when it is added again.
    pub fn finish(mut self, outcome: Outcome) -> Option<Duration> {
        let taken = self.taken.take()?;
        self.shared.done(taken, self.number, outcome)
    }
}

impl<K: Keyed> Drop for Job<K> {
    fn drop(&mut self) {
        if let Some(taken) = self.taken.take() {
            self.shared.done(taken, self.number, Outcome::retry(RetryClass::Persistent));
        }
    }
}

#[cfg(test)]
mod tests;
