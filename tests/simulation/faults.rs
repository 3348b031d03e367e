//! Requests and watches go wrong, from seeds: for a while one kind of fault strikes again and again, then all is well. What is
//! there in the end is what an undisturbed run leaves, nothing was made or deleted that it would not have, and it is silent.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use berthage_sandbox::faults::{Calm, Exchange, Fault, Kind, Plan, Seeded, Verb};
use berthage_sandbox::world::Random;

use crate::act::Act;
use crate::life::{Marks, Report, Trouble, line, play};
use crate::sample::{Cases, all, seeds};

/// How long it goes wrong at the most, in virtual time: longer than the longest backoff.
const LASTS: Duration = Duration::from_mins(20);
/// After so many requests on a way all is well there.
const UNTIL: usize = 150;

/// One of so many requests goes wrong.
const fn rarity(kind: Kind) -> u64 {
    match kind {
        // Nobody is reached at all.
        Kind::Partition => 1,
        _ => 3,
    }
}

/// An undisturbed run of an act.
fn reference(act: Act) -> &'static Report {
    static ALL: [OnceLock<Report>; Act::ALL.len()] = [const { OnceLock::new() }; Act::ALL.len()];
    ALL[act as usize].get_or_init(|| play(act, None, |_| Trouble::none()))
}

fn trouble(kind: Kind, seed: u64) -> impl FnOnce(Marks) -> Trouble {
    move |marks| {
        let kinds = match kind {
            // Lists, which are what has pages, come after watches that were too old.
            Kind::PageGone => vec![kind, Kind::Gone],
            // And a server that is behind tells the rest when it has heard of it.
            Kind::Rewound => vec![kind, Kind::Gone, Kind::Stale],
            _ => vec![kind],
        };
        let plan = |mark: usize, seed: u64| Box::new(Seeded::new(seed, kinds.clone(), rarity(kind), mark + UNTIL));
        Trouble { plans: [plan(marks.hub, seed), plan(marks.clusters, !seed)], lasts: LASTS, ..Trouble::none() }
    }
}

/// Which act is disturbed, and the seed.
fn case(number: usize) -> (Act, u64) {
    (Act::ALL[number % Act::ALL.len()], number as u64)
}

fn survives(kind: Kind) {
    let cases = Cases::first(seeds());
    let spared = AtomicUsize::new(0);
    let failures = all(&cases, |number| {
        let (act, seed) = case(number);
        let reference = reference(act);
        let report = play(act, Some(&reference.state), trouble(kind, seed));
        let faults = report.faults(reference);
        // Some acts make few requests that a fault is for, and chance may spare them all.
        let is_spared = report.requests.iter().flatten().all(|entry| entry.fault.is_none());
        spared.fetch_add(usize::from(is_spared), Ordering::Relaxed);
        if !faults.is_empty() && cases.is_one() {
            for entry in report.requests.iter().flatten() {
                println!("  {}", line(entry));
            }
        }
        (!faults.is_empty()).then(|| format!("{kind:?}, seed {seed}, {act:?}:\n  {}", faults.join("\n  ")))
    });
    let spared = spared.into_inner();
    println!("seeds, {kind:?}: {} tried, {spared} spared, {} failed", cases.len(), failures.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(spared * 4 <= cases.len().max(3), "nothing went wrong too often: there was nothing to survive");
}

macro_rules! faults {
    ($($name:ident: $kind:ident,)*) => {
        $(#[test]
        fn $name() {
            survives(Kind::$kind);
        })*

        #[test]
        fn every_kind_of_fault_is_tried() {
            let tried = [$(Kind::$kind),*];
            let left: Vec<&Kind> = Kind::ALL.iter().filter(|kind| !tried.contains(kind)).collect();
            assert!(left.is_empty(), "{left:?}");
        }
    };
}

faults! {
    f01_watches_that_are_closed: WatchClosed,
    f02_watches_that_are_cut_in_the_middle_of_a_line: WatchTorn,
    f03_watches_that_are_too_old: Gone,
    f04_lists_that_are_too_old_for_their_next_page: PageGone,
    f06_watches_that_tell_late: Stale,
    f09_servers_that_are_behind: Rewound,
    f10_watches_that_tell_twice: Repeated,
    f11_watches_without_bookmarks: NoBookmarks,
    f12_conflicts: Conflict,
    f13_servers_that_ask_to_wait: Throttled,
    f14_servers_that_fail: Broken,
    f14_answers_that_break_off: AnswerCut,
    f15_answers_that_are_lost: AnswerLost,
    f16_requests_that_are_lost: RequestLost,
    f17_requests_that_nobody_answers: HalfOpen,
    f17_watches_that_fall_silent: WatchMute,
    f18_servers_that_are_slow: Slow,
    f19_servers_that_cannot_be_reached: Partition,
    f30_namespaces_that_are_going: Terminating,
    f31_rights_that_are_missing: Denied,
    f33_types_that_are_not_served: Unserved,
}

/// The same on the syncers' way to the hub, where their Leases are renewed.
#[test]
fn the_syncers_way_to_the_hub() {
    let cases = Cases::first(seeds() * Kind::ALL.len() / 2);
    let disturbed = AtomicUsize::new(0);
    let failures = all(&cases, |number| {
        let kind = Kind::ALL[number % Kind::ALL.len()];
        let (act, seed) = case(number / Kind::ALL.len());
        let report = play(act, Some(&reference(act).state), |marks| {
            let plan = Seeded::new(seed, [kind], rarity(kind), marks.syncers + UNTIL);
            Trouble { syncers: Box::new(plan), lasts: LASTS, ..Trouble::none() }
        });
        disturbed.fetch_add(usize::from(report.disturbed), Ordering::Relaxed);
        let faults = report.faults(reference(act));
        (!faults.is_empty()).then(|| format!("{kind:?}, seed {seed}, {act:?}, {number}:\n  {}", faults.join("\n  ")))
    });
    let disturbed = disturbed.into_inner();
    println!("seeds, the syncers' way: {} tried, {disturbed} disturbed, {} failed", cases.len(), failures.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    // Syncers do not watch or list: some faults do not concern them.
    assert!(disturbed > 0, "nothing went wrong: there was nothing to survive");
}

fn ends_well(what: &str, trouble: impl Fn() -> Trouble + Sync) {
    let failures = all(&Cases::first(Act::ALL.len()), |number| {
        let act = Act::ALL[number % Act::ALL.len()];
        let faults = play(act, Some(&reference(act).state), |_| trouble()).faults(reference(act));
        (!faults.is_empty()).then(|| format!("{what}, {act:?}:\n  {}", faults.join("\n  ")))
    });
    println!("acts, {what}: {} tried, {} failed", Act::ALL.len(), failures.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Every list comes from a server that has not heard of the act yet, and what came since is told late.
struct Behind {
    /// So many revisions: an act takes some tens of them.
    revisions: u64,
}

impl Behind {
    fn by(seed: u64) -> Box<dyn Plan> {
        Box::new(Self { revisions: 1 + Random::seeded(seed).below(60) })
    }
}

impl Plan for Behind {
    fn decide(&mut self, exchange: &Exchange) -> Option<Fault> {
        match exchange.verb {
            Verb::List if !exchange.continues() => Some(Fault::Rewind(self.revisions)),
            Verb::Watch => Some(Fault::Hold(Duration::from_secs(30))),
            _ => None,
        }
    }
}

#[test]
fn f09_a_controller_that_begins_on_servers_that_are_behind() {
    // These left a syncer behind, of a target that was gone.
    let cases = Cases::first(Act::ALL.len() * seeds()).and(&[47, 53, 64]);
    let failures = all(&cases, |number| {
        let (act, seed) = case(number);
        // The hub's alone, or those of the clusters too.
        let clusters = if (number / Act::ALL.len()).is_multiple_of(2) { Box::new(Calm) } else { Behind::by(!seed) };
        let report = play(act, Some(&reference(act).state), |_| Trouble {
            anew: Some([Behind::by(seed), clusters]),
            lasts: LASTS,
            ..Trouble::none()
        });
        let faults = report.faults(reference(act));
        if !faults.is_empty() && cases.is_one() {
            report.requests.iter().flatten().for_each(|entry| println!("  {}", line(entry)));
        }
        (!faults.is_empty()).then(|| format!("behind, {act:?}, {number}:\n  {}", faults.join("\n  ")))
    });
    println!("begins behind: {} tried, {} failed", cases.len(), failures.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn f24_clocks_that_are_wrong_and_jump_back() {
    for skew in [600, -600] {
        ends_well(&format!("a clock that is {skew} s ahead"), || Trouble { lasts: LASTS, skew, ..Trouble::none() });
    }
}

#[test]
fn f28_two_controllers_that_work_at_the_same_time() {
    ends_well("two controllers", || Trouble { rival: true, ..Trouble::none() });
}
