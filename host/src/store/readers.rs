//! Who reads what: targets whose plugins select other objects than those that the target itself names.
//!
//! They are few: nothing is held for a target whose plugins read its registration only.

use std::collections::BTreeSet;
use std::sync::Arc;

use berthage_core::key::{Key, Kind, Workspace};
use berthage_core::names::{TMC_GROUP, VERSION, WORKLOAD_GROUP};
use serde_json::Value;

use super::Store;
use super::held::Held;
use super::tables::{Object, Tables};
use super::workspaces::Place;

/// Objects of one kind that a target reads, in its own workspace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Read {
    /// The kind.
    pub kind: Kind,
    /// The object's name; none for all of the kind.
    pub name: Option<Arc<str>>,
}

impl Read {
    fn covers(&self, kind: Kind, name: &str) -> bool {
        self.kind == kind && self.name.as_deref().is_none_or(|only| only == name)
    }
}

impl Store {
    /// A target reads these, besides what it has read so far: a change of one of them has it looked at from now on.
    pub fn reads_too(&self, target: &Key, reads: &[Read]) {
        let known =
            |inner: &Tables| inner.reads_of(target).is_some_and(|known| reads.iter().all(|read| known.contains(read)));
        if reads.is_empty() || known(&self.read()) {
            return;
        }
        let mut inner = self.write();
        let Some((place, _, name)) = inner.object(target) else { return };
        inner.readers.entry((place, name)).or_default().extend(reads.iter().cloned());
    }

    /// A target reads these, and nothing else any more.
    pub fn reads_only(&self, target: &Key, reads: &BTreeSet<Read>) {
        if self.read().reads_of(target).map_or(reads.is_empty(), |known| known == reads) {
            return;
        }
        let mut inner = self.write();
        let Some((place, _, name)) = inner.object(target) else { return };
        if reads.is_empty() {
            inner.readers.remove(&(place, name));
        } else {
            inner.readers.insert((place, name), reads.clone());
        }
    }

    /// The versions of all that a target reads: equal means that nothing of it has changed.
    pub fn versions_read(&self, target: &Key) -> Vec<(String, String)> {
        let inner = self.read();
        let Some((reads, place)) = inner.reads_of(target).zip(inner.workspaces.place(&target.workspace)) else {
            return Vec::new();
        };
        let version = |(_, held): (_, &Held)| (held.uid().to_owned(), held.resource_version().to_owned());
        let read = |(object, _): &(&Object, _)| reads.iter().any(|read| read.covers(object.1, &object.2));
        inner.in_place(place).filter(read).map(version).collect()
    }

    /// The objects of a kind in a workspace, by name.
    pub fn of_kind(&self, workspace: &Workspace, kind: Kind) -> Vec<Held> {
        let inner = self.read();
        let Some(place) = inner.workspaces.place(workspace) else { return Vec::new() };
        inner.in_place(place).filter(|(object, _)| object.1 == kind).map(|(_, held)| held.clone()).collect()
    }
}

impl Tables {
    fn reads_of(&self, target: &Key) -> Option<&BTreeSet<Read>> {
        let (place, _, name) = self.object(target)?;
        self.readers.get(&(place, name))
    }

    fn readers_in(&self, place: Place) -> impl Iterator<Item = (&Arc<str>, &BTreeSet<Read>)> {
        let from = (place, Arc::from(""));
        self.readers.range(from..).take_while(move |((of, _), _)| *of == place).map(|((_, name), reads)| (name, reads))
    }

    /// The targets that read an object, besides itself.
    pub(super) fn readers_of(&self, (place, kind, name): &Object) -> Vec<Key> {
        self.readers_in(*place)
            .filter(|(reader, reads)| {
                let itself = *kind == Kind::Target && *reader == name;
                !itself && reads.iter().any(|read| read.covers(*kind, name))
            })
            .filter_map(|(reader, _)| self.key(&(*place, Kind::Target, Arc::clone(reader))))
            .collect()
    }

    /// The targets that read an object, if a new version of it shows them anything new.
    pub(super) fn readers_of_news(&self, object: &Object, held: &Held) -> Vec<Key> {
        let readers = self.readers_of(object);
        let same = || {
            let before = self.objects.get(object).and_then(|before| read_of(object.1, before));
            before.is_some() && before == read_of(object.1, held)
        };
        if readers.is_empty() || same() { Vec::new() } else { readers }
    }
}

/// What others get to read of an object: see [`readable`].
fn read_of(kind: Kind, held: &Held) -> Option<Value> {
    held.decode().ok().map(|object| readable(kind, object))
}

/// What plugins get to read of an object: no version, and of a target no status, which is our own writing and would have two
/// targets that read each other have each other looked at for ever.
pub fn readable(kind: Kind, mut object: Value) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("resourceVersion");
        metadata.remove("managedFields");
    }
    let group = match kind {
        Kind::Target => Some(WORKLOAD_GROUP),
        Kind::Registration => Some(TMC_GROUP),
        Kind::Plugin | Kind::ConfigMap => None,
    };
    // The items of a list come without them: an object must not look different for having been listed.
    if let (Some(group), Some(fields)) = (group, object.as_object_mut()) {
        fields.insert("apiVersion".to_owned(), Value::from(format!("{group}/{VERSION}")));
        fields.insert("kind".to_owned(), Value::from(kind.as_str()));
    }
    if kind == Kind::Target
        && let Some(fields) = object.as_object_mut()
    {
        fields.remove("status");
    }
    object
}
