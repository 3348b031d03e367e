//! Parsed text with slots, ready to be filled with values.
//!
//! Between two renderings of a file only the values differ, as a rule, and values are not in the text. So the parsed text
//! is kept, found again by comparing the whole text, and filled with the new values: YAML is parsed once.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};

use super::slot;
use super::yaml::{self, Fault, Node};

/// How many texts of one file are kept: a template with conditions has a few.
const KEPT: usize = 8;
/// Longer texts are not kept, in bytes.
const KEPT_BYTES: usize = 64 << 10;

/// A parsed text.
#[derive(Debug)]
pub(super) struct Skeleton {
    text: String,
    documents: Vec<Piece>,
    /// Where each document begins, in bytes of the text.
    starts: Vec<usize>,
    /// How many slots are in the documents.
    slots: usize,
}

/// A part of a document.
#[derive(Debug)]
enum Piece {
    /// Nothing to fill in.
    Fixed(Value),
    Slot(u32),
    List(Vec<Piece>),
    Map(MapPiece),
}

/// A map with something to fill in.
#[derive(Debug)]
struct MapPiece {
    /// All fields with fixed keys; those with something to fill in are null.
    base: Map<String, Value>,
    /// For each field of `base`, in its order, what to fill in.
    filled: Vec<Option<Piece>>,
    /// Fields whose key is a slot.
    keyed_by_slot: Vec<(u32, Piece)>,
}

/// What is wrong with a text, or with the values for it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// The text.
    Text(Fault),
    /// The slot is in no document: it stands in a comment.
    InComment(u32),
    /// The slot is a key that the map already has.
    DuplicateKey(u32),
    /// The slot is a key and its value is not text.
    KeyNotText(u32),
}

impl Skeleton {
    fn parse(text: String, depth: usize) -> Result<Self, Unfit> {
        let documents = yaml::read(&text, depth).map_err(Unfit::Text)?;
        let mut used = Vec::new();
        let mut pieces = Vec::with_capacity(documents.len());
        let mut starts = Vec::with_capacity(documents.len());
        for document in documents {
            pieces.push(piece(document.root, &mut used));
            starts.push(document.at);
        }
        used.sort_unstable();
        if let Some((_, slot)) = slot::find_all(&text).find(|(_, slot)| used.binary_search(slot).is_err()) {
            return Err(Unfit::InComment(slot));
        }
        Ok(Self { text, documents: pieces, starts, slots: used.len() })
    }

    /// How many slots are in the documents.
    pub(super) const fn slots(&self) -> usize {
        self.slots
    }

    /// Where the documents begin, in bytes of the text.
    pub(super) fn starts(&self) -> &[usize] {
        &self.starts
    }

    /// The documents with the values in their slots. Each value is taken once.
    pub(super) fn fill(&self, values: &mut [Value]) -> Result<Vec<Value>, Unfit> {
        self.documents.iter().map(|document| fill(document, values)).collect()
    }
}

fn piece(node: Node, used: &mut Vec<u32>) -> Piece {
    match node {
        Node::Scalar(value) => Piece::Fixed(value),
        Node::Slot(slot) => {
            used.push(slot);
            Piece::Slot(slot)
        }
        Node::List(items) => {
            let items: Vec<Piece> = items.into_iter().map(|item| piece(item, used)).collect();
            if items.iter().all(|item| matches!(item, Piece::Fixed(_))) {
                return Piece::Fixed(items.into_iter().filter_map(Piece::fixed).collect());
            }
            Piece::List(items)
        }
        Node::Map(fields) => {
            let mut base = Map::new();
            let mut filled = Vec::new();
            for (key, node) in fields.fixed {
                match piece(node, used) {
                    // A field without a value is left out, as one whose slot is null will be. Beside keys that are slots
                    // it stays for now, to be compared with them.
                    Piece::Fixed(Value::Null) if fields.keyed_by_slot.is_empty() => {}
                    Piece::Fixed(value) => {
                        base.insert(key, value);
                        filled.push(None);
                    }
                    piece => {
                        base.insert(key, Value::Null);
                        filled.push(Some(piece));
                    }
                }
            }
            let mut keyed_by_slot = Vec::new();
            for (slot, node) in fields.keyed_by_slot {
                used.push(slot);
                keyed_by_slot.push((slot, piece(node, used)));
            }
            if keyed_by_slot.is_empty() && filled.iter().all(Option::is_none) {
                return Piece::Fixed(Value::Object(base));
            }
            Piece::Map(MapPiece { base, filled, keyed_by_slot })
        }
    }
}

impl Piece {
    fn fixed(self) -> Option<Value> {
        match self {
            Self::Fixed(value) => Some(value),
            Self::Slot(_) | Self::List(_) | Self::Map(_) => None,
        }
    }
}

fn take(values: &mut [Value], slot: u32) -> Value {
    usize::try_from(slot).ok().and_then(|slot| values.get_mut(slot)).map(Value::take).unwrap_or_default()
}

fn fill(piece: &Piece, values: &mut [Value]) -> Result<Value, Unfit> {
    Ok(match piece {
        Piece::Fixed(value) => value.clone(),
        Piece::Slot(slot) => take(values, *slot),
        Piece::List(items) => Value::Array(items.iter().map(|item| fill(item, values)).collect::<Result<_, _>>()?),
        Piece::Map(map) => Value::Object(map.fill(values)?),
    })
}

impl MapPiece {
    fn fill(&self, values: &mut [Value]) -> Result<Map<String, Value>, Unfit> {
        let mut map = self.base.clone();
        let mut has_null = false;
        // Both are in the order of the keys, so nothing has to be looked up.
        for (value, piece) in map.values_mut().zip(&self.filled) {
            if let Some(piece) = piece {
                *value = fill(piece, values)?;
                has_null |= value.is_null();
            }
        }
        for (slot, piece) in &self.keyed_by_slot {
            let Value::String(key) = take(values, *slot) else { return Err(Unfit::KeyNotText(*slot)) };
            if map.insert(key, fill(piece, values)?).is_some() {
                return Err(Unfit::DuplicateKey(*slot));
            }
        }
        if has_null || !self.keyed_by_slot.is_empty() {
            map.retain(|_, value| !value.is_null());
        }
        Ok(map)
    }
}

/// The skeletons of one file's texts, most recently used first.
#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<Vec<Arc<Skeleton>>>);

impl Cache {
    /// The skeleton of `text`, parsed at most once while it is kept.
    pub(super) fn skeleton(&self, text: &str, depth: usize) -> Result<Arc<Skeleton>, Unfit> {
        {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(at) = kept.iter().position(|skeleton| skeleton.text == text) {
                kept[..=at].rotate_right(1);
                return Ok(Arc::clone(&kept[0]));
            }
        }
        // Parsed outside the lock: others render meanwhile, and two that parse the same text do no harm.
        let skeleton = Arc::new(Skeleton::parse(text.to_owned(), depth)?);
        if text.len() <= KEPT_BYTES {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.truncate(KEPT - 1);
            kept.insert(0, Arc::clone(&skeleton));
        }
        Ok(skeleton)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filled(text: &str, mut values: Vec<Value>) -> Result<Vec<Value>, Unfit> {
        let text = text.replace('§', "\u{e000}");
        Skeleton::parse(text, 16)?.fill(&mut values)
    }

    #[test]
    fn slots_are_filled_with_typed_values() {
        assert_eq!(
            filled("a: §0§\n§1§: [§2§, {b: 1}]\nc: {d: x}\n", vec![json!([1]), json!("k: v"), json!("\n---\n")])
                .unwrap(),
            [json!({"a": [1], "k: v": ["\n---\n", {"b": 1}], "c": {"d": "x"}})]
        );
    }

    #[test]
    fn fields_that_are_null_are_left_out_and_items_are_not() {
        assert_eq!(
            filled(
                "a: null\nb: §0§\nc: [null, §1§]\n§2§: §3§\n",
                vec![json!(null), json!(null), json!("k"), json!(null)]
            )
            .unwrap(),
            [json!({"c": [null, null]})]
        );
    }

    #[test]
    fn keys_from_slots_are_text_and_unique() {
        assert_eq!(filled("§0§: 1\n", vec![json!(1)]), Err(Unfit::KeyNotText(0)));
        assert_eq!(filled("a: 1\n§0§: 1\n", vec![json!("a")]), Err(Unfit::DuplicateKey(0)));
        assert_eq!(filled("a: null\n§0§: 1\n", vec![json!("a")]), Err(Unfit::DuplicateKey(0)));
        assert_eq!(filled("§0§: 1\n§1§: 2\n", vec![json!("a"), json!("a")]), Err(Unfit::DuplicateKey(1)));
    }

    #[test]
    fn a_slot_in_a_comment_is_noticed() {
        assert_eq!(filled("a: §0§ # §1§\n", vec![json!(1), json!(2)]), Err(Unfit::InComment(1)));
    }

    #[test]
    fn few_texts_are_kept_the_recent_ones() {
        let cache = Cache::default();
        let first = cache.skeleton("a: 0\n", 16).unwrap();
        for i in 1..=3 * KEPT {
            cache.skeleton(&format!("a: {i}\n"), 16).unwrap();
            assert!(Arc::ptr_eq(&first, &cache.skeleton("a: 0\n", 16).unwrap()));
        }
        assert_eq!(cache.0.lock().unwrap().len(), KEPT);
        cache.skeleton(&format!("a: {}\n", "x".repeat(KEPT_BYTES)), 16).unwrap();
        assert_eq!(cache.0.lock().unwrap().len(), KEPT);
    }
}
