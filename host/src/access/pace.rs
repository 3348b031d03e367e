//! How much of something may come in a time, with a burst: the generic cell rate algorithm (ITU-T I.371), which needs one
//! instant of memory.

use std::time::Duration;

use tokio::time::Instant;

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    each: Duration,
    ahead: Duration,
    /// When all that has come would have come at an even pace.
    until: Option<Instant>,
}

impl Pace {
    /// One unit in every `each`, and `burst` units at once after a rest.
    pub(crate) const fn new(burst: u32, each: Duration) -> Self {
        Self { each, ahead: each.saturating_mul(burst), until: None }
    }

    /// So many units have come: gives the time to wait before more may.
    pub(crate) fn take(&mut self, now: Instant, units: u32) -> Duration {
        let from = self.until.map_or(now, |until| until.max(now));
        let until = from + self.each.saturating_mul(units);
        self.until = Some(until);
        until.duration_since(now).saturating_sub(self.ahead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_burst_it_goes_evenly() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut pace = Pace::new(3, second);
        let waits: Vec<_> = (0..5).map(|_| pace.take(start, 1)).collect();
        assert_eq!(waits, [Duration::ZERO, Duration::ZERO, Duration::ZERO, second, second * 2]);
        assert_eq!(pace.take(start + second * 3, 1), Duration::ZERO);
        assert_eq!(pace.take(start + second * 100, 4), second, "a rest does not add up to more than a burst");
    }
}
