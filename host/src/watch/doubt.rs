//! What to make of a list that is empty and has no version.
//!
//! kcp's virtual workspaces answer so for a kind that no workspace of the shard has, and a kcp that starts answers so for
//! every kind. Taken at its word, the second would have every object forgotten, and finalizers taken off Secrets in use.

use std::time::Duration;

use tokio::time::Instant;

/// How long such an answer must have been the only one, where it contradicts what is held: longer than a kcp needs to start.
const STUBBORN: Duration = Duration::from_mins(10);

/// Of one watch: since when nothing but such answers has come.
#[derive(Default)]
pub(super) struct Doubt(Option<Instant>);

impl Doubt {
    /// Something else came.
    pub(super) const fn dispel(&mut self) {
        self.0 = None;
    }

    /// Such an answer came. Whether it is to be believed: nothing is lost by it, or it has been repeated for long enough.
    pub(super) fn believes(&mut self, now: Instant, contradicted: bool) -> bool {
        let since = *self.0.get_or_insert(now);
        !contradicted || now.duration_since(since) >= STUBBORN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_contradicts_is_believed_only_when_it_was_the_only_answer_for_long() {
        let now = Instant::now();
        let mut doubt = Doubt::default();
        assert!(doubt.believes(now, false));
        doubt.dispel();
        assert!(!doubt.believes(now, true));
        assert!(!doubt.believes(now + STUBBORN / 2, true));
        doubt.dispel();
        assert!(!doubt.believes(now + STUBBORN, true), "something else came in between");
        assert!(doubt.believes(now + STUBBORN * 2, true));
    }
}
