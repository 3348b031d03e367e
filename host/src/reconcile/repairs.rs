//! When targets were repaired lately, to tell a fight from a repair.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use berthage_core::key::Key;
use jiff::Timestamp;

/// Repairs within [`WINDOW`] after which it is a fight.
const FIGHT: usize = 5;
/// How long a repair counts.
const WINDOW: Duration = Duration::from_secs(600);
/// How often it is repaired in a fight.
const PACE: Duration = Duration::from_secs(60);

/// Times of repairs, by target. At most [`FIGHT`] are kept of each.
#[derive(Default)]
pub struct Repairs(Mutex<HashMap<Key, Vec<Timestamp>>>);

impl Repairs {
    /// A target was repaired.
    pub(crate) fn note(&self, key: &Key, now: Timestamp) {
        let mut repairs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        repairs.retain(|_, times| times.last().is_some_and(|last| age(*last, now) < WINDOW));
        let times = repairs.entry(key.clone()).or_default();
        times.push(now);
        if times.len() > FIGHT {
            times.remove(0);
        }
    }

    /// How long the next repair has to wait, if this is a fight.
    pub(crate) fn hold_back(&self, key: &Key, now: Timestamp) -> Option<Duration> {
        let repairs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let times = repairs.get(key)?;
        let recent = times.iter().filter(|time| age(**time, now) < WINDOW).count();
        let since = age(*times.last()?, now);
        (recent >= FIGHT && since < PACE).then(|| PACE.saturating_sub(since))
    }
}

fn age(time: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(time)).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use berthage_core::key::Workspace;

    #[test]
    fn a_few_repairs_are_none_and_many_are_a_fight() {
        let (repairs, key) = (Repairs::default(), Key::target(&Workspace::local(), "edge"));
        let at = |second| Timestamp::from_second(second).unwrap();
        for second in 0..4 {
            repairs.note(&key, at(second));
            assert_eq!(repairs.hold_back(&key, at(second)), None);
        }
        repairs.note(&key, at(4));
        assert_eq!(repairs.hold_back(&key, at(14)), Some(Duration::from_secs(50)));
        assert_eq!(repairs.hold_back(&key, at(64)), None, "once a minute it is repaired all the same");
        assert_eq!(repairs.hold_back(&Key::target(&Workspace::new("b"), "edge"), at(14)), None);
        assert_eq!(repairs.hold_back(&key, at(700)), None);
    }
}
