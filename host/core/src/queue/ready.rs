//! Which ready key is next: the one place that knows about priority, aging and fairness between tenants.
//!
//! Every tenant has one lane per priority, first in first out. At each priority the tenants that have something there take
//! turns, one key a turn, so that fifty thousand keys of one tenant delay the single key of another by one turn.
//! [`Priority::Live`] goes before [`Priority::Background`], except for every [`LIVE_IN_A_ROW`]th time.

use std::collections::{HashMap, VecDeque};

use super::slab::{Id, NONE, Slab};
use super::{Keyed, Priority, Slot};

/// After so many live keys in a row a background key has its turn, if one is ready: the initial list of a large
/// installation goes on while live changes keep coming.
pub(super) const LIVE_IN_A_ROW: u32 = 8;

/// The keys that are ready.
#[derive(Debug)]
pub(super) struct ReadySet<T> {
    tenants: Slab<Tenant<T>>,
    by_name: HashMap<T, Id>,
    /// By priority: the tenants in the order of their turns. A tenant whose lane was emptied by [`Self::remove`] stays
    /// until its turn, and is skipped then.
    turns: [VecDeque<Id>; Priority::COUNT],
    /// By priority: how many keys are ready.
    depths: [usize; Priority::COUNT],
    /// How many live keys were handed out since the last background key, while background keys were ready.
    live_in_a_row: u32,
}

#[derive(Debug)]
struct Tenant<T> {
    name: T,
    /// How many keys the queue knows of this tenant, ready or not.
    keys: u32,
    /// By priority.
    lanes: [Lane; Priority::COUNT],
}

/// A doubly linked list through the slots, so that a key can leave from anywhere when its priority is raised.
#[derive(Debug, Clone, Copy)]
struct Lane {
    first: Id,
    last: Id,
    /// Whether the tenant stands in the turns of this priority.
    in_turn: bool,
}

impl Lane {
    const EMPTY: Self = Self { first: NONE, last: NONE, in_turn: false };
}

impl<T: Clone + Eq + std::hash::Hash> ReadySet<T> {
    pub(super) fn new() -> Self {
        Self {
            tenants: Slab::new(),
            by_name: HashMap::new(),
            turns: [VecDeque::new(), VecDeque::new()],
            depths: [0; Priority::COUNT],
            live_in_a_row: 0,
        }
    }

    /// How many keys are ready at `priority`.
    pub(super) const fn depth(&self, priority: Priority) -> usize {
        self.depths[priority as usize]
    }

    /// A key of tenant `name` enters the queue, in whatever state.
    pub(super) fn join(&mut self, name: &T) -> Id {
        let id = if let Some(&id) = self.by_name.get(name) {
            id
        } else {
            let id = self.tenants.insert(Tenant { name: name.clone(), keys: 0, lanes: [Lane::EMPTY; Priority::COUNT] });
            self.by_name.insert(name.clone(), id);
            id
        };
        self.tenants[id].keys += 1;
        id
    }

    /// A key of the tenant leaves the queue.
    pub(super) fn leave(&mut self, tenant: Id) {
        self.tenants[tenant].keys -= 1;
        self.forget_if_gone(tenant);
    }

    /// The slot's key becomes ready: it goes to the end of its lane.
    pub(super) fn push<K: Keyed<Tenant = T>>(&mut self, slots: &mut Slab<Slot<K>>, id: Id) {
        let (tenant, priority) = (slots[id].tenant, slots[id].priority as usize);
        let lane = &mut self.tenants[tenant].lanes[priority];
        let last = lane.last;
        lane.last = id;
        if last == NONE {
            lane.first = id;
        }
        if !lane.in_turn {
            lane.in_turn = true;
            self.turns[priority].push_back(tenant);
        }
        if last != NONE {
            slots[last].next = id;
        }
        slots[id].previous = last;
        slots[id].next = NONE;
        self.depths[priority] += 1;
    }

    /// Takes the slot, which is ready, out of its lane.
    pub(super) fn remove<K: Keyed<Tenant = T>>(&mut self, slots: &mut Slab<Slot<K>>, id: Id) {
        let slot = &slots[id];
        let (previous, next, tenant, priority) = (slot.previous, slot.next, slot.tenant, slot.priority as usize);
        let lane = &mut self.tenants[tenant].lanes[priority];
        if previous == NONE {
            lane.first = next;
        } else {
            slots[previous].next = next;
        }
        if next == NONE {
            lane.last = previous;
        } else {
            slots[next].previous = previous;
        }
        self.depths[priority] -= 1;
    }

    /// Takes out the slot whose turn it is.
    pub(super) fn pop<K: Keyed<Tenant = T>>(&mut self, slots: &mut Slab<Slot<K>>) -> Option<Id> {
        let priority = self.next_priority()?;
        while let Some(tenant) = self.turns[priority as usize].pop_front() {
            let first = self.tenants[tenant].lanes[priority as usize].first;
            if first == NONE {
                self.tenants[tenant].lanes[priority as usize].in_turn = false;
                self.forget_if_gone(tenant);
                continue;
            }
            self.remove(slots, first);
            let lane = &mut self.tenants[tenant].lanes[priority as usize];
            if lane.first == NONE {
                lane.in_turn = false;
            } else {
                self.turns[priority as usize].push_back(tenant);
            }
            return Some(first);
        }
        None
    }

    fn next_priority(&mut self) -> Option<Priority> {
        let (live, background) = (self.depth(Priority::Live) > 0, self.depth(Priority::Background) > 0);
        if background && (!live || self.live_in_a_row >= LIVE_IN_A_ROW) {
            self.live_in_a_row = 0;
            return Some(Priority::Background);
        }
        self.live_in_a_row = if background { self.live_in_a_row + 1 } else { 0 };
        live.then_some(Priority::Live)
    }

    /// Tenants come and go: one without keys takes no memory, once it stands in no turns.
    fn forget_if_gone(&mut self, id: Id) {
        let tenant = &self.tenants[id];
        if tenant.keys == 0 && tenant.lanes.iter().all(|lane| !lane.in_turn) {
            let tenant = self.tenants.remove(id);
            self.by_name.remove(&tenant.name);
        }
    }

    /// How many tenants take memory.
    #[cfg(test)]
    pub(super) fn tenants(&self) -> usize {
        self.tenants.len()
    }
}
