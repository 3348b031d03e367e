//! The queue against a naive model, and the mistakes that priority queues of other controllers are known to have made.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::ready::LIVE_IN_A_ROW;
use super::*;
use crate::backoff::Backoff;

/// `Number(tenant, name)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Number(u32, u32);

impl Keyed for Number {
    type Tenant = u32;

    fn tenant(&self) -> &u32 {
        &self.0
    }

    fn seed(&self) -> u64 {
        u64::from(self.0) << 32 | u64::from(self.1)
    }
}

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

const START: Duration = Duration::ZERO;

/// Takes and settles until nothing is ready.
fn take_all(queue: &mut Queue<Number>, now: Duration) -> Vec<Number> {
    std::iter::from_fn(|| {
        let taken = queue.take(now)?;
        let key = taken.key;
        queue.done(taken, Outcome::Settled, now);
        Some(key)
    })
    .collect()
}

#[test]
fn a_key_added_many_times_is_handed_out_once() {
    let mut queue = Queue::new();
    assert_eq!(queue.add(Number(1, 1), Priority::Live, START), Added::New);
    assert_eq!(queue.add(Number(1, 1), Priority::Live, START), Added::Merged);
    assert_eq!(queue.add_after(Number(1, 1), seconds(5), Priority::Background, START), Added::Merged);
    assert_eq!(take_all(&mut queue, seconds(10)), [Number(1, 1)]);
    assert!(queue.is_empty());
}

#[test]
fn a_key_added_while_running_is_handed_out_again_after_done_and_not_before() {
    let mut queue = Queue::new();
    queue.add(Number(1, 1), Priority::Live, START);
    let taken = queue.take(START).unwrap();
    assert_eq!(queue.add(Number(1, 1), Priority::Live, seconds(1)), Added::New);
    assert_eq!(queue.add(Number(1, 1), Priority::Live, seconds(2)), Added::Merged);
    assert!(queue.take(seconds(3)).is_none());
    assert_eq!((queue.ready(), queue.running()), (0, 1));
    assert_eq!(queue.done(taken, Outcome::Settled, seconds(4)), Some(Duration::ZERO));
    let again = queue.take(seconds(5)).unwrap();
    assert_eq!((again.key, again.waited), (Number(1, 1), seconds(4)));
}

#[test]
fn a_key_delayed_while_running_waits_for_its_time_after_done() {
    let mut queue = Queue::new();
    queue.add(Number(1, 1), Priority::Live, START);
    let taken = queue.take(START).unwrap();
    queue.add_after(Number(1, 1), seconds(10), Priority::Live, START);
    // Time passes while it runs: a timer must not put the key into the hands of a second worker.
    assert_eq!(queue.advance(seconds(11)), 0);
    assert!(queue.take(seconds(11)).is_none());
    queue.done(taken, Outcome::Settled, seconds(12));
    assert_eq!(take_all(&mut queue, seconds(12)), [Number(1, 1)]);
}

#[test]
fn the_earlier_of_two_times_wins_in_either_order() {
    for delays in [[3, 8], [8, 3]] {
        let mut queue = Queue::new();
        for delay in delays {
            queue.add_after(Number(1, 1), seconds(delay), Priority::Live, START);
        }
        assert_eq!((queue.next_deadline(), queue.waiting()), (Some(seconds(3)), 1));
        assert!(queue.take(Duration::from_millis(2999)).is_none());
        assert_eq!(take_all(&mut queue, seconds(3)), [Number(1, 1)]);
        assert_eq!((queue.next_deadline(), queue.advance(seconds(9))), (None, 0));
    }
}

#[test]
fn adding_a_waiting_key_makes_it_ready_at_once_at_the_highest_priority_asked_for() {
    let mut queue = Queue::new();
    queue.add_after(Number(1, 1), seconds(60), Priority::Live, START);
    queue.add(Number(1, 1), Priority::Background, START);
    assert_eq!((queue.depth(Priority::Live), queue.depth(Priority::Background), queue.waiting()), (1, 0, 0));
}

#[test]
fn a_time_beyond_all_clocks_is_the_end_of_time_and_can_be_brought_forward() {
    let mut queue = Queue::new();
    queue.add_after(Number(1, 1), Duration::MAX, Priority::Live, seconds(1));
    assert!(queue.take(Duration::from_hours(24 * 365 * 500)).is_none());
    queue.add_after(Number(1, 1), seconds(1), Priority::Live, seconds(1));
    assert_eq!(take_all(&mut queue, seconds(2)), [Number(1, 1)]);
}

/// controller-runtime #3330: keys that became ready behind others of lower priority waited for those.
#[test]
fn a_live_key_whose_time_comes_goes_before_background_keys_that_were_ready_first() {
    let mut queue = Queue::new();
    queue.add_after(Number(1, 900), seconds(5), Priority::Live, START);
    for name in 0..100 {
        queue.add(Number(1, name), Priority::Background, START);
    }
    assert_ne!(queue.take(seconds(4)).unwrap().key, Number(1, 900));
    assert_eq!(queue.take(seconds(5)).unwrap().key, Number(1, 900));
}

/// controller-runtime #3363: a key of higher priority that came between two takes was not the next one.
#[test]
fn a_live_key_added_between_two_takes_is_next() {
    let mut queue = Queue::new();
    for name in 0..3 {
        queue.add(Number(1, name), Priority::Background, START);
    }
    let _first = queue.take(START).unwrap();
    queue.add(Number(1, 50), Priority::Live, START);
    assert_eq!(queue.take(START).unwrap().key, Number(1, 50));
}

/// controller-runtime #3060: keys that wait or are locked counted as depth, and changing the tree while it was walked
/// ended the process.
#[test]
fn depth_counts_ready_keys_only_through_all_states() {
    let mut queue = Queue::new();
    queue.add_after(Number(1, 1), seconds(5), Priority::Live, START);
    assert_eq!((queue.ready(), queue.waiting(), queue.running(), queue.len()), (0, 1, 0, 1));
    queue.advance(seconds(5));
    assert_eq!((queue.ready(), queue.waiting(), queue.running(), queue.len()), (1, 0, 0, 1));
    let taken = queue.take(seconds(5)).unwrap();
    queue.add(Number(1, 1), Priority::Background, seconds(5));
    assert_eq!((queue.ready(), queue.waiting(), queue.running(), queue.len()), (0, 0, 1, 1));
    queue.done(taken, Outcome::After { delay: seconds(7), priority: Priority::Live }, seconds(6));
    // Background and now, Live and later: now, and Live.
    assert_eq!((queue.depth(Priority::Live), queue.depth(Priority::Background)), (1, 0));
    let taken = queue.take(seconds(6)).unwrap();
    queue.done(taken, Outcome::Settled, seconds(6));
    assert_eq!((queue.ready(), queue.waiting(), queue.running(), queue.len()), (0, 0, 0, 0));
}

/// A change of a key that waits in the initial list must not wait for the rest of the list.
#[test]
fn a_background_key_that_changes_goes_before_the_backlog() {
    let mut queue = Queue::new();
    for name in 0..1000 {
        queue.add(Number(1, name), Priority::Background, START);
    }
    queue.add(Number(1, 500), Priority::Live, START);
    assert_eq!((queue.depth(Priority::Live), queue.depth(Priority::Background)), (1, 999));
    let order = take_all(&mut queue, START);
    assert_eq!(order[0], Number(1, 500));
    // It left the middle of its lane without a trace: the rest comes in order, each once.
    let rest: Vec<Number> = (0..1000).filter(|name| *name != 500).map(|name| Number(1, name)).collect();
    assert_eq!(order[1..], rest);
}

#[test]
fn background_keys_get_every_ninth_turn_while_live_keys_never_end() {
    let mut queue = Queue::new();
    queue.add(Number(2, 0), Priority::Background, START);
    queue.add(Number(2, 1), Priority::Background, START);
    let mut turns = Vec::new();
    for turn in 0..30 {
        queue.add(Number(1, turn), Priority::Live, START);
        let taken = queue.take(START).unwrap();
        if taken.priority == Priority::Background {
            turns.push(turn);
        }
        queue.done(taken, Outcome::Settled, START);
    }
    assert_eq!(turns, [8, 17]);
}

/// Fault F39: fifty thousand keys of one tenant, one key each of ten others.
#[test]
fn one_tenants_backlog_delays_the_others_by_one_turn_each() {
    let mut queue = Queue::new();
    for name in 0..50_000 {
        queue.add(Number(0, name), Priority::Background, START);
    }
    for tenant in 1..=10 {
        queue.add(Number(tenant, 0), Priority::Background, START);
    }
    let order = take_all(&mut queue, START);
    let tenants: Vec<u32> = order[..11].iter().map(|key| key.0).collect();
    assert_eq!(tenants, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert_eq!(order.len(), 50_010);
}

#[test]
fn tenants_that_are_gone_take_no_memory() {
    let mut queue = Queue::new();
    for tenant in 0..100 {
        queue.add(Number(tenant, 0), Priority::Background, START);
        // Leaves an empty place in the background turns behind.
        queue.add(Number(tenant, 0), Priority::Live, START);
    }
    take_all(&mut queue, START);
    queue.add(Number(100, 0), Priority::Background, START);
    take_all(&mut queue, START);
    assert_eq!((queue.ready.tenants(), queue.len()), (0, 0));
}

#[test]
fn failures_count_up_until_a_success_and_delays_grow() {
    let mut queue = Queue::new();
    queue.add(Number(1, 1), Priority::Live, START);
    let mut now = START;
    for failures in 0..12 {
        let taken = queue.take(now).unwrap();
        assert_eq!((taken.failures, taken.priority), (failures, Priority::Live));
        let delay = queue.done(taken, Outcome::retry(RetryClass::Transient), now).unwrap();
        assert_eq!(delay, RetryClass::Transient.backoff().delay(Number(1, 1).seed(), failures + 1));
        now += delay;
    }
    let taken = queue.take(now).unwrap();
    assert_eq!(queue.done(taken, Outcome::Settled, now), None);
    queue.add(Number(1, 1), Priority::Live, now);
    assert_eq!(queue.take(now).unwrap().failures, 0);
}

#[test]
fn a_server_that_asks_for_patience_gets_it_within_bounds() {
    for (asked, least, most) in [(20, 20, 20), (3600, 300, 300), (0, 0, 1)] {
        let mut queue = Queue::new();
        queue.add(Number(1, 1), Priority::Live, START);
        let taken = queue.take(START).unwrap();
        let outcome = Outcome::Retry { class: RetryClass::Transient, at_least: seconds(asked) };
        let delay = queue.done(taken, outcome, START).unwrap();
        assert!((seconds(least)..=seconds(most)).contains(&delay), "{delay:?}");
    }
}

#[test]
fn a_change_during_a_failing_run_is_tried_at_once_and_the_failure_is_remembered() {
    let mut queue = Queue::new();
    queue.add(Number(1, 1), Priority::Background, START);
    let taken = queue.take(START).unwrap();
    queue.add(Number(1, 1), Priority::Live, START);
    assert_eq!(queue.done(taken, Outcome::retry(RetryClass::Persistent), START), Some(Duration::ZERO));
    let taken = queue.take(START).unwrap();
    assert_eq!((taken.failures, taken.priority), (1, Priority::Live));
}

#[test]
fn keys_of_equal_names_in_two_workspaces_and_kinds_are_different_work() {
    let (a, b) = (Workspace::new("a"), Workspace::new("b"));
    let keys = [Key::target(&a, "x"), Key::target(&b, "x"), Key::registration(&a, "x")];
    let mut queue = Queue::new();
    for key in &keys {
        assert_eq!(queue.add(key.clone(), Priority::Live, START), Added::New);
    }
    assert_eq!(queue.len(), 3);
    assert_ne!(keys[0].seed(), keys[1].seed());
    assert_ne!(keys[0].seed(), keys[2].seed());
    assert_eq!(size_of::<Option<Slot<Key>>>(), 72);
}

/// The same promises, kept in the most obvious way.
#[derive(Debug, Default)]
struct Model {
    keys: BTreeMap<Number, ModelKey>,
    /// Counts pushes to lanes, for first in first out.
    pushes: u64,
    live_in_a_row: u32,
    /// By priority and tenant: takes at that priority since the tenant was last served or came.
    passed_over: BTreeMap<(Priority, u32), usize>,
}

#[derive(Debug, Default)]
struct ModelKey {
    /// Priority and push number.
    ready: Option<(Priority, u64)>,
    /// When and at what priority it is to become ready.
    pending: Option<(Duration, Priority)>,
    running: bool,
    failures: u32,
}

impl Model {
    fn schedule(&mut self, key: Number, at: Duration, priority: Priority, now: Duration) {
        let entry = self.keys.entry(key).or_default();
        if let Some((present, _)) = entry.ready {
            if priority > present {
                self.pushes += 1;
                entry.ready = Some((priority, self.pushes));
            }
            return;
        }
        entry.pending = Some(match entry.pending {
            None => (at, priority),
            Some(pending) => (pending.0.min(at), pending.1.max(priority)),
        });
        self.settle(now);
    }

    /// What is due and not running becomes ready, in the order of time.
    fn settle(&mut self, now: Duration) {
        let mut due: Vec<(Duration, Number)> = (self.keys.iter())
            .filter(|(_, entry)| !entry.running)
            .filter_map(|(key, entry)| Some((entry.pending?.0, *key)))
            .filter(|(at, _)| *at <= now)
            .collect();
        due.sort();
        for (_, key) in due {
            self.pushes += 1;
            let entry = self.keys.get_mut(&key).unwrap();
            entry.ready = entry.pending.take().map(|(_, priority)| (priority, self.pushes));
        }
        self.keys.retain(|_, entry| entry.ready.is_some() || entry.pending.is_some() || entry.running);
    }

    fn ready_at(&self, priority: Priority) -> impl Iterator<Item = (&Number, u64)> {
        (self.keys.iter())
            .filter_map(move |(key, entry)| entry.ready.filter(|(at, _)| *at == priority).map(|(_, push)| (key, push)))
    }

    /// Checks that `taken` may be the next one, and takes it.
    fn take(&mut self, taken: Option<&Taken<Number>>) -> Result<(), TestCaseError> {
        let live = self.ready_at(Priority::Live).count();
        let background = self.ready_at(Priority::Background).count();
        let Some(taken) = taken else {
            prop_assert_eq!(live + background, 0, "keys are ready and none was handed out");
            return Ok(());
        };
        let expected = if background > 0 && (live == 0 || self.live_in_a_row >= LIVE_IN_A_ROW) {
            Priority::Background
        } else {
            Priority::Live
        };
        prop_assert_eq!(taken.priority, expected);
        self.live_in_a_row = if expected == Priority::Live && background > 0 { self.live_in_a_row + 1 } else { 0 };

        let tenants: std::collections::BTreeSet<u32> = self.ready_at(expected).map(|(key, _)| key.0).collect();
        let first = self.ready_at(expected).filter(|(key, _)| key.0 == taken.key.0).min_by_key(|(_, push)| *push);
        prop_assert_eq!(first.map(|(key, _)| *key), Some(taken.key), "first in, first out for one tenant");

        // While something of a tenant is ready, no other tenant has two turns before it has one.
        self.passed_over.retain(|(priority, tenant), _| *priority != expected || tenants.contains(tenant));
        for tenant in &tenants {
            let passed = self.passed_over.entry((expected, *tenant)).or_default();
            *passed = if *tenant == taken.key.0 { 0 } else { *passed + 1 };
            prop_assert!(*passed < TENANTS as usize, "tenant {} was passed over", tenant);
        }

        let entry = self.keys.get_mut(&taken.key).unwrap();
        prop_assert!(!entry.running, "in two hands");
        prop_assert_eq!(entry.failures, taken.failures);
        (entry.ready, entry.running) = (None, true);
        Ok(())
    }

    fn done(&mut self, key: Number, priority: Priority, outcome: Outcome, now: Duration) {
        let entry = self.keys.get_mut(&key).unwrap();
        entry.running = false;
        entry.failures = if matches!(outcome, Outcome::Retry { .. }) { entry.failures + 1 } else { 0 };
        let failures = entry.failures;
        match outcome {
            Outcome::Settled => self.settle(now),
            Outcome::After { delay, priority } => self.schedule(key, now + delay, priority, now),
            Outcome::Retry { class, at_least } => {
                let delay = class.backoff().delay(key.seed(), failures).max(at_least.min(Backoff::LONGEST));
                self.schedule(key, now + delay, priority, now);
            }
        }
    }
}

const TENANTS: u32 = 4;

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
        1 => (prop::sample::select(classes.to_vec()), any_delay())
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn it_behaves_like_the_model(steps in prop::collection::vec(any_step(), 1..200)) {
        let mut queue = Queue::new();
        let mut model = Model::default();
        let mut hands: Vec<Taken<Number>> = Vec::new();
        let mut now = START;
        for step in steps {
            // No two steps at one moment: order among equal deadlines is nobody's promise.
            now += Duration::from_nanos(1);
            match step {
                Step::Add(key, priority) => {
                    queue.add(key, priority, now);
                    model.schedule(key, now, priority, now);
                }
                Step::AddAfter(key, delay, priority) => {
                    queue.add_after(key, delay, priority, now);
                    model.schedule(key, now + delay, priority, now);
                }
                Step::Take => {
                    model.settle(now);
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
                Step::Pass(time) => {
                    now += time;
                    queue.advance(now);
                    model.settle(now);
                }
            }
            queue.advance(now);
            model.settle(now);
            for priority in Priority::ALL {
                prop_assert_eq!(queue.depth(priority), model.ready_at(priority).count());
            }
            prop_assert_eq!(queue.len(), model.keys.len());
            prop_assert_eq!(queue.running(), hands.len());
            let pending = model.keys.values().filter(|entry| !entry.running).filter_map(|entry| entry.pending);
            prop_assert_eq!(queue.next_deadline(), pending.map(|(at, _)| at).min());
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
    }
}

/// What a key costs. Run with: cargo test --release -p berthage-core queue_cost -- --ignored --nocapture
#[test]
#[ignore = "a measurement, to be read by people"]
fn queue_cost() {
    let names = |keys: usize, tenants: usize| -> Vec<Key> {
        let workspaces: Vec<Workspace> = (0..tenants).map(|tenant| Workspace::new(&format!("ws-{tenant}"))).collect();
        (0..keys).map(|name| Key::target(&workspaces[name % tenants], &format!("edge-{name}"))).collect()
    };
    let keys = names(100_000, 10_000);
    let start = resident();
    let mut ready = Queue::new();
    for key in &keys {
        ready.add(key.clone(), Priority::Live, START);
    }
    let middle = resident();
    let mut waiting = Queue::new();
    for key in &keys {
        let delay = seconds(600) + backoff::jitter(seconds(60), key.seed(), 0);
        waiting.add_after(key.clone(), delay, Priority::Background, START);
    }
    let end = resident();
    println!("keys ready {} B, waiting {} B a key", (middle - start) / keys.len(), (end - middle) / keys.len());
    drop((ready, waiting));

    for (keys, tenants) in [(1_000, 10), (100_000, 1), (100_000, 10_000)] {
        let keys = names(keys, tenants);
        let mut runs = Vec::new();
        for _ in 0..20 {
            let rounds = 200_000 / keys.len();
            let start = cpu_nanos();
            for _ in 0..rounds {
                let mut queue = Queue::new();
                for key in &keys {
                    queue.add(key.clone(), Priority::Live, START);
                }
                while let Some(taken) = queue.take(START) {
                    queue.done(taken, Outcome::Settled, START);
                }
            }
            runs.push((cpu_nanos() - start) / keys.len() / rounds);
        }
        runs.sort_unstable();
        println!("{} keys of {tenants} tenants: add + take + done {} ns", keys.len(), runs[runs.len() / 2]);
    }
}

/// Bytes of memory of this process.
fn resident() -> usize {
    std::fs::read_to_string("/proc/self/statm").unwrap().split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// Processor time of this thread.
fn cpu_nanos() -> usize {
    std::fs::read_to_string("/proc/thread-self/schedstat").unwrap().split(' ').next().unwrap().parse().unwrap()
}
