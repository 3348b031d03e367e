//! Reads YAML into trees of typed values and slots.
//!
//! A small, strict YAML: maps with text keys, lists and scalars. Anchors, aliases, tags, merge keys, duplicate keys and
//! scalars that readers disagree on are refused, each with its place. A slot is accepted as a whole plain scalar only.

use std::collections::BTreeMap;
use std::ops::Range;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};
use serde_json::Value;

use super::error::TemplateError;
use super::limits::Limits;
use super::place::Place;
use super::scalar;
use super::slot::{self, Content};

/// A tree with slots in it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    /// A scalar.
    Scalar(Value),
    /// A value that is put in later.
    Slot(u32),
    /// A list.
    List(Vec<Node>),
    /// A map.
    Map(Fields),
}

/// The entries of a map.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Fields {
    /// Those whose key is text.
    pub(super) fixed: BTreeMap<String, Node>,
    /// Those whose key is a slot.
    pub(super) keyed_by_slot: Vec<(u32, Node)>,
}

impl Node {
    /// The tree as a value; slots, of which a file without templates has none, become null.
    pub(super) fn into_value(self) -> Value {
        match self {
            Self::Scalar(value) => value,
            Self::Slot(_) => Value::Null,
            Self::List(items) => Value::Array(items.into_iter().map(Self::into_value).collect()),
            Self::Map(fields) => {
                Value::Object(fields.fixed.into_iter().map(|(key, node)| (key, node.into_value())).collect())
            }
        }
    }
}

/// One document of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Document {
    /// The tree. Documents with nothing in them are left out.
    pub(super) root: Node,
    /// Where it begins, in bytes.
    pub(super) at: usize,
}

/// What is wrong with a YAML text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Problem {
    /// Not YAML, as the parser says.
    Syntax(String),
    /// Something of YAML's that is not accepted, and what to do instead.
    Refused(&'static str),
    /// A plain scalar that readers disagree on.
    Ambiguous(scalar::Ambiguous),
    /// The key is there twice.
    DuplicateKey,
    /// The key is not text.
    KeyNotText,
    /// A slot is only a part of a scalar.
    PartialSlot,
    /// Nested deeper than allowed.
    TooDeep,
}

impl Problem {
    /// The error at a place.
    pub(super) fn into_error(self, place: Place, limits: &Limits) -> TemplateError {
        match self {
            Self::Syntax(message) => TemplateError::Yaml { place, message },
            Self::Refused(message) => {
                TemplateError::YamlRefused { place, message: format!("this is not accepted here: {message}") }
            }
            Self::Ambiguous(ambiguous) => TemplateError::AmbiguousScalar { place, hint: ambiguous.hint() },
            Self::DuplicateKey => TemplateError::DuplicateKey { place },
            Self::KeyNotText => TemplateError::KeyNotText { place },
            Self::PartialSlot => TemplateError::ReservedCharacter { place },
            Self::TooDeep => TemplateError::TooDeep { place, limit: limits.depth },
        }
    }
}

/// A problem and its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// Bytes of the text.
    pub(super) range: Range<usize>,
    /// What is wrong.
    pub(super) problem: Problem,
}

/// Reads all documents of `text`, nested at most `depth` deep.
pub(super) fn read(text: &str, depth: usize) -> Result<Vec<Document>, Fault> {
    let mut reader = Reader { text, depth, documents: Vec::new(), open: Vec::new(), started: (0, 0) };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        match event {
            Ok((event, span)) => reader.take(event, span)?,
            Err(error) => {
                let at = byte_of(text, *error.marker());
                return Err(Fault { range: at..at + 1, problem: Problem::Syntax(error.info().to_owned()) });
            }
        }
    }
    Ok(reader.documents)
}

/// A map or list whose end has not come yet.
enum Open {
    List(Vec<Node>),
    Map(Fields, Option<Key>),
}

enum Key {
    Text(String),
    Slot(u32),
}

struct Reader<'a> {
    text: &'a str,
    depth: usize,
    documents: Vec<Document>,
    open: Vec<Open>,
    /// Where the document began: characters, as the parser counts, and bytes.
    started: (usize, usize),
}

impl Reader<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Fault> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_extras(anchor, tag.is_some(), span)?;
                self.scalar(&text, style, span)
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_extras(anchor, tag.is_some(), span)?;
                self.begin(Open::List(Vec::new()), span)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_extras(anchor, tag.is_some(), span)?;
                self.begin(Open::Map(Fields::default(), None), span)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let node = match self.open.pop() {
                    Some(Open::List(items)) => Node::List(items),
                    Some(Open::Map(fields, _)) => Node::Map(fields),
                    None => return Ok(()),
                };
                self.place(node, span)
            }
            Event::Alias(_) => self.fault(span, Problem::Refused("an alias; write the value out")),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                Ok(())
            }
        }
    }

    fn refuse_extras(&self, anchor: usize, tagged: bool, span: Span) -> Result<(), Fault> {
        if anchor != 0 {
            return self.fault(span, Problem::Refused("an anchor; write the value out where it is used"));
        }
        if tagged {
            return self.fault(span, Problem::Refused("a tag; write text in quotes and everything else plainly"));
        }
        Ok(())
    }

    fn begin(&mut self, open: Open, span: Span) -> Result<(), Fault> {
        if matches!(self.open.last(), Some(Open::Map(_, None))) {
            return self.fault(span, Problem::KeyNotText);
        }
        if self.open.is_empty() {
            self.start_at(span.start);
        }
        if self.open.len() >= self.depth {
            return self.fault(span, Problem::TooDeep);
        }
        self.open.push(open);
        Ok(())
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, span: Span) -> Result<(), Fault> {
        let plain = style == ScalarStyle::Plain;
        let node = match slot::content(text) {
            Content::Slot(number) if plain => Node::Slot(number),
            Content::Slot(_) | Content::Mixed => return self.fault(span, Problem::PartialSlot),
            Content::Text if plain => match scalar::resolve(text) {
                Ok(value) => Node::Scalar(value),
                Err(ambiguous) => return self.fault(span, Problem::Ambiguous(ambiguous)),
            },
            Content::Text => Node::Scalar(Value::String(text.to_owned())),
        };
        if let Some(Open::Map(fields, key @ None)) = self.open.last_mut() {
            *key = Some(match node {
                Node::Slot(number) => Key::Slot(number),
                Node::Scalar(Value::String(text)) if plain && text == "<<" => {
                    return self.fault(span, Problem::Refused("a merge key; write the fields out"));
                }
                Node::Scalar(Value::String(text)) if fields.fixed.contains_key(&text) => {
                    return self.fault(span, Problem::DuplicateKey);
                }
                Node::Scalar(Value::String(text)) => Key::Text(text),
                Node::Scalar(_) | Node::List(_) | Node::Map(_) => return self.fault(span, Problem::KeyNotText),
            });
            return Ok(());
        }
        if self.open.is_empty() {
            self.start_at(span.start);
        }
        self.place(node, span)
    }

    /// Notes where a document begins, counting on from the one before it: a text may have very many.
    fn start_at(&mut self, marker: Marker) {
        let (characters, bytes) = self.started;
        let rest = self.text.get(bytes..).unwrap_or_default();
        let further =
            rest.char_indices().nth(marker.index().saturating_sub(characters)).map_or(rest.len(), |(at, _)| at);
        self.started = (marker.index(), bytes + further);
    }

    /// Puts a finished node where it belongs.
    fn place(&mut self, node: Node, span: Span) -> Result<(), Fault> {
        match self.open.last_mut() {
            None if node == Node::Scalar(Value::Null) => {}
            None => self.documents.push(Document { root: node, at: self.started.1 }),
            Some(Open::List(items)) => items.push(node),
            Some(Open::Map(fields, key)) => match key.take() {
                Some(Key::Text(key)) => {
                    fields.fixed.insert(key, node);
                }
                Some(Key::Slot(number)) => fields.keyed_by_slot.push((number, node)),
                None => return self.fault(span, Problem::KeyNotText),
            },
        }
        Ok(())
    }

    fn fault<T>(&self, span: Span, problem: Problem) -> Result<T, Fault> {
        let (start, end) = (byte_of(self.text, span.start), byte_of(self.text, span.end));
        Err(Fault { range: start..end.max(start + 1), problem })
    }
}

/// The parser counts characters. Only errors ask, so that bytes need not be counted along.
fn byte_of(text: &str, marker: Marker) -> usize {
    text.char_indices().nth(marker.index()).map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn value(text: &str) -> Value {
        let mut documents = read(text, 16).unwrap();
        assert_eq!(documents.len(), 1);
        documents.remove(0).root.into_value()
    }

    fn problem(text: &str) -> (String, Problem) {
        let fault = read(text, 4).unwrap_err();
        let end = text.floor_char_boundary(fault.range.end.min(text.len()));
        (text[fault.range.start.min(end)..end].to_owned(), fault.problem)
    }

    #[test]
    fn reads_maps_lists_and_scalars() {
        assert_eq!(
            value(
                "a: 1\nb: [x, 'yes', {c: null}]\nd: |\n  two\n  lines\ne: >-\n  folded\n  text\n\"f\": \"\\u0085\"\n"
            ),
            json!({"a": 1, "b": ["x", "yes", {"c": null}], "d": "two\nlines\n", "e": "folded text", "f": "\u{85}"})
        );
    }

    #[test]
    fn empty_documents_are_left_out() {
        assert_eq!(read("---\n# nothing\n---\na: 1\n---\n", 4).unwrap().len(), 1);
        assert_eq!(read("", 4).unwrap().len(), 0);
    }

    #[test]
    fn slots_are_scalars_and_keys() {
        let documents = read("\u{e000}0\u{e000}: [\u{e000}1\u{e000}]\n", 4).unwrap();
        let Node::Map(fields) = &documents[0].root else { panic!() };
        assert_eq!(fields.keyed_by_slot, [(0, Node::List(vec![Node::Slot(1)]))]);
    }

    #[test]
    fn what_is_refused_has_its_place() {
        let refused = |text: &str| matches!(problem(text), (_, Problem::Refused(_)));
        assert!(refused("a: &x 1\n"));
        assert!(refused("a: *x\n") || matches!(problem("a: *x\n").1, Problem::Syntax(_)));
        assert!(refused("a: &x {}\nb: *x\n"));
        assert!(refused("a: !!str 1\n"));
        assert!(refused("<<: {a: 1}\n"));
        assert_eq!(problem("a: 1\nb: 2\na: 3\n").1, Problem::DuplicateKey);
        assert_eq!(problem("{a: 1, a: 2}\n").1, Problem::DuplicateKey);
        assert_eq!(problem("1: a\n"), ("1".to_owned(), Problem::KeyNotText));
        assert_eq!(problem("? [a]\n: b\n").1, Problem::KeyNotText);
        assert_eq!(problem("ä: yes\n"), ("yes".to_owned(), Problem::Ambiguous(scalar::Ambiguous::Boolean)));
        assert_eq!(problem("a: [[[[[1]]]]]\n").1, Problem::TooDeep);
        assert!(matches!(problem("a: [1\n").1, Problem::Syntax(_)));
        for text in
            ["a: x\u{e000}0\u{e000}\n", "a: \"\u{e000}0\u{e000}\"\n", "a: |\n  \u{e000}0\u{e000}\n", "a: \"\\ue000\"\n"]
        {
            assert_eq!(problem(text).1, Problem::PartialSlot, "{text:?}");
        }
    }

    const TOKENS: &[&str] = &[
        "a",
        "a: ",
        "- ",
        "? ",
        ": ",
        ":",
        ",",
        "[",
        "]",
        "{",
        "}",
        "\n",
        "\r\n",
        "\r",
        "  ",
        " ",
        "\t",
        "---",
        "---\n",
        "...\n",
        "%YAML 1.2\n",
        "%TAG ! x:\n",
        "%",
        "&",
        "&a ",
        "*",
        "*a",
        "!",
        "!!",
        "!!str ",
        "!<x> ",
        "!a!b ",
        "|",
        "|2\n",
        ">-\n",
        ">+9\n",
        "'",
        "''",
        "\"",
        "\\",
        "\\x4",
        "\\u0041",
        "#",
        " # c\n",
        "@",
        "`",
        "<<: ",
        "~",
        "-",
        "-\n",
        "é",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "\u{0}",
        "\u{e000}",
        "\u{e000}0\u{e000}",
        "0x",
        "1e3",
        "yes",
    ];

    proptest! {
        // JSON is YAML: the reader must agree with a JSON parser wherever it accepts, and never panic elsewhere.
        #[test]
        fn any_text_is_read_or_refused(text in "[ -~\n\u{e000}äé]{0,80}") {
            let _ = read(&text, 8);
        }

        #[test]
        fn any_tokens_are_read_or_refused(tokens in prop::collection::vec(prop::sample::select(TOKENS), 0..30)) {
            let _ = read(&tokens.concat(), 8);
        }

        #[test]
        fn quoted_text_is_kept(text in "\\PC*") {
            let quoted = serde_json::to_string(&text).unwrap();
            prop_assume!(!text.contains('\u{e000}'));
            prop_assert_eq!(value(&format!("a: {quoted}\n")), json!({ "a": text }));
        }
    }
}
