//! What was said of a watch that fails: the same is not said again with every try.

use std::time::Duration;

use tokio::time::Instant;

/// What lasts is said again after so long.
const AGAIN: Duration = Duration::from_mins(10);
/// After so much time without a failure the next one is a new one.
const QUIET: Duration = Duration::from_mins(2);

/// The last thing that was said, and when.
#[derive(Debug, Default)]
pub(crate) struct Told {
    said: String,
    /// When it was said, and when it was last so.
    times: Option<(Instant, Instant)>,
}

impl Told {
    /// Whether this is to be said: it is another thing, the same as long ago, or has lasted.
    pub(crate) fn is_new(&mut self, said: &str) -> bool {
        let now = Instant::now();
        let known = self.times.filter(|(told, last)| {
            self.said == said && now.duration_since(*told) < AGAIN && now.duration_since(*last) < QUIET
        });
        self.times = Some((known.map_or(now, |(told, _)| told), now));
        if known.is_none() {
            said.clone_into(&mut self.said);
        }
        known.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_same_is_new_once_until_it_has_lasted_or_was_over() {
        let mut told = Told::default();
        let new = ["403", "403", "404", "404", "403"].map(|said| told.is_new(said));
        assert_eq!(new, [true, false, true, false, true]);
        tokio::time::advance(QUIET + Duration::from_secs(1)).await;
        assert!(told.is_new("403"), "it was over");
        let mut times = 0;
        for _ in 0..25 {
            tokio::time::advance(Duration::from_mins(1)).await;
            times += usize::from(told.is_new("403"));
        }
        assert_eq!(times, 2, "every ten minutes");
    }
}
