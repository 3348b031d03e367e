//! The queue under Tokio's paused clock: time passes only while everybody waits.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::{advance, timeout};

use super::*;

/// `Number(tenant, name)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Number(u32, u32);

impl Keyed for Number {
    type Tenant = u32;

    fn tenant(&self) -> &u32 {
        &self.0
    }

    fn seed(&self) -> u64 {
        u64::from(self.1)
    }
}

const fn key(name: u32) -> Number {
    Number(1, name)
}

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn queue() -> (WorkQueue<Number>, Metrics) {
    let metrics = Metrics::new();
    (WorkQueue::new("test", &metrics, Limits::NONE), metrics)
}

/// The value of a metric of the queue.
fn metric(metrics: &Metrics, name: &str) -> f64 {
    let text = metrics.encode().unwrap();
    let line =
        text.lines().find(|line| line.starts_with(&format!("{name}{{name=\"test\",controller=\"test\""))).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// Whether nobody can take anything for now, however long the present moment lasts.
async fn is_empty_now(queue: &WorkQueue<Number>) -> bool {
    timeout(Duration::ZERO, queue.take()).await.is_err()
}

#[tokio::test(start_paused = true)]
async fn a_waiting_worker_gets_a_key_the_moment_it_is_added() {
    let (queue, _) = queue();
    let worker = tokio::spawn({
        let queue = queue.clone();
        async move { queue.take().await.unwrap().key().1 }
    });
    tokio::task::yield_now().await;
    queue.add(key(1), Priority::Live);
    assert_eq!(worker.await.unwrap(), 1);
    assert_eq!(queue.0.now(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_delayed_key_comes_at_its_time() {
    let (queue, _) = queue();
    queue.add_after(key(1), seconds(30), Priority::Live);
    let job = queue.take().await.unwrap();
    // Tokio's timer has steps of a millisecond.
    assert!(queue.0.now() >= seconds(30) && queue.0.now() <= seconds(30) + Duration::from_millis(2));
    assert!(job.waited() <= Duration::from_millis(2));
    job.finish(Outcome::Settled);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_is_brought_forward_wakes_a_worker_that_waits_already() {
    let (queue, _) = queue();
    queue.add_after(key(1), seconds(1000), Priority::Live);
    let worker = tokio::spawn({
        let queue = queue.clone();
        async move { queue.take().await.unwrap().key().1 }
    });
    advance(seconds(1)).await;
    queue.add_after(key(2), seconds(10), Priority::Live);
    assert_eq!(worker.await.unwrap(), 2);
    assert!(queue.0.now() < seconds(12));
}

#[tokio::test(start_paused = true)]
async fn a_delay_beyond_all_clocks_does_no_harm() {
    let (queue, _) = queue();
    queue.add_after(key(1), Duration::MAX, Priority::Live);
    queue.add_after(key(2), seconds(1), Priority::Live);
    assert_eq!(queue.take().await.unwrap().finish(Outcome::Settled), None);
    assert!(timeout(Duration::from_hours(1), queue.take()).await.is_err());
}

/// A burst wakes all workers that it can occupy, though each add wakes one: each that takes and leaves more wakes the next.
#[tokio::test(start_paused = true)]
async fn a_burst_that_comes_due_at_once_occupies_all_workers() {
    let (queue, _) = queue();
    for name in 0..100 {
        queue.add_after(key(name), seconds(5), Priority::Live);
    }
    let (together, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(tokio::sync::Barrier::new(10)));
    let run = tokio::spawn({
        let (queue, together, gate) = (queue.clone(), Arc::clone(&together), Arc::clone(&gate));
        async move {
            let work = move |_, _| {
                let (together, gate) = (Arc::clone(&together), Arc::clone(&gate));
                async move {
                    // Opens only when ten are inside at a time.
                    gate.wait().await;
                    together.fetch_add(1, Ordering::Relaxed);
                    Outcome::Settled
                }
            };
            queue.run(10, work).await;
        }
    });
    timeout(seconds(60), async {
        while together.load(Ordering::Relaxed) < 100 {
            tokio::time::sleep(seconds(1)).await;
        }
    })
    .await
    .unwrap();
    queue.shut_down();
    run.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_key_is_in_one_hand_only_and_comes_back_if_it_was_added_meanwhile() {
    let (queue, _) = queue();
    queue.add(key(1), Priority::Live);
    let job = queue.take().await.unwrap();
    queue.add(key(1), Priority::Live);
    assert!(is_empty_now(&queue).await);
    assert_eq!(job.finish(Outcome::Settled), Some(Duration::ZERO));
    assert_eq!(queue.take().await.unwrap().finish(Outcome::Settled), None);
    assert!(is_empty_now(&queue).await);
}

/// controller-runtime #3363: a live key added while others were being handed out was not next.
#[tokio::test(start_paused = true)]
async fn priority_holds_while_keys_are_added_by_other_tasks() {
    let (queue, _) = queue();
    for name in 0..50 {
        queue.add(key(name), Priority::Background);
    }
    for round in 0..5 {
        let other = queue.clone();
        tokio::spawn(async move { other.add(key(100 + round), Priority::Live) }).await.unwrap();
        let job = queue.take().await.unwrap();
        assert_eq!((job.key().1, job.priority()), (100 + round, Priority::Live));
        job.finish(Outcome::Settled);
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_fails_comes_back_later_and_later_and_success_forgets_it() {
    let (queue, metrics) = queue();
    queue.add(key(1), Priority::Live);
    for failures in 0..10 {
        let job = queue.take().await.unwrap();
        assert_eq!(job.failures(), failures);
        let delay = job.finish(Outcome::retry(RetryClass::Transient)).unwrap();
        assert_eq!(delay, RetryClass::Transient.backoff().delay(key(1).seed(), failures + 1));
    }
    queue.take().await.unwrap().finish(Outcome::After { delay: seconds(600), priority: Priority::Background });
    let job = queue.take().await.unwrap();
    assert_eq!((job.failures(), job.priority()), (0, Priority::Background));
    assert!((metric(&metrics, "workqueue_retries_total") - 10.0).abs() < 0.1);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_dropped_is_not_lost() {
    let (queue, _) = queue();
    queue.add(key(1), Priority::Live);
    drop(queue.take().await.unwrap());
    let job = queue.take().await.unwrap();
    assert_eq!((job.key().1, job.failures()), (1, 1));
}

/// A worker that stops waiting after it was woken passes the wake-up on.
#[tokio::test(start_paused = true)]
async fn a_take_that_is_given_up_loses_no_key() {
    let (queue, _) = queue();
    let mut gives_up = Box::pin(queue.take());
    assert!(futures::poll!(&mut gives_up).is_pending());
    let mut stays = take_one(queue.clone());
    tokio::task::yield_now().await;
    queue.add(key(1), Priority::Live);
    drop(gives_up);
    assert_eq!(timeout(seconds(1), &mut stays).await.unwrap().unwrap(), 1);
}

fn take_one(queue: WorkQueue<Number>) -> tokio::task::JoinHandle<u32> {
    tokio::spawn(async move { queue.take().await.unwrap().key().1 })
}

#[tokio::test(start_paused = true)]
async fn shutting_down_ends_all_waiting_hands_out_nothing_more_and_waits_for_work_under_way() {
    let (queue, _) = queue();
    queue.add(key(1), Priority::Live);
    let job = queue.take().await.unwrap();
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let queue = queue.clone();
            tokio::spawn(async move { queue.take().await.is_none() })
        })
        .collect();
    tokio::task::yield_now().await;
    queue.add(key(1), Priority::Live);
    queue.shut_down();
    for worker in waiting {
        assert!(worker.await.unwrap());
    }
    assert!(timeout(seconds(1), queue.drained()).await.is_err());
    queue.add(key(2), Priority::Live);
    assert!(queue.take().await.is_none());
    let drained = tokio::spawn({
        let queue = queue.clone();
        async move { queue.drained().await }
    });
    tokio::task::yield_now().await;
    job.finish(Outcome::Settled);
    timeout(seconds(1), drained).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_run_that_panics_is_a_failure_and_its_worker_goes_on() {
    let (queue, _) = queue();
    queue.add(key(1), Priority::Live);
    queue.add(key(2), Priority::Live);
    let (seen, mut told) = tokio::sync::mpsc::unbounded_channel();
    let run = tokio::spawn({
        let queue = queue.clone();
        async move {
            let work = move |key: Number, failures| {
                let seen = seen.clone();
                async move {
                    seen.send((key.1, failures)).unwrap();
                    assert!(key.1 != 1 || failures > 0, "as a bug would");
                    Outcome::Settled
                }
            };
            queue.run(1, work).await;
        }
    });
    assert_eq!(told.recv().await, Some((1, 0)));
    assert_eq!(told.recv().await, Some((2, 0)));
    assert_eq!(told.recv().await, Some((1, 1)));
    queue.shut_down();
    run.await.unwrap();
}

/// controller-runtime #3060: the depth counted keys that were not ready.
#[tokio::test(start_paused = true)]
async fn metrics_follow_the_queue() {
    let (queue, metrics) = queue();
    queue.add(key(1), Priority::Live);
    queue.add(key(1), Priority::Live);
    queue.add(key(2), Priority::Background);
    queue.add_after(key(3), seconds(60), Priority::Live);
    let value = |name| metric(&metrics, name);
    let assert_is = |name, expected: f64| assert!((value(name) - expected).abs() < 0.01, "{name} {}", value(name));
    assert_eq!(queue.depth(), 2);
    assert_is("workqueue_adds_total", 3.0);
    advance(seconds(5)).await;
    let job = queue.take().await.unwrap();
    assert_is("workqueue_queue_duration_seconds_sum", 5.0);
    advance(seconds(7)).await;
    let other = queue.take().await.unwrap();
    advance(seconds(1)).await;
    assert_is("workqueue_unfinished_work_seconds", 9.0);
    assert_is("workqueue_longest_running_processor_seconds", 8.0);
    assert_eq!(queue.depth(), 0);
    job.finish(Outcome::Settled);
    other.finish(Outcome::Settled);
    assert_is("workqueue_work_duration_seconds_sum", 9.0);
    assert_is("workqueue_work_duration_seconds_count", 2.0);
    assert_is("workqueue_unfinished_work_seconds", 0.0);
}

/// The timekeeper holds the queue weakly: without handles it ends, and the metrics say nothing of it any more.
#[tokio::test(start_paused = true)]
async fn a_queue_without_handles_leaves_no_task_behind() {
    let (queue, metrics) = queue();
    queue.add_after(key(1), seconds(60), Priority::Live);
    tokio::task::yield_now().await;
    let weak = Arc::downgrade(&queue.0);
    drop(queue);
    assert!(weak.upgrade().is_none());
    tokio::task::yield_now().await;
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
    assert!(metrics.encode().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_tenant_whose_work_hangs_keeps_no_worker_from_the_others() {
    let limits = Limits { tenant_concurrency: 2, ..Limits::NONE };
    let queue: WorkQueue<Number> = WorkQueue::new("test", &Metrics::new(), limits);
    (0..100).for_each(|name| queue.add(Number(1, name), Priority::Live));
    let hanging = [queue.take().await.unwrap(), queue.take().await.unwrap()];
    assert!(is_empty_now(&queue).await, "a third key of the tenant was handed out");
    queue.add(Number(2, 0), Priority::Background);
    assert_eq!(queue.take().await.unwrap().key().0, 2);

    // A worker that waits is woken when a place is free, and no sooner.
    let worker = tokio::spawn({
        let queue = queue.clone();
        async move { *queue.take().await.unwrap().key() }
    });
    tokio::task::yield_now().await;
    assert!(!worker.is_finished());
    let [first, _second] = hanging;
    first.finish(Outcome::Settled);
    assert_eq!(worker.await.unwrap().0, 1);
}

#[tokio::test(start_paused = true)]
async fn a_queue_with_held_tenants_can_be_shut_down() {
    let limits = Limits { tenant_concurrency: 1, ..Limits::NONE };
    let queue: WorkQueue<Number> = WorkQueue::new("test", &Metrics::new(), limits);
    queue.add(key(1), Priority::Live);
    queue.add(key(2), Priority::Live);
    let job = queue.take().await.unwrap();
    let waiting = tokio::spawn({
        let queue = queue.clone();
        async move { queue.take().await.is_none() }
    });
    tokio::task::yield_now().await;
    queue.shut_down();
    assert!(waiting.await.unwrap());
    job.finish(Outcome::Settled);
    queue.drained().await;
}
