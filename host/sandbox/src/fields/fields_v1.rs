//! `FieldsV1`: a set of fields as managed fields write it (`fieldpath/serialize.go`).
//!
//! In an object it is a map, whose keys are sorted as text; `to_json` of the tests has Go's own order.

use serde_json::{Map, Value};

use super::element::Element;
#[cfg(test)]
use super::print::write_json_text;
use super::set::{FieldSet, Node};

/// What is no `FieldsV1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadFields;

impl<'a> FieldSet<'a> {
    /// Reads `FieldsV1`. Kinds of keys that are not known are left out.
    pub(super) fn parse(fields: &'a Value) -> Result<Self, BadFields> {
        match fields {
            Value::Null => Ok(Self::new()),
            Value::Object(fields) => Ok(parse_map(fields)?.0),
            _ => Err(BadFields),
        }
    }

    /// Writes `FieldsV1` for an object.
    pub(super) fn to_value(&self) -> Value {
        let mut key = String::new();
        Value::Object(self.to_map(false, &mut key))
    }

    fn to_map(&self, member: bool, key: &mut String) -> Map<String, Value> {
        let this = (member && !self.is_empty()).then(|| (".".to_owned(), Value::Object(Map::new())));
        let below = self.nodes().iter().map(|node| {
            let children = Value::Object(node.children.to_map(node.member, key));
            key.clear();
            node.element.write(key);
            (key.clone(), children)
        });
        this.into_iter().chain(below.collect::<Vec<_>>()).collect()
    }

    /// Writes `FieldsV1` byte for byte as Go does.
    #[cfg(test)]
    pub(super) fn to_json(&self) -> String {
        let mut out = String::new();
        self.write(false, &mut out);
        out
    }

    #[cfg(test)]
    fn write(&self, member: bool, out: &mut String) {
        let mut key = String::new();
        out.push('{');
        if member && !self.is_empty() {
            out.push_str("\".\":{}");
        }
        for (place, node) in self.nodes().iter().enumerate() {
            if place > 0 || member {
                out.push(',');
            }
            key.clear();
            node.element.write(&mut key);
            write_json_text(&key, false, out);
            out.push(':');
            node.children.write(node.member, out);
        }
        out.push('}');
    }

    /// Whether this is what is written there. It may say no where only the writing differs.
    pub(super) fn is_written_as(&self, fields: &Value) -> bool {
        fields.as_object().is_some_and(|fields| self.matches(false, fields, &mut String::new()))
    }

    fn matches(&self, member: bool, fields: &Map<String, Value>, key: &mut String) -> bool {
        let dot = member && !self.is_empty();
        if fields.len() != self.nodes().len() + usize::from(dot) || (dot && !fields.contains_key(".")) {
            return false;
        }
        // Fields are in the same order here and there; the others are looked up.
        let mut written = fields.iter().skip(usize::from(dot)).peekable();
        self.nodes().iter().all(|node| {
            let below = if let Element::Field(name) = &node.element {
                written
                    .next()
                    .filter(|(key, _)| key.strip_prefix("f:").is_some_and(|there| there == name))
                    .map(|(_, below)| below)
            } else {
                key.clear();
                node.element.write(key);
                fields.get(key.as_str())
            };
            let Some(Value::Object(below)) = below else { return false };
            node.children.matches(node.member, below, key)
        })
    }
}

/// The set below a field, and whether the field itself is a member.
fn parse_map(fields: &Map<String, Value>) -> Result<(FieldSet<'_>, bool), BadFields> {
    let mut set = FieldSet::new();
    let mut member = false;
    for (key, below) in fields {
        if key == "." {
            member = true;
            continue;
        }
        let Some(element) = Element::parse(key).map_err(|_| BadFields)? else { continue };
        let (children, child) = match below {
            Value::Object(below) => parse_map(below)?,
            Value::Null => (FieldSet::new(), true),
            _ => return Err(BadFields),
        };
        set.push(Node { element, member: child, children });
    }
    member |= set.is_empty();
    Ok((set, member))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    // The documents of fieldpath/serialize_test.go.
    const SORTED: [&str; 3] = [
        r#"{"f:aaa":{},"f:aab":{},"f:aac":{},"f:aad":{},"f:aae":{},"f:aaf":{},"k:{\"name\":\"first\"}":{},"k:{\"name\":\"second\"}":{".":{},"f:value":{}},"k:{\"port\":443}":{},"k:{\"port\":8080}":{},"v:1":{},"v:2":{},"v:3":{},"v:\"aa\"":{},"v:\"ab\"":{},"v:true":{},"i:1":{},"i:2":{},"i:3":{},"i:4":{}}"#,
        r#"{"f:metadata":{"f:labels":{".":{},"f:app":{}}},"f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"a\"}":{".":{},"f:ports":{".":{},"k:{\"containerPort\":80,\"protocol\":\"TCP\"}":{".":{},"f:containerPort":{}}}}}}}}}"#,
        "{}",
    ];

    #[test]
    fn reading_and_writing_is_the_identity() {
        for document in SORTED {
            let value: Value = serde_json::from_str(document).unwrap();
            let set = FieldSet::parse(&value).unwrap();
            assert_eq!(set.to_json(), document);
            assert_eq!(set.to_value(), value);
            assert!(set.is_written_as(&value));
        }
    }

    #[test]
    fn an_empty_map_makes_a_member_and_the_unknown_is_left_out() {
        let value = json!({"f:a": {"z:future": {"f:b": {}}}, "f:c": null, "f:d": {".": 1, "f:e": {}}});
        let set = FieldSet::parse(&value).unwrap();
        assert_eq!(set.to_json(), r#"{"f:a":{},"f:c":{},"f:d":{".":{},"f:e":{}}}"#);
        assert!(!set.is_written_as(&value));
    }

    #[test]
    fn what_is_no_trie_is_refused() {
        for value in [json!([]), json!({"f:a": 1}), json!({"f:a": []}), json!({"noprefix": {}}), json!("f:a")] {
            assert_eq!(FieldSet::parse(&value), Err(BadFields), "{value}");
        }
    }

    #[test]
    fn another_set_is_not_what_is_written() {
        let value = json!({"f:a": {".": {}, "f:b": {}}, "v:1": {}});
        let same = FieldSet::parse(&value).unwrap();
        assert!(same.is_written_as(&value));
        for other in [
            json!({"f:a": {"f:b": {}}, "v:1": {}}),
            json!({"f:a": {".": {}, "f:c": {}}, "v:1": {}}),
            json!({"f:a": {".": {}, "f:b": {}}}),
            json!({"f:a": {".": {}, "f:b": {}}, "v:2": {}}),
        ] {
            assert!(!same.is_written_as(&other), "{other}");
        }
    }
}
