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

/// Live keys of one tenant hold it whenever a background turn comes.
#[test]
fn background_keys_of_a_tenant_that_live_keys_keep_at_its_bound_do_not_starve() {
    let mut queue = bounded(1);
    for tenant in 0..2 {
        queue.add(Number(tenant, 1000), Priority::Background, START);
    }
    let mut held = None;
    let mut own = Vec::new();
    for round in 0..100 {
        queue.add(Number(0, round), Priority::Live, START);
        queue.add(Number(2, round), Priority::Live, START);
        queue.add(Number(1, 1000), Priority::Background, START);
        let taken = take(&mut queue);
        if taken.key.0 != 0 {
            queue.done(taken, Outcome::Settled, START);
            continue;
        }
        own.push(taken.priority);
        // Done only just before its next live turn.
        if let Some(held) = held.replace(taken) {
            queue.done(held, Outcome::Settled, START);
        }
        served(&mut queue, 1);
        queue.done(held.take().unwrap(), Outcome::Settled, START);
    }
    let first = own.iter().position(|priority| *priority == Priority::Background).unwrap();
    assert!((1..=18).contains(&first), "{first}");
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
