//! Which key to reconcile next: a state machine without clock or threads. The asynchronous shell around it is
//! `berthage::queue`.
//!
//! What it promises:
//! - a key is in it once, however often it is added; the earliest time and the highest priority that were asked for count;
//! - a key that was taken is not handed out again before [`Queue::done`]; what was added meanwhile is handed out after it;
//! - nothing that was added is lost;
//! - what somebody waits for goes before what is only told of, and both before the initial list and resyncs, which still get
//!   every ninth turn; of the other eight, what is told of gets every ninth;
//! - tenants take turns: no tenant's backlog delays another's key by more than a turn for each tenant;
//! - a tenant has no more keys handed out at a time than [`Limits`] say, and one at its bound delays nobody else;
//! - a tenant's retries become ready no faster than its [`RetryBudget`] lets them.
//!
//! In numbers: the key at the head of tenant T's lane, while T is not at its bound, is handed out after at most
//! - one live turn of each other tenant with live keys, the report turns among those (at least eight live turns lie between
//!   two), and the background turns among both (at least eight of those lie between two), if it is a live key;
//! - one report turn of each other tenant with reports, eight live turns before each of these and before its own, and the
//!   background turns among both, if it is a report;
//! - one background turn of each other tenant with background keys, and eight other turns before each background turn and
//!   before its own, if it is a background key.
//!
//! How many keys are handed out in all is up to who asks: the bound is the number of workers.
//!
//! Time is passed in as the duration since some start, the same for all calls and never going back. A key of
//! this project costs 72 bytes with its state, plus 5 to 10 in the table that finds it, plus some 25 while it waits for a
//! time; a tenant costs 88 bytes and its place in a table. Operations are a hash and a few links, and logarithmic only for
//! waiting keys.

mod lane;
mod limits;
mod ready;
mod slab;
mod tenants;
mod throttle;
mod turns;

use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hash, RandomState};
use std::time::Duration;

use hashbrown::HashTable;

pub use self::limits::{Limits, RetryBudget};
use self::ready::ReadySet;
use self::slab::{Id, NONE, Slab};
use self::tenants::Tenants;
use self::throttle::Throttle;
use crate::backoff::{self, RetryClass};
use crate::key::{Key, Workspace};

/// What the queue must know about a key.
pub trait Keyed: Clone + Eq + Hash {
    /// Those between whom the queue is fair.
    type Tenant: Clone + Eq + Hash;

    /// Whose key it is.
    fn tenant(&self) -> &Self::Tenant;

    /// A number that is the same for this key in every process, see [`backoff::stable_hash`].
    fn seed(&self) -> u64;
}

impl Keyed for Key {
    type Tenant = Workspace;

    fn tenant(&self) -> &Workspace {
        &self.workspace
    }

    fn seed(&self) -> u64 {
        backoff::stable_hash([self.workspace.as_str(), self.kind.as_str(), &self.name])
    }
}

/// How urgent a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Priority {
    /// The initial list, relists and resyncs: somebody may look at it later.
    Background,
    /// A cluster, a syncer or a run of this controller tells of something new, and nobody waits for it. With every rollout
    /// there are some: while a fleet is onboarded these are many, and a change by somebody must not wait for them.
    Report,
    /// Somebody changed something, and waits for it.
    Live,
}

impl Priority {
    /// All of them, lowest first.
    pub const ALL: [Self; Self::COUNT] = [Self::Background, Self::Report, Self::Live];

    const COUNT: usize = 3;

    /// The others, beginning with the one that comes after it in a circle.
    fn others(self) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().cycle().skip(self as usize + 1).take(Self::COUNT - 1)
    }
}

/// What [`Queue::add`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// The key was not in the queue, or was being worked on and is to be done once more.
    New,
    /// The key was there already; at most it comes earlier or at a higher priority.
    Merged,
}

/// A key that was handed out. To be given back with [`Queue::done`]: until then the key is not handed out again.
#[derive(Debug)]
#[must_use = "a key that is not given back is never handed out again"]
pub struct Taken<K> {
    /// The key.
    pub key: K,
    /// The priority it was taken with.
    pub priority: Priority,
    /// How long it was ready before it was taken.
    pub waited: Duration,
    /// How many runs of it failed in a row before this one.
    pub failures: u32,
    slot: Id,
}

/// How the work on a key ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing to do until somebody adds the key again.
    Settled,
    /// All is well; to be looked at again after a delay.
    After {
        /// From now.
        delay: Duration,
        /// How urgent it is then.
        priority: Priority,
    },
    /// All is well, and not all is done: to go on after a delay, at the priority it was taken with, or as a report if that
    /// is higher.
    GoOn {
        /// From now.
        delay: Duration,
    },
    /// There was no run: to be looked at again after a delay, at the priority it was taken with, and nothing is known of
    /// whether it would have failed.
    NotRun {
        /// From now.
        delay: Duration,
    },
    /// It failed, and is tried again after the class's backoff and when the tenant's [`RetryBudget`] has a token, at the
    /// priority it was taken with.
    Retry {
        /// Decides the delay.
        class: RetryClass,
        /// Not sooner than this, as a server's Retry-After says; [`backoff::Backoff::LONGEST`] counts if it is less.
        at_least: Duration,
    },
}

impl Outcome {
    /// A retry after the class's own backoff.
    pub const fn retry(class: RetryClass) -> Self {
        Self::Retry { class, at_least: Duration::ZERO }
    }
}

/// Where a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In a lane of the ready set since [`Slot::at`].
    Ready,
    /// To become ready at [`Slot::at`].
    Waiting,
    /// To be tried again at [`Slot::at`], or up to [`Slot::patience`] later if there is no token.
    Retrying,
    /// To be tried again when a token comes: in its tenant's lane for that. Ready at [`Slot::at`] in any case, unless that
    /// is [`NEVER`].
    PutOff,
    /// Handed out.
    Running,
    /// Handed out, and to come back, not before [`Slot::at`], when it is done.
    RunningAgain,
}

/// A key and its state: 72 bytes for a [`Key`], of which 40 are the key.
#[derive(Debug)]
struct Slot<K> {
    key: K,
    /// A time in nanoseconds, see [`State`].
    at: u64,
    /// Neighbours in the lane, while ready or put off.
    previous: Id,
    next: Id,
    tenant: Id,
    /// Half of the key's hash: keys are hashed once, and their names not read again when the table grows.
    hash: u32,
    /// See [`State::Retrying`]. In milliseconds, rounded up; [`PATIENT`] if there is no end to it.
    patience: u32,
    /// Failures in a row. 65,535 stands for any more: no backoff grows that long.
    failures: u16,
    state: State,
    /// For the present state; while running, for the time after.
    priority: Priority,
}

/// The end of time.
const NEVER: u64 = u64::MAX;

/// The [`Slot::patience`] of a retry that nobody asked for besides. A key that was added, too, to be looked at on a certain
/// day, must not miss that day because others fail.
const PATIENT: u32 = u32::MAX;

/// The queue. See the [module](self) for what it promises.
#[derive(Debug)]
pub struct Queue<K: Keyed> {
    slots: Slab<Slot<K>>,
    /// Finds a key's slot. The hasher is seeded at random because tenants choose names; no result depends on it.
    by_key: HashTable<Id>,
    hasher: RandomState,
    tenants: Tenants<K::Tenant>,
    ready: ReadySet,
    throttle: Throttle,
    /// The waiting keys by time, but for those that wait for nothing but a token.
    deadlines: BTreeSet<(u64, Id)>,
    running: usize,
}

impl<K: Keyed> Default for Queue<K> {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl<K: Keyed> Queue<K> {
    /// An empty queue.
    pub fn new(limits: Limits) -> Self {
        Self {
            slots: Slab::new(),
            by_key: HashTable::new(),
            hasher: RandomState::new(),
            tenants: Tenants::new(),
            ready: ReadySet::new(limits.tenant_concurrency),
            throttle: Throttle::new(limits.tenant_retries),
            deadlines: BTreeSet::new(),
            running: 0,
        }
    }

    /// Asks for `key` to be handed out as soon as its turn comes.
    pub fn add(&mut self, key: K, priority: Priority, now: Duration) -> Added {
        let now = nanos(now);
        self.schedule(key, now, priority, now)
    }

    /// Asks for `key` to be handed out after `delay`, or as it is scheduled already if that is earlier.
    pub fn add_after(&mut self, key: K, delay: Duration, priority: Priority, now: Duration) -> Added {
        self.schedule(key, nanos(now.saturating_add(delay)), priority, nanos(now))
    }

    /// Makes the keys ready whose time has come, and says how many. [`Self::take`] does it too: this is for a timer that
    /// wakes workers.
    pub fn advance(&mut self, now: Duration) -> usize {
        let now = nanos(now);
        let mut count = 0;
        while let Some(at) = self.next_event().filter(|at| *at <= now) {
            // In the order of time, so that it makes no difference how often somebody looks.
            let due = match self.deadlines.first() {
                Some(&(deadline, id)) if deadline == at => {
                    self.deadlines.pop_first();
                    self.is_due(id, at).then_some(id)
                }
                _ => self.refill(),
            };
            if let Some(id) = due {
                // `at` stays: the key is ready since its deadline, even if nobody looked until now.
                self.slots[id].state = State::Ready;
                self.ready.push(&mut self.tenants, &mut self.slots, id);
                count += 1;
            }
        }
        count
    }

    /// The time of a key that waits has come. Says whether it is ready.
    fn is_due(&mut self, id: Id, at: u64) -> bool {
        match self.slots[id].state {
            // Without patience it is as good as added: it takes no token.
            State::Retrying if self.slots[id].patience > 0 => {
                if self.throttle.admit(&mut self.tenants, &mut self.slots, id, at) {
                    return true;
                }
                let slot = &mut self.slots[id];
                (slot.state, slot.at) = (State::PutOff, NEVER);
                if slot.patience != PATIENT {
                    slot.at = at.saturating_add(u64::from(slot.patience) * NANOS_PER_MILLI);
                    self.deadlines.insert((slot.at, id));
                }
                false
            }
            State::PutOff => {
                self.throttle.withdraw(&mut self.tenants, &mut self.slots, id);
                true
            }
            _ => true,
        }
    }

    /// The next token has come. Says which key is ready by it.
    fn refill(&mut self) -> Option<Id> {
        let (id, at) = self.throttle.refill(&mut self.tenants, &mut self.slots)?;
        let slot = &mut self.slots[id];
        if slot.at != NEVER {
            self.deadlines.remove(&(slot.at, id));
        }
        slot.at = at;
        Some(id)
    }

    fn next_event(&self) -> Option<u64> {
        let deadline = self.deadlines.first().map(|&(at, _)| at);
        deadline.into_iter().chain(self.throttle.next()).min()
    }

    /// Hands out the key whose turn it is. [`None`] if no key is ready, or those that are belong to tenants at their bound.
    pub fn take(&mut self, now: Duration) -> Option<Taken<K>> {
        self.advance(now);
        let id = self.ready.take(&mut self.tenants, &mut self.slots)?;
        let slot = &mut self.slots[id];
        slot.state = State::Running;
        self.running += 1;
        Some(Taken {
            key: slot.key.clone(),
            priority: slot.priority,
            waited: Duration::from_nanos(nanos(now).saturating_sub(slot.at)),
            failures: u32::from(slot.failures),
            slot: id,
        })
    }

    /// Takes a key back. Says after what delay it is ready again, a retry if its tenant's budget allows it then; [`None`] when
    /// it left the queue.
    #[expect(clippy::needless_pass_by_value, reason = "giving the key back is what makes a second `done` impossible")]
    pub fn done(&mut self, taken: Taken<K>, outcome: Outcome, now: Duration) -> Option<Duration> {
        self.running -= 1;
        let now = nanos(now);
        let id = taken.slot;
        let slot = &mut self.slots[id];
        self.ready.release(&mut self.tenants, slot.tenant);
        let added = (slot.state == State::RunningAgain).then_some((slot.at, slot.priority));
        let retries = matches!(outcome, Outcome::Retry { .. });
        slot.failures = match outcome {
            Outcome::Retry { .. } => slot.failures.saturating_add(1),
            Outcome::NotRun { .. } => slot.failures,
            Outcome::Settled | Outcome::After { .. } | Outcome::GoOn { .. } => 0,
        };
        let asked = match outcome {
            Outcome::Settled => None,
            Outcome::After { delay, priority } => Some((delay, priority)),
            Outcome::GoOn { delay } => Some((delay, taken.priority.max(Priority::Report))),
            Outcome::NotRun { delay } => Some((delay, taken.priority)),
            Outcome::Retry { class, at_least } => {
                let delay = class.backoff().delay(taken.key.seed(), u32::from(slot.failures));
                Some((delay.max(at_least.min(backoff::Backoff::LONGEST)), taken.priority))
            }
        };
        let asked = asked.map(|(delay, priority)| (now.saturating_add(nanos(delay)), priority));
        let Some((at, priority)) = merged(added, asked) else {
            self.remove(id);
            return None;
        };
        slot.priority = priority;
        // What was added goes ahead at its time, whether there is a token or not.
        if retries && added.is_none_or(|(added, _)| at < added) {
            slot.state = State::Retrying;
            slot.at = at;
            slot.patience = added.map_or(PATIENT, |(added, _)| patience(added - at));
            self.deadlines.insert((at, id));
        } else {
            self.place(id, at, now);
        }
        Some(Duration::from_nanos(at.saturating_sub(now)))
    }

    /// When to call [`Self::advance`] next: a waiting key becomes ready then, or takes its place in the line for a token.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.next_event().map(Duration::from_nanos)
    }

    /// How many keys [`Self::take`] would hand out now if it was called over and over: the ready ones, but of each tenant
    /// only as many as it may have more.
    pub const fn takeable(&self) -> usize {
        self.ready.takeable()
    }

    /// How many keys are ready at `priority`, those included whose tenant is at its bound. Waiting keys do not count, nor
    /// those being worked on.
    pub const fn depth(&self, priority: Priority) -> usize {
        self.ready.depth(priority)
    }

    /// How many keys are ready, those included whose tenant is at its bound.
    pub fn ready(&self) -> usize {
        Priority::ALL.into_iter().map(|priority| self.ready.depth(priority)).sum()
    }

    /// How many keys wait for their time, or for a token.
    pub fn waiting(&self) -> usize {
        self.len() - self.ready() - self.running
    }

    /// How many keys are handed out.
    pub const fn running(&self) -> usize {
        self.running
    }

    /// How many keys the queue knows, in whatever state.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// How many tenants have keys in the queue, in whatever state.
    pub fn tenants(&self) -> usize {
        self.tenants.len()
    }

    /// How many tenants have ready keys that wait because the tenant is at its bound.
    pub const fn held_tenants(&self) -> usize {
        self.ready.held()
    }

    /// How many retries were put off so far because their tenant's budget was empty.
    pub const fn retries_put_off(&self) -> u64 {
        self.throttle.put_off()
    }

    /// Whether no key is ready, waiting or running.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn schedule(&mut self, key: K, at: u64, priority: Priority, now: u64) -> Added {
        let hash = (self.hasher.hash_one(&key) >> 32) as u32;
        let same = |id: &Id| self.slots[*id].hash == hash && self.slots[*id].key == key;
        let Some(&id) = self.by_key.find(spread(hash), same) else {
            let tenant = self.tenants.join(key.tenant());
            let id = self.slots.insert(Slot {
                key,
                at,
                previous: NONE,
                next: NONE,
                tenant,
                hash,
                patience: PATIENT,
                failures: 0,
                state: State::Waiting,
                priority,
            });
            self.by_key.insert_unique(spread(hash), id, |id| spread(self.slots[*id].hash));
            self.place(id, at, now);
            return Added::New;
        };
        let slot = &mut self.slots[id];
        let highest = priority.max(slot.priority);
        match slot.state {
            State::Ready => {
                if priority > slot.priority {
                    self.ready.remove(&mut self.tenants, &mut self.slots, id);
                    self.slots[id].priority = priority;
                    self.ready.push(&mut self.tenants, &mut self.slots, id);
                }
                Added::Merged
            }
            State::Waiting | State::Retrying | State::PutOff => {
                slot.priority = highest;
                if at < slot.at {
                    self.bring_forward(id, at, now);
                } else if slot.state == State::Retrying {
                    slot.patience = slot.patience.min(patience(at - slot.at));
                }
                Added::Merged
            }
            State::Running => {
                slot.state = State::RunningAgain;
                (slot.at, slot.priority) = (at, priority);
                Added::New
            }
            State::RunningAgain => {
                (slot.at, slot.priority) = (at.min(slot.at), highest);
                Added::Merged
            }
        }
    }

    /// A waiting slot is to be ready at `at`, which is earlier than its time.
    fn bring_forward(&mut self, id: Id, at: u64, now: u64) {
        let slot = &mut self.slots[id];
        if slot.at != NEVER || slot.state != State::PutOff {
            self.deadlines.remove(&(slot.at, id));
        }
        if slot.state != State::PutOff {
            self.place(id, at, now);
        } else if at <= now {
            self.throttle.withdraw(&mut self.tenants, &mut self.slots, id);
            self.place(id, at, now);
        } else {
            slot.at = at;
            self.deadlines.insert((at, id));
        }
    }

    /// Makes a slot that is in no list ready or waiting.
    fn place(&mut self, id: Id, at: u64, now: u64) {
        let slot = &mut self.slots[id];
        slot.at = at;
        if at <= now {
            slot.state = State::Ready;
            self.ready.push(&mut self.tenants, &mut self.slots, id);
        } else {
            slot.state = State::Waiting;
            self.deadlines.insert((at, id));
        }
    }

    fn remove(&mut self, id: Id) {
        let slot = self.slots.remove(id);
        self.tenants.leave(slot.tenant);
        if let Ok(entry) = self.by_key.find_entry(spread(slot.hash), |other| *other == id) {
            entry.remove();
        }
    }
}

/// The earlier time and the higher priority, where there are two.
fn merged(one: Option<(u64, Priority)>, other: Option<(u64, Priority)>) -> Option<(u64, Priority)> {
    match (one, other) {
        (Some(one), Some(other)) => Some((one.0.min(other.0), one.1.max(other.1))),
        (one, other) => one.or(other),
    }
}

/// See [`Slot::patience`]. Beyond 49 days it is 49 days: to try a key again before that does no harm.
fn patience(nanos: u64) -> u32 {
    u32::try_from(nanos.div_ceil(NANOS_PER_MILLI)).unwrap_or(PATIENT).min(PATIENT - 1)
}

const NANOS_PER_MILLI: u64 = 1_000_000;

/// What the table wants of a hash: entropy in the lowest and in the highest bits.
const fn spread(hash: u32) -> u64 {
    (hash as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Nanoseconds since the start; times after the year 584 are that year.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
