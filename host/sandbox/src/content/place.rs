//! A value and where it is: how objects that were [read](super::decode()) are looked at. What is missing is zero, as in Go.

use serde_json::{Map, Value};

use super::Object;
use crate::selectors::label;
use crate::status::Cause;

static NOTHING: Value = Value::Null;

/// A value in an object, and the way to it.
#[derive(Clone)]
pub(super) struct Place<'v> {
    value: &'v Value,
    path: String,
}

impl<'v> Place<'v> {
    /// A field of an object.
    pub(super) fn of(object: &'v Object, name: &str) -> Self {
        Self { value: object.get(name).unwrap_or(&NOTHING), path: name.to_owned() }
    }

    /// The same value, told to be somewhere else.
    pub(super) fn told(self, path: impl Into<String>) -> Self {
        Self { path: path.into(), ..self }
    }

    /// A field.
    pub(super) fn child(&self, name: &str) -> Self {
        Self { value: self.value.get(name).unwrap_or(&NOTHING), path: self.at(name) }
    }

    /// The items of a list.
    pub(super) fn items(&self) -> impl Iterator<Item = Self> {
        let items = self.value.as_array().into_iter().flatten().enumerate();
        items.map(|(place, value)| Self { value, path: format!("{}[{place}]", self.path) })
    }

    /// The entries of a map.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'v str, Self)> {
        let entries = self.value.as_object().into_iter().flatten();
        entries.map(|(key, value)| (key.as_str(), Self { value, path: self.key(key) }))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Where a field of it is.
    pub(super) fn at(&self, name: &str) -> String {
        format!("{}.{name}", self.path)
    }

    /// Where an entry of it is.
    pub(super) fn key(&self, key: &str) -> String {
        format!("{}[{key}]", self.path)
    }

    pub(super) fn value(&self) -> &'v Value {
        self.value
    }

    /// Whether it was said: a pointer that is not nil.
    pub(super) fn is_said(&self) -> bool {
        !self.value.is_null()
    }

    /// Whether it is a map with an entry of that name, be it null.
    pub(super) fn has(&self, key: &str) -> bool {
        self.map().is_some_and(|map| map.contains_key(key))
    }

    /// Whether it is a list or a map without anything in it, or nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn len(&self) -> usize {
        match self.value {
            Value::Array(items) => items.len(),
            Value::Object(fields) => fields.len(),
            _ => 0,
        }
    }

    pub(super) fn text(&self) -> &'v str {
        self.value.as_str().unwrap_or_default()
    }

    pub(super) fn number(&self) -> i64 {
        self.value.as_i64().unwrap_or_default()
    }

    pub(super) fn is_true(&self) -> bool {
        self.value.as_bool().unwrap_or_default()
    }

    pub(super) fn map(&self) -> Option<&'v Map<String, Value>> {
        self.value.as_object()
    }

    /// What is wrong with it as a label selector.
    pub(super) fn selector(&self, causes: &mut Vec<Cause>) {
        if self.is_said() {
            causes.extend(label::validate(self.value, &self.path));
        }
    }
}
