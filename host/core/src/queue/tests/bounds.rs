//! How many keys of one tenant are handed out at a time, and where a tenant stands that was at its bound.

use super::*;

fn bounded(tenant_concurrency: usize) -> Queue<Number> {
    Queue::new(Limits { tenant_concurrency, ..Limits::NONE })
}

fn take(queue: &mut Queue<Number>) -> Taken<Number> {
    queue.take(START).unwrap()
}

/// Takes so many keys, each done at once, and says whose they were.
fn served(queue: &mut Queue<Number>, count: usize) -> Vec<u32> {
    let served = std::iter::repeat_with(|| {
        let taken = take(queue);
        let tenant = taken.key.0;
        queue.done(taken, Outcome::Settled, START);
        tenant
    });
    served.take(count).collect()
}

#[test]
fn a_tenant_at_its_bound_gets_no_more_and_the_others_go_on() {
    let mut queue = bounded(2);
    for name in 0..5 {
        queue.add(Number(1, name), Priority::Live, START);
    }
    queue.add(Number(2, 0), Priority::Background, START);
    assert_eq!((queue.ready(), queue.takeable(), queue.held_tenants()), (6, 3, 0));
    let first = take(&mut queue);
    let _second = take(&mut queue);
    assert_eq!((queue.ready(), queue.takeable(), queue.held_tenants(), queue.tenants()), (4, 1, 1, 2));
    assert_eq!(take(&mut queue).key, Number(2, 0));
    assert!(queue.take(START).is_none());
    assert_eq!((queue.ready(), queue.takeable()), (3, 0));
    // What is added to a tenant at its bound is there, and nobody can take it.
    queue.add(Number(1, 9), Priority::Live, START);
    assert_eq!((queue.ready(), queue.takeable()), (4, 0));
    queue.done(first, Outcome::Settled, START);
    assert_eq!((queue.takeable(), queue.held_tenants()), (1, 0));
    assert_eq!(take(&mut queue).key, Number(1, 2));
    assert!(queue.take(START).is_none());
}

#[test]
fn a_bound_of_nothing_is_one() {
    let mut queue = bounded(0);
    queue.add(Number(1, 1), Priority::Live, START);
    queue.add(Number(1, 2), Priority::Live, START);
    let taken = take(&mut queue);
    assert!(queue.take(START).is_none());
    queue.done(taken, Outcome::Settled, START);
    assert_eq!(take(&mut queue).key, Number(1, 2));
}

#[test]
fn a_tenant_whose_turn_has_not_come_meanwhile_stands_where_it_stood() {
    let mut queue = bounded(1);
    for tenant in 0..5 {
        queue.add(Number(tenant, 0), Priority::Live, START);
        queue.add(Number(tenant, 1), Priority::Live, START);
    }
    let held = take(&mut queue);
    assert_eq!((held.key.0, served(&mut queue, 2)), (0, vec![1, 2]));
    queue.done(held, Outcome::Settled, START);
    assert_eq!(served(&mut queue, 7), [3, 4, 0, 1, 2, 3, 4]);
}

#[test]
fn a_tenant_that_missed_its_turn_is_next_and_has_one_turn() {
    let mut queue = bounded(1);
    for (tenant, name) in (0..4).flat_map(|tenant| (0..4).map(move |name| (tenant, name))) {
        queue.add(Number(tenant, name), Priority::Live, START);
    }
    let held = take(&mut queue);
    assert_eq!((held.key.0, served(&mut queue, 4)), (0, vec![1, 2, 3, 1]));
    queue.done(held, Outcome::Settled, START);
    assert_eq!(served(&mut queue, 6), [0, 2, 3, 1, 0, 2]);
}

/// Tenant 0 may run one key at a time and is always at its bound when the others take theirs. Says of what priority its
/// keys were, when each time `pause` keys of others are taken while one of its keys runs.
fn always_held(others: [&[u32]; 2], pause: usize) -> Vec<Priority> {
    let mut queue = bounded(1);
    let fill = |queue: &mut Queue<Number>| {
        for (priority, tenants) in Priority::ALL.into_iter().zip(others) {
            for tenant in tenants.iter().chain(&[0]) {
                for name in 0..pause {
                    queue.add(Number(*tenant, name as u32 * 2 + priority as u32), priority, START);
                }
            }
        }
    };
    let mut own = Vec::new();
    while own.len() < 100 {
        fill(&mut queue);
        let taken = take(&mut queue);
        if taken.key.0 == 0 {
            own.push(taken.priority);
            served(&mut queue, pause);
        }
        queue.done(taken, Outcome::Settled, START);
    }
    own
}

/// How many keys there were before the first of that priority, between two, and after the last.
fn longest_wait(own: &[Priority], priority: Priority) -> usize {
    own.split(|taken| *taken == priority).map(<[Priority]>::len).max().unwrap()
}

/// While it is at its bound, its background turns come, and they come only then.
#[test]
fn background_keys_of_a_tenant_that_live_keys_keep_at_its_bound_do_not_starve() {
    for pause in 1..40 {
        for others in [[&[1, 2][..], &[2, 3, 4][..]], [&[], &[2, 3]], [&[], &[1, 2, 3]], [&[1], &[1, 2, 3, 4]]] {
            let own = always_held(others, pause);
            let waits = Priority::ALL.map(|priority| longest_wait(&own, priority));
            assert!(waits[0] <= 8 * 4 + 2 && waits[1] <= 3, "{pause} {others:?} {waits:?}");
        }
    }
}

/// Both its live and its background turn come while it is at its bound, each time.
#[test]
fn a_tenant_that_misses_turns_of_both_priorities_makes_up_for_both() {
    let own = always_held([&[1, 2], &[1, 2]], 30);
    assert!(own.chunks(2).skip(1).all(|two| two[0] != two[1]), "{own:?}");
}

#[test]
fn a_key_that_leaves_a_lane_of_a_held_tenant_leaves_no_trace() {
    let mut queue = bounded(1);
    queue.add(Number(1, 0), Priority::Live, START);
    queue.add(Number(1, 1), Priority::Background, START);
    queue.add(Number(2, 0), Priority::Background, START);
    let held = take(&mut queue);
    // The background turn of 1 comes, and is missed.
    let other = take(&mut queue);
    assert_eq!(other.key, Number(2, 0));
    queue.add(Number(1, 1), Priority::Live, START);
    queue.done(held, Outcome::Settled, START);
    let raised = take(&mut queue);
    assert_eq!((raised.key, raised.priority), (Number(1, 1), Priority::Live));
    queue.done(raised, Outcome::Settled, START);
    queue.done(other, Outcome::Settled, START);
    assert_eq!((queue.tenants(), queue.takeable(), queue.held_tenants()), (0, 0, 0));
}

#[test]
fn a_key_that_was_added_while_it_ran_can_be_taken_when_it_is_done() {
    let mut queue = bounded(1);
    queue.add(Number(1, 1), Priority::Live, START);
    let taken = take(&mut queue);
    queue.add(Number(1, 1), Priority::Live, START);
    assert_eq!((queue.takeable(), queue.held_tenants()), (0, 0));
    queue.done(taken, Outcome::Settled, START);
    assert_eq!((queue.takeable(), queue.held_tenants()), (1, 0));
}
