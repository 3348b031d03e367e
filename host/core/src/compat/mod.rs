//! Whether a new version of an API's types takes every object that the old one took: each object valid under the old
//! schema must be valid under the new one, mean the same there, and keep all its fields.
//!
//! A type is read from a CustomResourceDefinition or from kcp's APIResourceSchema; the two sides need not have the same
//! shape. Each keyword is judged alone: it is equal, or provably wider, or a [`Break`]. So a change may be called a
//! break that no object would notice (a pattern that is written in another way), and that is the side to err on. A
//! keyword that nothing here knows must not change at all.
//!
//! Short names, categories, printer columns and prose may change: no object holds one, and no client sends one.
//!
//! What is not seen
//! - A default that is added where a rule, a `oneOf` or `maxProperties` forbids the field.
//! - A default that its own schema refuses: below `additionalProperties`, the server does not look.
//! - What a conversion makes of an object, be it a webhook or kcp's APIConversion.
//! - A status subresource that is added: the server then drops the status of an object that is created with one.
//! - Who watches: a client may know fewer values of an enum than the new schema allows.

mod bounds;
mod definition;
mod problem;
#[cfg(test)]
mod properties;
mod schema;
#[cfg(test)]
mod tests;
mod types;
mod walk;

use serde_json::Value;

use definition::Definition;
pub use problem::{Break, Problem};

/// Why two sets of types cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompatError {
    /// Most likely the wrong file: that nothing is broken would say nothing.
    #[error("the old input holds no CustomResourceDefinition and no APIResourceSchema")]
    NoTypes,
    /// A type in a version of its API that is not read here.
    #[error("{object}: {kind} of {api_version} is not supported")]
    Unsupported {
        /// Its name.
        object: String,
        /// CustomResourceDefinition or APIResourceSchema.
        kind: String,
        /// What it says it is.
        api_version: String,
    },
    /// A type without a field that every type has.
    #[error("{object} has no {field}")]
    Incomplete {
        /// Its name.
        object: String,
        /// Path of the field.
        field: &'static str,
    },
}

/// Everything that `new` breaks for the objects of `old`, in the order of the old types, versions and properties.
///
/// Objects that are no types are skipped. A type may occur more than once, in either shape: then every one counts.
pub fn check(old: &[Value], new: &[Value]) -> Result<Vec<Break>, CompatError> {
    let (old, new) = (definitions(old)?, definitions(new)?);
    if old.is_empty() {
        return Err(CompatError::NoTypes);
    }
    let mut breaks = Vec::new();
    for was in &old {
        let mut found = Vec::new();
        let mut successors = new.iter().filter(|is| is.same_type(was)).peekable();
        if successors.peek().is_none() {
            found.push((String::new(), Problem::TypeGone));
        }
        for is in successors {
            types::compare(was, is, &mut found);
        }
        for (place, problem) in found {
            let found = Break { object: was.to_string(), place, problem };
            if !breaks.contains(&found) {
                breaks.push(found);
            }
        }
    }
    Ok(breaks)
}

fn definitions(objects: &[Value]) -> Result<Vec<Definition<'_>>, CompatError> {
    objects.iter().filter_map(|object| Definition::read(object).transpose()).collect()
}
