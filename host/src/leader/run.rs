//! The election as it goes on: stand by, lead, let go.

use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::api::coordination::v1::Lease;
use kube::Client;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::lease::{Change, LeaseApi, LeaseError, Write};
use super::step::{Seen, Step, leader_step};
use super::{Config, Leadership};
use crate::access::Fence;
use crate::metrics::Metrics;
use crate::shutdown::Shutdown;
use crate::telemetry::Causes;

/// How many times letting go is tried: a request of before may have changed the lease under us once.
const RELEASE_ATTEMPTS: u32 = 3;

/// One replica's part in the election.
pub(super) struct Election {
    lease: LeaseApi,
    fence: Fence,
    metrics: Metrics,
    leadership: watch::Sender<Leadership>,
    /// [`None`]: there was no lease yet.
    seen: Option<Seen>,
    /// Work may not begin before this, if the lease is or turns out to be ours: set with each attempt to take it.
    from: Instant,
    /// Failures in a row, to log some of them.
    failures: u32,
    /// Told to stop: it ends without having lost.
    stopped: bool,
}

impl Election {
    pub(super) fn new(
        client: Client,
        config: Config,
        fence: Fence,
        metrics: Metrics,
        leadership: watch::Sender<Leadership>,
    ) -> Self {
        metrics.leader(&config.name, false);
        Self {
            lease: LeaseApi::new(client, config),
            fence,
            metrics,
            leadership,
            seen: None,
            from: Instant::now(),
            failures: 0,
            stopped: false,
        }
    }

    /// Until leadership is lost or `stop` is told.
    pub(super) async fn run(mut self, shutdown: Shutdown, stop: oneshot::Receiver<()>) {
        let stopped = tokio::select! {
            biased;
            _ = stop => true,
            () = self.elect(&shutdown) => false,
        };
        if stopped {
            self.stopped = true;
            self.fence.close();
            self.let_go().await;
        }
        // Its drop does the rest.
    }

    /// Until leadership is lost.
    async fn elect(&mut self, shutdown: &Shutdown) {
        loop {
            let since = tokio::select! {
                biased;
                () = shutdown.wait() => return std::future::pending().await,
                since = self.stand_by() => since,
            };
            self.lead(since).await;
            // The lease may be gone again before work was to begin: then nothing is lost.
            if self.is_leading() {
                return;
            }
        }
    }

    /// Waits for the lease to be free, and takes it. Says when the request was sent that did it.
    async fn stand_by(&mut self) -> Instant {
        while !self.observe(far()).await {
            sleep(self.lease.config.renew_interval).await;
        }
        loop {
            let since = Instant::now();
            let write = match self.step() {
                Step::Wait { until } => {
                    self.follow(until).await;
                    continue;
                }
                Step::Create { expired } | Step::Take { expired } => {
                    let wait = if expired { self.lease.config.takeover_wait } else { Duration::ZERO };
                    self.from = since + wait;
                    Write::Take
                }
                // An attempt of before was served, and its answer lost.
                Step::Renew => Write::Renew,
            };
            match self.lease.write(self.seen.as_ref(), write, far()).await {
                Ok(lease) => {
                    self.see(lease);
                    let wait = self.from.saturating_duration_since(Instant::now());
                    tracing::info!(wait_seconds = wait.as_secs_f64(), "the lease is ours");
                    return since;
                }
                Err(LeaseError::Changed) => self.look_again(self.pause(), far()).await,
                Err(error) => {
                    self.tell(&error);
                    self.look_again(self.lease.config.renew_interval, far()).await;
                }
            }
        }
    }

    /// Renews until that has not worked for too long, or somebody else holds the lease.
    async fn lead(&mut self, mut since: Instant) {
        let config = self.lease.config.clone();
        loop {
            if Instant::now() >= self.from {
                self.fence.until(since + config.renew_deadline);
                self.announce();
            }
            let next = since + config.renew_interval;
            sleep_until(if self.is_leading() { next } else { next.min(self.from) }).await;
            match self.renew(since + config.renew_deadline).await {
                Some(renewed) => since = renewed,
                None => return,
            }
        }
    }

    /// Renews the lease before `deadline`. Says when the request was sent that did it.
    async fn renew(&mut self, deadline: Instant) -> Option<Instant> {
        loop {
            let sent = Instant::now();
            if sent >= deadline {
                tracing::error!("the lease could not be renewed in time");
                return None;
            }
            let write = match self.step() {
                Step::Renew => Write::Renew,
                // Deleted, or emptied by hand: as long as nobody else has it, it is ours.
                Step::Create { .. } | Step::Take { .. } => Write::Take,
                Step::Wait { .. } => {
                    tracing::error!(
                        holder = self.seen.as_ref().and_then(Seen::holder),
                        "another replica holds the lease"
                    );
                    return None;
                }
            };
            match self.lease.write(self.seen.as_ref(), write, deadline).await {
                Ok(lease) => {
                    self.see(lease);
                    return Some(sent);
                }
                Err(LeaseError::Changed) => self.look_again(self.pause(), deadline).await,
                Err(error) => {
                    self.tell(&error);
                    // The request may have been served all the same, and the version be another one.
                    self.look_again(self.lease.config.renew_interval / 2, deadline).await;
                }
            }
        }
    }

    fn step(&self) -> Step {
        let config = &self.lease.config;
        leader_step(&config.identity, self.seen.as_ref(), config.lease_duration, Instant::now())
    }

    /// Reads the lease; says whether that worked.
    async fn observe(&mut self, until: Instant) -> bool {
        match self.lease.get(until).await {
            Ok(Some(lease)) => self.see(lease),
            Ok(None) => self.see_deleted(),
            Err(error) => {
                self.tell(&error);
                return false;
            }
        }
        true
    }

    /// Follows the lease, of another holder, until something is to be done, or for a while.
    async fn follow(&mut self, mut until: Instant) {
        let Some(seen) = &self.seen else { return };
        let watch = match self.lease.watch(seen).await {
            Ok(watch) => Some(watch),
            Err(error) => {
                self.tell(&error);
                None
            }
        };
        if let Some(mut watch) = watch {
            loop {
                let change = tokio::select! {
                    () = sleep_until(until) => return,
                    change = watch.next() => change,
                };
                match change {
                    Some(Change::Lease(lease)) => self.see(*lease),
                    Some(Change::Deleted) => self.see_deleted(),
                    None => break,
                }
                match self.step() {
                    Step::Wait { until: later } => until = later,
                    _ => return,
                }
            }
        }
        // The watch has ended or cannot be had: look from time to time.
        self.look_again(self.lease.config.renew_interval, until).await;
    }

    /// Reads the lease after a while, or not at all where that is not before `until`.
    async fn look_again(&mut self, after: Duration, until: Instant) {
        sleep_until(until.min(Instant::now() + after)).await;
        if Instant::now() < until {
            self.observe(until).await;
        }
    }

    /// Between two requests of which the first came too late: 0.2 s in the usual proportions.
    fn pause(&self) -> Duration {
        self.lease.config.renew_interval / 10
    }

    fn see(&mut self, lease: Lease) {
        self.failures = 0;
        let new = Seen { lease, since: Instant::now(), deleted: false };
        match &self.seen {
            // The same version does not make its holder more alive.
            Some(seen) if !seen.deleted && seen.version() == new.version() => {}
            seen => {
                let before = seen.as_ref().and_then(Seen::holder);
                if before != new.holder() {
                    tracing::info!(holder = new.holder(), "the lease has a new holder");
                }
                self.seen = Some(new);
            }
        }
    }

    fn see_deleted(&mut self) {
        self.failures = 0;
        if let Some(seen) = &mut self.seen {
            seen.deleted = true;
        }
    }

    fn is_leading(&self) -> bool {
        *self.leadership.borrow() == Leadership::Leading
    }

    fn announce(&self) {
        if !self.is_leading() {
            self.metrics.leader(&self.lease.config.name, true);
            self.leadership.send_replace(Leadership::Leading);
        }
    }

    /// Logs the first failure in a row, and then ever fewer of them.
    fn tell(&mut self, error: &LeaseError) {
        self.failures = self.failures.saturating_add(1);
        if self.failures.is_power_of_two() {
            tracing::warn!(failures = self.failures, error = %Causes(error), "the lease cannot be read or written");
        }
    }

    /// Lets the lease go if it is ours: also where a request that took it was given up and was served all the same.
    async fn let_go(&mut self) {
        for _ in 0..RELEASE_ATTEMPTS {
            if !self.observe(far()).await {
                continue;
            }
            if self.step() != Step::Renew {
                return;
            }
            // Whoever finds it free begins at once: the leader that vanished before us must have its time.
            sleep_until(self.from).await;
            match self.lease.write(self.seen.as_ref(), Write::Release, far()).await {
                Ok(_) => {
                    tracing::info!("the lease is let go");
                    return;
                }
                Err(error) => self.tell(&error),
            }
        }
        tracing::warn!("the lease could not be let go: the next leader waits until it expires");
    }
}

/// However it ends, in a panic too: the fence is closed, and whoever leads has lost.
impl Drop for Election {
    fn drop(&mut self) {
        self.fence.close();
        self.metrics.leader(&self.lease.config.name, false);
        self.leadership.send_if_modified(|state| {
            if !self.stopped {
                *state = Leadership::Lost;
            }
            !self.stopped
        });
    }
}

/// A deadline for what is bounded by the request timeout alone.
fn far() -> Instant {
    Instant::now() + Duration::from_hours(1)
}
