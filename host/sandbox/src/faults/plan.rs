//! Who decides what goes wrong.

use std::collections::BTreeSet;

use super::exchange::{Exchange, Verb};
use super::fault::{Fault, Kind};
use crate::world::Random;

/// Decides what goes wrong with each request, in the order in which they come.
pub trait Plan: Send {
    /// What goes wrong with this one.
    fn decide(&mut self, exchange: &Exchange) -> Option<Fault>;
}

/// Nothing goes wrong.
#[derive(Debug, Clone, Copy, Default)]
pub struct Calm;

impl Plan for Calm {
    fn decide(&mut self, _: &Exchange) -> Option<Fault> {
        None
    }
}

/// One fault with one request.
#[derive(Debug, Clone)]
pub struct Once {
    /// The number of the request.
    pub number: usize,
    /// What goes wrong with it.
    pub fault: Fault,
}

impl Plan for Once {
    fn decide(&mut self, exchange: &Exchange) -> Option<Fault> {
        (exchange.number == self.number).then(|| self.fault.clone())
    }
}

/// Faults of some kinds, from a seed, until a number of requests has passed: after that all is well, so that a system that
/// recovers can be seen to.
#[derive(Debug, Clone)]
pub struct Seeded {
    random: Random,
    kinds: BTreeSet<Kind>,
    /// One of so many requests goes wrong.
    rarity: u64,
    until: usize,
}

impl Seeded {
    /// Faults of `kinds`, with one of `rarity` requests, among the first `until`.
    pub fn new(seed: u64, kinds: impl IntoIterator<Item = Kind>, rarity: u64, until: usize) -> Self {
        Self { random: Random::seeded(seed), kinds: kinds.into_iter().collect(), rarity: rarity.max(1), until }
    }
}

impl Plan for Seeded {
    fn decide(&mut self, exchange: &Exchange) -> Option<Fault> {
        if exchange.number >= self.until || self.random.below(self.rarity) != 0 {
            return None;
        }
        let fitting: Vec<Kind> = self.kinds.iter().copied().filter(|kind| kind.concerns(exchange)).collect();
        let at = usize::try_from(self.random.below(fitting.len() as u64)).unwrap_or_default();
        fitting.get(at).map(|kind| kind.draw(&mut self.random, exchange.verb == Verb::Watch))
    }
}
