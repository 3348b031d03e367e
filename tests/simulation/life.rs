//! One run: an act, what goes wrong while it is worked on, and what it comes to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use berthage_sandbox::faults::{Calm, Entry, Journal, Plan, Verb};
use tokio::sync::Notify;

use crate::act::{self, Act, OTHERS, OURS};
use crate::stage::Stage;
use crate::state::State;

/// How long a request may be on its way, with its time limit and what comes of it.
const UNDER_WAY: Duration = Duration::from_mins(1);
/// How long what should come may take after everything is well again, in virtual time.
const PATIENCE: Duration = Duration::from_hours(3);
/// How often is looked.
const LOOK: Duration = Duration::from_secs(20);
/// How long nothing may be written after that: longer than from one probe to the next.
const SILENCE: Duration = Duration::from_mins(11);
/// How long an undisturbed run is watched before it counts as settled.
const SETTLE: Duration = Duration::from_mins(3);

/// What goes wrong.
pub(crate) struct Trouble {
    /// On the way to the hub, and to the clusters.
    pub(crate) plans: [Box<dyn Plan>; 2],
    /// On the syncers' way to the hub.
    pub(crate) syncers: Box<dyn Plan>,
    /// How long it lasts.
    pub(crate) lasts: Duration,
    /// Told when the controller is to end, wherever it is; another one is then started.
    pub(crate) crash: Option<Arc<Notify>>,
    /// It is told to end first, and has so long to do so.
    pub(crate) drains: Option<Duration>,
    /// When the act is done, the controller is ended, and another one begins, on whose way this goes wrong.
    pub(crate) anew: Option<[Box<dyn Plan>; 2]>,
    /// So many seconds the controller's clock is ahead meanwhile.
    pub(crate) skew: i64,
    /// Another controller works at the same time, to the end.
    pub(crate) rival: bool,
}

impl Trouble {
    /// Nothing.
    pub(crate) fn none() -> Self {
        Self {
            plans: [Box::new(Calm), Box::new(Calm)],
            syncers: Box::new(Calm),
            lasts: Duration::ZERO,
            crash: None,
            drains: None,
            anew: None,
            skew: 0,
            rival: false,
        }
    }
}

/// How many requests had passed on each way when the act was done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Marks {
    pub(crate) hub: usize,
    pub(crate) clusters: usize,
    pub(crate) syncers: usize,
}

/// What a run came to.
pub(crate) struct Report {
    /// What is there in the end.
    pub(crate) state: State,
    /// How often each object was made and deleted.
    pub(crate) counts: BTreeMap<String, usize>,
    /// What passed from the act on until everything was as it should be, on each way.
    pub(crate) requests: [Vec<Entry>; 2],
    /// What was written after that, or written for somebody else.
    pub(crate) wrong: Vec<String>,
    /// Whether the controller was ended as it was to be.
    pub(crate) crashed: bool,
    /// Whether anything went wrong on the syncers' way.
    pub(crate) disturbed: bool,
}

/// Plays a run. `expected` is the end of an undisturbed one.
pub(crate) fn play(act: Act, expected: Option<&State>, trouble: impl FnOnce(Marks) -> Trouble) -> Report {
    static LOG: std::sync::Once = std::sync::Once::new();
    LOG.call_once(log);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(Box::pin(live(act, expected, trouble)))
}

/// Shows what controllers and syncers log, where somebody asks for it.
fn log() {
    let Ok(filter) = std::env::var("BERTHAGE_SIMULATION_LOG") else { return };
    tracing_subscriber::fmt().with_env_filter(filter).without_time().with_writer(std::io::stderr).init();
}

async fn live(act: Act, expected: Option<&State>, trouble: impl FnOnce(Marks) -> Trouble) -> Report {
    let stage = Stage::new().await;
    let mut controller = stage.controller().await;
    act::make(&stage, OTHERS).await;
    if act != Act::Onboard {
        act::make(&stage, OURS).await;
        until("our target is ready", async || act::is_ready(&stage, OURS).await).await;
    }
    until("the other target is ready", async || act::is_ready(&stage, OTHERS).await).await;
    tokio::time::sleep(SETTLE).await;

    let journals = [stage.wires.hub.journal().clone(), stage.wires.clusters.journal().clone()];
    let marks =
        Marks { hub: journals[0].len(), clusters: journals[1].len(), syncers: stage.syncers.hub.journal().len() };
    let before = act::id(&stage, OURS).await;
    let Trouble { plans: [hub, clusters], syncers, lasts, crash, drains, anew, skew, rival } = trouble(marks);
    stage.skew.store(skew, Ordering::Relaxed);

    stage.wires.hub.follow(hub);
    stage.wires.clusters.follow(clusters);
    stage.syncers.hub.follow(syncers);
    act.perform(&stage).await;
    let mut rivals = Vec::new();
    if rival {
        rivals.push(stage.controller().await);
    }

    if let Some([hub, clusters]) = anew {
        until("the act is done", async || act.is_done(&stage).await).await;
        drop(controller);
        stage.wires.hub.follow(hub);
        stage.wires.clusters.follow(clusters);
        controller = stage.controller().await;
    }
    let mut crashed = false;
    let over = tokio::time::sleep(lasts);
    if let Some(crash) = crash {
        tokio::select! {
            biased;
            () = crash.notified() => {
                if let Some(patience) = drains {
                    // What does not come to an end in time is dropped, as by SIGKILL.
                    let _ = tokio::time::timeout(patience, controller.stop()).await;
                } else {
                    drop(controller);
                }
                stage.wires.hub.follow(Box::new(Calm));
                stage.wires.clusters.follow(Box::new(Calm));
                controller = stage.controller().await;
                crashed = true;
            }
            () = over => {}
        }
    } else {
        over.await;
    }
    stage.wires.hub.follow(Box::new(Calm));
    stage.wires.clusters.follow(Box::new(Calm));
    stage.syncers.hub.follow(Box::new(Calm));
    stage.skew.store(0, Ordering::Relaxed);
    // What was struck last is still on its way.
    tokio::time::sleep(UNDER_WAY).await;

    until("the act is done", async || act.is_done(&stage).await).await;
    match expected {
        None => tokio::time::sleep(SETTLE).await,
        Some(expected) => settle(&stage, expected).await,
    }
    let ends = journals.each_ref().map(Journal::len);
    tokio::time::sleep(SILENCE).await;
    let entries = journals.map(|journal| journal.entries());
    let disturbed = stage.syncers.hub.journal().entries().iter().any(|entry| entry.fault.is_some());
    let state = State::of(&stage).await;
    let ids = [("{before}", before), ("{ours}", act::id(&stage, OURS).await)];
    let named = |path: &str| {
        let ids = ids.iter().rev().filter_map(|(word, id)| Some((*word, &id.as_ref()?[0])));
        ids.fold(path.to_owned(), |path, (word, id)| path.replace(id, word))
    };
    for controller in rivals.into_iter().chain([controller]) {
        controller.stop().await;
    }

    let [hub, clusters] = entries;
    let wrong = hub[ends[0]..].iter().chain(&clusters[ends[1]..]).filter(|entry| counts(entry));
    let wrong = wrong.map(|entry| format!("written after everything was settled: {}", line(entry))).collect();
    let mut report = Report {
        state,
        counts: BTreeMap::new(),
        requests: [hub[marks.hub..ends[0]].to_vec(), clusters[marks.clusters..ends[1]].to_vec()],
        wrong,
        crashed,
        disturbed,
    };
    for entry in report.requests.iter().flatten() {
        let code = entry.served.unwrap_or_default();
        match entry.exchange.verb {
            // A namespace that is going can be deleted again, and says so.
            Verb::Delete if is_namespace(&entry.exchange.path) => {}
            Verb::Delete if (200..300).contains(&code) => {
                *report.counts.entry(format!("deleted {}", named(&entry.exchange.path))).or_default() += 1;
            }
            // A new object, by POST or by server-side apply.
            _ if code == 201 && counts(entry) => {
                *report.counts.entry(format!("made {}", named(&entry.exchange.path))).or_default() += 1;
            }
            _ => {}
        }
    }
    report
}

fn is_namespace(path: &str) -> bool {
    path.rsplit('/').nth(1) == Some("namespaces")
}

/// Whether a request changes what is to stay as it is. Events are told anew by every controller, and reviews are questions.
fn counts(entry: &Entry) -> bool {
    let path = &entry.exchange.path;
    entry.exchange.writes() && !path.contains("/events") && !path.contains("reviews")
}

/// A request in one line.
pub(crate) fn line(entry: &Entry) -> String {
    let (exchange, fault) = (&entry.exchange, entry.fault.as_ref());
    let fault = fault.map(|fault| format!(" <{fault:?}>")).unwrap_or_default();
    format!(
        "{:?} {}?{}{fault} -> {:?} ({:?})",
        exchange.verb, exchange.path, exchange.query, entry.outcome, entry.served
    )
}

/// Waits until everything is as it is after an undisturbed run; what is not then is told by the comparison.
async fn settle(stage: &Stage, expected: &State) {
    let settled = async {
        while !State::of(stage).await.differences(expected).is_empty() {
            tokio::time::sleep(LOOK).await;
        }
    };
    let _ = tokio::time::timeout(PATIENCE, settled).await;
}

async fn until(what: &str, is: impl AsyncFn() -> bool) {
    let reached = async {
        while !is().await {
            tokio::time::sleep(LOOK).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, reached).await.is_ok(), "after {PATIENCE:?} of virtual time not so: {what}");
}

impl Report {
    /// What is not as after the undisturbed run `reference`.
    pub(crate) fn faults(&self, reference: &Self) -> Vec<String> {
        let mut faults = self.state.differences(&reference.state);
        let places = self.counts.keys().chain(reference.counts.keys());
        let places: std::collections::BTreeSet<&String> = places.collect();
        for place in places {
            let count = |report: &Self| report.counts.get(place).copied().unwrap_or_default();
            // What goes with its namespace need not be deleted by itself: that it is gone is a matter of the state.
            let fewer = place.starts_with("deleted") && count(self) < count(reference);
            if count(self) != count(reference) && !fewer {
                faults.push(format!("{place}: {} times instead of {}", count(self), count(reference)));
            }
        }
        faults.extend(self.wrong.iter().cloned());
        faults
    }
}
