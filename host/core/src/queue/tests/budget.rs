//! How often keys of one tenant are tried again.

use proptest::prelude::*;

use super::*;

const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn budgeted(burst: u32, refill: Duration) -> Queue<Number> {
    Queue::new(Limits { tenant_retries: RetryBudget { burst, refill }, ..Limits::NONE })
}

const FAILED: Outcome = Outcome::retry(RetryClass::Conflict);

/// Lets all keys fail that are ready, and says which.
fn fail_all(queue: &mut Queue<Number>, now: Duration) -> Vec<Number> {
    let ready: Vec<Taken<Number>> = std::iter::from_fn(|| queue.take(now)).collect();
    let keys = ready.iter().map(|taken| taken.key).collect();
    for taken in ready {
        queue.done(taken, FAILED, now);
    }
    keys
}

/// A queue with so many keys of tenant 1 that have failed at the start.
fn failed(count: u32, burst: u32, refill: Duration) -> Queue<Number> {
    let mut queue = budgeted(burst, refill);
    for name in 0..count {
        queue.add(Number(1, name), Priority::Live, START);
    }
    fail_all(&mut queue, START);
    queue
}

#[test]
fn thousands_of_failing_keys_are_tried_at_the_rate_of_the_budget_and_none_is_lost() {
    let mut queue = failed(3000, 100, millis(100));
    queue.add(Number(2, 0), Priority::Live, START);
    let (mut ready, mut other) = (Vec::new(), 0);
    // The other tenant's key fails as often as its backoff lets it.
    let mut expected = 0;
    let mut expected_at = START;
    for tick in 0..6000 {
        let now = millis(100) * tick;
        if expected_at <= now {
            expected += 1;
            expected_at = now + RetryClass::Conflict.backoff().delay(Number(2, 0).seed(), expected);
        }
        while let Some(taken) = queue.take(now) {
            if taken.key.0 == 2 {
                other += 1;
            } else {
                ready.push((now - taken.waited, taken.key));
            }
            queue.done(taken, FAILED, now);
        }
    }
    assert_eq!(other, expected);
    assert!(ready.is_sorted_by_key(|(at, _)| *at));
    for (index, (since, _)) in ready.iter().enumerate() {
        let within = ready[index..].iter().take_while(|(at, _)| *at <= *since + seconds(10)).count();
        assert!(within <= 100 + 100, "{within} in ten seconds from {since:?}");
    }
    // No token is wasted either, and everybody gets some.
    assert!(ready.len() >= 5900 && ready.len() <= 6100, "{}", ready.len());
    let tried: std::collections::BTreeSet<Number> = ready.iter().map(|(_, key)| *key).collect();
    assert_eq!((tried.len(), queue.len()), (3000, 3001));
}

#[test]
fn retries_that_are_put_off_come_in_the_order_of_their_backoffs_at_the_rate_of_the_tokens() {
    let mut queue = failed(5, 2, seconds(10));
    // All backoffs are over after a tenth of a second.
    queue.advance(millis(100));
    assert_eq!((queue.ready(), queue.waiting(), queue.retries_put_off()), (2, 3, 3));
    let first = queue.take(millis(100)).unwrap();
    let first_at = millis(100) - first.waited;
    for round in 1..=3 {
        assert_eq!(queue.next_deadline(), Some(first_at + seconds(10) * round));
        assert_eq!(queue.advance(first_at + seconds(10) * round), 1);
    }
    assert_eq!((queue.next_deadline(), queue.ready(), queue.waiting()), (None, 4, 0));
}

/// Who waited longest gets the token that comes at the moment when another's backoff is over.
#[test]
fn a_retry_does_not_overtake_those_that_wait_for_a_token() {
    let mut queue = budgeted(1, seconds(5));
    for name in 0..3 {
        queue.add(Number(1, name), Priority::Live, START);
    }
    for after in [5, 6, 10] {
        let taken = queue.take(START).unwrap();
        let at_least = seconds(after);
        queue.done(taken, Outcome::Retry { class: RetryClass::Conflict, at_least }, START);
    }
    let times = [5, 10, 15].map(|second| {
        assert!(queue.take(seconds(second) - millis(1)).is_none());
        take_all(&mut queue, seconds(second))
    });
    assert_eq!(times, [0, 1, 2].map(|name| vec![Number(1, name)]));
}

#[test]
fn what_is_added_needs_no_token_and_takes_none_from_the_others() {
    let mut queue = failed(4, 1, seconds(100));
    queue.advance(seconds(1));
    assert_eq!((queue.ready(), queue.waiting()), (1, 3));
    let deadline = queue.next_deadline().unwrap();
    let tried = fail_all(&mut queue, seconds(1))[0];
    let mut waiting: Vec<Number> = (0..4).map(|name| Number(1, name)).filter(|key| *key != tried).collect();
    let added = waiting.remove(0);
    queue.add(added, Priority::Live, seconds(1));
    assert_eq!(take_all(&mut queue, seconds(2)), [added]);
    let later = waiting.remove(0);
    queue.add_after(later, seconds(5), Priority::Live, seconds(2));
    assert!(queue.take(seconds(6)).is_none());
    assert_eq!(take_all(&mut queue, seconds(7)), [later]);
    // The token goes to the one that waits for it still.
    assert_eq!(queue.next_deadline(), Some(deadline));
    assert_eq!(take_all(&mut queue, deadline), waiting);
}

/// No token is kept for a key that went ahead without.
#[test]
fn a_tenant_that_recovers_owes_nothing() {
    let mut queue = failed(1000, 1, seconds(1));
    queue.advance(seconds(1));
    assert_eq!(queue.retries_put_off(), 999);
    for name in 0..1000 {
        queue.add(Number(1, name), Priority::Live, seconds(1));
    }
    queue.add_after(Number(1, 5000), seconds(900), Priority::Background, seconds(1));
    assert_eq!(take_all(&mut queue, seconds(1)).len(), 1000);
    queue.add(Number(1, 1), Priority::Live, seconds(10));
    let taken = queue.take(seconds(10)).unwrap();
    let delay = queue.done(taken, FAILED, seconds(10)).unwrap();
    assert_eq!(queue.advance(seconds(10) + delay), 1);
}

/// The end of somebody's patience must not be missed because others fail.
#[test]
fn a_key_that_was_to_be_looked_at_by_a_time_is_ready_then_without_a_token() {
    let mut queue = budgeted(1, seconds(1000));
    for name in 0..3 {
        queue.add(Number(1, name), Priority::Live, START);
    }
    while let Some(taken) = queue.take(START) {
        if taken.key.1 == 1 {
            queue.add_after(taken.key, seconds(20), Priority::Background, START);
        }
        queue.done(taken, FAILED, START);
    }
    queue.add_after(Number(1, 2), seconds(30), Priority::Background, START);
    let tried = take_all(&mut queue, seconds(1));
    assert_eq!((tried.len(), queue.retries_put_off()), (1, 2));
    for (name, second) in [(1, 20), (2, 30)] {
        if tried != [Number(1, name)] {
            assert!(queue.take(seconds(second) - millis(1)).is_none());
            // Background is what was asked for, live is what it was.
            let taken = queue.take(seconds(second) + millis(1)).unwrap();
            assert_eq!((taken.key, taken.priority), (Number(1, name), Priority::Live));
            assert!(taken.waited <= millis(1));
            queue.done(taken, Outcome::Settled, seconds(second));
        }
    }
}

#[test]
fn a_bucket_is_kept_as_long_as_one_key_of_its_tenant_is_there() {
    let mut queue = failed(1, 1, seconds(100));
    let deadline = queue.next_deadline().unwrap();
    assert_eq!(fail_all(&mut queue, deadline).len(), 1);
    queue.advance(seconds(1));
    assert_eq!((queue.retries_put_off(), queue.next_deadline()), (1, Some(deadline + seconds(100))));
    // It is tried because it was added, succeeds and leaves: the tenant comes back with a full bucket.
    queue.add(Number(1, 0), Priority::Live, seconds(1));
    take_all(&mut queue, seconds(1));
    assert_eq!((queue.tenants(), queue.next_deadline()), (0, None));
    queue.add(Number(1, 0), Priority::Live, seconds(1));
    fail_all(&mut queue, seconds(1));
    assert_eq!((queue.advance(seconds(2)), queue.retries_put_off()), (1, 1));
}

#[test]
fn budgets_of_nothing_and_of_everything_do_no_harm() {
    for (burst, refill) in [(0, Duration::MAX), (u32::MAX, Duration::MAX), (u32::MAX, START), (0, START)] {
        let mut queue = failed(10, burst, refill);
        queue.advance(seconds(1));
        assert_eq!(queue.ready(), if burst == 0 && refill > START { 1 } else { 10 });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// A timer that comes late changes nothing but when somebody sees it.
    #[test]
    fn it_makes_no_difference_how_often_somebody_looks(
        keys in 1..40_u32,
        burst in 0..5_u32,
        refill in 0..2000_u64,
        looks in prop::collection::vec(0..5000_u64, 0..20),
    ) {
        let mut often = failed(keys, burst, millis(refill));
        let mut once = failed(keys, burst, millis(refill));
        let mut now = START;
        for look in looks {
            now += millis(look);
            often.advance(now);
        }
        while let Some(taken) = often.take(now) {
            let other = once.take(now).unwrap();
            prop_assert_eq!((taken.key, taken.waited), (other.key, other.waited));
        }
        prop_assert!(once.take(now).is_none());
        prop_assert_eq!(often.next_deadline(), once.next_deadline());
    }
}
