//! The queue against the same promises, kept in the most obvious way.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::backoff::Backoff;
use crate::queue::ready::IN_A_ROW;

const TENANTS: u32 = 4;
/// The other tenants.
const OTHERS: u32 = TENANTS - 1;

#[derive(Debug)]
struct Model {
    limits: Limits,
    keys: BTreeMap<Number, ModelKey>,
    /// When each tenant took tokens.
    draws: BTreeMap<u32, Vec<Duration>>,
    /// Counts pushes to lanes, for first in first out.
    pushes: u64,
    put_off: u64,
    /// Turns since the last background turn, and live ones since the last report.
    rows: [u32; 2],
    waits: BTreeMap<(u32, Priority), Wait>,
}

/// What happened since a tenant has something ready at a priority, or was served there.
#[derive(Debug, Default)]
struct Wait {
    /// Takes since then, or since the tenant was at its bound.
    passed: u32,
    /// Takes by each tenant at that priority.
    turns: BTreeMap<u32, u32>,
    /// Keys of the tenant itself that were taken, at other priorities.
    own: u32,
}

#[derive(Debug, Default)]
struct ModelKey {
    /// Priority and push number.
    ready: Option<(Priority, u64)>,
    /// When it is to become ready because it was added, or is to be looked at again.
    asked: Option<Duration>,
    /// When it is to be tried again.
    retry: Option<Duration>,
    /// Since when it waits for a token.
    line: Option<u64>,
    /// The priority of what is asked for.
    priority: Option<Priority>,
    running: bool,
    failures: u32,
}

impl Model {
    fn new(limits: Limits) -> Self {
        Self {
            limits,
            keys: BTreeMap::new(),
            draws: BTreeMap::new(),
            pushes: 0,
            put_off: 0,
            rows: [0; 2],
            waits: BTreeMap::new(),
        }
    }

    fn add(&mut self, key: Number, at: Duration, priority: Priority, now: Duration) {
        let entry = self.keys.entry(key).or_default();
        if let Some((present, _)) = entry.ready {
            if priority > present {
                self.pushes += 1;
                entry.ready = Some((priority, self.pushes));
            }
        } else {
            // Beyond a retry's own time, time is counted in milliseconds.
            let base = entry.retry.filter(|retry| *retry < at).unwrap_or(at);
            let rounded = if entry.line.is_some() || entry.running { at } else { base + round_up(at - base) };
            entry.asked = Some(entry.asked.map_or(rounded, |asked| asked.min(rounded)));
            entry.priority = entry.priority.max(Some(priority));
        }
        self.settle(now);
    }

    /// What comes next without anybody asking: when, for whom, and whether it is a token.
    fn next_event(&self) -> Option<(Duration, Number, bool)> {
        let times = self.keys.iter().filter(|(_, entry)| !entry.running).flat_map(|(key, entry)| {
            let retry = entry.retry.filter(|_| entry.line.is_none());
            entry.asked.into_iter().chain(retry).map(|at| (at, *key, false))
        });
        let tokens = (0..TENANTS).filter_map(|tenant| {
            let line = self.keys.iter().filter(|(key, entry)| key.0 == tenant && entry.line.is_some());
            let (key, entry) = line.min_by_key(|(_, entry)| entry.line)?;
            Some((entry.retry?.max(self.token_at(tenant)), *key, true))
        });
        times.chain(tokens).min()
    }

    /// The earliest time at which one more draw leaves every span of time with no more than a burst and what comes in
    /// it.
    fn token_at(&self, tenant: u32) -> Duration {
        let (burst, refill) = (self.limits.tenant_retries.burst, self.limits.tenant_retries.refill);
        let draws = self.draws.get(&tenant).map_or(&[][..], Vec::as_slice);
        let spans = draws.iter().zip((1..=draws.len() as u32).rev());
        spans.map(|(since, count)| *since + refill * (count + 1).saturating_sub(burst)).max().unwrap_or_default()
    }

    /// What is due and not running becomes ready, in the order of time.
    fn settle(&mut self, now: Duration) {
        while let Some((at, key, token)) = self.next_event().filter(|(at, ..)| *at <= now) {
            let is_line = self.keys.iter().any(|(other, entry)| other.0 == key.0 && entry.line.is_some());
            let is_free = !is_line && self.token_at(key.0) <= at;
            self.pushes += 1;
            let entry = self.keys.get_mut(&key).unwrap();
            let is_retry = entry.asked != Some(at) && !token;
            if is_retry && !is_free {
                entry.line = Some(self.pushes);
                self.put_off += 1;
                continue;
            }
            if token || is_retry {
                self.draws.entry(key.0).or_default().push(at);
            }
            entry.ready = entry.priority.take().map(|priority| (priority, self.pushes));
            (entry.asked, entry.retry, entry.line) = (None, None, None);
        }
        self.keys.retain(|_, entry| entry.ready.is_some() || entry.priority.is_some() || entry.running);
        let tenants = self.tenants();
        self.draws.retain(|tenant, _| tenants.contains(tenant));
        let waiting: BTreeSet<_> = self.ready().map(|(key, priority, _)| (key.0, priority)).collect();
        self.waits.retain(|wait, _| waiting.contains(wait));
        for wait in waiting {
            self.waits.entry(wait).or_default();
        }
    }

    fn tenants(&self) -> BTreeSet<u32> {
        self.keys.keys().map(|key| key.0).collect()
    }

    fn ready(&self) -> impl Iterator<Item = (Number, Priority, u64)> {
        self.keys.iter().filter_map(|(key, entry)| entry.ready.map(|(priority, push)| (*key, priority, push)))
    }

    fn ready_at(&self, priority: Priority) -> impl Iterator<Item = (Number, u64)> {
        self.ready().filter(move |(_, at, _)| *at == priority).map(|(key, _, push)| (key, push))
    }

    /// How many more keys of the tenant may be handed out.
    fn room(&self, tenant: u32) -> usize {
        let running = self.keys.iter().filter(|(key, entry)| key.0 == tenant && entry.running).count();
        self.limits.tenant_concurrency - running
    }

    fn takeable(&self, tenant: u32) -> usize {
        self.ready().filter(|(key, ..)| key.0 == tenant).count().min(self.room(tenant))
    }

    fn held(&self) -> usize {
        let tenants: BTreeSet<u32> = self.ready().map(|(key, ..)| key.0).collect();
        tenants.into_iter().filter(|tenant| self.room(*tenant) == 0).count()
    }

    /// Checks that `taken` may be the next one, and takes it.
    fn take(&mut self, taken: Option<&Taken<Number>>) -> Result<(), TestCaseError> {
        let takeable: usize = (0..TENANTS).map(|tenant| self.takeable(tenant)).sum();
        let Some(taken) = taken else {
            prop_assert_eq!(takeable, 0, "keys are ready, tenants have room, and none was handed out");
            return Ok(());
        };
        let tenant = taken.key.0;
        prop_assert!(self.room(tenant) > 0, "the tenant has as many keys as it may");
        let first = self.ready_at(taken.priority).filter(|(key, _)| key.0 == tenant).min_by_key(|(_, push)| *push);
        prop_assert_eq!(first.map(|(key, _)| key), Some(taken.key), "first in, first out for one tenant");
        if self.limits.tenant_concurrency == usize::MAX {
            self.check_priority(taken.priority)?;
        }
        self.check_waits(tenant, taken.priority)?;

        let entry = self.keys.get_mut(&taken.key).unwrap();
        prop_assert!(!entry.running, "in two hands");
        prop_assert_eq!(entry.failures, taken.failures);
        (entry.ready, entry.running) = (None, true);
        Ok(())
    }

    /// Without bounds the priority that is next is certain.
    fn check_priority(&mut self, taken: Priority) -> Result<(), TestCaseError> {
        let [background, report, live] = Priority::ALL.map(|priority| self.ready_at(priority).count() > 0);
        let [of_all, of_live] = self.rows;
        let expected = if background && (of_all >= IN_A_ROW || !(report || live)) {
            Priority::Background
        } else if report && (of_live >= IN_A_ROW || !live) {
            Priority::Report
        } else {
            Priority::Live
        };
        prop_assert_eq!(taken, expected);
        let next = |goes_on: bool, row: u32| if goes_on { row + 1 } else { 0 };
        self.rows[0] = next(expected > Priority::Background && background, of_all);
        if expected > Priority::Background {
            self.rows[1] = next(expected == Priority::Live && report, of_live);
        }
        Ok(())
    }

    /// Nobody waits for longer than the queue's documentation says.
    fn check_waits(&mut self, tenant: u32, priority: Priority) -> Result<(), TestCaseError> {
        let bounded = self.limits.tenant_concurrency < usize::MAX;
        let rooms: Vec<usize> = (0..TENANTS).map(|tenant| self.room(tenant)).collect();
        let waits = |tenant| Priority::ALL.iter().filter(|at| self.waits.contains_key(&(tenant, **at))).count() as u32;
        let waits: Vec<u32> = (0..TENANTS).map(waits).collect();
        for ((waiting, at), wait) in &mut self.waits {
            if (*waiting, *at) == (tenant, priority) {
                *wait = Wait::default();
                continue;
            }
            wait.own += u32::from(*waiting == tenant);
            if rooms[*waiting as usize] == 0 {
                (wait.passed, wait.turns) = (0, BTreeMap::new());
                continue;
            }
            wait.passed += 1;
            let turns = wait.turns.entry(tenant).or_default();
            *turns += u32::from(priority == *at);
            // A turn may be used for a key of another priority that is due: at the most the waiting one's own once for each,
            // and of each of the others once for each.
            let due = u32::from(bounded) * 2;
            prop_assert!(*turns <= 1 + due * 2, "{} had {} turns before {} at {:?}", tenant, turns, waiting, at);
            let rounds = 1 + u32::from(bounded) * (waits[*waiting as usize] - 1).max(wait.own.min(2));
            let most = most(*at, OTHERS);
            prop_assert!(wait.passed <= most * rounds, "{} waited for {:?} at {:?}", waiting, wait, at);
            prop_assert!(wait.own <= (OTHERS + 1) * (IN_A_ROW + 2) + 4, "{} starves its own {:?}", waiting, at);
        }
        Ok(())
    }

    fn done(&mut self, key: Number, priority: Priority, outcome: Outcome, now: Duration) {
        let entry = self.keys.get_mut(&key).unwrap();
        entry.running = false;
        entry.failures = match outcome {
            Outcome::Retry { .. } => entry.failures + 1,
            Outcome::NotRun { .. } => entry.failures,
            _ => 0,
        };
        match outcome {
            Outcome::Settled => {}
            Outcome::After { delay, priority } => return self.add(key, now + delay, priority, now),
            Outcome::GoOn { delay } => return self.add(key, now + delay, priority.max(Priority::Report), now),
            Outcome::NotRun { delay } => return self.add(key, now + delay, priority, now),
            Outcome::Retry { class, at_least } => {
                let delay = class.backoff().delay(key.seed(), entry.failures).max(at_least.min(Backoff::LONGEST));
                let retry = now + delay;
                entry.retry = Some(retry);
                entry.priority = entry.priority.max(Some(priority));
                let late = entry.asked.filter(|asked| *asked > retry);
                entry.asked = late.map(|asked| retry + round_up(asked - retry)).or(entry.asked);
            }
        }
        self.settle(now);
    }
}

/// To whole milliseconds.
const fn round_up(time: Duration) -> Duration {
    Duration::from_millis(time.as_nanos().div_ceil(1_000_000) as u64)
}

#[derive(Debug, Clone)]
enum Step {
    Add(Number, Priority),
    AddAfter(Number, Duration, Priority),
    Take,
    Done(prop::sample::Index, Outcome),
    Pass(Duration),
}

fn any_key() -> impl Strategy<Value = Number> {
    (0..TENANTS, 0..5_u32).prop_map(|(tenant, name)| Number(tenant, name))
}

fn any_priority() -> impl Strategy<Value = Priority> {
    prop::sample::select(Priority::ALL.as_slice())
}

fn any_delay() -> impl Strategy<Value = Duration> {
    (0..8_u64).prop_map(Duration::from_secs)
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    let classes = [RetryClass::Conflict, RetryClass::Transient, RetryClass::Persistent];
    prop_oneof![
        3 => Just(Outcome::Settled),
        1 => (any_delay(), any_priority()).prop_map(|(delay, priority)| Outcome::After { delay, priority }),
        1 => any_delay().prop_map(|delay| Outcome::GoOn { delay }),
        1 => any_delay().prop_map(|delay| Outcome::NotRun { delay }),
        2 => (prop::sample::select(classes.to_vec()), any_delay())
            .prop_map(|(class, at_least)| Outcome::Retry { class, at_least }),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (any_key(), any_priority()).prop_map(|(key, priority)| Step::Add(key, priority)),
        2 => (any_key(), any_delay(), any_priority()).prop_map(|(key, delay, priority)| Step::AddAfter(key, delay, priority)),
        5 => Just(Step::Take),
        3 => (any::<prop::sample::Index>(), any_outcome()).prop_map(|(index, outcome)| Step::Done(index, outcome)),
        1 => any_delay().prop_map(Step::Pass),
    ]
}

fn any_limits() -> impl Strategy<Value = Limits> {
    let concurrency = prop_oneof![Just(usize::MAX), 1..4_usize];
    let budget = prop_oneof![
        1 => Just(RetryBudget::UNLIMITED),
        3 => (1..4_u32, 1..20_u64).prop_map(|(burst, refill)| RetryBudget { burst, refill: seconds(refill) }),
    ];
    (concurrency, budget).prop_map(|(tenant_concurrency, tenant_retries)| Limits { tenant_concurrency, tenant_retries })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn it_behaves_like_the_model(limits in any_limits(), steps in prop::collection::vec(any_step(), 1..200)) {
        let mut queue = Queue::new(limits);
        let mut model = Model::new(limits);
        let mut hands: Vec<Taken<Number>> = Vec::new();
        let mut now = START;
        for step in steps {
            // No two steps at one moment: order among equal deadlines is nobody's promise.
            now += Duration::from_nanos(1);
            model.settle(now);
            match step {
                Step::Add(key, priority) => {
                    queue.add(key, priority, now);
                    model.add(key, now, priority, now);
                }
                Step::AddAfter(key, delay, priority) => {
                    queue.add_after(key, delay, priority, now);
                    model.add(key, now + delay, priority, now);
                }
                Step::Take => {
                    let taken = queue.take(now);
                    model.take(taken.as_ref())?;
                    hands.extend(taken);
                }
                Step::Done(index, outcome) if !hands.is_empty() => {
                    let taken = hands.swap_remove(index.index(hands.len()));
                    let (key, priority) = (taken.key, taken.priority);
                    queue.done(taken, outcome, now);
                    model.done(key, priority, outcome, now);
                }
                Step::Done(..) => {}
                Step::Pass(time) => now += time,
            }
            queue.advance(now);
            model.settle(now);
            for priority in Priority::ALL {
                prop_assert_eq!(queue.depth(priority), model.ready_at(priority).count());
            }
            prop_assert_eq!(queue.takeable(), (0..TENANTS).map(|tenant| model.takeable(tenant)).sum::<usize>());
            prop_assert_eq!(queue.held_tenants(), model.held());
            prop_assert_eq!(queue.tenants(), model.tenants().len());
            prop_assert_eq!(queue.len(), model.keys.len());
            prop_assert_eq!(queue.running(), hands.len());
            prop_assert_eq!(queue.retries_put_off(), model.put_off);
            prop_assert_eq!(queue.next_deadline(), model.next_event().map(|(at, ..)| at));
        }

        // Nothing is lost: once all hands are empty and all times have come, what the model still has comes out, and
        // nothing else.
        for taken in hands {
            let (key, priority) = (taken.key, taken.priority);
            queue.done(taken, Outcome::Settled, now);
            model.done(key, priority, Outcome::Settled, now);
        }
        let mut left: Vec<Number> = take_all(&mut queue, now + Duration::from_hours(1));
        left.sort();
        prop_assert_eq!(left, model.keys.into_keys().collect::<Vec<_>>());
        prop_assert!(queue.is_empty());
        prop_assert_eq!((queue.tenants(), queue.takeable(), queue.held_tenants()), (0, 0, 0));
        prop_assert_eq!(queue.next_deadline(), None);
    }
}
