//! --verify-determinism: is a hook a function of its input?
//!
//! Everything that is kept, recorded or replayed stands on it. So a call is made again with the same input, and once more at
//! another time before the deadline that the outcome named: the outcome may depend on `now` through that deadline only, and
//! on `attempt` not at all.

use std::time::Duration;

use berthage_core::plugin::Next;
use berthage_core::pointer;

use super::Hook;
use super::error::Failure;
use super::kept::Outcome;

/// By how much a call is later than the time of its input, and whether it is a repeated one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Shift {
    pub(super) later: Duration,
    pub(super) attempts: u32,
}

/// Where an outcome names no deadline: into another year, past whatever a calendar knows.
const LONG: Duration = Duration::from_hours(24 * 400);

/// Asks again, and blames the plugin for any difference.
pub(super) fn verify<T: Outcome>(
    hook: Hook,
    first: &T,
    ask: impl Fn(Shift) -> Result<T, Failure>,
) -> Result<(), Failure> {
    let differs = |asked, place| Err(Failure::NotDeterministic { hook, asked, place });
    if let Some(place) = difference(first, &ask(Shift::default())?) {
        return differs("the same input", place);
    }
    let later = match first.after() {
        Next::Settled | Next::Invalid { .. } => LONG,
        Next::AgainAfter(milliseconds) => Duration::from_millis(milliseconds / 2),
        // Asked for again in any case.
        Next::WaitingFor(_) | Next::Retry { .. } => return Ok(()),
    };
    let again = ask(Shift { later, attempts: 1 })?;
    let again = match (first.after(), again.after()) {
        // How long it is until the deadline, and a deadline that moves along, both differ.
        (Next::AgainAfter(_), Next::AgainAfter(_)) => again.with_after(first.after().clone()),
        _ => again,
    };
    match difference(first, &again) {
        Some(place) => differs("another `now` and `attempt`", place),
        None => Ok(()),
    }
}

/// The first place in which two outcomes differ, as a JSON pointer. Never what is there: an outcome may be of a tenant.
fn difference<T: Outcome>(a: &T, b: &T) -> Option<String> {
    if a == b {
        return None;
    }
    let place = match (serde_json::to_value(a), serde_json::to_value(b)) {
        (Ok(a), Ok(b)) => pointer::first_difference(&a, &b).unwrap_or_default(),
        _ => String::new(),
    };
    Some(if place.is_empty() { "/".to_owned() } else { place })
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use berthage_core::plugin::{PlanOutcome, ReportOutcome, Selection};
    use serde_json::{Value, json};

    use super::*;

    fn said(after: Next) -> ReportOutcome {
        ReportOutcome { conditions: vec![], notes: vec![], after }
    }

    fn plan(object: Value) -> PlanOutcome {
        let (renders, objects) = (vec![], vec![object]);
        PlanOutcome { renders, objects, hold: false, conditions: vec![], notes: vec![], after: Next::Settled }
    }

    /// Verifies `first`, of a plugin that answers with the others after it; also returns the shifts it was asked with.
    fn verified<T: Outcome>(first: &T, others: &[T]) -> (Result<(), Failure>, Vec<Shift>) {
        let shifts = RefCell::new(Vec::new());
        let result = verify(Hook::Plan, first, |shift| {
            shifts.borrow_mut().push(shift);
            Ok(others[shifts.borrow().len() - 1].clone())
        });
        (result, shifts.into_inner())
    }

    fn blamed(result: Result<(), Failure>) -> (&'static str, String) {
        match result {
            Err(Failure::NotDeterministic { hook: Hook::Plan, asked, place }) => (asked, place),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_same_answers_are_fine_at_all_times() {
        let outcome = plan(json!({"a": 1}));
        let (result, shifts) = verified(&outcome, &[outcome.clone(), outcome.clone()]);
        assert_eq!(result, Ok(()));
        assert_eq!(shifts, [Shift::default(), Shift { later: LONG, attempts: 1 }]);
        let selected = Vec::<Selection>::new();
        assert_eq!(verified(&selected, &[selected.clone(), selected.clone()]).0, Ok(()));
    }

    #[test]
    fn a_deadline_may_stay_or_move_along_but_not_pass() {
        let first = said(Next::AgainAfter(10_000));
        for left in [5_000, 10_000] {
            let (result, shifts) = verified(&first, &[first.clone(), said(Next::AgainAfter(left))]);
            assert_eq!(result, Ok(()));
            assert_eq!(shifts[1].later, Duration::from_secs(5));
        }
        let (asked, place) = blamed(verified(&first, &[first.clone(), said(Next::Settled)]).0);
        assert_eq!((asked, &*place), ("another `now` and `attempt`", "/after"));
        let (asked, _) = blamed(verified(&first, &[said(Next::AgainAfter(9_999))]).0);
        assert_eq!(asked, "the same input", "with the same time there is no reason for another deadline");
    }

    #[test]
    fn what_is_asked_for_again_in_any_case_need_not_hold_later() {
        let first = said(Next::WaitingFor(vec![]));
        assert_eq!(verified(&first, std::slice::from_ref(&first)).0, Ok(()));
        let other = said(Next::Settled);
        assert_eq!(blamed(verified(&first, &[other]).0).0, "the same input");
    }

    #[test]
    fn the_place_is_named_and_not_what_is_there() {
        let place = |a, b| blamed(verified(&plan(a), &[plan(b)]).0).1;
        assert_eq!(place(json!({"a/b": [1, "secret"]}), json!({"a/b": [1, "other"]})), "/objects/0/a~1b/1");
        assert_eq!(place(json!({"a": 1}), json!({"a": 1, "b": 2})), "/objects/0/b");
        assert_eq!(place(json!({"a": [1, 2]}), json!({"a": [1]})), "/objects/0/a/1");
        assert_eq!(place(json!(1), json!({})), "/objects/0");
    }

    #[test]
    fn a_failure_is_a_failure() {
        let failed = verify(Hook::Plan, &said(Next::Settled), |_| Err(Failure::Busy));
        assert_eq!(failed, Err(Failure::Busy));
    }
}
