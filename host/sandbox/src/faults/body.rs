//! The body of an answer, with what goes wrong with it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use tokio::time::{Instant, Sleep, sleep_until};

use super::fault::Fault;
use crate::server::ResponseBody;
use crate::show;
use crate::status::Failure;

/// The connection broke in the middle of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("connection reset in the middle of an answer")]
pub struct Broken;

/// A body with which something may go wrong.
pub struct Faulty {
    inner: ResponseBody,
    fault: Option<Fault>,
    /// It is a stream of events, one a line.
    streams: bool,
    /// The beginning of a line that is not whole yet.
    rest: BytesMut,
    /// What is to be told, and when.
    told: VecDeque<(Instant, Bytes)>,
    timer: Option<Pin<Box<Sleep>>>,
    /// So many bytes or events went out.
    passed: usize,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The server goes on.
    Open,
    /// The server is done; what is held is still to be told.
    Closing,
    /// It breaks when what is held was told.
    Breaking,
    /// It is silent when what is held was told.
    Silent,
}

impl Faulty {
    pub(super) fn new(inner: ResponseBody, fault: Option<Fault>, streams: bool) -> Self {
        Self {
            inner,
            fault,
            streams,
            rest: BytesMut::new(),
            told: VecDeque::new(),
            timer: None,
            passed: 0,
            state: State::Open,
        }
    }

    /// A body with which nothing goes wrong.
    pub(super) fn whole(inner: ResponseBody) -> Self {
        Self::new(inner, None, false)
    }

    /// Takes in what the server said.
    fn hear(&mut self, data: &Bytes) {
        if !self.streams {
            self.hear_bytes(data);
            return;
        }
        self.rest.extend_from_slice(data);
        while self.state == State::Open
            && let Some(end) = self.rest.iter().position(|byte| *byte == b'\n')
        {
            let line = self.rest.split_to(end + 1).freeze();
            self.hear_event(line);
        }
    }

    fn hear_bytes(&mut self, data: &Bytes) {
        let left = match self.fault {
            Some(Fault::Cut(most)) => most.saturating_sub(self.passed),
            _ => usize::MAX,
        };
        self.passed += data.len();
        if data.len() > left {
            self.state = State::Breaking;
        }
        self.tell(data.slice(..data.len().min(left)), Duration::ZERO);
    }

    fn hear_event(&mut self, line: Bytes) {
        let number = self.passed;
        self.passed += 1;
        let due = |most: usize| number >= most;
        match &self.fault {
            Some(Fault::End(most)) if due(*most) => self.state = State::Closing,
            Some(Fault::Mute(most)) if due(*most) => self.state = State::Silent,
            Some(Fault::Tear(most)) if due(*most) => {
                self.tell(line.slice(..line.len() / 2), Duration::ZERO);
                self.state = State::Breaking;
            }
            Some(Fault::Expire(most)) if due(*most) => {
                let gone = Failure::expired("too old resource version: 1 (2)").to_status().to_string();
                self.tell(show::event("ERROR", gone.as_bytes()).into(), Duration::ZERO);
                self.state = State::Closing;
            }
            Some(Fault::NoBookmarks) if line.starts_with(br#"{"type":"BOOKMARK""#) => {}
            Some(Fault::Repeat) => {
                self.tell(line.clone(), Duration::ZERO);
                self.tell(line, Duration::ZERO);
            }
            Some(Fault::Hold(time)) => {
                let time = *time;
                self.tell(line, time);
            }
            _ => self.tell(line, Duration::ZERO),
        }
    }

    fn tell(&mut self, data: Bytes, after: Duration) {
        if !data.is_empty() {
            self.told.push_back((Instant::now() + after, data));
        }
    }

    /// Whether the next of what is held is due.
    fn is_due(&mut self, context: &mut Context<'_>, at: Instant) -> Poll<()> {
        if at <= Instant::now() {
            return Poll::Ready(());
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
        timer.as_mut().reset(at);
        timer.as_mut().poll(context)
    }
}

impl Body for Faulty {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = self.get_mut();
        loop {
            // The server is heard as soon as it speaks, also while what it said before is held.
            while this.state == State::Open {
                match Pin::new(&mut this.inner).poll_frame(context) {
                    Poll::Ready(Some(Ok(frame))) => {
                        if let Ok(data) = frame.into_data() {
                            this.hear(&data);
                        }
                    }
                    Poll::Ready(Some(Err(never))) => match never {},
                    Poll::Ready(None) => this.state = State::Closing,
                    Poll::Pending => break,
                }
                if !this.streams && !this.told.is_empty() {
                    break;
                }
            }
            if let Some((at, _)) = this.told.front() {
                let at = *at;
                ready!(this.is_due(context, at));
                let Some((_, data)) = this.told.pop_front() else { continue };
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            return match this.state {
                State::Open | State::Silent => Poll::Pending,
                State::Closing => Poll::Ready(None),
                State::Breaking => Poll::Ready(Some(Err(Broken))),
            };
        }
    }
}
