//! A place in an object: the value there, and the way to it, which is put into words only for a violation.

use std::fmt::Write as _;

use serde_json::Value;

/// What is absent is null, as for the API server.
static ABSENT: Value = Value::Null;

/// A value and the way to it.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    parent: Option<&'a Self>,
    step: Step<'a>,
    value: &'a Value,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Root,
    Field(&'a str),
    Item(usize),
}

impl<'a> At<'a> {
    pub(super) const fn root(value: &'a Value) -> Self {
        Self { parent: None, step: Step::Root, value }
    }

    /// The field of that name; null if there is none.
    pub(super) fn field(&'a self, name: &'a str) -> Self {
        Self { parent: Some(self), step: Step::Field(name), value: self.value.get(name).unwrap_or(&ABSENT) }
    }

    /// `value` as the item at `index` of this list.
    pub(super) const fn item(&'a self, index: usize, value: &'a Value) -> Self {
        Self { parent: Some(self), step: Step::Item(index), value }
    }

    /// Every entry of the map; none if it is something else.
    pub(super) fn entries(&'a self) -> impl Iterator<Item = (&'a str, Self)> {
        let map = self.value.as_object();
        map.into_iter()
            .flatten()
            .map(|(name, value)| (name.as_str(), Self { parent: Some(self), step: Step::Field(name), value }))
    }

    pub(super) const fn value(&self) -> &'a Value {
        self.value
    }

    pub(super) fn text(&self) -> Option<&'a str> {
        self.value.as_str()
    }

    /// The items of a list, none of an absent one; `None` if it is something else.
    pub(super) fn list(&self) -> Option<&'a [Value]> {
        match self.value {
            Value::Null => Some(&[]),
            Value::Array(items) => Some(items),
            _ => None,
        }
    }

    pub(super) fn is_absent(&self) -> bool {
        self.value.is_null()
    }

    /// Whether it is absent, or an empty text, list or map: Kubernetes makes no difference between these.
    pub(super) fn is_empty(&self) -> bool {
        match self.value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(map) => map.is_empty(),
            Value::Bool(_) | Value::Number(_) => false,
        }
    }

    /// The way, such as `spec.ports[0].nodePort` or `metadata.labels["a/b"]`.
    pub(super) fn path(&self) -> String {
        let mut out = self.parent.map_or_else(String::new, Self::path);
        // Writing to a String cannot fail.
        let _ = match self.step {
            Step::Root => Ok(()),
            Step::Item(index) => write!(out, "[{index}]"),
            Step::Field(name) if !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) => write!(out, "[{name:?}]"),
            Step::Field(name) if out.is_empty() => write!(out, "{name}"),
            Step::Field(name) => write!(out, ".{name}"),
        };
        out
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_read_as_the_api_server_writes_them() {
        let value = json!({"spec": {"ports": [{"nodePort": 1}]}, "metadata": {"labels": {"a/b": ""}}});
        let root = At::root(&value);
        let (spec, metadata) = (root.field("spec"), root.field("metadata"));
        let ports = spec.field("ports");
        let port = ports.item(0, &ports.list().unwrap()[0]);
        assert_eq!(port.field("nodePort").path(), "spec.ports[0].nodePort");
        assert_eq!(metadata.field("labels").field("a/b").path(), r#"metadata.labels["a/b"]"#);
        assert_eq!(root.path(), "");
    }

    #[test]
    fn what_is_absent_is_empty_all_the_way_down() {
        let value = json!({"a": 1, "empty": [[], {}, "", null], "full": [0, false, " "]});
        let root = At::root(&value);
        let missing = root.field("missing");
        assert!(missing.field("x").is_absent());
        assert_eq!(missing.list(), Some(&[][..]));
        assert_eq!(root.field("a").list(), None);
        let all =
            |name| root.field(name).list().unwrap().iter().map(|value| At::root(value).is_empty()).collect::<Vec<_>>();
        assert_eq!(all("empty"), [true; 4]);
        assert_eq!(all("full"), [false; 3]);
    }
}
