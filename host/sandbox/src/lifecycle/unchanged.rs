//! Updates that change nothing (`endpoints/handlers/fieldmanager/equality.go`, `GuaranteedUpdate` of `etcd3/store.go`).

use serde_json::Value;

use super::metadata::{self, Metadata, Object};
use crate::status::Failure;

/// If nothing but times in the managed fields changed, makes them what they were, so that nothing is written.
pub(super) fn keep_times(new: &mut Object, old: &Object) -> Result<(), Failure> {
    let (Some(new_fields), Some(old_fields)) = (managed(new), managed(old)) else { return Ok(()) };
    let differ_in_time = |(new, old): (&Value, &Value)| new.get("time") != old.get("time");
    let same_but_time = |(new, old): (&Value, &Value)| match (new.as_object(), old.as_object()) {
        (Some(new), Some(old)) => same_but(new, old, "time"),
        _ => new == old,
    };
    if new_fields.len() != old_fields.len()
        || !new_fields.iter().zip(old_fields).any(differ_in_time)
        || !new_fields.iter().zip(old_fields).all(same_but_time)
        || !same_but_managed_fields(new, old)
    {
        return Ok(());
    }
    let kept = old_fields.clone();
    metadata::of_mut(new)?.insert("managedFields".to_owned(), Value::Array(kept));
    Ok(())
}

fn managed(object: &Object) -> Option<&Vec<Value>> {
    Metadata::of(object).get("managedFields").and_then(Value::as_array).filter(|fields| !fields.is_empty())
}

fn same_but_managed_fields(new: &Object, old: &Object) -> bool {
    same_but(new, old, "metadata")
        && match (new.get("metadata"), old.get("metadata")) {
            (Some(Value::Object(new)), Some(Value::Object(old))) => same_but(new, old, "managedFields"),
            _ => false,
        }
}

/// Whether all but one field are the same.
fn same_but(new: &Object, old: &Object, but: &str) -> bool {
    let others = |object: &'_ Object| object.iter().filter(|(field, _)| *field != but).count();
    others(new) == others(old)
        && new.iter().filter(|(field, _)| *field != but).all(|(field, value)| old.get(field) == Some(value))
}
