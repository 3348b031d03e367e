//! An object as it is kept: its JSON once, shared by the store, its log, lists and watches, and where in the JSON the few
//! things stand which lists and watches look at.
//!
//! An object costs its JSON, its key and some 170 bytes. The JSON is as [`super::encode`] writes it, so that places in
//! it can be remembered instead of copies. Of those written last the store keeps what the JSON says, too (`recent`): controllers
//! look at each change several times, and reading was a third of their work.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde_json::{Map, Value};

use super::encode::{self, Encoded, Span};
use super::key;
use super::resources::ResourceId;
use crate::status::Failure;

/// One state of one object. Cloning it copies a pointer.
#[derive(Clone)]
pub struct Object(Arc<Record>);

struct Record {
    /// The key, shared by all states of the object.
    path: Arc<str>,
    json: Bytes,
    revision: u64,
    resource: ResourceId,
    places: Places,
    /// The uids in `metadata.ownerReferences`, to find dependents by.
    owners: Box<[Box<str>]>,
    /// What the JSON says, for as long as somebody is likely to ask.
    read: Mutex<Option<Arc<Map<String, Value>>>>,
}

/// Where things are in the JSON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Places {
    /// The digits of `metadata.resourceVersion`.
    pub(super) version: Span,
    /// The string `metadata.uid`, without its quotes; empty if there is none.
    pub(super) uid: Span,
    /// The map `metadata.labels`, with its braces; empty if there is none.
    pub(super) labels: Span,
}

impl Object {
    /// `object` as it is kept, at `revision`.
    pub(super) fn new(
        resource: ResourceId,
        path: Arc<str>,
        revision: u64,
        mut object: Map<String, Value>,
    ) -> Result<Self, Failure> {
        let Encoded { json, places } = encode::encode(&object, revision)?;
        let owners = owners(&object);
        if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
            metadata.insert("resourceVersion".to_owned(), Value::String(revision.to_string()));
            metadata.remove("selfLink");
        }
        let read = Mutex::new(Some(Arc::new(object)));
        Ok(Self(Arc::new(Record { path, json, revision, resource, places, owners, read })))
    }

    /// From now on the JSON is read for each who asks.
    pub(super) fn forget(&self) {
        *self.0.read.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The same content as of another revision: how a deletion shows the last state.
    pub(super) fn at(&self, revision: u64) -> Self {
        let Encoded { json, places } = encode::renumbered(&self.0.json, self.0.places, revision);
        let Record { path, resource, owners, .. } = &*self.0;
        let (path, owners) = (path.clone(), owners.clone());
        Self(Arc::new(Record { path, json, revision, resource: *resource, places, owners, read: Mutex::default() }))
    }

    /// The JSON, with its `metadata.resourceVersion`.
    pub fn json(&self) -> &Bytes {
        &self.0.json
    }

    /// What the JSON says. Who changes an object begins here. Of one that was not written lately it is read for each who asks.
    pub fn map(&self) -> Result<Arc<Map<String, Value>>, Failure> {
        if let Some(read) = &*self.0.read.lock().unwrap_or_else(PoisonError::into_inner) {
            return Ok(Arc::clone(read));
        }
        serde_json::from_slice(&self.0.json)
            .map(Arc::new)
            .map_err(|error| Failure::new(500, "InternalError", format!("Internal error occurred: {error}")))
    }

    /// Whether a word is anywhere in its JSON: if not, much need not be parsed.
    pub fn mentions(&self, word: &str) -> bool {
        memchr::memmem::find(&self.0.json, word.as_bytes()).is_some()
    }

    /// The revision of its last change; `metadata.resourceVersion` as a number.
    pub fn revision(&self) -> u64 {
        self.0.revision
    }

    /// What it is one of.
    pub fn resource(&self) -> ResourceId {
        self.0.resource
    }

    /// Its logical cluster; empty in a store with one only.
    pub fn cluster(&self) -> &str {
        key::split(&self.0.path).0
    }

    /// Its namespace; empty for kinds without.
    pub fn namespace(&self) -> &str {
        key::split(&self.0.path).1
    }

    /// Its name.
    pub fn name(&self) -> &str {
        key::split(&self.0.path).2
    }

    /// Its uid; empty if it has none.
    pub fn uid(&self) -> Cow<'_, str> {
        encode::string(self.part(self.0.places.uid))
    }

    /// The value of one label.
    pub fn label(&self, name: &str) -> Option<Cow<'_, str>> {
        self.labels().find_map(|(key, value)| (key == name).then_some(value))
    }

    /// Its labels, by name. Nothing is parsed or copied unless a label has escapes, which valid ones have not.
    pub fn labels(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        encode::pairs(self.part(self.0.places.labels))
    }

    /// The uids in its `ownerReferences`.
    pub fn owners(&self) -> impl Iterator<Item = &str> {
        self.0.owners.iter().map(AsRef::as_ref)
    }

    pub(super) fn path(&self) -> &Arc<str> {
        &self.0.path
    }

    /// What of memory it is the reason for, about.
    pub(super) fn size(&self) -> usize {
        self.0.json.len() + size_of::<Record>() + 16
    }

    fn part(&self, span: Span) -> &[u8] {
        span.of(&self.0.json)
    }
}

fn owners(object: &Map<String, Value>) -> Box<[Box<str>]> {
    let references =
        object.get("metadata").and_then(|metadata| metadata.get("ownerReferences")).and_then(Value::as_array);
    let uids = references.into_iter().flatten().filter_map(|reference| reference.get("uid")?.as_str());
    uids.map(Into::into).collect()
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.0.path, self.0.revision)
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || (self.0.resource == other.0.resource && self.0.path == other.0.path && self.0.json == other.0.json)
    }
}

impl Eq for Object {}

/// An object in the order of keys, found by its key.
#[derive(Debug, Clone)]
pub(super) struct ByPath(pub(super) Object);

impl PartialEq for ByPath {
    fn eq(&self, other: &Self) -> bool {
        self.0.0.path == other.0.0.path
    }
}

impl Eq for ByPath {}

impl PartialOrd for ByPath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ByPath {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.0.path.cmp(&other.0.0.path)
    }
}

impl std::borrow::Borrow<str> for ByPath {
    fn borrow(&self) -> &str {
        &self.0.0.path
    }
}
