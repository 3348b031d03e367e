//! Heartbeats until the end.

use std::sync::Arc;
use std::time::Duration;

use berthage_core::backoff::{Backoff, jitter, stable_hash};
use berthage_core::heartbeat::MISSED_BEATS;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::beat::{Beat, Heart};
use crate::connection::Connection;
use crate::failure::Failure;
use crate::probes::Readiness;
use crate::target::Gone;

/// So many heartbeats in a row must have found the SyncTarget gone. A hub that is being restored from a backup can say so
/// once.
const AGREEING: u32 = 2;
/// Time between two looks for a SyncTarget that seems to be gone, unless the interval is shorter.
const SECOND_LOOK: Duration = Duration::from_secs(1);
/// How long the hub must have denied everything before that counts as the SyncTarget's end; three intervals, if that is
/// longer. Nothing else can be seen of a deletion whose first step takes the syncer's rights away, and what a syncer left
/// behind in an abandoned cluster sees is just that. An API server that is starting may deny everything for some seconds.
const REVOKED: Duration = Duration::from_secs(30);
/// The first wait after a failure, unless the interval is shorter.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// How long leaving may take.
const FAREWELL: Duration = Duration::from_secs(3);

/// Why the heartbeats ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It was asked for.
    Stopped,
    /// There is nothing left to do.
    TargetGone(Gone),
}

/// Makes heartbeats over the present connection, and over a new one as soon as there is one, until `stop` is done or the
/// SyncTarget is gone. Then it leaves the Lease to others, if it can.
pub async fn run(
    mut heart: Heart,
    mut connections: watch::Receiver<Option<Arc<Connection>>>,
    readiness: &Readiness,
    stop: impl Future<Output = ()>,
) -> End {
    let end = tokio::select! {
        gone = beats(&mut heart, &mut connections, readiness) => End::TargetGone(gone),
        () = stop => End::Stopped,
    };
    readiness.end();
    let connection = connections.borrow().clone();
    if let Some(connection) = connection {
        match tokio::time::timeout(FAREWELL, heart.leave(&connection)).await {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => tracing::debug!(%failure, "the Lease is left as it is"),
            Err(_) => tracing::debug!("the Lease is left as it is: the hub does not answer"),
        }
    }
    end
}

async fn beats(
    heart: &mut Heart,
    connections: &mut watch::Receiver<Option<Arc<Connection>>>,
    readiness: &Readiness,
) -> Gone {
    let mut rhythm = Rhythm::new(&heart.subject().identity, heart.subject().interval);
    let mut told = Told::default();
    let mut gone_in_a_row = 0;
    let mut denied_since = None;
    let patience = REVOKED.max(heart.subject().interval * MISSED_BEATS);
    loop {
        // What reads the mounted Secret says why there is none yet; it ends after this.
        let connection = connections.wait_for(Option::is_some).await.ok().and_then(|connection| connection.clone());
        let Some(connection) = connection else { std::future::pending().await };
        let begun = Instant::now();
        let outcome = heart.beat(&connection).await;
        told.tell(&outcome);
        gone_in_a_row = if matches!(outcome, Ok(Beat::Gone(_))) { gone_in_a_row + 1 } else { 0 };
        if let Ok(Beat::Active | Beat::StandBy { .. }) = outcome {
            readiness.heard();
        }
        if let Ok(Beat::Gone(gone)) = outcome
            && gone_in_a_row >= AGREEING
        {
            return gone;
        }
        denied_since = match outcome {
            Err(Failure::Revoked { .. }) => denied_since.or(Some(begun)),
            _ => None,
        };
        if denied_since.is_some_and(|since| since.elapsed() >= patience) {
            return Gone::Revoked;
        }
        tokio::select! {
            () = tokio::time::sleep_until(begun + rhythm.pause(&outcome)) => {}
            // A new credential is reported at once.
            Ok(()) = connections.changed() => {}
        }
    }
}

/// When the next heartbeat is due, from the beginning of the last.
#[derive(Debug)]
struct Rhythm {
    interval: Duration,
    seed: u64,
    round: u64,
    failures: u32,
}

impl Rhythm {
    fn new(identity: &str, interval: Duration) -> Self {
        Self { interval, seed: stable_hash([identity]), round: 0, failures: 0 }
    }

    fn pause(&mut self, outcome: &Result<Beat, Failure>) -> Duration {
        self.round += 1;
        let failures = if outcome.is_err() { self.failures.saturating_add(1) } else { 0 };
        self.failures = failures;
        match outcome {
            Ok(Beat::Active) => self.about(self.interval),
            // Just after the moment at which the Lease may be taken, and not all replicas at once.
            Ok(Beat::StandBy { wait, .. }) => {
                self.about(self.interval).min(*wait + jitter(self.interval / 10, self.seed, self.round))
            }
            Ok(Beat::Gone(_)) => SECOND_LOOK.min(self.interval),
            Err(_) => {
                let backoff = Backoff { base: FIRST_RETRY.min(self.interval), cap: self.interval };
                backoff.delay(self.seed.wrapping_add(self.round), failures)
            }
        }
    }

    /// `duration`, give or take a tenth: the syncers of a large installation do not come together.
    fn about(&self, duration: Duration) -> Duration {
        duration * 9 / 10 + jitter(duration / 5, self.seed, self.round)
    }
}

/// What was last logged: each state once, not each heartbeat.
#[derive(Debug, Default)]
struct Told(Option<String>);

impl Told {
    fn tell(&mut self, outcome: &Result<Beat, Failure>) {
        let state = match outcome {
            Ok(Beat::Active) => "active".to_owned(),
            Ok(Beat::StandBy { holder, .. }) => format!("standby {holder}"),
            Ok(Beat::Gone(gone)) => format!("gone {gone}"),
            // Another replica, or the controller, was faster: the next look will tell.
            Err(Failure::Conflict) => return,
            Err(failure) => failure.to_string(),
        };
        if self.0.as_ref() == Some(&state) {
            return;
        }
        match outcome {
            Ok(Beat::Active) => tracing::info!("active: the Lease is renewed"),
            Ok(Beat::StandBy { holder, .. }) => tracing::info!(%holder, "standing by for another replica"),
            Ok(Beat::Gone(gone)) => tracing::warn!(%gone, "the SyncTarget is not there; looking once more"),
            Err(failure) => tracing::warn!(%failure, "no heartbeat; trying again"),
        }
        self.0 = Some(state);
    }
}

#[cfg(test)]
#[path = "heartbeat_tests.rs"]
mod tests;
