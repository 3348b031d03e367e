//! A part of an object that may not be there: what Go has as a field with its zero value.

use serde_json::{Map, Value};

/// Something in an object, or nothing.
#[derive(Clone, Copy)]
pub(crate) struct Part<'v>(Option<&'v Value>);

impl<'v> Part<'v> {
    /// A field of an object.
    pub(crate) fn of(object: &'v Map<String, Value>, field: &str) -> Self {
        Self(object.get(field).filter(|value| !value.is_null()))
    }

    /// A field of this part.
    pub(crate) fn at(self, field: &str) -> Self {
        Self(self.0.and_then(|value| value.get(field)).filter(|value| !value.is_null()))
    }

    pub(crate) fn is_there(self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn value(self) -> Option<&'v Value> {
        self.0
    }

    /// Empty if it is no string.
    pub(crate) fn text(self) -> &'v str {
        self.0.and_then(Value::as_str).unwrap_or_default()
    }

    /// 0 if it is no number.
    pub(crate) fn number(self) -> i64 {
        self.0.and_then(Value::as_i64).unwrap_or_default()
    }

    pub(crate) fn is_true(self) -> bool {
        self.0.and_then(Value::as_bool).unwrap_or_default()
    }

    /// The items of a list.
    pub(crate) fn list(self) -> impl DoubleEndedIterator<Item = Part<'v>> + ExactSizeIterator + Clone {
        self.0.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default().iter().map(|item| Part(Some(item)))
    }

    /// The names and values of a map, by name.
    pub(crate) fn pairs(self) -> impl Iterator<Item = (&'v str, Part<'v>)> {
        let map = self.0.and_then(Value::as_object);
        map.into_iter().flatten().map(|(key, value)| (key.as_str(), Part(Some(value))))
    }

    /// How many a map has.
    pub(crate) fn count(self) -> usize {
        self.0.and_then(Value::as_object).map_or(0, Map::len)
    }
}
