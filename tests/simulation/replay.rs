//! The same run is the same run: a seed that fails fails again, in the same place.

use berthage_sandbox::faults::{Kind, Seeded};

use crate::act::Act;
use crate::life::{Report, Trouble, line, play};

fn requests(report: &Report) -> Vec<String> {
    report.requests.iter().flatten().map(line).collect()
}

fn same(what: &str, one: &Report, other: &Report) {
    let (one, other) = (requests(one), requests(other));
    for (number, (one, other)) in one.iter().zip(&other).enumerate() {
        assert_eq!(one, other, "{what}: request {number}");
    }
    assert_eq!(one.len(), other.len(), "{what}");
}

#[test]
fn an_undisturbed_run_is_the_same_each_time() {
    for act in Act::ALL {
        let play = || play(act, None, |_| Trouble::none());
        same(&format!("{act:?}"), &play(), &play());
    }
}

#[test]
fn a_run_in_which_everything_goes_wrong_is_the_same_each_time() {
    for seed in 0..2 {
        let play = || {
            play(Act::Move, None, |marks| {
                let plan = |mark: usize, seed| Box::new(Seeded::new(seed, Kind::ALL, 3, mark + 200));
                let plans: [Box<dyn berthage_sandbox::faults::Plan>; 2] =
                    [plan(marks.hub, seed), plan(marks.clusters, !seed)];
                Trouble { plans, lasts: std::time::Duration::from_mins(20), ..Trouble::none() }
            })
        };
        same(&format!("seed {seed}"), &play(), &play());
    }
}
