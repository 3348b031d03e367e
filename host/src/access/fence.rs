//! The fence: no request is started after leadership has ended, and each ends before it would.
//!
//! Leader election moves the fence; the clients that write ask it before every request, and their connections before every
//! write to the network (`tcp`). The election's own client and the informers of a standby have none.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Leadership is not held, or is about to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this replica is not the leader: the request was not sent")]
pub struct Fenced;

/// Until when requests may be sent. Clones share one state; reading it costs one atomic load.
#[derive(Debug, Clone)]
pub struct Fence {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Deadlines are kept in nanoseconds from here.
    origin: Instant,
    /// [`CLOSED`], [`OPEN`], or the deadline.
    state: AtomicU64,
}

const CLOSED: u64 = 0;
const OPEN: u64 = u64::MAX;

impl Fence {
    /// A fence that admits everything: there is only one replica and no election.
    pub fn open() -> Self {
        Self::with(OPEN)
    }

    /// A fence that admits nothing until [`Self::until`] is called.
    pub fn closed() -> Self {
        Self::with(CLOSED)
    }

    fn with(state: u64) -> Self {
        Self { inner: Arc::new(Inner { origin: Instant::now(), state: AtomicU64::new(state) }) }
    }

    /// Leadership is held until `deadline`: to be called after each renewal, with the time at which the renewal was *sent*
    /// plus the lease's renew deadline.
    pub fn until(&self, deadline: Instant) {
        let nanos = deadline.saturating_duration_since(self.inner.origin).as_nanos();
        let nanos = u64::try_from(nanos).unwrap_or(OPEN - 1).clamp(CLOSED + 1, OPEN - 1);
        self.inner.state.store(nanos, Ordering::Release);
    }

    /// Leadership has ended.
    pub fn close(&self) {
        self.inner.state.store(CLOSED, Ordering::Release);
    }

    /// How much time a request has that is sent at `now`: [`Duration::MAX`] without an election.
    pub fn admit(&self, now: Instant) -> Result<Duration, Fenced> {
        match self.inner.state.load(Ordering::Acquire) {
            CLOSED => Err(Fenced),
            OPEN => Ok(Duration::MAX),
            nanos => {
                let left = (self.inner.origin + Duration::from_nanos(nanos)).saturating_duration_since(now);
                if left.is_zero() { Err(Fenced) } else { Ok(left) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_passes_by_itself_and_moves_with_renewals() {
        let fence = Fence::closed();
        let start = Instant::now();
        assert_eq!(fence.admit(start), Err(Fenced));
        fence.until(start + Duration::from_secs(10));
        assert_eq!(fence.admit(start), Ok(Duration::from_secs(10)));
        assert_eq!(fence.admit(start + Duration::from_secs(4)), Ok(Duration::from_secs(6)));
        assert_eq!(fence.admit(start + Duration::from_secs(10)), Err(Fenced));
        let shared = fence.clone();
        shared.until(start + Duration::from_secs(20));
        assert_eq!(fence.admit(start + Duration::from_secs(10)), Ok(Duration::from_secs(10)));
        shared.close();
        assert_eq!(fence.admit(start), Err(Fenced));
    }

    #[tokio::test(start_paused = true)]
    async fn without_an_election_there_is_no_limit() {
        assert_eq!(Fence::open().admit(Instant::now()), Ok(Duration::MAX));
    }
}
