//! Conditions on their way into a status: drafts without a time, merged into what was there before.

use jiff::Timestamp;

use crate::api::{Condition, ConditionStatus};
use crate::reason::Reason;

/// The longest message of a condition, in bytes. The API server allows 32 KiB; nobody reads more than this.
pub const MAX_MESSAGE: usize = 4096;

/// A condition as one reconcile sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Type.
    pub kind: String,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// Why.
    pub reason: String,
    /// For people.
    pub message: String,
}

impl Draft {
    /// A condition of berthage's own.
    pub fn new(kind: &str, status: ConditionStatus, reason: Reason, message: impl Into<String>) -> Self {
        Self { kind: kind.to_owned(), status, reason: reason.as_str().to_owned(), message: message.into() }
    }

    /// Whether its status is True.
    pub fn holds(&self) -> bool {
        self.status == ConditionStatus::True
    }
}

/// The condition of that type.
pub fn find<'a>(conditions: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == kind)
}

/// New conditions from drafts: `lastTransitionTime` moves only when the status does, and conditions of ours that have no
/// draft any more go away. The order is that of the drafts, so that the same drafts give the same bytes.
pub fn merge(old: &[Condition], drafts: &[Draft], generation: Option<i64>, now: Timestamp) -> Vec<Condition> {
    drafts
        .iter()
        .map(|draft| {
            let before = find(old, &draft.kind);
            let since = match before {
                Some(condition) if condition.status == draft.status => condition.last_transition_time,
                _ => whole_seconds(now),
            };
            // I6: a reconcile that worked on an older copy must not take the observed generation back.
            let generation = generation.max(before.and_then(|condition| condition.observed_generation));
            Condition {
                type_: draft.kind.clone(),
                status: draft.status,
                observed_generation: generation,
                last_transition_time: since,
                reason: draft.reason.clone(),
                message: bounded(&draft.message),
            }
        })
        .collect()
}

/// `metav1.Time` has whole seconds; a fraction would come back as another value and look like a change.
pub fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// A message within its bounds: no control characters but newlines, at most [`MAX_MESSAGE`] bytes.
pub fn bounded(message: &str) -> String {
    let mut out = String::with_capacity(message.len().min(MAX_MESSAGE));
    for character in message.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }) {
        if out.len() + character.len_utf8() > MAX_MESSAGE - '…'.len_utf8() {
            out.push('…');
            break;
        }
        out.push(character);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_transition_time_moves_only_with_the_status() {
        let draft = |status, message: &str| vec![Draft::new("Ready", status, Reason::AsExpected, message)];
        let first = merge(&[], &draft(ConditionStatus::True, "a"), Some(1), at(10));
        let second = merge(&first, &draft(ConditionStatus::True, "b"), Some(2), at(20));
        assert_eq!(second[0].last_transition_time, at(10));
        assert_eq!((second[0].message.as_str(), second[0].observed_generation), ("b", Some(2)));
        let third = merge(&second, &draft(ConditionStatus::False, "b"), Some(2), at(30));
        assert_eq!(third[0].last_transition_time, at(30));
    }

    #[test]
    fn the_observed_generation_never_goes_back() {
        let drafts = vec![Draft::new("Ready", ConditionStatus::True, Reason::AsExpected, "")];
        let new = merge(&[], &drafts, Some(5), at(1));
        assert_eq!(merge(&new, &drafts, Some(4), at(2))[0].observed_generation, Some(5));
    }

    #[test]
    fn messages_are_bounded_and_clean() {
        assert_eq!(bounded("a\u{1b}[31m\tb\nc"), "a [31m b\nc");
        let long = bounded(&"ä".repeat(MAX_MESSAGE));
        assert!(long.len() <= MAX_MESSAGE && long.ends_with('…'));
    }
}
