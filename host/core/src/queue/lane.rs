//! First in, first out, through the slots themselves: a list of keys that costs none of them memory.

use super::slab::{Id, NONE, Slab};
use super::{Keyed, Slot};

/// A doubly linked list through [`Slot::previous`] and [`Slot::next`], so that a key can leave from anywhere: when its
/// priority is raised, or when it need not wait any longer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lane {
    first: Id,
    last: Id,
}

impl Lane {
    pub(super) const EMPTY: Self = Self { first: NONE, last: NONE };

    pub(super) const fn is_empty(self) -> bool {
        self.first == NONE
    }

    /// Who is next; [`NONE`] if nobody.
    pub(super) const fn first(self) -> Id {
        self.first
    }

    /// Puts a slot that is in no lane at the end.
    pub(super) fn push<K: Keyed>(&mut self, slots: &mut Slab<Slot<K>>, id: Id) {
        let slot = &mut slots[id];
        (slot.previous, slot.next) = (self.last, NONE);
        if self.last == NONE {
            self.first = id;
        } else {
            slots[self.last].next = id;
        }
        self.last = id;
    }

    /// Takes a slot that is in this lane out of it.
    pub(super) fn remove<K: Keyed>(&mut self, slots: &mut Slab<Slot<K>>, id: Id) {
        let (previous, next) = (slots[id].previous, slots[id].next);
        if previous == NONE {
            self.first = next;
        } else {
            slots[previous].next = next;
        }
        if next == NONE {
            self.last = previous;
        } else {
            slots[next].previous = previous;
        }
    }
}
