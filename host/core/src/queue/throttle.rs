//! Which retries may go ahead: one token bucket a tenant.
//!
//! A retry takes its token when its backoff is over, not when it fails: tokens that were taken beforehand would come
//! together with the backoffs that end together. A retry that finds no token stands in its tenant's lane, and each token
//! that comes lets the first one go. So a tenant's retries become ready at the rate of its budget whatever the backoffs of
//! its keys say, and a token is never kept for a key that went ahead because it was added.

use std::collections::BTreeSet;

use super::limits::RetryBudget;
use super::slab::{Id, Slab};
use super::tenants::Tenants;
use super::{Keyed, Slot, nanos};

/// A tenant's tokens, as the one number that the generic cell rate algorithm needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    /// When it is full again if nobody draws on it, in nanoseconds.
    full_at: u64,
}

impl Bucket {
    pub(super) const FULL: Self = Self { full_at: 0 };

    /// From when on there is a token.
    const fn token_at(self, throttle: &Throttle) -> u64 {
        self.full_at.saturating_sub(throttle.filling)
    }

    fn draw(&mut self, throttle: &Throttle, at: u64) {
        self.full_at = self.full_at.max(at).saturating_add(throttle.refill);
    }
}

/// The budget, and for whom tokens will come.
#[derive(Debug)]
pub(super) struct Throttle {
    /// The time in which one token comes.
    refill: u64,
    /// The time in which all tokens but one come.
    filling: u64,
    /// When the next token comes to a tenant that has retries waiting for it.
    refills: BTreeSet<(u64, Id)>,
    put_off: u64,
}

impl Throttle {
    pub(super) fn new(budget: RetryBudget) -> Self {
        let refill = nanos(budget.refill);
        let filling = refill.saturating_mul(u64::from(budget.burst.saturating_sub(1)));
        Self { refill, filling, refills: BTreeSet::new(), put_off: 0 }
    }

    /// When the next token comes that somebody waits for.
    pub(super) fn next(&self) -> Option<u64> {
        self.refills.first().map(|&(at, _)| at)
    }

    /// How many retries were put off so far.
    pub(super) const fn put_off(&self) -> u64 {
        self.put_off
    }

    /// The slot's backoff is over at `at`. Says whether it may go ahead; if not, it is in its tenant's lane now.
    pub(super) fn admit<K: Keyed>(
        &mut self,
        tenants: &mut Tenants<K::Tenant>,
        slots: &mut Slab<Slot<K>>,
        id: Id,
        at: u64,
    ) -> bool {
        let number = slots[id].tenant;
        let tenant = &mut tenants[number];
        let token_at = tenant.bucket.token_at(self);
        let is_first = tenant.put_off.is_empty();
        if is_first && token_at <= at {
            tenant.bucket.draw(self, at);
            return true;
        }
        tenant.put_off.push(slots, id);
        if is_first {
            self.refills.insert((token_at, number));
        }
        self.put_off += 1;
        false
    }

    /// The token that is next has come. Who may go ahead, and since when.
    pub(super) fn refill<K: Keyed>(
        &mut self,
        tenants: &mut Tenants<K::Tenant>,
        slots: &mut Slab<Slot<K>>,
    ) -> Option<(Id, u64)> {
        let (at, number) = self.refills.pop_first()?;
        let tenant = &mut tenants[number];
        let id = tenant.put_off.first();
        tenant.put_off.remove(slots, id);
        tenant.bucket.draw(self, at);
        if !tenant.put_off.is_empty() {
            self.refills.insert((tenant.bucket.token_at(self), number));
        }
        Some((id, at))
    }

    /// The slot, which waits for a token, goes ahead without.
    pub(super) fn withdraw<K: Keyed>(&mut self, tenants: &mut Tenants<K::Tenant>, slots: &mut Slab<Slot<K>>, id: Id) {
        let number = slots[id].tenant;
        let tenant = &mut tenants[number];
        tenant.put_off.remove(slots, id);
        if tenant.put_off.is_empty() {
            self.refills.remove(&(tenant.bucket.token_at(self), number));
        }
    }
}
