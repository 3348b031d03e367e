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
pub struct Repairs(Mutex<HashMap<Key, Repaired>>);

/// A target that was repaired. Another one under its name begins anew.
struct Repaired {
    uid: Box<str>,
    times: Vec<Timestamp>,
}

impl Repairs {
    /// A target was repaired.
    pub(crate) fn note(&self, key: &Key, uid: &str, now: Timestamp) {
        let mut repairs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        repairs.retain(|_, repaired| repaired.times.last().is_some_and(|last| age(*last, now) < WINDOW));
        let repaired = repairs.entry(key.clone()).or_insert_with(|| Repaired { uid: uid.into(), times: Vec::new() });
        if *repaired.uid != *uid {
            *repaired = Repaired { uid: uid.into(), times: Vec::new() };
        }
        let times = &mut repaired.times;
        times.push(now);
        if times.len() > FIGHT {
            times.remove(0);
        }
    }

    /// How long the next repair has to wait, if this is a fight.
    pub(crate) fn hold_back(&self, key: &Key, uid: &str, now: Timestamp) -> Option<Duration> {
        let repairs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let times = &repairs.get(key).filter(|repaired| *repaired.uid == *uid)?.times;
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
            repairs.note(&key, "u", at(second));
            assert_eq!(repairs.hold_back(&key, "u", at(second)), None);
        }
        repairs.note(&key, "u", at(4));
        assert_eq!(repairs.hold_back(&key, "u", at(14)), Some(Duration::from_secs(50)));
        assert_eq!(repairs.hold_back(&key, "u", at(64)), None, "once a minute it is repaired all the same");
        assert_eq!(repairs.hold_back(&Key::target(&Workspace::new("b"), "edge"), "u", at(14)), None);
        assert_eq!(repairs.hold_back(&key, "another", at(14)), None, "of that name there is another one now");
        assert_eq!(repairs.hold_back(&key, "u", at(700)), None);
    }

    #[test]
    fn another_target_under_the_name_begins_anew() {
        let (repairs, key) = (Repairs::default(), Key::target(&Workspace::local(), "edge"));
        for _ in 0..5 {
            repairs.note(&key, "before", Timestamp::UNIX_EPOCH);
        }
        repairs.note(&key, "after", Timestamp::UNIX_EPOCH);
        assert_eq!(repairs.hold_back(&key, "after", Timestamp::UNIX_EPOCH), None);
    }
}
