//! What time it is: tokio's clock, which tests pause, begun at a time of the calendar.

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// A clock that runs as tokio's does.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    begun: Timestamp,
    origin: Instant,
}

impl Clock {
    /// A clock that shows a time now.
    pub fn showing(now: Timestamp) -> Self {
        Self { begun: now, origin: Instant::now() }
    }

    /// What it shows.
    pub fn now(&self) -> Timestamp {
        let since = SignedDuration::try_from(self.origin.elapsed()).unwrap_or(SignedDuration::MAX);
        self.begun.saturating_add(since).unwrap_or(Timestamp::MAX)
    }

    /// When it will show a time.
    pub fn instant(&self, time: Timestamp) -> Instant {
        let until = std::time::Duration::try_from(time.duration_since(self.begun)).unwrap_or_default();
        self.origin + until
    }
}
