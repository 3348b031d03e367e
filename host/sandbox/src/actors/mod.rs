//! What the controllers of a real cluster do: an [`Actor`] looks at each change of the [`World`] and does what follows from it.
//!
//! Actors work on the world directly, one change after the other, so that a run is the same whenever it is repeated. They are
//! level-triggered: what they do depends on what is in the store and not on the change, so that one may come late, twice or
//! after a restart, at which all objects count as [changed](Actors::begin).

pub mod aggregation;
pub mod definitions;
pub mod garbage;
pub mod kcp;
pub mod kubernetes;
pub mod namespaces;
mod reading;
#[cfg(test)]
mod testing;

use std::collections::{BTreeSet, VecDeque};
use std::ops::RangeInclusive;

use jiff::Timestamp;

use crate::kinds::Flavour;
use crate::world::{Changed, World};

/// The controllers that a plain cluster has and a workspace of kcp as well. `root_ca` is what clients of the server trust, in
/// PEM.
pub fn shared(root_ca: &str) -> Vec<Box<dyn Actor>> {
    vec![
        Box::new(definitions::Definitions::default()),
        Box::new(namespaces::Namespaces::new(root_ca)),
        Box::new(garbage::Garbage),
        Box::new(aggregation::Aggregation),
    ]
}

/// As whom controllers write: in kcp they are part of the server.
fn manager(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::Kubernetes => "kube-controller-manager",
        Flavour::Kcp => "kcp",
    }
}

/// As whom a server writes itself.
fn server(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::Kubernetes => "kube-apiserver",
        Flavour::Kcp => "kcp",
    }
}

/// How many changes are looked at at once. Few, for a request waits for as long: at most some 25 ms.
const AT_ONCE: RangeInclusive<usize> = 8..=512;
/// Of the changes that wait one in so many is looked at at once.
const SHARE: usize = 8;
/// How many changes that follow from one are looked at before those that wait.
const FOLLOWING: usize = 256;

/// A controller.
pub trait Actor: Send + std::fmt::Debug {
    /// Looks at an object that changed, came or went; says when to look at it again, if the time alone would change something.
    fn act(&mut self, world: &mut World, changed: &Changed) -> Option<Timestamp>;
}

/// All controllers of a server, and what they have to do.
#[derive(Debug, Default)]
pub struct Actors {
    all: Vec<Box<dyn Actor>>,
    due: VecDeque<Changed>,
    /// How many of those at the front follow from the change that was looked at last.
    following: usize,
    /// How many followed from it until now.
    followed: usize,
    later: BTreeSet<(Timestamp, usize, Changed)>,
}

impl Actors {
    /// These controllers, who are asked in this order.
    pub fn new(actors: Vec<Box<dyn Actor>>) -> Self {
        Self { all: actors, ..Self::default() }
    }

    /// Looks at every object that is there, as controllers do when they start.
    pub fn begin(&mut self, world: &World) {
        self.due.extend(world.all_objects());
    }

    /// How many changes to look at before requests have their turn. The more wait the more: requests bring changes as fast as
    /// they are answered, and with a fixed number the controllers of ten thousand clusters would fall behind them for ever.
    pub fn at_once(&self) -> usize {
        (self.due.len() / SHARE).clamp(*AT_ONCE.start(), *AT_ONCE.end())
    }

    /// Looks at changes, so many at the most, and at what is due by now. Says whether there is more to do at once, or when.
    ///
    /// What follows from a change comes before the other changes that wait. So what was begun first is done first, however much
    /// there is to do, and objects are looked at while the store has them at hand ([`store`](crate::store)): with thousands of
    /// Deployments at once, each step of each waited for all others, and most of the time went into reading them anew. What
    /// follows without end, or nearly so, waits as everything else does.
    pub fn act(&mut self, world: &mut World, most: usize) -> Next {
        self.due.append(&mut world.take_changes());
        for _ in 0..most {
            if let Some(changed) = self.due.pop_front() {
                match self.following.checked_sub(1) {
                    Some(left) => self.following = left,
                    None => self.followed = 0,
                }
                for at in 0..self.all.len() {
                    self.look(world, at, &changed);
                }
            } else if let Some((_, at, changed)) = self.take_late(world.now) {
                self.look(world, at, &changed);
            } else {
                return self.later.first().map_or(Next::Idle, |(time, ..)| Next::At(*time));
            }
            let follows = world.take_changes();
            self.followed += follows.len();
            if self.followed > FOLLOWING {
                self.due.extend(follows);
                continue;
            }
            self.following += follows.len();
            for follows in follows.into_iter().rev() {
                self.due.push_front(follows);
            }
        }
        Next::Now
    }

    fn take_late(&mut self, now: Timestamp) -> Option<(Timestamp, usize, Changed)> {
        if self.later.first()?.0 > now { None } else { self.later.pop_first() }
    }

    fn look(&mut self, world: &mut World, at: usize, changed: &Changed) {
        let Some(actor) = self.all.get_mut(at) else { return };
        if let Some(again) = actor.act(world, changed) {
            self.later.insert((again, at, changed.clone()));
        }
    }
}

/// When controllers have to do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// There is more to do.
    Now,
    /// At this time.
    At(Timestamp),
    /// When something changes.
    Idle,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::testing::Fixture;
    use super::*;
    use crate::lifecycle::Subresource;

    /// Writes whenever it looks.
    #[derive(Debug)]
    struct Restless;

    impl Actor for Restless {
        fn act(&mut self, world: &mut World, changed: &Changed) -> Option<Timestamp> {
            if &*changed.name == "restless" {
                let number = world.revision().to_string();
                let written = world.change(&changed.named(), Subresource::None, "test", |object| {
                    object.insert("data".to_owned(), json!({ "number": number }));
                });
                written.unwrap();
            }
            None
        }
    }

    #[test]
    fn what_follows_without_end_keeps_nobody_waiting() {
        let mut fixture = Fixture::kubernetes();
        let map = |name: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}});
        fixture.make(map("restless"));
        fixture.make(map("other"));
        let mut actors = Actors::new(vec![Box::new(Restless)]);
        let waits = |actors: &Actors| actors.due.iter().any(|changed| &*changed.name == "other");
        actors.act(&mut fixture.world, 1);
        assert!(waits(&actors));
        actors.act(&mut fixture.world, 2 * FOLLOWING);
        assert!(!waits(&actors));
        assert_eq!(actors.act(&mut fixture.world, 10 * FOLLOWING), Next::Now, "it goes on all the same");
    }

    /// Requests are answered, and bring changes, between every two looks.
    #[test]
    fn controllers_do_not_fall_behind_for_ever() {
        let mut world = Fixture::kubernetes().world;
        let change = world.all_objects().next().unwrap();
        let mut actors = Actors::default();
        let mut rounds = || {
            for _ in 0..1_000 {
                actors.due.extend(std::iter::repeat_n(change.clone(), 100));
                let most = actors.at_once();
                actors.act(&mut world, most);
            }
            actors.due.len()
        };
        let waiting = rounds();
        assert!(waiting < 100 * SHARE, "{waiting} wait");
        assert_eq!(rounds(), waiting);
    }
}
