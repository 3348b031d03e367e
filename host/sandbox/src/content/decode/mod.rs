//! What Go's reader of JSON makes of an object of a built-in kind, and its writer of that: fields that the kind does not have
//! are dropped, nulls are zero values, zero values are left out where the type says `omitempty`, quantities and times are
//! written in their canonical form.
//!
//! Facts: `sigs.k8s.io/json` (which tells apart capital letters, and otherwise is `encoding/json`), `UnmarshalJSON` of
//! `resource.Quantity`, `metav1.Time`, `metav1.MicroTime` and `intstr.IntOrString`, and the types of `k8s.io/api` as
//! [`fields`](crate::fields) has them.
//!
//! As JSON objects of the sandbox have no order, of several errors the one of the first field by name is told, and unknown
//! fields are told in that order. In a `CustomResourceDefinition` the parts of a schema that may be one of several things
//! (`items`, `additionalProperties`, `dependencies`, `default` and such) are kept as they are; what is wrong in them is found
//! when the schema is read.

mod base64;
mod clock;
mod scalar;

use std::fmt::Write as _;

use serde_json::{Map as Fields, Value};

pub(super) use self::base64::encode;
use self::scalar::Own;
use crate::fields::shape::{ATOMIC, Atom, DEDUCED, Field, Map, Shape, TypeId, Types, Written};
use crate::quote::{json_type, quote};
use crate::status::Failure;

/// Reads an object in place. The paths of the fields that were dropped because the kind does not have them; the error is what
/// Go's reader says, for [`cannot_be_read`].
pub fn decode(shape: &Shape, object: &mut Value) -> Result<Vec<String>, String> {
    let mut reader = Reader {
        types: shape.types(),
        fields: Vec::new(),
        owner: "",
        path: String::new(),
        wrong: None,
        unknown: Vec::new(),
    };
    let root = shape.types().atom(shape.root());
    let type_name = format!("v1.{}", root.name);
    *object = reader.value(shape.root(), &type_name, std::mem::take(object))?;
    match reader.wrong {
        Some(wrong) => Err(wrong),
        None => Ok(reader.unknown),
    }
}

/// How strict reading words a field that the kind does not have.
pub fn unknown_field(path: &str) -> String {
    format!("unknown field {}", quote(path))
}

/// 400: an object cannot be read. `why` is what [`decode`] said.
pub fn cannot_be_read(kind: &str, version: &str, why: &str) -> Failure {
    let version = quote(version);
    Failure::bad_request(format!("{kind} in version {version} cannot be handled as a {kind}: {why}"))
}

/// The bytes that a text is, of an object that was read.
pub(super) fn bytes(text: &str) -> Vec<u8> {
    base64::decode(text).unwrap_or_default()
}

struct Reader<'t> {
    types: &'t Types,
    /// The fields of structs on the way, as Go's errors have them: without places in lists and keys of maps.
    fields: Vec<&'t str>,
    /// The struct that the last of them is of.
    owner: &'t str,
    /// The way with places and keys, as unknown fields are told.
    path: String,
    /// The first error that does not end the reading at once.
    wrong: Option<String>,
    unknown: Vec<String>,
}

impl<'t> Reader<'t> {
    /// What a value becomes. `name` is its Go type. An error is one of those that end the reading at once.
    fn value(&mut self, id: TypeId, name: &str, value: Value) -> Result<Value, String> {
        if let Some(own) = Own::of(name) {
            return own.read(value).map_err(|wrong| match wrong {
                scalar::Wrong::Type(said) => self.mismatch_told(&said, own.name()),
                scalar::Wrong::Byte(why) | scalar::Wrong::Text(why) => why,
            });
        }
        if id == ATOMIC || id == DEDUCED {
            return Ok(value);
        }
        let atom = self.types.atom(id);
        if let Some(list) = &atom.list
            && atom.map.is_none()
        {
            let element = self.element(name, list.element);
            return match value {
                Value::Null => Ok(Value::Null),
                Value::Array(items) => self.list(list.element, &element, items),
                other => Ok(self.mismatch(&other, name, Value::Null)),
            };
        }
        match (&atom.map, atom.scalar) {
            (Some(map), None) if map.is_struct() => match value {
                Value::Object(fields) => self.object(map, &atom.name, fields),
                Value::Null => Ok(self.zero(id, name)),
                other => {
                    let zero = self.zero(id, name);
                    Ok(self.mismatch(&other, name, zero))
                }
            },
            (Some(map), None) => match (value, map.element) {
                (Value::Object(entries), Some(element)) if element != DEDUCED => self.map(element, name, entries),
                (value @ (Value::Object(_) | Value::Null), _) => Ok(value),
                (other, _) => Ok(self.mismatch(&other, name, Value::Null)),
            },
            (None, Some(_)) => Ok(self.scalar(name, &value)),
            _ => Ok(value),
        }
    }

    fn object(&mut self, map: &'t Map, owner: &'t str, mut said: Fields<String, Value>) -> Result<Value, String> {
        let outer = std::mem::replace(&mut self.owner, owner);
        let mut read = Fields::new();
        let depth = self.path.len();
        // In the order of names, unknown ones among the others.
        let names: Vec<String> = said.keys().cloned().collect();
        for name in names {
            let Some(value) = said.remove(&name) else { continue };
            self.enter(&name);
            match map.field(&name) {
                None => self.unknown.push(self.path.clone()),
                Some(field) => {
                    let outside = self.fields.len();
                    self.fields.extend(field.go.inside);
                    self.fields.push(&field.name);
                    self.owner = owner;
                    let value = self.field(field, value)?;
                    self.fields.truncate(outside);
                    if let Some(value) = value {
                        read.insert(name, value);
                    }
                }
            }
            self.path.truncate(depth);
        }
        self.owner = outer;
        self.complete(map, &mut read);
        Ok(Value::Object(read))
    }

    /// What is written of a field, if anything.
    fn field(&mut self, field: &Field, value: Value) -> Result<Option<Value>, String> {
        let written = written(self.types.atom(field.ty), field);
        if value.is_null() && matches!(written, Written::Said | Written::AlwaysOrNull) {
            return Ok((written == Written::AlwaysOrNull).then_some(Value::Null));
        }
        let read = self.value(field.ty, &self.go_name(field), value)?;
        Ok((written != Written::NotZero || !is_zero(&read)).then_some(read))
    }

    /// Adds what is written though nobody said it.
    fn complete(&self, map: &Map, read: &mut Fields<String, Value>) {
        for field in map.fields() {
            match written(self.types.atom(field.ty), field) {
                Written::Always if !read.contains_key(&field.name) => {
                    read.insert(field.name.clone(), self.zero(field.ty, &self.go_name(field)));
                }
                Written::AlwaysOrNull if !read.contains_key(&field.name) => {
                    read.insert(field.name.clone(), Value::Null);
                }
                _ => {}
            }
        }
    }

    fn list(&mut self, element: TypeId, name: &str, items: Vec<Value>) -> Result<Value, String> {
        let depth = self.path.len();
        let mut read = Vec::with_capacity(items.len());
        for (place, item) in items.into_iter().enumerate() {
            // Writing into a String cannot fail.
            let _ = write!(self.path, "[{place}]");
            let item = if item.is_null() { self.zero(element, name) } else { self.value(element, name, item)? };
            read.push(item);
            self.path.truncate(depth);
        }
        Ok(Value::Array(read))
    }

    fn map(&mut self, element: TypeId, name: &str, entries: Fields<String, Value>) -> Result<Value, String> {
        let name = self.element(name, element);
        let depth = self.path.len();
        let mut read = Fields::new();
        for (key, value) in entries {
            self.enter(&key);
            let value = if value.is_null() { self.zero(element, &name) } else { self.value(element, &name, value)? };
            read.insert(key, value);
            self.path.truncate(depth);
        }
        Ok(Value::Object(read))
    }

    fn scalar(&mut self, name: &str, value: &Value) -> Value {
        match scalar::read(name, value) {
            Ok(read) => read,
            Err(scalar::Wrong::Type(said)) => {
                self.save(&said, name);
                scalar::zero(name)
            }
            Err(scalar::Wrong::Byte(said)) => {
                self.save(&said, "uint8");
                scalar::zero(name)
            }
            Err(scalar::Wrong::Text(why)) => {
                self.wrong.get_or_insert(why);
                scalar::zero(name)
            }
        }
    }

    fn mismatch(&mut self, value: &Value, name: &str, zero: Value) -> Value {
        self.save(json_type(value), name);
        zero
    }

    /// Notes an error. Only the first one is told.
    fn save(&mut self, value: &str, name: &str) {
        let message = self.mismatch_told(value, name);
        self.wrong.get_or_insert(message);
    }

    fn mismatch_told(&self, value: &str, name: &str) -> String {
        if self.fields.is_empty() {
            return format!("json: cannot unmarshal {value} into Go value of type {name}");
        }
        let (owner, fields) = (self.owner, self.fields.join("."));
        format!("json: cannot unmarshal {value} into Go struct field {owner}.{fields} of type {name}")
    }

    fn enter(&mut self, name: &str) {
        if !self.path.is_empty() {
            self.path.push('.');
        }
        self.path.push_str(name);
    }

    /// What Go has where nothing was said, as it writes it.
    fn zero(&self, id: TypeId, name: &str) -> Value {
        if let Some(own) = Own::of(name) {
            return own.zero();
        }
        let atom = self.types.atom(id);
        match (&atom.map, atom.scalar) {
            (Some(map), None) if map.is_struct() => {
                let mut fields = Fields::new();
                self.complete(map, &mut fields);
                Value::Object(fields)
            }
            (None, Some(_)) => scalar::zero(name),
            _ => Value::Null,
        }
    }

    fn go_name(&self, field: &Field) -> String {
        field.go.name.map_or_else(|| self.suggested(field.ty), str::to_owned)
    }

    /// The Go type of what is in a list or a map of that type.
    fn element(&self, name: &str, element: TypeId) -> String {
        if name == "v1.ResourceList" {
            return "resource.Quantity".to_owned();
        }
        let inside = name
            .strip_prefix("[]")
            .or_else(|| name.strip_prefix("map[").and_then(|rest| rest.split_once(']')).map(|(_, inside)| inside));
        inside.map_or_else(|| self.suggested(element), str::to_owned)
    }

    /// The Go type that a shape suggests.
    fn suggested(&self, id: TypeId) -> String {
        use crate::fields::shape::Scalar;
        let atom = self.types.atom(id);
        match (&atom.map, &atom.list, atom.scalar) {
            (Some(map), None, None) if map.is_struct() => format!("v1.{}", atom.name),
            (Some(map), None, None) => {
                format!("map[string]{}", map.element.map_or_else(String::new, |id| self.suggested(id)))
            }
            (None, Some(list), None) => format!("[]{}", self.suggested(list.element)),
            (None, None, Some(Scalar::Numeric)) => "int32".to_owned(),
            (None, None, Some(Scalar::Boolean)) => "bool".to_owned(),
            (None, None, Some(Scalar::Text)) => "string".to_owned(),
            _ => String::new(),
        }
    }
}

/// When a field is written: what Go says of it, or what its shape suggests.
fn written(atom: &Atom, field: &Field) -> Written {
    let is_struct = atom.scalar.is_none() && atom.map.as_ref().is_some_and(Map::is_struct);
    field.go.written.unwrap_or(if is_struct { Written::Said } else { Written::NotZero })
}

/// Whether `omitempty` leaves it out.
fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}
