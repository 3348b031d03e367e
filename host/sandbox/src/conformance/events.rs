//! What a watch tells.

use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

/// The body of a watch that goes on.
pub(super) struct Stream<B> {
    body: B,
    read: Vec<u8>,
}

impl<B: Body<Data = Bytes> + Unpin> Stream<B> {
    pub(super) fn new(body: B) -> Self {
        Self { body, read: Vec::new() }
    }

    /// The next events: so many, or all until it ends where none are asked for. There are fewer if time is up.
    ///
    /// Bookmarks that come now and then are left out: those at the end of the initial events are not.
    pub(super) async fn next(&mut self, count: usize, patience: Duration) -> Vec<Value> {
        let until = Instant::now() + patience;
        let mut events = Vec::new();
        while count == 0 || events.len() < count {
            if let Some(event) = self.take() {
                if !is_routine(&event) {
                    events.push(event);
                }
                continue;
            }
            match timeout_at(until, self.body.frame()).await {
                Ok(Some(Ok(frame))) => self.read.extend(frame.into_data().unwrap_or_default()),
                Ok(None | Some(Err(_))) | Err(_) => break,
            }
        }
        events
    }

    /// A whole line of what was read.
    fn take(&mut self) -> Option<Value> {
        let end = self.read.iter().position(|byte| *byte == b'\n')?;
        let line: Vec<u8> = self.read.drain(..=end).collect();
        Some(serde_json::from_slice(&line).unwrap_or_else(|_| String::from_utf8_lossy(&line).into()))
    }
}

fn is_routine(event: &Value) -> bool {
    event["type"] == "BOOKMARK" && event.pointer("/object/metadata/annotations").is_none()
}
