//! One byte sequence for each JSON value, and its hash: object keys sorted, no spaces, no choice left to the writer.
//!
//! Hashes decide whether anything is sent to a physical cluster, and they are compared with ones that an older process
//! wrote: the form must depend neither on the order in which a template names its keys nor on whether some crate of the
//! build turns serde_json's `preserve_order` on. The bytes go straight into SHA-256, through a small buffer and without a
//! text in between: this runs for every object of every reconcile.
//!
//! Keys are sorted by their UTF-8 bytes, strings escape only what JSON demands, and numbers are written as serde_json
//! holds them, so that `1` and `1.0` differ. Values come from parsers that bound the depth; the recursion relies on it.

use serde_json::{Number, Value};
use sha2::{Digest, Sha256};

use crate::names::{ANNOTATION_HASH, hex};
use crate::object::Desired;

/// Bytes of a digest that are kept: 128 bits are beyond any chance of two objects meeting, and read well in an annotation.
const KEPT: usize = 16;

/// Hash of a value: 32 hexadecimal digits, the first half of the SHA-256 over its canonical form.
pub fn hash(value: &Value) -> String {
    let mut sink = Hashing::new();
    write(value, &mut sink);
    sink.finish()
}

/// Length of the canonical form, in bytes.
pub fn length(value: &Value) -> usize {
    let mut sink = Counting(0);
    write(value, &mut sink);
    sink.0
}

/// Hash of a set of objects, whatever their order: the revision of what was rendered.
///
/// A sealed object counts by the hash it carries; the hash covers kind, namespace and name.
pub fn revision(objects: &[Desired]) -> String {
    let mut hashes: Vec<_> = objects
        .iter()
        .map(|desired| carried_hash(&desired.object).map_or_else(|| hash(&desired.object), ToOwned::to_owned))
        .collect();
    hashes.sort_unstable();
    let mut sink = Hashing::new();
    for hash in &hashes {
        sink.put(hash.as_bytes());
        sink.put_byte(b'\n');
    }
    sink.finish()
}

/// The hash that a sealed object carries in its annotations.
pub fn carried_hash(object: &Value) -> Option<&str> {
    object.get("metadata")?.get("annotations")?.get(ANNOTATION_HASH)?.as_str()
}

/// Where canonical bytes go.
trait Sink {
    fn put(&mut self, bytes: &[u8]);

    fn put_byte(&mut self, byte: u8) {
        self.put(&[byte]);
    }
}

/// SHA-256 behind a buffer: most pieces are a few bytes long, and the hash works on blocks of 64.
struct Hashing {
    hasher: Sha256,
    buffer: [u8; Self::SIZE],
    used: usize,
}

impl Hashing {
    const SIZE: usize = 1024;

    fn new() -> Self {
        Self { hasher: Sha256::new(), buffer: [0; Self::SIZE], used: 0 }
    }

    fn flush(&mut self) {
        self.hasher.update(&self.buffer[..self.used]);
        self.used = 0;
    }

    fn finish(mut self) -> String {
        self.flush();
        hex(&self.hasher.finalize()[..KEPT])
    }
}

impl Sink for Hashing {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        if bytes.len() > Self::SIZE - self.used {
            self.flush();
            if bytes.len() > Self::SIZE {
                self.hasher.update(bytes);
                return;
            }
        }
        self.buffer[self.used..self.used + bytes.len()].copy_from_slice(bytes);
        self.used += bytes.len();
    }

    #[inline]
    fn put_byte(&mut self, byte: u8) {
        if self.used == Self::SIZE {
            self.flush();
        }
        self.buffer[self.used] = byte;
        self.used += 1;
    }
}

struct Counting(usize);

impl Sink for Counting {
    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }
}

fn write(value: &Value, sink: &mut impl Sink) {
    match value {
        Value::Null => sink.put(b"null"),
        Value::Bool(true) => sink.put(b"true"),
        Value::Bool(false) => sink.put(b"false"),
        Value::Number(number) => write_number(number, sink),
        Value::String(text) => write_string(text, sink),
        Value::Array(items) => {
            sink.put_byte(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    sink.put_byte(b',');
                }
                write(item, sink);
            }
            sink.put_byte(b']');
        }
        Value::Object(map) => write_object(map.iter(), sink),
    }
}

/// Writes entries in the order of their keys. Without `preserve_order` serde_json's map is a BTreeMap and gives them so.
fn write_object<'a>(entries: impl Iterator<Item = (&'a String, &'a Value)> + Clone, sink: &mut impl Sink) {
    if entries.clone().map(|(key, _)| key).is_sorted() {
        write_entries(entries, sink);
    } else {
        let mut sorted: Vec<_> = entries.collect();
        sorted.sort_unstable_by_key(|(key, _)| *key);
        write_entries(sorted.into_iter(), sink);
    }
}

fn write_entries<'a>(entries: impl Iterator<Item = (&'a String, &'a Value)>, sink: &mut impl Sink) {
    sink.put_byte(b'{');
    for (index, (key, value)) in entries.enumerate() {
        if index > 0 {
            sink.put_byte(b',');
        }
        write_string(key, sink);
        sink.put_byte(b':');
        write(value, sink);
    }
    sink.put_byte(b'}');
}

fn write_number(number: &Number, sink: &mut impl Sink) {
    // Small whole numbers, such as ports and replicas, are nearly all there are.
    match number.as_u64() {
        Some(small @ 0..=9) => sink.put(&[b"0123456789"[usize::try_from(small).unwrap_or(0)]]),
        _ => sink.put(number.to_string().as_bytes()),
    }
}

fn write_string(text: &str, sink: &mut impl Sink) {
    let bytes = text.as_bytes();
    sink.put_byte(b'"');
    // Looking at every byte, without a way out of the loop, is what the compiler makes vector code of.
    if bytes.iter().fold(false, |found, byte| found | needs_escape(*byte)) {
        write_escaped(bytes, sink);
    } else {
        sink.put(bytes);
    }
    sink.put_byte(b'"');
}

const fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

#[cold]
fn write_escaped(bytes: &[u8], sink: &mut impl Sink) {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| needs_escape(*byte)) {
        sink.put(&rest[..at]);
        match rest[at] {
            quote @ (b'"' | b'\\') => sink.put(&[b'\\', quote]),
            control => {
                sink.put(b"\\u00");
                sink.put(hex(&[control]).as_bytes());
            }
        }
        rest = &rest[at + 1..];
    }
    sink.put(rest);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::object::ObjectId;

    impl Sink for Vec<u8> {
        fn put(&mut self, bytes: &[u8]) {
            self.extend_from_slice(bytes);
        }
    }

    fn text(value: &Value) -> String {
        let mut out = Vec::new();
        write(value, &mut out);
        String::from_utf8(out).unwrap()
    }

    /// Any JSON value without floats, whose text form may lose nothing but is not ours to test.
    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[\\x00-\\x7f]{0,20}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..8)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    #[test]
    fn keys_are_sorted_and_only_what_must_be_is_escaped() {
        let value = json!({"b": [1, 10, -1, 1.5, null], "a": {"ü": "é\n\u{1f}\"\\/", "u": true}});
        assert_eq!(text(&value), r#"{"a":{"u":true,"ü":"é\u000a\u001f\"\\/"},"b":[1,10,-1,1.5,null]}"#);
    }

    #[test]
    fn hash_is_half_of_the_sha_256_of_the_text() {
        let full = hex(&Sha256::digest(br#"{"a":1}"#));
        assert_eq!(hash(&json!({"a": 1})), full[..32]);
    }

    #[test]
    fn pieces_larger_than_the_buffer_are_hashed_whole_and_in_order() {
        for length in [1, 1021, 1022, 1023, 1024, 1025, 5000] {
            let value = json!(["a", "x".repeat(length), "b"]);
            assert_eq!(hash(&value), hex(&Sha256::digest(text(&value).as_bytes())[..16]), "{length}");
        }
    }

    #[test]
    fn revision_hangs_on_the_set_of_hashes_alone() {
        let desired = |name: &str, hash: Option<&str>| {
            let mut object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
            if let Some(hash) = hash {
                object["metadata"]["annotations"] = json!({ ANNOTATION_HASH: hash });
            }
            Desired { id: ObjectId::of(&object).unwrap(), object, source: String::new() }
        };
        let (a, b) = (desired("a", Some("1")), desired("b", None));
        assert_eq!(revision(&[a.clone(), b.clone()]), revision(&[b.clone(), a.clone()]));
        assert_ne!(revision(&[a.clone(), b.clone()]), revision(std::slice::from_ref(&a)));
        assert_ne!(revision(std::slice::from_ref(&a)), revision(&[desired("a", Some("2"))]));
        assert_ne!(revision(&[]), revision(std::slice::from_ref(&b)));
    }

    proptest! {
        #[test]
        fn text_reads_back_as_the_value(value in values()) {
            prop_assert_eq!(serde_json::from_str::<Value>(&text(&value)).unwrap(), value);
        }

        #[test]
        fn length_and_hash_are_those_of_the_text(value in values()) {
            let text = text(&value);
            prop_assert_eq!(length(&value), text.len());
            prop_assert_eq!(hash(&value), hex(&Sha256::digest(text.as_bytes())[..16]));
        }

        #[test]
        fn order_of_entries_does_not_count(
            entries in prop::collection::btree_map(any::<String>(), values(), 1..8), by in any::<prop::sample::Index>(),
        ) {
            let mut rotated: Vec<_> = entries.iter().collect();
            rotated.rotate_left(by.index(entries.len()));
            let mut out = Vec::new();
            write_object(rotated.into_iter(), &mut out);
            let sorted = Value::Object(entries.clone().into_iter().collect());
            prop_assert_eq!(String::from_utf8(out).unwrap(), text(&sorted));
        }
    }
}
