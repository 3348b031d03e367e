//! Every decision once, and its invariants for all inputs.

use proptest::prelude::*;

use super::*;
use crate::api::ConditionStatus;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn status(serial: &str, life: i64) -> CredentialStatus {
    CredentialStatus {
        type_: CredentialType::ClientCertificate,
        serial: serial.to_owned(),
        profile: "p".to_owned(),
        issued_at: at(0),
        expires_at: at(life),
        previous_serial: None,
    }
}

const WANTED: Wanted<'static> = Wanted { type_: CredentialType::ClientCertificate, profile: "p" };

fn action(current: Option<&CredentialStatus>, wanted: Wanted<'_>, lost: bool, now: Timestamp) -> Action {
    decide(current, wanted, Seen { lost, ..Seen::default() }, "uid", now).action
}

#[test]
fn each_reason_to_renew() {
    let current = status("a", 1000);
    assert_eq!(action(None, WANTED, false, at(0)), Action::Renew(Why::First));
    assert_eq!(action(Some(&current), WANTED, true, at(1)), Action::Renew(Why::Lost));
    assert_eq!(action(Some(&current), WANTED, false, at(1000)), Action::Renew(Why::Expired));
    assert_eq!(action(Some(&current), Wanted { profile: "q", ..WANTED }, false, at(1)), Action::Renew(Why::Changed));
    let token = Wanted { type_: CredentialType::ServiceAccountToken, ..WANTED };
    assert_eq!(action(Some(&current), token, false, at(1)), Action::Renew(Why::Changed));
    assert_eq!(action(Some(&current), WANTED, false, at(740)), Action::Renew(Why::Due));
    let renew_at = renew_at(&current, "uid");
    assert_eq!(action(Some(&current), WANTED, false, at(1)), Action::Keep { renew_at });
    assert_eq!(action(Some(&current), WANTED, false, renew_at), Action::Renew(Why::Due));
}

#[test]
fn the_previous_one_is_forgotten_when_the_syncer_reports_the_present_one() {
    let mut current = status("b", 1000);
    let decide = |current: &CredentialStatus, reported: Option<&str>| {
        decide(Some(current), WANTED, Seen { reported_serial: reported, lost: false }, "uid", at(1)).forget_previous
    };
    assert!(!decide(&current, Some("b")), "there is none");
    current.previous_serial = Some("a".to_owned());
    assert!(!decide(&current, None));
    assert!(!decide(&current, Some("a")));
    assert!(decide(&current, Some("b")));
}

#[test]
fn a_successor_remembers_what_the_syncer_may_still_use() {
    let seen = |serial| Seen { reported_serial: serial, lost: false };
    let (first, unused) = succeed(None, status("a", 1), seen(None));
    assert_eq!((first.previous_serial.as_deref(), unused), (None, None));
    let (second, unused) = succeed(Some(&first), status("b", 1), seen(Some("a")));
    assert_eq!((second.previous_serial.as_deref(), unused), (Some("a"), None));
    let (third, unused) = succeed(Some(&second), status("c", 1), seen(Some("a")));
    assert_eq!((third.previous_serial.as_deref(), unused.as_deref()), (Some("a"), Some("b")), "b was never used");
    let (third, unused) = succeed(Some(&second), status("c", 1), seen(Some("b")));
    assert_eq!((third.previous_serial.as_deref(), unused.as_deref()), (Some("b"), Some("a")), "a is used no more");
}

#[test]
fn the_condition_tells_valid_rotating_failed_and_expired() {
    let mut current = status("a", 1000);
    let facts = |finding: Finding| (finding.status, finding.reason);
    let failed = |current: Option<&CredentialStatus>, now| {
        facts(finding_of_failure(current, Reason::CaNotTrusted, "the hub does not trust the CA", now))
    };
    assert_eq!(facts(finding(None, at(0))), (ConditionStatus::Unknown, Reason::NotYetKnown));
    assert_eq!(facts(finding(Some(&current), at(0))), (ConditionStatus::True, Reason::AsExpected));
    assert_eq!(failed(None, at(0)), (ConditionStatus::False, Reason::CaNotTrusted));
    assert_eq!(failed(Some(&current), at(0)), (ConditionStatus::True, Reason::RenewalFailed));
    assert_eq!(failed(Some(&current), at(1000)), (ConditionStatus::False, Reason::CredentialExpired));
    assert_eq!(facts(finding(Some(&current), at(1000))), (ConditionStatus::False, Reason::CredentialExpired));
    current.previous_serial = Some("z".to_owned());
    assert_eq!(facts(finding(Some(&current), at(0))), (ConditionStatus::True, Reason::Rotating));
}

#[test]
fn a_life_of_no_length_is_over_at_once() {
    let mut current = status("a", 0);
    assert_eq!(action(Some(&current), WANTED, false, at(0)), Action::Renew(Why::Expired));
    current.expires_at = at(-10);
    assert_eq!(renew_at(&current, "uid"), at(0));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn renewal_is_within_its_bounds_and_always_the_same(serial in ".{0,40}", uid in ".{0,40}", life in 600_i64..400 * 86_400) {
        let current = status(&serial, life);
        let moment = renew_at(&current, &uid);
        prop_assert_eq!(moment, renew_at(&current, &uid));
        let passed = moment.duration_since(current.issued_at).as_millis();
        let life = i128::from(life) * 1000;
        prop_assert!(passed * 100 >= life * 60 && passed * 100 <= life * 74, "{passed} of {life}");
    }

    #[test]
    fn what_was_just_made_is_kept(serial in "[a-z]{1,8}", life in 600_i64..400 * 86_400, reported in "[a-z]{0,8}", start in 0_i64..1_000_000) {
        let mut new = status(&serial, 0);
        (new.issued_at, new.expires_at) = (at(start), at(start + life));
        let seen = Seen { reported_serial: Some(&reported), lost: false };
        let old = status("old", 1);
        let (new, _) = succeed(Some(&old), new, seen);
        let kept = matches!(decide(Some(&new), WANTED, seen, "uid", at(start)).action, Action::Keep { renew_at } if renew_at > at(start));
        prop_assert!(kept);
    }

    #[test]
    fn a_renewal_that_is_due_stays_due(serial in "[a-z]{1,8}", life in 600_i64..100_000, later in 0_i64..200_000) {
        let current = status(&serial, life);
        let moment = renew_at(&current, "uid");
        let after = moment.checked_add(SignedDuration::from_secs(later)).unwrap();
        prop_assert!(matches!(action(Some(&current), WANTED, false, after), Action::Renew(_)));
        let before = moment.checked_sub(SignedDuration::from_millis(1)).unwrap();
        let kept = matches!(action(Some(&current), WANTED, false, before), Action::Keep { .. });
        prop_assert!(kept);
    }
}
