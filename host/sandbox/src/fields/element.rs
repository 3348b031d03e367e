//! One step from a value to a part of it: structured-merge-diff's `fieldpath.PathElement`, with its order, how messages show
//! it and how it is written as a key of `FieldsV1`.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use serde_json::{Map, Value};

use super::order::{compare, equal};
use super::print::{Numbers, number, write_json, write_json_text};
use crate::quote::quote;

/// One step of a path. It borrows from the objects that it was found in.
#[derive(Debug, Clone)]
pub(super) enum Element<'a> {
    /// A field of a map.
    Field(Cow<'a, str>),
    /// The item of an associative list with these keys, which are sorted by name.
    Key(Vec<(Cow<'a, str>, Cow<'a, Value>)>),
    /// The item of a set.
    Value(Cow<'a, Value>),
    /// The item at a place; nothing of today's makes these, but a managed field may have them.
    Index(i64),
    /// An item that cannot be told from others: what is left of one when its keys are taken away.
    Unknown,
}

/// A key of `FieldsV1` that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadKey;

impl<'a> Element<'a> {
    /// Reads a key of `FieldsV1`. `None` is one of a kind that is not known (yet): it is left out.
    pub(super) fn parse(key: &'a str) -> Result<Option<Self>, BadKey> {
        let mut chars = key.chars();
        let (Some(kind), Some(':')) = (chars.next(), chars.next()) else { return Err(BadKey) };
        let rest = chars.as_str();
        match kind {
            'f' => Ok(Some(Self::Field(Cow::Borrowed(rest)))),
            'v' => Ok(Some(Self::Value(Cow::Owned(serde_json::from_str(rest).map_err(|_| BadKey)?)))),
            'k' => {
                let keys: Map<String, Value> = serde_json::from_str(rest).map_err(|_| BadKey)?;
                let keys = keys.into_iter().map(|(name, value)| (Cow::Owned(name), Cow::Owned(value)));
                Ok(Some(Self::Key(keys.collect())))
            }
            'i' => Ok(Some(Self::Index(rest.parse().map_err(|_| BadKey)?))),
            _ if kind.is_ascii() => Ok(None),
            _ => Err(BadKey),
        }
    }

    /// Writes the key of `FieldsV1`.
    pub(super) fn write(&self, out: &mut String) {
        match self {
            Self::Field(name) => {
                out.push_str("f:");
                out.push_str(name);
            }
            Self::Key(keys) => {
                out.push_str("k:{");
                for (place, (name, value)) in keys.iter().enumerate() {
                    if place > 0 {
                        out.push(',');
                    }
                    write_json_text(name, false, out);
                    out.push(':');
                    write_json(value, out);
                }
                out.push('}');
            }
            Self::Value(value) => {
                out.push_str("v:");
                write_json(value, out);
            }
            Self::Index(index) => {
                out.push_str("i:");
                out.push_str(&index.to_string());
            }
            // Nobody can own it: what is applied has none.
            Self::Unknown => {}
        }
    }

    /// A copy that borrows nothing.
    pub(super) fn into_owned(self) -> Element<'static> {
        match self {
            Self::Field(name) => Element::Field(Cow::Owned(name.into_owned())),
            Self::Key(keys) => {
                let owned = |(name, value): (Cow<'a, str>, Cow<'a, Value>)| {
                    (Cow::Owned(name.into_owned()), Cow::Owned(value.into_owned()))
                };
                Element::Key(keys.into_iter().map(owned).collect())
            }
            Self::Value(value) => Element::Value(Cow::Owned(value.into_owned())),
            Self::Index(index) => Element::Index(index),
            Self::Unknown => Element::Unknown,
        }
    }
}

impl Ord for Element<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Field(left), Self::Field(right)) => left.cmp(right),
            (Self::Key(left), Self::Key(right)) => {
                for (left, right) in left.iter().zip(right) {
                    match left.0.cmp(&right.0).then_with(|| compare(&left.1, &right.1)) {
                        Ordering::Equal => {}
                        other => return other,
                    }
                }
                left.len().cmp(&right.len())
            }
            (Self::Value(left), Self::Value(right)) => compare(left, right),
            (Self::Index(left), Self::Index(right)) => left.cmp(right),
            (left, right) => left.rank().cmp(&right.rank()),
        }
    }
}

impl Element<'_> {
    fn rank(&self) -> u8 {
        match self {
            Self::Field(_) => 0,
            Self::Key(_) => 1,
            Self::Value(_) => 2,
            Self::Index(_) => 3,
            Self::Unknown => 4,
        }
    }
}

impl PartialOrd for Element<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Element<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Field(left), Self::Field(right)) => left == right,
            (Self::Value(left), Self::Value(right)) => equal(left, right),
            _ => self.cmp(other) == Ordering::Equal,
        }
    }
}

impl Eq for Element<'_> {}

/// As messages show it: `.name`, `[name="a"]`, `[="a"]`, `[0]`.
impl fmt::Display for Element<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Key(keys) => {
                f.write_str("[")?;
                for (place, (name, value)) in keys.iter().enumerate() {
                    let comma = if place > 0 { "," } else { "" };
                    write!(f, "{comma}{name}={}", shown(value))?;
                }
                f.write_str("]")
            }
            Self::Value(value) => write!(f, "[={}]", shown(value)),
            Self::Index(index) => write!(f, "[{index}]"),
            Self::Unknown => f.write_str("{{invalid path element}}"),
        }
    }
}

/// A value as `value.ToString` shows it.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(bool) => bool.to_string(),
        Value::Number(n) => number(n, Numbers::Floats),
        Value::String(text) => quote(text),
        Value::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(",")),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| format!("{name}={}", shown(value))).collect::<Vec<_>>().concat()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    // From fieldpath/serialize-pe_test.go.
    #[test]
    fn keys_are_read_and_written() {
        for key in [
            "i:0",
            "i:1234",
            "f:",
            "f:spec",
            "f:more-complicated-string",
            r#"k:{"name":"my-container"}"#,
            r#"k:{"port":"8080","protocol":"TCP"}"#,
            r#"k:{"optionalField":null}"#,
            r#"k:{"jsonField":{"A":1,"B":null,"C":"D","E":{"F":"G"}}}"#,
            r#"k:{"listField":["1","2","3"]}"#,
            "v:null",
            r#"v:"some-string""#,
            "v:1234",
            r#"v:{"some":"json"}"#,
        ] {
            let element = Element::parse(key).unwrap().unwrap();
            let mut written = String::new();
            element.write(&mut written);
            assert_eq!(written, key);
        }
    }

    #[test]
    fn a_key_of_an_unknown_kind_is_left_out_and_a_bad_one_refused() {
        assert_eq!(Element::parse("z:what"), Ok(None));
        for key in ["", "f", "no-colon", "i:index", "i:1.5", "v:{", "k:hi", "k:[]"] {
            assert_eq!(Element::parse(key), Err(BadKey), "{key}");
        }
    }

    #[test]
    fn messages_show_elements_as_go_does() {
        let key =
            Element::Key(vec![("port".into(), Cow::Owned(json!(80))), ("protocol".into(), Cow::Owned(json!("TCP")))]);
        assert_eq!(key.to_string(), r#"[port=80,protocol="TCP"]"#);
        assert_eq!(Element::Value(Cow::Owned(json!("a"))).to_string(), r#"[="a"]"#);
        assert_eq!(Element::Field("spec".into()).to_string(), ".spec");
        assert_eq!(Element::Index(3).to_string(), "[3]");
    }

    #[test]
    fn fields_come_before_keys_values_and_places() {
        let key = |value: Value| Element::Key(vec![("a".into(), Cow::Owned(value))]);
        let sorted = [
            Element::Field("a".into()),
            Element::Field("b".into()),
            key(json!(9)),
            key(json!(80)),
            key(json!("1")),
            Element::Value(Cow::Owned(json!(1))),
            Element::Index(0),
            Element::Index(1),
        ];
        assert!(sorted.is_sorted());
        assert_eq!(key(json!(80)), key(json!(80.0)));
    }
}
