//! `metadata.managedFields`: who owns which fields (`managedfields/internal/managedfields.go`).

use std::borrow::Cow;
use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::print::write_json_text;
use super::super::set::FieldSet;
use crate::time;

/// What a field manager owns, by one kind of operation, in one version, through one subresource.
#[derive(Debug, Clone)]
pub(super) struct Entry<'a> {
    pub(super) manager: Cow<'a, str>,
    /// Operation Apply; else Update.
    pub(super) applied: bool,
    pub(super) api_version: Cow<'a, str>,
    pub(super) subresource: Cow<'a, str>,
    /// When it last changed what it owns, in seconds since 1970.
    pub(super) time: Option<i64>,
    pub(super) set: FieldSet<'a>,
    /// The entry as it is stored, as long as nothing of it has changed.
    pub(super) stored: Option<&'a Value>,
}

/// An entry before its fields are looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Header<'a> {
    pub(super) manager: &'a str,
    pub(super) operation: &'a str,
    pub(super) api_version: &'a str,
    pub(super) subresource: &'a str,
    fields_type: &'a str,
    time: Option<i64>,
    pub(super) fields: Option<&'a Value>,
}

/// Managed fields that a real server does not understand. Whoever sends them is taken to have sent none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadEntries;

/// Reads the entries of an object. `None`: it has none, or something that is no list of entries.
pub(super) fn headers(object: &Value) -> Option<Vec<Header<'_>>> {
    entries(object.pointer("/metadata/managedFields")?)
}

/// Reads a list of entries.
pub(super) fn entries(list: &Value) -> Option<Vec<Header<'_>>> {
    list.as_array()?.iter().map(header).collect()
}

/// As `runtime.DefaultUnstructuredConverter` does it: what is unknown is left out, null is nothing, another type is wrong.
fn header(entry: &Value) -> Option<Header<'_>> {
    let entry = entry.as_object()?;
    let text = |name: &str| match entry.get(name) {
        None | Some(Value::Null) => Some(""),
        Some(Value::String(text)) => Some(text.as_str()),
        Some(_) => None,
    };
    let time = match entry.get("time") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(time::read(text)?.as_second()),
        Some(_) => return None,
    };
    Some(Header {
        manager: text("manager")?,
        operation: text("operation")?,
        api_version: text("apiVersion")?,
        subresource: text("subresource")?,
        fields_type: text("fieldsType")?,
        time,
        fields: entry.get("fieldsV1").filter(|fields| !fields.is_null()),
    })
}

/// Whether a client asks for its managed fields to be forgotten: an empty list, or one empty entry.
pub(super) fn is_reset(entries: &[Header<'_>]) -> bool {
    match entries {
        [] => true,
        [only] => *only == Header::default(),
        _ => false,
    }
}

/// Reads what the entries own. `stored` is the list that they were read from, if it is as this server wrote it.
pub(super) fn decode<'a>(headers: &[Header<'a>], stored: Option<&'a Value>) -> Result<Vec<Entry<'a>>, BadEntries> {
    let mut decoded: Vec<Entry<'a>> = Vec::with_capacity(headers.len() + 1);
    for (place, header) in headers.iter().enumerate() {
        let applied = match header.operation {
            "Apply" => true,
            "Update" => false,
            _ => return Err(BadEntries),
        };
        if header.api_version.is_empty() || header.fields_type != "FieldsV1" {
            return Err(BadEntries);
        }
        let entry = Entry {
            manager: header.manager.into(),
            applied,
            api_version: header.api_version.into(),
            subresource: header.subresource.into(),
            time: header.time,
            set: FieldSet::parse(header.fields.unwrap_or(&Value::Null)).map_err(|_| BadEntries)?,
            stored: stored.and_then(|stored| stored.get(place)),
        };
        // Of two with the same identity the later one counts.
        match decoded.iter_mut().find(|there| there.same_manager(&entry)) {
            Some(there) => *there = Entry { stored: None, ..entry },
            None => decoded.push(entry),
        }
    }
    Ok(decoded)
}

/// Writes the entries in the order of a real server; `None` if there are none.
pub(super) fn encode(mut entries: Vec<Entry<'_>>) -> Option<Value> {
    if entries.is_empty() {
        return None;
    }
    entries.sort_by(Entry::order);
    Some(Value::Array(entries.iter().map(Entry::to_value).collect()))
}

impl Entry<'_> {
    /// Takes fields away from it.
    pub(super) fn lose(&mut self, fields: &FieldSet<'_>) {
        if self.set.meets(fields) {
            self.set = std::mem::take(&mut self.set).difference(fields);
            self.stored = None;
        }
    }

    /// Whether both are the same manager's: an applier is the same in every version.
    pub(super) fn same_manager(&self, other: &Self) -> bool {
        self.applied == other.applied
            && (self.applied || self.api_version == other.api_version)
            && self.manager == other.manager
            && self.subresource == other.subresource
    }

    /// What a real server calls the entry, which decides orders (`BuildManagerIdentifier`).
    pub(super) fn identifier(&self) -> String {
        let operation = if self.applied { "Apply" } else { "Update" };
        let api_version = if self.applied { "" } else { &self.api_version };
        let mut out = String::from("{");
        for (name, value) in [
            ("manager", &*self.manager),
            ("operation", operation),
            ("apiVersion", api_version),
            ("subresource", &*self.subresource),
        ] {
            if value.is_empty() {
                continue;
            }
            if out.len() > 1 {
                out.push(',');
            }
            write_json_text(name, true, &mut out);
            out.push(':');
            write_json_text(value, true, &mut out);
        }
        out.push('}');
        out
    }

    fn order(&self, other: &Self) -> Ordering {
        // "Apply" comes before "Update".
        other
            .applied
            .cmp(&self.applied)
            .then_with(|| self.time.unwrap_or(0).cmp(&other.time.unwrap_or(0)))
            .then_with(|| self.manager.cmp(&other.manager))
            .then_with(|| self.api_version.cmp(&other.api_version))
            .then_with(|| self.subresource.cmp(&other.subresource))
    }

    fn to_value(&self) -> Value {
        if let Some(stored) = self.stored {
            return stored.clone();
        }
        let mut entry = Map::new();
        for (name, value) in
            [("manager", &self.manager), ("apiVersion", &self.api_version), ("subresource", &self.subresource)]
        {
            if !value.is_empty() {
                entry.insert(name.to_owned(), json!(value));
            }
        }
        entry.insert("operation".to_owned(), json!(if self.applied { "Apply" } else { "Update" }));
        if let Some(time) = self.time.and_then(|time| Timestamp::from_second(time).ok()) {
            entry.insert("time".to_owned(), json!(time::written(time)));
        }
        entry.insert("fieldsType".to_owned(), json!("FieldsV1"));
        entry.insert("fieldsV1".to_owned(), self.set.to_value());
        Value::Object(entry)
    }
}
