//! Namespaces: their finalizers, which are content, and their phase.
//!
//! Facts: `ValidateNamespace`, `ValidateNamespaceStatusUpdate` and `ValidateNamespaceFinalizeUpdate` of
//! `pkg/apis/core/validation/validation.go`.

use super::{Causes, values};
use crate::causes::invalid;
use crate::content::Object;
use crate::content::place::Place;

/// `spec.finalizers`. A write of the namespace itself does not say which one is wrong.
pub(super) fn finalizers(namespace: &Object, with_place: bool, causes: &mut Causes) {
    let finalizers = Place::of(namespace, "spec").child("finalizers");
    for finalizer in finalizers.items() {
        let finalizer = if with_place { finalizer } else { finalizer.told(finalizers.path()) };
        values::qualified(&finalizer, causes);
        let name = finalizer.text();
        if !name.contains('/') && !matches!(name, "kubernetes" | "orphan" | "foregroundDeletion") {
            let why = "name is neither a standard finalizer name nor is it fully qualified";
            causes.push(invalid(finalizer.path(), name, why));
        }
    }
}

/// `status.phase`.
pub(super) fn phase(namespace: &Object, causes: &mut Causes) {
    let phase = Place::of(namespace, "status").child("phase").text();
    let (expected, why) = if Place::of(namespace, "metadata").child("deletionTimestamp").is_said() {
        ("Terminating", "may only be 'Terminating' if `deletionTimestamp` is not empty")
    } else {
        ("Active", "may only be 'Active' if `deletionTimestamp` is empty")
    };
    if phase != expected {
        causes.push(invalid("status.Phase", phase, why));
    }
}
