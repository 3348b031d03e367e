//! When the syncer's credential is kept, when it is renewed, and when its predecessor is let go.
//!
//! A credential is renewed at two thirds of its life, so that a third is left to reach a cluster that is away. The exact
//! moment is spread by a tenth to either side, the same for the same credential each time it is asked: ten thousand targets
//! that were made together are not renewed together, and a restart changes nothing.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::api::{CredentialStatus, CredentialType};
use crate::reason::Reason;
use crate::status::target::Finding;

/// The earliest and the latest moment of renewal, in ten-thousandths of the credential's life: 2/3 less and more a tenth.
const RENEWAL: (u64, u64) = (6_000, 7_333);

/// What the credential should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// Its kind; `Auto` has been resolved.
    pub type_: CredentialType,
    /// Hash of everything else that the kubeconfig says: see [`CredentialStatus::profile`].
    pub profile: &'a str,
}

/// What is known about the present one besides its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen<'a> {
    /// The serial that the syncer reports to use.
    pub reported_serial: Option<&'a str>,
    /// It is known for certain that the physical cluster does not hold it any more. False while that is not known.
    pub lost: bool,
}

/// Why a credential is renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// There is none yet.
    First,
    /// The Secret in the physical cluster is gone, or holds something else.
    Lost,
    /// Its time is over.
    Expired,
    /// The kind, the hub's address or CA, or the wanted duration is another one now.
    Changed,
    /// Most of its time is over.
    Due,
}

/// What to do with the credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing until then.
    Keep {
        /// When it is to be renewed.
        renew_at: Timestamp,
    },
    /// Make a new one. The present one stays in use until that has worked.
    Renew(Why),
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// With the present credential.
    pub action: Action,
    /// The syncer uses the present one: the previous one can be revoked and forgotten.
    pub forget_previous: bool,
}

/// Decides for the target with `uid`.
pub fn decide(
    current: Option<&CredentialStatus>,
    wanted: Wanted<'_>,
    seen: Seen<'_>,
    uid: &str,
    now: Timestamp,
) -> Decision {
    let Some(current) = current else {
        return Decision { action: Action::Renew(Why::First), forget_previous: false };
    };
    let renew_at = renew_at(current, uid);
    let action = if seen.lost {
        Action::Renew(Why::Lost)
    } else if now >= current.expires_at {
        Action::Renew(Why::Expired)
    } else if current.type_ != wanted.type_ || current.profile != wanted.profile {
        Action::Renew(Why::Changed)
    } else if now >= renew_at {
        Action::Renew(Why::Due)
    } else {
        Action::Keep { renew_at }
    };
    let reported = seen.reported_serial == Some(current.serial.as_str());
    Decision { action, forget_previous: reported && current.previous_serial.is_some() }
}

/// When `current` is to be renewed: between 60 % and 73.33 % of its life, fixed by the target and the serial.
pub fn renew_at(current: &CredentialStatus, uid: &str) -> Timestamp {
    let (earliest, latest) = RENEWAL;
    let mut hasher = Sha256::new();
    hasher.update(uid.as_bytes());
    hasher.update([0]);
    hasher.update(current.serial.as_bytes());
    let digest = hasher.finalize();
    let random = digest.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let share = earliest + random % (latest - earliest + 1);
    let life = current.expires_at.duration_since(current.issued_at).as_millis().max(0);
    let millis = i64::try_from(life * i128::from(share) / 10_000).unwrap_or(i64::MAX);
    current.issued_at.checked_add(SignedDuration::from_millis(millis)).unwrap_or(current.expires_at)
}

/// A new credential takes the place of `current`. Also the serial that nobody uses any more, if there is one: a credential
/// that was replaced before the syncer ever reported it.
pub fn succeed(
    current: Option<&CredentialStatus>,
    mut new: CredentialStatus,
    seen: Seen<'_>,
) -> (CredentialStatus, Option<String>) {
    let Some(current) = current else { return (new, None) };
    let in_use = current.previous_serial.as_ref().filter(|_| seen.reported_serial != Some(current.serial.as_str()));
    let unused = if let Some(previous) = in_use {
        new.previous_serial = Some(previous.clone());
        Some(current.serial.clone())
    } else {
        new.previous_serial = Some(current.serial.clone());
        current.previous_serial.clone()
    };
    (new, unused)
}

/// What condition `CredentialsValid` says of the credential that is in the cluster.
pub fn finding(current: Option<&CredentialStatus>, now: Timestamp) -> Finding {
    let Some(current) = current else {
        return Finding::unknown(Reason::NotYetKnown, "No credential has been made for the syncer yet.");
    };
    let until = current.expires_at;
    if now >= until {
        let message =
            format!("The syncer's credential expired at {until}; a new one is made when the cluster is reached.");
        Finding::bad(Reason::CredentialExpired, message)
    } else if current.previous_serial.is_some() {
        let mut finding = Finding::good(format!(
            "A new credential is in the cluster, valid until {until}; the syncer does not report to use it yet."
        ));
        finding.reason = Reason::Rotating;
        finding
    } else {
        Finding::good(format!("The syncer's credential is valid until {until}."))
    }
}

/// What the condition says when a new credential could not be made: a valid one serves on.
pub fn finding_of_failure(
    current: Option<&CredentialStatus>,
    reason: Reason,
    problem: &str,
    now: Timestamp,
) -> Finding {
    match current {
        Some(current) if now < current.expires_at => {
            let until = current.expires_at;
            let mut finding = Finding::good(format!(
                "The syncer's credential could not be renewed: {problem}. The present one is valid until {until}."
            ));
            finding.reason = Reason::RenewalFailed;
            finding
        }
        Some(current) => {
            let until = current.expires_at;
            let message = format!("The syncer's credential expired at {until} and could not be renewed: {problem}.");
            Finding::bad(Reason::CredentialExpired, message)
        }
        None => Finding::bad(reason, format!("No credential could be made for the syncer: {problem}.")),
    }
}

#[cfg(test)]
#[path = "credential_tests.rs"]
mod tests;
