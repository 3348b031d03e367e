//! Objects to JSON, once, with the revision in it and the places of what is looked at later.
//!
//! As `APIObjectVersioner` does it (`storage/api_object_versioner.go`): the revision becomes `metadata.resourceVersion`
//! whatever was there, and `metadata.selfLink` goes.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value};

use super::object::Places;
use crate::status::Failure;

/// How many lists and maps may be in each other where JSON is read (the recursion limit of serde_json).
const LEVELS: usize = 127;

/// A part of a JSON document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    pub(super) fn of(self, json: &[u8]) -> &[u8] {
        json.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// Moved, if it is after `place`, by what was put in or taken out there.
    fn moved(self, place: Self, length: u32) -> Self {
        if self.start < place.end {
            return self;
        }
        let by = |position: u32| (position - (place.end - place.start)).saturating_add(length);
        Self { start: by(self.start), end: by(self.end) }
    }
}

/// An object as JSON.
pub(super) struct Encoded {
    pub(super) json: Bytes,
    pub(super) places: Places,
}

/// Writes an object. 400 for one that could not be read again.
pub(super) fn encode(object: &Map<String, Value>, revision: u64) -> Result<Encoded, Failure> {
    if object.values().any(|value| is_deeper(value, LEVELS - 1)) {
        let why = format!("the object is nested too deeply: with its managedFields it has more than {LEVELS} levels");
        return Err(Failure::bad_request(why));
    }
    let mut writer = Writer { out: Vec::with_capacity(2048), places: Places::default() };
    let mut separator = b'{';
    for (key, value) in object {
        writer.key(separator, key)?;
        separator = b',';
        match value {
            Value::Object(metadata) if key == "metadata" => writer.metadata(metadata, revision)?,
            value => writer.value(value)?,
        }
    }
    if !matches!(object.get("metadata"), Some(Value::Object(_))) {
        return Err(failed("an object without metadata cannot be kept"));
    }
    writer.out.push(b'}');
    // A copy has the length that is needed. Shrunk in place, the buffer would keep what allocators round up.
    Ok(Encoded { json: Bytes::copy_from_slice(&writer.out), places: writer.places })
}

/// Whether more than so many lists and maps are in each other. It looks no deeper than that.
fn is_deeper(value: &Value, levels: usize) -> bool {
    let inner = |value| is_deeper(value, levels - 1);
    match value {
        Value::Array(items) => levels == 0 || items.iter().any(inner),
        Value::Object(fields) => levels == 0 || fields.values().any(inner),
        _ => false,
    }
}

/// The same JSON with another revision.
pub(super) fn renumbered(json: &[u8], places: Places, revision: u64) -> Encoded {
    let digits = revision.to_string();
    let (before, after) = json.split_at_checked(places.version.start as usize).unwrap_or((json, &[]));
    let after = after.get((places.version.end - places.version.start) as usize..).unwrap_or_default();
    let json = [before, digits.as_bytes(), after].concat();
    // 20 digits at most.
    let length = u32::try_from(digits.len()).unwrap_or(u32::MAX);
    let places = Places {
        version: Span { start: places.version.start, end: places.version.start.saturating_add(length) },
        uid: places.uid.moved(places.version, length),
        labels: places.labels.moved(places.version, length),
    };
    Encoded { json: Bytes::from(json.into_boxed_slice()), places }
}

struct Writer {
    out: Vec<u8>,
    places: Places,
}

impl Writer {
    fn key(&mut self, separator: u8, key: &str) -> Result<(), Failure> {
        self.out.push(separator);
        self.value(key)?;
        self.out.push(b':');
        Ok(())
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        serde_json::to_writer(&mut self.out, value).map_err(|error| failed(&error.to_string()))
    }

    fn metadata(&mut self, metadata: &Map<String, Value>, revision: u64) -> Result<(), Failure> {
        let mut separator = b'{';
        let mut numbered = false;
        for (key, value) in metadata {
            if key == "resourceVersion" || key == "selfLink" {
                continue;
            }
            if !numbered && key.as_str() > "resourceVersion" {
                self.version(separator, revision)?;
                separator = b',';
                numbered = true;
            }
            self.key(separator, key)?;
            separator = b',';
            let start = self.out.len();
            self.value(value)?;
            let span = self.since(start)?;
            match (key.as_str(), value) {
                ("uid", Value::String(_)) => self.places.uid = Span { start: span.start + 1, end: span.end - 1 },
                ("labels", Value::Object(labels)) if !labels.is_empty() => {
                    if !labels.values().all(Value::is_string) {
                        return Err(failed("a label that is no string cannot be kept"));
                    }
                    self.places.labels = span;
                }
                _ => {}
            }
        }
        if !numbered {
            self.version(separator, revision)?;
        }
        self.out.push(b'}');
        Ok(())
    }

    fn version(&mut self, separator: u8, revision: u64) -> Result<(), Failure> {
        self.key(separator, "resourceVersion")?;
        self.out.push(b'"');
        let start = self.out.len();
        self.value(&revision)?;
        self.places.version = self.since(start)?;
        self.out.push(b'"');
        Ok(())
    }

    fn since(&self, start: usize) -> Result<Span, Failure> {
        match (u32::try_from(start), u32::try_from(self.out.len())) {
            (Ok(start), Ok(end)) => Ok(Span { start, end }),
            _ => Err(failed("an object of 4 GiB cannot be kept")),
        }
    }
}

/// What is between the quotes of a JSON string, read.
pub(super) fn string(raw: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(raw) {
        Ok(raw) if !raw.contains('\\') => Cow::Borrowed(raw),
        // It was written by `encode`, so that it can be read.
        Ok(raw) => serde_json::from_str(&format!("\"{raw}\"")).map_or(Cow::Borrowed(raw), Cow::Owned),
        Err(_) => String::from_utf8_lossy(raw),
    }
}

/// The entries of a JSON map of strings, as [`encode`] writes it, or of nothing.
pub(super) fn pairs(json: &[u8]) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    let mut strings = Strings(json);
    std::iter::from_fn(move || Some((strings.next()?, strings.next()?)))
}

/// The strings in a piece of JSON, one after the other.
struct Strings<'a>(&'a [u8]);

impl<'a> Iterator for Strings<'a> {
    type Item = Cow<'a, str>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.0.iter().position(|&byte| byte == b'"')? + 1;
        let rest = self.0.get(start..)?;
        let mut escaped = false;
        let end = rest.iter().position(|&byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        })?;
        let (found, rest) = rest.split_at_checked(end)?;
        self.0 = rest.get(1..)?;
        Some(string(found))
    }
}

fn failed(why: &str) -> Failure {
    Failure::new(500, "InternalError", format!("Internal error occurred: {why}"))
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_map;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        let Value::Object(map) = value else { panic!("no object") };
        map
    }

    fn text(places: Span, json: &[u8]) -> &str {
        std::str::from_utf8(places.of(json)).unwrap()
    }

    #[test]
    fn the_revision_is_put_in_and_places_are_known() {
        let object = map(json!({
            "kind": "Secret", "apiVersion": "v1",
            "metadata": {
                "name": "a", "uid": "u-1", "labels": {"x": "1"}, "selfLink": "/x", "resourceVersion": "old",
                "ownerReferences": [{"uid": "o"}],
            },
        }));
        let Encoded { json, places } = encode(&object, 42).unwrap();
        assert_eq!(
            std::str::from_utf8(&json).unwrap(),
            r#"{"apiVersion":"v1","kind":"Secret","metadata":{"labels":{"x":"1"},"name":"a","ownerReferences":[{"uid":"o"}],"resourceVersion":"42","uid":"u-1"}}"#
        );
        assert_eq!(text(places.version, &json), "42");
        assert_eq!(text(places.uid, &json), "u-1");
        assert_eq!(text(places.labels, &json), r#"{"x":"1"}"#);
    }

    #[test]
    fn what_is_no_object_of_kubernetes_is_not_kept() {
        assert!(encode(&map(json!({"kind": "A"})), 1).is_err());
        assert!(encode(&map(json!({"metadata": {"labels": {"a": 1}}})), 1).is_err());
    }

    #[test]
    fn what_is_kept_can_be_read_again() {
        for (levels, fits) in [(LEVELS, true), (LEVELS + 1, false)] {
            // The object itself is the first level.
            let lists = (1..levels).fold(json!(1), |inner, _| json!([inner]));
            let maps = (1..levels).fold(json!(1), |inner, _| json!({"a": inner}));
            for nested in [lists, maps] {
                let kept = encode(&map(json!({"metadata": {}, "spec": nested})), 1);
                assert_eq!(kept.as_ref().map_or_else(|failure| failure.code, |_| 201), if fits { 201 } else { 400 });
                let read = kept.map(|kept| serde_json::from_slice::<Value>(&kept.json).map(drop).is_ok());
                assert_eq!(read.unwrap_or(false), fits, "{levels}");
            }
        }
    }

    proptest! {
        /// Whatever is in an object, it is kept as it is, but for its version; and what is found by place is what is there.
        #[test]
        fn nothing_else_changes(
            labels in btree_map(".{0,6}", ".{0,6}", 0..4),
            others in btree_map("[a-z]{1,20}", ".{0,6}", 0..6),
            uid in ".{0,8}",
            revision: u64,
            again: u64,
        ) {
            let mut metadata = map(json!({"labels": labels, "uid": uid}));
            for (key, value) in others {
                metadata.entry(key).or_insert(json!(value));
            }
            let object = map(json!({"metadata": metadata, "spec": [1]}));
            let first = encode(&object, revision).unwrap();
            let second = renumbered(&first.json, first.places, again);
            for (Encoded { json, places }, revision) in [(first, revision), (second, again)] {
                let mut read: Map<String, Value> = serde_json::from_slice(&json).unwrap();
                let version = read["metadata"].as_object_mut().unwrap().remove("resourceVersion");
                prop_assert_eq!(version, Some(json!(revision.to_string())));
                prop_assert_eq!(&read, &object);
                prop_assert_eq!(text(places.version, &json), revision.to_string());
                prop_assert_eq!(string(places.uid.of(&json)), uid.as_str());
                let found: Vec<_> =
                    pairs(places.labels.of(&json)).map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
                prop_assert_eq!(found, labels.clone().into_iter().collect::<Vec<_>>());
            }
        }
    }
}
