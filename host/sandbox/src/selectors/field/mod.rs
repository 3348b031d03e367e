//! Field selectors: `metadata.name=a,status.phase!=Running`.
//!
//! Facts: `k8s.io/apimachinery/pkg/fields/selector.go`. Which fields a kind can be selected by is in [`SelectableFields`].

mod selectable;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub use self::selectable::SelectableFields;
use crate::status::Failure;
use crate::validation::names::path_segment;

/// Terms that all hold for the fields of a selected object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldSelector {
    terms: Vec<Term>,
}

/// One field and the value that it has or has not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Name of the field, such as `metadata.name`.
    pub field: String,
    /// The value.
    pub value: String,
    /// `false` for `!=`.
    pub equal: bool,
}

impl FieldSelector {
    /// Parses the parameter `fieldSelector` of a request. The failure is the 400 that a server answers.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let mut parts = split(text);
        parts.sort_unstable();
        let terms = parts.into_iter().filter(|part| !part.is_empty());
        let terms = terms.map(|part| {
            let (field, equal, value) = split_term(part).ok_or_else(|| {
                Failure::bad_request(format!("invalid selector: '{text}'; can't understand '{part}'"))
            })?;
            Ok(Term { field: field.to_owned(), value: unescape(value)?, equal })
        });
        let mut terms = terms.collect::<Result<Vec<_>, Failure>>()?;
        // A term that says nothing counts as none.
        terms.retain(|term| !(term.field.is_empty() && term.value.is_empty()));
        Ok(Self { terms })
    }

    /// The terms, sorted by their text.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// Whether every object is selected.
    pub fn is_everything(&self) -> bool {
        self.terms.is_empty()
    }

    /// The one value that a field must have.
    pub fn exact_value(&self, field: &str) -> Option<&str> {
        self.terms.iter().find(|term| term.equal && term.field == field).map(|term| term.value.as_str())
    }

    /// The name that a list or watch is authorised for, so that `resourceNames` of a rule cover it: that of
    /// `metadata.name=NAME`, if it could be in a path. A server does this for `list` and `watch`, not for `deletecollection`.
    pub fn request_name(&self) -> Option<&str> {
        self.exact_value("metadata.name").filter(|name| path_segment(name).is_empty())
    }

    /// Whether the fields of an object, asked for by name, meet every term.
    pub fn matches<'v>(&self, value_of: impl Fn(&str) -> Cow<'v, str>) -> bool {
        self.terms.iter().all(|term| (value_of(&term.field) == term.value) == term.equal)
    }
}

/// Cuts at commas that no backslash precedes.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (index, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                parts.push(text.get(start..index).unwrap_or_default());
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

/// The field, whether it must be equal, and the value still escaped. The first operator counts.
fn split_term(term: &str) -> Option<(&str, bool, &str)> {
    term.char_indices().find_map(|(index, _)| {
        let (field, rest) = term.split_at_checked(index)?;
        let operators = [("!=", false), ("==", true), ("=", true)];
        operators
            .into_iter()
            .find_map(|(operator, equal)| rest.strip_prefix(operator).map(|value| (field, equal, value)))
    })
}

fn unescape(value: &str) -> Result<String, Failure> {
    let unknown =
        |sequence: String| Failure::bad_request(format!("invalid field selector: invalid escape sequence: {sequence}"));
    let mut out = String::with_capacity(value.len());
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some(escaped @ ('\\' | ',' | '=')) => out.push(escaped),
                Some(other) => return Err(unknown(format!("\\{other}"))),
                None => return Err(unknown("\\".to_owned())),
            },
            // Kubernetes prints the character as a number.
            ',' | '=' => {
                let code = u32::from(character);
                let message = format!("invalid field selector: unescaped character in value: {code}");
                return Err(Failure::bad_request(message));
            }
            other => out.push(other),
        }
    }
    Ok(out)
}
