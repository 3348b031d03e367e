//! The objects of a resource as they were at a revision, by undoing the log back to it.

use std::collections::BTreeSet;
use std::collections::btree_set;
use std::iter::Peekable;
use std::ops::Bound;
use std::sync::Arc;

use super::key::Scope;
use super::log::Log;
use super::object::{ByPath, Object};
use super::resources::ResourceId;
use super::topic::Topic;

/// The objects of one resource, by key.
pub(super) type Shelf = BTreeSet<ByPath>;

/// Objects of a scope in the order of keys, from a key on.
#[expect(clippy::mutable_key_type, reason = "objects are ordered by their paths, which never change")]
pub(super) fn walk<'a>(
    shelf: &'a Shelf,
    log: &'a Log,
    scope: &Scope<'_>,
    start: &str,
    revision: u64,
) -> impl Iterator<Item = &'a Object> {
    let prefix = scope.prefix();
    let start = if start > prefix.as_str() { start } else { prefix.as_str() };
    let within = super::key::Within::new(scope);
    let live = shelf.range::<str, _>((Bound::Included(start), Bound::Unbounded));
    // Most lists are of now: nothing to undo.
    let changed = (log.newest(Topic::all(scope.resource)) > revision)
        .then(|| log.changed(scope.resource, Arc::from(start), prefix.clone(), revision).peekable());
    Walk { live: live.peekable(), changed, log, revision }
        .take_while(move |object| object.path().starts_with(&prefix))
        .filter(move |object| within.contains(object.path()))
}

/// One object as it was at a revision.
#[expect(clippy::mutable_key_type, reason = "objects are ordered by their paths, which never change")]
pub(super) fn look<'a>(
    shelf: &'a Shelf,
    log: &'a Log,
    resource: ResourceId,
    path: &Arc<str>,
    revision: u64,
) -> Option<&'a Object> {
    match log.changed_key(resource, path, revision) {
        Some(newest) => log.before(newest, revision),
        None => shelf.get::<str>(path).map(|ByPath(object)| object),
    }
}

/// Live objects and keys that changed since, merged by key: of a changed key the state before counts.
struct Walk<'a, C: Iterator<Item = (&'a Arc<str>, u64)>> {
    live: Peekable<btree_set::Range<'a, ByPath>>,
    changed: Option<Peekable<C>>,
    log: &'a Log,
    revision: u64,
}

impl<'a, C: Iterator<Item = (&'a Arc<str>, u64)>> Iterator for Walk<'a, C> {
    type Item = &'a Object;

    fn next(&mut self) -> Option<Self::Item> {
        let Some(changed) = &mut self.changed else {
            return self.live.next().map(|ByPath(object)| object);
        };
        loop {
            let Some(&(path, newest)) = changed.peek() else {
                return self.live.next().map(|ByPath(object)| object);
            };
            match self.live.peek() {
                Some(ByPath(object)) if object.path() < path => {
                    self.live.next();
                    return Some(object);
                }
                Some(ByPath(object)) if object.path() == path => {
                    self.live.next();
                }
                _ => {}
            }
            changed.next();
            if let Some(object) = self.log.before(newest, self.revision) {
                return Some(object);
            }
        }
    }
}
