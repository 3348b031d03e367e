//! What goes because it is no longer applied (`merge/update.go`, `prune`).

use serde_json::Value;

use super::super::describe::fields_of;
use super::super::remove::remove;
use super::super::set::FieldSet;
use super::super::shape::Shape;

/// The object without the fields, list items and map keys that the applier owned the last time, does not apply any more, and
/// nobody else owns. `None`: nothing goes. `owned` is what all own, what is applied now among it.
pub(super) fn prune(shape: &Shape, merged: &Value, last: &FieldSet<'_>, owned: &FieldSet<'_>) -> Option<Value> {
    let parents = |set: FieldSet<'_>| set.with_declared_parents(shape.types(), Some(shape.root())).into_owned();
    let all = parents(fields_of(shape, merged));
    let last = parents(last.clone());
    let pruned = remove(shape, merged, &last);

    // What others own comes back, with what is in it.
    let kept = parents(fields_of(shape, &pruned)).union(parents(owned.clone()));
    let pruned = remove(shape, merged, &all.clone().difference(&kept));

    // So does what the applier did not own.
    let gone = all.difference(&parents(fields_of(shape, &pruned))).intersection(&last);
    (!gone.is_empty()).then(|| remove(shape, merged, &gone))
}
