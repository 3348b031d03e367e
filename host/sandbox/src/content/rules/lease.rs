//! Leases.
//!
//! Facts: `ValidateLeaseSpec` of `pkg/apis/coordination/validation/validation.go`. Coordinated election is off, so that what
//! asks for it was dropped by [defaults](crate::content::default()).

use super::{Causes, values};
use crate::content::Object;
use crate::content::place::Place;

/// A Lease.
pub(super) fn lease(lease: &Object, causes: &mut Causes) {
    let spec = Place::of(lease, "spec");
    let seconds = spec.child("leaseDurationSeconds");
    if seconds.is_said() && seconds.number() <= 0 {
        causes.push(values::shown(&seconds, "must be greater than 0"));
    }
    values::not_negative(&spec.child("leaseTransitions"), causes);
}
