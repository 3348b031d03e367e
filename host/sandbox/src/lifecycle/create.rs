//! Creating (`rest/create.go`, `Store.create` of `registry/store.go`, the strategies' `PrepareForCreate`).

use jiff::Timestamp;
use serde_json::{Value, json};

use super::checks::{self, Rules};
use super::definitions;
use super::kind::{Deleting, Generation, Kind};
use super::metadata::{self, Metadata, Object};
use super::namespaces;
use super::receive;
use crate::status::Failure;
use crate::time;

/// What an object gets when it is created.
#[derive(Debug, Clone, Copy)]
pub struct Birth<'a> {
    /// The namespace of the request; empty for kinds without.
    pub namespace: &'a str,
    /// Now.
    pub now: Timestamp,
    /// Its uid.
    pub uid: &'a str,
    /// The 5 characters that make a name of `generateName`: of `bcdfghjklmnpqrstvwxz2456789` (`util/rand`).
    pub suffix: &'a str,
    /// A POST may not say a resource version. A PUT and an apply patch that create may, and it is ignored; so does a POST
    /// that is only tried.
    pub version_allowed: bool,
}

/// The object to write. What a client sent has been [received](super::receive_created), defaulted and admitted before.
pub fn create(kind: &Kind<'_>, birth: &Birth<'_>, mut object: Object, rules: &dyn Rules) -> Result<Object, Failure> {
    let metadata = metadata::of_mut(&mut object)?;
    metadata.insert("creationTimestamp".to_owned(), json!(time::written(birth.now)));
    metadata.insert("uid".to_owned(), json!(birth.uid));
    generate_name(metadata, birth.suffix);
    receive::settle(kind, birth.namespace, &mut object)?;
    prepare(kind, &mut object)?;

    let causes = checks::create(kind, &object, rules);
    Failure::if_wrong(kind.group, kind.kind, Metadata::of(&object).name(), causes)?;

    if kind.facts.deletion == Deleting::Namespace {
        namespaces::label(&mut object)?;
    }
    let version = Metadata::of(&object).text("resourceVersion");
    if !birth.version_allowed && version.parse::<u64>().is_ok_and(|version| version != 0) {
        return Err(Failure::new(500, "", "resourceVersion should not be set on objects to be created"));
    }
    metadata::of_mut(&mut object)?.remove("resourceVersion");
    Ok(object)
}

/// 409: there is an object of that name. If the name was generated, and no name is in what was sent, the server tries up to 8
/// names before it says so.
pub fn exists(kind: &Kind<'_>, object: &Object, present: &Object) -> Failure {
    let name = Metadata::of(object).name();
    let failure = Failure::already_exists(kind.group, kind.plural, name);
    let generated = !Metadata::of(object).text("generateName").is_empty();
    let deleting = Metadata::of(present).is_deleting();
    if !generated && !deleting {
        return failure;
    }
    let mut message = failure.message.clone();
    if generated {
        message += ", the server was not able to generate a unique name for the object";
    }
    if deleting {
        message = format!("object is being deleted: {message}");
    }
    let retry = u32::from(generated);
    Failure::new(409, "AlreadyExists", message).about(kind.group, kind.plural, name).after(retry)
}

/// `names.SimpleNameGenerator`: at most 63 characters.
fn generate_name(metadata: &mut Object, suffix: &str) {
    let text = |field: &str| metadata.get(field).and_then(Value::as_str).unwrap_or("");
    let base = text("generateName");
    if base.is_empty() || !text("name").is_empty() {
        return;
    }
    let mut end = base.len().min(63 - 5);
    while !base.is_char_boundary(end) {
        end -= 1;
    }
    let name = format!("{}{suffix}", base.get(..end).unwrap_or(base));
    metadata.insert("name".to_owned(), Value::String(name));
}

fn prepare(kind: &Kind<'_>, object: &mut Object) -> Result<(), Failure> {
    if let Some(initial) = kind.facts.initial {
        let status = initial(object);
        metadata::set(object, "status", status);
    }
    if kind.facts.generation != Generation::Ignored {
        metadata::of_mut(object)?.insert("generation".to_owned(), json!(1));
    }
    match kind.facts.deletion {
        Deleting::Namespace => namespaces::prepare(object),
        Deleting::Definition => definitions::prepare(object),
        Deleting::Plain | Deleting::Pod => {}
    }
    Ok(())
}
