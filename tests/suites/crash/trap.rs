//! Proxies that kill the controller at one request.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use berthage_e2e::proxy::{After, Before, Interceptor, Request};
use futures::future::{BoxFuture, FutureExt as _, ready};
use http::StatusCode;
use tokio::sync::watch;

use crate::stage::controller::Controller;
use crate::stage::requests::{Side, name};

/// What every target and registration of a life is called, before its number.
pub(super) const LIFE: &str = "life-";

/// When a controller is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// The server never sees the request.
    BeforeSending,
    /// The server has carried it out, and the controller never learns it.
    AfterReceiving,
}

/// A request at which a controller is killed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Point {
    /// The request's name.
    pub name: String,
    /// Which request of that name, from 1.
    pub occurrence: usize,
    /// When.
    pub moment: Moment,
}

impl fmt::Display for Point {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} #{} {:?}", self.name, self.occurrence, self.moment)
    }
}

/// What both proxies know.
#[derive(Default)]
pub(super) struct Trap {
    state: Mutex<State>,
    sprung: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    target: String,
    point: Option<Point>,
    counts: HashMap<String, usize>,
    points: Vec<Point>,
    /// Requests under way, by their side and number.
    under_way: HashMap<(Side, usize), (String, usize)>,
    victim: Option<Arc<Controller>>,
    /// How often a controller was killed, and how often that was noticed.
    kills: u64,
    noticed: u64,
}

impl Trap {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new life: requests are counted from 1 again, and the controller is killed at `point`.
    pub(super) fn arm(&self, target: &str, point: Option<Point>) {
        let mut state = self.lock();
        target.clone_into(&mut state.target);
        state.point = point;
        state.counts.clear();
        state.points.clear();
        state.under_way.clear();
    }

    /// No controller is killed from now on.
    pub(super) fn disarm(&self) {
        self.lock().point = None;
    }

    /// Whether the controller has not come to the point yet.
    pub(super) fn armed(&self) -> bool {
        self.lock().point.is_some()
    }

    /// Lets a new controller pass.
    pub(super) fn lay(&self, controller: &Arc<Controller>) {
        let before = self.lock().victim.replace(Arc::clone(controller));
        // Its end is waited for, which must not happen under the lock.
        drop(before);
    }

    /// Waits until a controller is killed.
    pub(super) async fn sprung(&self) {
        let mut kills = self.sprung.subscribe();
        let noticed = self.lock().noticed;
        // The sender lives as long as the trap.
        let _ = kills.wait_for(|kills| *kills > noticed).await;
        self.lock().noticed = noticed + 1;
    }

    /// The requests so far, in the order of their arrival.
    pub(super) fn points(&self) -> Vec<Point> {
        self.lock().points.clone()
    }

    /// The names of the requests so far.
    pub(super) fn names(&self) -> Vec<String> {
        self.lock().points.iter().map(|point| point.name.clone()).collect()
    }

    /// Counts a request; `None` when the controller that sent it is dead.
    fn before(&self, side: Side, request: &Request) -> Option<()> {
        let mut state = self.lock();
        state.victim.as_ref()?;
        let name = name(side, request, &state.target);
        // The hub's informers are nobody's: they come when a controller starts.
        if side == Side::Hub && (name.contains(" WATCH ") || name.contains(" LIST ")) {
            return Some(());
        }
        // What is still said of the life before comes in one run and not in the next.
        if name.contains(LIFE) {
            return Some(());
        }
        let count = state.counts.entry(name.clone()).or_default();
        *count += 1;
        let occurrence = *count;
        state.points.push(Point { name: name.clone(), occurrence, moment: Moment::BeforeSending });
        state.under_way.insert((side, request.number), (name, occurrence));
        self.pass(&mut state, side, request, Moment::BeforeSending)
    }

    fn after(&self, side: Side, request: &Request) -> Option<()> {
        let mut state = self.lock();
        state.victim.as_ref()?;
        self.pass(&mut state, side, request, Moment::AfterReceiving)
    }

    /// Kills the controller if this is the point.
    fn pass(&self, state: &mut State, side: Side, request: &Request, moment: Moment) -> Option<()> {
        let here = state.under_way.get(&(side, request.number));
        let is_here = |point: &Point| {
            point.moment == moment
                && here.is_some_and(|(name, occurrence)| *name == point.name && *occurrence == point.occurrence)
        };
        if !state.point.as_ref().is_some_and(is_here) {
            return Some(());
        }
        state.point = None;
        // From here on nothing of this controller passes, whatever it still has under way.
        let victim = state.victim.take()?;
        victim.process.signal(libc::SIGKILL);
        state.kills += 1;
        self.sprung.send_replace(state.kills);
        // The last owner waits for the end of the process: that must not hold up the proxy.
        std::thread::spawn(move || drop(victim));
        None
    }
}

/// One proxy's end of the trap.
pub(super) struct Gate {
    side: Side,
    trap: Arc<Trap>,
}

impl Gate {
    /// The end at `side`.
    pub(super) fn new(side: Side, trap: &Arc<Trap>) -> Self {
        Self { side, trap: Arc::clone(trap) }
    }
}

impl Interceptor for Gate {
    fn before<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Before> {
        let passed = self.trap.before(self.side, request);
        ready(if passed.is_some() { Before::Forward } else { Before::Drop }).boxed()
    }

    fn after<'a>(&'a self, request: &'a Request, _: StatusCode) -> BoxFuture<'a, After> {
        let passed = self.trap.after(self.side, request);
        ready(if passed.is_some() { After::Answer } else { After::Drop }).boxed()
    }
}
