//! Updating (`rest/update.go`, `Store.Update` of `registry/store.go`, the strategies' `PrepareForUpdate`).

use std::num::IntErrorKind;

use serde_json::{Value, json};

use super::checks::{self, Rules};
use super::definitions;
use super::generation;
use super::kind::{Deleting, Kind, Status};
use super::metadata::{self, Metadata, Object};
use super::namespaces;
use super::pods;
use super::receive;
use super::unchanged;
use crate::causes;
use crate::status::Failure;

/// What part of an object is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subresource {
    /// The object itself.
    None,
    /// `/status`.
    Status,
    /// `/finalize` of a namespace.
    Finalize,
}

/// A PUT or a PATCH.
#[derive(Debug, Clone, Copy)]
pub struct Update<'a> {
    /// Of what kind.
    pub kind: &'a Kind<'a>,
    /// In which namespace; empty for kinds without.
    pub namespace: &'a str,
    /// Of which object.
    pub name: &'a str,
    /// Of which part.
    pub subresource: Subresource,
    /// It is a PUT: a uid in it is a condition. In what a patch made it is only compared.
    pub put: bool,
    /// The key in etcd, see [`super::storage_key()`].
    pub key: &'a str,
}

/// What is to be done for an update.
#[derive(Debug, Clone, PartialEq)]
pub enum Updated {
    /// To write this.
    Write(Object),
    /// Nothing: nothing changed. The answer is the present object.
    Same,
    /// To remove the object: it was being deleted, and its last finalizer went. The answer is this, with its old resource
    /// version; watches are told the present state.
    Remove(Object),
}

/// Decides. What a client sent has been [received](super::receive_updated), and `new` is that, or what the patch made of
/// `old`, defaulted, with managed fields, and admitted.
pub fn update(request: &Update<'_>, mut new: Object, old: &Object, rules: &dyn Rules) -> Result<Updated, Failure> {
    let kind = request.kind;
    if request.put {
        precondition(request, Metadata::of(&new).text("uid"), Metadata::of(old).text("uid"))?;
    }
    version(request, &mut new, old)?;
    receive::settle(kind, request.namespace, &mut new)?;
    let old_metadata = old.get("metadata").and_then(Value::as_object);
    metadata::keep(metadata::of_mut(&mut new)?, old_metadata, "generation");
    prepare(request, &mut new, old)?;
    keep(metadata::of_mut(&mut new)?, old_metadata);

    let causes = checks::update(kind, request.subresource, &new, old, rules);
    Failure::if_wrong(kind.group, kind.kind, Metadata::of(&new).name(), causes)?;

    if kind.facts.deletion == Deleting::Namespace {
        namespaces::label(&mut new)?;
    }
    unchanged::keep_times(&mut new, old)?;
    Ok(if is_last_finalizer(kind, &new, old) {
        Updated::Remove(new)
    } else if new == *old {
        Updated::Same
    } else {
        Updated::Write(new)
    })
}

/// 409 if a uid is given and is another one.
pub(super) fn precondition(request: &Update<'_>, wanted: &str, present: &str) -> Result<(), Failure> {
    if wanted.is_empty() || wanted == present {
        return Ok(());
    }
    let why = format!(
        "StorageError: invalid object, Code: 4, Key: {}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in \
         precondition: {wanted}, UID in object meta: {present}",
        request.key
    );
    Err(Failure::conflict(request.kind.group, request.kind.plural, request.name, &why))
}

/// The resource version has to be that of the present object, or may be left out.
fn version(request: &Update<'_>, new: &mut Object, old: &Object) -> Result<(), Failure> {
    let Kind { group, plural, facts, .. } = *request.kind;
    let written = Metadata::of(new).text("resourceVersion").to_owned();
    let number = if written.is_empty() { Ok(0) } else { written.parse::<u64>() };
    let number = number.map_err(|error| {
        let why = if *error.kind() == IntErrorKind::PosOverflow { "value out of range" } else { "invalid syntax" };
        Failure::new(500, "", format!("strconv.ParseUint: parsing {written:?}: {why}"))
    })?;
    let present = Metadata::of(old).text("resourceVersion");
    if number == 0 {
        if !facts.unconditional {
            let why = "must be specified for an update";
            let cause = causes::invalid_value("metadata.resourceVersion", &json!(0), why);
            return Failure::if_wrong(group, plural, request.name, vec![cause]);
        }
        metadata::of_mut(new)?.insert("resourceVersion".to_owned(), json!(present));
    } else if present.parse() != Ok(number) {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        return Err(Failure::conflict(group, plural, request.name, why));
    }
    Ok(())
}

/// What the part that is written does not change becomes what it was.
fn prepare(request: &Update<'_>, new: &mut Object, old: &Object) -> Result<(), Failure> {
    let kind = request.kind;
    match (request.subresource, kind.facts.status) {
        (Subresource::None, _) => {
            for field in kind.facts.kept {
                metadata::keep(new, Some(old), field);
            }
            if kind.facts.deletion == Deleting::Definition {
                definitions::store_version(new);
            }
            if generation::counts(kind, new, old) {
                let generation = Metadata::of(old).generation().saturating_add(1);
                metadata::of_mut(new)?.insert("generation".to_owned(), json!(generation));
            }
        }
        (Subresource::Status, Status::Only) => {
            let status = new.remove("status");
            let managed = metadata::of_mut(new)?.remove("managedFields");
            new.clone_from(old);
            metadata::set(new, "status", status);
            metadata::set(metadata::of_mut(new)?, "managedFields", managed);
        }
        (Subresource::Status, Status::AndMetadataBut(kept)) => {
            let part = |field: &str| matches!(field, "metadata" | "status" | "apiVersion" | "kind");
            new.retain(|field, _| part(field));
            new.extend(
                old.iter().filter(|(field, _)| !part(field)).map(|(field, value)| (field.clone(), value.clone())),
            );
            let old_metadata = old.get("metadata").and_then(Value::as_object);
            for field in kept {
                metadata::keep(metadata::of_mut(new)?, old_metadata, field);
            }
            if kind.facts.deletion == Deleting::Pod {
                pods::keep_status(new, old);
            }
        }
        (Subresource::Finalize, _) if kind.facts.deletion == Deleting::Namespace => {
            metadata::keep(new, Some(old), "status");
        }
        (Subresource::Status, Status::None) | (Subresource::Finalize, _) => return Err(Failure::no_such_path()),
    }
    Ok(())
}

/// What no update changes (`rest.BeforeUpdate`).
fn keep(new: &mut Object, old: Option<&Object>) {
    let is_set = |metadata: Option<&Object>, field: &str| {
        metadata.and_then(|metadata| metadata.get(field)).is_some_and(|value| !value.is_null() && value != "")
    };
    if !is_set(Some(new), "uid") {
        metadata::keep(new, old, "uid");
    }
    for field in ["creationTimestamp", "deletionTimestamp"] {
        if is_set(old, field) {
            metadata::keep(new, old, field);
        }
    }
    let grace = "deletionGracePeriodSeconds";
    if is_set(old, grace) && !is_set(Some(new), grace) {
        metadata::keep(new, old, grace);
    }
}

/// `ShouldDeleteDuringUpdate`.
fn is_last_finalizer(kind: &Kind<'_>, new: &Object, old: &Object) -> bool {
    let deleting = Metadata::of(old);
    deleting.is_deleting()
        && deleting.grace().is_none_or(|grace| grace == 0)
        && !Metadata::of(new).has_finalizers()
        && (kind.facts.deletion != Deleting::Namespace || namespaces::is_final(new))
}
