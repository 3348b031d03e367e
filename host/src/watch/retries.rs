//! When a watch that failed is tried again.
//!
//! The delays grow from about a second to five, and begin anew after two quiet minutes. They follow from the name of the watch
//! instead of from chance, so that a simulation can be repeated. Five seconds, where client-go waits up to half a minute: the
//! first workspace that binds the APIExport waits for one of these, and what is asked of a cluster is bounded elsewhere (`access::pace`).
//!
//! kube resets its backoff at every event, and the beginning of a list is one: a list that always fails would be tried each
//! second for ever. Only time makes these delays short again.

use std::time::Duration;

use berthage_core::backoff::{Backoff, stable_hash};
use tokio::time::Instant;

const DELAYS: Backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(5) };
/// After so much time without a failure the next one is a first one.
const QUIET: Duration = Duration::from_mins(2);

/// The delays of one watch.
#[derive(Debug)]
pub(crate) struct Retries {
    seed: u64,
    failures: u32,
    last: Option<Instant>,
}

impl Retries {
    /// Of a watch that is named by these parts; different watches do not come together.
    pub(crate) fn of<'a>(name: impl IntoIterator<Item = &'a str>) -> Self {
        Self { seed: stable_hash(name), failures: 0, last: None }
    }
}

impl Iterator for Retries {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let now = Instant::now();
        if self.last.is_some_and(|last| now - last > QUIET) {
            self.failures = 0;
        }
        self.last = Some(now);
        self.failures = self.failures.saturating_add(1);
        Some(DELAYS.delay(self.seed, self.failures))
    }
}

impl kube::runtime::utils::Backoff for Retries {
    fn reset(&mut self) {}
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt as _, stream};
    use kube::runtime::WatchStreamExt as _;
    use kube::runtime::watcher::{self, Event};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn delays_grow_and_begin_anew_after_a_quiet_time() {
        let mut retries = Retries::of(["https://hub", "Targets"]);
        let first = retries.next().unwrap();
        assert!(first >= DELAYS.base / 4 && first <= DELAYS.base, "{first:?}");
        let later: Vec<Duration> = retries.by_ref().take(50).collect();
        assert!(later.iter().any(|delay| *delay > DELAYS.base) && later.iter().all(|delay| *delay <= DELAYS.cap));
        tokio::time::advance(QUIET + Duration::from_secs(1)).await;
        assert_eq!(retries.next(), Some(first));
        assert_ne!(retries.next(), Some(first));
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_that_always_fails_is_tried_less_and_less_often() {
        let failing = || watcher::Error::InitialListFailed(kube::Error::LinesCodecMaxLineLengthExceeded);
        // As kube's watcher says it: each list begins, and then fails.
        let lists = stream::iter((0..40).flat_map(|_| [Ok(Event::<()>::Init), Err(failing())]));
        let started = Instant::now();
        let events = lists.backoff(Retries::of(["https://hub", "Targets"])).count().await;
        assert_eq!(events, 80);
        let spent = Instant::now() - started;
        assert!(spent > DELAYS.cap * 40 / 3, "{spent:?}");
    }
}
