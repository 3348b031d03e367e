//! One key, many keys, many tenants; and the mistakes that priority queues of other controllers are known to have made.

#![allow(
    clippy::unchecked_time_subtraction,
    clippy::cast_possible_truncation,
    reason = "small numbers that the tests have chosen"
)]

mod bounds;
mod budget;
mod cost;
mod fairness;
mod model;

use super::*;

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

/// How many keys go at most before one of that priority, with so many other tenants that have keys there: what the queue's
/// documentation says.
fn most(priority: Priority, others: u32) -> u32 {
    let row = super::ready::IN_A_ROW;
    match priority {
        Priority::Live => {
            let above = others + 1 + others / row;
            above + 1 + above / row
        }
        Priority::Report => {
            let above = others + (others + 1) * row;
            above + 1 + above / row
        }
        Priority::Background => others + (others + 1) * row,
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
    let mut queue = Queue::default();
    assert_eq!(queue.add(Number(1, 1), Priority::Live, START), Added::New);
    assert_eq!(queue.add(Number(1, 1), Priority::Live, START), Added::Merged);
    assert_eq!(queue.add_after(Number(1, 1), seconds(5), Priority::Background, START), Added::Merged);
    assert_eq!(take_all(&mut queue, seconds(10)), [Number(1, 1)]);
    assert!(queue.is_empty());
}

#[test]
fn a_key_added_while_running_is_handed_out_again_after_done_and_not_before() {
    let mut queue = Queue::default();
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
    let mut queue = Queue::default();
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
        let mut queue = Queue::default();
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
    let mut queue = Queue::default();
    queue.add_after(Number(1, 1), seconds(60), Priority::Live, START);
    queue.add(Number(1, 1), Priority::Background, START);
    assert_eq!((queue.depth(Priority::Live), queue.depth(Priority::Background), queue.waiting()), (1, 0, 0));
}

#[test]
fn a_time_beyond_all_clocks_is_the_end_of_time_and_can_be_brought_forward() {
    let mut queue = Queue::default();
    queue.add_after(Number(1, 1), Duration::MAX, Priority::Live, seconds(1));
    assert!(queue.take(Duration::from_hours(24 * 365 * 500)).is_none());
    queue.add_after(Number(1, 1), seconds(1), Priority::Live, seconds(1));
    assert_eq!(take_all(&mut queue, seconds(2)), [Number(1, 1)]);
}

/// controller-runtime #3330: keys that became ready behind others of lower priority waited for those.
#[test]
fn a_live_key_whose_time_comes_goes_before_background_keys_that_were_ready_first() {
    let mut queue = Queue::default();
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
    let mut queue = Queue::default();
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
    let mut queue = Queue::default();
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
    let mut queue = Queue::default();
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
fn each_lower_priority_gets_every_ninth_turn_while_live_keys_never_end() {
    for lower in [Priority::Background, Priority::Report] {
        let mut queue = Queue::default();
        queue.add(Number(2, 0), lower, START);
        queue.add(Number(2, 1), lower, START);
        let mut turns = Vec::new();
        for turn in 0..30 {
            queue.add(Number(1, turn), Priority::Live, START);
            let taken = queue.take(START).unwrap();
            if taken.priority == lower {
                turns.push(turn);
            }
            queue.done(taken, Outcome::Settled, START);
        }
        assert_eq!(turns, [8, 17], "{lower:?}");
    }
}

#[test]
fn a_change_goes_before_what_is_told_of_and_both_before_the_backlog() {
    let mut queue = Queue::default();
    for tenant in 0..20 {
        queue.add(Number(tenant, 0), Priority::Background, START);
        queue.add(Number(tenant, 1), Priority::Report, START);
    }
    queue.add(Number(19, 2), Priority::Live, START);
    let order = take_all(&mut queue, START);
    assert_eq!(
        order[..9],
        [(19, 2), (0, 1), (1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (6, 1), (0, 0)].map(|(of, name)| Number(of, name))
    );
}

/// Fault F39: fifty thousand keys of one tenant, one key each of ten others.
#[test]
fn one_tenants_backlog_delays_the_others_by_one_turn_each() {
    let mut queue = Queue::default();
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
    let mut queue = Queue::default();
    for tenant in 0..100 {
        queue.add(Number(tenant, 0), Priority::Background, START);
        // Leaves an empty place in the background turns behind.
        queue.add(Number(tenant, 0), Priority::Live, START);
    }
    take_all(&mut queue, START);
    queue.add(Number(100, 0), Priority::Background, START);
    take_all(&mut queue, START);
    assert_eq!((queue.tenants(), queue.len()), (0, 0));
}

#[test]
fn failures_count_up_until_a_success_and_delays_grow() {
    let mut queue = Queue::default();
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
        let mut queue = Queue::default();
        queue.add(Number(1, 1), Priority::Live, START);
        let taken = queue.take(START).unwrap();
        let outcome = Outcome::Retry { class: RetryClass::Transient, at_least: seconds(asked) };
        let delay = queue.done(taken, outcome, START).unwrap();
        assert!((seconds(least)..=seconds(most)).contains(&delay), "{delay:?}");
    }
}

#[test]
fn a_change_during_a_failing_run_is_tried_at_once_and_the_failure_is_remembered() {
    let mut queue = Queue::default();
    queue.add(Number(1, 1), Priority::Background, START);
    let taken = queue.take(START).unwrap();
    queue.add(Number(1, 1), Priority::Live, START);
    assert_eq!(queue.done(taken, Outcome::retry(RetryClass::Persistent), START), Some(Duration::ZERO));
    assert_eq!(queue.takeable(), 1);
    let taken = queue.take(START).unwrap();
    assert_eq!((taken.failures, taken.priority), (1, Priority::Live));
}

#[test]
fn keys_of_equal_names_in_two_workspaces_and_kinds_are_different_work() {
    let (a, b) = (Workspace::new("a"), Workspace::new("b"));
    let keys = [Key::target(&a, "x"), Key::target(&b, "x"), Key::registration(&a, "x")];
    let mut queue = Queue::default();
    for key in &keys {
        assert_eq!(queue.add(key.clone(), Priority::Live, START), Added::New);
    }
    assert_eq!(queue.len(), 3);
    assert_ne!(keys[0].seed(), keys[1].seed());
    assert_ne!(keys[0].seed(), keys[2].seed());
    assert_eq!(size_of::<Option<Slot<Key>>>(), 72);
}
