//! Ending in good order: the first SIGTERM or SIGINT asks for it, the second one does not wait.

use std::io;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Whether the process is to end. Clones speak of the same end.
#[derive(Debug, Clone)]
pub struct Shutdown(Arc<watch::Sender<bool>>);

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Shutdown {
    /// One that begins when it is told to.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// The process is to end.
    pub fn begin(&self) {
        self.0.send_replace(true);
    }

    /// Whether the end has begun.
    pub fn begun(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the end begins.
    pub async fn wait(&self) {
        // The sender lives as long as `self`: there is no error to see.
        let _ = self.0.subscribe().wait_for(|begun| *begun).await;
    }
}

/// A [`Shutdown`] that begins with the first SIGTERM or SIGINT. The second one ends the process at once, with the exit code
/// that shells use for it. To be called within a Tokio runtime.
pub fn on_signals() -> io::Result<Shutdown> {
    listen(None, || {})
}

/// The same, and it begins also when the terminal is closed (SIGHUP): for what somebody looks at. What must not stay behind is
/// seen to by `last`, before the process is ended at once.
pub fn on_signals_of_a_terminal(last: impl FnOnce() + Send + 'static) -> io::Result<Shutdown> {
    listen(Some(signal(SignalKind::hangup())?), last)
}

fn listen(hangup: Option<Signal>, last: impl FnOnce() + Send + 'static) -> io::Result<Shutdown> {
    let shutdown = Shutdown::new();
    let (term, int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut signals = Signals { term, int, hangup };
    let told = shutdown.clone();
    tokio::spawn(async move {
        let (name, _) = signals.next().await;
        tracing::info!(signal = name, "ending; a second signal ends at once");
        told.begin();
        let (name, number) = signals.next().await;
        tracing::warn!(signal = name, "ending at once");
        last();
        std::process::exit(128 + number);
    });
    Ok(shutdown)
}

struct Signals {
    term: Signal,
    int: Signal,
    hangup: Option<Signal>,
}

impl Signals {
    /// Name and number of the next signal.
    async fn next(&mut self) -> (&'static str, i32) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => drop(hangup.recv().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = hangup => ("SIGHUP", SignalKind::hangup().as_raw_value()),
            _ = self.term.recv() => ("SIGTERM", SignalKind::terminate().as_raw_value()),
            _ = self.int.recv() => ("SIGINT", SignalKind::interrupt().as_raw_value()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_waits_before_or_after_the_beginning_is_told() {
        let shutdown = Shutdown::new();
        let waiting = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { shutdown.wait().await }
        });
        tokio::task::yield_now().await;
        assert!(!shutdown.begun() && !waiting.is_finished());
        shutdown.begin();
        waiting.await.unwrap();
        shutdown.wait().await;
        assert!(shutdown.begun());
    }

    #[tokio::test]
    async fn a_signal_begins_the_end() {
        let shutdown = on_signals().unwrap();
        let killed = std::process::Command::new("kill").arg(std::process::id().to_string()).status().unwrap();
        assert!(killed.success());
        shutdown.wait().await;
    }
}
