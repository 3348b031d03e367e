//! The same run is the same run.

use crate::act::Act;
use crate::life::{Trouble, line, play};

#[test]
fn an_undisturbed_run_is_the_same_each_time() {
    for act in Act::ALL {
        let began = std::time::Instant::now();
        let first = play(act, None, |_| Trouble::none());
        println!("{act:?}: {:?}, {:?} requests", began.elapsed(), first.requests.each_ref().map(Vec::len));
        for entry in first.requests.iter().flatten() {
            println!("  {}", line(entry));
        }
        println!("{:#?} {:#?}", first.counts, first.wrong);
        let second = play(act, None, |_| Trouble::none());
        let lines = |report: &crate::life::Report| {
            report.requests.iter().flatten().map(line).collect::<Vec<_>>()
        };
        pretty(&lines(&first), &lines(&second));
        assert_eq!(first.faults(&second), Vec::<String>::new());
    }
}

fn pretty(first: &[String], second: &[String]) {
    for (at, (one, other)) in first.iter().zip(second).enumerate() {
        assert_eq!(one, other, "request {at}");
    }
    assert_eq!(first.len(), second.len());
}
