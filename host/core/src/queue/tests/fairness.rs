//! How long a key waits among busy tenants. Takes are counted, not time: that is what a queue can promise.

use proptest::prelude::*;

use super::*;

/// Tenants that always have something to do, and workers who take and give back as they please.
#[derive(Debug)]
struct Busy {
    queue: Queue<Number>,
    workers: usize,
    hands: Vec<Taken<Number>>,
    /// What the workers do: take or give back, and which.
    moves: Vec<(bool, usize)>,
    moved: usize,
}

impl Busy {
    fn new(bound: usize, workers: usize, backlogs: &[[u32; 3]], moves: Vec<(bool, usize)>) -> Self {
        let mut queue = Queue::new(Limits { tenant_concurrency: bound, ..Limits::NONE });
        for (tenant, backlog) in (0..).zip(backlogs) {
            for (priority, keys) in Priority::ALL.into_iter().zip(backlog) {
                for name in 0..*keys {
                    queue.add(Number(tenant, name * 3 + priority as u32), priority, START);
                }
            }
        }
        Self { queue, workers, hands: Vec::new(), moves, moved: 0 }
    }

    /// One move. What is given back is there again at once, but for keys of tenants that are not busy. Says what was taken.
    fn step(&mut self) -> Option<(Number, Priority)> {
        let (take, which) = self.moves[self.moved % self.moves.len()];
        self.moved += 1;
        let can_take = self.hands.len() < self.workers && self.queue.takeable() > 0;
        if can_take && (take || self.hands.is_empty()) {
            let taken = self.queue.take(START).unwrap();
            let what = (taken.key, taken.priority);
            self.hands.push(taken);
            return Some(what);
        }
        let taken = self.hands.swap_remove(which % self.hands.len());
        let outcome = match taken.key.0 {
            QUIET => Outcome::Settled,
            _ => Outcome::After { delay: Duration::ZERO, priority: taken.priority },
        };
        self.queue.done(taken, outcome, START);
        None
    }

    fn takes(&mut self) -> impl Iterator<Item = (Number, Priority)> {
        std::iter::repeat_with(|| self.step()).flatten()
    }
}

/// The tenant that has one key only.
const QUIET: u32 = 1000;

/// How many of the tenants have keys at a priority.
fn busy_at(backlogs: &[[u32; 3]], priority: Priority) -> u32 {
    backlogs.iter().filter(|backlog| backlog[priority as usize] > 0).count() as u32
}

fn any_moves() -> impl Strategy<Value = Vec<(bool, usize)>> {
    prop::collection::vec((any::<bool>(), any::<usize>()), 1..200)
}

fn any_bound() -> impl Strategy<Value = usize> {
    prop_oneof![1..4_usize, Just(usize::MAX)]
}

fn any_backlogs() -> impl Strategy<Value = Vec<[u32; 3]>> {
    let backlog = [0..20_u32, 0..20_u32, 0..20_u32].prop_filter("busy", |backlog| backlog.iter().any(|keys| *keys > 0));
    prop::collection::vec(backlog, 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// The promise of the queue: one quantum of every other busy tenant, and the turns of other priorities among those.
    #[test]
    fn a_quiet_tenants_key_waits_for_one_turn_of_each_busy_tenant(
        bound in any_bound(),
        workers in 1..12_usize,
        backlogs in any_backlogs(),
        moves in any_moves(),
        before in 0..300_usize,
        quiet in prop::sample::select(Priority::ALL.as_slice()),
    ) {
        let mut busy = Busy::new(bound, workers, &backlogs, moves);
        for _ in 0..before {
            busy.step();
        }
        busy.queue.add(Number(QUIET, 0), quiet, START);
        let most = most(quiet, busy_at(&backlogs, quiet));
        let waited = busy.takes().position(|(key, _)| key.0 == QUIET).unwrap();
        prop_assert!(waited <= most as usize, "{} of at most {}", waited, most);
    }

    /// However its own keys keep it at its bound when its turns come.
    #[test]
    fn no_tenants_priority_starves_by_its_own_other_priorities(
        bound in any_bound(),
        workers in 1..12_usize,
        backlogs in any_backlogs(),
        own in [1..5_u32, 1..5_u32, 1..5_u32],
        moves in any_moves(),
    ) {
        let tenant = backlogs.len() as u32;
        let backlogs: Vec<[u32; 3]> = backlogs.into_iter().chain([own]).collect();
        let mut busy = Busy::new(bound, workers, &backlogs, moves);
        // Its own keys of other priorities are those among all that go before, and each that is due besides.
        let most = Priority::ALL.map(|priority| {
            let rounds = busy_at(&backlogs, priority);
            most(priority, rounds) - rounds + 4
        });
        let mut waited = [0; 3];
        for _ in 0..4000 {
            let Some((_, taken)) = busy.step().filter(|(key, _)| key.0 == tenant) else { continue };
            waited[taken as usize] = 0;
            for other in taken.others() {
                let out = busy.hands.iter().filter(|hand| hand.key.0 == tenant && hand.priority == other).count();
                waited[other as usize] += u32::from(out < own[other as usize] as usize);
            }
            prop_assert!(waited.iter().zip(most).all(|(waited, most)| *waited <= most), "{:?} of at most {:?}", waited, most);
        }
    }
}

/// As many keys for each, whatever their backlogs and bounds, where all work takes as long.
#[test]
fn busy_tenants_get_equal_shares() {
    for bound in [2, 3, usize::MAX] {
        let mut busy = Busy::new(bound, 8, &[[0, 0, 5000], [0, 0, 10], [0, 0, 500], [0, 0, 10]], Vec::new());
        let (mut shares, mut hands) = ([0_u32; 4], std::collections::VecDeque::new());
        for _ in 0..4000 {
            let taken = busy.queue.take(START).unwrap();
            shares[taken.key.0 as usize] += 1;
            hands.push_back(taken);
            if hands.len() == busy.workers {
                let outcome = Outcome::After { delay: Duration::ZERO, priority: Priority::Live };
                busy.queue.done(hands.pop_front().unwrap(), outcome, START);
            }
        }
        assert!(shares.iter().all(|share| (998..=1002).contains(share)), "{bound} {shares:?}");
    }
}
