//! The controller ends before and after every single request, and another one begins in its place: it comes to the same end,
//! makes and deletes nothing that it would not have, and is silent then.

use std::sync::Arc;
use std::time::Duration;

use berthage_sandbox::faults::{Exchange, Fault, Plan};
use tokio::sync::Notify;

use crate::act::Act;
use crate::life::{Report, Trouble, line, play};
use crate::sample::{Cases, all};

/// Which way a request takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Hub,
    Clusters,
}

/// When the controller ends.
#[derive(Debug, Clone, Copy)]
struct Point {
    side: Side,
    /// The how many-th request after the act, from 0.
    number: usize,
    /// Whether the server has done what it was asked.
    done: bool,
}

/// Ends the controller at a request.
struct Crash {
    number: usize,
    done: bool,
    controller: Arc<Notify>,
}

impl Plan for Crash {
    fn decide(&mut self, exchange: &Exchange) -> Option<Fault> {
        if exchange.number != self.number {
            return None;
        }
        self.controller.notify_one();
        // Nobody is there any more to hear the answer: it need not come.
        Some(if self.done { Fault::DelayAnswer(Duration::from_hours(1)) } else { Fault::Swallow })
    }
}

fn points(reference: &Report) -> Vec<Point> {
    let [hub, clusters] = reference.requests.each_ref().map(Vec::len);
    let numbers = (0..hub).map(|number| (Side::Hub, number));
    let numbers = numbers.chain((0..clusters).map(|number| (Side::Clusters, number)));
    numbers.flat_map(|(side, number)| [false, true].map(|done| Point { side, number, done })).collect()
}

/// `drains`: it is told to end, and ended when it does not in that time.
fn cut(point: Point, drains: Option<Duration>) -> impl FnOnce(crate::life::Marks) -> Trouble {
    move |marks| {
        let crash = Arc::new(Notify::new());
        let mut trouble = Trouble::none();
        let (at, mark) = match point.side {
            Side::Hub => (0, marks.hub),
            Side::Clusters => (1, marks.clusters),
        };
        trouble.plans[at] =
            Box::new(Crash { number: mark + point.number, done: point.done, controller: Arc::clone(&crash) });
        trouble.lasts = Duration::from_mins(10);
        trouble.drains = drains;
        trouble.crash = Some(crash);
        trouble
    }
}

fn survives(act: Act, drains: Option<Duration>) {
    let reference = play(act, None, |_| Trouble::none());
    assert_eq!(reference.wrong, Vec::<String>::new(), "{act:?}, undisturbed");
    let points = points(&reference);
    let cases = Cases::of(points.len());
    let failures = all(&cases, |number| {
        let report = play(act, Some(&reference.state), cut(points[number], drains));
        let mut faults = report.faults(&reference);
        if !report.crashed {
            faults.push("the controller was not ended".to_owned());
        }
        if !faults.is_empty() && cases.is_one() {
            for entry in report.requests.iter().flatten() {
                println!("  {}", line(entry));
            }
        }
        faults.first().map(|_| format!("{act:?}, {number}: {:?}\n  {}", points[number], faults.join("\n  ")))
    });
    let how = if drains.is_some() { "ends" } else { "crash points" };
    println!("{how}, {act:?}: {} of {} tried, {} failed", cases.len(), points.len(), failures.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

macro_rules! crashes {
    ($($name:ident: $act:ident,)*) => {
        $(#[test]
        fn $name() {
            survives(Act::$act, None);
        })*
    };
}

crashes! {
    an_onboarding_survives_the_end_of_the_controller_at_any_request: Onboard,
    an_update_survives_the_end_of_the_controller_at_any_request: Update,
    a_move_survives_the_end_of_the_controller_at_any_request: Move,
    a_rotation_survives_the_end_of_the_controller_at_any_request: Rotate,
    a_deletion_survives_the_end_of_the_controller_at_any_request: Delete,
    a_target_that_is_made_again_survives_the_end_of_the_controller_at_any_request: Recreate,
}

/// It has been told to end, and waits for an answer that never comes.
#[test]
fn f26_an_end_in_the_middle_of_its_own_end() {
    // A part of them: what is left behind is what a crash leaves.
    for act in [Act::Onboard, Act::Move, Act::Delete] {
        survives(act, Some(Duration::from_secs(2)));
    }
}
