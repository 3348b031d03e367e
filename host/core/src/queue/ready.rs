//! Which ready key is next: the one place that knows about priority, aging, fairness between tenants and their bounds.
//!
//! Every tenant has one lane per priority, first in first out. At each priority the tenants that have something there take
//! turns, one key a turn: deficit round robin where all keys cost the same. So fifty thousand keys of one tenant delay the
//! single key of another by one turn. [`Priority::Live`] goes before [`Priority::Background`], except for every
//! [`LIVE_IN_A_ROW`]th time.
//!
//! A tenant that has as many keys in work as it may is held: its turns pass it by, in O(1), without counting for it. It keeps
//! its place until its turn would come, and after that its place is the front: when it is held no longer, it goes before
//! everybody it would have gone before, and takes one turn. So a tenant that waits sees each other tenant take at most one
//! turn, held or not. That a live key of a held tenant is taken does not send its background keys to the end, either.
//!
//! One thing more is needed so that no priority of a *held* tenant starves: its turns at one priority may come only while it
//! is held by keys of the other. Such a turn is due, and the tenant's next turn, of whatever priority, is used for it.

use super::slab::{Id, Slab};
use super::tenants::{Tenant, Tenants};
use super::turns::Turns;
use super::{Keyed, Priority, Slot};

/// After so many live keys in a row a background key has its turn, if one is ready: the initial list of a large
/// installation goes on while live changes keep coming.
pub(super) const LIVE_IN_A_ROW: u32 = 8;

/// The keys that are ready, and the count of those that are handed out.
#[derive(Debug)]
pub(super) struct ReadySet {
    /// How many keys of a tenant may be handed out at a time.
    bound: u32,
    /// By priority.
    turns: [Turns; Priority::COUNT],
    /// By priority: how many keys are ready.
    depths: [usize; Priority::COUNT],
    sum: Sum,
    /// How many live turns there were since the last background turn, while background keys were ready.
    live_in_a_row: u32,
}

/// What is summed up over all tenants.
#[derive(Debug, Default)]
struct Sum {
    /// By priority: how many tenants have a key there and may have one more handed out.
    eligible: [usize; Priority::COUNT],
    /// How many keys could be handed out one after the other.
    takeable: usize,
    /// How many tenants have ready keys and may have none handed out.
    held: usize,
}

impl ReadySet {
    pub(super) fn new(tenant_concurrency: usize) -> Self {
        Self {
            bound: u32::try_from(tenant_concurrency.max(1)).unwrap_or(u32::MAX),
            turns: Priority::ALL.map(Turns::new),
            depths: [0; Priority::COUNT],
            sum: Sum::default(),
            live_in_a_row: 0,
        }
    }

    /// How many keys are ready at `priority`.
    pub(super) const fn depth(&self, priority: Priority) -> usize {
        self.depths[priority as usize]
    }

    /// How many keys could be handed out now.
    pub(super) const fn takeable(&self) -> usize {
        self.sum.takeable
    }

    /// How many tenants have ready keys and are at their bound.
    pub(super) const fn held(&self) -> usize {
        self.sum.held
    }

    /// The slot's key becomes ready: it goes to the end of its lane.
    pub(super) fn push<K: Keyed>(&mut self, tenants: &mut Tenants<K::Tenant>, slots: &mut Slab<Slot<K>>, id: Id) {
        let (number, priority) = (slots[id].tenant, slots[id].priority as usize);
        let tenant = &mut tenants[number];
        let was_empty = tenant.lanes[priority].is_empty();
        self.change(tenant, |tenant| {
            tenant.lanes[priority].push(slots, id);
            tenant.ready += 1;
        });
        self.depths[priority] += 1;
        if was_empty {
            self.turns[priority].push_back(tenants, number);
        }
    }

    /// Takes the slot, which is ready, out of its lane.
    pub(super) fn remove<K: Keyed>(&mut self, tenants: &mut Tenants<K::Tenant>, slots: &mut Slab<Slot<K>>, id: Id) {
        let (number, priority) = (slots[id].tenant, slots[id].priority as usize);
        let tenant = &mut tenants[number];
        self.change(tenant, |tenant| {
            tenant.lanes[priority].remove(slots, id);
            tenant.ready -= 1;
        });
        self.depths[priority] -= 1;
        if tenant.lanes[priority].is_empty() {
            tenant.turns[priority].due = false;
            if tenant.turns[priority].listed {
                self.turns[priority].remove(tenants, number);
            }
        }
    }

    /// Hands out the slot whose turn it is.
    pub(super) fn take<K: Keyed>(&mut self, tenants: &mut Tenants<K::Tenant>, slots: &mut Slab<Slot<K>>) -> Option<Id> {
        let turn = self.next_priority()?;
        let turns = &mut self.turns[turn as usize];
        let number = loop {
            let number = turns.first()?;
            if tenants[number].running < self.bound {
                break number;
            }
            tenants[number].turns[turn as usize].due = true;
            turns.remove(tenants, number);
        };
        turns.remove(tenants, number);
        turns.push_back(tenants, number);
        let tenant = &mut tenants[number];
        let used = tenant.used_for(turn);
        tenant.turns[turn as usize].due = true;
        tenant.turns[used as usize].due = false;
        tenant.last = used;
        let id = tenant.lanes[used as usize].first();
        self.remove(tenants, slots, id);
        self.change(&mut tenants[number], |tenant| tenant.running += 1);
        Some(id)
    }

    /// A key of the tenant is handed out no longer.
    pub(super) fn release<T: Clone + Eq + std::hash::Hash>(&mut self, tenants: &mut Tenants<T>, number: Id) {
        let was_held = tenants[number].running >= self.bound;
        self.change(&mut tenants[number], |tenant| tenant.running -= 1);
        if !was_held {
            return;
        }
        for priority in Priority::ALL {
            if tenants[number].has_missed(priority) {
                self.turns[priority as usize].push_front(tenants, number);
            }
        }
    }

    /// Whose turns are next. A background turn that cannot be used by anybody is the next one that can.
    fn next_priority(&mut self) -> Option<Priority> {
        let [background, live] = self.sum.eligible.map(|tenants| tenants > 0);
        if background && (!live || self.live_in_a_row >= LIVE_IN_A_ROW) {
            self.live_in_a_row = 0;
            return Some(Priority::Background);
        }
        if !live {
            return None;
        }
        let is_background_ready = self.depth(Priority::Background) > 0;
        self.live_in_a_row = if is_background_ready { self.live_in_a_row.saturating_add(1) } else { 0 };
        Some(Priority::Live)
    }

    /// Changes a tenant, and the sums with it.
    fn change<T>(&mut self, tenant: &mut Tenant<T>, change: impl FnOnce(&mut Tenant<T>)) {
        let before = Sum::of(tenant, self.bound);
        change(tenant);
        self.sum.replace(&before, &Sum::of(tenant, self.bound));
    }
}

impl Sum {
    /// What one tenant adds to it.
    fn of<T>(tenant: &Tenant<T>, bound: u32) -> Self {
        let takeable = bound.saturating_sub(tenant.running).min(tenant.ready) as usize;
        Self {
            eligible: tenant.lanes.map(|lane| usize::from(takeable > 0 && !lane.is_empty())),
            takeable,
            held: usize::from(takeable == 0 && tenant.ready > 0),
        }
    }

    fn replace(&mut self, before: &Self, after: &Self) {
        for (sum, (before, after)) in self.eligible.iter_mut().zip(before.eligible.iter().zip(after.eligible)) {
            *sum = *sum + after - before;
        }
        self.takeable = self.takeable + after.takeable - before.takeable;
        self.held = self.held + after.held - before.held;
    }
}

impl<T> Tenant<T> {
    /// The priority whose key is handed out in its turn at `turn`: that one, unless the other is due. Where both are due
    /// they alternate, so that neither waits for more than two turns.
    fn used_for(&self, turn: Priority) -> Priority {
        let other = turn.other();
        let is_own_first = self.turns[turn as usize].due && self.last != turn;
        if self.turns[other as usize].due && !is_own_first { other } else { turn }
    }

    /// Whether its turn came while it was at its bound.
    const fn has_missed(&self, turn: Priority) -> bool {
        !self.lanes[turn as usize].is_empty() && !self.turns[turn as usize].listed
    }
}
