//! Which rules of metadata a request has to meet (`rest/create.go`, `rest/update.go`, the strategies' validation).

use serde_json::Map;

use super::definitions;
use super::kind::{Again, Deleting, Kind};
use super::metadata::Object;
use super::update::Subresource;
use crate::status::Cause;
use crate::validation;

/// What is checked elsewhere.
pub trait Rules {
    /// The fields that are wrong in everything but metadata, in the server's order: what the kind or its schema says. `old` is
    /// what it replaces; of a PUT or PATCH of a subresource it is what the subresource's own validation says.
    fn content(&self, object: &Object, old: Option<&Object>) -> Vec<Cause>;
}

/// What is wrong with an object that is created.
pub(super) fn create(kind: &Kind<'_>, new: &Object, rules: &dyn Rules) -> Vec<Cause> {
    let mut causes = object(kind, new);
    causes.extend(rules.content(new, None));
    causes
}

/// What is wrong with an object that is updated: what is checked of all kinds, and then what the kind checks again.
pub(super) fn update(
    kind: &Kind<'_>,
    subresource: Subresource,
    new: &Object,
    old: &Object,
    rules: &dyn Rules,
) -> Vec<Cause> {
    let content = || rules.content(new, Some(old));
    let change = || with_metadata(new, |new| with_metadata(old, |old| change(kind, new, old)));
    let mut causes = with_metadata(new, |new| {
        with_metadata(old, |old| validation::validate_common_update(new, old, kind.namespaced))
    });
    let again = if subresource == Subresource::None { kind.facts.again } else { Again::Update };
    match again {
        Again::Update => {
            causes.extend(change());
            causes.extend(content());
        }
        Again::UpdateAndObject => {
            causes.extend(change());
            causes.extend(object(kind, new));
            causes.extend(content());
        }
        Again::ObjectAndUpdate => {
            causes.extend(object(kind, new));
            causes.extend(content());
            causes.extend(change());
        }
        Again::Object => {
            causes.extend(object(kind, new));
            causes.extend(content());
        }
        Again::None => causes.extend(content()),
    }
    causes
}

/// `ValidateObjectMeta`, with the kind's rule for names.
fn object(kind: &Kind<'_>, new: &Object) -> Vec<Cause> {
    let names = |name: &str, prefix: bool| {
        let mut wrong = kind.facts.names.check(name, prefix);
        if kind.facts.deletion == Deleting::Definition && !definitions::is_named(name, new) {
            wrong.push("must be spec.names.plural+\".\"+spec.group".to_owned());
        }
        wrong
    };
    let validate = if kind.facts.qualified_finalizers { validation::validate_built_in } else { validation::validate };
    with_metadata(new, |metadata| validate(metadata, kind.namespaced, &names, "metadata"))
}

/// `ValidateObjectMetaUpdate`.
fn change(kind: &Kind<'_>, new: &Object, old: &Object) -> Vec<Cause> {
    if kind.facts.qualified_finalizers {
        validation::validate_built_in_update(new, old, "metadata")
    } else {
        validation::validate_update(new, old, "metadata")
    }
}

/// Looks at the metadata of an object. What has none has empty metadata.
fn with_metadata<T>(object: &Object, look: impl FnOnce(&Object) -> T) -> T {
    match object.get("metadata").and_then(serde_json::Value::as_object) {
        Some(metadata) => look(metadata),
        None => look(&Map::new()),
    }
}
