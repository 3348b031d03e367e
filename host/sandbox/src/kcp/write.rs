//! Writes of kcp itself, which go through its own admission as everybody's do.

use serde_json::Value;

use super::admission::{self, Request};
use super::json::{Object, text};
use crate::access::user::{MASTERS, User};
use crate::lifecycle::{DeleteOptions, Subresource};
use crate::status::Failure;
use crate::world::{Named, Place, World, Writer, Written};

/// The field manager of everything that kcp writes.
const KCP: Writer<'_> = Writer { manager: "kcp", dry_run: false, put: false, apply: false };

/// Who kcp is to itself.
fn user() -> User {
    User::new("system:apiserver", [MASTERS])
}

/// Adds an object.
pub(crate) fn create(
    world: &mut World,
    place: Place<'_>,
    [group, plural]: [&str; 2],
    object: Object,
) -> Result<Written, Failure> {
    let serving = world.stored(place.cluster, group, plural).ok_or_else(Failure::no_such_path)?;
    let mut object = match serving.version() {
        Some(version) => {
            let mut value = Value::Object(object);
            version.default(&mut value);
            if let Value::Object(object) = value { object } else { Object::new() }
        }
        None => object,
    };
    let name = text(&object, &["metadata", "name"]).to_owned();
    let user = user();
    let request = Request { user: &user, place, serving: &serving, subresource: Subresource::None, name: &name };
    admission::admit(world, &request, &mut object, None)?;
    world.create(&serving, place, object, &KCP)
}

/// Replaces an object, or its status, with one that differs.
pub(crate) fn put(world: &mut World, named: &Named<'_>, subresource: Subresource, new: &Object) -> Result<(), Failure> {
    let found = world.stored(named.cluster, named.group, named.plural);
    let serving = found.ok_or_else(Failure::no_such_path)?;
    let user = user();
    let request = Request { user: &user, place: named.place(), serving: &serving, subresource, name: named.name };
    world.update(&serving, named.place(), named.name, subresource, &KCP, &mut |world, old| {
        let mut new = new.clone();
        admission::admit(world, &request, &mut new, old)?;
        Ok(new)
    })?;
    Ok(())
}

/// Replaces the status of an object as it is now, if it differs.
pub(crate) fn put_status(world: &mut World, named: &Named<'_>, object: &Object, status: Object) -> Result<(), Failure> {
    let same = match object.get("status").and_then(Value::as_object) {
        Some(old) => *old == status,
        None => status.is_empty(),
    };
    if same {
        return Ok(());
    }
    let mut new = object.clone();
    new.insert("status".to_owned(), Value::Object(status));
    put(world, named, Subresource::Status, &new)
}

/// Deletes an object, and its dependents in the background.
pub(crate) fn delete(world: &mut World, named: &Named<'_>) -> Result<(), Failure> {
    let found = world.stored(named.cluster, named.group, named.plural);
    let serving = found.ok_or_else(Failure::no_such_path)?;
    let options = DeleteOptions { propagation_policy: Some("Background".to_owned()), ..DeleteOptions::default() };
    world.delete(&serving, named.place(), named.name, &options).map(drop)
}
