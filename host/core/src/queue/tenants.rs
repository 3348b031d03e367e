//! What is known of each tenant that has keys in the queue: O(1), whatever the number of its keys.

use std::hash::{BuildHasher, Hash, RandomState};
use std::ops::{Index, IndexMut};

use hashbrown::HashTable;

use super::Priority;
use super::lane::Lane;
use super::slab::{Id, Slab};
use super::throttle::Bucket;
use super::turns::Turn;

/// A tenant that has keys in the queue, in whatever state.
#[derive(Debug)]
pub(super) struct Tenant<T> {
    name: T,
    /// How many keys the queue knows of it.
    keys: u32,
    /// How many of them are ready.
    pub(super) ready: u32,
    /// How many of them are handed out.
    pub(super) running: u32,
    /// The ready keys, by priority.
    pub(super) lanes: [Lane; Priority::COUNT],
    /// By priority.
    pub(super) turns: [Turn; Priority::COUNT],
    /// Of what priority its last key was.
    pub(super) last: Priority,
    /// The keys that wait for a token.
    pub(super) put_off: Lane,
    pub(super) bucket: Bucket,
}

/// The tenants, by number and by name.
#[derive(Debug)]
pub(super) struct Tenants<T> {
    all: Slab<Tenant<T>>,
    /// Seeded at random, as [`Queue`](super::Queue)'s.
    hasher: RandomState,
    by_name: HashTable<Id>,
}

impl<T: Clone + Eq + Hash> Tenants<T> {
    pub(super) fn new() -> Self {
        Self { all: Slab::new(), hasher: RandomState::new(), by_name: HashTable::new() }
    }

    /// How many have keys in the queue.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// A key of tenant `name` enters the queue, in whatever state.
    pub(super) fn join(&mut self, name: &T) -> Id {
        let hash = self.hasher.hash_one(name);
        if let Some(&id) = self.by_name.find(hash, |id| self.all[*id].name == *name) {
            self.all[id].keys += 1;
            return id;
        }
        let id = self.all.insert(Tenant {
            name: name.clone(),
            keys: 1,
            ready: 0,
            running: 0,
            lanes: [Lane::EMPTY; Priority::COUNT],
            turns: [Turn::NONE; Priority::COUNT],
            last: Priority::Background,
            put_off: Lane::EMPTY,
            bucket: Bucket::FULL,
        });
        self.by_name.insert_unique(hash, id, |id| self.hasher.hash_one(&self.all[*id].name));
        id
    }

    /// A key of the tenant, which is in none of its lists, leaves the queue. Tenants come and go: one without keys is
    /// forgotten.
    ///
    /// Its bucket with it, which is full when it comes back. Nothing is gained by that: as long as one of its keys fails,
    /// that key and so the tenant stay; for the last to leave, all must have succeeded, and then each must be added
    /// again to fail again. Who can have keys added needs no token, for adds draw on none.
    pub(super) fn leave(&mut self, id: Id) {
        let tenant = &mut self.all[id];
        tenant.keys -= 1;
        if tenant.keys > 0 {
            return;
        }
        let hash = self.hasher.hash_one(&tenant.name);
        if let Ok(entry) = self.by_name.find_entry(hash, |other| *other == id) {
            entry.remove();
        }
        self.all.remove(id);
    }
}

impl<T> Index<Id> for Tenants<T> {
    type Output = Tenant<T>;

    fn index(&self, id: Id) -> &Tenant<T> {
        &self.all[id]
    }
}

impl<T> IndexMut<Id> for Tenants<T> {
    fn index_mut(&mut self, id: Id) -> &mut Tenant<T> {
        &mut self.all[id]
    }
}
