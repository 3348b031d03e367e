//! JSON patch (RFC 6902), as evanphx/json-patch has it: negative places count from the end, `replace` of a field that is not
//! there adds it, what comes before the first slash of a path does not count.

use serde_json::{Map, Value};

use super::rejected;
use crate::quote::json_type;
use crate::status::Failure;

/// `maxJSONPatchOperations`
const MAX_OPERATIONS: usize = 10_000;
/// `JSONPatchMaxCopyBytes`: what copies may add to a document in all.
const MAX_COPIED: usize = 3 * 1024 * 1024;
/// As deep as a document can be that is read.
const MAX_DEPTH: usize = 128;

/// A JSON patch.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonPatch {
    operations: Vec<Operation>,
    unknown: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Operation {
    op: Option<String>,
    path: Option<String>,
    from: Option<String>,
    /// Null if there is none, which is nearly the same.
    value: Value,
    has_value: bool,
}

impl JsonPatch {
    /// Reads a patch. 400 or 413 if it is none.
    pub fn read(patch: &Value) -> Result<Self, Failure> {
        let bad = |what: String| Failure::bad_request(format!("error decoding patch: json: cannot unmarshal {what}"));
        let mut read = Self { operations: Vec::new(), unknown: Vec::new() };
        let operations = match patch {
            Value::Array(operations) => operations,
            Value::Null => return Ok(read),
            other => return Err(bad(format!("{} into Go value of type []handlers.jsonPatchOp", json_type(other)))),
        };
        for (place, operation) in operations.iter().enumerate() {
            let operation = match operation {
                Value::Object(operation) => operation,
                Value::Null => &Map::new(),
                other => return Err(bad(format!("{} into Go value of type handlers.jsonPatchOp", json_type(other)))),
            };
            let text = |name: &str| match operation.get(name) {
                None | Some(Value::Null) => Ok(None),
                Some(Value::String(text)) => Ok(Some(text.clone())),
                Some(other) => {
                    let other = json_type(other);
                    Err(bad(format!("{other} into Go struct field jsonPatchOp.{name} of type string")))
                }
            };
            let value = operation.get("value").cloned().unwrap_or_default();
            let has_value = operation.contains_key("value");
            let (from, op, path) = (text("from")?, text("op")?, text("path")?);
            read.operations.push(Operation { op, path, from, value, has_value });
            let known = ["from", "op", "path", "value"];
            let unknown = operation.keys().filter(|name| !known.contains(&name.as_str()));
            read.unknown.extend(unknown.map(|name| format!("json patch unknown field \"[{place}].{name}\"")));
        }
        if read.operations.len() > MAX_OPERATIONS {
            return Err(Failure::new(
                413,
                "RequestEntityTooLarge",
                format!(
                    "Request entity too large: The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {}",
                    read.operations.len()
                ),
            ));
        }
        Ok(read)
    }

    /// What strict field validation has against the patch itself: warnings, or a reason to refuse what comes of it.
    pub fn unknown_fields(&self) -> &[String] {
        &self.unknown
    }

    /// The object with the patch applied. What does not apply is 422, without saying what.
    pub fn apply(&self, object: Value) -> Result<Value, Failure> {
        let mut document = object;
        let mut done = Done::default();
        for operation in &self.operations {
            operation.apply(&mut document, &mut done)?;
        }
        if document.is_object() {
            Ok(document)
        } else {
            Err(Failure::not_in_sandbox("a JSON patch that makes a list of an object"))
        }
    }
}

/// What operations did before the next one.
#[derive(Default)]
struct Done {
    /// How many bytes they copied.
    copied: usize,
    /// They set something to null, which is not the null that was there.
    set_null: bool,
}

impl Operation {
    fn apply(&self, document: &mut Value, done: &mut Done) -> Result<(), Failure> {
        // Whatever is missing or wrong, the answer is the same.
        let path = self.path.as_deref().ok_or_else(rejected)?;
        if path.is_empty() && !self.has_value && matches!(self.op.as_deref(), Some("replace" | "test")) {
            return Err(Failure::not_in_sandbox("a JSON patch that makes a real server panic: no value for the whole"));
        }
        done.set_null |= self.value.is_null() && matches!(self.op.as_deref(), Some("add" | "replace"));
        match self.op.as_deref() {
            Some("add") => add(document, path, self.value.clone()),
            Some("remove") => remove(document, path).map(drop),
            Some("replace") => replace(document, path, &self.value),
            Some("move") => {
                let value = remove(document, self.from.as_deref().ok_or_else(rejected)?)?;
                add(document, path, value)
            }
            Some("test") => test(document, path, &self.value, done.set_null),
            Some("copy") => {
                let from = self.from.as_deref().ok_or_else(rejected)?;
                let value = get(document, from)?.cloned().unwrap_or_default();
                // Where it goes to is looked for before it is copied.
                container(document, path)?;
                done.copied += value.to_string().len();
                if done.copied > MAX_COPIED {
                    return Err(rejected());
                }
                add(document, path, value)
            }
            _ => Err(rejected()),
        }
    }
}

/// The map or list that a path ends in, and the last part of the path.
fn container<'d>(document: &'d mut Value, path: &str) -> Result<(&'d mut Value, String), Failure> {
    // What comes before the first slash does not count.
    let (_, path) = path.split_once('/').ok_or_else(rejected)?;
    let (parts, key) = path.rsplit_once('/').map_or((None, path), |(parts, key)| (Some(parts), key));
    let mut at = document;
    for part in parts.into_iter().flat_map(|parts| parts.split('/')) {
        at = match at {
            Value::Object(fields) => fields.get_mut(&unescaped(part)),
            Value::Array(items) => place(&unescaped(part), items.len()).and_then(|place| items.get_mut(place)),
            _ => None,
        }
        .ok_or_else(rejected)?;
    }
    if at.is_object() || at.is_array() { Ok((at, unescaped(key))) } else { Err(rejected()) }
}

/// `~1` is a slash and `~0` a tilde.
fn unescaped(part: &str) -> String {
    let mut out = String::with_capacity(part.len());
    let mut rest = part;
    while let Some((before, after)) = rest.split_once('~') {
        out.push_str(before);
        let (char, after) = match after.strip_prefix('1') {
            Some(after) => ('/', after),
            None => ('~', after.strip_prefix('0').unwrap_or(after)),
        };
        out.push(char);
        rest = after;
    }
    out.push_str(rest);
    out
}

/// A place in a list of that length; negative ones count from its end.
fn place(text: &str, length: usize) -> Option<usize> {
    let index: i64 = text.parse().ok()?;
    let place = if index < 0 {
        length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?
    } else {
        usize::try_from(index).ok()?
    };
    (place < length).then_some(place)
}

/// What is at a path. A field that is not there is null.
fn get<'d>(document: &'d mut Value, path: &str) -> Result<Option<&'d Value>, Failure> {
    let (container, key) = container(document, path)?;
    match container {
        Value::Object(fields) => Ok(fields.get(&key)),
        Value::Array(items) => match place(&key, items.len()).and_then(|place| items.get(place)) {
            Some(item) => Ok(Some(item)),
            None => Err(rejected()),
        },
        _ => Err(rejected()),
    }
}

fn add(document: &mut Value, path: &str, value: Value) -> Result<(), Failure> {
    bounded(path, &value)?;
    match container(document, path)? {
        (Value::Object(fields), key) => {
            fields.insert(key, value);
        }
        (Value::Array(items), key) if key == "-" => items.push(value),
        (Value::Array(items), key) => {
            let place = place(&key, items.len() + 1).ok_or_else(rejected)?;
            items.insert(place, value);
        }
        _ => return Err(rejected()),
    }
    Ok(())
}

fn remove(document: &mut Value, path: &str) -> Result<Value, Failure> {
    match container(document, path)? {
        (Value::Object(fields), key) => fields.remove(&key).ok_or_else(rejected),
        (Value::Array(items), key) => {
            let place = place(&key, items.len()).ok_or_else(rejected)?;
            Ok(items.remove(place))
        }
        _ => Err(rejected()),
    }
}

fn replace(document: &mut Value, path: &str, value: &Value) -> Result<(), Failure> {
    bounded(path, value)?;
    if path.is_empty() {
        if !value.is_object() && !value.is_array() {
            return Err(rejected());
        }
        *document = value.clone();
        return Ok(());
    }
    match container(document, path)? {
        (Value::Object(fields), key) => {
            fields.insert(key, value.clone());
        }
        (Value::Array(items), key) => {
            let place = place(&key, items.len()).ok_or_else(rejected)?;
            *items.get_mut(place).ok_or_else(rejected)? = value.clone();
        }
        _ => return Err(rejected()),
    }
    Ok(())
}

fn test(document: &mut Value, path: &str, value: &Value, set_null: bool) -> Result<(), Failure> {
    let there = if path.is_empty() { Some(&*document) } else { get(document, path)? };
    let there = there.unwrap_or(&Value::Null);
    if !same(there, value)? {
        return Err(rejected());
    }
    if set_null && has_null(there) {
        return Err(Failure::not_in_sandbox("a JSON patch that tests for a null after it has set one"));
    }
    if has_markup(there) {
        return Err(Failure::not_in_sandbox(
            "a JSON patch that tests a text with <, > or &: the answer depends on how the client escapes them",
        ));
    }
    Ok(())
}

/// Whether both are the same. A real server panics over a null in a list.
fn same(left: &Value, right: &Value) -> Result<bool, Failure> {
    match (left, right) {
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (left, right) in left.iter().zip(right) {
                if left.is_null() || right.is_null() {
                    return Err(Failure::not_in_sandbox(
                        "a JSON patch that makes a real server panic: nulls in a list",
                    ));
                }
                if !same(left, right)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Value::Object(left), Value::Object(right)) if left.len() == right.len() => {
            for (name, left) in left {
                let Some(right) = right.get(name) else { return Ok(false) };
                if !same(left, right)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (left, right) => Ok(left == right),
    }
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(fields) => fields.values().any(has_null),
        _ => false,
    }
}

/// A real server compares texts as they are written, and writes these characters escaped.
fn has_markup(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(['<', '>', '&', '\u{2028}', '\u{2029}']),
        Value::Array(items) => items.iter().any(has_markup),
        Value::Object(fields) => fields.values().any(has_markup),
        _ => false,
    }
}

/// Refuses what would make a document deeper than one can be read.
fn bounded(path: &str, value: &Value) -> Result<(), Failure> {
    if path.split('/').count() - 1 + depth(value) > MAX_DEPTH {
        return Err(Failure::not_in_sandbox("an object that is nested deeper than 128 levels"));
    }
    Ok(())
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}
