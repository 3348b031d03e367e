//! Whose turn it is at one priority: a circle of tenants, through the tenants themselves.

use std::hash::Hash;

use super::Priority;
use super::slab::{Id, NONE};
use super::tenants::Tenants;

/// A tenant's place in the turns of one priority.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    previous: Id,
    next: Id,
    /// Whether it has a place. A tenant without one that has keys at this priority has missed its turn, being at its
    /// bound, and gets its place back at the front.
    pub(super) listed: bool,
    /// Whether its turn came and no key of this priority was handed out for it.
    pub(super) due: bool,
}

impl Turn {
    pub(super) const NONE: Self = Self { previous: NONE, next: NONE, listed: false, due: false };
}

/// The tenants that have keys at one priority, in the order of their turns.
#[derive(Debug)]
pub(super) struct Turns {
    priority: Priority,
    first: Id,
    last: Id,
}

impl Turns {
    pub(super) const fn new(priority: Priority) -> Self {
        Self { priority, first: NONE, last: NONE }
    }

    /// Whose turn it is.
    pub(super) const fn first(&self) -> Option<Id> {
        if self.first == NONE { None } else { Some(self.first) }
    }

    pub(super) fn push_back<T: Clone + Eq + Hash>(&mut self, tenants: &mut Tenants<T>, id: Id) {
        self.insert(tenants, self.last, id, NONE);
    }

    pub(super) fn push_front<T: Clone + Eq + Hash>(&mut self, tenants: &mut Tenants<T>, id: Id) {
        self.insert(tenants, NONE, id, self.first);
    }

    /// Between `previous` and `next`, which are neighbours or the ends.
    fn insert<T: Clone + Eq + Hash>(&mut self, tenants: &mut Tenants<T>, previous: Id, id: Id, next: Id) {
        let turn = &mut tenants[id].turns[self.priority as usize];
        (turn.previous, turn.next, turn.listed) = (previous, next, true);
        self.link(tenants, previous, id);
        self.link(tenants, id, next);
    }

    pub(super) fn remove<T: Clone + Eq + Hash>(&mut self, tenants: &mut Tenants<T>, id: Id) {
        let turn = &mut tenants[id].turns[self.priority as usize];
        turn.listed = false;
        let (previous, next) = (turn.previous, turn.next);
        self.link(tenants, previous, next);
    }

    /// Makes two neighbours; [`NONE`] stands for the ends.
    fn link<T: Clone + Eq + Hash>(&mut self, tenants: &mut Tenants<T>, previous: Id, next: Id) {
        let priority = self.priority as usize;
        match previous {
            NONE => self.first = next,
            previous => tenants[previous].turns[priority].next = next,
        }
        match next {
            NONE => self.last = previous,
            next => tenants[next].turns[priority].previous = previous,
        }
    }
}
