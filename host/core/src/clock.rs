//! What day it is, as a program is told: nothing here reads a clock. Durations are measured with tokio's clock, which tests
//! pause; this one is for what is written down: ages, expiry dates, times of transitions.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

/// A calendar clock. Clones show the same time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// One that shows what `now` says: `Timestamp::now` for the machine's. Simulations have others, whose days pass in seconds
    /// and which go wrong on purpose.
    pub fn showing(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// What it shows.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}
