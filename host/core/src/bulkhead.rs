//! What one physical cluster may hold up: a bulkhead and a circuit breaker for each, as a state machine without clock or
//! threads. The shell around it is `berthage::reconcile::bulkhead`.
//!
//! A cluster that hangs gives a worker back only after the time limit of a request. So at most so many visitors are at one
//! cluster at a time, and once one of them got no answer no more go there until the cluster has been probed. Whoever is
//! turned away is called when there is room again, in the order of coming, and its place is kept until the end of the run
//! that it was called for.
//!
//! ```text
//!            enter: there is room                     leave
//!   visitor ────────────────────────▶ inside ────────────────────▶ gone
//!      │ enter: full, or not answering   ▲
//!      ▼                                 │ enter
//!   waiting ──────── called ─────────────┘
//!                 (a place is kept until the visitor's next run is over)
//! ```

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;

/// The clusters that somebody is at, or waits for.
#[derive(Debug)]
pub struct Bulkheads<K> {
    at_most: usize,
    clusters: HashMap<K, Cluster<K>>,
    /// Who has a run now.
    running: HashSet<K>,
    /// The place that is kept for a visitor who was called.
    called: HashMap<K, Called<K>>,
}

/// Whether a visitor may go in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// It may.
    Inside,
    /// Too many are there.
    Full,
    /// Somebody got no answer there, and it was not probed since.
    Silent,
}

#[derive(Debug)]
struct Called<K> {
    to: K,
    /// The visitor has a run that began before: the place is for the next one.
    in_a_run: bool,
}

#[derive(Debug)]
struct Cluster<K> {
    /// A visitor may be here more than once: it asks for the same cluster in several steps.
    inside: Vec<K>,
    /// In the order of coming. Who is not in `waiting` any more has come in otherwise.
    line: VecDeque<K>,
    waiting: HashSet<K>,
    /// Places that are kept for visitors who were called.
    kept: usize,
    /// The breaker is open: somebody got no answer, and the cluster was not probed since.
    open: bool,
}

impl<K> Cluster<K> {
    fn new() -> Self {
        Self { inside: Vec::new(), line: VecDeque::new(), waiting: HashSet::new(), kept: 0, open: false }
    }

    fn is_forgettable(&self) -> bool {
        self.inside.is_empty() && self.waiting.is_empty() && self.kept == 0 && !self.open
    }
}

impl<K: Clone + Eq + Hash> Bulkheads<K> {
    /// At most `at_most` visitors, but one at least, at each cluster at a time.
    pub fn new(at_most: usize) -> Self {
        Self { at_most: at_most.max(1), clusters: HashMap::new(), running: HashSet::new(), called: HashMap::new() }
    }

    /// A run of a visitor begins.
    pub fn run_begins(&mut self, visitor: &K) {
        self.running.insert(visitor.clone());
    }

    /// A visitor wants to ask the cluster something. If it may, it has to [`leave`](Self::leave) later; if it may not, it is
    /// called when it may.
    pub fn enter(&mut self, cluster: &K, visitor: &K) -> Entry {
        let was_called = self.called.get(visitor).is_some_and(|called| called.to == *cluster);
        if was_called {
            self.called.remove(visitor);
        }
        let at = self.clusters.entry(cluster.clone()).or_insert_with(Cluster::new);
        if was_called {
            at.kept -= 1;
        }
        // Who is here already goes on: to wait for itself it would wait for ever.
        let again = at.inside.contains(visitor);
        if again || (!at.open && at.inside.len() + at.kept < self.at_most) {
            at.waiting.remove(visitor);
            at.inside.push(visitor.clone());
            return Entry::Inside;
        }
        if at.waiting.insert(visitor.clone()) {
            // Who was called, and found the breaker open since, has waited longest.
            if was_called {
                at.line.push_front(visitor.clone());
            } else {
                at.line.push_back(visitor.clone());
            }
        }
        if at.open { Entry::Silent } else { Entry::Full }
    }

    /// A visitor who entered is done. Gives those who are called now.
    #[must_use = "who is not woken waits for ever"]
    pub fn leave(&mut self, cluster: &K, visitor: &K) -> Vec<K> {
        if let Some(at) = self.clusters.get_mut(cluster)
            && let Some(place) = at.inside.iter().position(|inside| inside == visitor)
        {
            at.inside.swap_remove(place);
        }
        self.call(cluster)
    }

    /// A visitor's run is over. If it was called before and did not come in, its place is given to the next.
    #[must_use = "who is not woken waits for ever"]
    pub fn run_over(&mut self, visitor: &K) -> Vec<K> {
        self.running.remove(visitor);
        if let Some(called) = self.called.get_mut(visitor)
            && std::mem::take(&mut called.in_a_run)
        {
            return Vec::new();
        }
        let Some(Called { to: cluster, .. }) = self.called.remove(visitor) else { return Vec::new() };
        if let Some(at) = self.clusters.get_mut(&cluster) {
            at.kept -= 1;
        }
        self.call(&cluster)
    }

    /// Somebody got no answer there: nobody else goes there before it is [`probed`](Self::probed). Whether the breaker was
    /// closed before.
    pub fn trip(&mut self, cluster: &K) -> bool {
        let at = self.clusters.entry(cluster.clone()).or_insert_with(Cluster::new);
        !std::mem::replace(&mut at.open, true)
    }

    /// What there is to know of the cluster is known, whether it answers or not. Gives those who are called now.
    #[must_use = "who is not woken waits for ever"]
    pub fn probed(&mut self, cluster: &K) -> Vec<K> {
        if let Some(at) = self.clusters.get_mut(cluster) {
            at.open = false;
        }
        self.call(cluster)
    }

    /// How many clusters were found not to answer, and were not probed since.
    pub fn open(&self) -> usize {
        self.clusters.values().filter(|at| at.open).count()
    }

    /// How many visitors wait.
    pub fn waiting(&self) -> usize {
        self.clusters.values().map(|at| at.waiting.len()).sum()
    }

    fn call(&mut self, cluster: &K) -> Vec<K> {
        let Some(at) = self.clusters.get_mut(cluster) else { return Vec::new() };
        let mut called = Vec::new();
        while !at.open && at.inside.len() + at.kept < self.at_most {
            let Some(next) = at.line.pop_front() else { break };
            if !at.waiting.remove(&next) {
                continue;
            }
            // It waits elsewhere too, and is called there already: that run will come here as well.
            if let std::collections::hash_map::Entry::Vacant(vacant) = self.called.entry(next.clone()) {
                vacant.insert(Called { to: cluster.clone(), in_a_run: self.running.contains(&next) });
                at.kept += 1;
            }
            called.push(next);
        }
        if at.is_forgettable() {
            self.clusters.remove(cluster);
        }
        called
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    fn full(at_most: usize) -> Bulkheads<u32> {
        let mut bulkheads = Bulkheads::new(at_most);
        for visitor in 0..u32::try_from(at_most).unwrap() {
            assert_eq!(bulkheads.enter(&100, &visitor), Entry::Inside);
        }
        bulkheads
    }

    #[test]
    fn who_is_turned_away_is_called_in_the_order_of_coming_and_finds_a_place() {
        let mut bulkheads = full(2);
        assert_ne!(bulkheads.enter(&100, &7), Entry::Inside);
        assert_ne!(bulkheads.enter(&100, &8), Entry::Inside);
        assert_eq!(bulkheads.enter(&200, &8), Entry::Inside, "another cluster has room");
        assert_eq!(bulkheads.leave(&100, &0), [7]);
        assert_ne!(bulkheads.enter(&100, &9), Entry::Inside, "the place is kept for 7");
        assert_eq!(bulkheads.enter(&100, &7), Entry::Inside);
        assert_eq!(bulkheads.leave(&100, &1), [8]);
        assert_eq!(bulkheads.waiting(), 1);
    }

    #[test]
    fn a_place_that_is_not_taken_goes_to_the_next() {
        let mut bulkheads = full(1);
        assert_ne!(bulkheads.enter(&100, &7), Entry::Inside);
        assert_ne!(bulkheads.enter(&100, &8), Entry::Inside);
        assert_eq!(bulkheads.leave(&100, &0), [7]);
        assert_eq!(bulkheads.run_over(&7), [8]);
        assert!(bulkheads.run_over(&8).is_empty());
        assert_eq!(bulkheads.enter(&100, &9), Entry::Inside);
    }

    #[test]
    fn a_place_is_kept_beyond_the_run_that_was_turned_away() {
        let mut bulkheads = full(1);
        bulkheads.run_begins(&7);
        assert_eq!(bulkheads.enter(&100, &7), Entry::Full);
        assert_eq!(bulkheads.leave(&100, &0), [7], "it is called before its run is over");
        assert!(bulkheads.run_over(&7).is_empty());
        assert_eq!(bulkheads.enter(&100, &8), Entry::Full);
        bulkheads.run_begins(&7);
        assert_eq!(bulkheads.enter(&100, &7), Entry::Inside);
    }

    #[test]
    fn nobody_goes_where_there_was_no_answer_before_it_is_probed() {
        let mut bulkheads = full(2);
        assert!(bulkheads.trip(&100));
        assert!(!bulkheads.trip(&100));
        assert_eq!(bulkheads.enter(&100, &1), Entry::Inside, "who is there goes on");
        assert_ne!(bulkheads.enter(&100, &7), Entry::Inside);
        for visitor in [0, 1, 1] {
            assert!(bulkheads.leave(&100, &visitor).is_empty());
        }
        assert_eq!((bulkheads.open(), bulkheads.waiting()), (1, 1));
        assert_eq!(bulkheads.probed(&100), [7]);
        assert_eq!(bulkheads.enter(&100, &7), Entry::Inside);
        assert_eq!((bulkheads.open(), bulkheads.waiting()), (0, 0));
    }

    #[test]
    fn nothing_is_kept_of_a_cluster_that_nobody_is_at() {
        let mut bulkheads = full(2);
        assert!(bulkheads.leave(&100, &0).is_empty());
        assert!(bulkheads.leave(&100, &1).is_empty());
        assert!(bulkheads.clusters.is_empty() && bulkheads.called.is_empty());
        assert!(bulkheads.trip(&100));
        assert!(bulkheads.probed(&100).is_empty());
        assert!(bulkheads.clusters.is_empty());
    }

    #[derive(Debug, Clone)]
    enum Step {
        /// A visitor's run begins at these clusters, one after another.
        Begin(u32, Vec<u32>),
        End(u32),
        Trip(u32),
        Probe(u32),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let cluster = || 100u32..103;
        let step = prop_oneof![
            4 => (0u32..8, prop::collection::vec(cluster(), 1..3)).prop_map(|(visitor, at)| Step::Begin(visitor, at)),
            4 => (0u32..8).prop_map(Step::End),
            1 => cluster().prop_map(Step::Trip),
            1 => cluster().prop_map(Step::Probe),
        ];
        prop::collection::vec(step, 0..80)
    }

    /// A world of runs: who is called is run again when its present run is over, as the queue does it.
    struct Runs {
        bulkheads: Bulkheads<u32>,
        /// What each visitor who is running holds.
        running: BTreeMap<u32, Vec<u32>>,
        /// Who is to run again, and where it wants to go.
        wanted: BTreeMap<u32, Vec<u32>>,
        dirty: BTreeSet<u32>,
    }

    impl Runs {
        fn begin(&mut self, visitor: u32, clusters: Vec<u32>) {
            if self.running.contains_key(&visitor) {
                self.wanted.insert(visitor, clusters);
                self.dirty.insert(visitor);
                return;
            }
            self.dirty.remove(&visitor);
            self.bulkheads.run_begins(&visitor);
            let mut holds = Vec::new();
            let mut refused = false;
            for cluster in &clusters {
                if self.bulkheads.enter(cluster, &visitor) != Entry::Inside {
                    refused = true;
                    break;
                }
                holds.push(*cluster);
            }
            self.wanted.insert(visitor, clusters);
            self.running.insert(visitor, holds);
            if refused {
                self.end(visitor);
            }
        }

        fn end(&mut self, visitor: u32) {
            let Some(holds) = self.running.remove(&visitor) else { return };
            for cluster in holds {
                let called = self.bulkheads.leave(&cluster, &visitor);
                self.dirty.extend(called);
            }
            let called = self.bulkheads.run_over(&visitor);
            self.dirty.extend(called);
        }

        fn check(&self) -> Result<(), TestCaseError> {
            let at_all: BTreeMap<_, _> = self.bulkheads.clusters.iter().collect();
            for (name, at) in at_all {
                let visitors: BTreeSet<_> = at.inside.iter().collect();
                prop_assert!(visitors.len() + at.kept <= self.bulkheads.at_most);
                let kept = self.bulkheads.called.iter().filter(|(_, called)| called.to == *name);
                prop_assert_eq!(kept.clone().count(), at.kept);
                for (called, _) in kept {
                    prop_assert!(self.dirty.contains(called) || self.running.contains_key(called));
                }
                // Nobody waits where there is room.
                prop_assert!(at.open || at.waiting.is_empty() || at.inside.len() + at.kept >= self.bulkheads.at_most);
            }
            Ok(())
        }
    }

    proptest! {
        #[test]
        fn whatever_happens_nobody_waits_where_there_is_room(steps in steps(), at_most in 1usize..4) {
            let mut runs = Runs {
                bulkheads: Bulkheads::new(at_most),
                running: BTreeMap::new(),
                wanted: BTreeMap::new(),
                dirty: BTreeSet::new(),
            };
            for step in steps {
                match step {
                    Step::Begin(visitor, clusters) => runs.begin(visitor, clusters),
                    Step::End(visitor) => runs.end(visitor),
                    Step::Trip(cluster) => {
                        runs.bulkheads.trip(&cluster);
                    }
                    Step::Probe(cluster) => {
                        let called = runs.bulkheads.probed(&cluster);
                        runs.dirty.extend(called);
                    }
                }
                runs.check()?;
            }
            // In the end every cluster answers, and everybody who wants to has been there.
            for cluster in 100..103 {
                let called = runs.bulkheads.probed(&cluster);
                runs.dirty.extend(called);
            }
            for _ in 0..1000 {
                if let Some(&visitor) = runs.running.keys().next() {
                    runs.end(visitor);
                } else if let Some(visitor) = runs.dirty.first().copied() {
                    let wanted = runs.wanted.get(&visitor).cloned().unwrap_or_default();
                    runs.begin(visitor, wanted);
                } else {
                    break;
                }
                runs.check()?;
            }
            prop_assert!(runs.running.is_empty() && runs.dirty.is_empty());
            prop_assert!(runs.bulkheads.clusters.is_empty() && runs.bulkheads.called.is_empty());
            prop_assert!(runs.bulkheads.running.is_empty());
        }
    }
}
