//! Which ready key is next: the one place that knows about priority, aging, fairness between tenants and their bounds.
//!
//! Every tenant has one lane per priority, first in first out. At each priority the tenants that have something there take
//! turns, one key a turn: deficit round robin where all keys cost the same. So fifty thousand keys of one tenant delay the
//! single key of another by one turn. The higher priority goes first, except that after [`IN_A_ROW`] others
//! [`Priority::Background`] has its turn, and after as many of [`Priority::Live`] a [`Priority::Report`].
//!
//! A tenant that has as many keys in work as it may is held: its turns pass it by, in O(1), without counting for it. It keeps
//! its place until its turn would come, and after that its place is the front: when it is held no longer, it goes before
//! everybody it would have gone before, and takes one turn. So a tenant that waits sees each other tenant take at most one
//! turn, held or not. That a live key of a held tenant is taken does not send its background keys to the end, either.
//!
//! One thing more is needed so that no priority of a *held* tenant starves: its turns at one priority may come only while it
//! is held by keys of another. Such a turn is due, and the tenant's next turn, of whatever priority, is used for it.

use super::slab::{Id, Slab};
use super::tenants::{Tenant, Tenants};
use super::turns::Turns;
use super::{Keyed, Priority, Slot};

/// After so many keys in a row a lower one has its turn, if one is ready: the initial list of a large installation goes on
/// while changes keep coming.
pub(super) const IN_A_ROW: u32 = 8;

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
    /// How many turns there were since the last background turn, while background keys were ready.
    without_background: u32,
    /// How many live turns there were since the last report, while reports were ready.
    without_report: u32,
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
            without_background: 0,
            without_report: 0,
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

    /// Whose turns are next. A turn of a lower priority that cannot be used by anybody is the next one that can.
    fn next_priority(&mut self) -> Option<Priority> {
        let [background, report, live] = self.sum.eligible.map(|tenants| tenants > 0);
        let [backgrounds, reports, _] = self.depths.map(|keys| keys > 0);
        if !(background || report || live) {
            return None;
        }
        Some(if is_lower_next(background, report || live, backgrounds, &mut self.without_background) {
            Priority::Background
        } else if is_lower_next(report, live, reports, &mut self.without_report) {
            Priority::Report
        } else {
            Priority::Live
        })
    }

    /// Changes a tenant, and the sums with it.
    fn change<T>(&mut self, tenant: &mut Tenant<T>, change: impl FnOnce(&mut Tenant<T>)) {
        let before = Sum::of(tenant, self.bound);
        change(tenant);
        self.sum.replace(&before, &Sum::of(tenant, self.bound));
    }
}

/// Of two of which one at least can be used, whether it is the lower one's turn. `waits` is whether any of the lower ones is
/// ready, be it usable or not; `row` counts the turns of the higher ones meanwhile.
const fn is_lower_next(lower: bool, higher: bool, waits: bool, row: &mut u32) -> bool {
    let is_next = lower && (!higher || *row >= IN_A_ROW);
    *row = if is_next || !waits { 0 } else { row.saturating_add(1) };
    is_next
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
    /// The priority whose key is handed out in its turn at `turn`: that one, unless another is due. Those that are due
    /// alternate, so that none waits for more than a turn for each.
    fn used_for(&self, turn: Priority) -> Priority {
        let mut due = self.last.others().chain([self.last]).filter(|priority| self.turns[*priority as usize].due);
        due.next().unwrap_or(turn)
    }

    /// Whether its turn came while it was at its bound.
    const fn has_missed(&self, turn: Priority) -> bool {
        !self.lanes[turn as usize].is_empty() && !self.turns[turn as usize].listed
    }
}
